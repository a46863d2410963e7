#include "cli/exec_session.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include <termios.h>

#include "cli/stream_pump.h"
#include "cli/words.h"
#include "sys/clock.h"
#include "sys/signals.h"
#include "sys/stream.h"
#include "sys/terminal.h"
#include "sys/unix_socket.h"

namespace stead::cli {

namespace {

using wire::Kind;
using wire::Tag;

/// After the program's end, how long output may still come: PID 1 has ended whatever held its
/// pipes.
constexpr Duration kLastOutput = 2_s;
/// PID 1 starts a program at once or says why not.
constexpr Duration kStartLimit = 30_s;
constexpr int kEndRequests = 3;

/// Our terminal, raw while this lives.
class RawTerminal {
public:
    RawTerminal() = default;
    RawTerminal(const RawTerminal&) = delete;
    RawTerminal& operator=(const RawTerminal&) = delete;
    RawTerminal(RawTerminal&&) = delete;
    RawTerminal& operator=(RawTerminal&&) = delete;

    ~RawTerminal() { restore(); }

    void make_raw() {
        const auto mode = sys::terminal_mode(STDIN_FILENO);
        if (!mode || !sys::in_foreground(STDIN_FILENO)) return;
        if (!before_) before_ = *mode;
        (void)sys::set_terminal_mode(STDIN_FILENO, sys::raw_mode(*mode)); // then it stays as it is
    }

    void restore() {
        if (before_) (void)sys::set_terminal_mode(STDIN_FILENO, *before_); // nothing else helps
        before_.reset();
    }

private:
    std::optional<termios> before_;
};

class Session {
public:
    Session(Asking& asking, Client& client, const SessionWishes& wishes)
        : asking_(asking)
        , client_(client)
        , wishes_(wishes) {}

    int run(wire::Writer& request);

private:
    enum Line : std::size_t { kIn, kOut, kErr, kLines };

    bool start(wire::Writer& request);
    bool send_with_pipes(wire::Writer& request);
    void take_terminal(Answer& answer);
    void turn();
    void on_message();
    void on_answer(Answer& answer);
    void on_failure(const wire::Reader& message);
    void on_signals();
    void forward(int signal);
    void hang_up();
    void resize();
    void lose(const Error& error);
    [[nodiscard]] bool finished() const;

