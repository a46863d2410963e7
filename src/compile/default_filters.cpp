#include "compile/default_filters.h"

#include <iterator>

#include "compile/generated_filters.h"

namespace stead::compile {

std::vector<std::uint64_t> default_service_filter() {
    return {std::begin(kServiceFilter), std::end(kServiceFilter)};
}

std::vector<std::uint64_t> default_init_filter() {
    return {std::begin(kInitFilter), std::end(kInitFilter)};
}

std::vector<std::uint64_t> default_jail_filter() {
    return {std::begin(kJailFilter), std::end(kJailFilter)};
}

std::vector<std::uint64_t> default_jail_init_filter() {
    return {std::begin(kJailInitFilter), std::end(kJailInitFilter)};
}

CallPolicy default_service_policy() {
    return CallPolicy(kServiceAnswers);
}

CallPolicy default_init_policy() {
    return CallPolicy(kInitAnswers);
}

CallPolicy default_jail_policy(std::uint64_t capabilities) {
    return capabilities == 0 ? CallPolicy(kJailAnswers) : jail_policy(capabilities);
}

CallPolicy default_jail_init_policy() {
    return CallPolicy(kJailInitAnswers);
}

} // namespace stead::compile
