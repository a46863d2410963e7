#include "images/oci.h"

#include <sys/utsname.h>

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

namespace stead::images {

namespace {

using Json = nlohmann::json;

constexpr std::string_view kSha256 = "sha256:";
constexpr std::size_t kDigits = 64;
constexpr std::size_t kMaxTexts = 4096;

std::optional<Json> parse(std::string_view text, const char* what, Report& report) {
    if (text.size() > kMaxJson) {
        (void)report.fail(std::string(what) + " is larger than 4 MB");
        return std::nullopt;
    }
    Json json = Json::parse(text, nullptr, false);
    if (json.is_object()) return json;
    (void)report.fail(std::string(what) + " is no JSON object", "fetch the image again");
    return std::nullopt;
}

/// The text at `key`; empty if there is none. Zero bytes would end it early somewhere else.
std::string text_at(const Json& object, const char* key) {
    if (!object.is_object()) return {};
    const auto found = object.find(key);
    if (found == object.end() || !found->is_string()) return {};
    auto text = found->get<std::string>();
    return text.find('\0') == std::string::npos ? text : std::string();
}

bool texts_at(const Json& object, const char* key, std::vector<std::string>& list, Report& report) {
    const auto found = object.find(key);
    if (found == object.end() || found->is_null()) return true;
    if (!found->is_array() || found->size() > kMaxTexts)
        return report.fail(std::string("the configuration's ") + key + " is no list of texts");
    for (const Json& one : *found) {
        if (!one.is_string() || one.get_ref<const std::string&>().find('\0') != std::string::npos)
            return report.fail(std::string("the configuration's ") + key + " is no list of texts");
        list.push_back(one.get<std::string>());
    }
    return true;
}

/// Go's sets are objects of empty objects.
bool names_at(const Json& object, const char* key, std::vector<std::string>& list, Report& report) {
    const auto found = object.find(key);
    if (found == object.end() || found->is_null()) return true;
    if (!found->is_object() || found->size() > kMaxTexts)
        return report.fail(std::string("the configuration's ") + key + " is no set of names");
    for (const auto& [name, nothing] : found->items()) {
        if (name.find('\0') != std::string::npos)
            return report.fail(std::string("the configuration's ") + key + " is no set of names");
        list.push_back(name);
    }
    return true;
}

Json names_json(const std::vector<std::string>& names) {
    Json json = Json::object();
    for (const std::string& name : names)
        json[name] = Json::object();
    return json;
}

bool is_digest(std::string_view hex) {
    return hex.size() == kDigits && hex.find_first_not_of("0123456789abcdef") == hex.npos;
}

std::optional<Descriptor> descriptor_of(const Json& object, Report& report) {
    if (!object.is_object()) {
        (void)report.fail("a reference to a blob is no object", "fetch the image again");
        return std::nullopt;
    }
    Descriptor made;
    made.media_type = text_at(object, "mediaType");
    const std::string digest = text_at(object, "digest");
    const bool known = digest.starts_with(kSha256) && is_digest(std::string_view(digest).substr(7));
    const auto size = object.find("size");
    if (!known || size == object.end() || !size->is_number_unsigned()) {
        (void)report.fail("a blob's digest '" + digest +
                              "' or its size is none (only sha256 is supported)",
                          "fetch the image again");
        return std::nullopt;
    }
    made.digest = digest.substr(kSha256.size());
    made.size = size->get<std::uint64_t>();
    if (const auto platform = object.find("platform"); platform != object.end()) {
        made.os = text_at(*platform, "os");
        made.architecture = text_at(*platform, "architecture");
    }
    if (const auto notes = object.find("annotations"); notes != object.end())
        made.name = text_at(*notes, "org.opencontainers.image.ref.name");
    return made;
}

bool descriptors_at(const Json& object,
                    const char* key,
                    std::vector<Descriptor>& list,
                    Report& report) {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_array() || found->empty() || found->size() > kMaxLayers)
        return report.fail(std::string("'") + key + "' is no list of 1 to 512 blobs",
                           "fetch the image again");
    for (const Json& one : *found) {
        auto made = descriptor_of(one, report);
        if (!made) return false;
        list.push_back(*std::move(made));
    }
    return true;
}

} // namespace

bool Descriptor::is_index() const {
    return media_type == "application/vnd.oci.image.index.v1+json" ||
           media_type == "application/vnd.docker.distribution.manifest.list.v2+json";
}

std::optional<std::vector<Descriptor>> parse_index(std::string_view text, Report& report) {
    const auto json = parse(text, "the index", report);
    std::vector<Descriptor> list;
    if (!json || !descriptors_at(*json, "manifests", list, report)) return std::nullopt;
    return list;
}

