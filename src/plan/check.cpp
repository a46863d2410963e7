#include "plan/check.h"

#include <algorithm>

#include "base/words.h"
#include "plan/ceiling.h"
#include "plan/checker.h"
#include "plan/plan.h"

namespace stead::plan {

bool is_plain_path(std::string_view path) {
    if (path.size() > kMaxPath || !path.starts_with('/')) return false;
    if (path == "/") return true;
    while (!path.empty()) {
        path.remove_prefix(1);
        const std::string_view component = part_before(path, '/');
        if (component.empty() || component == "." || component == "..") return false;
        path.remove_prefix(component.size());
    }
    return true;
}

Error Checker::verdict() const {
    FixedString<96> what;
    if (unit_ != kNoUnit) {
        what.append("unit ");
        if (named_) {
            // A long name must not push the reason out of the subject.
            what.append(
                text(table<UnitRecord>(TableId::Units)[unit_].name, kMaxUnitName).substr(0, 40));
        } else {
            what.append_number(unit_);
        }
        what.append(": ");
    }
    what.append(wrong_ != nullptr ? wrong_ : "unreadable");
    return make_error("plan", what.view(), 0);
}

bool Checker::header() {
    if (!need(image_.size() >= sizeof header_, "shorter than its header") ||
        !need(image_.size() <= kMaxImage, "larger than 16 MB") ||
        !need(reinterpret_cast<std::uintptr_t>(image_.data()) % 8 == 0, "not aligned"))
        return false;
    std::memcpy(&header_, image_.data(), sizeof header_);
    return need(header_.magic == kMagic, "is no plan") &&
           need(header_.version == kVersion,
                "written for another version of stead-init; compile it again") &&
           need(header_.size == image_.size(), "cut off, or longer than it says") &&
           need(header_.reserved == 0, "a number out of its range");
}

bool Checker::layout() {
    std::uint64_t end = sizeof(Header);
    for (std::size_t id = 0; id < kTables; ++id) {
        const Slice place = header_.tables[id];
        const std::uint64_t start = aligned(end);
        if (!need(place.first == start && start <= image_.size(), "a table is out of its place"))
            return false;
        for (; end < start; ++end) {
            if (!need(image_[end] == std::byte{0}, "padding is not zero")) return false;
        }
        end = start + std::uint64_t{place.count} * kRecordSize[id];
        if (!need(end <= image_.size(), "a table is larger than the plan")) return false;
    }
    if (!need(aligned(end) == image_.size(), "bytes after the last table")) return false;
    const auto tail = image_.subspan(end);
    return need(std::ranges::all_of(tail, [](std::byte b) { return b == std::byte{0}; }),
                "padding is not zero") &&
           need(count(TableId::Policies) <= kMaxUnits, "more than 4096 units") &&
           need(count(TableId::Policies) == count(TableId::Units) &&
                    count(TableId::Policies) == count(TableId::Names),
                "tables of different length") &&
           need(count(TableId::Dependencies) <= kMaxDependencies, "too many records") &&
           need(count(TableId::Guest) <= 1, "more than one guest record");
}

bool Checker::strings() {
    const auto bytes = table<char>(TableId::Strings);
    if (!need(!bytes.empty() && bytes.front() == '\0' && bytes.back() == '\0',
              "its strings do not begin and end with NUL"))
        return false;
    for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t size = ::strnlen(bytes.data() + at, bytes.size() - at);
        if (!need(size <= kMaxString, "a string is too long")) return false;
        at += size + 1;
    }
    return true;
}

bool Checker::lists() {
    for (const StringRef at : table<StringRef>(TableId::Lists)) {
        if (!need(is_string(at), "a list points outside the strings")) return false;
    }
    for (const Slice command : table<Slice>(TableId::Commands)) {
        if (!need(inside(command, count(TableId::Lists), kMaxArguments),
                  "a command is outside the lists") ||
            !need(command.count > 0 && !is_empty(table<StringRef>(TableId::Lists)[command.first]),
                  "a command without a program"))
            return false;
    }
    return need(inside(header_.notices, count(TableId::Lists), kMaxNotices),
                "a list of texts is out of place") &&
           need(inside(header_.rejected, count(TableId::Lists), kMaxRejected) &&
                    header_.rejected.count % 2 == 0,
                "a list of texts is out of place") &&
           need(inside(header_.aliases, count(TableId::Lists), kMaxRejected) &&
                    header_.aliases.count % 2 == 0,
                "a list of texts is out of place");
}

