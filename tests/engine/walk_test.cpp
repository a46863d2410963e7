#include <cstdlib>
#include <iostream>

#include <gtest/gtest.h>

#include "walk.h"

namespace stead::engine {
namespace {

std::uint64_t number_of(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name); // NOLINT(concurrency-mt-unsafe): one thread
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 0);
}

// STEAD_WALK_STEPS: how many events in all. STEAD_WALK_SEED: the first guest's seed; each guest
// takes the next one, so a failure's seed with few steps replays just that guest.
TEST(Walk, KeepsEveryPromiseInRandomGuests) {
    const std::uint64_t steps = number_of("STEAD_WALK_STEPS", 1'000'000);
    std::uint64_t seed = number_of("STEAD_WALK_SEED", 20'000);
    std::uint64_t done = 0;
    std::uint64_t guests = 0;
    std::cout << "first seed " << seed << "\n";
    for (; done < steps; ++seed, ++guests) {
        Walk walk(seed);
        done += walk.run(1500);
        ASSERT_EQ(walk.complaint(), "")
            << "replay with STEAD_WALK_SEED=" << seed << " STEAD_WALK_STEPS=1";
    }
    std::cout << done << " events in " << guests << " guests\n";
}

} // namespace
} // namespace stead::engine
