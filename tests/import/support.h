#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include <gtest/gtest.h>
#include <stdlib.h> // NOLINT(modernize-deprecated-headers): mkdtemp is POSIX, not C++

#include "import/import.h"
#include "unitfile/document.h"
#include "unitfile/reader.h"
#include "unitfile/writer.h"

namespace stead::importing::test {

inline Import import_of(const std::string& text, const std::string& name = "web.service") {
    return import_systemd({{name, {{"/units/" + name, text}}, {}, {}}}, {});
}

/// The one unit that `text` becomes.
inline ImportedUnit unit_of(const std::string& text, const std::string& name = "web.service") {
    Import import = import_of(text, name);
    EXPECT_EQ(import.units.size(), 1U);
    return import.units.empty() ? ImportedUnit{} : std::move(import.units.front());
}

/// A service with these lines in [Service], beside its command.
inline ImportedUnit service(const std::string& lines) {
    return unit_of("[Service]\nExecStart=/bin/web\n" + lines);
}

/// The one guest that a .nspawn file of /etc becomes.
inline ImportedUnit nspawn(const std::string& text, const std::string& name = "web") {
    Import import =
        import_nspawn({name, {"/etc/systemd/nspawn/" + name + ".nspawn", text}, false}, {});
    EXPECT_EQ(import.units.size(), 1U)
        << (import.skipped.empty() ? "" : import.skipped.front().reason);
    return import.units.empty() ? ImportedUnit{} : std::move(import.units.front());
}

inline LxcConfig lxc_config(const std::string& text, const std::string& name = "web") {
    return {name, {"/var/lib/lxc/" + name + "/config", text}, {}, {}};
}

/// The one guest that these lines below a root become.
inline ImportedUnit lxc(const std::string& lines) {
    Import import = import_lxc({lxc_config("lxc.rootfs.path = /srv/web\n" + lines)}, {});
    EXPECT_EQ(import.units.size(), 1U)
        << (import.skipped.empty() ? "" : import.skipped.front().reason);
    return import.units.empty() ? ImportedUnit{} : std::move(import.units.front());
}

/// The value of a key ("restart.policy") as TOML; empty: it is not there.
inline std::string value(const ImportedUnit& unit, const std::string& key) {
    unitfile::Diagnostics diagnostics;
    const auto root = unitfile::parse_document(unit.text, unit.name, diagnostics);
    EXPECT_TRUE(root) << unit.text << unitfile::render(diagnostics);
    if (!root) return {};
    const unitfile::Node* node = &*root;
    for (std::string rest = key; !rest.empty();) {
        const auto dot = std::min(rest.find('.'), rest.size());
        const unitfile::Member* const whole = node->find(rest);
        const unitfile::Member* const next =
            whole != nullptr ? whole : node->find(rest.substr(0, dot));
        if (next == nullptr) return {};
        node = &next->value;
        rest = whole != nullptr ? "" : rest.substr(std::min(dot + 1, rest.size()));
    }
    return unitfile::toml_of(*node);
}

inline const Item* find_item(const ImportedUnit& unit, const std::string& name) {
    const auto found = std::find_if(unit.items.begin(), unit.items.end(),
                                    [&](const Item& item) { return item.name == name; });
    return found == unit.items.end() ? nullptr : &*found;
}

inline Mapping mapping(const ImportedUnit& unit, const std::string& name) {
    const Item* const item = find_item(unit, name);
    EXPECT_NE(item, nullptr) << name;
    return item == nullptr ? Mapping::NotMapped : item->mapping;
}

inline std::string note(const ImportedUnit& unit, const std::string& name) {
    const Item* const item = find_item(unit, name);
    return item == nullptr ? "" : item->note;
}

/// What the reader of unit and guest files says against `unit`, but for keys of units that it does
/// not support yet.
inline std::string mistakes(const ImportedUnit& unit) {
    unitfile::Diagnostics diagnostics;
    const bool is_guest = unit.kind == unitfile::Kind::Guest;
    const std::string name = unit.name + (unit.name.ends_with('@') ? "1" : "");
    if (is_guest) {
        (void)unitfile::read_guest(unit.text, unit.name + ".toml", name, diagnostics);
        EXPECT_EQ(unitfile::kind_of(unit.text), unitfile::Kind::Guest);
    } else {
        (void)unitfile::read_unit(unit.text, unit.name + ".toml", name, diagnostics);
    }
    std::string all;
    for (const unitfile::Diagnostic& diagnostic : diagnostics.all()) {
        if (is_guest || !diagnostic.message.ends_with("not supported yet"))
            all += unitfile::render(diagnostic);
    }
    return all;
}

/// A folder that is gone at the end.
class Folder {
public:
    Folder() {
        std::string path =
            (std::filesystem::temp_directory_path() / "stead-import-XXXXXX").string();
        path_ = ::mkdtemp(path.data());
    }

    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    Folder(Folder&&) = delete;
    Folder& operator=(Folder&&) = delete;

    std::string write(const std::string& name, const std::string& text) const {
        const std::filesystem::path file = path_ + "/" + name;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file, std::ios::binary) << text;
        return file.string();
    }

    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
};

} // namespace stead::importing::test
