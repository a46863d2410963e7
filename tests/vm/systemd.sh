#!/bin/bash
# Inside the machine: guests as services of systemd 252. They start in order, are seen by systemctl, machinectl, journalctl and
# busctl, survive the death of their keeper, of journald and of the bus, are restarted or not as they ended, refuse whom they
# should, and leave nothing behind.
set -u
# shellcheck source=tests/vm/systemd_setup.sh
. /job/systemd_setup.sh

cat >/etc/systemd/system/hostdb.service <<'T'
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=true
T
guest db <<'T'
requires = ["hostdb.service"]
limits = { memory-max = "256M", cpu-weight = 77 }
T
guest web <<'T'
requires = ["db"]
description = "100 % web"
enabled = true
hooks.post-start = ["touch", "/run/web-was-started"]
hooks.post-stop = ["touch", "/run/web-was-stopped"]
T
guest cron <<'T'
after = ["web"]
enabled = true
T

echo "== the generator"
systemctl daemon-reload
has "$(systemctl cat stead@web)" 'Requires=stead@db.service'
check "guest files become requirements" has "$(show web Requires)" 'stead@db.service'
check "units of the host, too" has "$(show db Requires)" 'hostdb.service'
check "and orders" has "$(show cron After)" 'stead@web.service'
check "what is enabled is wanted" has "$(systemctl show -P Wants multi-user.target)" 'stead@cron.service.*stead@web.service|stead@web.service.*stead@cron.service'
check "what is not is not" has "$(systemctl show -P Wants multi-user.target | grep -c 'stead@db')" '^0$'
check "the description is the guest's" is "$(show web Description)" 'Guest web: 100 % web'

echo "== start in order, as the host's boot does it"
check "the target starts what is enabled" systemctl start multi-user.target stead@web stead@cron
for name in db web cron; do check "$name is active" state_is $name active; done
check "the host's unit came first" before hostdb.service stead@db.service
check "db before web" before stead@db.service stead@web.service
check "web before cron" before stead@web.service stead@cron.service
main=$(leader web)
check "PID 1 of the guest is the main process" has "$(tr '\0' ' ' <"/proc/$main/cmdline")" '^stead-init --boot'
check "and PID 1 inside" has "$(cat "/proc/$main/status")" '^NSpid:.*[[:space:]]1$'
check "systemd is its parent" has "$(cat "/proc/$main/status")" '^PPid:[[:space:]]1$'
check "the keeper is the second process" has "$(tr '\0' ' ' <"/proc/$(keeper_of web)/cmdline")" '^stead-init --keep web'
check "the guest's cgroup is the unit's" has "$(cat "/proc/$main/cgroup")" '^0::/machine.slice/.*stead@web.service/web/init$'
check "the post-start hook has run" test -e /run/web-was-started
check "stead sees it" has "$(stead list)" '^web +up'
check "exec works" is "$(stead exec web -- sh -c 'echo inside')" inside
check "levels can be set" stead set web memory-max=200M
check "and hold" is "$(cat "/sys/fs/cgroup$(show web ControlGroup)/web/memory.max")" $((200 << 20))
check "the service manager knows them" is "$(show web MemoryMax)" $((200 << 20))
check "also a quota" sh -c 'stead set web cpu-max=150% cpu-weight=300 >/dev/null'
check "as it says it" is "$(show web CPUQuotaPerSecUSec) $(show web CPUWeight)" '1.500000s 300'
systemctl daemon-reload
check "and after a daemon-reload still" is "$(show web MemoryMax) $(show web CPUQuotaPerSecUSec)" "$((200 << 20)) 1.500000s"
check "more can be allowed than before" stead set web memory-max=300M
check "by both" is "$(show web MemoryMax)" $((300 << 20))
check "levels of the file are the service's from its start" is "$(show db MemoryMax) $(show db CPUWeight)" "$((256 << 20)) 77"
check "systemd-cgtop sees the guest" has "$(systemd-cgtop -b -n 1 -m --depth=5)" 'stead@web.service'

echo "== machined"
check "machinectl lists it" until_true 20 sh -c 'machinectl list --no-legend | grep -qE "^web +container +stead"'
check "with its leader" is "$(machinectl show web -p Leader --value)" "$main"
check "and its unit" is "$(machinectl show web -p Unit --value)" stead@web.service
check "machinectl status" has "$(machinectl status web 2>&1)" 'Unit: stead@web.service'

