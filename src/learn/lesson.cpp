#include "learn/lesson.h"

#include <linux/capability.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "compile/calls.h"
#include "compile/capabilities.h"
#include "learn/call_fold.h"
#include "learn/places.h"

namespace stead::learn {

namespace {

/// A program that runs for weeks must not fill the memory of who watches it.
constexpr std::size_t kMostUses = 200'000;
constexpr std::size_t kMostUsedBytes = 64U << 20U;
constexpr std::size_t kMostNotes = 500;
constexpr std::size_t kMostAddresses = 10'000;
constexpr std::size_t kMostRights = 10'000;

bool is_internet(const Address& address) {
    return address.family == AF_INET || address.family == AF_INET6;
}

} // namespace

std::string listen_text(const Address& address, int socket_type) {
    std::string text = socket_type == SOCK_DGRAM ? "udp:" : "tcp:";
    if (address.any) return text + std::to_string(address.port);
    if (address.family == AF_INET6) {
        text += "[" + address.text + "]";
    } else {
        text += address.text;
    }
    return text + ":" + std::to_string(address.port);
}

Lesson::Lesson(Settings settings)
    : settings_(std::move(settings)) {}

void Lesson::called(int number, std::int64_t result, const std::string& program) {
    if (compile::call_name(number).empty()) return;
    if (settings_.allowed.of(number) > compile::Answer::Deny) {
        calls_.try_emplace(number, program);
    } else if ((result == -EPERM || result == -ENOSYS) && compile::call_name(number) != "clone3") {
        refused_.try_emplace(number, program);
    }
}

void Lesson::note(const std::string& text) {
    if (std::find(notes_.begin(), notes_.end(), text) != notes_.end()) return;
    more_notes_ = notes_.size() >= kMostNotes;
    if (!more_notes_) notes_.push_back(text);
}

void Lesson::seen(const Seen& seen) {
    for (Right& right : rights_of(seen, settings_.bounds)) {
        std::pair key(right.capability, right.place);
        if (rights_.size() >= kMostRights && !rights_.contains(key)) {
            more_uses_ = true;
            const auto first = rights_.lower_bound({right.capability, {}});
            const bool known = first != rights_.end() && first->first.first == right.capability;
            // Of a capability that is new at least this one use is kept.
            if (known) continue;
        }
        rights_.try_emplace(std::move(key), Reasons{seen.program, std::move(right)});
    }
    places(seen);
    if (seen.address) addresses(seen);
}

void Lesson::places(const Seen& seen) {
    for (const Place& place : seen.places) {
        PlaceUse use;
        use.path = place.path;
        use.real = place.path;
        // Where it works it will look around.
        use.want = seen.call == "chdir" || seen.call == "chroot" ? Want::Read : seen.want;
        use.existed = place.object.has_value();
        use.folder = place.object ? place.object->is_folder() : seen.call.starts_with("mkdir");
        use.why = std::string(seen.call) + " by " + seen.program;
        const auto add = [&] {
            std::string key = use.path + '\n' + use.real + '\n';
            key += static_cast<char>('a' + static_cast<int>(use.want));
            key += use.existed ? '+' : '-';
            const std::size_t size = 2 * key.size();
            if (uses_.size() >= kMostUses || used_bytes_ + size > kMostUsedBytes) {
                more_uses_ = true;
                return;
            }
            if (!known_uses_.insert(std::move(key)).second) return;
            used_bytes_ += size;
            uses_.push_back(use);
        };
        add();
        // The way by which the program finds it, where that leads over links.
        if (place.written == place.path || place.written.empty()) continue;
        use.path = place.written;
        add();
    }
}

void Lesson::addresses(const Seen& seen) {
    const Address& address = *seen.address;
    const std::string why = std::string(seen.call) + " by " + seen.program;
    if (!is_internet(address)) return;
    if (seen.call != "bind") {
        std::pair key(address.text, address.port);
        if (connected_.size() < kMostAddresses || connected_.contains(key))
            connected_.try_emplace(std::move(key), address, why);
        else
            more_uses_ = true;
        return;
    }
    if (address.port == 0) {
        any_port_ = true;
        return;
    }
    ports_.insert(address.port);
    std::string text = listen_text(address, seen.socket_type);
    if (bound_.size() < kMostAddresses || bound_.contains(text))
        bound_.try_emplace(std::move(text), why);
    else
        more_uses_ = true;
}

void Lesson::finish_network(Learned& learned) const {
    for (const auto& [text, why] : bound_)
        learned.listen.push_back({text, why});
    learned.any_port = any_port_;
    learned.network = !bound_.empty();
    for (const auto& [key, use] : connected_) {
        const auto& [address, why] = use;
        const bool own = address.loopback && ports_.contains(address.port);
        if (own) continue;
        if (!learned.network)
            learned.notes.push_back("the host's network is there for " + why + ": " + address.text +
                                    " port " + std::to_string(address.port));
        learned.network = true;
    }
}

void Lesson::finish_rights(Learned& learned) const {
    std::map<unsigned, Reasoned> list;
    for (const auto& [key, one] : rights_) {
        const bool by_mode = one.right.capability == CAP_DAC_OVERRIDE ||
                             one.right.capability == CAP_DAC_READ_SEARCH ||
                             one.right.capability == CAP_FOWNER;
        if (by_mode && !is_of_host(one.right.place, settings_, learned)) continue;
        list.try_emplace(one.right.capability,
                         Reasoned{compile::capability_name(one.right.capability),
                                  one.right.what + " by " + one.program});
    }
    // What may be written in spite of its mode may be read, too.
    if (list.contains(CAP_DAC_OVERRIDE)) list.erase(CAP_DAC_READ_SEARCH);
    for (const auto& [capability, reasoned] : list)
        learned.capabilities.push_back(reasoned);
}

Learned Lesson::finish() const {
    Learned learned;
    learned.calls = fold_calls(calls_);
    fold_places(uses_, settings_, learned);
    finish_network(learned);
    finish_rights(learned);
    for (const auto& [number, program] : refused_)
        learned.notes.push_back(compile::call_name(number) + " by " + program +
                                " is refused while a program is learned from, and in this jail; "
                                "add it to system-calls if the program needs it");
    learned.notes.insert(learned.notes.end(), notes_.begin(), notes_.end());
    if (learned.notes.size() > kMostNotes) learned.notes.resize(kMostNotes);
    if (more_notes_ || learned.notes.size() == kMostNotes)
        learned.notes.emplace_back("there was more to say than fits here");
    if (more_uses_)
        learned.notes.emplace_back(
            "it used more files, rights or addresses than are remembered: this file is not whole");
    return learned;
}

} // namespace stead::learn
