#include <gtest/gtest.h>

#include "compile/calls.h"
#include "learn/call_fold.h"

namespace stead::learn {
namespace {

std::map<int, std::string> used(std::string_view names) {
    std::map<int, std::string> calls;
    for (const int number : compile::expand_calls(names))
        calls[number] = "web";
    return calls;
}

std::vector<std::string> texts(const std::vector<Reasoned>& list) {
    std::vector<std::string> words;
    for (const Reasoned& item : list)
        words.push_back(item.text);
    return words;
}

using Words = std::vector<std::string>;

TEST(CallFold, MakesAGroupOfSeveralEverydayCalls) {
    EXPECT_EQ(texts(fold_calls(used("brk read write close openat newfstatat fcntl"))),
              (Words{"@default", "@basic-io", "@file-system"}));
}

TEST(CallFold, NamesEachCallOfWhichItsGroupHasFewUses) {
    EXPECT_EQ(texts(fold_calls(used("brk read openat"))), (Words{"@default", "read", "openat"}));
}

TEST(CallFold, GivesTheCallsOfWaitingWhichDependOnTheRunsTiming) {
    EXPECT_EQ(texts(fold_calls(used("brk rt_sigaction"))), (Words{"@default", "@signal"}));
    EXPECT_EQ(texts(fold_calls(used("brk poll"))), (Words{"@default", "@io-event"}));
    EXPECT_EQ(texts(fold_calls(used("brk socket"))), (Words{"@default", "@io-event", "socket"}));
}

TEST(CallFold, NeverOpensAGroupThatAJailDoesNotHave) {
    const auto list = texts(fold_calls(used("@setuid @chown @mount @inspect @process")));
    for (const std::string& word : list)
        EXPECT_TRUE(word == "@default" || word == "@signal" || word == "@timer" ||
                    word == "@io-event" || !word.starts_with('@'))
            << word;
    EXPECT_NE(std::find(list.begin(), list.end(), "setuid"), list.end());
}

TEST(CallFold, AllowsNothingBeyondItsGroupsAndNames) {
    const auto before = used("brk read socket connect bind listen setuid");
    const auto list = fold_calls(before);
    for (const auto& [number, program] : before) {
        bool covered = false;
        for (const Reasoned& item : list) {
            const auto numbers = compile::expand_calls(item.text);
            covered |= std::find(numbers.begin(), numbers.end(), number) != numbers.end();
        }
        EXPECT_TRUE(covered) << compile::call_name(number);
    }
}

TEST(CallFold, SaysWhichProgramMadeThem) {
    EXPECT_EQ(fold_calls(used("brk")).front().why, "brk by web");
}

} // namespace
} // namespace stead::learn
