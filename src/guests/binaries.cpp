#include "guests/binaries.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <utility>

#include <elf.h>
#include <link.h>

#include "guests/state.h"
#include "sys/descriptors.h"
#include "sys/file.h"
#include "sys/memory.h"
#include "sys/mounts.h"

namespace stead::guests {

namespace {

constexpr const char* kSelf = "/proc/self/exe";
/// Many times what stead-init is: a mistake is not copied into /run.
constexpr off_t kMaxInit = off_t{16} << 20U;
constexpr std::size_t kBuildDigits = 8;

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

/// True if `file` is a regular file of root's that nobody else may write and that is whole. What it
/// is called it was written as, and only root could have changed it since.
bool is_ours(const sys::UniqueFd& file, std::size_t size) {
    const auto status = sys::status_at(file.get(), "", AT_EMPTY_PATH);
    if (!status || !S_ISREG(status->st_mode) || status->st_uid != ::geteuid()) return false;
    if ((status->st_mode & 07777) != 0755) return false;
    return static_cast<std::size_t>(status->st_size) == size;
}

/// True if it also holds exactly `content`.
bool holds(const sys::UniqueFd& file, std::span<const std::byte> content) {
    if (!is_ours(file, content.size())) return false;
    const auto mapped = Content::of(file, content.size());
    return mapped && std::memcmp(mapped->bytes().data(), content.data(), content.size()) == 0;
}

/// Writes `content` to `path` by way of a draft beside it, which the next start writes anew if we
/// die. Of two first starts at once the second waits, and finds what the first has written: a file
/// that somebody has replaced meanwhile could not be bound into a guest any more.
Result<void> write_program(const std::string& path, std::span<const std::byte> content) {
    const std::string draft = path + ".new";
    const int flags = O_WRONLY | O_CREAT | O_NOFOLLOW;
    const sys::UniqueFd file = TRY(sys::open_at(AT_FDCWD, draft.c_str(), flags, 0755));
    TRY(sys::wait_for_lock(file.get()));
    const struct stat ours = TRY(sys::status_at(file.get(), "", AT_EMPTY_PATH));
    const auto there = sys::status_at(AT_FDCWD, draft.c_str(), AT_SYMLINK_NOFOLLOW);
    // It has become the program while we waited.
    if (!there || there->st_ino != ours.st_ino) return {};

    if (::ftruncate(file.get(), 0) < 0) return last_error("write", path);
    TRY(sys::set_mode(file.get(), 0755)); // Whatever the umask says.
    const std::string_view text(reinterpret_cast<const char*>(content.data()), content.size());
    auto written = sys::write_full(file.get(), text);
    if (written) written = sys::rename_at(AT_FDCWD, draft.c_str(), path.c_str());
    if (written) return {};
    (void)sys::remove_at(AT_FDCWD, draft.c_str(), false); // The first error is the one to tell.
    return make_error("write", path, written.error().code);
}

/// A program in the library folder with this content: the one that is there, else a new one.
Result<sys::UniqueFd>
provide(const Paths& paths, const std::string& name, std::span<const std::byte> content) {
    const std::string library = paths.runtime + "/lib";
    const std::string path = library + "/" + name;
    auto present = sys::open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_NOFOLLOW);
    if (present && is_ours(*present, content.size())) return *std::move(present);

    TRY(make_folders(library));
    TRY(write_program(path, content));
    sys::UniqueFd written = TRY(sys::open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_NOFOLLOW));
    if (!holds(written, content)) return make_error("verify", path, EIO);
    return written;
}

std::string hexadecimal(std::span<const std::byte> bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (const std::byte byte : bytes) {
        text += kDigits[std::to_integer<unsigned>(byte) >> 4U];
        text += kDigits[std::to_integer<unsigned>(byte) & 15U];
    }
    return text;
}

/// The linker's name for this very program, if it wrote one (elf(5), NT_GNU_BUILD_ID). A callback
/// of dl_iterate_phdr: of a static program there is one object.
int find_build_id(dl_phdr_info* program, std::size_t /*size*/, void* found) {
    for (const ElfW(Phdr) & part : std::span(program->dlpi_phdr, program->dlpi_phnum)) {
        if (part.p_type != PT_NOTE) continue;
        // NOLINTNEXTLINE(performance-no-int-to-ptr): dl_iterate_phdr gives addresses as numbers
        const auto* at = reinterpret_cast<const std::byte*>(program->dlpi_addr + part.p_vaddr);
        std::span<const std::byte> notes(at, part.p_memsz);
        ElfW(Nhdr) note{};
        while (notes.size() >= sizeof note) {
            std::memcpy(&note, notes.data(), sizeof note);
            const std::size_t name = sizeof note + ((note.n_namesz + 3U) & ~3U);
            const std::size_t end = name + ((note.n_descsz + 3U) & ~3U);
            if (end > notes.size()) break;
            if (note.n_type == NT_GNU_BUILD_ID) {
                *static_cast<std::string*>(found) = hexadecimal(notes.subspan(name, note.n_descsz));
                return 1;
            }
            notes = notes.subspan(end);
        }
    }
    return 0;
}

