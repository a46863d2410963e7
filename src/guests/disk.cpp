#include "guests/disk.h"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "guests/state.h"
#include "guests/store.h"
#include "unitfile/reader.h"

namespace stead::guests {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxNote = 4096;

} // namespace

std::vector<std::string> users_of_image(const Paths& paths, std::string_view image) {
    std::set<std::string> users;
    std::error_code unreadable;
    for (const auto& entry : fs::directory_iterator(paths.state + "/guests", unreadable)) {
        const auto note =
            read_file(AT_FDCWD, (entry.path().string() + "/disk/image").c_str(), kMaxNote);
        // "NAME DIGEST"
        if (note && note->substr(0, note->find(' ')) == image)
            users.insert(entry.path().filename().string());
    }
    return {users.begin(), users.end()};
}

} // namespace stead::guests
