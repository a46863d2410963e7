#include "guests/keeper.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "guests/service.h"
#include "sys/descriptors.h"
#include "sys/file.h"
#include "wire/message.h"

namespace stead::guests {

namespace {

constexpr std::int64_t kSlowestPing = 3'600'000;

/// Moves every descriptor to its number. A descriptor that sits on another one's number is moved
/// out of the way first.
Result<void> arrange(KeeperDescriptors& descriptors) {
    for (std::size_t number = wire::kKeeperConfig; number < descriptors.size(); ++number) {
        const int target = static_cast<int>(number);
        for (std::size_t other = number + 1; other < descriptors.size(); ++other) {
            if (descriptors[other].get() != target) continue;
            // The old number is overwritten by the next placement, or closed below.
            sys::UniqueFd moved =
                TRY(sys::duplicate_above(target, static_cast<int>(descriptors.size())));
            (void)std::exchange(descriptors[other], std::move(moved)).release();
        }
        if (descriptors[number]) {
            TRY(sys::place(descriptors[number].get(), target));
        } else {
            ::close(target); // Usually not open; a number that is open counts as given.
        }
    }
    return {};
}

} // namespace

Result<sys::UniqueFd> keeper_configuration(std::string_view name,
                                           unsigned flags,
                                           const std::optional<Service>& service,
                                           const Remains& remains) {
    // The settings, then, at their fixed place, the remains; nothing of it is large.
    std::vector<std::byte> image(wire::kKeeperRemains);
    wire::Writer settings(image, wire::Kind::KeeperConfig);
    settings.text(wire::Tag::Name, name).number(wire::Tag::Flags, flags);
    if (service) {
        settings.text(wire::Tag::Text, journal_record(name, *service));
        // An answer that comes late is not the last one before the limit.
        settings.number(wire::Tag::Watchdog,
                        std::min<std::int64_t>(service->watchdog_ms / 4, kSlowestPing));
    }
    (void)settings.bytes();

    constexpr std::size_t kMaxRemains = 8192;
    std::vector<std::byte> buffer(kMaxRemains);
    wire::Writer list(buffer, wire::Kind::KeeperConfig);
    if (!remains.cgroup.empty()) {
        for (const char* below : {"/units", "/init", ""})
            list.text(wire::Tag::Directory, remains.cgroup + below);
    }
    for (const std::string& claim : remains.claims)
        list.text(wire::Tag::Path, claim);
    for (const char* file : {"/control", "/state.json", "/lock"})
        list.text(wire::Tag::Path, remains.folder + file);
    list.text(wire::Tag::Directory, remains.folder);
    if (!remains.cgroup.empty())
        list.text(wire::Tag::Name, remains.cgroup.substr(0, remains.cgroup.rfind('/')));
    // A list that does not fit, or is not all, is none: `stead cleanup` then does it all.
    if (!list.overflowed() && !remains.more) {
        const auto bytes = list.bytes();
        image.insert(image.end(), bytes.begin(), bytes.end());
    }

    sys::UniqueFd memfd = TRY(sys::make_memfd("stead-keeper"));
    TRY(sys::write_full(memfd.get(), {reinterpret_cast<const char*>(image.data()), image.size()}));
    return memfd;
}

Result<void> silence() {
    const sys::UniqueFd nothing = TRY(sys::open_at(AT_FDCWD, "/dev/null", O_RDWR | O_NOCTTY));
    for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        TRY(sys::place(nothing.get(), number));
    return {};
}

Error become_keeper(int stead_init,
                    KeeperDescriptors& descriptors,
                    const std::string& name,
                    bool attach) {
    // Above every number that is about to be filled.
    auto program = sys::duplicate_above(stead_init, static_cast<int>(descriptors.size()));
    if (!program) return program.error();
    if (const auto arranged = arrange(descriptors); !arranged) return arranged.error();
    if (const auto closed = sys::close_from(wire::kKeeperDescriptors, true); !closed) {
        return closed.error();
    }

    std::string program_name = "stead-init";
    std::string keep = "--keep";
    std::string attach_option = "--attach";
    std::string guest = name;
    std::vector<char*> argv{program_name.data(), keep.data()};
    if (attach) argv.push_back(attach_option.data());
    argv.push_back(guest.data());
    argv.push_back(nullptr);
    return sys::execute(program->get(), argv.data(), environ);
}

} // namespace stead::guests
