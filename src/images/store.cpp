#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include <nlohmann/json.hpp>

#include "images/digest.h"
#include "images/images.h"
#include "images/names.h"
#include "images/staging.h"
#include "images/tree.h"
#include "sys/file.h"
#include "sys/tree.h"

namespace stead::images {

namespace {

constexpr std::string_view kNew = ".new-";
constexpr std::string_view kOld = ".old-";
constexpr const char* kLock = ".lock";

Result<std::string> read_small(int folder, const char* name, std::size_t limit) {
    const sys::UniqueFd file =
        TRY(sys::open_at(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    const struct stat status = TRY(sys::status_at(file.get(), "", AT_EMPTY_PATH));
    if (!S_ISREG(status.st_mode)) return make_error("read", name, EINVAL);
    if (static_cast<std::size_t>(status.st_size) > limit) return make_error("read", name, EFBIG);
    std::string text(static_cast<std::size_t>(status.st_size), '\0');
    const std::size_t size =
        TRY(sys::read_full(file.get(), std::as_writable_bytes(std::span(text))));
    text.resize(size);
    return text;
}

/// The folder of all images, 0700: set-uid programs of an image are no business of the host's
/// users.
Result<sys::UniqueFd> open_store(const std::string& path) {
    for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
        const bool last = slash == std::string::npos;
        const std::string part = path.substr(0, slash);
        const auto made = sys::make_folder(AT_FDCWD, part.c_str(), last ? 0700 : 0755);
        if (!made && made.error().code != EEXIST) return made.error();
        if (last) break;
    }
    return sys::open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY);
}

/// Names are made and taken away under this lock; the work itself goes on beside it.
Result<sys::UniqueFd> lock_store(int folder) {
    sys::UniqueFd lock = TRY(sys::open_at(folder, kLock, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
    TRY(sys::wait_for_lock(lock.get()));
    return lock;
}

/// Whether the maker of an unfinished image is still at work.
bool is_at_work(int store, const std::string& name) {
    const auto lock = sys::open_at(store, (name + "/lock").c_str(), O_RDWR | O_NOFOLLOW);
    if (!lock) return false;
    const auto locked = sys::is_locked(lock->get());
    return locked && *locked;
}

void clear_in(int store) {
    const auto names = names_in(store);
    if (!names) return;
    for (const std::string& name : *names) {
        const bool left =
            name.starts_with(kOld) || (name.starts_with(kNew) && !is_at_work(store, name));
        if (left) (void)remove_tree(store, name.c_str()); // The next command tries again.
    }
}

std::string text_of(const nlohmann::json& json, const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::uint64_t number_of(const nlohmann::json& json, const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

} // namespace

std::string image_json(const Image& image) {
    nlohmann::json json;
    json["name"] = image.name;
    json["source"] = image.source;
    json["created"] = static_cast<std::uint64_t>(image.created);
    json["files"] = image.files;
    json["bytes"] = image.bytes;
    json["manifest"] = "sha256:" + image.digest;
    if (image.configuration)
        json["configuration"] =
            nlohmann::json::parse(configuration_json(*image.configuration), nullptr, false);
    return json.dump(4, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::optional<Image> parse_image(std::string_view text) {
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object()) return std::nullopt;
    Image image;
    image.name = text_of(json, "name");
    image.source = text_of(json, "source");
    image.created = static_cast<std::int64_t>(number_of(json, "created"));
    image.files = number_of(json, "files");
    image.bytes = number_of(json, "bytes");
    const std::string digest = text_of(json, "manifest");
    if (!digest.starts_with("sha256:")) return std::nullopt;
    image.digest = digest.substr(7);
    if (const auto found = json.find("configuration"); found != json.end()) {
        Report ignored;
        image.configuration = parse_configuration(found->dump(), ignored);
    }
    return image;
}

std::string Store::root_of(std::string_view name) const {
    return folder_ + "/" + std::string(name) + "/" + kRoot;
}

std::optional<Image> Store::find(std::string_view name) const {
    if (!valid_image_name(name)) return std::nullopt;
    const std::string path = folder_ + "/" + std::string(name);
    const auto folder = sys::open_at(AT_FDCWD, path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (!folder) return std::nullopt;
    const auto text = read_small(folder->get(), kImageFile, kMaxJson);
    if (!text) return std::nullopt;
    auto image = parse_image(*text);
    if (image) image->name = name;
    return image;
}

std::vector<Image> Store::list() const {
    std::vector<Image> images;
    const auto folder = sys::open_at(AT_FDCWD, folder_.c_str(), O_RDONLY | O_DIRECTORY);
    if (!folder) return images;
    const auto names = names_in(folder->get());
    if (!names) return images;
    for (const std::string& name : *names) {
        if (auto image = find(name)) images.push_back(*std::move(image));
    }
    return images;
}

void Store::clear_unfinished() const {
    const auto folder = sys::open_at(AT_FDCWD, folder_.c_str(), O_RDONLY | O_DIRECTORY);
    if (!folder) return;
    const auto lock = lock_store(folder->get());
    if (lock) clear_in(folder->get());
}

Result<void> Store::remove(std::string_view name) const {
    const sys::UniqueFd folder =
        TRY(sys::open_at(AT_FDCWD, folder_.c_str(), O_RDONLY | O_DIRECTORY));
    const std::string old =
        std::string(kOld) + std::string(name) + "." + std::to_string(::getpid());
    {
        const sys::UniqueFd lock = TRY(lock_store(folder.get()));
        // One step, after which it is no image any more.
        TRY(sys::rename_new(folder.get(), std::string(name).c_str(), old.c_str()));
    }
    return remove_tree(folder.get(), old.c_str());
}

bool Store::check(const Image& image,
                  std::size_t most,
                  std::vector<std::string>& differences,
                  std::uint64_t& count,
                  Report& report) const {
    const std::string path = folder_ + "/" + image.name;
    const auto folder = sys::open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY);
    if (!folder) return report.fail(image.name, folder.error());
    const auto manifest = read_small(folder->get(), kManifest, kMaxManifest);
    if (!manifest) return report.fail(image.name, manifest.error());
    Digest digest;
    digest.add(std::as_bytes(std::span(*manifest)));
    if (digest.hex() != image.digest)
        return report.fail("image '" + image.name +
                               "': its manifest is not the one it was made with",
                           "import or build it again");
    const auto root = sys::open_at(folder->get(), kRoot, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!root) return report.fail(image.name, root.error());
    allow_many_descriptors();
    Differences found;
    if (!compare_manifest(root->get(), *manifest, most, found, report)) return false;
    count = found.count;
    differences = std::move(found.lines);
    return true;
}

Staging::Staging(std::string store, std::string name, std::string path)
    : store_(std::move(store))
    , name_(std::move(name))
    , path_(std::move(path)) {}

Staging::Staging(Staging&& other) noexcept
    : store_(std::move(other.store_))
    , name_(std::move(other.name_))
    , path_(std::exchange(other.path_, {}))
    , folder_(std::move(other.folder_))
    , lock_(std::move(other.lock_)) {}

Staging::~Staging() {
    if (path_.empty()) return;
    // What cannot be removed is the next command's.
    (void)remove_tree(AT_FDCWD, path_.c_str());
}

std::optional<Staging> Staging::begin(const Store& store, const std::string& name, Report& report) {
    if (!valid_image_name(name)) {
        (void)report.fail("'" + name + "' is no image's name",
                          "letters, digits and '._-:+', 128 at most");
        return std::nullopt;
    }
    if (store.find(name)) {
        (void)report.fail("there is an image '" + name + "' already",
                          "'stead image delete " + name + "' removes it");
        return std::nullopt;
    }
    const std::string own = std::string(kNew) + name + "." + std::to_string(::getpid());
    Staging made(store.folder(), name, store.folder() + "/" + own);
    const auto prepare = [&]() -> Result<void> {
        const sys::UniqueFd folder = TRY(open_store(store.folder()));
        const sys::UniqueFd lock = TRY(lock_store(folder.get()));
        clear_in(folder.get());
        TRY(sys::make_folder(folder.get(), own.c_str(), 0700));
        made.folder_ = TRY(sys::open_at(folder.get(), own.c_str(), O_RDONLY | O_DIRECTORY));
        made.lock_ = TRY(sys::open_at(made.folder_.get(), "lock", O_RDWR | O_CREAT, 0600));
        TRY(sys::take_lock(made.lock_.get()));
        TRY(sys::make_folder(made.folder_.get(), kRoot, 0755));
        return {};
    };
    if (const auto prepared = prepare(); !prepared) {
        (void)report.fail("making an image in " + store.folder(), prepared.error());
        return std::nullopt;
    }
    return made;
}

bool seal_tree(int staging, Image& image, Report& report) {
    const auto seal = [&]() -> Result<void> {
        const sys::UniqueFd root =
            TRY(sys::open_at(staging, kRoot, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
        const sys::UniqueFd manifest =
            TRY(sys::open_at(staging, kManifest, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
        const Totals totals = TRY(write_manifest(root.get(), manifest.get()));
        image.files = totals.files;
        image.bytes = totals.bytes;
        const sys::UniqueFd written = TRY(sys::open_at(staging, kManifest, O_RDONLY | O_NOFOLLOW));
        image.digest = TRY(sum_of(written.get())).hex;
        return {};
    };
    const auto sealed = seal();
    return sealed ? true : report.fail("the image's manifest", sealed.error());
}

bool Staging::finish(Image& image, Report& report) {
    image.name = name_;
    image.created = static_cast<std::int64_t>(std::time(nullptr));
    const auto settle = [&]() -> Result<void> {
        {
            const sys::UniqueFd file = TRY(sys::open_at(
                folder_.get(), kImageFile, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
            TRY(sys::write_full(file.get(), image_json(image)));
        }
        // An image is whole on the disk before it has its name.
        TRY(sys::sync_file_system(folder_.get()));
        const sys::UniqueFd store =
            TRY(sys::open_at(AT_FDCWD, store_.c_str(), O_RDONLY | O_DIRECTORY));
        const sys::UniqueFd lock = TRY(lock_store(store.get()));
        (void)sys::remove_at(folder_.get(), "lock", false); // Nobody asks for it any more.
        const std::string own = path_.substr(store_.size() + 1);
        return sys::rename_new(store.get(), own.c_str(), name_.c_str());
    };
    if (const auto settled = settle(); !settled)
        return report.fail("image '" + name_ + "'", settled.error());
    path_.clear();
    return true;
}

} // namespace stead::images
