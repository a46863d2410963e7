#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "compile/compile.h"
#include "plan/plan.h"
#include "unitfile/diagnostic.h"
#include "unitfile/reader.h"

namespace stead::compile::test {

/// A machine that exists only in the test. Paths map to their kind; "->TEXT" is a symbolic link.
class Host {
public:
    Host()
        : paths_(std::make_shared<std::map<std::string, std::string>>()) {
        for (const char* folder : {"/usr", "/usr/bin", "/usr/sbin", "/etc", "/srv", "/srv/shop"})
            add(folder, "folder");
        for (const char* link : {"bin", "sbin", "lib", "lib64"})
            add("/" + std::string(link), "->usr/" + std::string(link));
        for (const char* file : {"/usr/bin/redis-server", "/usr/bin/true", "/usr/sbin/nginx",
                                 "/etc/resolv.conf", "/opt/app/worker"})
            add(file, "file");
        for (const char* folder : {"", "/proc", "/dev", "/run", "/tmp", "/sys"})
            add("/srv/root" + std::string(folder), "folder");
        facts.controllers = {"cpu", "io", "memory", "pids"};
        facts.look = [paths = paths_](const std::string& path) -> PathFact {
            const auto found = paths->find(path);
            if (found == paths->end()) return {};
            if (found->second.starts_with("->"))
                return {PathFact::Kind::Link, found->second.substr(2)};
            if (found->second == "folder") return {PathFact::Kind::Folder, {}};
            if (found->second == "file") return {PathFact::Kind::File, {}};
            return {PathFact::Kind::Other, {}};
        };
        facts.id_range = [](const std::string&) { return recipe::IdRange{1'000'000, 65536}; };
        facts.dynamic_uid = [](const std::string&, const std::string&) { return 61200U; };
    }

    void add(const std::string& path, const std::string& kind) { (*paths_)[path] = kind; }

    HostFacts facts;

private:
    std::shared_ptr<std::map<std::string, std::string>> paths_;
};

/// A host that has an image for whatever name.
inline Host host_with_image() {
    Host host;
    for (const char* folder : {"", "/etc", "/proc", "/dev", "/run", "/tmp", "/sys", "/usr",
                               "/usr/bin", "/usr/sbin", "/sbin"})
        host.add("/images/bb/root" + std::string(folder), "folder");
    host.facts.image = [](const std::string& name, const std::string& /*image*/) {
        ImageFact fact;
        fact.root = "/images/bb/root";
        fact.changes = "/guests/" + name + "/disk";
        fact.volumes = "/guests/" + name + "/volumes";
        return fact;
    };
    return host;
}

inline UserDatabase accounts() {
    UserDatabase users;
    parse_passwd("root:x:0:0::/root:/bin/bash\n"
                 "redis:x:104:107::/var/lib/redis:/usr/sbin/nologin\n"
                 "app:x:1000:1000::/home/app:/bin/sh\n"
                 "admin:x:1001:0::/home/admin:/bin/sh\n",
                 users);
    parse_group("root:x:0:\nredis:x:107:\nssl:x:120:app,redis\nvideo:x:44:app\napp:x:1000:\n",
                users);
    return users;
}

/// Messages without the lines of source that a terminal also shows.
inline std::string told(const unitfile::Diagnostics& diagnostics) {
    std::string text;
    for (unitfile::Diagnostic diagnostic : diagnostics.all()) {
        diagnostic.source_line.clear();
        text += unitfile::render(diagnostic);
    }
    return text;
}

/// What became of one guest file.
struct Outcome {
    std::optional<CompiledGuest> guest;
    std::string messages;

    [[nodiscard]] const recipe::Context& context() const { return guest->context; }

    [[nodiscard]] const recipe::Mount* mount(const std::string& target) const {
        for (const recipe::Mount& mount : guest->context.mounts)
            if (mount.target == target && mount.kind != recipe::MountKind::Folder) return &mount;
        return nullptr;
    }
};

inline Outcome guest(const std::string& text, const Host& host = {}) {
    unitfile::Diagnostics diagnostics;
    const auto spec = unitfile::read_guest(text, "web.toml", "web", diagnostics);
    EXPECT_TRUE(spec) << unitfile::render(diagnostics);
    if (!spec) return {};
    Outcome outcome;
    outcome.guest = compile_guest(*spec, host.facts, accounts(), diagnostics);
    outcome.messages = told(diagnostics);
    EXPECT_EQ(outcome.guest.has_value(), !diagnostics.has_errors()) << outcome.messages;
    return outcome;
}

using Files = std::vector<std::pair<std::string, std::string>>;

inline std::vector<unitfile::UnitSpec> read_units(const Files& files,
                                                  unitfile::Diagnostics& diagnostics) {
    std::vector<unitfile::UnitSpec> specs;
    for (const auto& [name, text] : files) {
        auto spec = unitfile::read_unit(text, name + ".toml", name, diagnostics);
        EXPECT_TRUE(spec) << unitfile::render(diagnostics);
        if (spec) specs.push_back(std::move(*spec));
    }
    return specs;
}

/// What became of a folder of unit files.
struct Units {
    plan::PlanInput plan;
    std::string messages;

    [[nodiscard]] const plan::UnitInput* unit(const std::string& name) const {
        for (const plan::UnitInput& unit : plan.units)
            if (unit.name == name) return &unit;
        return nullptr;
    }

    [[nodiscard]] std::string rejection(const std::string& name) const {
        for (const plan::RejectedInput& unit : plan.rejected)
            if (unit.name == name) return unit.message;
        return {};
    }

    /// "web>db" for each edge of order.
    [[nodiscard]] bool
    has_edge(const std::string& from, const std::string& to, DependencyKind kind) const {
        for (const Dependency& edge : unit(from)->dependencies)
            if (plan.units[edge.target].name == to && edge.kind == kind) return true;
        return false;
    }
};

inline UnitOptions system_options() {
    UnitOptions options;
    options.ceiling = 0x00000000800425fb; // the default twelve
    options.ceiling_origin = "web.toml:4";
    options.folders = {"/etc/stead/units", "/usr/lib/stead/units"};
    return options;
}

inline Units units(const Files& files, const UnitOptions& options = system_options()) {
    Units outcome;
    unitfile::Diagnostics diagnostics;
    const auto specs = read_units(files, diagnostics);
    outcome.plan = compile_units(specs, accounts(), options, diagnostics);
    outcome.messages = told(diagnostics);
    const auto image = plan::write(outcome.plan);
    EXPECT_TRUE(image) << describe(image.error()).c_str();
    if (image) {
        const auto opened = plan::Plan::open(*image);
        EXPECT_TRUE(opened) << describe(opened.error()).c_str();
    }
    return outcome;
}

} // namespace stead::compile::test
