#include "unitfile/key_rows.h"

namespace stead::unitfile {

namespace {

using enum KeyType;

constexpr std::array kPlainKeys{
    now("", "description", String, "\"\"", "What the guest is, for people"),
    now("", "hostname", HostName, "the guest's name", "The host name inside"),
    now("",
        "machine-id",
        String,
        "\"auto\"",
        "The id in /etc/machine-id: of 32 digits 0-9 and a-f, or one that is chosen when a guest "
        "on an "
        "image starts first, and kept, and that of a root that is a folder (auto)"),
    now("", "enabled", Boolean, "false", "Whether the guest starts with the host"),
    words(now("",
              "profile",
              Word,
              "\"system\"",
              "The defaults the guest starts from: a whole system, or a jail"),
          "system|jail"),
    now("",
        "units",
        Paths,
        "[]",
        "More unit folders of the host, offered read-only below /run/stead/units"),
    now("",
        "after",
        Strings,
        "[]",
        "Guests that this one starts after, and stops before, if they are started or stopped with "
        "it; also units of a systemd host (\"network-online.target\")"),
    now("",
        "requires",
        Strings,
        "[]",
        "Guests that must be up before this one starts, and are started for it; also units of a "
        "systemd host (\"postgresql.service\")"),

    now("",
        "image",
        String,
        "\"\"",
        "The image that the guest's root is made of; what it changes stays its own"),
    now("",
        "root",
        Path,
        "\"\"",
        "The folder that is the guest's root, or \"host\" for the host's own files"),
    now("",
        "ephemeral",
        Boolean,
        "false",
        "Whether writes go to memory and vanish at the guest's end"),
    now("", "read-only", Boolean, "false", "Whether the root is read-only"),
    now("",
        "volumes",
        Paths,
        "[]",
        "Folders that a guest on an image has beside its changes; each is filled from the image "
        "when "
        "it is made, and no reset or snapshot touches it"),
    now("",
        "bind",
        Binds,
        "[]",
        "Paths of the host that appear inside: \"FROM:TO[:ro,nosuid,nodev,noexec,idmap]\""),

    now("",
        "init",
        Command,
        "\"stead\"",
        "What looks after services: stead after those of unit files; distribution: Stead, after "
        "those of the root's own packages as well; or the command of an init of the guest's own "
        "(\"/sbin/init\")"),
    now("",
        "init-stop-signal",
        KeyType::Signal,
        "\"RTMIN+3\"",
        "What tells that init to halt (systemd's is the default; for busybox USR2)"),
    now("", "target", UnitName, "\"default\"", "The target that is started"),
    nonzero(now("",
                "stop-timeout",
                KeyType::Duration,
                "\"90s\"",
                "The longest time an orderly stop may take")),
    words(now("",
              "stop-exit",
              Word,
              "\"zero\"",
              "The guest's exit code after an ordered stop: 0, or the essential unit's"),
          "zero|propagate"),
    now("",
        "hidepid",
        Boolean,
        "false, in a jail true",
        "Whether processes see only those of their own user"),
    now("", "environment", Environment, "{}", "Variables of PID 1, from which units inherit"),

    now("",
        "users",
        IdRange,
        "\"private\", in a jail \"host\"",
        "The users inside: a range of ids of the guest's own (private), the host's ids (host), or "
        "this range (\"BASE:COUNT\")"),
    now("",
        "capabilities",
        Capabilities,
        "[\"...\"]",
        "The capabilities that anything inside can have; the default is the profile's"),
    now("",
        "system-calls",
        SystemCalls,
        "[\"...\"]",
        "The system calls that are allowed; the default is the profile's"),
    later("",
          "architectures",
          Strings,
          "[\"native\"]",
          "The processor architectures whose system calls are allowed"),

    words(now("network",
              "mode",
              Word,
              "\"none\"",
              "The network: none (its own, with loopback only), one of its own with addresses "
              "(private), or the host's"),
          "none|private|-shared|host"),
    now("network",
        "addresses",
        Strings,
        "[]",
        "The guest's addresses, \"10.7.0.10/24\"; without any, one of each family is chosen when "
        "it starts first, and kept"),
    now("network",
        "gateway",
        OneOrMore,
        "\"\"",
        "The way out, for each family; of a routed guest it is the host itself and needs no "
        "address"),
    now("network",
        "dns",
        OneOrMore,
        "\"host\"",
        "The name servers: the host's, \"none\", or addresses"),
    now("network",
        "link",
        String,
        "\"routed\"",
        "How the guest is connected: \"routed\", \"bridge:NAME\" or \"macvlan:INTERFACE\""),
    now("network",
        "ports",
        Strings,
        "[]",
        "Ports of the host that lead into the guest: \"8080:80\", \"udp:53:53\", "
        "\"127.0.0.1:8080:80\""),
    words(now("network",
              "masquerade",
              Word,
              "\"auto\"",
              "Whether the guest's packets leave the host under the host's address: private "
              "addresses only (auto), always, or never"),
          "auto|always|never"),
    now("network",
        "listen",
        Listens,
        "[]",
        "With the host's network: the guest may bind these addresses only"),
    later("network", "rate", String, "\"\"", "The rate of the guest's traffic"),
    now("network", "peers", Strings, "[]", "Guests that may reach this one; \"*\" for every guest"),

    later("view", "memory", Boolean, "true", "Whether the guest sees its own amount of memory"),
    later("view", "cpu", Boolean, "true", "Whether the guest sees its own number of processors"),
    later("view", "load", Boolean, "true", "Whether the guest sees its own load"),
    now("view", "uptime", Boolean, "false", "Whether the guest's clocks count from its own start"),

    now("host",
        "journal",
        Boolean,
        "true",
        "Whether the host's journal gets the guest's log; the guest's own files always do"),
    now("host",
        "machine",
        Boolean,
        "true",
        "Whether the host's machined knows the guest (machinectl)"),
    now("host",
        "notify",
        Boolean,
        "true",
        "Whether the host's service manager hears what the guest says of itself; if not, its "
        "service counts as ready once PID 1 runs, has no status, and only its watchdog is fed"),
    now("host",
        "sockets",
        Boolean,
        "true",
        "Whether the guest gets the sockets that the host's service manager has opened for it"),

    nonzero(now("log",
                "max",
                KeyType::Size,
                "\"1G\"",
                "How much disk all logs of the guest together may take; beyond it the oldest files "
                "that were put aside are removed")),

    now("hooks",
        "pre-start",
        Commands,
        "[]",
        "Run on the host before the guest starts; a failure refuses the start"),
    now("hooks", "post-start", Commands, "[]", "Run on the host once it is up"),
    now("hooks", "pre-stop", Commands, "[]", "Run on the host before a command stops it"),
    now("hooks", "post-stop", Commands, "[]", "Run on the host after its end"),
    nonzero(
        now("hooks", "timeout", KeyType::Duration, "\"30s\"", "The longest time for each of them")),
};

constexpr std::array kGuestTables{
    Table{"network", "mode", "The guest's network"},
    Table{"view", "", "What the guest sees of the machine"},
    Table{"limits", "", "Levels of the guest's cgroup and limits of its processes"},
    Table{"host", "", "The guest as a part of a systemd host, stead-systemd(8)"},
    Table{"log", "", "The logs of the guest's units"},
    Table{"hooks", "", "Commands on the host around the guest's life"},
    Table{"unit.*", "", "A unit of a jail; its keys are those of a unit file"},
};

} // namespace

std::span<const Key> guest_keys() {
    static const std::vector<Key> kKeys = with_limit_keys(kPlainKeys, {}, true);
    return kKeys;
}

std::span<const Table> guest_tables() {
    return kGuestTables;
}

} // namespace stead::unitfile
