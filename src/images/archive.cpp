#include "images/archive.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>

#include <archive.h>
#include <archive_entry.h>

#include "sys/file.h"

namespace stead::images {

namespace {

constexpr std::size_t kBlock = std::size_t{1} << 18U;
/// Of one entry, in all.
constexpr std::size_t kMaxAttributes = std::size_t{1} << 17U;

struct FreeArchive {
    void operator()(archive* of) const { ::archive_read_free(of); }
};

std::string text_of(const char* text) {
    return text == nullptr ? std::string() : std::string(text);
}

Entry::Kind kind_of(archive_entry* entry) {
    if (::archive_entry_hardlink(entry) != nullptr) return Entry::Kind::HardLink;
    switch (::archive_entry_filetype(entry)) {
    case AE_IFREG:
        return Entry::Kind::File;
    case AE_IFDIR:
        return Entry::Kind::Folder;
    case AE_IFLNK:
        return Entry::Kind::Link;
    case AE_IFIFO:
        return Entry::Kind::Fifo;
    case AE_IFCHR:
    case AE_IFBLK:
        return Entry::Kind::Device;
    default:
        return Entry::Kind::Other;
    }
}

void take_attributes(archive_entry* from, Entry& entry) {
    ::archive_entry_xattr_reset(from);
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    std::size_t sum = 0;
    while (::archive_entry_xattr_next(from, &name, &value, &size) == ARCHIVE_OK) {
        if (name == nullptr || (sum += size) > kMaxAttributes) return;
        entry.attributes.emplace_back(
            name, std::string(static_cast<const char*>(value), value == nullptr ? 0 : size));
    }
}

} // namespace

struct ArchiveReader::State {
    std::string name;
    Limits limits;
    int fd = -1;
    std::unique_ptr<archive, FreeArchive> reader;
    std::vector<std::byte> buffer = std::vector<std::byte>(kBlock);
    std::uint64_t count = 0;
    std::uint64_t sum = 0;
    bool ended = false;
    bool may_be_empty = false;
    /// Looked at already.
    std::deque<Entry> waiting;
    /// What the file ends with.
    std::array<std::byte, 512> tail{};
    std::size_t tail_size = 0;
    Error read_error{};
    bool read_failed = false;

    void remember(std::size_t size) {
        if (size == 0) return;
        tail_size = std::min(size, tail.size());
        std::memcpy(tail.data(), buffer.data() + size - tail_size, tail_size);
    }

