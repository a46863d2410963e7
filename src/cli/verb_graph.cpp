#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>

#include <nlohmann/json.hpp>
#include <spawn.h>

#include "cli/client_verbs.h"
#include "cli/graph_dot.h"
#include "cli/guest_answer.h"
#include "cli/options.h"
#include "cli/unit_set.h"
#include "cli/words.h"
#include "guests/accounts.h"
#include "guests/zones.h"
#include "sys/file.h"
#include "unitfile/reader.h"

namespace stead::cli {

namespace {

struct GraphWishes {
    std::string name;
    std::string root = "/";
    bool svg = false;
    bool json = false;
};

UnitPicture picture_of(const GuestAnswer& answer) {
    UnitPicture picture;
    picture.title = "Units of " + answer.name;
    for (const UnitRecord& unit : answer.units) {
        picture.nodes.push_back({.name = unit.name,
                                 .description = unit.description,
                                 .type = unit.type,
                                 .essential = unit.essential,
                                 .state = unit.state,
                                 .why = reason_sentence(unit),
                                 .needs = unit.needs});
    }
    return picture;
}

UnitPicture picture_of(const std::string& folder, const plan::PlanInput& plan) {
    UnitPicture picture;
    picture.title = "Units of " + folder;
    for (const plan::UnitInput& unit : plan.units) {
        picture.nodes.push_back({.name = unit.name,
                                 .description = unit.description,
                                 .type = unit.policy.type,
                                 .essential = unit.policy.essential,
                                 .state = {},
                                 .why = {},
                                 .needs = unit.dependencies});
    }
    return picture;
}

/// The units of a folder of files; every mistake is printed, and refuses the picture.
std::optional<UnitPicture> draw_folder(Asking& asking, const GraphWishes& wishes) {
    const auto accounts = guests::read_accounts(wishes.root);
    if (!accounts) {
        asking.fail(kCouldNot, "users of " + safe(wishes.root) + ": " +
                                   std::string(describe(accounts.error()).view()));
        return std::nullopt;
    }
    unitfile::Diagnostics diagnostics;
    const auto loaded = unitfile::load_unit_folders({wishes.name}, diagnostics);
    if (loaded.units.empty() && loaded.rejected.empty()) {
        asking.fail(kCouldNot, "there is no unit in " + safe(wishes.name),
                    "a unit is a file NAME.toml with a 'command' in it");
        return std::nullopt;
    }
    compile::UnitOptions options;
    options.ceiling = ~std::uint64_t{0};
    options.ceiling_origin = "all there are";
    options.foreign = true;
    options.folders = {wishes.name};
    options.zone = guests::zone_changes;
    const auto plan = compile::compile_units(loaded.units, *accounts, options, diagnostics);
    const std::string mistakes = unitfile::render(diagnostics);
    (void)std::fwrite(mistakes.data(), 1, mistakes.size(), asking.console().err_file());
    if (diagnostics.has_errors()) {
        asking.fail(kAskedWrongly, "no picture of units with mistakes");
        return std::nullopt;
    }
    return picture_of(wishes.name, plan);
}

/// Waits for `child`; whether it ended with code 0.
bool ended_well(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) return false;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/// Has graphviz' dot, found on PATH, write the picture to standard output.
int draw_svg(Asking& asking, const std::string& dot) {
    if (!asking.console().flush()) return kCouldNot;
    const sys::UniqueFd text(::memfd_create("stead-graph", MFD_CLOEXEC));
    const auto written = text ? sys::write_full(text.get(), dot) : last_error("memfd_create");
    if (!written) return asking.fail(kCouldNot, describe(written.error()).view());
    (void)::lseek(text.get(), 0, SEEK_SET);

    posix_spawn_file_actions_t actions;
    (void)::posix_spawn_file_actions_init(&actions);
    (void)::posix_spawn_file_actions_adddup2(&actions, text.get(), STDIN_FILENO);
    const int out = ::fileno(asking.console().out_file());
    if (out != STDOUT_FILENO)
        (void)::posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    std::string program = "dot";
    std::string format = "-Tsvg";
    std::array<char*, 3> argv{program.data(), format.data(), nullptr};
    pid_t child = -1;
    const int failed = ::posix_spawnp(&child, "dot", &actions, nullptr, argv.data(), environ);
    (void)::posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) {
        return asking.fail(kCouldNot, "--svg needs graphviz' dot: " + error_words(failed),
                           "install graphviz, or take the text to a machine that has it: leave "
                           "out --svg, then 'dot -Tsvg'");
    }
    if (ended_well(child)) return kDone;
    return asking.fail(kCouldNot, "graphviz' dot could not draw the units");
}

} // namespace

int verb_graph(Context& context, Arguments arguments) {
    GraphWishes wishes;
    Options options(context, "graph");
    options.flag("--svg", wishes.svg, "as an SVG picture, drawn by graphviz' dot");
    options.flag("--json", wishes.json, "as JSON");
    options.value("--root", wishes.root, "DIR", "for a folder: its users are those of this root");
    options.optional_positional("NAME|DIR", wishes.name, "a running guest, or a folder of units");
    options.footer("Arrows point from a unit to what it needs or follows.");
    if (const auto code = options.parse(arguments)) return *code;
    Asking asking(context, Place::look());
    if (wishes.svg && wishes.json)
        return asking.fail(kAskedWrongly, "--svg and --json exclude each other");

    std::error_code unreadable;
    const bool path =
        wishes.name.find('/') != std::string::npos || wishes.name == "." || wishes.name == "..";
    const bool folder = std::filesystem::is_directory(wishes.name, unreadable);
    std::optional<UnitPicture> picture;
    if (path && !folder) {
        return asking.fail(kCouldNot, "there is no folder " + safe(wishes.name),
                           "a guest is named without a unit: NAME");
    }
    if (path) {
        picture = draw_folder(asking, wishes);
    } else {
        std::optional<Client> client;
        const auto answer = ask_guest(asking, "graph", wishes.name, client);
        if (!answer && folder)
            context.console.hint("the folder of that name is drawn by 'stead graph ./" +
                                 safe(wishes.name) + "'");
        if (answer && answer->unit)
            return asking.fail(kAskedWrongly, "graph wants a guest, not a unit of it");
        if (answer) picture = picture_of(*answer);
    }
    if (!picture) return asking.code();
    if (wishes.svg) return draw_svg(asking, to_dot(*picture));
    if (wishes.json) {
        context.console.json(to_json(*picture));
    } else {
        context.console.out(to_dot(*picture));
    }
    return kDone;
}

} // namespace stead::cli
