#include <sys/resource.h>

#include <gtest/gtest.h>

#include "unitfile/keys.h"
#include "unitfile/values.h"

namespace stead::unitfile {

namespace {

constexpr std::uint64_t kNoLimit = UINT64_MAX;

void expect_limit(std::string_view name,
                  std::string_view text,
                  std::uint64_t soft,
                  std::uint64_t hard) {
    const auto parsed = parse_rlimit(name, text);
    ASSERT_TRUE(parsed.value.has_value()) << name << " " << text << ": " << parsed.problem;
    EXPECT_EQ(parsed.value->soft, soft) << text;
    EXPECT_EQ(parsed.value->hard, hard) << text;
    EXPECT_EQ(parsed.value->resource, find_rlimit(name).value_or(UINT32_MAX));
}

std::string level(std::string_view key, std::string_view text, bool is_string) {
    const auto parsed = parse_level(key, text, is_string);
    return parsed.value ? parsed.value->file + " = " + parsed.value->content : "";
}

} // namespace

TEST(ParseRlimit, TakesOneValueOrSoftAndHard) {
    expect_limit("nofile", "8192", 8192, 8192);
    expect_limit("nofile", "1024:65536", 1024, 65536);
    expect_limit("nofile", "1024:infinity", 1024, kNoLimit);
    expect_limit("nofile", "infinity", kNoLimit, kNoLimit);
    expect_limit("core", "0", 0, 0);
    expect_limit("core", "0:infinity", 0, kNoLimit);
}

TEST(ParseRlimit, CountsInTheUnitOfTheLimit) {
    expect_limit("memlock", "64M", 64U << 20U, 64U << 20U);
    expect_limit("stack", "8M:16M", 8U << 20U, 16U << 20U);
    expect_limit("cpu", "1m", 60, 60);
    expect_limit("rttime", "500ms", 500'000, 500'000);
}

TEST(ParseRlimit, RefusesWhatTheKernelWould) {
    for (const auto& [name, text] :
         std::vector<std::pair<std::string, std::string>>{{"nofile", "65536:1024"},
                                                          {"nofile", ""},
                                                          {"nofile", ":"},
                                                          {"nofile", "5:"},
                                                          {"nofile", "-1"},
                                                          {"nofile", "1K"},
                                                          {"nofile", "1:2:3"},
                                                          {"nofile", "infinity:5"},
                                                          {"memlock", "65536"},
                                                          {"memlock", "64"},
                                                          {"cpu", "10"},
                                                          {"cpu", "500ms"},
                                                          {"oops", "5"},
                                                          {"NOFILE", "5"}}) {
        const auto parsed = parse_rlimit(name, text);
        EXPECT_FALSE(parsed.value.has_value()) << name << " " << text;
        EXPECT_FALSE(parsed.problem.empty());
    }
}

TEST(ParseRlimit, KnowsTheKernelsNumbers) {
    EXPECT_EQ(find_rlimit("nofile"), RLIMIT_NOFILE);
    EXPECT_EQ(find_rlimit("core"), RLIMIT_CORE);
    EXPECT_EQ(find_rlimit("rttime"), RLIMIT_RTTIME);
    EXPECT_FALSE(find_rlimit("memory-max").has_value());
}

TEST(ParseLevel, GivesTheFileAndItsContent) {
    EXPECT_EQ(level("memory-max", "512M", true), "memory.max = 536870912");
    EXPECT_EQ(level("memory-high", "infinity", true), "memory.high = max");
    EXPECT_EQ(level("memory-swap-max", "0", false), "memory.swap.max = 0");
    EXPECT_EQ(level("memory-oom-group", "true", false), "memory.oom.group = 1");
    EXPECT_EQ(level("memory-oom-group", "false", false), "memory.oom.group = 0");
    EXPECT_EQ(level("cpu-max", "150%", true), "cpu.max = 150000 100000");
    EXPECT_EQ(level("cpu-max", "1%", true), "cpu.max = 1000 100000");
    EXPECT_EQ(level("cpu-max", "infinity", true), "cpu.max = max 100000");
    EXPECT_EQ(level("cpu-weight", "10000", false), "cpu.weight = 10000");
    EXPECT_EQ(level("pids-max", "128", false), "pids.max = 128");
    EXPECT_EQ(level("pids-max", "infinity", true), "pids.max = max");
    EXPECT_EQ(level("io-weight", "1", false), "io.weight = 1");
}

TEST(ParseLevel, TakesTheWordsOfTheKernelAndOfPeople) {
    EXPECT_EQ(level("memory-max", "max", true), "memory.max = max");
    EXPECT_EQ(level("memory-max", "25%", true), "memory.max = 25%");
    EXPECT_EQ(level("cpu-max", "2.5", false), "cpu.max = 250000 100000");
    EXPECT_EQ(level("cpu-max", "2.5", true), "cpu.max = 250000 100000");
    EXPECT_EQ(level("cpu-max-burst", "50ms", true), "cpu.max.burst = 50000");
    EXPECT_EQ(level("cpu-weight-nice", "-5", false), "cpu.weight.nice = -5");
    EXPECT_EQ(level("cpu-idle", "true", false), "cpu.idle = 1");
    EXPECT_EQ(level("cpu-uclamp-min", "20%", true), "cpu.uclamp.min = 20.00");
    EXPECT_EQ(level("cpuset-cpus", "0-3,5", true), "cpuset.cpus = 0-3,5");
    EXPECT_EQ(level("io-max", "8:0 rbps=1M wiops=max", true),
              "io.max = 8:0 rbps=1048576 wiops=max");
    EXPECT_EQ(level("io-max", "/dev/sda riops=5\n/srv wbps=1K", true),
              "io.max = /dev/sda riops=5\n/srv wbps=1024");
    EXPECT_EQ(level("io-latency", "8:0 10ms", true), "io.latency = 8:0 target=10000");
    EXPECT_EQ(level("rdma-max", "mlx5_0 hca_handle=2  hca_object=3", true),
              "rdma.max = mlx5_0 hca_handle=2 hca_object=3");
    EXPECT_EQ(level("hugetlb-2MB-max", "4M", true), "hugetlb.2MB.max = 4194304");
    EXPECT_EQ(level("sem", "32 64 16 8", true), "kernel/sem = 32 64 16 8");
    EXPECT_EQ(level("tmp-size", "10%", true), "/tmp = 10%");
    EXPECT_EQ(level("oom-score-adjust", "-100", false), "oom_score_adj = -100");
}

TEST(ParseLevel, OfDevicesArePathsBelowDev) {
    EXPECT_EQ(level("devices", "/dev/fuse", true), "device program = /dev/fuse rw");
    EXPECT_EQ(level("devices", "/dev/net/tun r\n/dev/sdb w", true),
              "device program = /dev/net/tun r\n/dev/sdb w");
    EXPECT_EQ(level("devices", "none", true), "device program = none");
    for (const char* text :
         {"", "fuse", "/dev", "/dev/", "/dev//fuse", "/dev/./fuse", "/dev/../etc/shadow",
          "/etc/dev", "/dev/fuse/", "/dev/null", "/dev/pts/0", "/dev/shm/x", "/dev/mqueue/q",
          "/dev/log", "/dev/fuse rwm", "/dev/fuse m", "/dev/fuse x", "/dev/fuse r w", "none\nnone"})
        EXPECT_EQ(level("devices", text, true), "") << text;
}

TEST(ParseLevel, OfADiskAreSizesAndThousands) {
    EXPECT_EQ(level("disk-max", "10G", true), "bytes = 10737418240");
    EXPECT_EQ(level("disk-max", "max", true), "bytes = max");
    EXPECT_EQ(level("disk-inodes-max", "20k", true), "inodes = 20000");
    EXPECT_EQ(level("disk-inodes-max", "2M", true), "inodes = 2000000");
    EXPECT_EQ(level("disk-inodes-max", "500", false), "inodes = 500");
    EXPECT_EQ(level("disk-inodes-max", "infinity", true), "inodes = max");
    for (const char* text : {"10%", "0", "0B", "512", "", "-1G", "99999999T"})
        EXPECT_EQ(level("disk-max", text, true), "") << text;
    for (const char* text : {"0k", "k", "M", "20K", "1.5k", "-3k", "99999999999k", "500"})
        EXPECT_EQ(level("disk-inodes-max", text, true), "") << text;
    EXPECT_EQ(level("disk-inodes-max", "0", false), "");
}

TEST(ParseLevel, TakesACommandLinesTextWithoutQuotes) {
    EXPECT_EQ(parse_level("pids-max", "200").value->content, "200");
    EXPECT_EQ(parse_level("cpu-idle", "true").value->content, "1");
    EXPECT_FALSE(parse_level("pids-max", "many").value.has_value());
    EXPECT_EQ(parse_level("nofile", "5").problem, "there is no such level");
}

TEST(ParseLevel, RefusesWrongForms) {
    EXPECT_EQ(level("io-max", "8:0", true), "");
    EXPECT_EQ(level("io-max", "8:0 rbps=0", true), "");
    EXPECT_EQ(level("io-max", "8:0 speed=5", true), "");
    EXPECT_EQ(level("cpuset-cpus", "", true), "");
    EXPECT_EQ(level("cpuset-cpus", "1,,2", true), "");
    EXPECT_EQ(level("sem", "1 2 3", true), "");
    EXPECT_EQ(level("pid-max", "300", false), "");
    EXPECT_EQ(level("memory-max", "512", false), "");
    EXPECT_EQ(level("memory-max", "150%", true), "");
    EXPECT_EQ(level("memory-oom-group", "true", true), "");
    EXPECT_EQ(level("cpu-max", "0%", true), "");
    EXPECT_EQ(level("cpu-max", "1.5x", true), "");
    EXPECT_EQ(level("cpu-max", "%", true), "");
    EXPECT_EQ(level("cpu-weight", "0", false), "");
    EXPECT_EQ(level("cpu-weight", "100", true), "");
    EXPECT_EQ(level("pids-max", "0", false), "");
    EXPECT_EQ(level("pids-max", "4194304", false), "");
    EXPECT_EQ(level("io-max", "1", false), "");
}

TEST(ParseLevel, KnowsEveryLevelThatTheTableSaysIsSupported) {
    for (const Key& key : unit_keys()) {
        if (key.type == KeyType::Rlimit) {
            EXPECT_TRUE(find_rlimit(key.name).has_value()) << key.name;
        } else if (key.type == KeyType::Level && key.support == Support::Now) {
            EXPECT_NE(parse_level(key.name, "", true).problem, "there is no such level")
                << key.name;
        }
    }
}

} // namespace stead::unitfile