    static la_ssize_t feed(archive* of, void* self, const void** bytes) {
        auto& state = *static_cast<State*>(self);
        const auto size = sys::read_full(state.fd, state.buffer);
        *bytes = state.buffer.data();
        if (size) {
            state.remember(*size);
            return static_cast<la_ssize_t>(*size);
        }
        state.read_failed = true;
        state.read_error = size.error();
        ::archive_set_error(of, size.error().code, "read");
        return ARCHIVE_FATAL;
    }
};

ArchiveReader::ArchiveReader(int fd, std::string name, const Limits& limits, Report& report)
    : state_(std::make_unique<State>())
    , report_(report) {
    state_->name = std::move(name);
    state_->limits = limits;
    state_->fd = fd;
}

ArchiveReader::~ArchiveReader() = default;

bool ArchiveReader::open() {
    archive* reader = ::archive_read_new();
    state_->reader.reset(reader);
    if (reader == nullptr) return report_.fail(state_->name + ": out of memory");
    // One by one: a format that nobody needs is a parser that nobody has to trust.
    const std::array results{
        ::archive_read_support_format_tar(reader),   ::archive_read_support_filter_gzip(reader),
        ::archive_read_support_filter_bzip2(reader), ::archive_read_support_filter_xz(reader),
        ::archive_read_support_filter_lzma(reader),  ::archive_read_support_filter_zstd(reader),
        ::archive_read_support_filter_lz4(reader)};
    if (std::any_of(results.begin(), results.end(), [](int one) { return one != ARCHIVE_OK; }))
        return fail_reading("libarchive");
    if (::archive_read_open2(reader, state_.get(), nullptr, State::feed, nullptr, nullptr) !=
        ARCHIVE_OK)
        return fail_reading("open");
    return true;
}

bool ArchiveReader::fail_reading(const char* what) {
    state_->ended = true;
    if (state_->read_failed) return report_.fail(state_->name, state_->read_error);
    const std::string why = text_of(::archive_error_string(state_->reader.get()));
    if (state_->count == 0) {
        return report_.fail(state_->name + ": no archive that can be read (" +
                                (why.empty() ? what : why) + ")",
                            "it must be tar: plain, or compressed by gzip, bzip2, xz, lzma, zstd "
                            "or lz4");
    }
    return report_.fail(state_->name + ": broken or cut short after entry " +
                            std::to_string(state_->count) + " (" + (why.empty() ? what : why) + ")",
                        "fetch or pack it again; nothing is kept of it");
}

bool ArchiveReader::check_limits(const Entry& entry) {
    const Limits& limits = state_->limits;
    if (state_->count > limits.files)
        return report_.fail(state_->name + ": more than " + std::to_string(limits.files) + " files",
                            "if that is meant, --max-files allows more");
    if (state_->sum > limits.bytes || unpacked() > limits.bytes)
        return report_.fail(place(entry) + ": more than " + std::to_string(limits.bytes >> 20U) +
                                " MB unpacked",
                            "if that is meant, --max-size allows more");
    return true;
}

void ArchiveReader::allow_empty() {
    state_->may_be_empty = true;
}

Limits ArchiveReader::used() const {
    return {std::max(state_->sum, unpacked()), state_->count};
}

bool ArchiveReader::looks_like_oci() {
    Entry entry;
    while (read_header(entry)) {
        state_->waiting.push_back(entry);
        std::string_view path = entry.path;
        while (path.starts_with("./"))
            path.remove_prefix(2);
        if (path.empty() || path == ".") continue;
        const std::string_view first = path.substr(0, path.find('/'));
        return first == "blobs" || first == "oci-layout" || first == "index.json" ||
               first == "manifest.json" || first == "repositories";
    }
    return false;
}

bool ArchiveReader::next(Entry& entry) {
    if (!state_->waiting.empty()) {
        entry = std::move(state_->waiting.front());
        state_->waiting.pop_front();
        return !report_.failed();
    }
    return read_header(entry);
}

/// A plain archive that was cut between two entries looks whole to libarchive.
bool ArchiveReader::check_end() {
    const bool plain = ::archive_filter_count(state_->reader.get()) == 1;
    const auto tail = std::span(state_->tail).first(state_->tail_size);
    const bool marked =
        std::all_of(tail.begin(), tail.end(), [](std::byte one) { return one == std::byte{0}; });
    if (!plain || marked) return true;
    return report_.fail(state_->name + ": cut short: after entry " + std::to_string(state_->count) +
                            " the archive has no end",
                        "fetch or pack it again; nothing is kept of it");
}

bool ArchiveReader::read_header(Entry& entry) {
    if (state_->ended || report_.failed()) return false;
    if (!state_->reader && !open()) return false;
    archive_entry* found = nullptr;
    const int answer = ::archive_read_next_header(state_->reader.get(), &found);
    if (answer == ARCHIVE_EOF) {
        state_->ended = true;
        if (state_->count == 0 && !state_->may_be_empty)
            return report_.fail(state_->name + ": an archive without any file");
        (void)check_end();
        return false;
    }
    // A warning is about something that could not be taken over as it stands there.
    if (answer != ARCHIVE_OK) return fail_reading("header");
    ++state_->count;
    entry = Entry{};
    entry.kind = kind_of(found);
    entry.path = text_of(::archive_entry_pathname(found));
    entry.target = text_of(entry.kind == Entry::Kind::HardLink ? ::archive_entry_hardlink(found)
                                                               : ::archive_entry_symlink(found));
    entry.mode = ::archive_entry_mode(found) & 07777U;
    entry.uid = ::archive_entry_uid(found);
    entry.gid = ::archive_entry_gid(found);
    entry.changed = {::archive_entry_mtime(found), ::archive_entry_mtime_nsec(found)};
    const la_int64_t size = ::archive_entry_size(found);
    entry.size = size > 0 ? static_cast<std::uint64_t>(size) : 0;
    // Of a hard link the size is that of the file it means; sparse files count in full, because
    // every reader of them pays in full.
    if (entry.kind == Entry::Kind::File)
        state_->sum += std::min(entry.size, state_->limits.bytes + 1);
    take_attributes(found, entry);
    entry.has_acl = ::archive_entry_acl_types(found) != 0;
    if (!check_limits(entry)) return false;
    return entry.kind == Entry::Kind::File || skip(entry);
}

/// What libarchive would pass over by itself when the next entry is asked for, without any limit.
bool ArchiveReader::skip(const Entry& entry) {
    while (true) {
        const void* bytes = nullptr;
        std::size_t size = 0;
        la_int64_t at = 0;
        const int answer = ::archive_read_data_block(state_->reader.get(), &bytes, &size, &at);
        if (answer == ARCHIVE_EOF) return true;
        if (answer != ARCHIVE_OK) return fail_reading("content");
        if (!check_limits(entry)) return false;
    }
}

bool ArchiveReader::read(const Entry& entry, Block block) {
    while (true) {
        const void* bytes = nullptr;
        std::size_t size = 0;
        la_int64_t at = 0;
        const int answer = ::archive_read_data_block(state_->reader.get(), &bytes, &size, &at);
        if (answer == ARCHIVE_EOF) return true;
        if (answer != ARCHIVE_OK) return fail_reading("content");
        if (at < 0 || static_cast<std::uint64_t>(at) + size > entry.size)
            return report_.fail(place(entry) + ": content beyond its size");
        const auto written =
            block({static_cast<const std::byte*>(bytes), size}, static_cast<std::uint64_t>(at));
        if (!written) return report_.fail(place(entry), written.error());
        if (!check_limits(entry)) return false;
    }
}

std::string ArchiveReader::place(const Entry& entry) const {
    return state_->name + ", entry " + std::to_string(state_->count) + " '" + entry.path + "'";
}

std::uint64_t ArchiveReader::unpacked() const {
    const la_int64_t bytes = ::archive_filter_bytes(state_->reader.get(), 0);
    return bytes > 0 ? static_cast<std::uint64_t>(bytes) : 0;
}

} // namespace stead::images
