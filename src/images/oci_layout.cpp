#include "images/oci_layout.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "images/digest.h"
#include "images/unpack.h"
#include "sys/file.h"
#include "sys/path.h"

namespace stead::images {

namespace {

constexpr const char* kAgain = "fetch the image again; nothing is kept of it";
/// An index in an index in an index is nobody's image.
constexpr int kMaxNesting = 4;

class Layout {
public:
    Layout(int folder, Report& report)
        : folder_(folder)
        , report_(report) {}

    /// A blob with the size and the digest that its descriptor names, open at its beginning.
    std::optional<sys::UniqueFd> open_blob(const Descriptor& blob) {
        const std::string path = "blobs/sha256/" + blob.digest;
        auto file = sys::resolve_beneath(folder_, path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY);
        if (!file) {
            (void)report_.fail(path, file.error(), kAgain);
            return std::nullopt;
        }
        const auto status = sys::status_at(file->get(), "", AT_EMPTY_PATH);
        if (!status || !S_ISREG(status->st_mode)) {
            (void)report_.fail(path + " is no file", kAgain);
            return std::nullopt;
        }
        if (static_cast<std::uint64_t>(status->st_size) != blob.size) {
            (void)report_.fail(path + " has " + std::to_string(status->st_size) + " bytes; " +
                                   std::to_string(blob.size) + " were announced",
                               kAgain);
            return std::nullopt;
        }
        const auto sum = sum_of(file->get());
        if (!sum) {
            (void)report_.fail(path, sum.error());
            return std::nullopt;
        }
        if (sum->hex != blob.digest) {
            (void)report_.fail(path + " has the digest " + sum->hex + ": wrong", kAgain);
            return std::nullopt;
        }
        if (::lseek(file->get(), 0, SEEK_SET) < 0) {
            (void)report_.fail(path, last_error("lseek"));
            return std::nullopt;
        }
        return *std::move(file);
    }

    std::optional<std::string> read_json(const Descriptor& blob) {
        if (blob.size > kMaxJson) {
            (void)report_.fail("blobs/sha256/" + blob.digest + " is announced as larger than 4 MB",
                               kAgain);
            return std::nullopt;
        }
        const auto file = open_blob(blob);
        if (!file) return std::nullopt;
        return read_all(file->get(), static_cast<std::size_t>(blob.size));
    }

    std::optional<std::string> read_index() {
        const auto file =
            sys::resolve_beneath(folder_, "index.json", O_RDONLY | O_NONBLOCK | O_NOCTTY);
        if (!file) {
            (void)report_.fail(
                "index.json", file.error(),
                "an OCI layout is wanted; of an old 'docker save', skopeo makes one");
            return std::nullopt;
        }
        const auto status = sys::status_at(file->get(), "", AT_EMPTY_PATH);
        const bool fits = status && S_ISREG(status->st_mode) &&
                          static_cast<std::uint64_t>(status->st_size) <= kMaxJson;
        if (fits) return read_all(file->get(), static_cast<std::size_t>(status->st_size));
        (void)report_.fail("index.json is no file of 4 MB at most", kAgain);
        return std::nullopt;
    }

private:
    std::optional<std::string> read_all(int file, std::size_t size) {
        std::string text(size, '\0');
        const auto got = sys::read_full(file, std::as_writable_bytes(std::span(text)));
        if (got) {
            text.resize(*got);
            return text;
        }
        (void)report_.fail("", got.error());
        return std::nullopt;
    }

    int folder_;
    Report& report_;
};

std::optional<OciManifest>
find_manifest(Layout& layout, const std::string& reference, Report& report) {
    auto text = layout.read_index();
    std::string name = reference;
    for (int nesting = 0; text && nesting < kMaxNesting; ++nesting) {
        const auto list = parse_index(*text, report);
        if (!list) return std::nullopt;
        const auto chosen = choose(*list, name, own_architecture(), report);
        if (!chosen) return std::nullopt;
        text = layout.read_json(*chosen);
        if (!text) return std::nullopt;
        if (!chosen->is_index()) return parse_oci_manifest(*text, report);
        name.clear(); // Names are the outermost index's.
    }
    (void)report.fail("the image's index is nested too deeply", kAgain);
    return std::nullopt;
}

/// What a layer has used is no longer there for the next ones.
Limits rest_of(const Limits& limits, const Limits& used) {
    return {limits.bytes - std::min(limits.bytes, used.bytes),
            limits.files - std::min(limits.files, used.files)};
}

} // namespace

bool apply_layout(int layout,
                  const ImportOptions& options,
                  int root,
                  Image& image,
                  Progress progress,
                  Report& report) {
    Layout blobs(layout, report);
    const auto manifest = find_manifest(blobs, options.reference, report);
    if (!manifest) return false;
    const auto text = blobs.read_json(manifest->config);
    if (!text) return false;
    auto configuration = parse_configuration(*text, report);
    if (!configuration) return false;
    const std::string machine = own_architecture();
    if (!configuration->architecture.empty() && configuration->architecture != machine)
        return report.fail("the image is for " + configuration->architecture +
                               ", this machine is " + machine,
                           "fetch the image for " + machine);
    image.configuration = *std::move(configuration);

    Unpacker unpacker(root, {true, options.squash}, report, progress);
    Limits limits = options.limits;
    std::size_t number = 0;
    for (const Descriptor& layer : manifest->layers) {
        progress("layer " + std::to_string(++number) + " of " +
                 std::to_string(manifest->layers.size()));
        const auto file = blobs.open_blob(layer);
        if (!file) return false;
        ArchiveReader archive(file->get(), "layer " + std::to_string(number), limits, report);
        archive.allow_empty();
        if (!unpacker.unpack(archive)) return false;
        limits = rest_of(limits, archive.used());
    }
    unpacker.note_left_out();
    return true;
}

} // namespace stead::images
