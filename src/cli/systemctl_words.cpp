#include <algorithm>
#include <array>

#include "cli/systemctl.h"

/// systemctl's command line: options stand anywhere among the words.
namespace stead::cli {

namespace {

using Wishes = SystemctlWishes;

struct Option {
    /// With its value where it takes one; the short one is a letter.
    std::string_view name;
    char letter = '\0';
    bool Wishes::*flag = nullptr;
    std::string Wishes::*text = nullptr;
    std::vector<std::string> Wishes::*list = nullptr;
    /// It takes a value that means nothing here.
    bool ignored_value = false;
};

constexpr std::array kOptions{
    Option{"--quiet", 'q', &Wishes::quiet},
    Option{"--no-block", '\0', &Wishes::no_block},
    Option{"--now", '\0', &Wishes::now},
    Option{"--all", 'a', &Wishes::all},
    Option{"--value", '\0', &Wishes::value},
    Option{"--no-legend", '\0', &Wishes::no_legend},
    Option{"--runtime", '\0', &Wishes::runtime},
    Option{"--user", '\0', &Wishes::user},
    Option{"--global", '\0', &Wishes::user},
    Option{"--failed", '\0', &Wishes::failed},
    Option{"--force", 'f', &Wishes::force},
    // What changes nothing here.
    Option{"--system"},
    Option{"--full", 'l'},
    Option{"--no-pager"},
    Option{"--no-ask-password"},
    Option{"--no-wall"},
    Option{"--no-reload"},
    Option{"--no-warn"},
    Option{"--plain"},
    Option{"--wait"},
    Option{"--show-types"},
    Option{"--ignore-dependencies"},
    Option{"--ignore-inhibitors", 'i'},
    Option{"--fail"},
    Option{"--root", '\0', nullptr, &Wishes::root},
    Option{"--signal", 's', nullptr, &Wishes::signal},
    Option{"--property", 'p', nullptr, nullptr, &Wishes::properties},
    Option{"", 'P', nullptr, nullptr, &Wishes::properties},
    Option{"--type", 't', nullptr, nullptr, &Wishes::types},
    Option{"--state", '\0', nullptr, nullptr, &Wishes::states},
    Option{"--job-mode", '\0', nullptr, nullptr, nullptr, true},
    Option{"--lines", 'n', nullptr, nullptr, nullptr, true},
    Option{"--output", 'o', nullptr, nullptr, nullptr, true},
    Option{"--preset-mode", '\0', nullptr, nullptr, nullptr, true},
    Option{"--kill-whom", '\0', nullptr, nullptr, nullptr, true},
    Option{"--kill-who", '\0', nullptr, nullptr, nullptr, true},
    Option{"--machine", 'M', nullptr, nullptr, nullptr, true},
    Option{"--host", 'H', nullptr, nullptr, nullptr, true},
    Option{"--check-inhibitors", '\0', nullptr, nullptr, nullptr, true},
    Option{"--timestamp", '\0', nullptr, nullptr, nullptr, true},
};

bool takes_value(const Option& option) {
    return option.text != nullptr || option.list != nullptr || option.ignored_value;
}

void add_list(std::vector<std::string>& list, std::string_view text) {
    while (!text.empty()) {
        const auto comma = std::min(text.find(','), text.size());
        if (comma != 0) list.emplace_back(text.substr(0, comma));
        text.remove_prefix(std::min(text.size(), comma + 1));
    }
}

class Parser {
public:
    Parser(Console& console, const std::vector<std::string>& words)
        : console_(console)
        , words_(words) {}

    std::optional<Wishes> parse() {
        for (; at_ < words_.size(); ++at_) {
            const std::string& word = words_[at_];
            if (only_names_ || !word.starts_with('-') || word == "-") {
                take_word(word);
            } else if (word == "--") {
                only_names_ = true;
            } else if (word == "--version" || word == "--help" || word == "-h") {
                wishes_.verb = word == "--version" ? word : "--help";
                return wishes_;
            } else if (!(word.starts_with("--") ? take_long(word) : take_letters(word))) {
                return std::nullopt;
            }
        }
        if (wishes_.verb.empty()) wishes_.verb = "list-units";
        return std::move(wishes_);
    }

private:
    void take_word(const std::string& word) {
        if (wishes_.verb.empty()) {
            wishes_.verb = word;
        } else {
            wishes_.names.push_back(word);
        }
    }

