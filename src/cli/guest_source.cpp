#include "cli/guest_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "guests/accounts.h"
#include "guests/facts.h"
#include "guests/rootless.h"
#include "guests/store.h"
#include "sys/file.h"
#include "sys/privileges.h"
#include "unitfile/reader.h"

namespace stead::cli {

namespace {

struct Needed {
    unsigned number;
    std::string_view name;
};

/// What building a context takes, whatever the guest.
constexpr std::array kNeeded = {
    Needed{0, "CHOWN"},  Needed{1, "DAC_OVERRIDE"}, Needed{3, "FOWNER"},  Needed{5, "KILL"},
    Needed{6, "SETGID"}, Needed{7, "SETUID"},       Needed{8, "SETPCAP"}, Needed{21, "SYS_ADMIN"}};

bool names_accounts(const unitfile::GuestSpec& guest) {
    return std::any_of(guest.units.begin(), guest.units.end(), [](const auto& unit) {
        return unit.user.given() || unit.group.given() || !unit.supplementary_groups.empty();
    });
}

std::optional<unitfile::GuestSpec> read_source(const std::string& file,
                                               unitfile::Diagnostics& diagnostics) {
    const auto text = unitfile::load_text(file, diagnostics);
    if (!text) return std::nullopt;
    const std::string name = unitfile::name_of_file(file);
    if (unitfile::kind_of(*text) == unitfile::Kind::Guest) {
        return unitfile::load_guest(file, diagnostics);
    }
    auto unit = unitfile::read_unit(*text, file, name, diagnostics);
    if (!unit) return std::nullopt;
    return unitfile::jail_of(*std::move(unit));
}

void print_mistakes(Context& context, const unitfile::Diagnostics& diagnostics) {
    const std::string text = unitfile::render(diagnostics);
    std::fwrite(text.data(), 1, text.size(), context.console.err_file());
}

} // namespace

bool is_path(std::string_view word) {
    return word.find('/') != std::string_view::npos || word.ends_with(".toml");
}

std::optional<unitfile::GuestSpec> find_guest(Context& context,
                                              const guests::Paths& paths,
                                              const std::string& word,
                                              unitfile::Diagnostics& diagnostics,
                                              int& code) {
    std::string file = word;
    if (!is_path(word)) {
        if (!guests::valid_name(word)) {
            context.console.error("'" + safe(word) + "' is no guest's name");
            context.console.hint("a name is letters, digits, '.', '_' and '-', 63 at most, and "
                                 "begins with a letter or digit");
            code = kAskedWrongly;
            return std::nullopt;
        }
        file = paths.guest_file(word);
        if (!sys::status_at(AT_FDCWD, file.c_str(), 0)) {
            context.console.error("there is no guest '" + word + "': no file " + file);
            std::string hint;
            for (const std::string& near : nearest(word, guests::configured(paths)))
                hint += (hint.empty() ? "did you mean " : " or ") + near;
            context.console.hint(hint.empty() ? "'stead create " + word +
                                                    "' writes one; a file elsewhere is given with "
                                                    "its path: ./" +
                                                    word + ".toml"
                                              : hint + "?");
            code = kNoSuch;
            return std::nullopt;
        }
    }
    auto guest = read_source(file, diagnostics);
    if (!guest || diagnostics.has_errors()) {
        print_mistakes(context, diagnostics);
        code = kAskedWrongly;
        return std::nullopt;
    }
    return guest;
}

std::optional<compile::CompiledGuest> compile_for(Context& context,
                                                  const unitfile::GuestSpec& guest,
                                                  const compile::HostFacts& facts,
                                                  unitfile::Diagnostics& diagnostics) {
    compile::UserDatabase accounts;
    if (names_accounts(guest)) {
        auto read = guests::read_accounts("/");
        if (!read) {
            context.console.error(describe(read.error()).view());
            return std::nullopt;
        }
        accounts = *std::move(read);
    }
    auto compiled = compile::compile_guest(guest, facts, accounts, diagnostics);
    print_mistakes(context, diagnostics);
    if (diagnostics.has_errors()) return std::nullopt;
    return compiled;
}

bool check_guest_text(Context& context,
                      const guests::Paths& paths,
                      const std::string& file,
                      const std::string& text) {
    unitfile::Diagnostics diagnostics;
    const auto guest = unitfile::load_guest(file, diagnostics, &text);
    if (guest && !diagnostics.has_errors())
        return compile_for(context, *guest, guests::host_facts(paths, false), diagnostics)
            .has_value();
    print_mistakes(context, diagnostics);
    return false;
}

namespace {

/// An ordinary user becomes root of a user namespace.
bool become_root(Context& context, bool jail) {
    const auto entered = guests::enter_own_users(!jail);
    if (entered) return true;
    const Error& error = entered.error();
    context.console.error("a user namespace of your own: " + std::string(describe(error).view()));
    if (error.code == EPERM || error.code == EACCES || error.code == ENOSPC || error.code == EUSERS)
        context.console.hint("this machine gives its users none (sysctl user.max_user_namespaces, "
                             "kernel.unprivileged_userns_clone, "
                             "kernel.apparmor_restrict_unprivileged_userns); run it as root");
    else
        context.console.hint("run it as root, or take your line out of /etc/subuid");
    return false;
}

} // namespace

bool may_change_disks(Context& context) {
    return ::geteuid() == 0 || become_root(context, false);
}

bool may_start_guests(Context& context, bool jail) {
    if (::geteuid() != 0 && !become_root(context, jail)) return false;
    const auto sets = sys::capabilities();
    const std::uint64_t effective = sets ? sets->effective : 0;
    std::string missing;
    for (const Needed& needed : kNeeded) {
        if ((effective >> needed.number & 1U) == 0) missing += " " + std::string(needed.name);
    }
    if (missing.empty()) return true;
    context.console.error("starting a guest needs root on the host; missing here:" + missing);
    context.console.hint("run it as root (sudo), or in a container that has these capabilities");
    return false;
}

void explain_failure(Context& context, std::string_view guest, const Error& error) {
    const std::string name(guest);
    if (error.code == EBUSY && std::string_view(error.operation) == "lock") {
        context.console.error("guest '" + name + "' is running or being started already");
        context.console.hint("'stead status " + name +
                             "' shows it; --name gives this one another "
                             "name");
        return;
    }
    context.console.error("starting " + name + ": " + std::string(describe(error).view()));
}

} // namespace stead::cli
