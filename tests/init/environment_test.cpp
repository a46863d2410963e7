#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "init/environment.h"

namespace stead::init {
namespace {

std::vector<std::string> texts(char* const* list) {
    std::vector<std::string> all;
    for (; *list != nullptr; ++list)
        all.emplace_back(*list);
    return all;
}

TEST(ChildStrings, KeepsArgvAndEnvironmentApart) {
    const auto scratch = std::make_unique<Scratch>();
    ChildStrings strings(*scratch);
    strings.add("program");
    char* const* argv = strings.end_list();
    strings.add_joined("PATH=", "/bin");
    char* const* environment = strings.end_list();
    EXPECT_EQ(texts(argv), (std::vector<std::string>{"program"}));
    EXPECT_EQ(texts(environment), (std::vector<std::string>{"PATH=/bin"}));
    EXPECT_STREQ(find_path(environment), "/bin");
    EXPECT_FALSE(strings.overflowed());
}

TEST(ChildStrings, SaysWhenThereIsNoMoreRoom) {
    const auto scratch = std::make_unique<Scratch>();
    ChildStrings strings(*scratch);
    for (std::size_t i = 0; i < kMaxPointers + 5; ++i)
        strings.add("x");
    char* const* list = strings.end_list();
    EXPECT_TRUE(strings.overflowed());
    EXPECT_LT(texts(list).size(), kMaxPointers);
}

TEST(Environment, KeepsWhatSpeaksToPidOnesParentBack) {
    const auto scratch = std::make_unique<Scratch>();
    ChildStrings strings(*scratch);
    std::vector<std::string> own = {"A=1",          "NOTIFY_SOCKET=/x", "LISTEN_FDS=1",
                                    "LISTEN_PID=1", "WATCHDOG_USEC=1",  "B=2"};
    std::vector<char*> pointers;
    pointers.reserve(own.size() + 1);
    for (std::string& entry : own)
        pointers.push_back(entry.data());
    pointers.push_back(nullptr);
    ExecView everything;
    everything.inherit_all = true;
    add_environment(strings, everything, pointers.data());
    EXPECT_EQ(texts(strings.end_list()), (std::vector<std::string>{"A=1", "B=2"}));
}

} // namespace
} // namespace stead::init
