#include "cli/log_reader.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <queue>
#include <tuple>
#include <vector>

#include <dirent.h>

#include "base/close_folder.h"
#include "cli/packed_log.h"
#include "sys/file.h"
#include "sys/stream.h"

namespace stead::cli {

namespace {

constexpr int kMaxKept = 99;
constexpr std::size_t kTimeSize = 27;
/// No line of a log file is longer; a longer one is passed on in pieces.
constexpr std::size_t kMaxLineBytes = std::size_t{64} * 1024;
constexpr std::size_t kBlock = std::size_t{16} * 1024;

struct File {
    sys::UniqueFd fd;
    ino_t inode = 0;
    /// Of one that has been compressed.
    std::optional<PackedLog> packed;

    /// Whether both are the same lines: one file, or one of them the other one compressed, which
    /// keeps its time.
    [[nodiscard]] bool same(const File& other) const {
        if (inode == other.inode) return true;
        if (packed.has_value() == other.packed.has_value()) return false;
        const auto mine = sys::status_at(fd.get(), "", AT_EMPTY_PATH);
        const auto theirs = sys::status_at(other.fd.get(), "", AT_EMPTY_PATH);
        return mine && theirs && mine->st_mtim.tv_sec == theirs->st_mtim.tv_sec &&
               mine->st_mtim.tv_nsec == theirs->st_mtim.tv_nsec &&
               text_size(*mine) == other.text_size(*theirs);
    }

    [[nodiscard]] std::uint32_t text_size(const struct stat& status) const {
        return packed ? packed->size() : static_cast<std::uint32_t>(status.st_size);
    }

    /// The next bytes of its text; 0 at the end, nothing where it is damaged.
    std::optional<std::size_t> read(std::span<char> buffer) {
        if (packed) return packed->read(buffer);
        const auto got = sys::read_some(fd.get(), buffer);
        return got ? *got : 0;
    }
};

std::string path_of(const std::string& unit, int number) {
    return unit + "/current" + (number > 0 ? "." + std::to_string(number) : "");
}

std::optional<File> open_file(int folder, const std::string& unit, int number) {
    auto fd =
        sys::open_at(folder, path_of(unit, number).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!fd) return std::nullopt;
    const auto status = sys::status_at(fd->get(), "", AT_EMPTY_PATH);
    if (!status || !S_ISREG(status->st_mode)) return std::nullopt;
    auto packed = PackedLog::open(fd->get());
    return File{std::move(*fd), status->st_ino, std::move(packed)};
}

/// The lines of one unit, in the order they were written, across its files.
class Chain {
public:
    Chain(int folder, std::string unit)
        : folder_(folder)
        , unit_(std::move(unit)) {
        // The youngest first: what is rotated meanwhile is met again under its new name.
        for (int number = 0; number <= kMaxKept; ++number) {
            auto file = open_file(folder_, unit_, number);
            if (!file && number > 0) break;
            const bool known = !file || std::any_of(files_.begin(), files_.end(),
                                                    [&](auto& one) { return one.same(*file); });
            if (!known) files_.push_back(std::move(*file));
        }
        std::reverse(files_.begin(), files_.end());
    }

    [[nodiscard]] const std::string& unit() const { return unit_; }

    /// The next whole line, with its newline; empty at the end for now.
    std::string_view peek() {
        while (true) {
            const std::size_t end = buffer_.find('\n', start_);
            if (end != std::string::npos)
                return std::string_view(buffer_).substr(start_, end + 1 - start_);
            if (!fill()) return {};
        }
    }

    void take() {
        damaged_at_ = peek().substr(0, kTimeSize);
        start_ = buffer_.find('\n', start_) + 1;
    }

    /// Moves to where the last `lines` lines begin; how many there are from there on.
    std::int64_t seek_last(std::int64_t lines);

    void skip_until(const std::string& since) {
        for (std::string_view line = peek(); !line.empty() && line.substr(0, kTimeSize) < since;
             line = peek())
            take();
    }

    /// Looks for files that took the place of the one we hold; true if lines were lost between.
    bool follow_rotation();

private:
    bool fill();
    std::int64_t count_back(const File& file, std::int64_t wanted, off_t& start);
    static std::int64_t skip_packed(PackedLog& file, std::int64_t wanted);

