#include "cli/packed_log.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <limits>
#include <utility>

#include <zlib.h>

#include "sys/file.h"
#include "sys/stream.h"

namespace stead::cli {

namespace {

constexpr std::size_t kPackBlock = std::size_t{64} * 1024;
/// A header and a trailer: no gzip file is shorter.
constexpr off_t kShortest = 18;

using PackStream = std::unique_ptr<gzFile_s, int (*)(gzFile)>;

/// A stream on a descriptor of its own; null where memory or descriptors are out.
gzFile open_stream(int fd, const char* mode) {
    auto copy = sys::duplicate(fd);
    if (!copy) return nullptr;
    const gzFile stream = ::gzdopen(copy->get(), mode);
    // The stream has it from here on.
    if (stream != nullptr) (void)copy->release();
    return stream;
}

} // namespace

void PackedLog::Close::operator()(gzFile_s* file) const {
    (void)::gzclose_r(file); // read only
}

std::optional<PackedLog> PackedLog::open(int fd) {
    const auto status = sys::status_at(fd, "", AT_EMPTY_PATH);
    if (!status || status->st_size < kShortest) return std::nullopt;
    std::array<char, 2> magic{};
    const auto begun = sys::read_at(fd, magic, 0);
    if (!begun || *begun != magic.size() || magic != std::array{'\x1f', '\x8b'})
        return std::nullopt;
    std::array<char, 4> length{};
    const auto ended =
        sys::read_at(fd, length, static_cast<std::size_t>(status->st_size) - length.size());
    if (!ended || *ended != length.size()) return std::nullopt;
    PackedLog log;
    for (std::size_t at = 0; at < length.size(); ++at)
        log.size_ |= std::uint32_t{static_cast<unsigned char>(length[at])} << 8U * at;
    log.file_.reset(open_stream(fd, "rb"));
    if (!log.file_) return std::nullopt;
    return log;
}

std::optional<std::size_t> PackedLog::read(std::span<char> buffer) {
    const int got = ::gzread(file_.get(), buffer.data(), static_cast<unsigned>(buffer.size()));
    if (got < 0) return std::nullopt;
    // What ends in the middle is read as far as it goes, and then is an error of the close only.
    int problem = Z_OK;
    (void)::gzerror(file_.get(), &problem);
    if (got == 0 && problem != Z_OK) return std::nullopt;
    return static_cast<std::size_t>(got);
}

void PackedLog::rewind() {
    (void)::gzrewind(file_.get()); // a damaged file says so at the next read
}

Result<void> pack_log(int from, int to) {
    PackStream stream(open_stream(to, "wb6"), &::gzclose_w);
    if (!stream) return make_error("compress", "a log", ENOMEM);
    std::array<char, kPackBlock> block; // NOLINT(*-member-init): filled by read
    for (std::size_t at = 0;;) {
        const std::size_t got = TRY(sys::read_at(from, block, at));
        if (got == 0) break;
        at += got;
        if (::gzwrite(stream.get(), block.data(), static_cast<unsigned>(got)) <= 0)
            return make_error("compress", "a log", errno == 0 ? EIO : errno);
    }
    // The last bytes are written here.
    if (::gzclose_w(stream.release()) != Z_OK)
        return make_error("compress", "a log", errno == 0 ? EIO : errno);
    return {};
}

} // namespace stead::cli
