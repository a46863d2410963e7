#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include <stdlib.h> // NOLINT(modernize-deprecated-headers): setenv and mkdtemp are POSIX, not C++

#include "cli/systemctl.h"
#include "cli/verbs.h"

namespace stead::cli {

/// What a run of the command left behind.
struct Outcome {
    int code = -1;
    std::string out;
    std::string err;
};

/// A folder with everything of /run/stead, /var/lib/stead and /etc/stead in it, and the command run
/// in a child process that knows no other.
class Machine {
public:
    Machine() {
        std::string path = (std::filesystem::temp_directory_path() / "stead-cli-XXXXXX").string();
        root = ::mkdtemp(path.data());
        std::filesystem::create_directories(root + "/run/guests");
    }

    ~Machine() {
        std::error_code ignored;
        std::filesystem::remove_all(root, ignored);
    }

    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;
    Machine(Machine&&) = delete;
    Machine& operator=(Machine&&) = delete;

    [[nodiscard]] std::string control(const std::string& guest) const {
        return root + "/run/guests/" + guest + "/control";
    }

    void write(const std::string& path, const std::string& content) const {
        const std::filesystem::path file = root + "/" + path;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file) << content;
    }

    /// Runs `stead ARGUMENTS...` with `input` as its standard input.
    [[nodiscard]] Outcome run(const std::vector<std::string>& arguments,
                              const std::string& input = {}) const {
        return run_as(run_command, arguments, input);
    }

    /// Runs `systemctl ARGUMENTS...`, which is the same program by another name.
    [[nodiscard]] Outcome run_systemctl(const std::vector<std::string>& arguments) const {
        return run_as(systemctl, arguments, {});
    }

    [[nodiscard]] std::string read(const std::string& path) const {
        std::ifstream file(root + "/" + path, std::ios::binary);
        std::ostringstream text;
        text << file.rdbuf();
        return text.str();
    }

    std::string root;

private:
    using Program = std::function<int(Context&, const std::vector<std::string>&)>;

    [[nodiscard]] Outcome run_as(const Program& program,
                                 const std::vector<std::string>& arguments,
                                 const std::string& input) const {
        write("stdin", input);
        const pid_t child = ::fork();
        if (child == 0) become(program, arguments);
        int status = 0;
        ::waitpid(child, &status, 0);
        Outcome outcome;
        outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
        outcome.out = read("stdout");
        outcome.err = read("stderr");
        return outcome;
    }

    [[noreturn]] void become(const Program& program,
                             const std::vector<std::string>& arguments) const {
        // One thread in the child, and nobody else reads its environment.
        (void)::setenv("STEAD_RUNTIME_DIR", (root + "/run").c_str(),
                       1); // NOLINT(concurrency-mt-unsafe)
        (void)::setenv("STEAD_STATE_DIR", (root + "/state").c_str(),
                       1); // NOLINT(concurrency-mt-unsafe)
        (void)::setenv("STEAD_CONFIG_DIR", (root + "/etc").c_str(),
                       1);                   // NOLINT(concurrency-mt-unsafe)
        (void)::unsetenv("XDG_RUNTIME_DIR"); // NOLINT(concurrency-mt-unsafe)
        (void)std::freopen((root + "/stdin").c_str(), "r", stdin);
        (void)std::freopen((root + "/stdout").c_str(), "w", stdout);
        (void)std::freopen((root + "/stderr").c_str(), "w", stderr);
        Console console(stdout, stderr);
        Context context{console};
        const int code = program(context, arguments);
        (void)console.flush();
        ::_exit(code);
    }
};

} // namespace stead::cli
