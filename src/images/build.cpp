#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "images/images.h"
#include "images/staging.h"
#include "sys/descriptors.h"
#include "sys/file.h"
#include "sys/mounts.h"
#include "sys/namespaces.h"
#include "sys/unix_socket.h"

namespace stead::images {

namespace {

namespace fs = std::filesystem;

struct Release {
    std::string_view name;
    std::string_view suite;
};

constexpr std::array<Release, 8> kReleases{{{"debian-11", "bullseye"},
                                            {"debian-12", "bookworm"},
                                            {"debian-13", "trixie"},
                                            {"debian-14", "forky"},
                                            {"debian-unstable", "sid"},
                                            {"ubuntu-22.04", "jammy"},
                                            {"ubuntu-24.04", "noble"},
                                            {"ubuntu-26.04", "resolute"}}};

constexpr const char* kAptFolder = "/etc/apt";

std::string read_text(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string suite_of(const BuildOptions& options) {
    if (!options.suite.empty()) return options.suite;
    for (const Release& one : kReleases) {
        if (one.name == options.name) return std::string(one.suite);
    }
    return {};
}

std::string find_program() {
    for (const char* folder : {"/usr/bin", "/usr/local/bin", "/bin"}) {
        std::string path = std::string(folder) + "/mmdebstrap";
        if (::access(path.c_str(), X_OK) == 0) return path;
    }
    return {};
}

/// The host's sources of packages, those of one format: mmdebstrap takes one text.
std::string host_sources(const std::string& suite) {
    std::string deb822;
    std::string lines = read_text(std::string(kAptFolder) + "/sources.list");
    std::error_code unreadable;
    for (const auto& entry :
         fs::directory_iterator(std::string(kAptFolder) + "/sources.list.d", unreadable)) {
        const std::string extension = entry.path().extension().string();
        const std::string text = read_text(entry.path());
        // Others' packages are not this distribution's.
        if (!names_suite(text, suite)) continue;
        if (extension == ".sources") deb822 += text + "\n";
        if (extension == ".list") lines += text + "\n";
    }
    if (names_suite(deb822, suite)) return deb822;
    return names_suite(lines, suite) ? lines : std::string();
}

/// Files of apt's that say how this machine reaches its mirror: proxies, and clocks that are wrong.
std::vector<std::string> apt_settings() {
    std::vector<std::string> files;
    std::error_code unreadable;
    for (const auto& entry :
         fs::directory_iterator(std::string(kAptFolder) + "/apt.conf.d", unreadable)) {
        const std::string text = read_text(entry.path());
        for (const char* word :
             {"Check-Valid-Until", "Check-Date", "::Proxy", "https::", "Https::"}) {
            if (text.find(word) == std::string::npos) continue;
            files.push_back(entry.path().string());
            break;
        }
    }
    std::sort(files.begin(), files.end());
    return files;
}

std::vector<std::string> words_for(const BuildOptions& options, const std::string& program) {
    std::vector<std::string> words{program, "--format=tar", "--mode=root",
                                   "--variant=" + options.variant};
    for (const std::string& packages : options.include)
        words.push_back("--include=" + packages);
    for (const std::string& file : apt_settings())
        words.push_back("--aptopt=" + file);
    words.push_back(suite_of(options));
    words.emplace_back("-");
    words.push_back(options.mirror.empty() ? "-" : options.mirror);
    return words;
}

/// In the child, PID 1 of a namespace: what it starts and mounts ends with it, and with us.
[[noreturn]] void
become(const std::vector<std::string>& words, const std::string& work, int sources, int out) {
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const auto prepare = [&]() -> Result<void> {
        TRY(sys::make_all_private());
        TRY(sys::mount_filesystem("proc", "/proc", "proc", 0, nullptr));
        TRY(sys::place(sources, STDIN_FILENO));
        TRY(sys::place(out, STDOUT_FILENO));
        return {};
    };
    if (!prepare()) ::_exit(126);
    std::vector<char*> arguments;
    for (const std::string& word : words)
        arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const std::string temporary = "TMPDIR=" + work;
    std::array<char*, 5> environment{
        const_cast<char*>("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        const_cast<char*>("HOME=/root"), const_cast<char*>("LC_ALL=C.UTF-8"),
        const_cast<char*>(temporary.c_str()), nullptr};
    ::execve(arguments.front(), arguments.data(), environment.data());
    ::_exit(127);
}

struct Running {
    pid_t pid = 0;
    sys::UniqueFd archive;
};

bool start(const BuildOptions& options,
           const Staging& staging,
           const std::string& program,
           Running& running,
           Report& report) {
    const auto prepare = [&]() -> Result<void> {
        const std::string work = staging.path() + "/work";
        TRY(sys::make_folder(AT_FDCWD, work.c_str(), 0755));
        const std::string sources = work + "/sources";
        const sys::UniqueFd written =
            TRY(sys::open_at(AT_FDCWD, sources.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600));
        if (options.mirror.empty())
            TRY(sys::write_full(written.get(), host_sources(suite_of(options))));
        const sys::UniqueFd reading = TRY(sys::open_at(AT_FDCWD, sources.c_str(), O_RDONLY));
        sys::Pipe pipe = TRY(sys::make_pipe());
        const std::vector<std::string> words = words_for(options, program);
        running.pid = TRY(sys::fork_into(CLONE_NEWNS | CLONE_NEWPID));
        if (running.pid == 0) become(words, work, reading.get(), pipe.write.get());
        running.archive = std::move(pipe.read);
        return {};
    };
    const auto prepared = prepare();
    return prepared ? true : report.fail("starting mmdebstrap", prepared.error());
}

bool check_wishes(const BuildOptions& options, const std::string& program, Report& report) {
    if (program.empty())
        return report.fail("mmdebstrap is not installed, which fetches the packages",
                           "apt install mmdebstrap; or 'stead image import' of an archive");
    const std::string suite = suite_of(options);
    if (suite.empty()) {
        std::string known;
        for (const Release& one : kReleases)
            known += (known.empty() ? "" : ", ") + std::string(one.name);
        return report.fail("'" + options.name + "' is no distribution that is known here",
                           "known are " + known + "; of another one --suite names the suite");
    }
    if (options.mirror.empty() && host_sources(suite).empty())
        return report.fail("the host's apt sources have no suite '" + suite + "'",
                           "--mirror URL names where it is: "
                           "--mirror=http://deb.debian.org/debian");
    const auto plain = [](const std::string& word) {
        return !word.empty() && word.front() != '-' && word.find('\n') == std::string::npos;
    };
    if (!plain(suite) || (!options.mirror.empty() && !plain(options.mirror)))
        return report.fail("a suite or mirror begins with '-' or has several lines");
    return true;
}

} // namespace

bool names_suite(std::string_view sources, std::string_view suite) {
    constexpr std::string_view kBlanks = " \t\r";
    while (!sources.empty()) {
        const std::size_t end = std::min(sources.find('\n'), sources.size());
        std::string_view line = sources.substr(0, end);
        sources.remove_prefix(std::min(end + 1, sources.size()));
        line = line.substr(0, line.find('#'));
        while (true) {
            line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
            if (line.empty()) break;
            const std::string_view word = line.substr(0, line.find_first_of(kBlanks));
            const bool begins = word.starts_with(suite);
            if (begins && (word.size() == suite.size() || word[suite.size()] == '-' ||
                           word[suite.size()] == '/'))
                return true;
            line.remove_prefix(word.size());
        }
    }
    return false;
}

std::optional<Image>
build_image(const Store& store, const BuildOptions& options, Progress progress, Report& report) {
    const std::string program = find_program();
    if (!check_wishes(options, program, report)) return std::nullopt;
    const std::string name = options.image_name.empty() ? options.name : options.image_name;
    auto staging = Staging::begin(store, name, report);
    if (!staging) return std::nullopt;
    Running running;
    if (!start(options, *staging, program, running, report)) return std::nullopt;
    ImportOptions import;
    import.name = "mmdebstrap";
    import.limits = options.limits;
    Image image;
    Report reading;
    const bool filled =
        fill_from_archive(*staging, std::move(running.archive), import, image, progress, reading);
    if (!filled) (void)::kill(running.pid, SIGKILL); // It would wait for its reader for ever.
    int status = 0;
    while (::waitpid(running.pid, &status, 0) < 0 && errno == EINTR) {
    }
    const bool own_end = WIFEXITED(status) && WEXITSTATUS(status) != 0;
    if (own_end) {
        (void)report.fail("mmdebstrap failed with code " + std::to_string(WEXITSTATUS(status)) +
                              "; its words are above",
                          "nothing is kept of it; Debian's releases that mirrors have dropped are "
                          "at --mirror=http://archive.debian.org/debian");
        return std::nullopt;
    }
    if (!filled) {
        (void)report.fail(reading.text(), reading.hint());
        return std::nullopt;
    }
    for (const std::string& note : reading.notes())
        report.note(note);
    std::error_code failed;
    fs::remove_all(staging->path() + "/work", failed);
    image.source = options.name + " (" + suite_of(options) + ", " + options.variant + ")";
    if (!staging->finish(image, report)) return std::nullopt;
    return image;
}

} // namespace stead::images