    int folder_;
    std::string unit_;
    std::vector<File> files_;
    std::size_t at_ = 0;
    std::string buffer_;
    std::size_t start_ = 0;
    /// The time of the last line that was taken.
    std::string damaged_at_ = std::string("1970-01-01T00:00:00.000000Z");
};

bool Chain::fill() {
    buffer_.erase(0, start_);
    start_ = 0;
    if (buffer_.size() >= kMaxLineBytes) {
        buffer_.push_back('\n');
        return true;
    }
    std::array<char, kBlock> block;
    while (at_ < files_.size()) {
        const auto got = files_[at_].read(block);
        if (got && *got > 0) {
            buffer_.append(block.data(), *got);
            return true;
        }
        if (!got) {
            // Said in the place of the lines, once; what else is there follows.
            files_[at_].packed.reset();
            (void)::lseek(files_[at_].fd.get(), 0, SEEK_END); // a plain file
            buffer_.resize(buffer_.rfind('\n') + 1);          // half a line tells nothing
            buffer_.append(damaged_at_).append(" --- a compressed log file is damaged here\n");
            return true;
        }
        if (at_ + 1 == files_.size()) return false;
        ++at_;
    }
    return false;
}

/// Counts lines from the file's end backwards, up to `wanted`; `start` is where they begin.
std::int64_t Chain::count_back(const File& file, std::int64_t wanted, off_t& start) {
    const auto status = sys::status_at(file.fd.get(), "", AT_EMPTY_PATH);
    off_t end = status ? status->st_size : 0;
    start = end;
    std::int64_t lines = 0;
    bool first = true;
    std::array<char, kBlock> block;
    while (end > 0) {
        const off_t begin = std::max<off_t>(0, end - static_cast<off_t>(block.size()));
        const auto size = static_cast<std::size_t>(end - begin);
        const auto got = sys::read_at(file.fd.get(), std::span(block).first(size),
                                      static_cast<std::size_t>(begin));
        if (!got || *got != size) break;
        for (std::size_t at = size; at > 0; --at) {
            if (block[at - 1] != '\n') continue;
            // The last newline ends the last line; each one before it begins a line.
            if (!first && ++lines == wanted) {
                start = begin + static_cast<off_t>(at);
                return lines;
            }
            first = false;
        }
        end = begin;
    }
    start = 0;
    return first ? 0 : lines + 1;
}

/// The same for a compressed file, which can only be read from its beginning; it then stands where
/// they begin.
std::int64_t Chain::skip_packed(PackedLog& file, std::int64_t wanted) {
    std::array<char, kBlock> block;
    std::int64_t lines = 0;
    for (auto got = file.read(block); got && *got > 0; got = file.read(block))
        lines += std::count(block.begin(), block.begin() + static_cast<std::ptrdiff_t>(*got), '\n');
    file.rewind();
    std::int64_t surplus = std::max<std::int64_t>(0, lines - wanted);
    std::array<char, 1> byte{};
    while (surplus > 0 && file.read(byte).value_or(0) == 1)
        surplus -= byte[0] == '\n' ? 1 : 0;
    return std::min(lines, wanted);
}

std::int64_t Chain::seek_last(std::int64_t lines) {
    std::int64_t found = 0;
    for (std::size_t index = files_.size(); index > 0 && found < lines; --index) {
        off_t start = 0;
        at_ = index - 1;
        if (files_[at_].packed) {
            found += skip_packed(*files_[at_].packed, lines - found);
            continue;
        }
        found += count_back(files_[index - 1], lines - found, start);
        (void)::lseek(files_[at_].fd.get(), start, SEEK_SET); // a plain file
    }
    if (lines == 0 && !files_.empty()) {
        at_ = files_.size() - 1;
        (void)::lseek(files_[at_].fd.get(), 0, SEEK_END); // as above
    }
    return found;
}

bool Chain::follow_rotation() {
    auto youngest = open_file(folder_, unit_, 0);
    if (!youngest) return false;
    if (files_.empty()) {
        files_.push_back(std::move(*youngest));
        at_ = 0;
        return false;
    }
    const File& held = files_.back();
    if (youngest->same(held)) return false;
    std::vector<File> newer;
    newer.push_back(std::move(*youngest));
    bool found = false;
    for (int number = 1; number <= kMaxKept && !found; ++number) {
        auto file = open_file(folder_, unit_, number);
        if (!file) break;
        found = file->same(held);
        if (!found) newer.push_back(std::move(*file));
    }
    // What is behind us has been read and need not stay open.
    files_.erase(files_.begin(), files_.begin() + static_cast<std::ptrdiff_t>(at_));
    at_ = 0;
    for (auto file = newer.rbegin(); file != newer.rend(); ++file)
        files_.push_back(std::move(*file));
    return !found;
}

/// All units' chains, merged.
class Reader {
public:
    Reader(int folder, const LogWishes& wishes, const LogSink& sink)
        : folder_(folder)
        , wishes_(wishes)
        , sink_(sink) {
        find_units();
    }

    /// What there is, within the wishes.
    void read_present();
    /// Goes on until nobody reads or nothing more will come.
    void follow();

private:
    void find_units();
    bool add(const std::string& unit);
    bool drain();
    bool pass_on(Chain& chain, std::string_view line);
    void watch(const std::string& unit);

