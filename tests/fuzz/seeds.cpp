#include <array>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include "plan/samples.h"
#include "wire/message.h"

/// Writes seeds of the binary formats below the folder that is given: the small good inputs from
/// which a fuzzer finds its way.
namespace {

using namespace stead;

void save(const std::filesystem::path& path, std::span<const std::byte> bytes) {
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
}

void plans(const std::filesystem::path& folder) {
    save(folder / "good-empty", plan::image_of({}).bytes());
    save(folder / "good-rich", plan::image_of(plan::rich_plan()).bytes());
    plan::PlanInput one;
    one.units = {plan::simple_unit("only")};
    save(folder / "good-one", plan::image_of(one).bytes());
    int saved = 0;
    for (std::uint64_t seed = 0; saved < 6; ++seed) {
        std::mt19937_64 random(seed);
        const plan::Image image = plan::image_of(plan::random_plan(random));
        if (image.bytes().size() > 3500) continue;
        save(folder / ("good-random-" + std::to_string(++saved)), image.bytes());
    }
}

void messages(const std::filesystem::path& folder) {
    std::array<std::byte, wire::kMaxMessage> buffer;
    save(folder / "good-ping", wire::Writer(buffer, wire::Kind::Ping).bytes());
    save(folder / "good-exec", wire::Writer(buffer, wire::Kind::Exec)
                                   .text(wire::Tag::Argv, "sh")
                                   .text(wire::Tag::Argv, "-c")
                                   .text(wire::Tag::Argv, "")
                                   .text(wire::Tag::Environment, "TERM=xterm")
                                   .number(wire::Tag::Uid, 0)
                                   .bytes());
    save(folder / "good-unit", wire::Writer(buffer, wire::Kind::Unit)
                                   .text(wire::Tag::Name, "nginx")
                                   .number(wire::Tag::State, 3)
                                   .number(wire::Tag::Since, -1)
                                   .text(wire::Tag::StatusText, "ready")
                                   .bytes());
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "fuzz_seeds: give the corpus folder\n";
        return 2;
    }
    const std::filesystem::path corpus = argv[1];
    plans(corpus / "plan");
    messages(corpus / "wire");
    return 0;
}
