#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "import/lxc.h"
#include "import/read.h"
#include "import/systemd_text.h"

/// Containers' files and what they include.
namespace stead::importing {

namespace {

namespace fs = std::filesystem;

/// Files that one configuration includes, those of its folders counted one by one.
constexpr std::size_t kMaxIncluded = 256;

class LxcReader {
public:
    LxcReader(Source main, const Options& options)
        : options_(options)
        , folder_(fs::path(main.path).parent_path()) {
        config_.name = name_of(main.path);
        config_.source = std::move(main);
    }

    LxcConfig read() {
        scan(config_.source);
        // What is read may include more; nothing is read twice.
        for (std::size_t next = 0; next < names_.size(); ++next) {
            const auto [name, is_table] = names_[next];
            const std::vector<Source> files = files_of(name);
            if (files.empty()) continue;
            for (const Source& file : files) {
                if (!is_table) scan(file);
                if (is_table ? !is_mount_table(file.text) : !is_configuration(file))
                    config_.unreadable[name] =
                        file.path + (is_table ? " is no fstab" : " is no configuration of LXC's");
            }
            config_.included[name] = files;
        }
        return std::move(config_);
    }

private:
    /// "web" of /var/lib/lxc/web/config, "web" of web.conf.
    static std::string name_of(const std::string& path) {
        std::error_code failed;
        const fs::path whole = fs::absolute(path, failed).lexically_normal();
        if (whole.filename() == "config") return whole.parent_path().filename().string();
        return whole.stem().string();
    }

    /// What includes are told to read is shown line by line: nothing but what it should be.
    static bool is_configuration(const Source& source) {
        return is_lxc(source.text) || parse_lxc(source).empty();
    }

    static bool is_mount_table(std::string_view text) {
        while (!text.empty()) {
            const auto end = std::min(text.find('\n'), text.size());
            const std::string_view line = trimmed(text.substr(0, end));
            if (!line.empty() && line.front() != '#' && split_blanks(line).size() < 3) return false;
            text.remove_prefix(std::min(end + 1, text.size()));
        }
        return true;
    }

    void scan(const Source& source) {
        for (const ConfigLine& setting : parse_lxc(source)) {
            const bool table = setting.name == "lxc.mount.fstab";
            if ((!table && setting.name != "lxc.include") || setting.value.empty()) continue;
            const bool known = std::any_of(names_.begin(), names_.end(), [&](const auto& name) {
                return name.first == setting.value;
            });
            if (!known && names_.size() < kMaxIncluded) names_.emplace_back(setting.value, table);
        }
    }

    std::vector<Source> files_of(const std::string& name) {
        const std::string path =
            name.starts_with('/') ? options_.root + name : (folder_ / name).string();
        std::error_code failed;
        std::vector<Source> files;
        if (!fs::is_directory(path, failed)) {
            add(name, path, files);
            return files;
        }
        std::vector<std::string> entries;
        for (fs::directory_iterator next(path, failed), end; !failed && next != end;
             next.increment(failed)) {
            if (next->path().extension() == ".conf") entries.push_back(next->path().string());
            if (entries.size() == kMaxIncluded) break;
        }
        std::sort(entries.begin(), entries.end());
        for (const std::string& entry : entries)
            add(name, entry, files);
        // An empty folder includes nothing, and that is no mistake.
        if (files.empty() && !config_.unreadable.contains(name)) config_.included[name] = {};
        return files;
    }

    void add(const std::string& name, const std::string& path, std::vector<Source>& files) {
        if (count_ == kMaxIncluded) {
            config_.unreadable[name] = "more than 256 files are included";
            return;
        }
        ++count_;
        ReadText read = read_source(path);
        if (read.text) {
            files.push_back({path, std::move(*read.text)});
        } else {
            config_.unreadable[name] = path + " " + read.problem;
        }
    }

    const Options& options_;
    fs::path folder_;
    LxcConfig config_;
    std::vector<std::pair<std::string, bool>> names_;
    std::size_t count_ = 0;
};

} // namespace

bool is_container_name(std::string_view name) {
    return name.ends_with(".nspawn") || name == "config";
}

NspawnFile nspawn_of(Source source, const Options& options) {
    std::error_code failed;
    const fs::path path = fs::absolute(source.path, failed).lexically_normal();
    const bool beside = path.parent_path() == options.root + "/var/lib/machines";
    return {path.stem().string(), std::move(source), beside};
}

LxcConfig read_lxc(Source main, const Options& options) {
    return LxcReader(std::move(main), options).read();
}

} // namespace stead::importing
