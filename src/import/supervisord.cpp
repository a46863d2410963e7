#include "import/supervisord.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "import/specifiers.h"
#include "import/systemd_text.h"
#include "unitfile/names.h"
#include "unitfile/values.h"

/// supervisord's sections as one set: programs to units, groups to targets.
namespace stead::importing {

namespace {

/// More processes of one program than this are no program.
constexpr std::uint64_t kMaxProcesses = 1000;

std::string folder_of(std::string_view path) {
    const auto slash = path.rfind('/');
    return slash == std::string_view::npos ? "." : std::string(path.substr(0, slash));
}

struct OtherSection {
    std::string_view begin;
    std::string_view reason;
};

constexpr std::array kOtherSections{
    OtherSection{"unix_http_server", "`stead` talks to PID 1 over a socket of its own"},
    OtherSection{"inet_http_server", "nothing of Stead's listens on a network"},
    OtherSection{"supervisorctl", "`stead` takes its place"},
    OtherSection{"rpcinterface:", "there is no RPC interface"},
    OtherSection{"ctlplugin:", "there are no plugins"},
    OtherSection{"eventlistener:", "there is no event protocol"},
    OtherSection{"fcgi-program:",
                 "a FastCGI socket handed over as descriptor 0 has no counterpart"},
    OtherSection{"include", "its files are read"},
};

class Set {
public:
    explicit Set(const Options& options)
        : options_(options) {}

    Import make(const std::vector<Source>& sources) {
        for (const Source& source : sources)
            for (Section& section : parse_supervisord(source))
                sections_.push_back(std::move(section));
        for (const Section& section : sections_)
            if (section.name == "supervisord") main_section(section);
        for (const Section& section : sections_)
            if (section.name.starts_with("program:")) program(section);
        for (const Section& section : sections_)
            if (section.name.starts_with("group:")) group(section);
        for (const Section& section : sections_)
            other(section);
        finish();
        return std::move(result_);
    }

private:
    void skip(std::string source, std::string reason, bool harmless) {
        result_.skipped.push_back({std::move(source), std::move(reason), harmless});
    }

    void main_section(const Section& section) {
        std::string lost;
        for (const Setting& setting : section.settings) {
            const auto digits = unitfile::parse_digits(setting.value, 1U << 30U);
            if (setting.name == "environment") {
                if (const auto pairs = split_pairs(setting.value))
                    environment_.insert(pairs->begin(), pairs->end());
            } else if (setting.name == "directory" && setting.value.starts_with('/')) {
                defaults_["working-directory"] = setting.value;
            } else if (setting.name == "umask" && digits) {
                std::string mode = setting.value;
                while (mode.size() < 4)
                    mode.insert(mode.begin(), '0');
                defaults_["umask"] = mode;
            } else {
                lost += (lost.empty() ? "" : ", ") + setting.name;
            }
        }
        if (!lost.empty()) skip("[supervisord]", "there is no supervisord process: " + lost, true);
    }

    static const Setting* find(const Section& section, std::string_view name) {
        const Setting* found = nullptr;
        for (const Setting& setting : section.settings)
            if (setting.name == name) found = &setting;
        return found;
    }

    static std::int64_t
    number(const Section& section, std::string_view name, std::int64_t otherwise) {
        const Setting* const setting = find(section, name);
        if (setting == nullptr) return otherwise;
        const auto digits = unitfile::parse_digits(setting->value, 1U << 20U);
        return digits ? static_cast<std::int64_t>(*digits) : otherwise;
    }

    /// The format of %(process_num) that the program uses first.
    static std::string number_format(const Section& section, const Expansions& known) {
        for (const Setting& setting : section.settings) {
            const ExpandedSetting expanded = expand_setting(setting.value, known, "*");
            if (setting.name != "process_name" && !expanded.number_format.empty())
                return expanded.number_format;
        }
        return "%d";
    }

    void program(const Section& section) {
        Program next;
        const std::string name(trimmed(std::string_view(section.name).substr(8)));
        next.section = &section;
        next.priority = number(section, "priority", 999);
        next.count = number(section, "numprocs", 1);
        next.first = number(section, "numprocs_start", 0);
        if (next.count < 1 || next.count > static_cast<std::int64_t>(kMaxProcesses))
            return skip("[" + section.name + "]", "numprocs is not from 1 to 1000", false);
        next.name = name + (next.count > 1 ? "@" : "");
        if (const auto problem = unitfile::unit_name_problem(next.name); !problem.empty())
            return skip("[" + section.name + "]", "its name " + problem, false);
        for (const Program& known : programs_) {
            if (known.name == next.name)
                return skip("[" + section.name + "]", "there is a program of this name already",
                            false);
        }
        next.known.values = {{"program_name", name},
                             {"group_name", name},
                             {"here", folder_of(section.origin.file)},
                             {"numprocs", std::to_string(next.count)}};
        next.known.environment = environment_;
        // A single process has a number too, and it is known.
        if (next.count == 1) next.known.values["process_num"] = std::to_string(next.first);
        next.number_format = number_format(section, next.known);
        next.draft =
            std::make_unique<Draft>(next.name, section.origin.file + " [" + section.name + "]");
        programs_.push_back(std::move(next));
    }

