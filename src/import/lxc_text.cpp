#include <algorithm>
#include <set>

#include "import/lxc.h"
#include "import/systemd_text.h"

/// The syntax of LXC's files.
namespace stead::importing {

namespace {

/// Files within files; the same bound keeps a chain of them short.
constexpr int kMaxDepth = 16;
/// Lines that include: a file that is named again and again is read no more often.
constexpr int kMaxIncludes = 256;

std::string_view without_quotes(std::string_view value) {
    const bool quoted = value.size() >= 2 && value.front() == value.back() &&
                        (value.front() == '"' || value.front() == '\'');
    return quoted ? value.substr(1, value.size() - 2) : value;
}

ConfigLine read_line(std::string_view line, Origin origin) {
    ConfigLine setting{{}, {}, {}, std::move(origin), {}};
    const auto mark = line.find_first_of("=:");
    if (mark == std::string_view::npos) {
        setting.value = line;
        setting.problem = "not understood: the line has no '='";
        return setting;
    }
    setting.name = trimmed(line.substr(0, mark));
    setting.value = without_quotes(trimmed(line.substr(mark + 1)));
    if (setting.name.empty()) setting.problem = "not understood: there is no name before the '='";
    return setting;
}

class Flattener {
public:
    explicit Flattener(const LxcConfig& config)
        : config_(config) {}

    std::vector<ConfigLine> flatten() {
        take(config_.source);
        return std::move(all_);
    }

private:
    void take(const Source& source) {
        for (ConfigLine& setting : parse_lxc(source)) {
            if (all_.size() > kMaxDirectives) return;
            const std::string name = setting.name;
            const std::string value = setting.value;
            if (all_.size() == kMaxDirectives)
                setting.problem =
                    "more than " + std::to_string(kMaxDirectives) + " lines; the rest is left out";
            all_.push_back(std::move(setting));
            if (name == "lxc.include" && !value.empty()) include(value);
            if (name == "lxc.mount.fstab" && !value.empty()) table(value);
        }
    }

    /// The files behind a name; where there are none, why stands at the line.
    const std::vector<Source>* files_of(const std::string& name) {
        const auto bad = config_.unreadable.find(name);
        if (bad != config_.unreadable.end()) {
            all_.back().problem = bad->second;
            return nullptr;
        }
        const auto found = config_.included.find(name);
        if (found != config_.included.end()) return &found->second;
        all_.back().problem = "what it names was not read";
        return nullptr;
    }

    void include(const std::string& name) {
        if (open_.contains(name)) {
            all_.back().problem = "it includes itself";
            return;
        }
        if (static_cast<int>(open_.size()) == kMaxDepth) {
            all_.back().problem = "more than 16 files within each other";
            return;
        }
        if (++includes_ > kMaxIncludes) {
            all_.back().problem = "more than 256 lines include files";
            return;
        }
        const std::vector<Source>* const files = files_of(name);
        if (files == nullptr) return;
        open_.insert(name);
        for (const Source& file : *files)
            take(file);
        open_.erase(name);
    }

    /// An fstab: every line of it is an lxc.mount.entry.
    void table(const std::string& name) {
        const std::vector<Source>* const files = files_of(name);
        if (files == nullptr) return;
        for (const Source& file : *files) {
            std::uint32_t number = 0;
            for (std::string_view rest = file.text; !rest.empty();) {
                const auto end = std::min(rest.find('\n'), rest.size());
                const std::string_view line = trimmed(rest.substr(0, end));
                rest.remove_prefix(std::min(end + 1, rest.size()));
                ++number;
                if (line.empty() || line.front() == '#') continue;
                if (all_.size() >= kMaxDirectives) return;
                all_.push_back({{}, "lxc.mount.entry", std::string(line), {file.path, number}, {}});
            }
        }
    }

    const LxcConfig& config_;
    std::vector<ConfigLine> all_;
    std::set<std::string> open_;
    int includes_ = 0;
};

int octal(char c) {
    return c >= '0' && c <= '7' ? c - '0' : -1;
}

/// fstab(5): blanks in paths are octal escapes.
std::string unescaped(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 3 < text.size() && octal(text[i + 1]) >= 0 &&
            octal(text[i + 2]) >= 0 && octal(text[i + 3]) >= 0) {
            const int code = octal(text[i + 1]) * 64 + octal(text[i + 2]) * 8 + octal(text[i + 3]);
            if (code > 0 && code < 128) {
                out += static_cast<char>(code);
                i += 3;
                continue;
            }
        }
        out += text[i];
    }
    return out;
}

} // namespace

bool MountLine::has(std::string_view option) const {
    return std::find(options.begin(), options.end(), option) != options.end();
}

std::vector<ConfigLine> parse_lxc(const Source& source) {
    std::vector<ConfigLine> all;
    std::uint32_t number = 0;
    for (std::string_view rest = source.text; !rest.empty();) {
        const auto end = std::min(rest.find('\n'), rest.size());
        const std::string_view line = trimmed(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
        ++number;
        if (line.empty() || line.front() == '#') continue;
        if (line.front() == '[' && line.back() == ']') break;
        if (all.size() == kMaxDirectives + 1) break;
        all.push_back(read_line(line, {source.path, number}));
    }
    return all;
}

std::vector<ConfigLine> flatten_lxc(const LxcConfig& config) {
    return Flattener(config).flatten();
}

MountLine parse_mount(std::string_view text) {
    MountLine mount;
    const auto words = split_blanks(text);
    if (words.size() < 2) {
        mount.problem = "it is no line of an fstab";
        return mount;
    }
    mount.source = unescaped(words[0]);
    mount.target = unescaped(words[1]);
    mount.type = words.size() > 2 ? words[2] : "none";
    std::string_view options = words.size() > 3 ? std::string_view(words[3]) : "defaults";
    while (!options.empty()) {
        const auto comma = std::min(options.find(','), options.size());
        if (comma != 0) mount.options.emplace_back(options.substr(0, comma));
        options.remove_prefix(std::min(comma + 1, options.size()));
    }
    return mount;
}

bool is_lxc(std::string_view text) {
    const auto lines = parse_lxc({"", std::string(text)});
    return std::any_of(lines.begin(), lines.end(), [](const ConfigLine& setting) {
        return setting.problem.empty() && setting.name.starts_with("lxc.");
    });
}

} // namespace stead::importing
