#!/bin/bash
# Inside the machine: guests as services of systemd through the deaths of everything around them while they work, through many
# starts and stops, and through stops that hang. Nothing is lost but what was killed, and nothing is left.
# STEAD_CYCLES: how many starts and stops (24; nightly: 200).
set -u
# shellcheck source=tests/vm/systemd_setup.sh
. /job/systemd_setup.sh
cycles=${STEAD_CYCLES:-24}

echo "== deaths around a guest that works"
guest load </dev/null
cat >/srv/units-load/main.toml <<'UNIT'
command = ["sh", "-c", "i=0; while [ $i -lt 600 ]; do echo line $i; i=$((i+1)); sleep 0.05; done; exec sleep 100000"]
restart = "no"
UNIT
systemctl daemon-reload
stead start load
main=$(leader load)
kill_service() { systemctl kill -s KILL --kill-who=main "$1"; }
unharmed() { # what was killed
    check "after the death of $1 the same PID 1 runs" is "$(leader load)" "$main"
    check "and its unit" has "$(stead status load)" '^main +up'
    check "its service is active" state_is load active
}
kill_service systemd-machined
unharmed machined
check "machined knows the guest again" until_true 20 sh -c 'machinectl show load -p Leader --value | grep -qx '"$main"
kill_service systemd-journald
unharmed journald
check "journald is back" until_true 20 systemctl is-active -q systemd-journald
kill_service dbus
sleep 1
check "the bus is back" systemctl start dbus.socket dbus.service
unharmed dbus-daemon
check "machinectl works again" until_true 30 sh -c 'machinectl list --no-legend | grep -q ^load'
manager="org.stead.Manager1 /org/stead/Manager1 org.stead.Manager1"
check "so does the bus service" until_true 30 sh -c "busctl call $manager ListGuests | grep -q load"
kill -9 "$(systemctl show -P MainPID stead-manager)"
unharmed stead-systemd
check "the next call starts another" until_true 30 sh -c "busctl call $manager ListGuests | grep -q load"
# A unit that failed by a signal stays so until it is started again, which the call has done.
check "whose unit runs" is "$(systemctl is-active stead-manager)" active
kill -9 "$(keeper_of load)"
check "after the keeper's death the next command starts another" stead status load
unharmed "the keeper"
written() { stead logs load/main | grep -qx '.*line 599'; }
check "the unit has said all" until_true 120 written
check "every line is in the files, once" is "$(stead logs load/main | grep -o 'line [0-9]*$' | sort -u | wc -l) $(stead logs load/main | grep -c 'line [0-9]*$')" '600 600'
journal() { journalctl -q STEAD_GUEST=load STEAD_UNIT=main -o cat | grep '^line ' | sort -u | wc -l; }
all_there() { [ "$(journal)" = 600 ]; }
check "and in the journal" until_true 20 all_there
all_there || echo "  $(journal) of 600"
systemctl stop stead@load
systemctl reset-failed

echo "== $cycles starts and stops"
guest cycle </dev/null
cat >>/etc/stead/guests/cycle.toml <<'GUEST'
hooks.post-stop = ["true"]
[limits]
memory-max = "200M"
GUEST
systemctl daemon-reload
settled() { [ "$(pgrep -c stead)" = 0 ]; }
# Everything that a guest, its service or its machine could leave; what a warm-up leaves on purpose is in the first count.
count() {
    {
        find /sys/fs/cgroup -type d | grep -cE 'stead@|stead-.*scope'
        find /run/stead /var/lib/stead /run/systemd/system.control /run/systemd/transient /run/systemd/machines 2>/dev/null | wc -l
        machinectl list --no-legend | wc -l
        wc -l </proc/self/mountinfo
        pgrep -c stead
        systemctl list-units --all --no-legend 'stead*' | grep -vc 'not-found' || :
        systemctl list-units --all --no-legend --type=scope | wc -l
        ip -o link | wc -l
        ls /tmp /var/tmp | wc -l
    } | tr '\n' ' '
}
one_cycle() { # number
    case $(($1 % 4)) in
    0) systemctl start stead@cycle && systemctl stop stead@cycle ;;
    1) stead start cycle && stead stop cycle ;;
    2) stead start cycle && stead set cycle cpu-weight=$((50 + $1)) && systemctl stop stead@cycle ;;
    3) stead start cycle && stead restart cycle && until_true 20 machinectl poweroff cycle && until_true 30 state_is cycle inactive ;;
    esac >/dev/null 2>/run/cycle || { echo "  cycle $1: $(cat /run/cycle)"; false; }
}
for number in 0 1 2 3; do one_cycle $number || failed=$((failed + 1)); done
until_true 30 settled
before=$(count)
began=$SECONDS
for number in $(seq 4 $((cycles + 3))); do one_cycle "$number" || failed=$((failed + 1)); done
until_true 30 settled
check "$cycles starts and stops ($((SECONDS - began)) s) leave nothing" is "$(count)" "$before"
check "and no unit has failed" is "$(systemctl list-units --failed --no-legend 'stead*' | wc -l)" 0

echo "== stops that hang"
guest deaf <<'GUEST'
stop-timeout = "4s"
GUEST
printf 'command = ["sh", "-c", "trap : TERM; while :; do sleep 1; done"]\nstop.timeout = "infinity"\n' >/srv/units-deaf/main.toml
stead start deaf
began=$SECONDS
check "a guest that hangs at its stop" systemctl stop stead@deaf
check "is ended within its own limit ($((SECONDS - began)) s)" [ $((SECONDS - began)) -le 20 ]
check "and nothing of it is left" until_true 30 settled
mkdir -p /etc/systemd/system/stead@deaf.service.d
printf '[Service]\nTimeoutStopSec=5\n' >/etc/systemd/system/stead@deaf.service.d/limit.conf
systemctl daemon-reload
stead start deaf
kill -STOP "$(leader deaf)"
began=$SECONDS
systemctl stop stead@deaf 2>/dev/null
check "one whose PID 1 hangs is ended within the service's ($((SECONDS - began)) s)" [ $((SECONDS - began)) -le 40 ]
check "and nothing of it is left, either" until_true 30 settled
check "it starts again" stead start deaf
kill -9 "$(leader deaf)"
systemctl stop stead@deaf 2>/dev/null
systemctl reset-failed 'stead*'
exit $failed
