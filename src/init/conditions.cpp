#include "init/conditions.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/words.h"
#include "init/children.h"
#include "init/digits.h"
#include "init/finish.h"
#include "model/condition.h"
#include "sys/file.h"
#include "sys/privileges.h"

namespace stead::init {

namespace {

bool is_in_environment(const Supervisor& self, std::string_view wanted) {
    for (char** entry = self.environment; *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        if (!text.starts_with(wanted)) continue;
        const bool with_value = wanted.find('=') != std::string_view::npos;
        if (text.size() == wanted.size() || (!with_value && text[wanted.size()] == '='))
            return true;
    }
    return false;
}

bool has_capability(const Supervisor& self, std::int64_t number) {
    if (number > 63) return false;
    if (const auto& guest = self.table.guest())
        return (guest->capabilities >> static_cast<unsigned>(number) & 1U) != 0;
    const auto held = sys::in_bounding_set(static_cast<int>(number));
    return held && *held;
}

bool runs_in(const Supervisor& self, std::string_view machine) {
    if (machine == "guest") return self.launched;
    return (machine == "machine") == owns_machine(self);
}

bool holds(const Supervisor& self, std::string_view condition) {
    const std::string_view text = condition.substr(2);
    switch (static_cast<ConditionKind>(condition[0])) {
    case ConditionKind::Path:
        // Strings of a plan end in NUL.
        return ::faccessat(AT_FDCWD, text.data(), F_OK, AT_EACCESS) == 0;
    case ConditionKind::Environment:
        return is_in_environment(self, text);
    case ConditionKind::Capability:
        return has_capability(self, whole_number(text).value_or(64));
    case ConditionKind::Virtualization:
        return runs_in(self, text);
    }
    return false;
}

/// "/run/credentials/UNIT"; in somebody else's container beside our sockets.
FixedString<255> credentials_folder(const Supervisor& self, UnitId unit) {
    FixedString<255> path("/run");
    if (!self.launched) {
        const std::string_view sockets = self.notify_path.view();
        path.clear();
        path.append(sockets.substr(0, std::min(sockets.rfind('/'), sockets.size())));
    }
    return path.append("/credentials/").append(self.table.name(unit));
}

} // namespace

bool conditions_hold(const Supervisor& self, const ExecView& exec) {
    for (std::size_t i = 0; i < exec.conditions.size(); ++i) {
        const std::string_view condition = exec.conditions[i];
        if (holds(self, condition) == (condition[1] == '!')) return false;
    }
    return true;
}

void add_credentials(const Supervisor& self,
                     ChildStrings& strings,
                     UnitId unit,
                     spawn::Child& prepared) {
    if (prepared.exec.credentials.empty()) return;
    prepared.credentials =
        strings.add_joined("CREDENTIALS_DIRECTORY=", credentials_folder(self, unit).view());
}

void remove_credentials(const Supervisor& self, UnitId unit) {
    const StringList credentials = self.table.exec(unit).credentials;
    if (credentials.empty()) return;
    const FixedString<255> path = credentials_folder(self, unit);
    const auto folder = sys::open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    for (std::size_t i = 0; folder && i < credentials.size(); ++i) {
        const std::string_view pair = credentials[i];
        const FixedString<kMaxUnitName> name(part_before(pair, '='));
        (void)sys::remove_at(folder->get(), name.c_str(), false);
    }
    (void)sys::remove_at(AT_FDCWD, path.c_str(), true);
}

void add_trigger(Supervisor& self, ChildStrings& strings, UnitId unit) {
    const UnitId trigger = self.engine->view(unit).trigger;
    if (trigger == kNoUnit) return;
    strings.add_joined("MONITOR_UNIT=", self.table.name(trigger));
    add_result(self, strings, trigger,
               "MONITOR_SERVICE_RESULT=", "MONITOR_EXIT_CODE=", "MONITOR_EXIT_STATUS=");
}

} // namespace stead::init
