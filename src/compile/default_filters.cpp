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

} // namespace stead::compile
