#!/bin/bash
# Inside the machine: its own Debian with systemd as a guest's own init, with all controllers of cgroup v2.
set -u
# shellcheck source=tests/vm/checks.sh
. /job/checks.sh

work=$(mktemp -d)
chmod 755 "$work"
cat >"$work/inner.toml" <<'T'
root = "host"
ephemeral = true
init = ["/sbin/init"]
stop-timeout = "60s"
limits.memory-max = "400M"
limits.pids-max = 500
environment = { WHO = "inner" }
T
stead run "$work/inner.toml" >"$work/output" 2>&1 &
keeper=$!
inside() { stead exec inner -T -- "$@"; }
ready() { stead status inner --ready >/dev/null 2>&1; }
until_true 240 ready || { cat "$work/output"; stead status inner; echo "FAILED systemd comes up in the guest"; exit 1; }

check "PID 1 inside is systemd" is "$(inside cat /proc/1/comm)" systemd
state=$(inside systemctl is-system-running)
[ "$state" = running ] || inside systemctl --failed --no-pager --plain
# Units of the machine's that look for its hardware may fail in any container.
check "systemd inside has come up" has "$state" "^(running|degraded)$"
check "systemd inside knows that it is a container" is "$(inside systemd-detect-virt --container)" container-other
check "its controllers were handed on" has "$(inside cat /sys/fs/cgroup/cgroup.controllers)" "cpu.*memory.*pids"
check "it sees the cgroup tree as its own" is "$(inside cat /proc/1/cgroup)" "0::/init.scope"

limited() { # A service of the guest's systemd, limited by it.
    inside systemd-run --quiet --unit=hog -p MemoryMax=20M -p MemorySwapMax=0 -p MemoryAccounting=yes \
        sh -c 'x=$(head -c 60000000 /dev/zero | tr "\0" x); sleep 100' || return 1
    oom() { [ "$(inside systemctl show -P Result hog.service)" = oom-kill ]; }
    until_true 60 oom
}
check "a limit that systemd sets inside holds" limited
check "the level of the guest is in force" is "$(cat /sys/fs/cgroup/stead/inner/memory.max)" 419430400
check "it is changed live" stead set inner memory-max=300M
check "and then is so" is "$(cat /sys/fs/cgroup/stead/inner/memory.max)" 314572800

refused() { ! inside sh -c "$1" >/dev/null 2>&1; }
check "no module is loaded from inside" refused "modprobe dummy && lsmod | grep -q dummy"
check "the machine's memory is not read" refused "umount /proc/kcore; head -c 1 /proc/kcore"
check "the machine is not rebooted by sysrq" refused "umount /proc/sysrq-trigger; echo b >/proc/sysrq-trigger"
check "the machine's settings are not written" refused "umount /proc/sys; echo 1 >/proc/sys/kernel/panic"
check "no user namespace is made" refused "unshare -U true"
check "no device node is made" refused "mknod /root/null c 1 3"
check "the guest's own limits stay" refused "mount -t cgroup2 none /mnt && echo max >/mnt/memory.max"
check "the clock is not set" refused "date -s '+1 day'"

first=$(inside cat /proc/1/stat | cut -d' ' -f22)
inside systemctl reboot >/dev/null 2>&1
wait "$keeper"
check "a reboot inside is the guest's" is $? 133
mkdir -p /etc/stead/guests
cp "$work/inner.toml" /etc/stead/guests/inner.toml
check "it starts as a named guest" stead start --direct inner
again() { local now; now=$(inside cat /proc/1/stat 2>/dev/null | cut -d' ' -f22); [ -n "$now" ] && [ "$now" != "$first" ]; }
check "with its init" again
first=$(inside cat /proc/1/stat | cut -d' ' -f22)
inside systemctl reboot >/dev/null 2>&1
check "and comes back after a reboot by itself" until_true 240 again
back() { ready; }
until_true 240 back
began=$SECONDS
check "it stops in order" stead stop --direct inner
check "within its time" [ $((SECONDS - began)) -lt 60 ]
check "with the exit code of a poweroff" has "$(stead list)" "inner +down +.*ended in order"
check "nothing is left of it" is "$(ls -d /sys/fs/cgroup/stead/inner /run/stead/guests/inner 2>/dev/null)" ""
rm -f /etc/stead/guests/inner.toml
exit $failed
