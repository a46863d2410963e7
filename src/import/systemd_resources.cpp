#include <array>

#include "import/amounts.h"
#include "import/rules.h"
#include "unitfile/values.h"

/// Levels of the cgroup (systemd.resource-control(5)) and folders.
namespace stead::importing {

namespace {

void size_level(Job& job, const Line& line) {
    if (line.value.empty()) return;
    if (line.value.ends_with('%'))
        return job.draft.leave_out(line.item,
                                   "a share of the machine's memory is the host's matter");
    const Amount amount = byte_size(line.value);
    if (!amount.text) return job.refuse(line, amount.problem);
    job.draft.put(line.item, line.key, unitfile::text_node(*amount.text));
}

void tasks(Job& job, const Line& line) {
    if (line.value == "infinity")
        return job.draft.put(line.item, line.key, unitfile::text_node("infinity"));
    if (line.value.ends_with('%'))
        return job.draft.leave_out(line.item,
                                   "a share of the machine's tasks is the host's matter");
    const auto count = unitfile::parse_digits(line.value, 4'194'303);
    if (!count || *count == 0) return job.refuse(line, "it is no number of tasks");
    job.draft.put(line.item, line.key, unitfile::integer_node(static_cast<std::int64_t>(*count)));
}

void cpu_quota(Job& job, const Line& line) {
    if (line.value.empty()) return;
    const std::string_view digits = line.value.substr(0, line.value.find_first_of(".%"));
    const auto percent = unitfile::parse_digits(digits, 1'000'000);
    if (!line.value.ends_with('%') || !percent || *percent == 0)
        return job.refuse(line, "it is no percentage");
    if (line.value.find('.') != std::string_view::npos)
        job.draft.approximate(line.item, "whole percents are counted");
    job.draft.put(line.item, line.key, unitfile::text_node(std::to_string(*percent) + "%"));
}

void weight(Job& job, const Line& line) {
    if (line.value.empty()) return;
    if (line.value == "idle")
        return job.draft.put(line.item, "limits.cpu-idle", unitfile::boolean_node(true));
    const auto number = unitfile::parse_digits(line.value, 10'000);
    if (!number || *number == 0) return job.refuse(line, "it is no weight from 1 to 10000");
    job.draft.put(line.item, line.key, unitfile::integer_node(static_cast<std::int64_t>(*number)));
}

/// CPUShares=1024 and BlockIOWeight=500 are a weight of 100.
void old_weight(Job& job, const Line& line) {
    if (line.value.empty()) return;
    const std::uint64_t normal = line.name == "CPUShares" ? 1024 : 500;
    const auto number = unitfile::parse_digits(line.value, 262'144);
    if (!number || *number == 0) return job.refuse(line, "it is no number of shares");
    const std::uint64_t value = std::max<std::uint64_t>(1, *number * 100 / normal);
    job.draft.approximate(line.item, "as a weight, of which 100 is normal");
    job.draft.put(
        line.item, line.key,
        unitfile::integer_node(static_cast<std::int64_t>(std::min<std::uint64_t>(value, 10'000))));
}

void directories(Job& job, const Line& line) {
    const auto words = job.words(line);
    if (!words) return;
    for (const std::string& word : *words) {
        const auto colon = word.find(':');
        if (colon != std::string::npos)
            job.draft.approximate(line.item, "without the link '" + word.substr(colon + 1) + "'");
        if (const auto text = job.text(line, word.substr(0, colon), line.key))
            job.draft.append(line.item, line.key, unitfile::text_node(*text));
    }
}

void directory_mode(Job& job, const Line& line) {
    const Node* const known = job.draft.find(line.key);
    const std::string before = known == nullptr ? "" : known->text;
    put_mode(job, line);
    const Node* const now = job.draft.find(line.key);
    if (!before.empty() && now != nullptr && now->text != before)
        job.draft.approximate(line.item, "one mode counts for every folder: this one");
}

void preserve(Job& job, const Line& line) {
    const auto value = parse_boolean(line.value);
    if (value && !*value)
        return job.draft.approximate(line.item, "the folder stays until the guest ends");
    job.draft.explain(line.item, "the folder stays until the guest ends");
}

void delegate(Job& job, const Line& line) {
    const auto value = parse_boolean(line.value);
    if (value && !*value) return;
    if (!value && !line.value.empty())
        job.draft.approximate(line.item, "every controller, not only those named");
    job.draft.put(line.item, line.key, unitfile::boolean_node(true));
}

constexpr std::string_view kAccounting = "every unit's cgroup counts";
constexpr std::string_view kAtStart = "levels are the same while the guest starts";
constexpr std::string_view kPerDisk = "disks are named by the guest's file";
constexpr std::string_view kNetwork = "networks are the guest's, in its own file";
constexpr std::string_view kDevices = "devices are the guest's, in its own file";
constexpr std::string_view kOomd = "there is no systemd-oomd";

constexpr std::array kResourceRules{
    Rule{"MemoryMax", Many::Last, size_level, "limits.memory-max"},
    Rule{"MemoryLimit", Many::Last, size_level, "limits.memory-max"},
    Rule{"MemoryHigh", Many::Last, size_level, "limits.memory-high"},
    Rule{"MemoryLow", Many::Last, size_level, "limits.memory-low"},
    Rule{"MemoryMin", Many::Last, size_level, "limits.memory-min"},
    Rule{"MemorySwapMax", Many::Last, size_level, "limits.memory-swap-max"},
    Rule{"MemoryZSwapMax", Many::Last, size_level, "limits.memory-zswap-max"},
    Rule{"DefaultMemoryLow", Many::Last, no_counterpart, "",
         "groups below the unit's are its own matter"},
    Rule{"DefaultMemoryMin", Many::Last, no_counterpart, "",
         "groups below the unit's are its own matter"},
    Rule{"TasksMax", Many::Last, tasks, "limits.pids-max"},
    Rule{"CPUQuota", Many::Last, cpu_quota, "limits.cpu-max"},
    Rule{"CPUQuotaPeriodSec", Many::Last, differs, "", "the period is 100 ms"},
    Rule{"CPUWeight", Many::Last, weight, "limits.cpu-weight"},
    Rule{"CPUShares", Many::Last, old_weight, "limits.cpu-weight"},
    Rule{"IOWeight", Many::Last, weight, "limits.io-weight"},
    Rule{"BlockIOWeight", Many::Last, old_weight, "limits.io-weight"},
    Rule{"AllowedCPUs", Many::Last, put_text, "limits.cpuset-cpus"},
    Rule{"AllowedMemoryNodes", Many::Last, put_text, "limits.cpuset-mems"},
    Rule{"StartupCPUWeight", Many::Last, differs, "", kAtStart},
    Rule{"StartupCPUShares", Many::Last, differs, "", kAtStart},
    Rule{"StartupIOWeight", Many::Last, differs, "", kAtStart},
    Rule{"StartupMemoryMax", Many::Last, differs, "", kAtStart},
    Rule{"StartupMemoryHigh", Many::Last, differs, "", kAtStart},
    Rule{"StartupAllowedCPUs", Many::Last, differs, "", kAtStart},
    Rule{"IODeviceWeight", Many::List, no_counterpart, "", kPerDisk},
    Rule{"IOReadBandwidthMax", Many::List, no_counterpart, "", kPerDisk},
    Rule{"IOWriteBandwidthMax", Many::List, no_counterpart, "", kPerDisk},
    Rule{"IOReadIOPSMax", Many::List, no_counterpart, "", kPerDisk},
    Rule{"IOWriteIOPSMax", Many::List, no_counterpart, "", kPerDisk},
    Rule{"IODeviceLatencyTargetSec", Many::List, no_counterpart, "", kPerDisk},
    Rule{"CPUAccounting", Many::Last, holds, "", kAccounting},
    Rule{"MemoryAccounting", Many::Last, holds, "", kAccounting},
    Rule{"TasksAccounting", Many::Last, holds, "", kAccounting},
    Rule{"IOAccounting", Many::Last, holds, "", kAccounting},
    Rule{"BlockIOAccounting", Many::Last, holds, "", kAccounting},
    Rule{"IPAccounting", Many::Last, no_counterpart, "", "traffic is counted for the guest"},
    Rule{"Slice", Many::Last, holds, "", "every unit has a cgroup of its own below its guest's"},
    Rule{"Delegate", Many::Last, delegate, "delegate"},
    Rule{"DelegateSubgroup", Many::Last, no_counterpart, "",
         "processes start in the unit's own group"},
    Rule{"DisableControllers", Many::Last, no_counterpart, "", "controllers are the guest's"},
    Rule{"IPAddressAllow", Many::List, no_counterpart, "", kNetwork},
    Rule{"IPAddressDeny", Many::List, no_counterpart, "", kNetwork},
    Rule{"IPIngressFilterPath", Many::List, no_counterpart, "", kNetwork},
    Rule{"IPEgressFilterPath", Many::List, no_counterpart, "", kNetwork},
    Rule{"SocketBindAllow", Many::List, no_counterpart, "", kNetwork},
    Rule{"SocketBindDeny", Many::List, no_counterpart, "", kNetwork},
    Rule{"BPFProgram", Many::List, no_counterpart, "",
         "no BPF programs of a unit's own are loaded"},
    Rule{"DeviceAllow", Many::List, no_counterpart, "", kDevices},
    Rule{"DevicePolicy", Many::Last, differs, "",
         "only the devices that the guest's file names are there"},
    Rule{"ManagedOOMSwap", Many::Last, differs, "", kOomd},
    Rule{"ManagedOOMMemoryPressure", Many::Last, differs, "", kOomd},
    Rule{"ManagedOOMMemoryPressureLimit", Many::Last, differs, "", kOomd},
    Rule{"ManagedOOMPreference", Many::Last, differs, "", kOomd},
    Rule{"MemoryPressureWatch", Many::Last, differs, "",
         "programs are not told of memory pressure"},
    Rule{"RuntimeDirectory", Many::List, directories, "directories.runtime"},
    Rule{"StateDirectory", Many::List, directories, "directories.state"},
    Rule{"CacheDirectory", Many::List, directories, "directories.cache"},
    Rule{"LogsDirectory", Many::List, directories, "directories.logs"},
    Rule{"RuntimeDirectoryMode", Many::Last, directory_mode, "directories.mode"},
    Rule{"StateDirectoryMode", Many::Last, directory_mode, "directories.mode"},
    Rule{"CacheDirectoryMode", Many::Last, directory_mode, "directories.mode"},
    Rule{"LogsDirectoryMode", Many::Last, directory_mode, "directories.mode"},
    Rule{"RuntimeDirectoryPreserve", Many::Last, preserve},
    Rule{"ConfigurationDirectory", Many::List, differs, "",
         "folders below /etc are the package's to make"},
    Rule{"ConfigurationDirectoryMode", Many::Last, differs, "",
         "folders below /etc are the package's to make"},
    Rule{"TimeoutCleanSec", Many::Last, differs, "", "nothing is cleaned away on demand"},
};

} // namespace

std::span<const Rule> resource_rules() {
    return kResourceRules;
}

} // namespace stead::importing
