#include "cli/guest_set.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/time.h"
#include "guests/store.h"
#include "sys/clock.h"
#include "sys/clone.h"
#include "sys/process.h"
#include "unitfile/names.h"
#include "unitfile/reader.h"

namespace stead::cli {

namespace {

std::optional<unitfile::GuestSpec> quietly_read(const guests::Paths& paths,
                                                const std::string& name) {
    if (!guests::is_configured(paths, name)) return std::nullopt;
    unitfile::Diagnostics ignored;
    return unitfile::load_guest(paths.guest_file(name), ignored);
}

/// Adds members, each once.
class Builder {
public:
    Builder(const guests::Paths& paths, bool with_needs)
        : paths_(paths)
        , with_needs_(with_needs) {}

    void add(const std::string& name) {
        const auto [place, is_new] = index_.emplace(name, set_.size());
        if (!is_new) return;
        set_.push_back({name, {}, {}});
        specs_.push_back(quietly_read(paths_, name));
        if (!with_needs_ || !specs_.back()) return;
        // A copy: what is added moves the list.
        const unitfile::TextList needs = specs_.back()->needs;
        for (const auto& need : needs) {
            // Those of the host are its service manager's to start.
            if (!unitfile::is_host_unit(need.value)) add(need.value);
        }
    }

    GuestSet finish() {
        for (std::size_t at = 0; at < set_.size(); ++at) {
            if (!specs_[at]) continue;
            for (const auto& other : specs_[at]->needs)
                link(at, other.value, true);
            for (const auto& other : specs_[at]->after)
                link(at, other.value, false);
        }
        return std::move(set_);
    }

private:
    void link(std::size_t at, const std::string& other, bool needs) {
        const auto found = index_.find(other);
        if (found == index_.end()) return;
        set_[at].follows.push_back(found->second);
        if (needs) set_[at].needs.push_back(found->second);
    }

    const guests::Paths& paths_;
    bool with_needs_;
    GuestSet set_;
    std::vector<std::optional<unitfile::GuestSpec>> specs_;
    std::map<std::string, std::size_t, std::less<>> index_;
};

/// The members that can never have their turn, because they wait for each other.
std::vector<std::size_t> stuck_in(const GuestSet& set) {
    std::vector<bool> done(set.size(), false);
    bool moved = true;
    while (moved) {
        moved = false;
        for (std::size_t at = 0; at < set.size(); ++at) {
            const auto& follows = set[at].follows;
            const bool free = std::all_of(follows.begin(), follows.end(),
                                          [&](std::size_t other) { return done[other]; });
            if (done[at] || !free) continue;
            done[at] = moved = true;
        }
    }
    std::vector<std::size_t> stuck;
    for (std::size_t at = 0; at < set.size(); ++at) {
        if (!done[at]) stuck.push_back(at);
    }
    return stuck;
}

/// "web -> db -> web"
std::string circle_in(const GuestSet& set, const std::vector<std::size_t>& stuck) {
    std::vector<std::size_t> way;
    std::size_t at = stuck.front();
    while (std::find(way.begin(), way.end(), at) == way.end()) {
        way.push_back(at);
        // A stuck member follows one that is stuck too.
        at = *std::find_if(set[at].follows.begin(), set[at].follows.end(), [&](std::size_t other) {
            return std::find(stuck.begin(), stuck.end(), other) != stuck.end();
        });
    }
    std::string text;
    for (auto step = std::find(way.begin(), way.end(), at); step != way.end(); ++step)
        text += set[*step].name + " -> ";
    return text + set[at].name;
}

std::optional<GuestSet> checked(Context& context, GuestSet set) {
    const auto stuck = stuck_in(set);
    if (stuck.empty()) return set;
    context.console.error("guests wait for each other in a circle: " + circle_in(set, stuck));
    context.console.hint("take one of them out of the 'after' or 'requires' of the other's file");
    return std::nullopt;
}

/// The members at work, those that wait and those that are done.
class Worker {
public:
    Worker(Context& context, const GuestSet& set, const Work& work)
        : context_(context)
        , set_(set)
        , work_(work)
        , codes_(set.size())
        , started_(set.size(), false) {}

    int run() {
        Instant speak = sys::now() + 1_s;
        while (true) {
            begin_what_can();
            if (running_.empty()) break;
            await(speak);
            if (sys::now() < speak) continue;
            tell_progress();
            speak = sys::now() + 10_s;
        }
        for (const auto& code : codes_) {
            if (code && *code != kDone) return *code;
        }
        return kDone;
    }

private:
    struct Running {
        std::size_t member = 0;
        sys::Process process;
    };

