#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

/// A host of its own for each test: the real `stead` with its files in a temporary folder, and a
/// look at everything a guest could leave behind.
namespace stead::system_test {

using namespace std::chrono_literals;
using Words = std::vector<std::string>;

struct Outcome {
    /// Exit code, or 1000 + signal; -1: it did not end in time and was killed.
    int code = -1;
    std::string out;
    std::string err;
};

/// Runs a program, with `input` on its standard input.
Outcome
run_program(const Words& words, const std::string& input = {}, std::chrono::seconds limit = 30s);

/// A program in the background; killed at the end of its life if it still runs. Its output goes to
/// a file.
class Background {
public:
    Background(const Words& words, std::string output_file);
    Background(const Background&) = delete;
    Background& operator=(const Background&) = delete;
    Background(Background&&) = delete;
    Background& operator=(Background&&) = delete;
    ~Background();

    [[nodiscard]] pid_t pid() const { return pid_; }

    void signal(int number) const;
    /// Its exit code as in Outcome.
    int wait(std::chrono::seconds limit = 30s);
    [[nodiscard]] bool ended();
    [[nodiscard]] std::string output() const;

private:
    pid_t pid_ = 0;
    int code_ = -2;
    std::string output_file_;
};

/// In the virtual machine, in software: everything takes an order of magnitude longer.
bool emulated();
/// How often, or how much of, something is to be done: less there.
unsigned times(unsigned wanted);

/// True as soon as `condition` holds, false if it does not within `limit`.
bool eventually(const std::function<bool()>& condition, std::chrono::seconds limit = 15s);

std::string read_text(const std::string& path);
void write_text(const std::string& path, const std::string& text);

class Host {
public:
    Host();
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;
    Host(Host&&) = delete;
    Host& operator=(Host&&) = delete;
    ~Host();

    /// `stead WORDS...`.
    [[nodiscard]] Outcome stead(const Words& words,
                                const std::string& input = {},
                                std::chrono::seconds limit = 30s) const;
    /// The words of `stead WORDS...`, for Background.
    [[nodiscard]] Words command(const Words& words) const;

    [[nodiscard]] const std::string& folder() const { return folder_; }

    /// A file below the test's folder; its path.
    std::string write(const std::string& name, const std::string& text) const;

    /// The main process of a unit, as `stead show` tells; 0 for none.
    [[nodiscard]] int pid_of(const std::string& unit) const;
    [[nodiscard]] bool ready(const std::string& guest) const;

    /// What guests have left: processes, cgroups, mounts, state; empty if nothing.
    [[nodiscard]] std::string remains() const;

private:
    std::string folder_;
    std::string mounts_;
};

/// Why this machine cannot run guests; empty if it can.
std::string missing_here();

} // namespace stead::system_test

/// At the start of each test.
#define NEED_GUESTS()                                                                              \
    if (const std::string missing = ::stead::system_test::missing_here(); !missing.empty())        \
    GTEST_SKIP() << "needs " << missing