bool Checker::records() {
    for (const ResourceLimit& limit : table<ResourceLimit>(TableId::Limits)) {
        if (!need(limit.resource < 16 && limit.reserved == 0, "a number out of its range") ||
            !need(limit.soft <= limit.hard, "a number out of its range"))
            return false;
    }
    for (const std::uint32_t group : table<std::uint32_t>(TableId::Groups)) {
        if (!need(group != ~0U, "a number out of its range")) return false;
    }
    const std::size_t most = count(TableId::Units);
    if (!need(count(TableId::Directories) <= most * kMaxDirectories, "too many records") ||
        !need(count(TableId::Settings) <= most * kMaxCgroupSettings, "too many records"))
        return false;
    for (const auto& directory : table<DirectoryRecord>(TableId::Directories)) {
        if (!need(is_string(directory.path) && is_path(directory.path) && directory.mode <= 07777 &&
                      known(directory.kind, DirectoryKind::Logs) && directory.reserved == 0,
                  "a path that is not plain and absolute"))
            return false;
    }
    for (const auto& setting : table<SettingRecord>(TableId::Settings)) {
        if (!need(is_string(setting.file) && is_string(setting.value) &&
                      is_unit_cgroup_file(text(setting.file, kMaxPath)),
                  "a cgroup setting is no level of a unit") ||
            !need(!is_empty(setting.value) && text(setting.value, kMaxPath).size() <= kMaxPath,
                  "a cgroup setting without a value"))
            return false;
    }
    return true;
}

bool Checker::activations() {
    for (const auto& socket : table<SocketRecord>(TableId::Sockets)) {
        if (!need(is_string(socket.name) && is_unit_name(text(socket.name, kMaxUnitName)) &&
                      text(socket.name, kMaxUnitName).find(':') == std::string_view::npos &&
                      inside(socket.address, count(TableId::Addresses), kMaxAddress) &&
                      socket.address.count > 2 && known(socket.kind, SocketKind::Fifo) &&
                      socket.mode <= 07777 && socket.flags < 4 && socket.uid != ~0U &&
                      socket.gid != ~0U,
                  "an impossible socket"))
            return false;
        // A path is taken to its NUL.
        const auto bytes = table<std::byte>(TableId::Addresses)
                               .subspan(socket.address.first, socket.address.count);
        const bool has_path = bytes[0] == std::byte{1} && bytes[1] == std::byte{0};
        if (!need((has_path || socket.kind <= SocketKind::Datagram) &&
                      (!has_path || (bytes.back() == std::byte{0} && bytes[2] == std::byte{'/'})),
                  "an impossible socket"))
            return false;
    }
    for (const auto& timer : table<TimerRecord>(TableId::Timers)) {
        if (!need((timer.flags & ~kTimerFlags) == 0 &&
                      inside(timer.zone, count(TableId::Zones), kMaxZoneChanges) &&
                      timer.calendar.last_year <= Calendar::kLastYear,
                  "a number out of its range"))
            return false;
    }
    return need(count(TableId::Timers) <= kMaxTimers, "too many records");
}

bool Checker::names() {
    const auto units = table<UnitRecord>(TableId::Units);
    for (std::size_t id = 0; id < units.size(); ++id) {
        unit_ = static_cast<UnitId>(id);
        if (!need(is_string(units[id].name) && is_unit_name(text(units[id].name, kMaxUnitName)),
                  "a name that no unit may have"))
            return false;
    }
    unit_ = kNoUnit;
    named_ = true;

    // Each name greater than the one before: then all differ, and every unit is listed.
    std::string_view last;
    for (const UnitId id : table<UnitId>(TableId::Names)) {
        if (!need(id < units.size(), "the index of names points outside")) return false;
        unit_ = id;
        const std::string_view name = text(units[id].name, kMaxUnitName);
        if (!need(last < name, "its name is there twice, or the index is not sorted")) return false;
        last = name;
    }
    unit_ = kNoUnit;
    return true;
}

bool Checker::guest() {
    unit_ = kNoUnit;
    for (const auto& guest : table<GuestRecord>(TableId::Guest)) {
        if (!need(is_string(guest.name) && is_guest_name(text(guest.name, kMaxGuestName)),
                  "a name that no guest may have") ||
            !need(is_string(guest.target) &&
                      (is_empty(guest.target) || is_unit_name(text(guest.target, kMaxUnitName))),
                  "the guest's target is no unit's name") ||
            !need(inside(guest.filter, count(TableId::Filters), kMaxFilter),
                  "the guest's filter is too long") ||
            !need((guest.flags & ~kGuestFlags) == 0 && guest.reserved == 0 &&
                      guest.max_units <= kMaxUnits,
                  "a number out of its range") ||
            !need((guest.flags & kHasUnits) == 0 || count(TableId::Units) > 0,
                  "the guest's units are missing"))
            return false;
    }
    return true;
}

Result<void> Checker::run() {
    bool good =
        header() && layout() && strings() && lists() && records() && activations() && names();
    for (std::size_t id = 0; good && id < count(TableId::Units); ++id) {
        good = unit(static_cast<UnitId>(id));
    }
    good = good && guest();
    for (const TableId id :
         {TableId::Dependencies, TableId::Bodies, TableId::Commands, TableId::Limits,
          TableId::Directories, TableId::Settings, TableId::Sockets, TableId::Timers})
        good = good && need(next(id) == count(id), "records that belong to no unit");
    if (!good) return verdict();
    return {};
}

Result<void> check(std::span<const std::byte> image) {
    return Checker(image).run();
}

} // namespace stead::plan
