#include <unistd.h>

#include <algorithm>
#include <climits>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "system/harness.h"

namespace stead::system_test {
namespace {

constexpr const char* kProgram = "/bin/true";
/// What a start took when this was written, and a few for the files that another kernel has in
/// /proc and another host in /etc. Whoever needs more for a good reason raises it: the program that
/// limits devices takes four.
constexpr int kMostCalls = 454;

/// The calls of all processes in an strace of ours until it says that the program is executed;
/// -1 if it never is. The keeper begins beside PID 1 when it has waited long enough for the
/// program, which on a busy machine is not there yet: what it does is none of what the program
/// waits for.
int calls_before(const std::string& trace, const std::string& program) {
    int count = 0;
    std::string keeper;
    std::istringstream lines(trace);
    for (std::string line; std::getline(lines, line);) {
        const std::string pid = line.substr(0, line.find(' '));
        if (pid == keeper) continue;
        if (line.find("[\"stead-init\", \"--keep\"") != std::string::npos) keeper = pid;
        if (line.find("execve(\"" + program + "\"") != std::string::npos) return count;
        // The second half of a call that another process interrupted, an exit, a signal.
        const bool whole = line.find(" resumed>") == std::string::npos &&
                           line.find("+++") == std::string::npos &&
                           line.find("---") == std::string::npos;
        if (whole) ++count;
    }
    return -1;
}

TEST(StartCost, OfAJailStaysWithinItsNumberOfSystemCalls) {
    NEED_GUESTS();
    if (::access("/usr/bin/strace", X_OK) != 0) GTEST_SKIP() << "needs strace";
    const Host host;
    // The first start of all writes our programs into the library folder.
    ASSERT_EQ(host.stead({"jail", "--", kProgram}).code, 0);

    const std::string trace = host.folder() + "/trace";
    Words words{"/usr/bin/strace", "-f", "-qq", "-o", trace};
    for (const std::string& word : host.command({"jail", "--", kProgram}))
        words.push_back(word);
    int fewest = INT_MAX;
    // On a busy machine polls return for nothing.
    for (int attempt = 0; attempt < 5 && fewest > kMostCalls; ++attempt) {
        const Outcome outcome = run_program(words);
        if (outcome.code != 0 && outcome.err.find("ptrace") != std::string::npos)
            GTEST_SKIP() << "needs ptrace(2)";
        ASSERT_EQ(outcome.code, 0) << outcome.err;
        const int calls = calls_before(read_text(trace), kProgram);
        ASSERT_GT(calls, 0) << "the program is nowhere in the trace";
        fewest = std::min(fewest, calls);
    }
    RecordProperty("calls", fewest);
    EXPECT_LE(fewest, kMostCalls);
}

} // namespace
} // namespace stead::system_test
