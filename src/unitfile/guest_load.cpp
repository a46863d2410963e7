#include <algorithm>
#include <cerrno>
#include <memory>

#include <dirent.h>

#include "base/close_folder.h"
#include "base/error.h"
#include "unitfile/layers.h"
#include "unitfile/reader.h"
#include "unitfile/writer.h"

/// Guest files with what lies over them.
namespace stead::unitfile {

namespace {

/// More drop-ins of one guest are a mistake.
constexpr std::size_t kMaxDropIns = 256;

std::optional<Layers>
load_layers(const std::string& path, Diagnostics& diagnostics, const std::string* text) {
    const auto own = text != nullptr ? std::optional(*text) : load_text(path, diagnostics);
    if (!own) return std::nullopt;
    auto document = parse_document(*own, path, diagnostics);
    if (!document) return std::nullopt;
    Layers layers{std::move(*document), {}, {}};
    for (const std::string& file : guest_drop_ins(path, diagnostics)) {
        const auto drop_in = load_text(file, diagnostics);
        if (!drop_in) return std::nullopt;
        auto over = parse_document(*drop_in, file, diagnostics);
        if (!over) return std::nullopt;
        lay_over(layers, std::move(*over), file);
    }
    return layers;
}

void flatten(const Layers& layers,
             const std::string& path,
             const Node& table,
             const std::string& prefix,
             std::vector<EffectiveKey>& keys) {
    for (const Member& member : table.members) {
        const Node& value = member.value;
        if (value.is(NodeType::Table) && !value.members.empty()) {
            flatten(layers, path, value, prefix + member.key + ".", keys);
            continue;
        }
        const std::string& file = value.at.layer == 0 ? path : layers.files[value.at.layer - 1];
        keys.push_back(
            {prefix + member.key, toml_of(value), {file, value.at.line, value.at.column}});
    }
}

/// Whether a line that is no comment holds `key`, or an escape, which can spell any key. A
/// comment's line in the midst of a string is none, but sets no key either.
bool holds(std::string_view text, std::string_view key) {
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        std::string_view line = text.substr(0, end);
        text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
        line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
        if (line.starts_with('#')) continue;
        if (line.find(key) != std::string_view::npos || line.find('\\') != std::string_view::npos)
            return true;
    }
    return false;
}

} // namespace

std::vector<std::string> guest_drop_ins(const std::string& path, Diagnostics& diagnostics) {
    std::vector<std::string> files;
    const std::string folder = path + ".d";
    const std::unique_ptr<DIR, CloseFolder> open(::opendir(folder.c_str()));
    if (!open) {
        if (errno != ENOENT)
            diagnostics.error({folder, 0, 0}, describe(last_error("open", "the folder")).c_str());
        return files;
    }
    // readdir is safe here: the stream is ours alone.
    while (const dirent* entry = ::readdir(open.get())) { // NOLINT(concurrency-mt-unsafe)
        const std::string_view name = entry->d_name;
        if (name.starts_with('.') || !name.ends_with(".toml")) continue;
        if (files.size() == kMaxDropIns) {
            diagnostics.error({folder, 0, 0}, "more than 256 drop-ins");
            break;
        }
        files.push_back(folder + "/" + std::string(name));
    }
    std::sort(files.begin(), files.end());
    return files;
}

std::optional<GuestSpec>
load_guest(const std::string& path, Diagnostics& diagnostics, const std::string* text) {
    const auto layers = load_layers(path, diagnostics, text);
    if (!layers) return std::nullopt;
    return read_guest_layers(*layers, path, name_of_file(path), diagnostics);
}

std::optional<std::vector<EffectiveKey>> effective_keys(const std::string& path,
                                                        Diagnostics& diagnostics) {
    const auto layers = load_layers(path, diagnostics, nullptr);
    if (!layers) return std::nullopt;
    std::vector<EffectiveKey> keys;
    flatten(*layers, path, layers->document, "", keys);
    return keys;
}

bool may_set(const std::string& path, std::string_view key) {
    Diagnostics ignored; // Who reads the file says what is wrong with it.
    const auto may = [&](const std::string& file) {
        const auto text = load_text(file, ignored);
        return !text || holds(*text, key);
    };
    if (may(path)) return true;
    const auto drop_ins = guest_drop_ins(path, ignored);
    return !ignored.empty() || std::any_of(drop_ins.begin(), drop_ins.end(), may);
}

} // namespace stead::unitfile
