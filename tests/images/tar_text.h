#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace stead::images {

/// A tar archive made by hand, byte by byte, so that it can say what no tar(1) would.
class TarText {
public:
    struct Member {
        std::string name;
        /// '0' file, '1' hard link, '2' symbolic link, '3' character device, '5' folder, '6' pipe.
        char type = '0';
        std::string content;
        std::string target;
        unsigned mode = 0644;
        std::uint64_t uid = 0;
        /// Of the header, where it is not the content's.
        std::uint64_t size = 0;
    };

    TarText& add(const Member& member);

    TarText& file(const std::string& name, const std::string& content = {}) {
        return add({name, '0', content, {}, 0644, 0, 0});
    }

    TarText& folder(const std::string& name) { return add({name, '5', {}, {}, 0755, 0, 0}); }

    TarText& link(const std::string& name, const std::string& target) {
        return add({name, '2', {}, target, 0777, 0, 0});
    }

    TarText& hard_link(const std::string& name, const std::string& target) {
        return add({name, '1', {}, target, 0644, 0, 0});
    }

    /// A pax header for the next member: "SCHILY.xattr.user.x", value.
    TarText& extended(const std::string& key, const std::string& value);

    /// With the end marker.
    [[nodiscard]] std::string text() const { return text_ + std::string(1024, '\0'); }

    [[nodiscard]] std::string unended() const { return text_; }

private:
    std::string text_;
};

} // namespace stead::images