echo "== the journal"
check "lines carry guest and unit" until_true 10 sh -c 'journalctl -q STEAD_GUEST=web STEAD_UNIT=main -o cat | grep -q "hello of web"'
check "journalctl -u shows them" has "$(journalctl -q -u stead@web -o cat)" 'hello of web'
record=$(journalctl -q STEAD_GUEST=web STEAD_UNIT=main -o verbose --all)
check "with identifier" has "$record" 'SYSLOG_IDENTIFIER=main$'
check "priority" has "$record" ' PRIORITY=6$'
check "and invocation" has "$record" " INVOCATION_ID=$(show web InvocationID)\$"
check "the files have them as well" has "$(stead logs web/main)" 'hello of web'
cat >/srv/units-cron/flood.toml <<'T'
command = ["sh", "-c", "i=0; while [ $i -lt 150 ]; do echo line $i; i=$((i+1)); sleep 0.01; done; exec sleep 100000"]
enabled = false
restart = "no"
T
stead reload cron >/dev/null && stead start cron/flood
sleep 1
systemctl restart systemd-journald
written() { [ "$(stead logs cron/flood | grep -c 'line ')" = 150 ]; }
check "a unit that writes while journald restarts goes on" until_true 120 written
lines() { [ "$(journalctl -q STEAD_GUEST=cron STEAD_UNIT=flood -o cat | grep -c '^line ')" = 150 ]; }
check "and no line of it is lost" until_true 20 lines
lines || journalctl -q STEAD_GUEST=cron STEAD_UNIT=flood -o cat | grep -c '^line '

echo "== a guest that keeps to itself"
guest loner <<'T'
host = { journal = false, machine = false, notify = false }
T
printf 'command = ["sh", "-c", "echo hello of loner; exec sleep 100000"]\nready.path = "/run/late"\n' >/srv/units-loner/main.toml
systemctl daemon-reload
systemctl start stead@loner
check "is active while its unit is not up yet" has "$(state_is loner active && stead status loner)" '^main +starting'
stead exec loner -- touch /run/late
check "which it is later" until_true 20 sh -c 'stead status loner | grep -qE "^main +up"'
check "has said its line to its files" until_true 10 sh -c 'stead logs loner/main | grep -q "hello of loner"'
check "and to no journal" is "$(journalctl -q STEAD_GUEST=loner -o cat | wc -l)" 0
kill -9 "$(keeper_of loner)"
stead status loner >/dev/null
kept_again() { [ -n "$(keeper_of loner)" ]; }
check "a keeper that follows a dead one" until_true 20 kept_again
stead restart loner/main >/dev/null
check "hears the unit again" until_true 20 sh -c '[ "$(stead logs loner/main | grep -c "hello of loner")" = 2 ]'
check "and is as silent" is "$(journalctl -q STEAD_GUEST=loner -o cat | wc -l)" 0
check "has no status" is "$(show loner StatusText)" ''
check "is no machine" sh -c '! machinectl show loner >/dev/null 2>&1'
check "is stopped as ever" sh -c 'stead stop loner && [ "$(systemctl is-active stead@loner)" = inactive ]'
rm /etc/stead/guests/loner.toml

echo "== the bus"
manager="org.stead.Manager1 /org/stead/Manager1 org.stead.Manager1"
check "ListGuests" has "$(busctl call $manager ListGuests)" "a\(ssu\) 3 .*\"web\" \"running\" $main"
check "a property" is "$(busctl get-property $manager RunningGuests)" 'u 3'
check "introspection" has "$(busctl introspect org.stead.Manager1 /org/stead/Manager1)" '\.StartGuest +method +s'
busctl monitor --match "type='signal',interface='org.stead.Manager1'" \
    --match "type='signal',interface='org.freedesktop.DBus.Properties',path='/org/stead/Manager1'" >/run/signals 2>&1 &
