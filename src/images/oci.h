#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "images/report.h"

/// The JSON files of an OCI image layout (image-spec 1.1), read as what they are: bytes of a
/// stranger. Every size, digest and text is checked before it is used.
namespace stead::images {

/// The largest index, manifest or configuration.
inline constexpr std::size_t kMaxJson = std::size_t{4} << 20U;
inline constexpr std::size_t kMaxLayers = 512;

/// A reference to a blob, which is blobs/sha256/DIGEST.
struct Descriptor {
    std::string media_type;
    /// 64 hexadecimal digits of SHA-256.
    std::string digest;
    std::uint64_t size = 0;
    /// As far as they are given.
    std::string os;
    std::string architecture;
    std::string name;

    [[nodiscard]] bool is_index() const;
};

struct OciManifest {
    Descriptor config;
    std::vector<Descriptor> layers;
};

/// What an image says of the program in it.
struct Configuration {
    std::string os;
    std::string architecture;
    std::vector<std::string> environment;
    std::vector<std::string> entrypoint;
    std::vector<std::string> command;
    std::string working_directory;
    std::string user;
    std::string stop_signal;
    /// "8080/tcp", and folders that are to be kept; nothing says that either is sensible.
    std::vector<std::string> exposed_ports;
    std::vector<std::string> volumes;
};

/// index.json, or a nested index. After a failure, which the report has, nothing.
std::optional<std::vector<Descriptor>> parse_index(std::string_view text, Report& report);
std::optional<OciManifest> parse_oci_manifest(std::string_view text, Report& report);
std::optional<Configuration> parse_configuration(std::string_view text, Report& report);

/// The one that is meant: by `name` if that is given, else the only one, else the only one for this
/// machine. Several are a failure that lists their names.
std::optional<Descriptor> choose(const std::vector<Descriptor>& from,
                                 const std::string& name,
                                 const std::string& architecture,
                                 Report& report);

/// This machine's name among Go's: "amd64", "arm64".
std::string own_architecture();

/// image.json's "config", and back.
std::string configuration_json(const Configuration& configuration);

} // namespace stead::images
