#!/bin/bash
# Inside the machine, for its figures: what a guest that takes all it can get does to the answers of its neighbour, a web server
# under a steady load; and the same beside what slices of systemd make of it. STEAD_ROUNDS: seconds of each measurement (15).
# STEAD_HOGS: which of them ("io files"); all.
# A hog's levels leave half a processor free; at equal weights nothing is limited.
set -u
# shellcheck source=tests/vm/systemd_setup.sh
. /job/systemd_setup.sh
export seconds=${STEAD_ROUNDS:-15}
mkdir -p /srv/disk /var/hog && chmod 1777 /var/hog
mkdir -p /srv/www && head -c 4096 /dev/zero >/srv/www/page
cat >/srv/measure.py <<'PROGRAM'
import http.client, os, sys, time
# 25 requests a second, each at its own time: one that is late delays no other one's begin in the figures.
port, seconds = int(sys.argv[1]), float(sys.argv[2])
begin, took, number = time.monotonic() + 0.2, [], 0
while number < 25 * seconds:
    due = begin + number / 25
    time.sleep(max(0, due - time.monotonic()))
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/page")
        good = connection.getresponse().read().__len__() == 4096
        connection.close()
    except OSError:
        good = False
    took.append((time.monotonic() - due) * 1e3 if good else 20e3)
    number += 1
took.sort()
print(f"{took[len(took) // 2]:.1f} {took[int(len(took) * 0.99)]:.1f} {sum(t >= 20e3 for t in took)}")
PROGRAM
cat >/srv/files.py <<'PROGRAM'
import os, itertools
held = []
for number in itertools.count():
    try:
        held.append(os.open(f"/tmp/file-{number}", os.O_CREAT | os.O_RDWR))
    except OSError:
        os.system(": more")
PROGRAM
cat >/srv/ptys.py <<'PROGRAM'
import os
held = []
while True:
    try:
        held.append(os.openpty())
    except OSError:
        os.system(": more")
PROGRAM
read -ra hogs <<<"${STEAD_HOGS:-cpu memory forks io files ptys}"
# What `why` is to name.
declare -A limit=([cpu]=cpu-max [memory]=memory-max [forks]=pids-max [io]=io-max [files]=nofile [ptys]=pty-max)
declare -A hog=(
    [cpu]="for i in 1 2 3 4; do (while :; do :; done) & done; wait"
    [memory]="while :; do tail /dev/zero; done"
    [forks]="bomb() { bomb | bomb & }; while :; do bomb; sleep 0.1; done"
    [io]="while :; do dd if=/dev/zero of=/srv/disk/big bs=1M count=200 oflag=direct conv=notrunc 2>/dev/null; done"
    [files]="while :; do python3 /srv/files.py; done"
    [ptys]="while :; do python3 /srv/ptys.py; done"
)
guest web <<'T'
bind = ["/srv/www:/srv/www:ro"]
network.mode = "host"
T
printf 'command = ["busybox", "httpd", "-f", "-p", "8081", "-h", "/srv/www"]\nready.tcp = "127.0.0.1:8081"\n' >/srv/units-web/main.toml
for kind in "${hogs[@]}"; do
    guest "hog-$kind" <<'T'
bind = ["/srv:/srv:ro", "/var/hog:/srv/disk"]
[limits]
cpu-max = "150%"
memory-max = "200M"
memory-swap-max = "0"
pids-max = 200
nofile = 20000
io-max = "/var/hog wbps=5M"
T
    printf 'command = ["sh", "-c", """%s"""]\nstop.timeout = "1s"\n' "${hog[$kind]}" >"/srv/units-hog-$kind/main.toml"
