#include "cli/unit_reload.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "cli/distribution.h"
#include "cli/words.h"
#include "guests/rootless.h"
#include "recipe/guest_paths.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/memory.h"
#include "sys/privileges.h"
#include "sys/stream.h"
#include "sys/unix_socket.h"

namespace stead::cli {

namespace {

using wire::Kind;
using wire::Tag;

constexpr int kSeals = sys::kSealShrink | sys::kSealGrow | sys::kSealWrite | sys::kSealSeal;
/// The loader's own limit, and what starting it may take.
constexpr Duration kCompileLimit = 40_s;
constexpr std::size_t kMaxMistakes = std::size_t{256} << 10U;

/// The guest's own allow-list is the bounding set that PID 1 gave us; with none to see, everything:
/// PID 1 cuts the plan anyway.
std::uint64_t ceiling() {
    std::uint64_t mask = 0;
    for (int number = 0; number < 64; ++number) {
        const auto held = sys::in_bounding_set(number);
        if (!held) break;
        if (*held) mask |= std::uint64_t{1} << static_cast<unsigned>(number);
    }
    return mask != 0 ? mask : ~std::uint64_t{0};
}

/// A map of all ids onto themselves is the host's own user namespace.
recipe::Users users_here() {
    const auto file = sys::open_at(AT_FDCWD, "/proc/self/uid_map", O_RDONLY);
    if (!file) return recipe::Users::Private;
    std::array<char, 256> buffer{};
    const auto size = sys::read_full(file->get(), std::as_writable_bytes(std::span(buffer)));
    const std::string_view map(buffer.data(), size ? *size : 0);
    return map.find("4294967295") != std::string_view::npos ? recipe::Users::Host
                                                            : recipe::Users::Private;
}

/// What the loader in the guest says is the guest's text: bounded, and nothing in it moves a
/// cursor.
class Mistakes {
public:
    void read_from(int fd) {
        std::array<char, 4096> buffer;
        while (text_.size() < kMaxMistakes) {
            const auto size = sys::read_some(fd, buffer);
            if (!size || *size == 0) return;
            text_.append(buffer.data(), *size);
        }
    }

