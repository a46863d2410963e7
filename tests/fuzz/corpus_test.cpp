#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include <gtest/gtest.h>

/// Runs the fuzzer it is linked with over its corpus, without libFuzzer: what was found once stays
/// found, with gcc and under the sanitizers of the `asan` preset. (STEAD_FUZZ_SUITE, FuzzPlan for
/// example, tells the ctest cases of several fuzzers apart.)
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Bytes = std::vector<std::uint8_t>;

std::vector<Bytes> corpus() {
    std::vector<Bytes> files;
    for (const auto& entry : std::filesystem::directory_iterator(STEAD_CORPUS)) {
        std::ifstream file(entry.path(), std::ios::binary);
        files.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
    return files;
}

/// The fuzzer aborts on a broken promise; what it returns says only whether libFuzzer is to keep
/// it.
int feed(const Bytes& bytes) {
    return LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

TEST(STEAD_FUZZ_SUITE, IsNotEmptyAndPasses) {
    const auto files = corpus();
    EXPECT_FALSE(files.empty()) << "no files in " << STEAD_CORPUS;
    for (const Bytes& file : files)
        EXPECT_LE(feed(file), 0);
}

TEST(STEAD_FUZZ_SUITE, PassesWhenCutShort) {
    for (const Bytes& file : corpus()) {
        const std::size_t step = file.size() / 64 + 1;
        for (std::size_t size = 0; size < file.size(); size += step) {
            EXPECT_LE(feed(Bytes(file.data(), file.data() + size)), 0);
        }
    }
}

TEST(STEAD_FUZZ_SUITE, PassesWhenDamaged) {
    std::uint32_t random = 1;
    for (Bytes file : corpus()) {
        if (file.empty()) continue;
        for (int changes = 0; changes < 200; ++changes) {
            random = random * 1664525U + 1013904223U;
            std::uint8_t& at = file[(random >> 8U) % file.size()];
            const std::uint8_t before = at;
            at = static_cast<std::uint8_t>(random);
            EXPECT_LE(feed(file), 0);
            if (changes % 4 != 0) at = before;
        }
    }
}

} // namespace
