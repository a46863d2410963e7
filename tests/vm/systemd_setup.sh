# What the scripts about guests as services of systemd share: Stead installed, guests to make, services to look at.
# shellcheck source=tests/vm/checks.sh
. /job/checks.sh

# What 'cmake --install' does, at the places that the units name.
install -D "$STEAD_BIN/stead" /usr/bin/stead
install -D "$STEAD_BIN/stead-systemd" /usr/libexec/stead/stead-systemd
contrib=$STEAD_SOURCE/contrib
cp "$contrib/services/stead@.service" "$contrib/systemd/stead-manager.service" /lib/systemd/system/
install -D -m 644 "$contrib/systemd/org.stead.Manager1.service" /usr/share/dbus-1/system-services/org.stead.Manager1.service
install -D -m 644 "$contrib/systemd/org.stead.Manager1.conf" /usr/share/dbus-1/system.d/org.stead.Manager1.conf
install -D "$contrib/systemd/stead-generator" /usr/lib/systemd/system-generators/stead-generator
install -D -m 644 "$contrib/systemd/org.stead.policy" /usr/share/polkit-1/actions/org.stead.policy
busctl call org.freedesktop.DBus / org.freedesktop.DBus ReloadConfig
PATH=/usr/sbin:/usr/bin:/sbin:/bin

mkdir -p /etc/stead/guests
guest() { # name, more keys on standard input
    mkdir -p "/srv/units-$1"
    {
        echo 'root = "host"'
        echo 'ephemeral = true'
        echo "units = [\"/srv/units-$1\"]"
        cat
    } >"/etc/stead/guests/$1.toml"
    printf 'command = ["sh", "-c", "echo hello of %s; exec sleep 100000"]\n' "$1" >"/srv/units-$1/main.toml"
}
show() { systemctl show -P "$2" "stead@$1"; }
state_is() { [ "$(systemctl is-active "stead@$1")" = "$2" ]; }
leader() { show "$1" MainPID; }
keeper_of() { cat "/sys/fs/cgroup$(show "$1" ControlGroup)/keeper/cgroup.procs"; }
before() { # the unit $1 became active before $2 did
    [ "$(systemctl show -P ActiveEnterTimestampMonotonic "$1")" -le "$(systemctl show -P InactiveExitTimestampMonotonic "$2")" ]
}
