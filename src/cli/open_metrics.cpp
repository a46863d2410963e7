#include "cli/open_metrics.h"

#include <array>
#include <cstdint>
#include <cstdio>

namespace stead::cli {

namespace {

struct TypeWords {
    const char* type;
    const char* suffix;
};

constexpr std::array<TypeWords, 3> kTypes{
    {{"gauge", ""}, {"counter", "_total"}, {"info", "_info"}}};

const TypeWords& words_of(OpenMetrics::Type type) {
    return kTypes[static_cast<std::size_t>(type)];
}

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\n') {
            out += "\\n";
            continue;
        }
        if (c == '\\' || c == '"') out += '\\';
        out += c;
    }
    return out;
}

} // namespace

std::size_t OpenMetrics::family(Type type, std::string_view name, std::string_view help) {
    families_.push_back({type, std::string(name), std::string(help), {}});
    return families_.size() - 1;
}

void OpenMetrics::add(std::size_t family, const Labels& labels, std::int64_t value) {
    add_text(family, labels, std::to_string(value));
}

void OpenMetrics::add_fraction(std::size_t family,
                               const Labels& labels,
                               std::int64_t value,
                               std::int64_t divisor) {
    std::array<char, 64> text;
    (void)std::snprintf(text.data(), text.size(), "%.6f",
                        static_cast<double>(value) / static_cast<double>(divisor));
    add_text(family, labels, text.data());
}

void OpenMetrics::add_text(std::size_t family, const Labels& labels, const std::string& value) {
    Family& to = families_[family];
    to.samples += to.name + words_of(to.type).suffix;
    std::string list;
    for (const auto& [name, text] : labels)
        list += (list.empty() ? "" : ",") + std::string(name) + "=\"" + escaped(text) + "\"";
    if (!list.empty()) to.samples += "{" + list + "}";
    to.samples += " " + value + "\n";
}

std::string OpenMetrics::text() const {
    std::string out;
    for (const Family& family : families_) {
        if (family.samples.empty()) continue;
        out += "# TYPE " + family.name + " " + words_of(family.type).type + "\n";
        for (const std::string_view unit : {"seconds", "bytes"})
            if (family.name.ends_with("_" + std::string(unit)))
                out += "# UNIT " + family.name + " " + std::string(unit) + "\n";
        out += "# HELP " + family.name + " " + escaped(family.help) + "\n" + family.samples;
    }
    return out + "# EOF\n";
}

} // namespace stead::cli
