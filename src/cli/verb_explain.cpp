#include <algorithm>

#include <nlohmann/json.hpp>

#include "cli/guest_source.h"
#include "cli/options.h"
#include "cli/verbs.h"
#include "compile/score.h"
#include "guests/facts.h"
#include "guests/network.h"

namespace stead::cli {

namespace {

constexpr std::size_t kTextColumn = 16;

/// Each topic once, at the first of its lines; where a value comes from stands dim behind it.
void print(Console& console, const std::vector<compile::Explanation>& lines) {
    std::string_view topic;
    for (const compile::Explanation& line : lines) {
        std::string heading = line.topic == topic ? std::string() : line.topic;
        topic = line.topic;
        heading.resize(std::max(heading.size() + 1, kTextColumn), ' ');
        const std::string origin =
            line.origin.empty() ? std::string()
                                : console.paint(Colour::Dim, "  (" + safe(line.origin) + ")");
        console.line(console.paint(Colour::Bold, heading) + safe(line.text) + origin);
    }
}

/// What a running guest really has, behind what its file says of its network.
void add_addresses(std::vector<compile::Explanation>& lines,
                   const std::vector<std::string>& addresses) {
    std::string text;
    for (const std::string& address : addresses)
        text += (text.empty() ? "has now " : ", ") + address;
    const auto last = std::find_if(lines.rbegin(), lines.rend(),
                                   [](const auto& line) { return line.topic == "network"; });
    if (!text.empty() && last != lines.rend())
        lines.insert(last.base(), {"network", text, "the running guest"});
}

nlohmann::json as_json(const std::vector<compile::Explanation>& lines) {
    auto list = nlohmann::json::array();
    for (const compile::Explanation& line : lines) {
        list.push_back({{"topic", line.topic}, {"text", line.text}, {"origin", line.origin}});
    }
    return list;
}

std::string in_points(int tenths) {
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10);
}

void print_score(Console& console, const compile::Score& score) {
    for (const compile::Finding& finding : score.findings) {
        std::string heading = in_points(finding.tenths) + "  " + finding.topic;
        heading.resize(std::max(heading.size() + 1, kTextColumn + 5), ' ');
        const std::string origin =
            finding.origin.empty() ? std::string() : "  (" + safe(finding.origin) + ")";
        console.line(console.paint(Colour::Bold, heading) + safe(finding.text) +
                     console.paint(Colour::Dim, origin));
        console.line(std::string(kTextColumn + 5, ' ') +
                     console.paint(Colour::Dim, "less: " + safe(finding.advice)));
    }
    console.line(console.paint(Colour::Bold, "exposure " + in_points(score.tenths) +
                                                 " of 10: " + std::string(score.grade())));
}

nlohmann::json as_json(const compile::Score& score) {
    auto findings = nlohmann::json::array();
    for (const compile::Finding& finding : score.findings)
        findings.push_back({{"points", finding.tenths / 10.0},
                            {"topic", finding.topic},
                            {"text", finding.text},
                            {"advice", finding.advice},
                            {"origin", finding.origin}});
    return {{"exposure", score.tenths / 10.0},
            {"grade", std::string(score.grade())},
            {"findings", std::move(findings)}};
}

} // namespace

int verb_explain(Context& context, Arguments arguments) {
    std::string word;
    bool json = false;
    bool graded = false;
    Options options(context, "explain");
    options.positional("NAME|FILE", word, "a guest, a guest file, or a unit file (a jail of it)");
    options.flag("--score", graded,
                 "grade it instead: what it leaves open, and what would close that");
    options.flag("--json", json, "the same for programs");
    if (const auto code = options.parse(arguments)) return *code;

    const auto paths = guests::Paths::from_environment();
    unitfile::Diagnostics diagnostics;
    int code = kAskedWrongly;
    auto guest = find_guest(context, paths, word, diagnostics, code);
    if (!guest) return code;
    const auto compiled =
        compile_for(context, *guest, guests::host_facts(paths, false), diagnostics);
    if (!compiled) return kAskedWrongly;

    if (graded) {
        const compile::Score score = compile::score(*compiled);
        if (json) {
            context.console.json(as_json(score));
        } else {
            print_score(context.console, score);
        }
        return kDone;
    }
    auto lines = compile::explain(*compiled);
    add_addresses(lines, guests::addresses_of(paths, guest->name));
    if (json) {
        context.console.json(as_json(lines));
    } else {
        print(context.console, lines);
    }
    return kDone;
}

} // namespace stead::cli