std::optional<OciManifest> parse_oci_manifest(std::string_view text, Report& report) {
    const auto json = parse(text, "the image's manifest", report);
    if (!json) return std::nullopt;
    OciManifest manifest;
    const auto config = json->find("config");
    auto made = config == json->end() ? std::nullopt : descriptor_of(*config, report);
    if (!made) {
        (void)report.fail("the image's manifest names no configuration", "fetch the image again");
        return std::nullopt;
    }
    manifest.config = *std::move(made);
    constexpr std::array<std::string_view, 2> kConfigs{
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.docker.container.image.v1+json"};
    if (std::find(kConfigs.begin(), kConfigs.end(), manifest.config.media_type) == kConfigs.end()) {
        (void)report.fail("it is '" + manifest.config.media_type + "', no image of a file system");
        return std::nullopt;
    }
    if (!descriptors_at(*json, "layers", manifest.layers, report)) return std::nullopt;
    for (const Descriptor& layer : manifest.layers) {
        const std::string_view type = layer.media_type;
        const bool tar = type.starts_with("application/vnd.oci.image.layer.v1.tar") ||
                         type.starts_with("application/vnd.docker.image.rootfs.diff.tar");
        if (tar && type.find("encrypted") == type.npos) continue;
        (void)report.fail("layer " + layer.digest + " is '" + layer.media_type +
                              "', which is not supported",
                          "tar layers are: plain, gzip, zstd");
        return std::nullopt;
    }
    return manifest;
}

std::optional<Configuration> parse_configuration(std::string_view text, Report& report) {
    const auto json = parse(text, "the image's configuration", report);
    if (!json) return std::nullopt;
    Configuration made;
    made.os = text_at(*json, "os");
    made.architecture = text_at(*json, "architecture");
    const auto found = json->find("config");
    if (found == json->end() || !found->is_object()) return made;
    if (!texts_at(*found, "Env", made.environment, report) ||
        !texts_at(*found, "Entrypoint", made.entrypoint, report) ||
        !texts_at(*found, "Cmd", made.command, report) ||
        !names_at(*found, "ExposedPorts", made.exposed_ports, report) ||
        !names_at(*found, "Volumes", made.volumes, report))
        return std::nullopt;
    made.working_directory = text_at(*found, "WorkingDir");
    made.user = text_at(*found, "User");
    made.stop_signal = text_at(*found, "StopSignal");
    return made;
}

std::optional<Descriptor> choose(const std::vector<Descriptor>& from,
                                 const std::string& name,
                                 const std::string& architecture,
                                 Report& report) {
    std::vector<Descriptor> fit = from;
    const auto keep = [&fit](auto&& wanted) {
        std::erase_if(fit, [&](const Descriptor& one) { return !wanted(one); });
    };
    if (!name.empty()) keep([&](const Descriptor& one) { return one.name == name; });
    if (fit.size() > 1) {
        keep([&](const Descriptor& one) {
            return (one.os.empty() || one.os == "linux") &&
                   (one.architecture.empty() || one.architecture == architecture);
        });
    }
    if (fit.size() == 1) return fit.front();
    std::string known;
    for (const Descriptor& one : from) {
        std::string text = one.name;
        if (!one.architecture.empty())
            text += (text.empty() ? "" : " for ") + one.os + "/" + one.architecture;
        if (!text.empty()) known += (known.empty() ? "" : ", ") + text;
    }
    std::string which = fit.empty() ? "no image" : "several images";
    if (!name.empty()) which += " named '" + name + "'";
    (void)report.fail(which + " for " + architecture + " in it" +
                          (known.empty() ? "" : "; it has " + known),
                      "--ref NAME chooses one");
    return std::nullopt;
}

std::string own_architecture() {
    utsname machine{};
    if (::uname(&machine) < 0) return {};
    std::string name(machine.machine);
    if (name == "x86_64") return "amd64";
    if (name == "aarch64") return "arm64";
    return name;
}

std::string configuration_json(const Configuration& configuration) {
    Json json;
    json["os"] = configuration.os;
    json["architecture"] = configuration.architecture;
    json["config"] = {{"Env", configuration.environment},
                      {"Entrypoint", configuration.entrypoint},
                      {"Cmd", configuration.command},
                      {"WorkingDir", configuration.working_directory},
                      {"User", configuration.user},
                      {"StopSignal", configuration.stop_signal},
                      {"ExposedPorts", names_json(configuration.exposed_ports)},
                      {"Volumes", names_json(configuration.volumes)}};
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace stead::images