/// A name for `content`: FNV-1a, eight bytes a step.
std::string hash_of(std::span<const std::byte> content) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (std::size_t at = 0; at < content.size(); at += sizeof(hash)) {
        std::uint64_t word = 0;
        std::memcpy(&word, content.data() + at, std::min(sizeof(word), content.size() - at));
        hash = (hash ^ word) * 0x100000001b3;
    }
    return hexadecimal(std::as_bytes(std::span(&hash, 1)));
}

/// What tells this program from every other version of it. Reading all of it for that would take
/// longer than the rest of a start; its size tells a stripped one from the one it was made from.
std::string name_of_self(std::span<const std::byte> content) {
    std::string id;
    ::dl_iterate_phdr(find_build_id, &id);
    if (id.empty()) id = hash_of(content);
    return "stead-" + id + "-" + std::to_string(content.size());
}

/// A program that lies nowhere, and that nobody can write to any more.
Result<sys::UniqueFd> in_memory(std::span<const std::byte> content) {
    const sys::UniqueFd memfd = TRY(sys::make_memfd("stead-init"));
    const std::string_view text(reinterpret_cast<const char*>(content.data()), content.size());
    TRY(sys::write_full(memfd.get(), text));
    TRY(sys::seal(memfd.get()));
    // What is open for writing cannot be executed.
    const std::string path = "/proc/self/fd/" + std::to_string(memfd.get());
    return sys::open_at(AT_FDCWD, path.c_str(), O_RDONLY);
}

/// The program for another process to execute, whatever the mount of the library allows. Inside a
/// container there may be no place for a file, nor the right to mount.
Result<sys::UniqueFd>
provide_sealed(const Paths& paths, const std::string& name, std::span<const std::byte> content) {
    const auto program = provide(paths, name, content);
    auto sealed = program ? sys::seal_program(program->get()) : program.error();
    const int code = sealed ? 0 : sealed.error().code;
    if (code == EPERM || code == EACCES || code == EROFS) return in_memory(content);
    return sealed;
}

} // namespace

Result<sys::UniqueFd> init_program(const Paths& paths) {
    const std::string name = "stead-init-" + std::string(embedded_init_hash());
    return provide(paths, name, embedded_init());
}

Result<sys::UniqueFd> upgrade_program(const Paths& paths, const std::string& file) {
    if (file.empty()) {
        const std::string name = "stead-init-" + std::string(embedded_init_hash());
        return provide_sealed(paths, name, embedded_init());
    }
    const auto flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;
    const sys::UniqueFd given = TRY(sys::open_at(AT_FDCWD, file.c_str(), flags));
    const struct stat status = TRY(sys::status_at(given.get(), "", AT_EMPTY_PATH));
    if (!S_ISREG(status.st_mode) || status.st_size == 0) return make_error("read", file, EINVAL);
    if (status.st_size > kMaxInit) return make_error("read", file, EFBIG);
    const auto content = TRY(Content::of(given, static_cast<std::size_t>(status.st_size)));
    return provide_sealed(paths, "stead-init-" + hash_of(content.bytes()), content.bytes());
}

std::string build_of(const std::string& path) {
    const auto file = sys::open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!file) return {};
    const auto status = sys::status_at(file->get(), "", AT_EMPTY_PATH);
    if (!status || !S_ISREG(status->st_mode) || status->st_size > kMaxInit) return {};
    const auto content = Content::of(*file, static_cast<std::size_t>(status->st_size));
    return content ? hash_of(content->bytes()).substr(0, kBuildDigits) : std::string();
}

Result<sys::UniqueFd> stead_program(const Paths& paths) {
    const sys::UniqueFd self = TRY(sys::open_at(AT_FDCWD, kSelf, O_RDONLY));
    const struct stat status = TRY(sys::status_at(self.get(), "", AT_EMPTY_PATH));
    const auto size = static_cast<std::size_t>(status.st_size);
    const Content content = TRY(Content::of(self, size));
    return provide(paths, name_of_self(content.bytes()), content.bytes());
}

Result<sys::UniqueFd> own_program() {
    return sys::open_at(AT_FDCWD, kSelf, O_PATH);
}

} // namespace stead::guests
