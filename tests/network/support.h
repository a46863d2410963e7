#pragma once

#include <initializer_list>
#include <string>

#include <gtest/gtest.h>

#include "network/network.h"

namespace stead::network::test {

inline recipe::Address address(const std::string& text) {
    const auto parsed = recipe::parse_address(text);
    EXPECT_TRUE(parsed) << text;
    return parsed.value_or(recipe::Address{});
}

inline Attachment guest(const std::string& name, std::initializer_list<const char*> addresses) {
    Attachment made;
    made.guest = name;
    made.interface = interface_name(name, "");
    made.network.link = recipe::Link::Routed;
    for (const char* text : addresses)
        made.network.addresses.push_back(address(text));
    return made;
}

inline recipe::Forward
port(std::uint16_t outside, std::uint16_t inside, const std::string& at = {}) {
    recipe::Forward made;
    made.outside = outside;
    made.inside = inside;
    if (!at.empty()) made.at = address(at);
    made.text = std::to_string(outside) + ":" + std::to_string(inside);
    return made;
}

} // namespace stead::network::test
