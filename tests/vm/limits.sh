#!/bin/bash
# Inside the machine: levels of a guest and of its units on real cgroup v2 controllers, what the OOM killer and a fork bomb do
# to their neighbours, and that a stopped unit leaves nobody behind.
set -u
# shellcheck source=tests/vm/checks.sh
. /job/checks.sh

work=$(mktemp -d)
chmod 755 "$work"
mkdir "$work/units"
unit() { cat >"$work/units/$1.toml"; }
cat >"$work/limits.toml" <<T
root = "host"
ephemeral = true
units = ["$work/units"]
[limits]
memory-max = "400M"
pids-max = 300
cpu-max = "150%"
cpu-weight = 50
T
unit neighbour <<'T'
command = ["sleep", "100000"]
T
unit hog <<'T'
command = ["sh", "-c", "echo eating; exec tail /dev/zero"]
enabled = false
restart = "no"
limits.memory-max = "32M"
limits.memory-swap-max = "0"
T
unit bomb <<'T'
command = ["sh", "-c", "bomb() { bomb | bomb & }; bomb; sleep 100000"]
enabled = false
restart = "no"
limits.pids-max = 64
stop.timeout = "2s"
T
unit family <<'T'
command = ["sh", "-c", "setsid sleep 77001 & setsid setsid sleep 77002 & exec sleep 77003"]
enabled = false
T
unit orphan <<'T'
command = ["sh", "-c", "setsid sleep 77011 & sleep 0.3"]
enabled = false
restart = "no"
T
unit whole <<'T'
command = ["sh", "-c", "setsid sleep 77031 & sleep 0.3"]
exit-type = "cgroup"
enabled = false
restart = "no"
T
unit mixed <<'T'
command = ["sh", "-c", "(trap '' TERM; exec sleep 77021) & trap 'exit 0' TERM; while :; do sleep 0.1; done"]
enabled = false
[stop]
kill-mode = "mixed"
T

stead run "$work/limits.toml" >"$work/output" 2>&1 &
keeper=$!
ready() { stead status limits --ready >/dev/null 2>&1; }
until_true 30 ready || { cat "$work/output"; stead status limits; echo "FAILED the guest boots"; exit 1; }
guest=$(find /sys/fs/cgroup -type d -path '*/stead/limits' | head -n 1)
check "the guest has a cgroup" test -d "$guest"
check "memory-max of the guest" is "$(cat "$guest/memory.max")" 419430400
check "pids-max of the guest" is "$(cat "$guest/pids.max")" 300
check "cpu-max of the guest" is "$(cat "$guest/cpu.max")" "150000 100000"
check "cpu-weight of the guest" is "$(cat "$guest/cpu.weight")" 50
of() { find "$guest" -type d -name "$1" | head -n 1; }

neighbour_pid=$(stead show limits/neighbour | sed -n 's/^pid=//p')
stead start limits/hog --no-wait
oom() { has "$(stead status limits/hog)" '[Oo][Oo][Mm]|memory' >/dev/null; }
check "a memory hog is ended by the OOM killer and status says so" until_true 30 oom
stead status limits/hog
check "its neighbour was not harmed" is "$(stead show limits/neighbour | sed -n 's/^pid=//p')" "$neighbour_pid"

stead start limits/bomb
bomb=$(of bomb)
check "pids-max of a unit" is "$(cat "$bomb/pids.max" 2>/dev/null)" 64
sleep 2
check "a fork bomb stays below its level" test "$(cat "$bomb/pids.current" 2>/dev/null || echo 99999)" -le 64
check "another unit can still be started meanwhile" stead exec limits -T -- true
check "the bomb can be stopped" stead stop limits/bomb --timeout 20s
gone() { [ ! -d "$bomb" ] || [ "$(grep populated "$bomb/cgroup.events")" = "populated 0" ]; }
check "nobody of the bomb is left" until_true 5 gone

stead start limits/family
check "the unit's grandchildren run" until_true 5 pgrep -f 'sleep 77002'
stead stop limits/family
check "grandchildren with sessions of their own are gone after stop" is "$(pgrep -f 'sleep 7700' | wc -l)" 0

stead start limits/orphan
down() { has "$(stead status limits/orphan --json)" '"(done|down|failed)"' >/dev/null; }
check "a unit whose main process ends is over" until_true 10 down
check "the child it left is gone" is "$(pgrep -f 'sleep 77011' | wc -l)" 0

stead start limits/whole
sleep 2
check "exit-type cgroup: the unit is up while a child lives" has "$(stead status limits/whole --json)" '"up"'
pkill -f 'sleep 77031'
whole_down() { has "$(stead status limits/whole --json)" '"(done|down|failed)"' >/dev/null; }
check "exit-type cgroup: the unit is over with its last process" until_true 10 whole_down

stead start limits/mixed
check "mixed: main and child run" until_true 5 pgrep -f 'sleep 77021'
stead stop limits/mixed
check "mixed: the child that ignores TERM is killed after main's end" is "$(pgrep -f 'sleep 77021' | wc -l)" 0

printf 'root = "host"\nephemeral = true\n[unit.a]\ncommand = "sleep 1"\n[limits]\nmemory-max = "12"\n' >"$work/bad.toml"
stead run "$work/bad.toml" >"$work/bad.out" 2>&1
check "a level without a unit is refused with its place" has "$(cat "$work/bad.out")" 'bad.toml:6:'

kill -TERM $keeper
wait $keeper
check "the guest stops in order, exit code 0" is $? 0
check "no cgroup of it is left" test ! -d "$guest"
check "no state of it is left" test ! -e /run/stead/guests/limits
[ $failed = 0 ] || grep -v "Cannot fork" "$work/output" | tail -n 40
echo "$failed failed"
exit $failed
