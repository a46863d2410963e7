#!/bin/bash
# Inside the machine, whose clock may be set: what follows the wall clock and what does not.
set -u
# shellcheck source=tests/vm/checks.sh
. /job/checks.sh

work=$(mktemp -d)
chmod 755 "$work"
mkdir "$work/units"
unit() { cat >"$work/units/$1.toml"; }
printf 'root = "host"\nephemeral = true\nunits = ["%s/units"]\n' "$work" >"$work/clock.toml"
unit often <<'T'
type = "oneshot"
command = ["sh", "-c", "echo x >>/run/often"]
timer.every = "3s"
timer.on-boot = "1s"
T
unit hourly <<'T'
type = "oneshot"
command = ["sh", "-c", "echo x >>/run/hourly"]
timer.calendar = "*-*-* *:00:00"
T
unit crash <<'T'
command = ["sleep", "100000"]
restart = { policy = "always", delay = "5s", jitter = 0.0 }
T
stead run "$work/clock.toml" >"$work/output" 2>&1 &
keeper=$!
ready() { stead status clock --ready >/dev/null 2>&1; }
until_true 30 ready || { cat "$work/output"; echo "FAILED the guest boots"; exit 1; }
lines() { stead exec clock -T -- sh -c "cat /run/$1 2>/dev/null | wc -l"; }
pid() { stead show clock/crash | sed -n 's/^pid=//p'; }
set_clock() { date -s "$1" >/dev/null; }
uptime_s() { cut -d. -f1 /proc/uptime; }

# Seconds of the monotonic clock until the killed unit has a process again.
restarted_after() {
    local old start
    old=$(pid)
    stead kill clock/crash -s KILL
    start=$(uptime_s)
    set_clock "$1"
    again() { local now; now=$(pid); [ -n "$now" ] && [ "$now" != 0 ] && [ "$now" != "$old" ]; }
    until_true 30 again || return 1
    local took=$(($(uptime_s) - start))
    echo "restarted after $took s"
    [ $took -ge 4 ] && [ $took -le 12 ]
}
both_ways() { restarted_after "-3 days" && restarted_after "+3 days"; }
check "a restart delay does not follow the wall clock" both_ways

goes_on() { # At three seconds a start, neither a burst of the days that went nor a silence.
    local before after
    before=$(lines often)
    set_clock "$1"
    sleep 10
    after=$(lines often)
    echo "$((after - before)) starts in 10 s after the clock was set by $1"
    [ $((after - before)) -ge 2 ] && [ $((after - before)) -le 6 ]
}
intervals() { goes_on "+3 days" && goes_on "-3 days"; }
check "an interval does not follow the wall clock" intervals

# To ten seconds before an hour: the next one is near, whatever was planned before.
calendar() {
    local before
    before=$(lines hourly)
    set_clock "$(date -d "$1" +%Y-%m-%d\ %H):59:50"
    later() { [ "$(lines hourly)" -gt "$before" ]; }
    until_true 40 later
}
both_calendars() { calendar "+3 days" && calendar "-3 days"; }
check "a calendar follows the wall clock" both_calendars

kill -TERM $keeper
wait $keeper
check "the guest stops in order, exit code 0" is $? 0
[ $failed = 0 ] || tail -n 40 "$work/output"
echo "$failed failed"
exit $failed
