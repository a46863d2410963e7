#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include <nlohmann/json.hpp>

#include "cli/guest_verbs.h"
#include "cli/image_words.h"
#include "cli/options.h"
#include "cli/short_text.h"
#include "guests/disk.h"
#include "guests/rootless.h"
#include "images/images.h"
#include "sys/file.h"
#include "unitfile/values.h"

/// image import, build, list, check, export and delete.
namespace stead::cli {

namespace {

using images::Image;

/// What every image verb begins with.
struct Images {
    explicit Images(const guests::Paths& from)
        : paths(from)
        , store(from.images()) {
        store.clear_unfinished();
    }

    guests::Paths paths;
    images::Store store;
};

int no_such_image(Context& context, const Images& of, const std::string& name) {
    std::vector<std::string> known;
    for (const Image& image : of.store.list())
        known.push_back(image.name);
    context.console.error("there is no image '" + safe(name) + "'");
    const auto near = nearest(name, known);
    context.console.hint(near.empty() ? "'stead image list' shows all"
                                      : "did you mean '" + near.front() + "'?");
    return kNoSuch;
}

int say_failure(Context& context, const images::Report& report, int code) {
    context.console.error(safe(report.text()));
    if (!report.hint().empty()) context.console.hint(safe(report.hint()));
    return code;
}

/// Images belong to root, or to the user of a namespace with ids for all owners of files.
bool may_make_images(Context& context) {
    if (::geteuid() == 0) return true;
    const auto entered = guests::enter_own_users(true);
    if (entered && guests::own_mapped_ids() > guests::kSubordinateIds) return true;
    context.console.error("an image has files of many owners, and you have only your own id");
    context.console.hint("run it as root (sudo), or have a range of ids in /etc/subuid and "
                         "/etc/subgid");
    return false;
}

struct LimitWords {
    std::string size;
    std::int64_t files = 0;
};

void add_limits(Options& options, LimitWords& words) {
    options.value("--max-size", words.size, "SIZE", "the most it may have unpacked (16G)");
    options.number("--max-files", words.files, "N", "the most files it may have (2000000)");
}

bool take_limits(Context& context, const LimitWords& words, images::Limits& limits) {
    if (!words.size.empty()) {
        const auto size = unitfile::parse_size(words.size);
        if (!size.value || *size.value == 0) {
            context.console.error("--max-size '" + safe(words.size) + "' is no size");
            context.console.hint("a number with K, M, G or T: 32G");
            return false;
        }
        limits.bytes = *size.value;
    }
    if (words.files < 0) {
        context.console.error("--max-files is below zero");
        return false;
    }
    if (words.files > 0) limits.files = static_cast<std::uint64_t>(words.files);
    return true;
}

void print_made(Context& context, const Image& image, const images::Report& report) {
    for (const std::string& note : report.notes())
        context.console.hint(safe(note));
    context.console.line(image.name + ": " + std::to_string(image.files) + " files, " +
                         size_words(static_cast<std::int64_t>(image.bytes)));
}

/// "web.tar.xz" and "/srv/web/" are image "web".
std::string name_from(std::string_view path) {
    while (path.ends_with('/'))
        path.remove_suffix(1);
    std::string name(path.substr(path.rfind('/') + 1));
    for (const char* suffix :
         {".gz", ".xz", ".zst", ".bz2", ".lz4", ".lzma", ".tar", ".tgz", ".oci"}) {
        if (name.ends_with(suffix)) name.resize(name.size() - std::string_view(suffix).size());
    }
    return name;
}

int image_import(Context& context, Arguments arguments) {
    std::string path;
    images::ImportOptions wishes;
    LimitWords limits;
    Options options(context, "image import", kImageVerbs[0].summary, kImageVerbs[0].usage);
    options.positional("FILE|DIR", path, "a tar or OCI archive, a root folder or an OCI layout; -");
    options.value("--name", wishes.name, "NAME", "the image's name; else the file's");
    options.value("--ref", wishes.reference, "NAME", "which image of an OCI layout");
    options.flag("--squash", wishes.squash, "files of ids above 65535 become root's");
    add_limits(options, limits);
    if (const auto code = options.parse(arguments)) return *code;
    if (!take_limits(context, limits, wishes.limits)) return kAskedWrongly;
    if (wishes.name.empty()) wishes.name = name_from(path);
    if (!may_make_images(context)) return kCouldNot;
    const Images of(guests::Paths::from_environment());
    images::Report report;
    ProgressLine progress(context.console, wishes.name);
    const auto image = images::import_image(
        of.store, path, wishes, [&](const std::string& line) { progress.show(line); }, report);
    progress.clear();
    if (!image) return say_failure(context, report, kCouldNot);
    print_made(context, *image, report);
    return kDone;
}

int image_build(Context& context, Arguments arguments) {
    images::BuildOptions wishes;
    LimitWords limits;
    Options options(context, "image build", kImageVerbs[1].summary, kImageVerbs[1].usage);
    options.positional("DISTRIBUTION", wishes.name, "debian-12, debian-13, ubuntu-24.04 ...");
    options.value("--name", wishes.image_name, "NAME", "the image's name; else the distribution's");
    options.value("--suite", wishes.suite, "SUITE", "of a distribution that is not known here");
    options.value("--variant", wishes.variant, "NAME", "as mmdebstrap(1) has it (minbase)");
    options.list("--include", wishes.include, "PACKAGE,...", "packages beside the variant's");
    options.value("--mirror", wishes.mirror, "URL", "in place of the host's own apt sources");
    add_limits(options, limits);
    if (const auto code = options.parse(arguments)) return *code;
    if (!take_limits(context, limits, wishes.limits)) return kAskedWrongly;
    if (::geteuid() != 0) {
        context.console.error("building an image installs packages, which needs root");
        context.console.hint("run it as root (sudo), or import an archive made elsewhere");
        return kCouldNot;
    }
    const Images of(guests::Paths::from_environment());
    images::Report report;
    // mmdebstrap shows its own progress, on the same standard error.
    const auto image = images::build_image(
        of.store, wishes, [](const std::string&) {}, report);
    if (!image) return say_failure(context, report, kCouldNot);
    print_made(context, *image, report);
    return kDone;
}

std::string day_of(std::int64_t seconds) {
    const std::time_t when = seconds;
    std::tm parts{};
    ::gmtime_r(&when, &parts);
    std::array<char, 32> text{};
    const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M", &parts);
    return {text.data(), size};
}

int image_list(Context& context, Arguments arguments) {
    bool json = false;
    Options options(context, "image list", kImageVerbs[2].summary, kImageVerbs[2].usage);
    options.flag("--json", json, "as JSON");
    if (const auto code = options.parse(arguments)) return *code;
    const Images of(guests::Paths::from_environment());
    nlohmann::json all = nlohmann::json::array();
    Table table({"IMAGE", "SIZE", "FILES", "MADE", "FROM", "GUESTS"});
    for (const Image& image : of.store.list()) {
        const auto users = guests::users_of_image(of.paths, image.name);
        std::string names;
        for (const std::string& user : users)
            names += (names.empty() ? "" : " ") + user;
        table.row({image.name, size_words(static_cast<std::int64_t>(image.bytes)),
                   std::to_string(image.files), day_of(image.created), safe(image.source),
                   names.empty() ? "-" : names});
        all.push_back({{"name", image.name},
                       {"bytes", image.bytes},
                       {"files", image.files},
                       {"created", image.created},
                       {"source", safe(image.source)},
                       {"digest", "sha256:" + image.digest},
                       {"guests", users}});
    }
    if (json) {
        context.console.json(all);
    } else if (all.empty()) {
        context.console.remark("no images; 'stead image build debian-12' makes one");
    } else {
        table.print(context.console);
    }
    return kDone;
}

int image_check(Context& context, Arguments arguments) {
    constexpr std::size_t kMost = 20;
    std::vector<std::string> names;
    Options options(context, "image check", kImageVerbs[3].summary, kImageVerbs[3].usage);
    options.positionals("IMAGE", names, "images; all without a name");
    if (const auto code = options.parse(arguments)) return *code;
    const Images of(guests::Paths::from_environment());
    if (names.empty()) {
        for (const Image& image : of.store.list())
            names.push_back(image.name);
    }
    int worst = kDone;
    for (const std::string& name : names) {
        const auto image = of.store.find(name);
        if (!image) return no_such_image(context, of, name);
        if (!may_make_images(context)) return kCouldNot;
        images::Report report;
        std::vector<std::string> lines;
        std::uint64_t count = 0;
        if (!of.store.check(*image, kMost, lines, count, report)) {
            worst = say_failure(context, report, kCouldNot);
            continue;
        }
        if (count == 0) {
            context.console.line(name + ": " + std::to_string(image->files) + " files, all whole");
            continue;
        }
        worst = kCouldNot;
        for (const std::string& line : lines)
            context.console.line(name + ": " + safe(line));
        context.console.error("image '" + name + "' differs from its manifest in " +
                              std::to_string(count) + " files");
        context.console.hint("import or build it again");
    }
    return worst;
}

int image_export(Context& context, Arguments arguments) {
    std::string name;
    std::string path;
    Options options(context, "image export", kImageVerbs[4].summary, kImageVerbs[4].usage);
    options.positional("IMAGE", name, "the image");
    options.positional("FILE", path, "a new tar archive; .gz, .xz, .zst or .bz2 compress it; -");
    if (const auto code = options.parse(arguments)) return *code;
    const Images of(guests::Paths::from_environment());
    const auto image = of.store.find(name);
    if (!image) return no_such_image(context, of, name);
    const bool to_file = path != "-";
    if (!to_file && ::isatty(STDOUT_FILENO) == 1) {
        context.console.error("standard output is a terminal, which wants no archive");
        return kAskedWrongly;
    }
    if (!may_make_images(context)) return kCouldNot;
    sys::UniqueFd file;
    if (to_file) {
        auto made = sys::open_at(AT_FDCWD, path.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600);
        if (!made) {
            context.console.error(describe(made.error()).view());
            return kCouldNot;
        }
        file = *std::move(made);
    }
    images::Report report;
    ProgressLine progress(context.console, name);
    const bool done = images::export_image(
        of.store, *image, path, to_file ? file.get() : STDOUT_FILENO,
        [&](const std::string& line) { progress.show(line); }, report);
    progress.clear();
    if (done) return kDone;
    if (to_file) (void)sys::remove_at(AT_FDCWD, path.c_str(), false);
    return say_failure(context, report, kCouldNot);
}

int image_delete(Context& context, Arguments arguments) {
    std::vector<std::string> names;
    Options options(context, "image delete", kImageVerbs[5].summary, kImageVerbs[5].usage);
    options.positionals("IMAGE", names, "images that no guest uses", 1);
    if (const auto code = options.parse(arguments)) return *code;
    const Images of(guests::Paths::from_environment());
    for (const std::string& name : names) {
        if (!of.store.find(name)) return no_such_image(context, of, name);
        const auto users = guests::users_of_image(of.paths, name);
        if (users.empty()) continue;
        std::string list;
        for (const std::string& user : users)
            list += (list.empty() ? "" : ", ") + user;
        context.console.error("image '" + name + "' is used by " + list);
        context.console.hint("'stead delete " + users.front() + "' deletes that guest");
        return kCouldNot;
    }
    if (!may_make_images(context)) return kCouldNot;
    for (const std::string& name : names) {
        const auto removed = of.store.remove(name);
        if (removed) continue;
        context.console.error("image '" + name +
                              "': " + std::string(describe(removed.error()).view()));
        return kCouldNot;
    }
    return kDone;
}

constexpr std::array kRuns{image_import, image_build,  image_list,
                           image_check,  image_export, image_delete};
static_assert(kRuns.size() == kImageVerbs.size());

void print_help(Console& console) {
    console.out("Usage: stead image VERB [options] ...\n\n");
    for (const ImageVerb& verb : kImageVerbs) {
        std::string line = "  " + std::string(verb.name) + " " + std::string(verb.usage);
        line.resize(std::max<std::size_t>(line.size() + 2, 36), ' ');
        console.line(line + std::string(verb.summary));
    }
}

} // namespace

int verb_image(Context& context, Arguments arguments) {
    Console& console = context.console;
    const std::string word = arguments.empty() ? std::string() : arguments.front();
    if (word.empty() || word == "--help" || word == "-h") {
        print_help(console);
        return word.empty() ? kAskedWrongly : kDone;
    }
    std::vector<std::string> names;
    for (std::size_t at = 0; at < kImageVerbs.size(); ++at) {
        if (kImageVerbs[at].name == word) return kRuns[at](context, arguments.subspan(1));
        names.emplace_back(kImageVerbs[at].name);
    }
    console.error("there is no verb 'image " + safe(word) + "'");
    const auto near = nearest(word, names);
    console.hint(near.empty() ? "'stead image --help' lists them"
                              : "did you mean 'image " + near.front() + "'?");
    return kAskedWrongly;
}

} // namespace stead::cli