done
guest equal <<'T'
T
printf 'command = ["sh", "-c", """%s"""]\nstop.timeout = "1s"\n' "${hog[cpu]}" >/srv/units-equal/main.toml
systemctl daemon-reload
quiet=
say() { # name port
    local found ratio=1
    found=$(python3 /srv/measure.py "$2" "$seconds")
    # shellcheck disable=SC2086 # three words
    set -- "$1" $found
    [ -z "$quiet" ] || ratio=$(awk "BEGIN { printf \"%.2f\", $3 / $quiet }")
    printf '%-28s median %8.1f ms   p99 %8.1f ms   %s lost   %s x quiet\n' "$1" "$2" "$3" "$4" "$ratio"
    last=$3
}
held() { # guest, level: what stead limits tells
    stead limits "$1" --json | python3 -c '
import json, sys
for line in json.load(sys.stdin)["levels"]:
    if line["level"] == sys.argv[1]:
        print(line["held"])' "$2"
}
disk() { # bytes that the machine's disk has taken
    awk '{ print $7 * 512 }' "/sys/dev/block/$(mountpoint -d /)/stat"
}
most_files() { # of the guest's processes, as the kernel counts them
    local pid most=0 count
    for pid in $(find "/sys/fs/cgroup$(show "$1" ControlGroup)/$1" -name cgroup.procs -exec cat {} +); do
        count=$(find "/proc/$pid/fd" -mindepth 1 2>/dev/null | wc -l)
        [ "$count" -le $most ] || most=$count
    done
    echo $most
}
close_to() { # told, true: within 5 %
    awk "BEGIN { exit !($1 >= $2 * 0.95 && $1 <= $2 * 1.05) }" || { echo "  told $1, true is $2"; false; }
}
truth() { # kind: the accounting beside what somebody else counts
    local guest=hog-$1 from to began
    case $1 in
    io)
        from=$(held "$guest" io-max) to=$(disk) began=$(date +%s%N)
        sleep 20
        from=$(($(held "$guest" io-max) - from)) to=$(($(disk) - to)) began=$((($(date +%s%N) - began) / 1000000))
        printf '%28s it wrote %d kB/s of 5243 at most\n' "" $((to / began))
        check "what it wrote is told within 5 %" close_to $from $to
        check "and is no more than io-max gives" [ $((to / began)) -le 5505 ]
        ;;
    files) check "how many files are open is told within 5 %" close_to "$(held "$guest" nofile)" "$(most_files "$guest")" ;;
    ptys) check "how many terminals there are is told within 5 %" close_to "$(held "$guest" pty-max)" $(($(cat /proc/sys/kernel/pty/nr) - terminals)) ;;
    esac
}
used() { awk '/^usage_usec/ { print $2 / 1e6 }' "/sys/fs/cgroup$(show "$1" ControlGroup)/$1/cpu.stat"; }
check "the web server's guest" stead start web
python3 /srv/measure.py 8081 3 >/dev/null
say quiet 8081
quiet=$last
terminals=$(cat /proc/sys/kernel/pty/nr)
for kind in "${hogs[@]}"; do
    stead start --no-wait "hog-$kind"
    sleep 3
    before=$(used "hog-$kind") from=$(date +%s.%N)
    say "beside a hog of $kind" 8081
    began=$(date +%s%N)
    stead status "hog-$kind" >/dev/null
    took=$((($(date +%s%N) - began) / 1000000))
    after=$(used "hog-$kind")
    awk "BEGIN { d = $(date +%s.%N) - $from; printf \"%28s its processors: %.2f of 1.5 at most; stead status took %d ms\n\", \"\", ($after - $before) / d, $took }"
    check "stead answers within a second" [ $took -lt 1000 ]
    began=$(date +%s%N)
    why=$(stead why "hog-$kind")
    took=$((($(date +%s%N) - began) / 1000000))
    check "so does why ($took ms)" [ $took -lt 1000 ]
    check "which names the limit" has "$why" "${limit[$kind]}"
    truth "$kind"
    check "its neighbour lives" state_is web active
    stead stop --timeout 20s --force "hog-$kind"
done
say "quiet again" 8081
stead start --no-wait equal
sleep 2
say "equal weights, Stead" 8081
ours=$last
stead stop --timeout 20s --force equal web
systemd-run -q --slice=web.slice --unit=plain-web busybox httpd -f -p 8082 -h /srv/www
sleep 1
say "slices, quiet" 8082
systemd-run -q --slice=hog.slice --unit=plain-hog sh -c "${hog[cpu]}"
sleep 2
say "equal weights, slices" 8082
awk "BEGIN { printf \"Stead's p99 is %.2f times the slices'\n\", $ours / $last }"
systemctl stop plain-web plain-hog
exit $failed
