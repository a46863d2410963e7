#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/asking.h"
#include "cli/systemctl_files.h"
#include "import/distribution.h"

/// systemctl(1), as packages' scripts and people use it, inside a guest with init =
/// "distribution": its words become requests to PID 1, and links below /etc/systemd/system as
/// systemd would make them. What Stead has no counterpart for is refused by name.
namespace stead::cli {

/// One call's words.
struct SystemctlWishes {
    std::string verb;
    std::vector<std::string> names;
    std::vector<std::string> properties;
    std::vector<std::string> types;
    std::vector<std::string> states;
    std::string signal = "TERM";
    /// Links are changed below it, and no PID 1 is asked.
    std::string root;
    bool no_block = false;
    bool now = false;
    bool quiet = false;
    bool value = false;
    bool all = false;
    bool no_legend = false;
    bool runtime = false;
    bool user = false;
    bool main_only = false;
    bool enable_only = false;
    bool failed = false;
    bool force = false;
};

/// The command: argv without its first word.
int systemctl(Context& context, const std::vector<std::string>& arguments);

/// Nothing, and a message, if the words are none of systemctl's.
std::optional<SystemctlWishes> systemctl_wishes(Console& console,
                                                const std::vector<std::string>& arguments);

/// systemd's words for a unit's state: "active" and "running", "activating" and "start".
struct StateWords {
    std::string_view active;
    std::string_view sub;
};

int systemctl_help(Console& console);

StateWords systemd_state(const UnitRecord& unit, bool stays);

/// "web" and "service" of "web", "web.service".
struct SystemctlName {
    std::string stem;
    std::string suffix;

    [[nodiscard]] std::string full() const { return stem + "." + suffix; }

    /// A part of the unit that it starts.
    [[nodiscard]] bool activates() const { return suffix == "socket" || suffix == "timer"; }

    /// The unit of Stead's, of what is none that activates.
    [[nodiscard]] std::string unit() const { return suffix == "target" ? full() : stem; }
};

SystemctlName systemctl_name(std::string_view text);

/// "nginx.service" of the unit "nginx".
std::string full_name_of(const UnitRecord& unit);

/// Everything that is known where the command runs.
class Systemctl {
public:
    Systemctl(Context& context, SystemctlWishes wishes);

    int run();

private:
    using Act = int (Systemctl::*)();
    struct Row;

    // systemctl.cpp
    int start();
    int stop();
    int restart();
    int reload();
    int kill();
    int daemon_reload();
    int end();
    int done();
    int refuse();
    int order(wire::Kind kind, const SystemctlName& name, bool report);
    bool make_instance(const SystemctlName& name);

    // systemctl_activators.cpp
    const std::vector<importing::Activator>& activators();
    const importing::Activator* find_activator(const SystemctlName& name);
    StateWords state_of(const importing::Activator& activator);
    std::string unit_of(const SystemctlName& name);
    int start_activator(const SystemctlName& name);
    int stop_activator(const SystemctlName& name);
    bool open_sockets_of(const SystemctlName& name);
    int list_timers();
    int list_sockets();

    std::vector<SystemctlName> targets();

    // systemctl_looks.cpp
    int is_active();
    int is_failed();
    int is_enabled();
    int is_system_running();
    int status();
    int status_of(const SystemctlName& name);
    int show();
    int cat();
    int list_units();
    int list_unit_files();
    int default_target();
    void show_one(const SystemctlName& name);

    // systemctl_links.cpp
    int enable();
    int disable();
    int reenable();
    int preset();
    int mask();
    int unmask();
    int settle_links(const std::vector<std::string>& told, int worst, bool starts);
    std::optional<int> change_other(const SystemctlName& name, const UnitFile& file);

    [[nodiscard]] const std::vector<UnitRecord>& units();
    [[nodiscard]] std::optional<UnitRecord> find(const SystemctlName& name);
    [[nodiscard]] StateWords state_of(const UnitRecord& unit) const;
    [[nodiscard]] std::string active_of(const SystemctlName& name);
    void say(std::string_view text);
    int missing(const SystemctlName& name);
    int fail(int code, const std::string& text);

    Context& context_;
    SystemctlWishes wishes_;
    Asking asking_;
    importing::RootView root_;
    std::optional<std::vector<UnitRecord>> units_;
    std::optional<std::vector<importing::Activator>> activators_;
};

} // namespace stead::cli