monitor=$!
sleep 1
check "StopGuest waits for the end" busctl call $manager StopGuest s cron
check "and is one" state_is cron inactive
check "StartGuest" busctl call $manager StartGuest s cron
check "is one, too" state_is cron active
check "Set" busctl call $manager Set sasb cron 1 pids-max=100 false
check "sets" is "$(cat "/sys/fs/cgroup$(show cron ControlGroup)/cron/pids.max")" 100
check "a wrong level is refused with its reason" has "$(busctl call $manager Set sasb cron 1 pids-max=x false 2>&1)" 'pids-max'
check "no such guest" has "$(busctl call $manager StartGuest s nobody 2>&1)" "no guest 'nobody'"
check "PropertiesChanged is signalled" until_true 10 grep -q RunningGuests /run/signals
check "GuestStopped, too" until_true 10 grep -q GuestStopped /run/signals
check "GuestStarted, too" until_true 10 grep -q GuestStarted /run/signals
printf 'command = ["false"]\nrestart = "no"\nenabled = false\n' >/srv/units-cron/breaks.toml
sh -c 'stead reload cron; stead start cron/breaks' >/dev/null 2>&1
check "UnitFailed, with guest and unit" until_true 20 sh -c 'grep -A9 Member=UnitFailed /run/signals | tr -d "\n" | grep -q "STRING \"cron\".*STRING \"breaks\""'
kill $monitor
check "ordinary users may look" has "$(setpriv --reuid 65534 --clear-groups busctl call $manager ListGuests 2>&1)" '"web"'
check "but not stop" has "$(setpriv --reuid 65534 --clear-groups busctl call $manager StopGuest s cron 2>&1)" 'polkit|denied|Denied'
check "nor announce" has "$(setpriv --reuid 65534 --clear-groups busctl call $manager Announce sb cron true 2>&1)" 'denied|Denied|rejected'
check "nor by systemctl" sh -c '! setpriv --reuid 65534 --clear-groups systemctl --no-ask-password stop stead@cron 2>/dev/null'
check "cron still runs" state_is cron active
useradd -M alice
useradd -M mallory
cat >/etc/polkit-1/rules.d/10-alice.rules <<'RULE'
polkit.addRule(function(action, subject) {
    if (action.id == "org.stead.manage-guests" && subject.user == "alice") return polkit.Result.YES;
});
RULE
systemctl restart polkit
as() { setpriv --reuid "$1" --regid "$1" --clear-groups "${@:2}"; }
check "polkit knows the action" has "$(pkaction --action-id org.stead.manage-guests)" 'manage-guests'
check "whom a rule of polkit's allows stops a guest" as alice busctl call $manager StopGuest s cron
check "and it is stopped" state_is cron inactive
check "and starts it" as alice busctl call $manager StartGuest s cron
check "sets its levels" as alice busctl call $manager Set sasb cron 1 pids-max=101 false
check "and nothing else" has "$(as alice busctl call $manager Announce sb cron true 2>&1)" 'denied|Denied|rejected'
check "another user is refused by polkit" has "$(as mallory busctl call $manager StopGuest s cron 2>&1)" 'Access denied'
check "and no job was made for that" state_is cron active
check "the service ends when idle" until_true 40 sh -c '[ "$(systemctl is-active stead-manager)" = inactive ]'

echo "== stead goes through the service manager"
check "stop" stead stop cron
check "stops the service" state_is cron inactive
check "start" stead start cron
check "starts it" state_is cron active
check "a guest that others require is not stopped alone" sh -c '! stead stop db 2>/dev/null'
check "--direct starts without a service" sh -c 'stead stop cron && stead start --direct cron'
check "and the service knows nothing of it" state_is cron inactive
check "stop knows how it was started" stead stop cron
check "a guest of a service ends by itself" sh -c 'stead start cron && stead poweroff cron'
check "and its service is inactive" until_true 10 state_is cron inactive
echo "== a guest of a shell"
guest loose </dev/null
systemd-run -q --scope --unit=terminal stead run loose >/run/loose 2>&1 &
scope_is() { [ "$(systemctl is-active stead-loose.scope)" = "$1" ]; }
check "has a scope of its own" until_true 30 scope_is active
check "up" until_true 30 sh -c 'stead list | grep -q "^loose *up"'
check "which systemd delegates" is "$(systemctl show -P Delegate stead-loose.scope) $(systemctl show -P Slice stead-loose.scope)" 'yes machine.slice'
check "where its PID 1 lives" has "$(cat "/proc/$(python3 -c 'import json; print(json.load(open("/run/stead/guests/loose/state.json"))["pid"])')/cgroup")" '^0::/machine.slice/stead-loose.scope/loose/init$'
check "it stops" stead stop loose
check "and the scope has gone" until_true 20 scope_is inactive
check "the shell's command has its code" wait $!
rm /etc/stead/guests/loose.toml
cat >/etc/stead/guests/broken.toml <<'T'
root = "/nonexistent"
T
message=$(stead start broken 2>&1)
check "a guest that cannot start says why" has "$message" 'nonexistent'
message=$(systemctl start stead@broken 2>&1)
check "systemctl fails, too" has "$(systemctl is-failed stead@broken)" failed
check "and its status has the reason" has "$(systemctl show -P StatusText stead@broken)" 'nonexistent'
guest early </dev/null
printf 'essential = true\ntype = "notify"\ncommand = ["sh", "-c", "echo last words; exit 7"]\nrestart = "no"\n' >/srv/units-early/main.toml
systemctl daemon-reload
message=$(stead start early 2>&1)
check "one that ends while it starts" has "$message" "code 7"
check "has its last words in the journal" has "$(journalctl -q -u stead@early -o cat)" 'last words'
systemctl stop stead@early
systemctl reset-failed
rm /etc/stead/guests/broken.toml /etc/stead/guests/early.toml
systemctl daemon-reload
check "an unknown guest" has "$(stead start webb 2>&1)" "web"

