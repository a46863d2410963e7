#include <nlohmann/json.hpp>

#include "cli/level_texts.h"
#include "cli/options.h"
#include "resources/freeze.h"
#include "unitfile/values.h"

namespace stead::cli {

namespace {

/// The cgroup that `word` means, or nothing and a message.
std::optional<guests::LevelTarget> find(Asking& asking, const std::string& word) {
    if (!asking.place().on_host()) {
        (void)asking.fail(kAskedWrongly, "this is for the host: whoever stands still cannot thaw");
        return std::nullopt;
    }
    const auto target = asking.target(word);
    if (!target) return std::nullopt;
    auto found = guests::find_levels(asking.place().paths(), target->guest, target->unit);
    if (found && !found->subject.cgroup.empty()) return *std::move(found);
    if (!found && found.error().code == ESRCH && !asking.open(*target)) return std::nullopt;
    (void)asking.fail(kNoSuch, target->text() + " has no cgroup here",
                      "the unit does not run, or no cgroup2 is mounted");
    return std::nullopt;
}

int change_all(Context& context, Arguments arguments, std::string_view verb, bool stop) {
    std::vector<std::string> names;
    Options options(context, verb);
    options.positionals("NAME", names, "NAME or NAME/UNIT", 1);
    if (const auto code = options.parse(arguments)) return *code;
    Asking asking(context, Place::look());
    int worst = kDone;
    for (const std::string& name : names) {
        const auto found = find(asking, name);
        if (!found) {
            worst = asking.code();
            continue;
        }
        const auto done = stop ? resources::freeze(found->subject.cgroup)
                               : resources::thaw(found->subject.cgroup);
        if (done) continue;
        worst = asking.fail(kCouldNot, describe(done.error()).view(),
                            done.error().code == ETIMEDOUT
                                ? "a process waits in the kernel; everything runs on"
                                : "");
    }
    return worst;
}

} // namespace

int verb_freeze(Context& context, Arguments arguments) {
    return change_all(context, arguments, "freeze", true);
}

int verb_thaw(Context& context, Arguments arguments) {
    return change_all(context, arguments, "thaw", false);
}

int verb_reclaim(Context& context, Arguments arguments) {
    std::string name;
    std::string amount;
    Options options(context, "reclaim");
    options.positional("NAME", name, "NAME or NAME/UNIT");
    options.positional("SIZE", amount, "how much: 200M");
    if (const auto code = options.parse(arguments)) return *code;
    Asking asking(context, Place::look());
    const auto size = unitfile::parse_size(amount);
    if (!size.value || *size.value > INT64_MAX)
        return asking.fail(kAskedWrongly, "'" + safe(amount) + "' is no size",
                           size.value ? "a size such as 200M" : size.problem);
    const auto found = find(asking, name);
    if (!found) return asking.code();
    const auto& subject = found->subject;
    const auto before = resources::counter(subject, "memory.current");
    if (!before)
        return asking.fail(kCouldNot, "the memory of " + subject.name + " is not counted here",
                           "reclaim needs the cgroup v2 controller 'memory'");
    const auto done = resources::reclaim(subject.cgroup, *size.value);
    const auto after = resources::counter(subject, "memory.current").value_or(*before);
    const resources::Level& level = *resources::find_level("memory-max");
    if (!done && done.error().code == ENOENT)
        return asking.fail(kCouldNot, "this kernel has no memory.reclaim", "it needs Linux 5.19");
    if (!done && done.error().code != EAGAIN)
        return asking.fail(kCouldNot, describe(done.error()).view());
    const std::string held = resources::use_in_words(level, after);
    context.console.line(
        subject.name + " gave back " +
        resources::use_in_words(level, std::max<std::int64_t>(*before - after, 0)) + " and holds " +
        held);
    if (done) return kDone;
    return asking.fail(kCouldNot, "the kernel found less than " + safe(amount) + " to take back");
}

} // namespace stead::cli
