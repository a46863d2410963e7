#include <array>

#include "unitfile/drafts.h"
#include "unitfile/names.h"
#include "unitfile/reader.h"
#include "unitfile/values.h"
#include "unitfile/walk.h"

namespace stead::unitfile {

namespace {

template <auto Member>
constexpr Binding<UnitDraft> to(std::string_view key) {
    return binds<UnitDraft, Member>(key);
}

void set_probe(ProbeSpec& probe, ReadyKind kind, Value& value, const Place& place) {
    // Of two probes the first one stays; check_unit() complains about the second.
    if (probe.kind != ReadyKind::None) return;
    probe.kind = kind;
    probe.place = place;
    if (auto* argv = std::get_if<Argv>(&value)) {
        probe.exec = std::move(*argv);
        // exec = [] is the default: no probe.
        if (probe.exec.empty()) probe = {};
        return;
    }
    probe.endpoint = std::move(std::get<Text>(value).value);
}

template <DirectoryKind Kind>
void set_directories(UnitDraft& draft, const Key&, Value& value, const Place&) {
    for (Text& name : std::get<TextList>(value))
        draft.spec.directories.push_back({Kind, std::move(name.value), std::move(name.place)});
}

void set_output(UnitDraft& draft, const Key&, Value& value, const Place&) {
    auto& output = std::get<OutputValue>(value);
    draft.spec.output = output.kind;
    draft.spec.output_target = std::move(output.target);
}

void set_error(UnitDraft& draft, const Key&, Value& value, const Place&) {
    auto& output = std::get<OutputValue>(value);
    draft.spec.error_follows_output = output.follows_output;
    draft.spec.error = output.kind;
    draft.spec.error_target = std::move(output.target);
}

void set_command(UnitDraft& draft, const Key&, Value& value, const Place& place) {
    draft.spec.command = std::move(std::get<Argv>(value));
    draft.spec.command_place = place;
}

/// A probe of [ready] or [health].
template <auto Probe, ReadyKind Kind>
void set_probe_of(UnitDraft& draft, const Key&, Value& value, const Place& place) {
    set_probe(draft.spec.*Probe, Kind, value, place);
}

template <auto Outcome>
void set_outcome(UnitDraft& draft, const Key&, Value& value, const Place& place) {
    draft.spec.*Outcome = *parse_outcome(std::get<Text>(value).value).value;
    (draft.spec.*Outcome).place = place;
}

void set_io_priority(UnitDraft& draft, const Key&, Value& value, const Place&) {
    draft.spec.io_priority = *parse_io_priority(std::get<Text>(value).value).value;
}

void set_cpu_policy(UnitDraft& draft, const Key&, Value& value, const Place&) {
    const CpuPolicy policy = *parse_cpu_policy(std::get<Text>(value).value).value;
    draft.spec.cpu_policy = policy.number;
    draft.spec.cpu_priority = policy.priority;
}

void set_processors(UnitDraft& draft, const Key&, Value& value, const Place&) {
    draft.spec.cpu_affinity = *parse_processors(std::get<Text>(value).value).value;
}

void set_terminal(UnitDraft& draft, const Key&, Value& value, const Place&) {
    draft.spec.terminal = *parse_terminal(std::get<Text>(value).value).value;
}

/// Read by whoever makes instances of a template; a unit of its own has none.
void set_instances(UnitDraft& draft, const Key&, Value& value, const Place&) {
    draft.instances = std::move(std::get<TextList>(value));
}

/// The key's own name is the credential's.
void set_credential(UnitDraft& draft, const Key&, Value& value, const Place& place) {
    const std::string name = draft.found_name.substr(draft.found_name.find('.') + 1);
    const std::string source = std::get<Text>(value).value;
    // Where the launcher puts what the guest's service was given.
    const std::string folder = source.starts_with("host:") ? "/run/stead/credentials/" : "";
    draft.spec.credentials.push_back({name, folder + source.substr(source.find(':') + 1), place});
}

/// The socket of the [socket.NAME] that is read.
SocketSpec& socket_of(UnitDraft& draft) {
    const std::string& key = draft.found_name;
    const std::size_t begin = key.find('.') + 1;
    const std::string name = key.substr(begin, key.rfind('.') - begin);
    for (SocketSpec& socket : draft.spec.sockets)
        if (socket.name == name) return socket;
    draft.spec.sockets.emplace_back().name = name;
    return draft.spec.sockets.back();
}

template <auto Member>
constexpr Binding<UnitDraft> to_socket(std::string_view key) {
    return {key, [](UnitDraft& draft, const Key&, Value& value, const Place& place) {
                store(socket_of(draft).*Member, value, place);
            }};
}

template <auto Member>
constexpr Binding<UnitDraft> to_files(std::string_view key) {
    return {key, [](UnitDraft& draft, const Key&, Value& value, const Place& place) {
                store(draft.spec.files.*Member, value, place);
            }};
}

template <auto Member>
constexpr Binding<UnitDraft> to_timer(std::string_view key) {
    return {key, [](UnitDraft& draft, const Key&, Value& value, const Place& place) {
                store(draft.spec.timer.*Member, value, place);
            }};
}

void set_when_full(UnitDraft& draft, const Key&, Value& value, const Place&) {
    draft.spec.log_blocks = std::get<WordIndex>(value).index == 1;
}

void set_landlock(UnitDraft& draft, const Key&, Value& value, const Place&) {
    draft.spec.files.landlock = std::move(std::get<LandlockSpec>(value));
}

void set_stop_signal(UnitDraft& draft, const Key&, Value& value, const Place&) {
    draft.stop_signal = std::get<SignalValue>(value).number;
}

constexpr std::array kBindings{
    to<&UnitSpec::description>("description"),
    to<&UnitSpec::documentation>("documentation"),
    to<&UnitSpec::type>("type"),
    to<&UnitSpec::enabled>("enabled"),
    to<&UnitSpec::essential>("essential"),
    to<&UnitSpec::require>("require"),
    to<&UnitSpec::needs>("requires"),
    to<&UnitSpec::binds_to>("binds-to"),
    to<&UnitSpec::wants>("wants"),
    to<&UnitSpec::after>("after"),
    to<&UnitSpec::before>("before"),
    to<&UnitSpec::conflicts>("conflicts"),
    to<&UnitSpec::part_of>("part-of"),
    Binding<UnitDraft>{"instances", set_instances},

    Binding<UnitDraft>{"command", set_command},
    to<&UnitSpec::user>("user"),
    to<&UnitSpec::group>("group"),
    to<&UnitSpec::supplementary_groups>("supplementary-groups"),
    to<&UnitSpec::working_directory>("working-directory"),
    to<&UnitSpec::umask>("umask"),
    to<&UnitSpec::remain_after_exit>("remain-after-exit"),
    to<&UnitSpec::exit_type>("exit-type"),
    to<&UnitSpec::exit_map>("exit-map"),
    to<&UnitSpec::signal_map>("signal-map"),
    to<&UnitSpec::essential_stop>("essential-stop"),
    to<&UnitSpec::oom_policy>("oom-policy"),
    to<&UnitSpec::success_exit>("success-exit"),
    to<&UnitSpec::environment>("environment"),
    to<&UnitSpec::environment_files>("environment-files"),
    to<&UnitSpec::environment_inherit>("environment-inherit"),

    to<&UnitSpec::capabilities>("capabilities"),
    to<&UnitSpec::ambient_capabilities>("ambient-capabilities"),
    to<&UnitSpec::no_new_privileges>("no-new-privileges"),
    to<&UnitSpec::system_calls>("system-calls"),
    to<&UnitSpec::system_call_error>("system-call-error"),
    to<&UnitSpec::address_families>("address-families"),
    to<&UnitSpec::write_execute>("write-execute"),
    to<&UnitSpec::namespaces>("namespaces"),
    to<&UnitSpec::delegate>("delegate"),
    to<&UnitSpec::aliases>("alias"),

    to<&UnitSpec::pre_start>("hooks.pre-start"),
    to<&UnitSpec::post_start>("hooks.post-start"),
    to<&UnitSpec::pre_stop>("hooks.pre-stop"),
    to<&UnitSpec::post_stop>("hooks.post-stop"),
    to<&UnitSpec::hook_timeout>("hooks.timeout"),

    Binding<UnitDraft>{"ready.exec", set_probe_of<&UnitSpec::ready, ReadyKind::Exec>},
    Binding<UnitDraft>{"ready.tcp", set_probe_of<&UnitSpec::ready, ReadyKind::Tcp>},
    Binding<UnitDraft>{"ready.unix", set_probe_of<&UnitSpec::ready, ReadyKind::Unix>},
    Binding<UnitDraft>{"ready.http", set_probe_of<&UnitSpec::ready, ReadyKind::Http>},
    Binding<UnitDraft>{"ready.path", set_probe_of<&UnitSpec::ready, ReadyKind::Path>},
    Binding<UnitDraft>{"ready.pid-file", set_probe_of<&UnitSpec::ready, ReadyKind::PidFile>},
    to<&UnitSpec::ready_fd>("ready.fd"),
    to<&UnitSpec::notify_access>("ready.access"),
    to<&UnitSpec::ready_interval>("ready.interval"),
    to<&UnitSpec::ready_timeout>("ready.timeout"),

    Binding<UnitDraft>{"health.exec", set_probe_of<&UnitSpec::health, ReadyKind::Exec>},
    Binding<UnitDraft>{"health.tcp", set_probe_of<&UnitSpec::health, ReadyKind::Tcp>},
    Binding<UnitDraft>{"health.unix", set_probe_of<&UnitSpec::health, ReadyKind::Unix>},
    Binding<UnitDraft>{"health.http", set_probe_of<&UnitSpec::health, ReadyKind::Http>},
    Binding<UnitDraft>{"health.path", set_probe_of<&UnitSpec::health, ReadyKind::Path>},
    to<&UnitSpec::health_interval>("health.interval"),
    to<&UnitSpec::health_timeout>("health.timeout"),
    to<&UnitSpec::health_threshold>("health.threshold"),
    to<&UnitSpec::health_action>("health.action"),

    to<&UnitSpec::watchdog>("watchdog.interval"),
    to<&UnitSpec::watchdog_signal>("watchdog.signal"),

    Binding<UnitDraft>{"on.success", set_outcome<&UnitSpec::on_success>},
    Binding<UnitDraft>{"on.failure", set_outcome<&UnitSpec::on_failure>},
    Binding<UnitDraft>{"on.limit", set_outcome<&UnitSpec::on_limit>},

    to<&UnitSpec::restart>("restart.policy"),
    to<&UnitSpec::restart_mode>("restart.mode"),
    to<&UnitSpec::restart_delay>("restart.delay"),
    to<&UnitSpec::restart_factor>("restart.factor"),
    to<&UnitSpec::restart_max_delay>("restart.max-delay"),
    to<&UnitSpec::restart_jitter>("restart.jitter"),
    to<&UnitSpec::restart_reset_after>("restart.reset-after"),
    to<&UnitSpec::restart_burst>("restart.burst"),
    to<&UnitSpec::restart_interval>("restart.interval"),
    to<&UnitSpec::restart_prevent>("restart.prevent-exit"),

    Binding<UnitDraft>{"stop.signal", set_stop_signal},
    to<&UnitSpec::stop_timeout>("stop.timeout"),
    to<&UnitSpec::stop_command>("stop.command"),
    to<&UnitSpec::stop_schedule>("stop.schedule"),
    to<&UnitSpec::kill_mode>("stop.kill-mode"),
    to<&UnitSpec::send_hup>("stop.send-hup"),

    to<&UnitSpec::reload_signal>("reload.signal"),
    to<&UnitSpec::reload_command>("reload.command"),
    to<&UnitSpec::reload_notifies>("reload.notify"),

    Binding<UnitDraft>{"log.output", set_output},
    Binding<UnitDraft>{"log.error", set_error},
    to<&UnitSpec::log_size>("log.size"),
    to<&UnitSpec::log_keep>("log.keep"),
    to<&UnitSpec::log_timestamp>("log.timestamp"),
    Binding<UnitDraft>{"log.when-full", set_when_full},

    Binding<UnitDraft>{"limits.*", store_limit<UnitDraft>},
    to<&UnitSpec::nice>("scheduling.nice"),
    to<&UnitSpec::oom_score_adjust>("scheduling.oom-score-adjust"),
    Binding<UnitDraft>{"scheduling.io", set_io_priority},
    Binding<UnitDraft>{"scheduling.cpu-policy", set_cpu_policy},
    Binding<UnitDraft>{"scheduling.cpu-affinity", set_processors},

    Binding<UnitDraft>{"credentials.*", set_credential},
    to<&UnitSpec::condition_paths>("conditions.path-exists"),
    to<&UnitSpec::condition_environment>("conditions.environment"),
    to<&UnitSpec::condition_capabilities>("conditions.capability"),
    to<&UnitSpec::condition_virtualization>("conditions.virtualization"),
    Binding<UnitDraft>{"tty.path", set_terminal},

    Binding<UnitDraft>{"directories.state", set_directories<DirectoryKind::State>},
    Binding<UnitDraft>{"directories.runtime", set_directories<DirectoryKind::Runtime>},
    Binding<UnitDraft>{"directories.cache", set_directories<DirectoryKind::Cache>},
    Binding<UnitDraft>{"directories.logs", set_directories<DirectoryKind::Logs>},
    to<&UnitSpec::directory_mode>("directories.mode"),

    to_socket<&SocketSpec::listen>("socket.*.listen"),
    to_socket<&SocketSpec::mode>("socket.*.mode"),
    to_socket<&SocketSpec::user>("socket.*.user"),
    to_socket<&SocketSpec::lazy>("socket.*.lazy"),
    to_socket<&SocketSpec::per_connection>("socket.*.per-connection"),
    to_files<&FilesSpec::read_only>("files.read-only"),
    to_files<&FilesSpec::read_write>("files.read-write"),
    to_files<&FilesSpec::hidden>("files.hidden"),
    to_files<&FilesSpec::private_tmp>("files.private-tmp"),
    to_files<&FilesSpec::private_devices>("files.private-devices"),
    Binding<UnitDraft>{"files.landlock", set_landlock},
    to_files<&FilesSpec::protect>("files.protect-system"),
    to_timer<&TimerSpec::calendar>("timer.calendar"),
    to_timer<&TimerSpec::every>("timer.every"),
    to_timer<&TimerSpec::on_boot>("timer.on-boot"),
    to_timer<&TimerSpec::jitter>("timer.jitter"),
    to_timer<&TimerSpec::persistent>("timer.persistent"),
    to<&UnitSpec::descriptor_store>("file-descriptor-store-max"),
};

/// Takes the keys of `type` out of `keys` and gives each value to `take`.
template <typename Take>
void take_keys(UnitDraft& draft,
               std::vector<FoundKey>& keys,
               KeyType type,
               const Scope& scope,
               Reporter& reporter,
               Take take) {
    ValueReader reader(reporter, scope);
    std::erase_if(keys, [&](const FoundKey& found) {
        if (found.key->type != type) return false;
        const Place place = reporter.at(found.value->at);
        draft.spec.keys.add(full_name(*found.key), place);
        if (auto value = reader.read(found)) take(*value, place);
        return true;
    });
}

void read_environment_files(UnitDraft& draft, Reporter& reporter) {
    if (draft.environment == nullptr || !*draft.environment) return;
    for (const Text& item : draft.spec.environment_files) {
        const bool may_miss = item.value.starts_with('-');
        const std::string path = item.value.substr(may_miss ? 1 : 0);
        const FileText file = (*draft.environment)(path);
        if (!file.text) {
            if (may_miss && file.problem.empty()) continue;
            reporter.error_at(item.place,
                              "environment file '" + path + "' " +
                                  (file.problem.empty() ? "is missing; a '-' in front allows that"
                                                        : file.problem));
            continue;
        }
        if (!reporter.read_variables(*file.text, path, draft.spec.environment))
            reporter.error_at(item.place, "environment file '" + path + "' has mistakes");
    }
}

/// The variables that `${NAME}` can name are read first: the order of keys never matters.
void read_variables(UnitDraft& draft, std::vector<FoundKey>& keys, Reporter& reporter) {
    const Scope scope{draft.spec.name, draft.spec.instance, nullptr, false};
    take_keys(
        draft, keys, KeyType::Environment, scope, reporter,
        [&](Value& value, const Place& place) { store(draft.spec.environment, value, place); });
    take_keys(draft, keys, KeyType::EnvironmentFiles, scope, reporter,
              [&](Value& value, const Place& place) {
                  store(draft.spec.environment_files, value, place);
              });
    read_environment_files(draft, reporter);
}

} // namespace

std::span<const Binding<UnitDraft>> unit_bindings() {
    return kBindings;
}

void read_unit_table(UnitDraft& draft,
                     const Node& table,
                     const std::string& prefix,
                     Reporter& reporter) {
    UnitSpec& spec = draft.spec;
    spec.instance = std::string(instance_of(spec.name));
    FoundKeys found_keys = find_keys(unit_schema(), table, prefix, reporter);
    std::vector<FoundKey>& keys = found_keys.keys;
    draft.command_mentioned = found_keys.mentioned.contains("command");
    read_variables(draft, keys, reporter);

    const Scope scope{spec.name, spec.instance, &spec.environment, !spec.environment_files.empty()};
    ValueReader reader(reporter, scope);
    for (const FoundKey& found : keys) {
        const Place place = reporter.at(found.value->at);
        spec.keys.add(full_name(*found.key), place);
        auto value = reader.read(found);
        if (!value) continue;
        const Binding<UnitDraft>* const binding = find_binding(unit_bindings(), *found.key);
        draft.found_name = found.name;
        if (binding != nullptr) binding->set(draft, *found.key, *value, place);
    }
    check_unit(draft, reporter);
}

namespace {

/// The draft of a unit, whether or not there are mistakes in it (`reporter` knows).
UnitDraft read_draft(const Layers& layers,
                     const std::string& file,
                     const std::string& name,
                     bool from_template,
                     const FileReader& environment,
                     Reporter& reporter) {
    reporter.set_layers(layers.files);
    UnitDraft draft;
    draft.spec.name = name;
    draft.spec.file = file;
    draft.spec.place = {file, 0, 0};
    draft.from_template = from_template;
    draft.environment = &environment;
    read_unit_table(draft, layers.document, "", reporter);
    return draft;
}

bool has_good_name(const std::string& name, Reporter& reporter) {
    const std::string problem = unit_name_problem(name);
    if (!problem.empty()) reporter.error({}, "unit name '" + name + "' " + problem);
    return problem.empty();
}

} // namespace

std::optional<UnitSpec> read_unit_layers(const Layers& layers,
                                         const std::string& file,
                                         const std::string& name,
                                         const FileReader& environment,
                                         Diagnostics& diagnostics) {
    const std::size_t first = diagnostics.all().size();
    Reporter reporter(file, diagnostics);
    if (!has_good_name(name, reporter)) return std::nullopt;
    const bool from_template = file.ends_with("@.toml");
    UnitDraft draft = read_draft(layers, file, name, from_template, environment, reporter);
    diagnostics.sort(first);
    if (reporter.failed()) return std::nullopt;
    return std::move(draft.spec);
}

std::optional<TextList> read_template(const Layers& layers,
                                      const std::string& file,
                                      const std::string& name,
                                      const FileReader& environment,
                                      Diagnostics& diagnostics) {
    const std::size_t first = diagnostics.all().size();
    Reporter reporter(file, diagnostics);
    if (!has_good_name(name, reporter)) return std::nullopt;
    // What names the instance is looked for when its name is known.
    const FileReader none;
    (void)environment;
    UnitDraft draft = read_draft(layers, file, name + "instance", true, none, reporter);
    diagnostics.sort(first);
    if (reporter.failed()) return std::nullopt;
    return std::move(draft.instances);
}

std::optional<UnitSpec> read_unit(std::string_view text,
                                  const std::string& file,
                                  const std::string& name,
                                  Diagnostics& diagnostics) {
    Reporter reporter(file, diagnostics);
    if (!has_good_name(name, reporter)) return std::nullopt;
    auto document = parse_document(text, file, diagnostics);
    if (!document) return std::nullopt;
    const Layers layers{std::move(*document), {}, {}};
    if (!is_template(name)) return read_unit_layers(layers, file, name, {}, diagnostics);
    const std::size_t first = diagnostics.all().size();
    UnitDraft draft = read_draft(layers, file, name + "instance", true, {}, reporter);
    diagnostics.sort(first);
    if (reporter.failed()) return std::nullopt;
    return std::move(draft.spec);
}

} // namespace stead::unitfile
