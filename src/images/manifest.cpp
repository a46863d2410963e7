#include "images/manifest.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>

#include "images/digest.h"
#include "images/names.h"
#include "images/tree.h"
#include "sys/file.h"
#include "sys/tree.h"

namespace stead::images {

namespace {

constexpr std::string_view kHeading = "stead-manifest 1\n";
constexpr std::size_t kFlushAt = std::size_t{1} << 18U;

char letter_of(mode_t mode) {
    if (S_ISREG(mode)) return 'f';
    if (S_ISDIR(mode)) return 'd';
    if (S_ISLNK(mode)) return 'l';
    if (S_ISFIFO(mode)) return 'p';
    if (S_ISSOCK(mode)) return 's';
    return 'n';
}

std::string octal(mode_t mode) {
    std::string text;
    for (int shift = 9; shift >= 0; shift -= 3)
        text += static_cast<char>('0' + (mode >> static_cast<unsigned>(shift) & 7U));
    return text;
}

/// The attributes that an image keeps, as one sum; "-" for none.
Result<std::string> attributes_of(int fd) {
    std::array<char, 65536> names{};
    const std::size_t size = TRY(sys::list_attributes(fd, names));
    std::map<std::string, std::vector<std::byte>> found;
    for (std::string_view rest(names.data(), size); !rest.empty();) {
        std::string name(rest.substr(0, rest.find('\0')));
        rest.remove_prefix(std::min(name.size() + 1, rest.size()));
        if (name != "security.capability" && !name.starts_with("user.")) continue;
        std::vector<std::byte> value(65536);
        value.resize(TRY(sys::read_attribute(fd, name.c_str(), value)));
        found.emplace(std::move(name), std::move(value));
    }
    if (found.empty()) return std::string("-");
    Digest digest;
    for (const auto& [name, value] : found) {
        digest.add(std::as_bytes(std::span(name.c_str(), name.size() + 1)));
        digest.add(value);
    }
    return digest.hex();
}

/// Content's sums of files with several names, which are read once.
using Known = std::map<ino_t, std::string>;

/// "0644 0 0 12 SUM ATTRIBUTES" of one file.
Result<std::string> facts_of(const Step& step, Known& known, Totals& totals) {
    const struct stat& status = step.status;
    std::string size = "-";
    std::string sum = "-";
    std::string attributes = "-";
    if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) {
        const sys::UniqueFd file = TRY(sys::open_at(step.folder, step.name.c_str(),
                                                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
        attributes = TRY(attributes_of(file.get()));
        if (S_ISREG(status.st_mode)) {
            size = std::to_string(status.st_size);
            std::string& before = known[status.st_nlink > 1 ? status.st_ino : 0];
            if (status.st_nlink > 1 && !before.empty()) {
                sum = before;
            } else {
                sum = TRY(sum_of(file.get())).hex;
                totals.bytes += static_cast<std::uint64_t>(status.st_size);
                if (status.st_nlink > 1) before = sum;
            }
        }
    }
    ++totals.files;
    return octal(status.st_mode & 07777U) + " " + std::to_string(status.st_uid) + " " +
           std::to_string(status.st_gid) + " " + size + " " + sum + " " + attributes;
}

Result<std::string> link_text(const Step& step) {
    std::array<char, 4097> text{};
    const std::size_t size = TRY(sys::read_link(step.folder, step.name.c_str(), text));
    return escape_word(std::string_view(text.data(), size));
}

/// A line but for the name at its end; that is "-" for what is no link.
Result<std::string> line_of(const Step& step, Known& known, Totals& totals) {
    std::string line(1, letter_of(step.status.st_mode));
    line += " " + TRY(facts_of(step, known, totals));
    line += " " + (S_ISLNK(step.status.st_mode) ? TRY(link_text(step)) : std::string("-"));
    return line;
}

/// Every file's line and path, the root's ("." ) first.
Result<Totals>
each_line(int root,
          FunctionRef<Result<void>(const std::string& line, const std::string& path)> take) {
    Totals totals;
    Known known;
    const std::string here = ".";
    const struct stat own = TRY(sys::status_at(root, "", AT_EMPTY_PATH));
    const Step first{root, here, here, own};
    const std::string own_line = TRY(line_of(first, known, totals));
    TRY(take(own_line, here));
    const auto visit = [&](const Step& step) -> Result<Way> {
        const std::string line = TRY(line_of(step, known, totals));
        TRY(take(line, step.path));
        return Way::On;
    };
    TRY(walk(root, visit));
    return totals;
}

struct Fields {
    std::string_view facts;
    std::string path;
};

/// Splits "f 0644 0 0 12 SUM ATTRIBUTES LINK NAME" before its last word.
std::optional<Fields> split(std::string_view line) {
    const std::size_t blank = line.rfind(' ');
    if (blank == std::string_view::npos) return std::nullopt;
    const std::string_view facts = line.substr(0, blank);
    if (std::count(facts.begin(), facts.end(), ' ') != 7) return std::nullopt;
    auto path = unescape_word(line.substr(blank + 1));
    if (!path || path->empty()) return std::nullopt;
    return Fields{facts, *std::move(path)};
}

constexpr std::array<std::string_view, 8> kWhat{"kind", "mode",    "owner",      "group",
                                                "size", "content", "attributes", "link"};

/// What differs between two lines: "content, size".
std::string difference(std::string_view before, std::string_view now) {
    std::string text;
    for (const std::string_view what : kWhat) {
        const auto take = [](std::string_view& line) {
            const std::string_view word = line.substr(0, line.find(' '));
            line.remove_prefix(std::min(word.size() + 1, line.size()));
            return word;
        };
        if (take(before) == take(now)) continue;
        text += (text.empty() ? "" : ", ") + std::string(what);
    }
    return text;
}

} // namespace

Result<Totals> write_manifest(int root, int out) {
    std::string text(kHeading);
    const auto take = [&](const std::string& line, const std::string& path) -> Result<void> {
        text += line;
        text += ' ';
        text += escape_word(path);
        text += '\n';
        if (text.size() < kFlushAt) return {};
        TRY(sys::write_full(out, text));
        text.clear();
        return {};
    };
    const Totals totals = TRY(each_line(root, take));
    TRY(sys::write_full(out, text));
    return totals;
}

bool compare_manifest(int root,
                      std::string_view manifest,
                      std::size_t most,
                      Differences& differences,
                      Report& report) {
    if (!manifest.starts_with(kHeading)) return report.fail("the manifest is none");
    manifest.remove_prefix(kHeading.size());
    std::unordered_map<std::string, std::string_view> expected;
    while (!manifest.empty()) {
        const std::string_view line = manifest.substr(0, manifest.find('\n'));
        manifest.remove_prefix(std::min(line.size() + 1, manifest.size()));
        auto fields = split(line);
        if (!fields) return report.fail("the manifest has a line that is none");
        expected.emplace(std::move(fields->path), fields->facts);
    }
    const auto differs = [&](const std::string& path, const std::string& how) {
        ++differences.count;
        if (differences.lines.size() < most) differences.lines.push_back(path + ": " + how);
    };
    const auto compared = [&](const std::string& line, const std::string& path) -> Result<void> {
        const auto found = expected.find(path);
        if (found == expected.end()) {
            differs(path, "is new");
        } else {
            if (found->second != line) differs(path, difference(found->second, line) + " changed");
            expected.erase(found);
        }
        return {};
    };
    const auto walked = each_line(root, compared);
    if (!walked) return report.fail("", walked.error());
    std::set<std::string> missing;
    for (const auto& [path, facts] : expected)
        missing.insert(path);
    for (const std::string& path : missing)
        differs(path, "is missing");
    return true;
}

} // namespace stead::images
