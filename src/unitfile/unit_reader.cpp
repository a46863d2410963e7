#include <array>

#include "unitfile/drafts.h"
#include "unitfile/names.h"
#include "unitfile/reader.h"
#include "unitfile/walk.h"

namespace stead::unitfile {

namespace {

template <auto Member>
constexpr Binding<UnitDraft> to(std::string_view key) {
    return binds<UnitDraft, Member>(key);
}

void set_probe(UnitDraft& draft, ReadyKind kind, Value& value, const Place& place) {
    // Of two probes the first one stays; check_unit() complains about the second.
    if (draft.spec.ready.kind != ReadyKind::None) return;
    draft.spec.ready.kind = kind;
    draft.spec.ready.place = place;
    if (auto* argv = std::get_if<Argv>(&value)) {
        draft.spec.ready.exec = std::move(*argv);
        // exec = [] is the default: no probe.
        if (draft.spec.ready.exec.empty()) draft.spec.ready = {};
        return;
    }
    draft.spec.ready.endpoint = std::move(std::get<Text>(value).value);
}

template <ReadyKind Kind>
void set_ready(UnitDraft& draft, const Key&, Value& value, const Place& place) {
    set_probe(draft, Kind, value, place);
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

    Binding<UnitDraft>{"command", set_command},
    to<&UnitSpec::user>("user"),
    to<&UnitSpec::group>("group"),
    to<&UnitSpec::supplementary_groups>("supplementary-groups"),
    to<&UnitSpec::working_directory>("working-directory"),
    to<&UnitSpec::umask>("umask"),
    to<&UnitSpec::remain_after_exit>("remain-after-exit"),
    to<&UnitSpec::success_exit>("success-exit"),
    to<&UnitSpec::environment>("environment"),
    to<&UnitSpec::environment_inherit>("environment-inherit"),

    to<&UnitSpec::capabilities>("capabilities"),
    to<&UnitSpec::ambient_capabilities>("ambient-capabilities"),
    to<&UnitSpec::no_new_privileges>("no-new-privileges"),
    to<&UnitSpec::system_calls>("system-calls"),
    to<&UnitSpec::system_call_error>("system-call-error"),

    to<&UnitSpec::pre_start>("hooks.pre-start"),
    to<&UnitSpec::post_start>("hooks.post-start"),
    to<&UnitSpec::pre_stop>("hooks.pre-stop"),
    to<&UnitSpec::post_stop>("hooks.post-stop"),
    to<&UnitSpec::hook_timeout>("hooks.timeout"),

    Binding<UnitDraft>{"ready.exec", set_ready<ReadyKind::Exec>},
    Binding<UnitDraft>{"ready.tcp", set_ready<ReadyKind::Tcp>},
    Binding<UnitDraft>{"ready.unix", set_ready<ReadyKind::Unix>},
    Binding<UnitDraft>{"ready.path", set_ready<ReadyKind::Path>},
    to<&UnitSpec::ready_fd>("ready.fd"),
    to<&UnitSpec::notify_access>("ready.access"),
    to<&UnitSpec::ready_interval>("ready.interval"),
    to<&UnitSpec::ready_timeout>("ready.timeout"),

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

    Binding<UnitDraft>{"log.output", set_output},
    Binding<UnitDraft>{"log.error", set_error},
    to<&UnitSpec::log_size>("log.size"),
    to<&UnitSpec::log_keep>("log.keep"),
    to<&UnitSpec::log_timestamp>("log.timestamp"),

    Binding<UnitDraft>{"limits.*", store_limit<UnitDraft>},
    to<&UnitSpec::nice>("scheduling.nice"),
    to<&UnitSpec::oom_score_adjust>("scheduling.oom-score-adjust"),

    Binding<UnitDraft>{"directories.state", set_directories<DirectoryKind::State>},
    Binding<UnitDraft>{"directories.runtime", set_directories<DirectoryKind::Runtime>},
    Binding<UnitDraft>{"directories.cache", set_directories<DirectoryKind::Cache>},
    Binding<UnitDraft>{"directories.logs", set_directories<DirectoryKind::Logs>},
    to<&UnitSpec::directory_mode>("directories.mode"),
};

/// The variables that `${NAME}` can name are read first: the order of keys never matters.
void read_variables(UnitDraft& draft, std::vector<FoundKey>& keys, Reporter& reporter) {
    const Scope scope{draft.spec.name, draft.spec.instance, nullptr};
    ValueReader reader(reporter, scope);
    std::erase_if(keys, [&](const FoundKey& found) {
        if (found.key->type != KeyType::Environment) return false;
        draft.spec.keys.add("environment", reporter.at(found.value->at));
        if (auto value = reader.read(found))
            store(draft.spec.environment, *value, reporter.at(found.value->at));
        return true;
    });
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

    const Scope scope{spec.name, spec.instance, &spec.environment};
    ValueReader reader(reporter, scope);
    for (const FoundKey& found : keys) {
        const Place place = reporter.at(found.value->at);
        spec.keys.add(full_name(*found.key), place);
        auto value = reader.read(found);
        if (!value) continue;
        const Binding<UnitDraft>* const binding = find_binding(unit_bindings(), *found.key);
        if (binding != nullptr) binding->set(draft, *found.key, *value, place);
    }
    check_unit(draft, reporter);
}

std::optional<UnitSpec> read_unit(std::string_view text,
                                  const std::string& file,
                                  const std::string& name,
                                  Diagnostics& diagnostics) {
    const std::size_t first = diagnostics.all().size();
    Reporter reporter(file, diagnostics);
    const std::string problem = unit_name_problem(name);
    if (!problem.empty()) {
        reporter.error({}, "unit name '" + name + "' " + problem);
        return std::nullopt;
    }
    if (is_template(name)) {
        reporter.error({}, "templates (NAME@.toml) are not supported yet");
        return std::nullopt;
    }
    const auto document = parse_document(text, file, diagnostics);
    if (!document) return std::nullopt;

    UnitDraft draft;
    draft.spec.name = name;
    draft.spec.file = file;
    draft.spec.place = {file, 0, 0};
    read_unit_table(draft, *document, "", reporter);
    diagnostics.sort(first);
    if (reporter.failed()) return std::nullopt;
    return std::move(draft.spec);
}

} // namespace stead::unitfile
