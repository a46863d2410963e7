#!/bin/bash
# Inside the machine: every level that its kernel has, changed on a running guest, read back from the kernel, kept, and there
# again after a stop and a start; what hogs do to a neighbour; that the accounts tell the truth; that crashes are repaired.
set -u
# shellcheck source=tests/vm/checks.sh
. /job/checks.sh

work=$(mktemp -d)
chmod 755 "$work"
mkdir -p "$work/units" "$work/hogs" /etc/stead/guests
cat >/etc/stead/guests/web.toml <<T
root = "host"
ephemeral = true
units = ["$work/units"]
[limits]
memory-max = "400M"
pids-max = 300
T
printf 'command = ["sleep", "100000"]\n' >"$work/units/quiet.toml"
start() { # guest
    stead run "$1" >"$work/$1.out" 2>&1 &
    until_true 30 ready "$1" || { cat "$work/$1.out"; echo "FAILED $1 boots"; exit 1; }
}
ready() { stead status "$1" --ready >/dev/null 2>&1; }
start web
guest=$(find /sys/fs/cgroup -type d -path '*/stead/web' | head -n 1)

check "terminals, of which the whole machine has 4096, are bounded by default" has "$(stead exec web -T -- grep devpts /proc/mounts)" 'max=256'
check "and so are the files of a process" is "$(stead exec web -T -- sh -c 'ulimit -Hn')" 524288

echo "--- what the kernel of this machine offers: $(cat /sys/fs/cgroup/cgroup.controllers)"
disk=$(lsblk -dno MAJ:MIN 2>/dev/null | head -n 1 | tr -d ' ')
[ -n "$disk" ] || disk=$(cat /sys/block/vda/dev 2>/dev/null)
# KEY=VALUE FILE EXPECTED, where it is a file of the cgroup; everything that this kernel has is set, twice: now and kept.
cat >"$work/levels" <<T
memory-max=350M|memory.max|367001600
memory-high=300M|memory.high|314572800
memory-low=8M|memory.low|8388608
memory-min=4M|memory.min|4194304
memory-swap-max=64M|memory.swap.max|67108864
memory-swap-high=32M|memory.swap.high|33554432
memory-zswap-max=16M|memory.zswap.max|16777216
memory-oom-group=true|memory.oom.group|1
cpu-max=150%|cpu.max|150000 100000
cpu-max-burst=50ms|cpu.max.burst|50000
cpu-weight=300|cpu.weight|300
cpu-uclamp-min=10%|cpu.uclamp.min|10.00
cpu-uclamp-max=90%|cpu.uclamp.max|90.00
cpuset-cpus=0|cpuset.cpus|0
cpuset-mems=0|cpuset.mems|0
cpuset-cpus-partition=member|cpuset.cpus.partition|member
io-max=$disk rbps=50M wbps=40M riops=9000 wiops=8000|io.max|$disk rbps=52428800 wbps=41943040 riops=9000 wiops=8000
io-weight=200|io.weight|default 200
io-latency=$disk 50ms|io.latency|$disk target=50000
io-prio-class=restrict-to-be|io.prio.class|restrict-to-be
pids-max=250|pids.max|250
hugetlb-2MB-max=4M|hugetlb.2MB.max|4194304
hugetlb-1GB-max=1G|hugetlb.1GB.max|1073741824
cgroup-max-descendants=99|cgroup.max.descendants|99
cgroup-max-depth=9|cgroup.max.depth|9
nofile=1500||
memlock=8M||
shmall=100000||
shmmax=64M||
shmmni=77||
sem=250 32000 32 100||
msgmax=4096||
msgmnb=8192||
msgmni=55||
mqueue-queues-max=33||
mqueue-msg-max=9||
mqueue-msgsize-max=4096||
pty-max=12||
devices=/dev/kmsg w||
tmp-size=40M||
run-size=20M||
dev-shm-size=30M||
oom-score-adjust=100||
T
file_of() { cut -d'|' -f2 <<<"$1"; }
names=() missing=0
while read -r line; do
    file=$(file_of "$line")
    controller=${file%%.*}
    # What is missing must be refused by name, and changes nothing.
    answer=$(stead set web "${line%%|*}" --dry-run 2>&1)
    if [ -n "$file" ] && [ ! -e "$guest/$file" ] && ! stead set web "${line%%|*}" >"$work/answer" 2>&1; then
        echo "  not in this kernel: ${line%%=*}: $(head -n 1 "$work/answer")"
        check "${line%%=*} is refused by name" has "$(cat "$work/answer")" "${line%%=*}"
        missing=$((missing + 1))
        continue
    fi
    names+=("${line%%|*}")
    echo "$line" >>"$work/present"
