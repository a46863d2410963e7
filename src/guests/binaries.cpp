#include "guests/binaries.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <utility>

#include "guests/state.h"
#include "sys/file.h"
#include "sys/memory.h"

namespace stead::guests {

namespace {

constexpr const char* kSelf = "/proc/self/exe";

/// A file's content in memory, as long as this lives.
class Content {
public:
    static Result<Content> of(const sys::UniqueFd& file, std::size_t size) {
        return Content(TRY(sys::map_file(file.get(), size)));
    }

    Content(Content&& other) noexcept
        : bytes_(std::exchange(other.bytes_, {})) {}

    Content(const Content&) = delete;
    Content& operator=(const Content&) = delete;
    Content& operator=(Content&&) = delete;

    ~Content() {
        if (!bytes_.empty()) sys::unmap(bytes_);
    }

    [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

private:
    explicit Content(std::span<const std::byte> bytes)
        : bytes_(bytes) {}

    std::span<const std::byte> bytes_;
};

/// True if `file` is a regular file of root's that nobody else may write and that holds exactly
/// `content`.
bool holds(const sys::UniqueFd& file, std::span<const std::byte> content) {
    const auto status = sys::status_at(file.get(), "", AT_EMPTY_PATH);
    if (!status || !S_ISREG(status->st_mode) || status->st_uid != ::geteuid()) return false;
    if ((status->st_mode & 07777) != 0755) return false;
    if (static_cast<std::size_t>(status->st_size) != content.size()) return false;
    const auto mapped = Content::of(file, content.size());
    return mapped && std::memcmp(mapped->bytes().data(), content.data(), content.size()) == 0;
}

/// A program in the library folder with this content: the one that is there, else a new one.
Result<sys::UniqueFd>
provide(const Paths& paths, const std::string& name, std::span<const std::byte> content) {
    const std::string library = paths.runtime + "/lib";
    const std::string path = library + "/" + name;
    auto present = sys::open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_NOFOLLOW);
    if (present && holds(*present, content)) return *std::move(present);

    TRY(make_folders(library));
    // Two first starts at once each write their own draft. The first name given stays: a file that
    // somebody has replaced meanwhile cannot be bound into a guest any more.
    const std::string draft = path + "." + std::to_string(::getpid());
    {
        const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW;
        const sys::UniqueFd file = TRY(sys::open_at(AT_FDCWD, draft.c_str(), flags, 0755));
        TRY(sys::set_mode(file.get(), 0755)); // Whatever the umask says.
        const std::string_view text(reinterpret_cast<const char*>(content.data()), content.size());
        const Result<void> written = sys::write_full(file.get(), text);
        if (!written) {
            (void)sys::remove_at(AT_FDCWD, draft.c_str(),
                                 false); // The write's error is the one to tell.
            return make_error("write", path, written.error().code);
        }
    }
    // One that is there and wrong (cut short by a full disk) goes.
    const Result<void> named = present ? sys::rename_at(AT_FDCWD, draft.c_str(), path.c_str())
                                       : sys::rename_new(AT_FDCWD, draft.c_str(), path.c_str());
    if (!named) {
        (void)sys::remove_at(AT_FDCWD, draft.c_str(),
                             false); // The rename's error is the one to tell.
        if (named.error().code != EEXIST) return named.error();
    }
    sys::UniqueFd written = TRY(sys::open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_NOFOLLOW));
    if (!holds(written, content)) return make_error("verify", path, EIO);
    return written;
}

/// A name for `content`: FNV-1a, eight bytes a step. It tells versions apart; that a file holds
/// what it should is compared, not hashed.
std::string hash_of(std::span<const std::byte> content) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (std::size_t at = 0; at < content.size(); at += sizeof(hash)) {
        std::uint64_t word = 0;
        std::memcpy(&word, content.data() + at, std::min(sizeof(word), content.size() - at));
        hash = (hash ^ word) * 0x100000001b3;
    }
    std::array<char, 17> digits{};
    std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(hash));
    return digits.data();
}

} // namespace

Result<sys::UniqueFd> init_program(const Paths& paths) {
    const std::string name = "stead-init-" + std::string(embedded_init_hash());
    return provide(paths, name, embedded_init());
}

Result<sys::UniqueFd> stead_program(const Paths& paths) {
    const sys::UniqueFd self = TRY(sys::open_at(AT_FDCWD, kSelf, O_RDONLY));
    const struct stat status = TRY(sys::status_at(self.get(), "", AT_EMPTY_PATH));
    const auto size = static_cast<std::size_t>(status.st_size);
    const Content content = TRY(Content::of(self, size));
    const std::string name = "stead-" + hash_of(content.bytes());
    return provide(paths, name, content.bytes());
}

Result<sys::UniqueFd> own_program() {
    return sys::open_at(AT_FDCWD, kSelf, O_PATH);
}

} // namespace stead::guests
