#include <gtest/gtest.h>

#include "images/oci.h"

namespace stead::images {
namespace {

const std::string kDigest(64, 'a');

std::string blob(const std::string& type, const std::string& more = {}) {
    return R"({"mediaType": ")" + type + R"(", "digest": "sha256:)" + kDigest + R"(", "size": 7)" +
           more + "}";
}

constexpr const char* kConfig = "application/vnd.oci.image.config.v1+json";
constexpr const char* kLayer = "application/vnd.oci.image.layer.v1.tar+gzip";
constexpr const char* kManifestType = "application/vnd.oci.image.manifest.v1+json";

TEST(Oci, ReadsAManifest) {
    Report report;
    const auto manifest = parse_oci_manifest(
        R"({"config": )" + blob(kConfig) + R"(, "layers": [)" + blob(kLayer) + "]}", report);
    ASSERT_TRUE(manifest) << report.text();
    EXPECT_EQ(manifest->layers.front().digest, kDigest);
    EXPECT_EQ(manifest->layers.front().size, 7U);
}

TEST(Oci, RefusesWhatIsNoImage) {
    const auto refused = [](const std::string& text) {
        Report report;
        EXPECT_FALSE(parse_oci_manifest(text, report)) << text;
        EXPECT_FALSE(report.text().empty());
    };
    refused("");
    refused("[]");
    refused("{}");
    refused(R"({"config": )" + blob(kConfig) + "}");
    refused(R"({"config": )" + blob(kConfig) + R"(, "layers": []})");
    refused(R"({"config": )" + blob("application/vnd.cncf.helm.config.v1+json") +
            R"(, "layers": [)" + blob(kLayer) + "]}");
    refused(R"({"config": )" + blob(kConfig) + R"(, "layers": [)" + blob("text/plain") + "]}");
    refused(R"({"config": {"digest": "sha256:../../etc/passwd", "size": 1}, "layers": []})");
    refused(R"({"config": {"digest": "sha512:)" + kDigest + R"(", "size": 1}, "layers": []})");
    refused(R"({"config": {"digest": "sha256:)" + kDigest + R"(", "size": -1}, "layers": []})");
}

TEST(Oci, ChoosesByNameAndByMachine) {
    Report report;
    const std::string amd = R"(, "platform": {"os": "linux", "architecture": "amd64"})";
    const std::string arm = R"(, "platform": {"os": "linux", "architecture": "arm64"})";
    const std::string named = R"(, "annotations": {"org.opencontainers.image.ref.name": "old"})";
    const auto machines = parse_index(R"({"manifests": [)" + blob(kManifestType, amd) + "," +
                                          blob(kManifestType, arm) + "]}",
                                      report);
    ASSERT_TRUE(machines) << report.text();
    EXPECT_EQ(choose(*machines, "", "arm64", report)->architecture, "arm64");
    const auto names = parse_index(R"({"manifests": [)" + blob(kManifestType, named) + "," +
                                       blob(kManifestType) + "]}",
                                   report);
    ASSERT_TRUE(names) << report.text();
    EXPECT_EQ(choose(*names, "old", "amd64", report)->name, "old");
    EXPECT_FALSE(choose(*names, "", "amd64", report)) << "two of them";
    EXPECT_NE(report.text().find("old"), std::string::npos) << report.text();
}

TEST(Oci, KeepsWhatAProgramNeeds) {
    Report report;
    const auto config = parse_configuration(
        R"({"architecture": "amd64", "os": "linux", "config": {"Env": ["A=1"], "Cmd": ["nginx"],
            "WorkingDir": "/srv", "User": "33", "StopSignal": "SIGQUIT", "Entrypoint": null,
            "ExposedPorts": {"53/udp": {}, "80": {}}, "Volumes": {"/data": {}}}})",
        report);
    ASSERT_TRUE(config) << report.text();
    EXPECT_EQ(config->command, std::vector<std::string>{"nginx"});
    EXPECT_TRUE(config->entrypoint.empty());
    const auto again = parse_configuration(configuration_json(*config), report);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->environment, config->environment);
    EXPECT_EQ(again->stop_signal, "SIGQUIT");
    EXPECT_EQ(again->exposed_ports, (std::vector<std::string>{"53/udp", "80"}));
    EXPECT_EQ(again->volumes, std::vector<std::string>{"/data"});
    EXPECT_FALSE(parse_configuration(R"({"config": {"Volumes": ["/data"]}})", report));
    EXPECT_FALSE(parse_configuration(R"({"config": {"ExposedPorts": {"8\u00000": {}}}})", report));
    EXPECT_FALSE(parse_configuration(R"({"config": {"Env": [1]}})", report));
    EXPECT_FALSE(parse_configuration(R"({"config": {"Cmd": ["a\u0000b"]}})", report));
}

} // namespace
} // namespace stead::images
