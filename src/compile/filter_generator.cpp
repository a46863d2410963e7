#include <cstdio>

#include "compile/filter.h"

/// Runs while Stead is built: prints the default filters as C++, so that a start without lists of
/// its own never pays for libseccomp.
namespace {

bool print(const char* name, const stead::compile::CallPolicy& policy) {
    const auto filter = stead::compile::build_filter(policy);
    if (!filter) {
        std::fprintf(stderr, "%s: %s\n", name, stead::describe(filter.error()).c_str());
        return false;
    }
    std::printf("\ninline constexpr std::uint64_t %s[] = {", name);
    for (std::size_t i = 0; i < filter->size(); ++i)
        std::printf("%s0x%016llx,", i % 4 == 0 ? "\n    " : " ",
                    static_cast<unsigned long long>((*filter)[i]));
    std::printf("\n};\n");
    return true;
}

void print_answers(const char* name, const stead::compile::CallPolicy& policy) {
    std::printf("\ninline constexpr CallPolicy::Answers %s = {", name);
    for (int number = 0; number <= stead::compile::kNewestCall; ++number)
        std::printf("%sAnswer{%u},", number % 10 == 0 ? "\n    " : " ",
                    static_cast<unsigned>(policy.of(number)));
    std::printf("\n};\n");
}

} // namespace

int main() {
    using namespace stead::compile;
    std::printf("#pragma once\n\n#include <cstdint>\n\n#include \"compile/filter.h\"\n\n"
                "// Made by filter_generator.cpp during the build.\n"
                "namespace stead::compile {\n");
    const bool good = print("kServiceFilter", service_policy()) &&
                      print("kInitFilter", init_policy()) && print("kJailFilter", jail_policy(0)) &&
                      print("kJailInitFilter", jail_init_policy());
    print_answers("kServiceAnswers", service_policy());
    print_answers("kInitAnswers", init_policy());
    print_answers("kJailAnswers", jail_policy(0));
    print_answers("kJailInitAnswers", jail_init_policy());
    std::printf("\n} // namespace stead::compile\n");
    return good ? 0 : 1;
}
