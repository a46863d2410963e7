#include "import/lxc.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "import/systemd_text.h"
#include "unitfile/names.h"
#include "unitfile/values.h"

/// LXC's containers as one set of guests.
namespace stead::importing {

namespace {

using unitfile::text_node;

/// Programs of these names start a whole system.
bool is_init(std::string_view command) {
    const Words words = split_words(command);
    if (words.words.empty()) return true;
    const std::string& program = words.words.front();
    const std::string_view name = std::string_view(program).substr(program.rfind('/') + 1);
    return name == "init" || name == "systemd" || name == "openrc-init" || name == "runit-init";
}

/// The folder of lxc.rootfs.path; empty for an image, a volume or an overlay.
std::string root_folder(std::string_view value) {
    const auto colon = value.find(':');
    if (colon != std::string_view::npos && !value.starts_with('/')) {
        const std::string_view kind = value.substr(0, colon);
        if (kind != "dir" && kind != "btrfs" && kind != "zfs") return {};
        value.remove_prefix(colon + 1);
    }
    if (!value.starts_with('/') || value.starts_with("/dev/")) return {};
    for (const std::string_view image : {".img", ".raw", ".qcow2"})
        if (value.ends_with(image)) return {};
    std::string folder(value);
    while (folder.size() > 1 && folder.ends_with('/'))
        folder.pop_back();
    return folder;
}

struct Container {
    std::unique_ptr<Draft> draft;
    std::unique_ptr<Guest> guest;
    std::vector<ConfigLine> settings;
    std::int64_t order = 0;
    bool has_order = false;
};

class Set {
public:
    explicit Set(const Options& options)
        : options_(options) {}

    Import make(const std::vector<LxcConfig>& configs) {
        for (const LxcConfig& config : configs)
            add(config);
        for (Container& container : containers_)
            fill(container);
        for (Container& container : containers_)
            order(container);
        for (Container& container : containers_) {
            Import one = finish_guest(*container.guest);
            std::move(one.units.begin(), one.units.end(), std::back_inserter(result_.units));
            std::move(one.skipped.begin(), one.skipped.end(), std::back_inserter(result_.skipped));
        }
        return std::move(result_);
    }

private:
    void add(const LxcConfig& config) {
        const std::string problem = unitfile::guest_name_problem(config.name);
        if (!problem.empty()) {
            result_.skipped.push_back(
                {config.source.path, "the guest's name '" + config.name + "' " + problem, false});
            return;
        }
        Container next;
        next.settings = flatten_lxc(config);
        next.draft =
            std::make_unique<Draft>(config.name, config.source.path, unitfile::Kind::Guest);
        next.guest = std::unique_ptr<Guest>(new Guest{*next.draft, options_, config.name, {}});
        next.guest->root = root_folder(last(next, "lxc.rootfs.path"));
        next.guest->unit = config.name;
        std::replace(next.guest->unit.begin(), next.guest->unit.end(), '.', '-');
        const std::string init = last(next, "lxc.init.cmd");
        next.guest->jail = init.empty() ? !last(next, "lxc.execute.cmd").empty() : !is_init(init);
        const std::string number = last(next, "lxc.start.order");
        if (const auto digits = unitfile::parse_digits(number, INT32_MAX)) {
            next.order = static_cast<std::int64_t>(*digits);
            next.has_order = true;
        }
        containers_.push_back(std::move(next));
    }

    static std::string last(const Container& container, std::string_view name) {
        return last_value(container.settings, "", name).value_or("");
    }

    static void fill(Container& container) {
        Guest& guest = *container.guest;
        Draft& draft = *container.draft;
        if (last(container, "lxc.rootfs.path").empty()) {
            // Without a root LXC's containers share the host's.
            draft.supply("root", text_node("host"), "There is no lxc.rootfs.path.");
            if (!guest.jail) {
                draft.supply("ephemeral", unitfile::boolean_node(true),
                             "A guest writes nothing into the host's own files.");
            } else {
                draft.erase("root");
            }
        }
        // Whose the binds are is known before they are made.
        const auto privileged = [](const ConfigLine& setting) {
            return setting.name == "lxc.idmap";
        };
        guest.idmap_binds =
            std::none_of(container.settings.begin(), container.settings.end(), privileged);
        apply_rules(guest, lxc_rules(), container.settings,
                    "lxc.container.conf(5) has no such key that is known here");
        finish_lxc_ids(guest);
        finish_lxc_network(guest);
        if (guest.jail && draft.find(guest.of_unit("command")) == nullptr)
            draft.remark("What it runs could not be said; name it in command.");
    }

    /// Of those that are imported together, what has a lower number starts before.
    void order(Container& container) const {
        if (!container.has_order) return;
        Draft& draft = *container.draft;
        std::optional<std::size_t> item;
        for (std::size_t i = 0; i < draft.item_count(); ++i)
            if (draft.item(i).name == "lxc.start.order") item = i;
        for (const Container& earlier : containers_) {
            if (item && earlier.has_order && earlier.order < container.order)
                draft.append(*item, "after", text_node(earlier.guest->name));
        }
    }

    const Options& options_;
    std::vector<Container> containers_;
    Import result_;
};

} // namespace

Import import_lxc(const std::vector<LxcConfig>& configs, const Options& options) {
    return Set(options).make(configs);
}

} // namespace stead::importing