    void group(const Section& section) {
        const std::string name(trimmed(std::string_view(section.name).substr(6)));
        if (const auto problem = unitfile::unit_name_problem(name); !problem.empty())
            return skip("[" + section.name + "]", "its name " + problem, false);
        const std::string unit = name + ".target";
        auto draft = std::make_unique<Draft>(unit, section.origin.file + " [" + section.name + "]");
        for (const Setting& setting : section.settings) {
            const std::size_t item = draft->add({setting.origin,
                                                 section.name,
                                                 setting.name,
                                                 setting.value,
                                                 Mapping::Exact,
                                                 {},
                                                 {}});
            if (setting.name == "priority") {
                draft->approximate(item, "only programs have an order");
            } else if (setting.name != "programs") {
                draft->leave_out(item, "supervisord has no such option that is known here");
            } else {
                members(*draft, item, setting.value, name, unit);
            }
        }
        draft->supply("type", unitfile::text_node("target"), "A group.");
        groups_.push_back(std::move(draft));
    }

    void members(Draft& draft,
                 std::size_t item,
                 std::string list,
                 const std::string& group,
                 const std::string& unit) {
        std::replace(list.begin(), list.end(), ',', ' ');
        for (const std::string& word : split_blanks(list)) {
            Program* const program = find_program(word);
            if (program == nullptr) {
                draft.approximate(item, "there is no program '" + word + "'");
                continue;
            }
            program->known.values["group_name"] = group;
            program->group = unit;
            if (program->count == 1) {
                draft.append(item, "wants", unitfile::text_node(program->name));
            } else {
                draft.approximate(item, "the processes of '" + word + "' start by themselves");
            }
        }
    }

    Program* find_program(std::string_view name) {
        for (Program& program : programs_) {
            const std::string_view known = program.name;
            if (known == name ||
                (known.ends_with('@') && known.substr(0, known.size() - 1) == name))
                return &program;
        }
        return nullptr;
    }

    void other(const Section& section) {
        for (const OtherSection& known : kOtherSections) {
            if (section.name.starts_with(known.begin) && section.name != "include")
                return skip("[" + section.name + "]", std::string(known.reason), true);
        }
        const bool done = section.name == "supervisord" || section.name == "include" ||
                          section.name.starts_with("program:") ||
                          section.name.starts_with("group:");
        if (!done)
            skip("[" + section.name + "]", "supervisord has no such section that is known here",
                 false);
    }

    /// supervisord starts what has a lower priority first, without waiting for it.
    void order(Program& program) {
        for (const Program& earlier : programs_) {
            if (earlier.priority >= program.priority || earlier.count > 1) continue;
            const Node* const known = program.draft->find("after");
            Node list = known == nullptr ? unitfile::list_node({}) : *known;
            list.items.push_back(unitfile::text_node(earlier.name));
            program.draft->supply("after", std::move(list), "Their priority is lower.");
        }
    }

    void finish() {
        for (Program& program : programs_) {
            for (const auto& [name, value] : environment_) {
                Node table;
                if (const Node* const known = program.draft->find("environment")) table = *known;
                table.members.push_back({name, {}, unitfile::text_node(double_percents(value))});
                program.draft->supply("environment", std::move(table), "From [supervisord].");
            }
            make_program(program, defaults_);
            order(program);
            if (!program.group.empty())
                program.draft->supply("part-of", unitfile::list_node({program.group}),
                                      "Its group.");
            result_.units.push_back(program.draft->finish(options_));
        }
        for (const auto& group : groups_)
            result_.units.push_back(group->finish(options_));
    }

    const Options& options_;
    std::vector<Section> sections_;
    std::map<std::string, std::string> environment_;
    std::map<std::string, std::string> defaults_;
    std::vector<Program> programs_;
    std::vector<std::unique_ptr<Draft>> groups_;
    Import result_;
};

} // namespace

bool is_supervisord(std::string_view text) {
    const Source source{"", std::string(text)};
    const auto sections = parse_supervisord(source);
    return std::any_of(sections.begin(), sections.end(), [](const Section& section) {
        return section.name == "supervisord" || section.name.starts_with("program:") ||
               section.name.starts_with("group:");
    });
}

Import import_supervisord(const std::vector<Source>& sources, const Options& options) {
    return Set(options).make(sources);
}

} // namespace stead::importing