    int folder_;
    const LogWishes& wishes_;
    const LogSink& sink_;
    std::int64_t skip_ = 0;
    bool stopped_ = false;
    sys::UniqueFd inotify_;
    std::vector<std::unique_ptr<Chain>> chains_;
};

void Reader::find_units() {
    if (!wishes_.unit.empty()) {
        add(wishes_.unit);
        return;
    }
    auto copy = sys::open_at(folder_, ".", O_RDONLY | O_DIRECTORY);
    if (!copy) return;
    const std::unique_ptr<DIR, CloseFolder> entries(::fdopendir(copy->release()));
    if (!entries) return;
    std::vector<std::string> names;
    // One thread.
    while (const dirent* entry = ::readdir(entries.get())) { // NOLINT(concurrency-mt-unsafe)
        if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
    }
    std::sort(names.begin(), names.end());
    for (const std::string& name : names)
        add(name);
}

bool Reader::add(const std::string& unit) {
    for (const auto& chain : chains_) {
        if (chain->unit() == unit) return false;
    }
    chains_.push_back(std::make_unique<Chain>(folder_, unit));
    watch(unit);
    return true;
}

bool Reader::pass_on(Chain& chain, std::string_view line) {
    if (skip_ > 0) {
        --skip_;
        return true;
    }
    std::string text;
    const bool timed = line.size() > kTimeSize && line[kTimeSize] == ' ';
    if (timed) text.append(line.substr(0, kTimeSize + 1));
    text.append(chain.unit()).append(" ");
    text.append(timed ? line.substr(kTimeSize + 1) : line);
    return sink_(text);
}

/// Passes on every line there is, the oldest first; false when nobody takes any more.
bool Reader::drain() {
    struct Next {
        std::string time;
        std::size_t chain;

        bool operator>(const Next& other) const {
            return std::tie(time, chain) > std::tie(other.time, other.chain);
        }
    };

    std::priority_queue<Next, std::vector<Next>, std::greater<>> queue;
    const auto enqueue = [&](std::size_t chain) {
        const std::string_view line = chains_[chain]->peek();
        if (!line.empty()) queue.push({std::string(line.substr(0, kTimeSize)), chain});
    };
    for (std::size_t chain = 0; chain < chains_.size(); ++chain)
        enqueue(chain);
    while (!queue.empty() && !stopped_) {
        const std::size_t chain = queue.top().chain;
        queue.pop();
        if (!pass_on(*chains_[chain], chains_[chain]->peek())) stopped_ = true;
        chains_[chain]->take();
        enqueue(chain);
    }
    return !stopped_;
}

void Reader::read_present() {
    if (wishes_.lines >= 0) {
        std::int64_t total = 0;
        for (const auto& chain : chains_)
            total += chain->seek_last(wishes_.lines);
        skip_ = std::max<std::int64_t>(0, total - wishes_.lines);
    }
    if (!wishes_.since.empty()) {
        for (const auto& chain : chains_)
            chain->skip_until(wishes_.since);
        // What is too old was among those to be left out.
        skip_ = 0;
    }
    (void)drain();
    skip_ = 0;
}

void Reader::watch(const std::string& unit) {
    if (!inotify_) return;
    const std::string path = "/proc/self/fd/" + std::to_string(folder_) + "/" + unit;
    // Where the kernel has no watch left, the regular look finds new lines a little later.
    (void)::inotify_add_watch(inotify_.get(), path.c_str(), IN_MODIFY | IN_CREATE | IN_MOVED_TO);
}

void Reader::follow() {
    constexpr int kLookMs = 500;
    inotify_.reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    watch(".");
    for (const auto& chain : chains_)
        watch(chain->unit());
    bool last = false;
    while (!stopped_) {
        find_units();
        for (const auto& chain : chains_) {
            if (!chain->follow_rotation()) continue;
            const std::string mark = " --- lines were rotated away before they could be read\n";
            if (const std::string_view next = chain->peek(); next.size() > kTimeSize)
                (void)pass_on(*chain, std::string(next.substr(0, kTimeSize)) + mark);
        }
        if (!drain() || last) return;

        std::array<pollfd, 3> waits = {pollfd{inotify_.get(), POLLIN, 0},
                                       pollfd{wishes_.alive, 0, 0}, pollfd{wishes_.output, 0, 0}};
        (void)::poll(waits.data(), waits.size(), kLookMs); // a signal only shortens it
        std::array<char, 4096> events;
        while (inotify_ && sys::read_some(inotify_.get(), events)) {
        }
        if ((waits[2].revents & POLLERR) != 0) return;
        last = (waits[1].revents & (POLLHUP | POLLERR)) != 0;
        if (last && wishes_.settle) wishes_.settle();
    }
}

} // namespace

Result<void> read_logs(int folder, const LogWishes& wishes, const LogSink& sink) {
    // Each unit has a handful of files; with a small limit the last ones are left out.
    (void)sys::raise_open_files();
    Reader reader(folder, wishes, sink);
    reader.read_present();
    if (wishes.follow) reader.follow();
    return {};
}

} // namespace stead::cli
