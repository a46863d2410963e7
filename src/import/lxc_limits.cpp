#include <algorithm>
#include <array>

#include "import/amounts.h"
#include "import/lxc.h"
#include "import/systemd_text.h"
#include "unitfile/keys.h"
#include "unitfile/values.h"

/// What the kernel's files hold, in the notation of [limits].
namespace stead::importing {

namespace {

using unitfile::text_node;

const unitfile::Key* find_level(std::string_view name) {
    for (const unitfile::Key& key : unitfile::guest_keys())
        if (key.table == "limits" && key.name == name) return &key;
    return nullptr;
}

/// "8:0 rbps=1048576 wiops=max": bytes get their unit.
std::string disk_text(std::string_view text) {
    std::string out;
    for (const std::string& word : split_blanks(text)) {
        std::string shown = word;
        const bool bytes = word.starts_with("rbps=") || word.starts_with("wbps=");
        if (bytes && !word.ends_with("max")) {
            const Amount amount = byte_size(std::string_view(word).substr(5));
            if (amount.text) shown = word.substr(0, 5) + *amount.text;
        }
        out += (out.empty() ? "" : " ") + shown;
    }
    return out;
}

std::string duration_of(std::string_view microseconds) {
    return microseconds == "0" ? "0" : std::string(microseconds) + "us";
}

/// "50000 100000" is half a processor.
std::string cpu_text(std::string_view text) {
    const auto words = split_blanks(text);
    if (words.empty() || words.size() > 2) return std::string(text);
    if (words[0] == "max") return "max";
    const auto quota = unitfile::parse_digits(words[0], 1U << 30U);
    const auto period =
        words.size() == 2 ? unitfile::parse_digits(words[1], 1U << 30U) : std::optional(100'000UL);
    if (!quota || !period || *period == 0) return std::string(text);
    return std::to_string((*quota * 100 + *period / 2) / *period) + "%";
}

/// The text of one of the kernel's files as files of ours write it.
std::string level_text(std::string_view name, std::string_view text) {
    if (name == "cpu-max") return cpu_text(text);
    if (name == "cpu-max-burst") return duration_of(text);
    if (name == "io-max") return disk_text(text);
    if (name.starts_with("cpu-uclamp") && text != "max") {
        return std::string(text.substr(0, text.find('.'))) + "%";
    }
    if ((name == "io-weight" || name == "io-bfq-weight") && text.starts_with("default "))
        return std::string(trimmed(text.substr(8)));
    if (name == "io-latency") {
        const auto words = split_blanks(text);
        if (words.size() == 2 && words[1].starts_with("target="))
            return words[0] + " " + duration_of(std::string_view(words[1]).substr(7));
    }
    if (name == "memory-oom-group" || name == "memory-zswap-writeback" || name == "cpu-idle")
        return text == "1" ? "true" : text == "0" ? "false" : std::string(text);
    const bool bytes =
        name.starts_with("memory-") || name.starts_with("hugetlb-") || name == "shmmax";
    if (bytes && text != "max" && text != "0") {
        std::string upper(text);
        for (char& c : upper)
            if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
        return byte_size(upper).text.value_or(std::string(text));
    }
    return std::string(text);
}

/// Several lines of one file (io.max of two disks) become a list.
bool is_list(std::string_view name) {
    return name == "io-max" || name == "io-latency" || name == "misc-max" || name == "rdma-max" ||
           name == "dmem-max";
}

void put_level(Guest& guest, const Given& given, std::string_view name, std::string_view value) {
    const std::string text = level_text(name, value);
    const auto parsed = unitfile::parse_level(name, text);
    if (!parsed.value) return guest.refuse(given, parsed.problem);
    const std::string key = "limits." + std::string(name);
    // Of a number written as text the reader says that it should be none.
    const bool as_text = unitfile::parse_level(name, text, true).value.has_value();
    if (is_list(name)) {
        guest.draft.append(given.item, key, text_node(text));
    } else if (as_text) {
        guest.draft.put(given.item, key, text_node(text));
    } else if (text == "true" || text == "false") {
        guest.draft.put(given.item, key, unitfile::boolean_node(text == "true"));
    } else {
        const bool negative = text.starts_with('-');
        const auto number = unitfile::parse_digits(text.substr(negative ? 1 : 0), INT64_MAX);
        if (!number) return guest.refuse(given, "it is no number");
        const auto whole = static_cast<std::int64_t>(*number);
        guest.draft.put(given.item, key, unitfile::integer_node(negative ? -whole : whole));
    }
}

struct OldLevel {
    std::string_view name;
    std::string_view key;
};

/// Files of cgroup v1 that mean the same as one of v2.
constexpr std::array kOldLevels{
    OldLevel{"memory.limit_in_bytes", "memory-max"},
    OldLevel{"memory.soft_limit_in_bytes", "memory-low"}, OldLevel{"pids.max", "pids-max"},
    OldLevel{"cpuset.cpus", "cpuset-cpus"}, OldLevel{"cpuset.mems", "cpuset-mems"}};

struct Sysctl {
    std::string_view name;
    std::string_view key;
};

constexpr std::array kSysctls{Sysctl{"kernel.shmall", "shmall"},
                              Sysctl{"kernel.shmmax", "shmmax"},
                              Sysctl{"kernel.shmmni", "shmmni"},
                              Sysctl{"kernel.sem", "sem"},
                              Sysctl{"kernel.msgmax", "msgmax"},
                              Sysctl{"kernel.msgmnb", "msgmnb"},
                              Sysctl{"kernel.msgmni", "msgmni"},
                              Sysctl{"fs.mqueue.queues_max", "mqueue-queues-max"},
                              Sysctl{"fs.mqueue.msg_max", "mqueue-msg-max"},
                              Sysctl{"fs.mqueue.msgsize_max", "mqueue-msgsize-max"}};

/// Character devices that every guest has: null, zero, full, random, urandom, tty, console, ptmx
/// and the terminals.
constexpr std::array<std::string_view, 9> kDevices{"1:3", "1:5", "1:7", "1:8",  "1:9",
                                                   "5:0", "5:1", "5:2", "136:*"};

struct NamedDevice {
    std::string_view number;
    std::string_view path;
};

/// Documentation/admin-guide/devices.txt of the kernel: those that containers are given.
constexpr std::array kNamedDevices{
    NamedDevice{"10:229", "/dev/fuse"}, NamedDevice{"10:200", "/dev/net/tun"},
    NamedDevice{"10:232", "/dev/kvm"}, NamedDevice{"10:238", "/dev/vhost-net"}};

} // namespace

void lxc_level(Guest& guest, const Given& given) {
    if (given.value.empty()) return;
    std::string name(given.name.substr(std::string_view("lxc.cgroup2.").size()));
    std::replace(name.begin(), name.end(), '.', '-');
    const unitfile::Key* const level = find_level(name);
    if (level == nullptr || level->type != unitfile::KeyType::Level || name.starts_with("pty") ||
        name.ends_with("-size"))
        return guest.draft.leave_out(given.item, "there is no such level in [limits]");
    put_level(guest, given, name, given.value);
}

void lxc_old_level(Guest& guest, const Given& given) {
    if (given.value.empty()) return;
    const std::string_view name = given.name.substr(std::string_view("lxc.cgroup.").size());
    const auto is_new = [&](std::string_view key) {
        return guest.draft.find("limits." + std::string(key)) != nullptr;
    };
    if (name == "cpu.shares" && !is_new("cpu-weight")) {
        const auto shares = unitfile::parse_digits(given.value, 262'144);
        if (!shares || *shares < 2) return guest.refuse(given, "it is no number of shares");
        const auto weight = std::clamp<std::uint64_t>(*shares * 100 / 1024, 1, 10'000);
        guest.draft.put(given.item, "limits.cpu-weight",
                        unitfile::integer_node(static_cast<std::int64_t>(weight)));
        return guest.draft.approximate(given.item, "as a weight, of which 100 is normal");
    }
    for (const OldLevel& known : kOldLevels) {
        if (known.name != name) continue;
        if (is_new(known.key))
            return guest.draft.explain(given.item, "lxc.cgroup2 says it for today's kernels");
        return put_level(guest, given, known.key,
                         given.value == "-1" ? std::string_view("max") : given.value);
    }
    guest.draft.leave_out(given.item, "cgroup v1 is not used; write its level of v2 in [limits]");
}

void lxc_sysctl(Guest& guest, const Given& given) {
    if (given.value.empty()) return;
    const std::string_view name = given.name.substr(std::string_view("lxc.sysctl.").size());
    for (const Sysctl& known : kSysctls)
        if (known.name == name) return put_level(guest, given, known.key, given.value);
    guest.draft.leave_out(given.item, "a unit can write it inside where the kernel lets it "
                                      "(sysctl -w), the guest file cannot");
}

void lxc_devices(Guest& guest, const Given& given) {
    const auto words = split_blanks(given.value);
    if (given.name.ends_with("deny")) {
        if (given.value == "a" || given.value == "a *:* rwm")
            return guest.draft.explain(given.item, "only a guest's own devices are there");
        return guest.draft.approximate(given.item, "only a guest's own devices are there");
    }
    const bool makes_only = words.size() == 3 && words[2] == "m";
    const bool usual = words.size() >= 2 && words[0] == "c" &&
                       std::find(kDevices.begin(), kDevices.end(), words[1]) != kDevices.end();
    if (usual) return guest.draft.explain(given.item, "every guest has it");
    if (makes_only)
        return guest.draft.approximate(given.item, "no device files are made inside at all");
    for (const NamedDevice& known : kNamedDevices) {
        if (words.size() < 2 || words[0] != "c" || words[1] != known.number) continue;
        std::string device(known.path);
        if (words.size() > 2 && words[2].find('w') == std::string_view::npos) device += " r";
        return guest.draft.append(given.item, "limits.devices", unitfile::text_node(device));
    }
    guest.draft.leave_out(given.item, "it has no name here; name it in limits.devices by its path");
}

} // namespace stead::importing
