#include <cstddef>
#include <cstdint>
#include <string_view>

#include "images/names.h"
#include "images/oci.h"
#include "images/staging.h"

namespace {

using namespace stead::images;

void demand(bool holds) {
    if (!holds) __builtin_trap();
}

void demand_whole(const Descriptor& blob) {
    demand(blob.digest.size() == 64);
    demand(blob.digest.find_first_not_of("0123456789abcdef") == std::string::npos);
}

void try_json(std::string_view bytes) {
    Report report;
    if (const auto list = parse_index(bytes, report)) {
        demand(!list->empty() && list->size() <= kMaxLayers);
        for (const Descriptor& blob : *list)
            demand_whole(blob);
        Report choosing;
        const auto chosen = choose(*list, "", "amd64", choosing);
        demand(chosen.has_value() != choosing.failed());
    }
    if (const auto manifest = parse_oci_manifest(bytes, report)) {
        demand_whole(manifest->config);
        for (const Descriptor& blob : manifest->layers)
            demand_whole(blob);
    }
    Report fresh;
    const auto configuration = parse_configuration(bytes, fresh);
    demand(configuration.has_value() != fresh.failed());
    if (configuration) {
        Report again;
        demand(parse_configuration(configuration_json(*configuration), again).has_value());
    }
    (void)parse_image(bytes);
}

void try_name(std::string_view bytes) {
    const CleanName clean = clean_name(bytes);
    if (!clean.problem.empty()) return;
    demand(!clean.path.starts_with('/') && !clean.path.ends_with('/'));
    demand(("/" + clean.path + "/").find("/../") == std::string::npos);
    demand(clean.path.find('\0') == std::string::npos);
    demand(clean.path.size() <= kMaxPath);
    const auto word = unescape_word(escape_word(clean.path));
    demand(word && *word == clean.path);
    const auto whiteout = whiteout_of(clean.path);
    if (!whiteout || whiteout->broken) return;
    demand(("/" + whiteout->path + "/").find("/../") == std::string::npos);
    demand(!whiteout->path.starts_with('/'));
}

} // namespace

/// The same bytes as each JSON file of an OCI layout and as the name of an archive's member.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    try_json(bytes);
    try_name(bytes);
    return 0;
}
