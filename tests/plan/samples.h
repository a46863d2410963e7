#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "plan/plan.h"
#include "plan/writer.h"

/// Plans to test with, and the way back from an image to what it was written from.
namespace stead::plan {

/// An image in memory that is aligned as a mapping would be.
class Image {
public:
    explicit Image(std::span<const std::byte> bytes);

    [[nodiscard]] std::span<const std::byte> bytes() const {
        return {reinterpret_cast<const std::byte*>(words_.data()), size_};
    }

    [[nodiscard]] std::span<std::byte> bytes() {
        return {reinterpret_cast<std::byte*>(words_.data()), size_};
    }

private:
    std::vector<std::uint64_t> words_;
    std::size_t size_;
};

/// The image of `input`; a test that writes what cannot be written fails loudly.
Image image_of(const PlanInput& input);

/// A unit that runs `program`, with every default.
UnitInput simple_unit(const std::string& name, const std::string& program = "/bin/true");

/// A plan of a few units in which every field of every record is in use.
PlanInput rich_plan();

/// Any plan that `write` accepts: random counts, words, flags, masks, edges, paths.
PlanInput random_plan(std::mt19937_64& random);

/// Everything the accessors say, in the writer's terms.
PlanInput read_back(const Plan& plan);

} // namespace stead::plan
