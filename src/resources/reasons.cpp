#include <algorithm>

#include <fmt/format.h>

#include "resources/account.h"
#include "resources/disk.h"
#include "resources/files.h"
#include "resources/freeze.h"
#include "resources/inside.h"

/// Counters and pressure in sentences.
namespace stead::resources {

namespace {

/// Below this nobody would notice.
constexpr double kFelt = 5;
/// One part of so many is left of a disk that is almost full.
constexpr std::int64_t kAlmost = 100;

std::string times(std::int64_t count) {
    return count == 1 ? "once" : std::to_string(count) + " times";
}

class Reasons {
public:
    Reasons(const Subject& subject, const Baseline& since)
        : subject_(subject)
        , since_(since) {}

    std::vector<std::string> all() {
        if (is_frozen(subject_.cgroup))
            say("is frozen: nothing in it runs; 'stead thaw " + subject_.name + "'");
        memory();
        processors();
        tasks();
        disks();
        files();
        terminals();
        return std::move(sentences_);
    }

private:
    void say(const std::string& sentence) { sentences_.push_back(subject_.name + " " + sentence); }

    [[nodiscard]] std::int64_t hits(const std::string& name) const {
        const auto before = since_.find(name);
        return counter(subject_, name).value_or(0) - (before == since_.end() ? 0 : before->second);
    }

    [[nodiscard]] std::string limit(std::string_view key) const {
        const Level& level = *find_level(key);
        const auto now = read_level(subject_, level, "");
        return now ? in_words(level, *now) : "unknown";
    }

    void memory() {
        const std::int64_t killed = hits("memory.events:oom_kill");
        const std::int64_t full = hits("memory.events:max");
        if (killed > 0)
            say("lost " + std::to_string(killed) + (killed == 1 ? " process" : " processes") +
                " to the OOM killer: memory-max is " + limit("memory-max") +
                "; raise it, or find what grows");
        if (full > 0 && killed == 0)
            say("reached memory-max (" + limit("memory-max") + ") " + times(full) +
                ": the kernel took memory back before it gave more; raise it");
        const std::int64_t slowed = hits("memory.events:high");
        if (slowed > 0)
            say("went above memory-high (" + limit("memory-high") + ") " + times(slowed) +
                " and was slowed down; raise it, or let it use less");
        pressure("memory", "memory");
    }

    void processors() {
        const std::int64_t throttled = hits("cpu.stat:nr_throttled");
        const auto periods = counter(subject_, "cpu.stat:nr_periods").value_or(0);
        if (throttled > 0) {
            const auto waited = counter(subject_, "cpu.stat:throttled_usec").value_or(0);
            say(fmt::format("used up cpu-max ({}) in {} of {} periods and stood still for {:.1f} s "
                            "in all; raise it, or give it a burst (cpu-max-burst)",
                            limit("cpu-max"), throttled, std::max(periods, throttled),
                            static_cast<double>(waited) / 1e6));
        }
        pressure("cpu", "a processor");
    }

    void tasks() {
        const std::int64_t refused = hits("pids.events:max");
        if (refused > 0)
            say("was refused new processes " + times(refused) + ": pids-max is " +
                limit("pids-max") + "; raise it, or find what forks");
    }

    void disks() {
        const auto most_io = read_level(subject_, *find_level("io-max"), "");
        pressure("io", "a disk",
                 most_io && !most_io->empty()
                     ? "; io-max is " + in_words(*find_level("io-max"), *most_io)
                     : "");
        for (const std::string_view key : {"disk-max", "disk-inodes-max"}) {
            const Level& level = *find_level(key);
            if (subject_.disk.empty() || !impossible(subject_, level).empty()) continue;
            const auto held = disk_use(subject_, level);
            const auto most = read_level(subject_, level, "");
            const auto number = most ? number_in(*most, "") : std::nullopt;
            if (!held || !number || *held < *number - *number / kAlmost) continue;
            say("has " + std::string(*held >= *number ? "used up " : "almost used up ") +
                std::string(key) + " (" + in_words(level, *most) +
                "): writing fails; remove something in it, or raise it");
        }
    }

    void files() {
        const auto full = find_full_table(subject_);
        if (full)
            say(fmt::format("has a process ({}, {}) with as many open files as nofile lets it have "
                            "({}): it can open no more; raise it, or find what it does not close",
                            full->program, full->pid, full->limit));
    }

    void terminals() {
        const Level& level = *find_level("pty-max");
        if (subject_.init <= 0 || subject_.unit) return;
        const auto held = mount_use(subject_, level);
        const auto most = read_level(subject_, level, "");
        const auto number = most ? number_in(*most, "") : std::nullopt;
        if (!held || !number || *held < *number) return;
        say("has all the terminals that pty-max gives it (" + *most +
            "): there are no more; raise it, or find what keeps them");
    }

    void pressure(std::string_view resource, std::string_view what, const std::string& more = {}) {
        const auto now = read_pressure(subject_, resource);
        if (!now || std::max(now->some10, now->some60) < kFelt) return;
        say(fmt::format("waited for {} during {:.0f} % of the last 10 s ({:.0f} % of the last "
                        "minute){}",
                        what, now->some10, now->some60, more));
    }

    const Subject& subject_;
    const Baseline& since_;
    std::vector<std::string> sentences_;
};

} // namespace

std::vector<std::string> slow_reasons(const Subject& subject, const Baseline& since) {
    if (subject.cgroup.empty()) return {};
    return Reasons(subject, since).all();
}

} // namespace stead::resources