echo "== an ordinary user with a delegated cgroup"
mkdir /srv/home && chown daemon /srv/home
systemd-run -q --unit=mine --uid=daemon -p Delegate=yes -E HOME=/srv/home "$STEAD_BIN/stead" jail --name small -o limits.memory-max=64M -o limits.pids-max=30 -- sleep 1000
mine=/sys/fs/cgroup/system.slice/mine.service
small() { [ "$(cat $mine/small/units/main/cgroup.procs 2>/dev/null | wc -l)" = 1 ]; }
check "gives a jail levels" until_true 30 small
check "which hold" is "$(cat $mine/small/memory.max $mine/small/pids.max | tr '\n' ' ')" "$((64 << 20)) 30 "
check "and are the user's" is "$(stat -c %U $mine/small/memory.max)" daemon
systemctl stop mine
check "and nothing of it stays" test ! -e $mine
systemd-run -q --pipe --wait --uid=daemon -E HOME=/srv/home "$STEAD_BIN/stead" jail -o limits.memory-max=64M -- true 2>/srv/refused
check "without delegation they are refused" has "$(cat /srv/refused)" 'only where one is delegated'

echo "== deaths"
stead start cron
main=$(leader web)
kill -9 "$(keeper_of web)"
sleep 1
check "the keeper's death stops nothing" is "$(leader web)" "$main"
check "the next command starts another" stead status web
keeper_there() { [ -n "$(keeper_of web)" ]; }
check "in the unit's cgroup" until_true 10 keeper_there
stead exec web -- sh -c 'echo spoken later' >/dev/null
rm -f /run/web-was-stopped
check "an orderly stop works as before" systemctl stop stead@web
check "and its hooks have run" test -e /run/web-was-stopped
systemctl start stead@web
main=$(leader web)
kill -9 "$main"
restarted() { state_is web active && [ "$(leader web)" != "$main" ] && [ "$(leader web)" != 0 ]; }
check "PID 1's death restarts the guest" until_true 60 restarted
check "which is counted" is "$(show web NRestarts)" 1
main=$(leader web)
stead reboot web
check "a reboot that was asked for" until_true 60 restarted
check "is machinectl's, too" until_true 20 sh -c 'machinectl show web >/dev/null 2>&1'
main=$(leader web)
machinectl reboot web
check "machinectl reboot" until_true 60 restarted
# The service starts it again a second after its end.
for pause in 0 0 0.7; do
    stead reboot web --no-wait
    sleep "$pause"
    check "a stop $pause s after a reboot was asked for" stead stop web
    sleep 2.5
    check "has its way" state_is web inactive
    stead start web >/dev/null
done
until_true 20 sh -c 'machinectl show web >/dev/null 2>&1'
machinectl poweroff web
check "machinectl poweroff" until_true 60 state_is web inactive
systemctl start stead@web
until_true 20 sh -c 'machinectl show web >/dev/null 2>&1'
machinectl terminate web
check "machinectl terminate" until_true 60 state_is web inactive
systemctl start stead@web
systemctl kill -s KILL dbus.service
sleep 1
systemctl start dbus.socket dbus.service
check "the bus's death stops nothing" state_is web active
check "stead needs no bus" stead restart cron

echo "== cycles"
systemctl stop stead@cron stead@web stead@db
count() {
    {
        find /sys/fs/cgroup -type d | grep -c stead@
        find /run/stead/guests -mindepth 1 2>/dev/null | wc -l
        machinectl list --no-legend | wc -l
        grep -c stead /proc/self/mountinfo
        pgrep -c 'stead'
        systemctl list-units --all --no-legend 'stead@*' | grep -vc 'not-found' || :
    } | tr '\n' ' '
}
settled() { [ "$(pgrep -c stead)" = 0 ]; }
until_true 30 settled
before=$(count)
for _ in $(seq 7); do
    stead start web cron >/dev/null || failed=$((failed + 1))
    stead stop web cron >/dev/null || failed=$((failed + 1))
    systemctl restart stead@cron || failed=$((failed + 1))
    systemctl stop stead@cron stead@web stead@db || failed=$((failed + 1))
done
until_true 30 settled
check "21 starts and stops leave nothing" is "$(count)" "$before"
check "no unit has failed" is "$(systemctl list-units --failed --no-legend 'stead*' | wc -l)" 0
guest deaf </dev/null
printf 'command = ["sh", "-c", "trap : TERM; while :; do sleep 1; done"]\nstop.timeout = "infinity"\n' >/srv/units-deaf/main.toml
stead start deaf
check "a guest that hangs at its stop is killed with --force" stead stop --force --timeout 3 deaf
check "and nothing of it is left" until_true 30 settled
exit $failed
