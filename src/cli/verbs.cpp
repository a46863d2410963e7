#include "cli/verbs.h"

#include <array>

#include "cli/client_verbs.h"
#include "cli/guest_verbs.h"
#include "cli/own_init.h"

namespace stead::cli {

namespace {

constexpr std::array kVerbs = {
    Verb{"run", "a guest in the foreground", "NAME|FILE.toml", VerbGroup::Guests, verb_run},
    Verb{"jail", "a program in a jail, without any file", "-- CMD ...", VerbGroup::Guests,
         verb_jail},
    Verb{"bind", "a path of the host inside a running guest", "NAME FROM TO[:ro]",
         VerbGroup::Guests, verb_bind},
    Verb{"copy-to", "files into a running guest", "NAME FILE ... WHERE", VerbGroup::Guests,
         verb_copy_to},
    Verb{"copy-from", "files out of a running guest", "NAME FILE ... WHERE", VerbGroup::Guests,
         verb_copy_from},
    Verb{"create", "a new guest's file, commented and checked", "NAME [KEY=VALUE ...] [-- CMD ...]",
         VerbGroup::Guests, verb_create},
    Verb{"edit", "a guest's file, checked before it is saved", "NAME", VerbGroup::Guests,
         verb_edit},
    Verb{"image", "shared roots of guests: make, list, check, export, delete",
         "import|build|list|check|export|delete ...", VerbGroup::Guests, verb_image},
    Verb{"rename", "a guest that does not run", "NAME NEW", VerbGroup::Guests, verb_rename},
    Verb{"clone", "a new guest with the file and the changes of another",
         "NAME NEW [KEY=VALUE ...]", VerbGroup::Guests, verb_clone},
    Verb{"snapshot", "keep what a guest has changed of its image", "NAME [SNAPSHOT]",
         VerbGroup::Guests, verb_snapshot},
    Verb{"restore", "a guest as it was at a snapshot", "NAME SNAPSHOT", VerbGroup::Guests,
         verb_restore},
    Verb{"reset", "a guest as its image is", "NAME ...", VerbGroup::Guests, verb_reset},
    Verb{"diff", "what a guest has changed of its image", "NAME", VerbGroup::Looking, verb_diff},
    Verb{"delete", "guests that do not run, with their state and logs", "NAME ...",
         VerbGroup::Guests, verb_delete},
    Verb{"enable", "guests start with the host, units with their guest", "NAME[/UNIT] ...",
         VerbGroup::Guests, verb_enable},
    Verb{"disable", "guests and units no longer start by themselves", "NAME[/UNIT] ...",
         VerbGroup::Guests, verb_disable},
    Verb{"check", "every mistake of unit and guest files", "FILE|DIR|NAME ...", VerbGroup::Files,
         verb_check},
    Verb{"schema", "JSON Schema of the files, for editors", "unit|guest", VerbGroup::Files,
         verb_schema},
    Verb{"compile", "unit files into a plan for an image", "DIR -o FILE", VerbGroup::Files,
         verb_compile},
    Verb{"import", "systemd's, supervisord's, nspawn's and LXC's files into ours",
         "FILE|DIR|NAME ... [-o DIR]", VerbGroup::Files, verb_import},
    Verb{"explain", "a guest's whole boundary in words", "NAME|FILE", VerbGroup::Looking,
         verb_explain},
    Verb{"load", "unit files into PID 1's plan", "--out-fd NUMBER", VerbGroup::Hidden, verb_load},
    Verb{"own-init", "an init of the guest's own, by PID 1", "-- INIT ...", VerbGroup::Hidden,
         verb_own_init},
    Verb{"join", "a program beside that init", "PID -- CMD ...", VerbGroup::Hidden, verb_join},
    Verb{"probe", "ask a server by HTTP", "URL", VerbGroup::Hidden, verb_probe},
    Verb{"cleanup", "what an ended guest left", "NAME", VerbGroup::Hidden, verb_cleanup},
    Verb{"tmpfiles", "what tmpfiles.d lists", "", VerbGroup::Hidden, verb_tmpfiles},
    Verb{"runlevel", "as runlevel(8) says it", "", VerbGroup::Hidden, verb_runlevel},
    Verb{"complete", "words for a shell's completion", "[VERB [WORD]]", VerbGroup::Hidden,
         verb_complete},
    Verb{"ended", "what a guest's keeper ends as", "NAME CODE", VerbGroup::Hidden, verb_ended},
    Verb{"service", "for stead@.service", "ended|failed NAME", VerbGroup::Hidden, verb_service},
    Verb{"start", "guests or units, and wait until they are up", "NAME[/UNIT] ...",
         VerbGroup::Units, verb_start},
    Verb{"stop", "guests or units, and wait for their end", "NAME[/UNIT] ...", VerbGroup::Units,
         verb_stop},
    Verb{"restart", "guests or units, and wait until they are up again", "NAME[/UNIT] ...",
         VerbGroup::Units, verb_restart},
    Verb{"reload", "unit files of a guest, or the configuration of units", "[NAME[/UNIT] ...]",
         VerbGroup::Units, verb_reload},
    Verb{"kill", "send a signal", "NAME[/UNIT] ...", VerbGroup::Units, verb_kill},
    Verb{"wait", "until it is up, or has ended", "NAME[/UNIT]", VerbGroup::Units, verb_wait},
    Verb{"set", "levels of what runs, all or none; --save keeps them", "NAME[/UNIT] KEY=VALUE ...",
         VerbGroup::Levels, verb_set},
    Verb{"limits", "held, peak, limit and failures of each level", "NAME[/UNIT]", VerbGroup::Levels,
         verb_limits},
    Verb{"freeze", "everything in it stands still", "NAME[/UNIT] ...", VerbGroup::Levels,
         verb_freeze},
    Verb{"thaw", "and goes on", "NAME[/UNIT] ...", VerbGroup::Levels, verb_thaw},
    Verb{"reclaim", "have the kernel take memory back", "NAME[/UNIT] SIZE", VerbGroup::Levels,
         verb_reclaim},
    Verb{"shutdown", "end a guest in order", "[NAME]", VerbGroup::Units, verb_shutdown},
    Verb{"poweroff", "the same", "[NAME]", VerbGroup::Units, verb_poweroff},
    Verb{"reboot", "end a guest and have it started again", "[NAME]", VerbGroup::Units,
         verb_reboot},
    Verb{"upgrade", "PID 1 of running guests, with all they do going on", "NAME ...",
         VerbGroup::Guests, verb_upgrade},
    Verb{"list", "guests, or the units of one guest", "[NAME]", VerbGroup::Looking, verb_list},
    Verb{"status", "how a guest or unit is, and why", "[NAME[/UNIT]]", VerbGroup::Looking,
         verb_status},
    Verb{"show", "everything PID 1 knows, one value a line", "NAME[/UNIT]", VerbGroup::Looking,
         verb_show},
    Verb{"logs", "what units wrote", "NAME[/UNIT]", VerbGroup::Looking, verb_logs},
    Verb{"top", "guests and units, live", "[NAME]", VerbGroup::Looking, verb_top},
    Verb{"metrics", "figures of all guests and units as OpenMetrics text", "[NAME]",
         VerbGroup::Looking, verb_metrics},
    Verb{"why", "why it is down, failed or waiting, and what to do", "NAME[/UNIT]",
         VerbGroup::Looking, verb_why},
    Verb{"graph", "what units need, for graphviz' dot or as a picture", "NAME|DIR",
         VerbGroup::Looking, verb_graph},
    Verb{"plot", "a guest's boot as an SVG chart", "NAME", VerbGroup::Looking, verb_plot},
    Verb{"blame", "which units took how long to start", "NAME", VerbGroup::Looking, verb_blame},
    Verb{"critical-chain", "what the boot, or a unit of it, had to wait for", "NAME [UNIT]",
         VerbGroup::Looking, verb_critical_chain},
    Verb{"exec", "a program inside a guest", "NAME [--] CMD ...", VerbGroup::Guests, verb_exec},
    Verb{"enter", "a shell inside a guest", "NAME", VerbGroup::Guests, verb_enter},
    Verb{"log-tidy", "compresses and bounds a guest's old logs", "", VerbGroup::Hidden,
         verb_log_tidy},
    Verb{"log-reader", "lines for the keeper's clients", "", VerbGroup::Hidden, verb_log_reader},
};

} // namespace

std::span<const Verb> all_verbs() {
    return kVerbs;
}

const Verb* find_verb(std::string_view name) {
    for (const Verb& verb : kVerbs) {
        if (verb.name == name) return &verb;
    }
    return nullptr;
}

} // namespace stead::cli
