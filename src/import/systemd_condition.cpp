#include <array>

#include "import/rules.h"

/// The conditions and assertions of [Unit].
namespace stead::importing {

namespace {

/// A condition's value without its marks: '|' (one of several is enough), '!' (not).
struct Condition {
    std::string_view value;
    bool negated = false;
};

Condition read_condition(Job& job, const Line& line) {
    Condition condition{line.value, false};
    if (condition.value.starts_with('|')) {
        condition.value.remove_prefix(1);
        job.draft.approximate(line.item, "it must hold, instead of being one of several");
    }
    condition.value = trimmed(condition.value);
    if (condition.value.starts_with('!')) {
        condition.negated = true;
        condition.value.remove_prefix(1);
    }
    condition.value = trimmed(condition.value);
    if (line.name.starts_with("Assert"))
        job.draft.approximate(line.item, "the unit is skipped instead of failing");
    return condition;
}

void condition(Job& job, const Line& line) {
    if (line.value.empty()) return;
    const Condition read = read_condition(job, line);
    // A nearly right path would skip the unit for ever.
    if (depends_on_instance(read.value, job.names))
        return job.draft.leave_out(line.item, "the instance's name would stand there as it is, '-' "
                                              "does not become '/'");
    auto text = job.text(line, read.value, line.key);
    if (!text) return;
    if (line.key == "conditions.capability" && text->starts_with("CAP_")) text->erase(0, 4);
    if (!line.note.empty()) {
        if (read.negated)
            return job.draft.leave_out(line.item, "the negation of: " + std::string(line.note));
        job.draft.approximate(line.item, line.note);
    }
    if (read.negated) text->insert(0, "!");
    job.draft.append(line.item, line.key, unitfile::text_node(*text));
}

/// A guest of Stead's is a container to systemd. Which program made a container or a machine is not
/// told.
void condition_virtualization(Job& job, const Line& line) {
    struct Kind {
        std::string_view word;
        std::string_view machine;
        std::string_view note;
    };

    constexpr std::string_view kHardware = "a virtual machine is not told from a real one";
    constexpr std::array kKinds{
        Kind{"container", "container", {}}, Kind{"vm", "machine", kHardware},
        Kind{"yes", "container", kHardware}, Kind{"no", "machine", kHardware}};
    if (line.value.empty()) return;
    const Condition read = read_condition(job, line);
    const auto truth = parse_boolean(read.value);
    const std::string_view word = truth ? (*truth ? "yes" : "no") : read.value;
    for (const Kind& kind : kKinds) {
        if (word != kind.word) continue;
        if (!kind.note.empty()) job.draft.approximate(line.item, kind.note);
        const std::string mark = read.negated ? "!" : "";
        return job.draft.append(line.item, line.key,
                                unitfile::text_node(mark + std::string(kind.machine)));
    }
    job.draft.leave_out(line.item, "only containers and machines are told apart");
}

constexpr std::string_view kAsPath = "only that the path exists is asked for";
constexpr std::string_view kMachine = "the machine is the host's: a guest cannot ask for it";

constexpr std::array kConditionRules{
    Rule{"ConditionPathExists", Many::List, condition, "conditions.path-exists"},
    Rule{"ConditionPathExistsGlob", Many::List, no_counterpart, "",
         "conditions have no patterns of names"},
    Rule{"ConditionPathIsDirectory", Many::List, condition, "conditions.path-exists", kAsPath},
    Rule{"ConditionPathIsSymbolicLink", Many::List, condition, "conditions.path-exists", kAsPath},
    Rule{"ConditionPathIsMountPoint", Many::List, condition, "conditions.path-exists", kAsPath},
    Rule{"ConditionPathIsReadWrite", Many::List, condition, "conditions.path-exists", kAsPath},
    Rule{"ConditionDirectoryNotEmpty", Many::List, condition, "conditions.path-exists", kAsPath},
    Rule{"ConditionFileNotEmpty", Many::List, condition, "conditions.path-exists", kAsPath},
    Rule{"ConditionFileIsExecutable", Many::List, condition, "conditions.path-exists", kAsPath},
    Rule{"ConditionEnvironment", Many::List, condition, "conditions.environment"},
    Rule{"ConditionCapability", Many::List, condition, "conditions.capability"},
    Rule{"ConditionVirtualization", Many::List, condition_virtualization,
         "conditions.virtualization"},
    Rule{"ConditionKernelCommandLine", Many::List, no_counterpart, "", kMachine},
    Rule{"ConditionKernelVersion", Many::List, no_counterpart, "", kMachine},
    Rule{"ConditionArchitecture", Many::List, no_counterpart, "", kMachine},
    Rule{"ConditionFirmware", Many::List, no_counterpart, "", kMachine},
    Rule{"ConditionACPower", Many::List, no_counterpart, "", kMachine},
    Rule{"ConditionSecurity", Many::List, no_counterpart, "", kMachine},
    Rule{"ConditionMemory", Many::List, no_counterpart, "", kMachine},
    Rule{"ConditionCPUs", Many::List, no_counterpart, "", kMachine},
    Rule{"ConditionCPUFeature", Many::List, no_counterpart, "", kMachine},
    Rule{"ConditionControlGroupController", Many::List, no_counterpart, "", kMachine},
    Rule{"ConditionHost", Many::List, no_counterpart, "", kMachine},
    Rule{"ConditionFirstBoot", Many::List, no_counterpart, "", "a guest has no first boot"},
    Rule{"ConditionNeedsUpdate", Many::List, no_counterpart, "", "a guest has no offline update"},
    Rule{"ConditionUser", Many::List, no_counterpart, "", "PID 1 is always root"},
    Rule{"ConditionGroup", Many::List, no_counterpart, "", "PID 1 is always root"},
    Rule{"ConditionOSRelease", Many::List, no_counterpart, "", "os-release is not asked"},
    Rule{"AssertPathExists", Many::List, condition, "conditions.path-exists"},
    Rule{"AssertPathIsDirectory", Many::List, condition, "conditions.path-exists", kAsPath},
    Rule{"AssertPathIsMountPoint", Many::List, condition, "conditions.path-exists", kAsPath},
    Rule{"AssertPathIsReadWrite", Many::List, condition, "conditions.path-exists", kAsPath},
    Rule{"AssertFileNotEmpty", Many::List, condition, "conditions.path-exists", kAsPath},
    Rule{"AssertFileIsExecutable", Many::List, condition, "conditions.path-exists", kAsPath},
    Rule{"AssertEnvironment", Many::List, condition, "conditions.environment"},
    Rule{"AssertCapability", Many::List, condition, "conditions.capability"},
};

} // namespace

std::span<const Rule> condition_rules() {
    return kConditionRules;
}

} // namespace stead::importing
