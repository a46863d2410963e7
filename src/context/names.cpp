#include "context/names.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <dirent.h>

#include "sys/file.h"

namespace stead::context {

namespace {

/// Room for all of most folders: a second call only learns that there is no more.
constexpr std::size_t kRoom = 32U << 10U;

Names::Kind kind_of(unsigned char type) {
    if (type == DT_UNKNOWN) return Names::Kind::Unknown;
    return type == DT_DIR ? Names::Kind::Folder : Names::Kind::Other;
}

} // namespace

Result<Names> Names::of(int folder) {
    constexpr std::size_t kName = offsetof(dirent64, d_name);
    Names names;
    // Filled by the kernel, and too large to be cleared for nothing.
    alignas(dirent64) std::array<std::byte, kRoom> buffer; // NOLINT(*-member-init)
    for (;;) {
        const std::size_t size = TRY(sys::read_entries(folder, buffer));
        if (size == 0) return names;
        for (std::size_t at = 0; at < size;) {
            const std::byte* entry = buffer.data() + at;
            std::uint16_t length = 0;
            unsigned char type = 0;
            std::memcpy(&length, entry + offsetof(dirent64, d_reclen), sizeof length);
            std::memcpy(&type, entry + offsetof(dirent64, d_type), sizeof type);
            if (length <= kName || length > size - at) return make_error("getdents", {}, EIO);
            names.entries_.push_back({reinterpret_cast<const char*>(entry + kName), kind_of(type)});
            at += length;
        }
    }
}

std::optional<Names::Kind> Names::find(std::string_view name) const {
    const auto found = std::find_if(entries_.begin(), entries_.end(),
                                    [&](const Entry& entry) { return entry.name == name; });
    if (found == entries_.end()) return std::nullopt;
    return found->kind;
}

} // namespace stead::context