    void begin_what_can() {
        bool moved = true;
        while (moved) {
            moved = false;
            for (std::size_t at = 0; at < set_.size(); ++at) {
                if (started_[at] || running_.size() >= std::max<std::size_t>(work_.parallel, 1))
                    continue;
                const auto& follows = set_[at].follows;
                if (!std::all_of(follows.begin(), follows.end(),
                                 [&](std::size_t other) { return codes_[other].has_value(); }))
                    continue;
                started_[at] = moved = true;
                begin(at);
            }
        }
    }

    void begin(std::size_t at) {
        const SetMember& member = set_[at];
        for (const std::size_t need : member.needs) {
            if (*codes_[need] == kDone) continue;
            context_.console.error("guest '" + member.name + "' is left out, because '" +
                                   set_[need].name + "', which it requires, failed");
            codes_[at] = kCouldNot;
            return;
        }
        if (set_.size() == 1) {
            codes_[at] = work_.job(member.name);
            return;
        }
        (void)context_.console.flush();
        auto child = sys::clone_process(-1);
        if (!child) {
            context_.console.error(member.name + ": " + describe(child.error()).c_str());
            codes_[at] = kCouldNot;
            return;
        }
        if (child->pid == 0) {
            const int code = work_.job(member.name);
            (void)context_.console.flush();
            ::_exit(code);
        }
        running_.push_back({at, {std::move(child->pidfd), child->pid}});
    }

    void await(Instant until) {
        std::vector<pollfd> ends;
        ends.reserve(running_.size());
        for (const Running& one : running_)
            ends.push_back({one.process.pidfd.get(), POLLIN, 0});
        const Duration left = until - sys::now();
        ::poll(ends.data(), ends.size(), left.ns <= 0 ? 0 : static_cast<int>(left.ms()) + 1);
        for (const Running& one : running_) {
            const auto status = sys::try_reap(one.process);
            if (status && !*status) continue;
            codes_[one.member] = status ? (*status)->shell_code() : kCouldNot;
        }
        std::erase_if(running_, [&](const Running& one) { return codes_[one.member].has_value(); });
    }

    void tell_progress() {
        std::string names;
        constexpr std::size_t kShown = 6;
        for (std::size_t i = 0; i < running_.size() && i < kShown; ++i)
            names += (names.empty() ? "" : ", ") + set_[running_[i].member].name;
        if (running_.size() > kShown) names += ", ...";
        const auto done = static_cast<std::size_t>(std::count_if(
            codes_.begin(), codes_.end(), [](const auto& code) { return code.has_value(); }));
        context_.console.remark(std::to_string(done) + " of " + std::to_string(set_.size()) +
                                " guests done; " + std::string(work_.doing) + " " + names);
    }

    Context& context_;
    const GuestSet& set_;
    const Work& work_;
    std::vector<std::optional<int>> codes_;
    std::vector<bool> started_;
    std::vector<Running> running_;
};

} // namespace

std::optional<GuestSet>
start_set(Context& context, const guests::Paths& paths, const std::vector<std::string>& names) {
    Builder builder(paths, true);
    for (const std::string& name : names)
        builder.add(name);
    return checked(context, builder.finish());
}

std::optional<GuestSet>
stop_set(Context& context, const guests::Paths& paths, const std::vector<std::string>& names) {
    Builder builder(paths, false);
    for (const std::string& name : names)
        builder.add(name);
    const GuestSet forward = builder.finish();
    // A circle is no reason not to stop: then in the order of the names.
    const bool in_order = stuck_in(forward).empty();
    GuestSet backward;
    for (const SetMember& member : forward)
        backward.push_back({member.name, {}, {}});
    for (std::size_t at = 0; in_order && at < forward.size(); ++at) {
        for (const std::size_t other : forward[at].follows)
            backward[other].follows.push_back(at);
    }
    return checked(context, std::move(backward));
}

std::optional<Dependence> running_dependent(const guests::Paths& paths, const GuestSet& set) {
    const auto is_member = [&](const std::string& name) {
        return std::any_of(set.begin(), set.end(),
                           [&](const SetMember& member) { return member.name == name; });
    };
    for (const std::string& name : guests::configured(paths)) {
        if (is_member(name) || !unitfile::may_set(paths.guest_file(name), "requires")) continue;
        const auto spec = quietly_read(paths, name);
        if (!spec) continue;
        for (const auto& need : spec->needs) {
            if (!is_member(need.value)) continue;
            const auto guest = guests::find(paths, name);
            if (guest && *guest && (*guest)->running()) return Dependence{need.value, name};
            break;
        }
    }
    return std::nullopt;
}

std::vector<std::string> enabled_guests(const guests::Paths& paths) {
    std::vector<std::string> names;
    for (const std::string& name : guests::configured(paths)) {
        const auto spec = quietly_read(paths, name);
        // What is wrong with a file is said by the start of that guest.
        if (!spec || spec->enabled) names.push_back(name);
    }
    return names;
}

int work_on(Context& context, const GuestSet& set, const Work& work) {
    return Worker(context, set, work).run();
}

} // namespace stead::cli