    void print(Console& console) const {
        std::string clean;
        for (std::size_t at = 0; at < text_.size();) {
            const std::size_t end = std::min(text_.find('\n', at), text_.size());
            clean.append(safe(std::string_view(text_).substr(at, end - at))).append("\n");
            at = end + 1;
        }
        std::fwrite(clean.data(), 1, clean.size(), console.err_file());
    }

private:
    std::string text_;
};

/// The way of a program that PID 1 runs for us, up to its End. -1: it never ran, or we lost sight.
int wait_for_program(
    Asking& asking, Client& client, const Target& target, int messages, Mistakes& mistakes) {
    const Instant limit = sys::now() + kCompileLimit;
    int code = -1;
    while (true) {
        mistakes.read_from(messages);
        auto answer = client.receive(std::min(limit, sys::now() + 50_ms));
        if (!answer) {
            asking.fail(kCouldNot,
                        target.text() + ": " + std::string(describe(answer.error()).view()));
            return -1;
        }
        if (!*answer) {
            if (sys::now() < limit) continue;
            asking.fail(kTimedOut, "timed out compiling the units of " + target.text());
            return -1;
        }
        const wire::Reader& message = *(*answer)->reader;
        if (message.kind() == Kind::Ended) {
            const bool killed = message.number(Tag::ExitKind) != 0;
            code = killed ? int{kCouldNot} : static_cast<int>(message.number(Tag::Code) & 0xff);
        }
        if (message.kind() != Kind::End) continue;
        mistakes.read_from(messages);
        if (code < 0) {
            const std::string why =
                message.text(Tag::Text).empty()
                    ? error_words(static_cast<int>(message.number(Tag::ReasonError) & 0xfff))
                    : safe(message.text(Tag::Text));
            asking.fail(kCouldNot,
                        target.text() + ": " + recipe::kGuestStead + " does not run there: " + why);
        }
        return code;
    }
}

/// Compiles inside the guest; nothing if there were mistakes, which have been printed.
std::optional<sys::UniqueFd> compile_there(Asking& asking, Client& client, const Target& target) {
    const auto lost = [&](const Error& error) -> std::optional<sys::UniqueFd> {
        asking.fail(kCouldNot, describe(error).view());
        return std::nullopt;
    };
    auto image = sys::make_memory_file("stead-plan");
    if (!image) return lost(image.error());
    const int code =
        run_there(asking, client, target, {"load", "--strict", "--out-fd", "1"}, image->get());
    if (code > 0)
        asking.fail(code == kAskedWrongly ? int{kAskedWrongly} : int{kCouldNot},
                    target.text() + ": nothing has changed",
                    "every unit file has to be right before PID 1 takes any of them");
    if (code != 0) return std::nullopt;
    // Who still has it mapped in there makes this fail.
    if (const auto sealed = sys::add_seals(image->get(), kSeals); !sealed)
        return lost(sealed.error());
    return std::move(*image);
}

std::optional<sys::UniqueFd>
compile_here(Asking& asking, Context& context, const ReloadWishes& wishes) {
    UnitSet set;
    set.folders = wishes.folders;
    set.leave_out = wishes.leave_out;
    // A launched guest is told by its own folder, which only its launcher makes.
    set.foreign = !sys::open_at(AT_FDCWD, recipe::kGuestStead, O_PATH);
    look_around(set);
    if (const int code = compile_unit_set(context, set); code != kDone) {
        asking.fail(code, "nothing has changed");
        return std::nullopt;
    }
    auto plan = sealed_plan(set.image);
    if (plan) return std::move(*plan);
    asking.fail(kCouldNot, describe(plan.error()).view());
    return std::nullopt;
}

/// What of the new files does not hold yet.
void tell_rest(Asking& asking, const Target& target) {
    auto client = asking.open(target);
    if (!client) return;
    const auto reply = asking.status(*client, {.guest = target.guest, .unit = {}});
    if (!reply) return;
    for (const UnitRecord& unit : reply->units) {
        const std::string name = Target{.guest = target.guest, .unit = safe(unit.name)}.text();
        std::string text = name;
        if (unit.changed) {
            text.append(" has changed: it runs on as it was started, until 'stead restart ")
                .append(name)
                .append("'");
        } else if (unit.ghost) {
            text.append(" has no file: it runs on until it is stopped");
        } else {
            continue;
        }
        asking.console().remark(text);
    }
}

/// A jail has no unit files inside that could be read again, and in a guest with an init of its own
/// they are not ours; false after the message.
bool reads_units(Asking& asking, const Target& target) {
    if (target.own()) return true;
    const auto guest = guests::find(asking.place().paths(), target.guest);
    const std::string name = safe(target.guest);
    if (guest && *guest && (*guest)->record.own_init) {
        asking.fail(kCouldNot, "'" + name + "' has an init of its own, which reads its own files",
                    "for systemd: stead exec " + name + " -- systemctl daemon-reload");
        return false;
    }
    if (!guest || !*guest || !(*guest)->record.jail) return true;
    const std::string& file = (*guest)->record.file;
    if (file.empty()) {
        asking.fail(kCouldNot,
                    "'" + name + "' is a jail of the command line, and has no unit files to read",
                    "stop it, and start it with what it is to be");
    } else {
        asking.fail(kCouldNot,
                    "'" + name + "' is a jail: its units are those of " + safe(file) +
                        " when it was started",
                    "'stead restart " + name + "' takes what is written there now");
    }
    return false;
}

} // namespace

int run_there(Asking& asking,
              Client& client,
              const Target& target,
              const std::vector<std::string>& words,
              int output) {
    const auto lost = [&](const Error& error) {
        asking.fail(kCouldNot, describe(error).view());
        return -1;
    };
    auto messages = sys::make_pipe();
    if (!messages) return lost(messages.error());
    auto null = sys::open_at(AT_FDCWD, "/dev/null", O_RDONLY);
    if (!null) return lost(null.error());
    (void)sys::set_nonblocking(messages->read.get(), true); // a pipe of our own
    std::vector<std::byte> buffer(4096);
    wire::Writer request(buffer, Kind::Exec);
    request.text(Tag::Argv, recipe::kGuestStead);
    for (const std::string& word : words)
        request.text(Tag::Argv, word);
    const std::array descriptors = {null->get(), output, messages->write.get()};
    if (const auto sent = client.send(request, descriptors); !sent) return lost(sent.error());
    messages->write.reset();
    Mistakes mistakes;
    const int code = wait_for_program(asking, client, target, messages->read.get(), mistakes);
    mistakes.print(asking.console());
    return code;
}

void look_around(UnitSet& set) {
    if (set.folders.empty()) set.folders = searched_folders();
    set.distribution = in_distribution();
    // Packages name capabilities that no guest has, and are content with the rest: PID 1 cuts them
    // to its ceiling. The loader at boot sees none and judges none either.
    set.ceiling = set.distribution ? ~std::uint64_t{0} : ceiling();
    set.users = users_here();
    set.id_count = guests::own_mapped_ids();
}

Result<sys::UniqueFd> sealed_plan(std::span<const std::byte> image) {
    auto file = TRY(sys::make_memory_file("stead-plan"));
    TRY(sys::write_full(file.get(), {reinterpret_cast<const char*>(image.data()), image.size()}));
    TRY(sys::add_seals(file.get(), kSeals));
    return file;
}

int reload_guest(Asking& asking,
                 Context& context,
                 const Target& target,
                 const ReloadWishes& wishes) {
    auto client = asking.open(target);
    if (!client || !reads_units(asking, target)) return asking.code();
    auto plan = target.own() ? compile_here(asking, context, wishes)
                             : compile_there(asking, *client, target);
    if (!plan) return asking.code();
    std::array<std::byte, 64> buffer;
    wire::Writer request(buffer, Kind::ReloadUnits);
    const int file = plan->get();
    const auto reply =
        asking.order(*client, request, target,
                     {.waiting_for = "the new units", .limit = wishes.limit}, std::span(&file, 1));
    if (!reply) return asking.code();
    // Who asks as a package's script does reads none of it.
    if (!wishes.leave_out) tell_rest(asking, target);
    return kDone;
}

} // namespace stead::cli
