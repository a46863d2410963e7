#include "resources/change.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <nlohmann/json.hpp>

#include "resources/account.h"
#include "resources/disk.h"
#include "resources/files.h"
#include "resources/freeze.h"

namespace stead::resources {

namespace {

/// "-" where the kernel's answer is not wanted.
std::string words_of(const Error& error) {
    return std::string(describe(error).view());
}

/// What the kernel means by refusing this content of this level.
std::string refusal(const Step& step, const Error& error) {
    const Level& level = *step.level;
    const std::string key(level.key);
    const std::string what =
        key + ": " + object_name(level) + " does not take '" + in_words(level, step.after) + "'";
    switch (error.code) {
    case ENOENT:
        return key + ": this kernel has no " + object_name(level) +
               (level.needs.empty() ? "; a newer one may"
                                    : "; it needs " + std::string(level.needs));
    case EINVAL:
        if (level.key == "cpu-max-burst")
            return what + ": it must not be above cpu-max's own time of 100 ms; set both";
        if (level.key == "cpu-weight" || level.key == "cpu-weight-nice")
            return what + ": a group with cpu-idle has no share; set cpu-idle=false too";
        if (level.kernel == Kernel::TmpfsSize)
            return what + ": more than that is in use there; delete something first";
        return what + ": " + words_of(error);
    case ENODEV:
        return what + ": there is no such device";
    case EXDEV:
        return key + ": what the guest has at " + std::string(level.object) +
               " is not its own; change it where it comes from";
    case EPERM:
        if (level.kernel == Kernel::Rlimit)
            return what + ": raising hard limits needs CAP_SYS_RESOURCE; ask for less";
        break;
    case ETIMEDOUT:
        return key + ": the processes could not be made to stand still within 2 s";
    default:
        break;
    }
    return what + ": " + words_of(error);
}

std::optional<std::uint64_t> bytes_of(const std::string& content) {
    if (content == "max") return UINT64_MAX;
    std::uint64_t value = 0;
    const auto [end, error] =
        std::from_chars(content.data(), content.data() + content.size(), value);
    if (error != std::errc{} || end == content.data()) return std::nullopt;
    return value;
}

/// What a level below the present use brings about, of a disk.
std::string disk_consequence(const Subject& subject, const Wish& wish) {
    const auto held = disk_use(subject, *wish.level);
    const auto level = bytes_of(wish.content);
    if (!held || !level || *level >= static_cast<std::uint64_t>(*held)) return {};
    return std::string(wish.level->key) + " " + in_words(*wish.level, wish.content) +
           " is below the " + use_in_words(*wish.level, *held) +
           " in use: nothing is lost, and nothing more can be written until space is freed";
}

/// What a level below the present use brings about.
std::string consequence(const Subject& subject, const Wish& wish) {
    if (wish.level->kernel == Kernel::DiskQuota) return disk_consequence(subject, wish);

    struct Below {
        std::string_view key;
        std::string_view held;
        std::string_view what;
    };

    constexpr std::array kBelow = {
        Below{"memory-max", "memory.current",
              "the kernel takes back what it can and then ends processes of it"},
        Below{"memory-high", "memory.current",
              "its processes are slowed down until enough is given back"},
        Below{"memory-swap-max", "memory.swap.current",
              "nothing more is swapped out; what is there stays until it is used"},
        Below{"pids-max", "pids.current", "no process ends, and no new one can be started"},
        Below{"hugetlb-2MB-max", "hugetlb.2MB.current", "no further page is given out"},
        Below{"hugetlb-1GB-max", "hugetlb.1GB.current", "no further page is given out"}};
    for (const Below& one : kBelow) {
        if (one.key != wish.level->key) continue;
        const auto text = read_text(subject.cgroup + "/" + std::string(one.held));
        const auto held = text ? bytes_of(*text) : std::nullopt;
        const auto level = bytes_of(wish.content);
        if (held && level && *level < *held)
            return std::string(one.key) + " " + in_words(*wish.level, wish.content) +
                   " is below the " + in_words(*wish.level, *text) +
                   " in use: " + std::string(one.what);
    }
    return {};
}

/// Of cpu.idle and cpu.weight.
void note_companion(const Subject& subject, Step& step) {
    if (step.level->key != "cpu-idle" || step.before != "0") return;
    const Level* const weight = find_level("cpu-weight");
    const auto before = read_level(subject, *weight, "");
    if (!before) return;
    step.also = weight;
    step.also_before = *before;
}

bool take(const Subject& subject, const Step& step, std::string& problem) {
    const auto written = write_level(subject, *step.level, step.after);
    if (!written) {
        problem = refusal(step, written.error());
        return false;
    }
    const auto found = read_level(subject, *step.level, step.after);
    if (found && holds(*step.level, step.after, *found)) return true;
    problem = std::string(step.level->key) + ": " + object_name(*step.level) + " is " +
              (found ? "'" + in_words(*step.level, *found) + "'" : "not readable") + " after '" +
              in_words(*step.level, step.after) + "' was written to it";
    return false;
}

nlohmann::json step_json(const Step& step) {
    nlohmann::json json{{"key", step.level->key}, {"before", step.before}, {"after", step.after}};
    if (step.also != nullptr)
        json.update({{"also", step.also->key}, {"also-before", step.also_before}});
    return json;
}

std::string text_in(const nlohmann::json& json, const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::optional<Step> step_of(const nlohmann::json& json) {
    if (!json.is_object()) return std::nullopt;
    Step step{find_level(text_in(json, "key")), text_in(json, "before"), text_in(json, "after"),
              nullptr, text_in(json, "also-before")};
    if (step.level == nullptr) return std::nullopt;
    if (json.contains("also")) step.also = find_level(text_in(json, "also"));
    return step;
}

} // namespace

std::vector<std::string>
contradictions(const std::function<std::string(std::string_view key)>& value) {
    struct Pair {
        std::string_view low;
        std::string_view high;
    };

    constexpr std::array kPairs = {
        Pair{"memory-min", "memory-max"}, Pair{"memory-low", "memory-max"},
        Pair{"memory-min", "memory-high"}, Pair{"memory-swap-high", "memory-swap-max"}};
    std::vector<std::string> problems;
    for (const Pair& pair : kPairs) {
        const std::string low_text = value(pair.low);
        const std::string high_text = value(pair.high);
        const auto low = bytes_of(low_text);
        const auto high = bytes_of(high_text);
        // A high mark without an end is the default, and no wish.
        if (!low || !high || *low <= *high || low_text == "max") continue;
        problems.push_back(std::string(pair.low) + " (" +
                           in_words(*find_level(pair.low), low_text) + ") is above " +
                           std::string(pair.high) + " (" +
                           in_words(*find_level(pair.high), high_text) + "); change one of them");
    }
    const std::string least = value("cpu-uclamp-min");
    const std::string most = value("cpu-uclamp-max");
    if (!least.empty() && !most.empty() && most != "max") {
        double low = 0;
        double high = 100;
        (void)std::from_chars(least.data(), least.data() + least.size(), low);
        (void)std::from_chars(most.data(), most.data() + most.size(), high);
        if (low > high || least == "max")
            problems.push_back("cpu-uclamp-min (" + least + ") is above cpu-uclamp-max (" + most +
                               "); change one of them");
    }
    return problems;
}

Plan plan_change(const Subject& subject, const std::vector<Wish>& wishes, bool dry) {
    Plan plan;
    for (const Wish& wish : wishes) {
        std::string problem = impossible(subject, *wish.level);
        if (!problem.empty()) {
            plan.problems.push_back(std::move(problem));
            continue;
        }
        Step step{wish.level, {}, wish.content, nullptr, {}};
        if (!dry) {
            const auto enabled = enable_controller(subject, *wish.level);
            if (!enabled)
                plan.problems.push_back(std::string(wish.level->key) + ": the controller '" +
                                        std::string(controller_of(*wish.level)) +
                                        "' cannot be switched on: " + words_of(enabled.error()));
        }
        const auto before = read_level(subject, *wish.level, wish.content);
        if (before) {
            step.before = *before;
            note_companion(subject, step);
        } else if (!dry) {
            plan.problems.push_back(refusal(step, before.error()));
        }
        const std::string note = consequence(subject, wish);
        if (!note.empty()) plan.notes.push_back(note);
        plan.steps.push_back(std::move(step));
    }
    const auto problems = contradictions([&](std::string_view key) -> std::string {
        for (const Step& step : plan.steps) {
            if (step.level->key == key) return step.after;
        }
        const auto now = read_level(subject, *find_level(key), "");
        return now ? *now : std::string();
    });
    plan.problems.insert(plan.problems.end(), problems.begin(), problems.end());
    return plan;
}

std::optional<std::string> apply(const Subject& subject,
                                 const std::vector<Step>& steps,
                                 const std::function<void(std::size_t)>& between) {
    // Some levels must not be above others at any moment (cpu-max-burst), so what is refused is
    // tried again once another one has been taken.
    std::vector<const Step*> waiting;
    waiting.reserve(steps.size());
    for (const Step& step : steps)
        waiting.push_back(&step);
    std::size_t taken = 0;
    std::string problem;
    while (!waiting.empty()) {
        const std::size_t before = waiting.size();
        std::vector<const Step*> refused;
        for (const Step* step : waiting) {
            if (!take(subject, *step, problem)) {
                refused.push_back(step);
                continue;
            }
            if (between) between(taken);
            ++taken;
        }
        if (refused.size() == before) {
            roll_back(subject, steps);
            return problem;
        }
        waiting = std::move(refused);
    }
    return std::nullopt;
}

void roll_back(const Subject& subject, const std::vector<Step>& steps) {
    // Twice: what hangs on another level goes back once that one has.
    for (int round = 0; round < 2; ++round) {
        for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
            const auto now = read_level(subject, *step->level, step->after);
            const bool per_process =
                step->level->kernel == Kernel::Rlimit || step->level->kernel == Kernel::OomScore;
            if (now && *now == step->before && !per_process) continue;
            // A level that cannot be written back belongs to something that has gone.
            (void)write_level(subject, *step->level, step->before);
            if (step->also != nullptr) (void)write_level(subject, *step->also, step->also_before);
        }
    }
}

std::string write_down(const Subject& subject, const std::vector<Step>& steps) {
    nlohmann::json json{{"name", subject.name},
                        {"cgroup", subject.cgroup},
                        {"above", subject.above},
                        {"init", subject.init},
                        {"unit", subject.unit},
                        {"disk", subject.disk},
                        // A crash may leave everything standing still.
                        {"frozen", is_frozen(subject.cgroup)},
                        {"steps", nlohmann::json::array()}};
    for (const Step& step : steps)
        json["steps"].push_back(step_json(step));
    return json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::optional<WrittenDown> read_written(std::string_view text) {
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object() || !json.contains("steps") || !json["steps"].is_array())
        return std::nullopt;
    WrittenDown written;
    written.subject.name = text_in(json, "name");
    written.subject.cgroup = text_in(json, "cgroup");
    written.subject.disk = text_in(json, "disk");
    if (const auto above = json.find("above"); above != json.end() && above->is_array()) {
        for (const auto& folder : *above) {
            if (folder.is_string()) written.subject.above.push_back(folder.get<std::string>());
        }
    }
    if (const auto init = json.find("init"); init != json.end() && init->is_number_integer())
        written.subject.init = init->get<pid_t>();
    written.subject.unit = json.value("unit", false);
    for (const auto& one : json["steps"]) {
        auto step = step_of(one);
        if (!step) return std::nullopt;
        written.steps.push_back(*std::move(step));
    }
    return written;
}

std::vector<Drift> find_drift(const Subject& subject, const std::vector<Wish>& wanted) {
    std::vector<Drift> drifts;
    for (const Wish& wish : wanted) {
        // What processes have by themselves they may lower by themselves.
        if (wish.level->kernel == Kernel::Rlimit || wish.level->kernel == Kernel::OomScore)
            continue;
        const auto found = read_level(subject, *wish.level, wish.content);
        if (!found || holds(*wish.level, wish.content, *found)) continue;
        drifts.push_back({wish.level, wish.content, *found});
    }
    return drifts;
}

} // namespace stead::resources