    void set(const Option& option, std::string_view value) {
        if (option.flag != nullptr) wishes_.*option.flag = true;
        if (option.text != nullptr) wishes_.*option.text = value;
        if (option.list != nullptr) add_list(wishes_.*option.list, value);
        if (option.letter == 'P') wishes_.value = true;
        if (option.name.starts_with("--kill-who")) wishes_.main_only = value == "main";
        if (option.name == "--preset-mode") wishes_.enable_only = value == "enable-only";
    }

    bool next_value(const std::string& word, std::string& value) {
        if (++at_ < words_.size()) {
            value = words_[at_];
            return true;
        }
        console_.error("systemctl " + safe(word) + " wants a value");
        return false;
    }

    bool take_long(const std::string& word) {
        const auto equals = word.find('=');
        const std::string name = word.substr(0, equals);
        for (const Option& option : kOptions) {
            if (option.name != name) continue;
            std::string value;
            if (equals != std::string::npos) value = word.substr(equals + 1);
            if (takes_value(option) && equals == std::string::npos && !next_value(word, value))
                return false;
            set(option, value);
            return true;
        }
        console_.error("systemctl has no option '" + safe(word) + "' here");
        return false;
    }

    bool take_letters(const std::string& word) {
        for (std::size_t i = 1; i < word.size(); ++i) {
            const auto* const option =
                std::find_if(kOptions.begin(), kOptions.end(),
                             [&](const Option& one) { return one.letter == word[i]; });
            if (option == kOptions.end() || word[i] == '\0') {
                console_.error("systemctl has no option '" + safe(word) + "' here");
                return false;
            }
            std::string value = word.substr(i + 1);
            if (takes_value(*option) && value.empty() && !next_value(word, value)) return false;
            set(*option, value);
            if (takes_value(*option)) return true;
        }
        return true;
    }

    Console& console_;
    const std::vector<std::string>& words_;
    std::size_t at_ = 0;
    bool only_names_ = false;
    Wishes wishes_;
};

} // namespace

std::optional<SystemctlWishes> systemctl_wishes(Console& console,
                                                const std::vector<std::string>& arguments) {
    return Parser(console, arguments).parse();
}

int systemctl_help(Console& console) {
    console.out("systemctl: what packages and people ask systemd for, answered by Stead\n\n"
                "Usage: systemctl [options] VERB [UNIT ...]\n\n"
                "  start stop restart try-restart reload reload-or-restart kill\n"
                "  status show cat is-active is-failed is-enabled is-system-running\n"
                "  list-units list-unit-files list-timers list-sockets get-default\n"
                "  enable disable reenable preset mask unmask daemon-reload\n"
                "  poweroff halt reboot\n\n"
                "Everything else is refused by name. Manual: stead(1), SYSTEMCTL.\n");
    return kDone;
}

SystemctlName systemctl_name(std::string_view text) {
    // A path names its file.
    text.remove_prefix(text.rfind('/') + 1);
    if (!importing::is_systemd_name(text)) return {std::string(text), "service"};
    const auto dot = text.rfind('.');
    return {std::string(text.substr(0, dot)), std::string(text.substr(dot + 1))};
}

std::string full_name_of(const UnitRecord& unit) {
    return importing::is_systemd_name(unit.name) ? unit.name : unit.name + ".service";
}

StateWords systemd_state(const UnitRecord& unit, bool stays) {
    switch (unit.state) {
    case UnitState::Down:
        return {"inactive", "dead"};
    case UnitState::Waiting:
    case UnitState::Starting:
        return {"activating", "start"};
    case UnitState::Up:
        return {"active", unit.type == UnitType::Target ? "active" : "running"};
    case UnitState::Stopping:
        return {"deactivating", "stop-sigterm"};
    case UnitState::Backoff:
        return {"activating", "auto-restart"};
    case UnitState::Failed:
        return {"failed", "failed"};
    case UnitState::Done:
        // A oneshot whose work is over is up only where its file says so: PID 1 shows both alike.
        return stays ? StateWords{"active", "exited"} : StateWords{"inactive", "dead"};
    }
    return {"inactive", "dead"};
}

} // namespace stead::cli