done <"$work/levels"
check "a change of all ${#names[@]} levels at once" stead set web "${names[@]}" --save
verify() { # when
    while IFS='|' read -r setting file expected; do
        [ -n "$file" ] || continue
        check "$1: ${setting%%=*} in the kernel" is "$(grep -F "${expected%% *}" "$guest/$file" 2>/dev/null | head -n 1)" "$expected"
    done <"$work/present"
    # What processes and namespaces have, seen from inside.
    local seen
    seen=$(stead exec web -T -- sh -c 'ulimit -n; for f in shmall shmmax shmmni msgmax msgmnb msgmni; do cat /proc/sys/kernel/$f; done
        tr -s "\t" " " </proc/sys/kernel/sem; for f in queues_max msg_max msgsize_max; do cat /proc/sys/fs/mqueue/$f; done
        for d in /tmp /run /dev/shm; do df -k --output=size $d | tail -n 1 | tr -d " "; done; grep -o "max=[0-9]*" /proc/mounts | head -n 1; cat /proc/self/oom_score_adj
        (: >/dev/kmsg) && echo device; (: </dev/kmsg) || echo not to read' 2>/dev/null | tr '\n' ' ')
    check "$1: limits, ipc, sizes, terminals and score inside, and its device" is "$seen" "1500 100000 67108864 77 4096 8192 55 250 32000 32 100 33 9 4096 40960 20480 30720 max=12 100 device not to read "
}
verify "set"
check "every running task has the new limit" is "$(for p in $(find "$guest" -name cgroup.procs -exec cat {} +); do grep 'Max open files' /proc/$p/limits; done | awk '{print $4, $5}' | sort -u)" "1500 1500"
present=$(($(wc -l <"$work/present") - $(grep -cE '^(nofile|memlock)=' "$work/present") + 1))
check "34 levels or more are live and kept: $present, all rlimits counted as one" test "$present" -ge 34
check "the drop-in is the only file written" is "$(find /etc/stead/guests -type f | sort | tr '\n' ' ')" "/etc/stead/guests/web.toml /etc/stead/guests/web.toml.d/90-set.toml "

echo "--- drift, refusals, crashes"
echo 123 >"$guest/pids.max"
check "drift is shown" has "$(stead limits web)" 'drift: pids-max is 123 and not 250'
stead set web --reapply >/dev/null
check "and restored" is "$(cat "$guest/pids.max")" 250
before=$(cat "$guest"/memory.* "$guest"/cpu.max "$guest"/pids.max 2>/dev/null | grep -v usec | head -c 300)
check "a level that this kernel lacks is refused with the version that has it" has "$(stead set web memory-merge=true --save 2>&1)" 'memory-merge needs Linux 6.7'
for bad in memory-min=900M cpu-weight=20000 "io-max=/dev/nothing rbps=1M" memory-maxx=5M pids-max=5x cpuset-cpus=500; do
    stead set web pids-max=77 "$bad" >"$work/bad" 2>&1
    check "refused: $bad" test $? -ne 0
    check "and nothing is changed by it" is "$(cat "$guest/pids.max")" 250
done
for delay in 0.01 0.03 0.05 0.08 0.12 0.2; do
    stead set web pids-max=91 memory-high=200M nofile=1100 shmmni=70 cpu-max=120% >/dev/null 2>&1 &
    sleep $delay
    kill -KILL $! 2>/dev/null
    wait $! 2>/dev/null
    stead list >/dev/null 2>&1
    state="$(cat "$guest/pids.max") $(cat "$guest/memory.high") $(cat "$guest/cpu.max") $(cat "$guest/cgroup.freeze")"
    check "killed after $delay s: all or nothing" has "$state" '^(250 314572800 150000 100000|91 209715200 120000 100000) 0$'
    [ "${state%% *}" = 250 ] || stead set web pids-max=250 memory-high=300M nofile=1500 shmmni=77 cpu-max=150% >/dev/null
done

echo "--- freeze, thaw, reclaim, units"
stead freeze web/quiet
check "a unit can be frozen alone" is "$(cat "$guest/units/quiet/cgroup.freeze")" 1
stead thaw web/quiet
check "and thawed" is "$(cat "$guest/units/quiet/cgroup.freeze")" 0
check "memory can be reclaimed" has "$(stead reclaim web 1M 2>&1)" 'gave back'
check "a level of a unit" has "$(stead set web/quiet memory-max=64M cpu-weight=50)" 'not kept; add --save'
check "is in its cgroup" is "$(cat "$guest/units/quiet/memory.max")" 67108864
stead set web/quiet pids-max=33 --save >/dev/null

stead stop web --timeout 60s
check "set on a stopped guest needs --save" is "$(stead set web pids-max=9 >/dev/null 2>&1; echo $?)" 3
start web
verify "after stop and start"
check "a unit's kept level is there again" is "$(cat "$guest/units/quiet/pids.max")" 33

echo "--- hogs"
cat >"$work/hogs/memory.toml" <<'T'
command = ["sh", "-c", "exec tail /dev/zero"]
enabled = false
restart = "no"
T
cat >"$work/hogs/forks.toml" <<'T'
command = ["sh", "-c", "bomb() { bomb | bomb & }; bomb; sleep 100000"]
enabled = false
restart = "no"
T
cat >"$work/hogs/spin.toml" <<'T'
command = ["sh", "-c", "while :; do :; done"]
enabled = false
T
cat >"$work/hogs/files.toml" <<'T'
command = ["perl", "-e", "$| = 1; my @f; while (open(my $f, '<', '/dev/null')) { push @f, $f } print scalar(@f), \" files, then: $!\\n\"; sleep 100000"]
enabled = false
restart = "no"
T
cat >"$work/hogs/ptys.toml" <<'T'
command = ["perl", "-e", "use Fcntl; $| = 1; my @f; while (sysopen(my $f, '/dev/ptmx', O_RDWR)) { push @f, $f } print scalar(@f), \" terminals, then: $!\\n\"; sleep 100000"]
enabled = false
restart = "no"
T
cat >/etc/stead/guests/hog.toml <<T
root = "host"
ephemeral = true
units = ["$work/hogs"]
[limits]
memory-max = "64M"
memory-swap-max = "0"
pids-max = 60
cpu-max = "50%"
nofile = 200
pty-max = 5
T
start hog
hog=$(dirname "$guest")/hog
now() { date +%s%N; }
answers() { # claim: the neighbour and stead answer soon
    local begin
    begin=$(now)
    stead status web --ready >/dev/null
    local took=$((($(now) - begin) / 1000000))
    check "$1: the neighbour and stead answer within a second ($took ms)" test $took -lt 1000
}
stead start hog/spin --no-wait
u0=$(awk '/usage_usec/ {print $2}' "$hog/cpu.stat") t0=$(now)
sleep 4
u1=$(awk '/usage_usec/ {print $2}' "$hog/cpu.stat") t1=$(now)
share=$(((u1 - u0) * 100000 / (t1 - t0)))
check "a CPU hog gets what cpu-max gives it (50 %): $share %" test $share -le 56
answers "CPU hog"
stead limits hog --json >"$work/account.json"
check "why names the throttle" has "$(stead why hog)" 'used up cpu-max'
stead stop hog/spin

stead start hog/memory --no-wait
killed() { grep -qE 'oom_kill [1-9]' "$hog/memory.events"; }
check "a memory hog is killed" until_true 60 killed
answers "memory hog"
check "why names the OOM kill" has "$(stead why hog)" 'OOM killer: memory-max is 64M'
check "limits counts it" has "$(stead limits hog)" 'memory-max .* [1-9][0-9]* '
told=$(stead limits hog --json | tr -d ' \n' | grep -o '"failures":[0-9]*,"held":[0-9]*,"level":"memory-max"' | grep -o 'failures":[0-9]*' | tr -dc 0-9)
check "and tells the kernel's own number" is "$told" "$(awk '/^max/ {print $2}' "$hog/memory.events")"
stead limits hog --reset
check "a reset counts from now on" has "$(stead limits hog --json | tr -d ' \n')" '"failures":0,"held":[0-9]*,"level":"memory-max"'

stead start hog/files --no-wait
counted() { stead logs hog/"$1" 2>/dev/null | grep -q "$2"; }
check "a file hog gets as many files as nofile gives" until_true 20 counted files '19[0-9] files, then: Too many'
stead start hog/ptys --no-wait
check "a pty hog gets as many terminals as pty-max gives" until_true 20 counted ptys '[0-5] terminals, then: No space'
why=$(stead why hog)
check "why names the files" has "$why" 'with as many open files as nofile lets it have \(200\)'
check "and the terminals" has "$why" 'all the terminals that pty-max gives it \(5\)'
stead stop hog/files hog/ptys
why=$(stead why hog)
check "and neither when they are gone" has "$(grep -cE 'nofile|pty-max' <<<"$why")" '^0$'

stead start hog/forks --no-wait
sleep 2
check "a fork bomb stays below pids-max" test "$(cat "$hog/pids.current")" -le 60
answers "fork bomb"
check "why names the refused processes" has "$(stead why hog)" 'refused new processes'
check "set works although it is full" has "$(stead set hog pids-max=70)" 'pids-max: 60 -> 70'
stead freeze hog
stead set hog memory-high=32M >/dev/null
check "a frozen guest takes levels" is "$(cat "$hog/memory.high") $(cat "$hog/cgroup.freeze")" "33554432 1"
stead thaw hog
stead stop hog --timeout 20s
stead stop web --timeout 60s
rm -rf /etc/stead/guests/web.toml* /etc/stead/guests/hog.toml*
echo "$failed failed"
exit $failed