    Asking& asking_;
    Client& client_;
    const SessionWishes& wishes_;
    RawTerminal raw_;
    sys::UniqueFd signals_;
    sys::UniqueFd master_;
    std::array<StreamPump, kLines> pumps_;
    std::optional<int> code_;
    Instant drain_until_ = Instant::never();
    bool started_ = false;
    Instant start_limit_ = Instant::never();
    int end_requests_ = 0;
};

sys::UniqueFd copy_of(int fd) {
    auto copy = sys::duplicate(fd);
    return copy ? std::move(*copy) : sys::UniqueFd();
}

bool Session::send_with_pipes(wire::Writer& request) {
    auto in = sys::make_pipe();
    auto out = sys::make_pipe();
    auto err = sys::make_pipe();
    if (!in || !out || !err) {
        lose(!in ? in.error() : !out ? out.error() : err.error());
        return false;
    }
    const std::array descriptors = {in->read.get(), out->write.get(), err->write.get()};
    if (const auto sent = client_.send(request, descriptors); !sent) {
        lose(sent.error());
        return false;
    }
    pumps_[kIn].open(copy_of(STDIN_FILENO), std::move(in->write));
    pumps_[kOut].open(std::move(out->read), copy_of(STDOUT_FILENO));
    pumps_[kErr].open(std::move(err->read), copy_of(STDERR_FILENO));
    return true;
}

bool Session::start(wire::Writer& request) {
    sys::SignalSet set = 0;
    for (const int signal :
         {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT}) {
        if (signal != SIGHUP || !sys::is_ignored(signal)) set |= sys::signal_bit(signal);
    }
    auto signals = sys::make_signal_fd(set);
    const auto blocked = sys::set_signal_mask(set);
    if (!signals || !blocked) {
        lose(!signals ? signals.error() : blocked.error());
        return false;
    }
    signals_ = std::move(*signals);
    (void)sys::ignore_signal(SIGPIPE); // a reader that is gone is an error of its write
    (void)sys::ignore_signal(SIGTTOU); // a terminal may be set from the background
    start_limit_ = sys::now() + kStartLimit;
    if (!wishes_.terminal) return send_with_pipes(request);

    if (const auto size = sys::window_size(STDIN_FILENO))
        request.number(Tag::Rows, size->rows).number(Tag::Columns, size->columns);
    const auto sent = client_.send(request);
    if (!sent) lose(sent.error());
    return sent.has_value();
}

void Session::take_terminal(Answer& answer) {
    // Everything else than a pty's master would be a file or device of somebody's choosing.
    if (answer.descriptors.empty() || !sys::is_pty_master(answer.descriptors.front().get()))
        return lose(make_error("the guest gave no terminal", {}, 0));
    master_ = std::move(answer.descriptors.front());
    pumps_[kIn].open(copy_of(STDIN_FILENO), copy_of(master_.get()));
    pumps_[kOut].open(copy_of(master_.get()), copy_of(STDOUT_FILENO));
    raw_.make_raw();
    resize();
}

void Session::lose(const Error& error) {
    raw_.restore();
    asking_.fail(kSteadFailed, wishes_.program + ": " + std::string(describe(error).view()));
    code_ = kSteadFailed;
    drain_until_ = Instant{0};
}

void Session::resize() {
    const auto size = sys::window_size(STDIN_FILENO);
    // A program that has closed its terminal has no size to set.
    if (size && master_) (void)sys::set_window_size(master_.get(), *size);
}

void Session::forward(int signal) {
    std::array<std::byte, 64> buffer;
    wire::Writer message(buffer, Kind::ExecControl);
    message.number(Tag::Signal, signal);
    (void)client_.send(message); // a connection that is gone shows at the next receive
}

/// Our window is gone, so the program's is: its terminal hangs up as a line does. A signal alone
/// can come while a shell is not listening, an end of its input cannot.
void Session::hang_up() {
    pumps_[kIn].close();
    pumps_[kOut].close();
    master_.reset();
}

void Session::on_signals() {
    std::array<sys::Received, 16> received;
    const auto count = sys::read_signals(signals_.get(), received);
    for (std::size_t index = 0; count && index < *count; ++index) {
        const int signal = received[index].signal;
        if (signal == SIGWINCH) {
            resize();
        } else if (signal == SIGCONT) {
            if (wishes_.terminal) raw_.make_raw();
            resize();
        } else {
            const bool ends = signal == SIGINT || signal == SIGTERM || signal == SIGHUP;
            if (ends && ++end_requests_ >= kEndRequests) {
                code_ = 128 + signal;
                drain_until_ = Instant{0};
            }
            forward(signal);
            if (signal == SIGHUP && master_) hang_up();
        }
    }
}

void Session::on_failure(const wire::Reader& message) {
    raw_.restore();
    const std::int64_t code = message.number(Tag::Code);
    const bool program = code == kNotExecutable || code == kNotFound;
    std::string text = wishes_.program + ": ";
    const std::int64_t stage = message.number(Tag::ReasonStage);
    const auto error = static_cast<int>(message.number(Tag::ReasonError) & 0xfff);
    if (!message.text(Tag::Text).empty()) {
        text.append(safe(message.text(Tag::Text)));
    } else {
        const bool known = stage > 0 && stage <= static_cast<std::int64_t>(SpawnStage::Sockets);
        if (known) text.append(stage_name(static_cast<SpawnStage>(stage))).append(": ");
        text.append(error_words(error));
    }
    // Jails have no terminals of their own.
    const bool terminal = wishes_.terminal && code == kAskedWrongly;
    code_ = asking_.fail(program ? static_cast<int>(code) : int{kSteadFailed}, text,
                         terminal ? "-T runs it without a terminal" : "");
    drain_until_ = Instant{0};
}

void Session::on_answer(Answer& answer) {
    const wire::Reader& message = *answer.reader;
    if (message.kind() == Kind::Started && !started_) {
        started_ = true;
        start_limit_ = Instant::never();
        if (wishes_.terminal) take_terminal(answer);
    } else if (message.kind() == Kind::Ended && !code_) {
        const bool killed =
            message.number(Tag::ExitKind) == static_cast<std::int64_t>(ExitStatus::Kind::Killed);
        const auto value = static_cast<int>(message.number(Tag::Code) & 0xff);
        code_ = killed ? 128 + value : value;
        drain_until_ = sys::now() + kLastOutput;
        pumps_[kIn].close();
    } else if (message.kind() == Kind::End && !code_) {
        on_failure(message);
    }
}

void Session::on_message() {
    auto answer = client_.receive(Instant{0});
    if (!answer) {
        if (!code_) lose(answer.error());
        return;
    }
    if (*answer) on_answer(**answer);
}

bool Session::finished() const {
    if (!code_) return false;
    const bool quiet = !pumps_[kOut].active() && !pumps_[kErr].active();
    return quiet || sys::now() >= drain_until_;
}

void Session::turn() {
    std::array<pollfd, kLines + 2> waits{};
    for (std::size_t line = 0; line < kLines; ++line)
        waits[line] = pumps_[line].wants();
    waits[kLines] = {code_ ? -1 : client_.fd(), POLLIN, 0};
    waits[kLines + 1] = {signals_.get(), POLLIN, 0};
    const Instant limit = std::min(drain_until_, start_limit_);
    const int limit_ms =
        limit.is_never()
            ? -1
            : static_cast<int>(std::max<std::int64_t>(0, (limit - sys::now()).ms() + 1));
    (void)::poll(waits.data(), waits.size(), limit_ms); // a signal only shortens it

    for (std::size_t line = 0; line < kLines; ++line) {
        const bool was = pumps_[line].active();
        pumps_[line].pump();
        // A terminal has no end but the character that stands for one (termios(3), VEOF).
        if (line == kIn && was && !pumps_[line].active() && master_)
            (void)sys::write_some(master_.get(), "\x04"); // a program that is gone needs none
    }
    if (waits[kLines].revents != 0) on_message();
    if (waits[kLines + 1].revents != 0) on_signals();
    if (!code_ && sys::now() >= start_limit_)
        lose(make_error("PID 1 does not start the program", {}, ETIMEDOUT));
}

int Session::run(wire::Writer& request) {
    if (start(request)) {
        while (!finished())
            turn();
    }
    return code_.value_or(kSteadFailed);
}

} // namespace

int run_session(Asking& asking,
                Client& client,
                wire::Writer& request,
                const SessionWishes& wishes) {
    Session session(asking, client, wishes);
    return session.run(request);
}

} // namespace stead::cli
