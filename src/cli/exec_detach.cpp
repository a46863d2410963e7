#include "cli/exec_detach.h"

#include <fcntl.h>

#include <array>
#include <csignal>

#include "cli/unit_reload.h"
#include "compile/compile.h"
#include "model/names.h"
#include "plan/writer.h"
#include "recipe/guest_paths.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "unitfile/specs.h"

namespace stead::cli {

namespace {

constexpr Duration kUnitStartLimit = 100_s;

unitfile::UnitSpec describe_unit(const Detached& wishes) {
    unitfile::UnitSpec spec;
    spec.name = wishes.unit;
    spec.file = "stead exec --detach";
    spec.description = wishes.command.front();
    spec.command = wishes.command;
    spec.enabled = false;
    // Who wants it again starts it again.
    spec.restart = RestartPolicy::No;
    spec.stop_schedule = {{.wait_ms = 10'000, .signal = SIGTERM}};
    for (const std::string& one : wishes.environment)
        spec.environment[one.substr(0, one.find('='))] = one.substr(one.find('=') + 1);
    if (!wishes.directory.empty()) spec.working_directory.value = wishes.directory;
    const Account account = wishes.account.value_or(Account{});
    spec.user.value = std::to_string(account.uid);
    spec.group.value = std::to_string(account.gid);
    for (const std::uint32_t group : account.groups)
        spec.supplementary_groups.push_back({std::to_string(group), {}});
    return spec;
}

Result<std::vector<std::byte>>
compile_unit(Asking& asking, const Target& target, const Detached& wishes) {
    compile::UnitOptions options;
    // PID 1 cuts it to what the guest has.
    options.ceiling = ~std::uint64_t{0};
    options.foreign = target.own() && !sys::open_at(AT_FDCWD, recipe::kGuestStead, O_PATH);
    unitfile::Diagnostics diagnostics;
    const plan::PlanInput plan =
        compile::compile_units({describe_unit(wishes)}, {}, options, diagnostics);
    const std::string mistakes = unitfile::render(diagnostics);
    std::fwrite(mistakes.data(), 1, mistakes.size(), asking.console().err_file());
    if (diagnostics.has_errors()) return make_error("the command cannot be made a unit", {}, 0);
    return plan::write(plan);
}

} // namespace

int detach(Asking& asking, Client& client, const Target& target, const Detached& wishes) {
    const Target unit{.guest = target.guest, .unit = wishes.unit};
    if (!is_unit_name(wishes.unit))
        return asking.fail(kAskedWrongly,
                           "--unit is '" + safe(wishes.unit) + "', which is no unit's name",
                           "letters, digits and -_.@:, not beginning with a dot");
    const auto image = compile_unit(asking, target, wishes);
    auto plan = image ? sealed_plan(*image) : image.error();
    if (!plan) return asking.fail(kAskedWrongly, describe(plan.error()).view());
    std::array<std::byte, 64> buffer;
    wire::Writer request(buffer, wire::Kind::ReloadUnits);
    request.number(wire::Tag::Flags, wire::kAddUnit);
    const int file = plan->get();
    const auto reply = asking.order(
        client, request, unit,
        {.waiting_for = unit.text() + " to be up", .limit = sys::now() + kUnitStartLimit},
        std::span(&file, 1));
    if (!reply) return asking.code();
    asking.console().remark("'stead status " + unit.text() + "' shows it, 'stead stop " +
                            unit.text() + "' ends it");
    return kDone;
}

} // namespace stead::cli
