#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>

#include "init/guest.h"

// What a unit's processes have of PID 1's, and what only of their unit's.
namespace stead::test {
namespace {

std::string text_of(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// A unit that writes down what it was born with.
plan::UnitInput tells(const std::string& name, const fs::path& out) {
    plan::UnitInput unit = service(
        name, {"/bin/sh", "-c",
               "{ umask; pwd; cat /proc/self/oom_score_adj /proc/self/limits; echo end; } > " +
                   out.string() + "; exec sleep 1000"});
    unit.policy.restart = RestartPolicy::No;
    return unit;
}

std::string line_of(const std::string& text, const std::string& start) {
    const auto at = text.find(start);
    return at == std::string::npos ? "" : text.substr(at, text.find('\n', at) - at);
}

TEST(Inherited, IsNothingThatPidOneChangedForItself) {
    const TemporaryFolder folder;
    const fs::path out = folder.path() / "out";
    StartOptions options;
    options.before = [] {
        const rlimit files{300, 500};
        ::setrlimit(RLIMIT_NOFILE, &files);
        ::umask(077);
        (void)!::chdir("/tmp");
    };
    Guest guest({write_plan(folder.path(), {tells("plain", out)})}, options);
    ASSERT_TRUE(eventually([&] { return text_of(out).find("end\n") != std::string::npos; }))
        << guest.said();
    const std::string text = text_of(out);
    EXPECT_EQ(text.substr(0, 7), "0022\n/\n") << text;
    const std::string place = "/proc/" + std::to_string(guest.pid()) + "/cwd";
    EXPECT_EQ(fs::read_symlink(place), "/") << "a folder of the host's could not be unmounted";
    // PID 1 raises its own limit to the hard one.
    const std::string own = text_of("/proc/" + std::to_string(guest.pid()) + "/limits");
    EXPECT_NE(line_of(own, "Max open files").find(" 500 "), std::string::npos) << own;
    const std::string files = line_of(text, "Max open files");
    EXPECT_NE(files.find(" 300 "), std::string::npos) << files;
}

TEST(Inherited, IsWhatTheUnitSaysOfEveryLimit) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to have room below the limits";
    const TemporaryFolder folder;
    const fs::path out = folder.path() / "out";
    plan::UnitInput unit = tells("limited", out);
    unit.exec.umask = 027;
    unit.exec.working_directory = "/usr";
    unit.exec.oom_score_adjust = 500;
    unit.exec.require = true;
    const std::vector<std::pair<unsigned, const char*>> kinds = {
        {RLIMIT_CPU, "Max cpu time"},
        {RLIMIT_FSIZE, "Max file size"},
        {RLIMIT_DATA, "Max data size"},
        {RLIMIT_STACK, "Max stack size"},
        {RLIMIT_CORE, "Max core file size"},
        {RLIMIT_RSS, "Max resident set"},
        {RLIMIT_NPROC, "Max processes"},
        {RLIMIT_NOFILE, "Max open files"},
        {RLIMIT_MEMLOCK, "Max locked memory"},
        {RLIMIT_AS, "Max address space"},
        {RLIMIT_LOCKS, "Max file locks"},
        {RLIMIT_SIGPENDING, "Max pending signals"},
        {RLIMIT_MSGQUEUE, "Max msgqueue size"},
        {RLIMIT_NICE, "Max nice priority"},
        {RLIMIT_RTPRIO, "Max realtime priority"},
        {RLIMIT_RTTIME, "Max realtime timeout"}};
    std::vector<std::pair<std::string, std::string>> wanted;
    for (const auto& [kind, name] : kinds) {
        rlimit now{};
        ASSERT_EQ(::getrlimit(static_cast<__rlimit_resource>(kind), &now), 0);
        // A shell has to live with it; what is lower here stays.
        const bool bytes = kind == RLIMIT_DATA || kind == RLIMIT_AS || kind == RLIMIT_STACK ||
                           kind == RLIMIT_FSIZE || kind == RLIMIT_RSS;
        const rlim_t hard = std::min<rlim_t>(now.rlim_max, bytes ? 1U << 30U : 400 + kind);
        const rlim_t soft = hard == 0 ? 0 : hard - 1;
        unit.exec.limits.push_back({.resource = kind, .reserved = 0, .soft = soft, .hard = hard});
        wanted.emplace_back(name, " " + std::to_string(soft) + " ");
        wanted.emplace_back(name, " " + std::to_string(hard) + " ");
    }
    Guest guest({write_plan(folder.path(), {unit})});
    ASSERT_TRUE(eventually([&] { return text_of(out).find("end\n") != std::string::npos; }))
        << guest.said() << text_of(out);
    const std::string text = text_of(out);
    EXPECT_EQ(text.substr(0, 14), "0027\n/usr\n500\n") << text;
    for (const auto& [name, value] : wanted)
        EXPECT_NE(line_of(text, name).find(value), std::string::npos) << name << value << text;
}

} // namespace
} // namespace stead::test
