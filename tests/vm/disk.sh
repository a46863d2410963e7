#!/bin/bash
# Inside the machine: disk-max and disk-inodes-max of guests on images, by the project quotas of ext4 (the machine's own disk)
# and of xfs, disk-max by the qgroups of btrfs: filled to the limit, raised and lowered live, seen by df inside, kept over stop, clone, snapshot, restore, reset
# and rename, gone after delete; what has no project quotas is refused by name, and made to have them.
set -u
# shellcheck source=tests/vm/checks.sh
. /job/checks.sh

work=$(mktemp -d)
mkdir -p "$work/root"/{bin,sbin,lib64,etc/stead/units,proc,sys,dev,run,tmp,root,srv,usr/bin,usr/sbin,var/lib}
cp /bin/busybox "$work/root/bin/busybox"
for name in sh cat ls sleep touch rm mkdir mv ln dd df seq xargs wc mkfifo stat; do ln -s busybox "$work/root/bin/$name"; done
cp /usr/bin/chattr "$work/root/bin/"
ldd /usr/bin/chattr | grep -o '/[^ ]*' | while read -r library; do
    mkdir -p "$work/root$(dirname "$library")"
    cp -L "$library" "$work/root$library"
done
echo root:x:0:0:root:/root:/bin/sh >"$work/root/etc/passwd"
echo root:x:0: >"$work/root/etc/group"
echo 'command = "/bin/sleep 100000"' >"$work/root/etc/stead/units/it.toml"
tar -C "$work/root" -cf "$work/bb.tar" .

cat >"$work/projects.py" <<'P'
# Every project with a use or a limit: number, bytes, inodes, limit of bytes, limit of inodes (quotactl_fd, Q_XGETNEXTQUOTA).
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
fd = os.open(sys.argv[1], os.O_RDONLY)
at = 1
while True:
    buffer = ctypes.create_string_buffer(112)
    if libc.syscall(443, fd, (0x5809 << 8) | 2, at, buffer) < 0:
        break
    _, _, _, number, most, _, most_inodes, _, used, inodes = struct.unpack_from("<bbHIQQQQQQ", buffer.raw)
    if used or inodes or most or most_inodes:
        print(number, used * 512, inodes, most * 512, most_inodes)
    if number == 0xffffffff:
        break
    at = number + 1
P
projects() { python3 "$work/projects.py" "${STEAD_STATE_DIR:-/var/lib/stead}"; }
project_of() { lsattr -pd "${STEAD_STATE_DIR:-/var/lib/stead}/guests/$1/disk" | awk '{print $1}'; }
row_of() { projects | grep "^$(project_of "$1") "; } # guest
limits_of() { row_of "$1" | cut -d' ' -f4,5; }
inside() { local guest=$1; shift; stead exec "$guest" -T -- sh -c "$*" 2>&1; }
fill() { inside "$1" "dd if=/dev/zero of=/srv/$2 bs=64k count=${3:-4000} 2>&1; stat -c %s /srv/$2"; } # guest file [count]: its size at last
inodes() { inside "$1" 'mkdir -p /srv/many; seq 1 '"$2"' | while read -r n; do touch /srv/many/$n || break; done 2>&1; ls /srv/many | wc -l'; }
fails() { # claim pattern command...
    local claim=$1 pattern=$2 answer code
    shift 2
    answer=$("$@" 2>&1)
    code=$?
    check "$claim" test $code -ne 0
    check "  for its reason" has "$answer" "$pattern"
}
near() { [ "$1" -ge "$2" ] && [ "$1" -le "$3" ] || { echo "  $1 is not within $2 to $3"; false; }; }
size_in() { tail -n 1 <<<"$1"; }
tear_clones() { # of a guest: three that are killed, and one that may be whole, all called torn
    for delay in 0.02 0.05 0.08; do
        stead clone "$1" torn >/dev/null 2>&1 &
        sleep $delay
        kill -KILL $! 2>/dev/null
        wait $! 2>/dev/null
    done
    stead clone "$1" torn >/dev/null 2>&1
}

all_of_it() { # kind: everything that holds on any file system that counts
    local kind=$1 out
    echo "--- $kind"
    check "$kind: the image" stead image import "$work/bb.tar" --name bb
    check "$kind: a guest with a limited disk" stead create web image=bb limits.disk-max=20M limits.disk-inodes-max=2k
    check "$kind: starts" stead start --direct web
    check "$kind: the kernel has the limits" is "$(limits_of web)" "20971520 2000"
    check "$kind: df inside shows the limit" is "$(inside web df -k / | awk 'END {print $(NF - 4)}')" 20480
    check "$kind: and the inodes" is "$(inside web df -i / | awk 'END {print $(NF - 4)}')" 2000
    out=$(fill web fill)
    check "$kind: writing ends at the limit" has "$out" '(No space left|quota exceeded)'
    check "$kind: nearly all of it can be used" near "$(size_in "$out")" 20000000 20971520
    check "$kind: df inside says full" has "$(inside web df -k / | tail -n 1)" '(100|99)%'
    check "$kind: limits tells what is held" has "$(stead limits web)" 'disk-max +(19|20)M .* 20M .*web'
    check "$kind: and of which" has "$(stead limits web --json | tr -d ' \n')" '"held":2[0-9]{7},"level":"disk-max","limit":"20971520"'
    check "$kind: metrics has it" has "$(stead metrics)" 'stead_guest_disk_bytes\{guest="web"\} 2[0-9]{7}'
    check "$kind: why says it" has "$(stead why web)" 'used up disk-max \(20M\)'
    check "$kind: the limit is raised live" has "$(stead set web disk-max=30M)" 'disk-max: 20M -> 30M'
    check "$kind: and holds" is "$(limits_of web)" "31457280 2000"
    out=$(fill web more)
    check "$kind: there is room for as much more" near "$(size_in "$out")" 9500000 10500000
    check "$kind: inodes end at their limit" has "$(stead set web disk-inodes-max=100)" 'disk-inodes-max: 2000 -> 100'
    inside web rm /srv/more >/dev/null
    out=$(inodes web 200)
    check "$kind: no file more is made" has "$out" '(No space left|quota exceeded)'
    check "$kind: but nearly as many as it says" near "$(size_in "$out")" 70 100
    inside web rm -r /srv/many >/dev/null
    check "$kind: lowering says what will happen" has "$(stead set web disk-max=10M)" 'is below the .*in use: nothing is lost'
    check "$kind: nothing more is written then" has "$(inside web 'echo much >/srv/small')" '(No space left|quota exceeded)'
    check "$kind: until there is room" is "$(inside web 'rm /srv/fill; echo much >/srv/small; cat /srv/small')" much
    check "$kind: max takes the limits off" stead set web disk-max=max disk-inodes-max=max
    check "$kind: in the kernel too" is "$(limits_of web)" "0 0"
    check "$kind: then it is the whole disk's" test "$(inside web df -k / | awk 'END {print $(NF - 4)}')" -gt 100000
    check "$kind: --save keeps" has "$(stead set web disk-max=25M disk-inodes-max=1500 --save)" 'kept in .*90-set.toml'

    before=$(limits_of web)
    fails "$kind: a set whose other level fails changes nothing" 'cpu-weight' stead set web disk-max=5M cpu-weight=20000
    fails "$kind: a set that the kernel refuses half-way is taken back" 'cpuset-cpus' stead set web disk-max=5M cpuset-cpus=500
    check "$kind: so the limits are as before" is "$(limits_of web)" "$before"
    check "$kind: --dry-run names the kernel objects" has "$(stead set web disk-max=5M disk-inodes-max=9 --dry-run)" 'project quota: bytes +25M +5M'
    check "$kind: and changes nothing" is "$(limits_of web)" "$before"
    for delay in 0.02 0.06 0.12; do
        stead set web disk-max=7M disk-inodes-max=700 pids-max=99 >/dev/null 2>&1 &
        sleep $delay
        kill -KILL $! 2>/dev/null
        wait $! 2>/dev/null
        stead list >/dev/null
        check "$kind: killed after $delay s: all or nothing" has "$(limits_of web)" "^($before|7340032 700)\$"
        stead set web disk-max=25M disk-inodes-max=1500 >/dev/null
    done
    python3 - "$work/projects.py" "${STEAD_STATE_DIR:-/var/lib/stead}" "$(project_of web)" <<'P'
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
fd = os.open(sys.argv[2], os.O_RDONLY)
data = struct.pack("<bbHIQQQQ", 1, 2, 1 << 3, int(sys.argv[3]), 8192, 0, 0, 0).ljust(112, b"\0")
assert libc.syscall(443, fd, (0x5804 << 8) | 2, int(sys.argv[3]), data) == 0, os.strerror(ctypes.get_errno())
P
    check "$kind: what another tool changed is told" has "$(stead limits web)" 'drift: disk-max is 4M and not 25M'
    check "$kind: and restored" stead set web --reapply
    check "$kind: to what it was" is "$(limits_of web)" "26214400 1500"

    inside web 'mkdir /srv/d; echo 1 >/srv/d/f; ln -s f /srv/d/l; mkfifo /srv/d/p; mv /srv/d/l /srv/d/m; mv /srv/d/p /srv/q' >/dev/null
    for attempt in 'chattr -p 0 /srv/d/f' 'chattr -P /srv/d'; do
        check "$kind: no file leaves the count from inside: $attempt" has "$(inside web "$attempt || echo refused")" refused
    done
    check "$kind: a guest with the host's users" stead create same image=bb users=host limits.disk-max=10M
    stead start --direct same
    inside same 'mkdir /srv/d; echo 1 >/srv/d/f' >/dev/null
    for attempt in 'chattr -p 0 /srv/d/f' 'chattr -P /srv/d'; do
        check "$kind: nor from one: $attempt" has "$(inside same "$attempt || echo refused")" 'not permitted.*'
    done
    check "$kind: as root out here does" chattr -P "${STEAD_STATE_DIR:-/var/lib/stead}/guests/same/disk/upper/srv/d"
    check "$kind: writing ends at its limit too" near "$(size_in "$(fill same fill)")" 9000000 10485760
    stead stop --direct same
    stead delete same --yes
    first=$(project_of web)
    check "$kind: stop" stead stop --direct web
    check "$kind: start" stead start --direct web
    check "$kind: the limits are there again" is "$(limits_of web)" "26214400 1500"
    check "$kind: in the same project" is "$(project_of web)" "$first"

    check "$kind: a clone of the running guest" stead clone web web2
    check "$kind: is a project of its own" test "$(project_of web2)" != "$first"
    check "$kind: its files are counted there" near "$(row_of web2 | cut -d' ' -f3)" 9 30
    check "$kind: all of them" is "$(find "${STEAD_STATE_DIR:-/var/lib/stead}/guests/web2/disk" | wc -l)" "$(row_of web2 | cut -d' ' -f3)"
    check "$kind: it starts" stead start --direct web2
    check "$kind: with the limits of its file" is "$(limits_of web2)" "26214400 1500"
    check "$kind: which are its own" stead set web2 disk-max=12M
    check "$kind: so the first guest's stay" is "$(limits_of web) $(limits_of web2)" "26214400 1500 12582912 1500"
    stead stop --direct web2
    second=$(project_of web2)
    check "$kind: a guest that is deleted" stead delete web2 --yes
    check "$kind: leaves no quota" is "$(projects | grep "^$second ")" ""
    rows=$(projects | wc -l)

    used=$(row_of web | cut -d' ' -f2,3)
    check "$kind: a snapshot" stead snapshot web s
    check "$kind: is not the guest's to pay" is "$(row_of web | cut -d' ' -f2,3)" "$used"
    inside web 'echo 2 >/srv/second' >/dev/null
    stead stop --direct web
    check "$kind: restored" stead restore web s
    check "$kind: it is one project again" is "$(projects | wc -l)" "$rows"
    check "$kind: with all its files in it" is "$(find "${STEAD_STATE_DIR:-/var/lib/stead}/guests/web/disk" | wc -l)" "$(row_of web | cut -d' ' -f3)"
    check "$kind: renamed" stead rename web shop
    check "$kind: starts" stead start --direct shop
    check "$kind: limited" is "$(limits_of shop)" "26214400 1500"
    check "$kind: as it was at the snapshot" is "$(inside shop 'cat /srv/d/f /srv/second 2>/dev/null')" 1
    stead stop --direct shop
    tear_clones shop
    check "$kind: of clones that were killed nothing is counted" is "$(projects | wc -l)" $((rows + 1))
    check "$kind: and the last is whole" is "$(find "${STEAD_STATE_DIR:-/var/lib/stead}/guests/torn/disk" | wc -l)" "$(row_of torn | cut -d' ' -f3)"
    stead delete torn --yes
    check "$kind: reset" stead reset shop --yes
    check "$kind: it is one project still" is "$(projects | wc -l)" "$rows"
    check "$kind: without a limit in its file" sed -i '/disk/d' "${STEAD_CONFIG_DIR:-/etc/stead}/guests/shop.toml" "${STEAD_CONFIG_DIR:-/etc/stead}/guests/shop.toml.d/90-set.toml"
    check "$kind: starts" stead start --direct shop
    check "$kind: unlimited" is "$(limits_of shop)" "0 0"
    check "$kind: and counted" has "$(stead limits shop)" 'disk-max .*K? .*max'
    stead stop --direct shop
    check "$kind: delete" stead delete shop --yes
    check "$kind: nothing is left in the quotas" is "$(projects)" ""
    stead image delete bb >/dev/null
}
all_of_it ext4

echo "--- who has no disk"
stead image import "$work/bb.tar" --name bb >/dev/null
refuse_file() { # claim pattern, the file on standard input
    cat >"$work/bad.toml"
    fails "$1: refused" "$2" stead check "$work/bad.toml"
}
refuse_file "a folder as root" "bad.toml:2:.*disk-max needs a disk of the guest's own.*its root is the folder" <<T
root = "$work/root"
limits.disk-max = "10M"
T
refuse_file "an ephemeral guest" "disk-max needs .*lies in memory" <<'T'
image = "bb"
ephemeral = true
limits.disk-max = "10M"
T
refuse_file "the host's root" "disk-inodes-max needs .*lies in memory" <<'T'
root = "host"
ephemeral = true
limits.disk-inodes-max = 100
T
for bad in disk-max=10% disk-max=0B disk-max=10 disk-max=-5M disk-max=9999999T disk-inodes-max=0 disk-inodes-max=5x disk-inodes-max=k; do
    fails "refused: $bad" 'error: limits[.]disk-' stead create bad image=bb "limits.$bad"
done
stead create plain "root=$work/root" >/dev/null
stead start --direct plain
fails "live on a folder" "disk-max needs a disk of the guest's own, and plain has none: its root is the folder" stead set plain disk-max=10M
fails "of a unit" "set it on the guest" stead set plain/it disk-max=10M
stead stop --direct plain
stead delete plain --yes
stead image delete bb >/dev/null
useradd -m alice
chmod 755 "$work"
user() { su alice -c "export PATH=$PATH; cd; $1"; }
fails "an ordinary user" 'disk-max is a quota of the host.s file system, which only root can set' \
    user "stead create mine root=host ephemeral=true limits.disk-max=10M"

echo "--- file systems without project quotas"
export STEAD_STATE_DIR=$work/other/stead
mkdir "$work/other"
without() { # kind pattern [setting]: mounted at $work/other
    stead image import "$work/bb.tar" --name bb >/dev/null
    stead create web image=bb ${3:-} >/dev/null
    check "$1: a guest starts" stead start --direct web
    fails "$1: set is refused" "disk-max: the disk of web is on $2" stead set web disk-max=10M
    check "$1: limits has nothing to say" is "$(stead limits web | grep -c disk-)" 0
    stead stop --direct web
    fails "$1: a file with it too" "disk-max: the guest's disk is on $2" stead create more image=bb limits.disk-max=10M
}
tidy() {
    stead delete web --yes
    stead image delete bb >/dev/null
    umount "$work/other"
}
mount -t tmpfs none "$work/other"
without tmpfs 'a tmpfs, which has no project quotas' users=host # This kernel's tmpfs maps no ids.
tidy
truncate -s 80M "$work/plain.img"
mke2fs -q -t ext4 "$work/plain.img"
mount -o loop "$work/plain.img" "$work/other"
without "ext4 without quotas" "ext4 without project quotas; .*tune2fs -O project,quota"
umount "$work/other"
# As the message says; what the guest has made before is counted then.
check "tune2fs" tune2fs -O project,quota -Q prjquota "$work/plain.img"
mount -o loop,prjquota "$work/plain.img" "$work/other"
check "a disk of before starts" stead start --direct web
fails "but is not counted yet" "made before its file system counted" stead set web disk-max=10M
inside web 'mkdir /srv/old; ln -s old /srv/link; rm /bin/wc; mkfifo /srv/fifo' >/dev/null
stead stop --direct web
check "kept for the next start" stead set web disk-max=10M --save
check "it starts" stead start --direct web
check "limited" is "$(limits_of web)" "10485760 0"
check "with all its files" is "$(find "$STEAD_STATE_DIR/guests/web/disk" | wc -l)" "$(row_of web | cut -d' ' -f3)"
check "which can be renamed" is "$(inside web 'mv /srv/link /srv/link2 && mv /srv/fifo /srv/f && mkdir /bin/wc && ls /srv')" "$(printf 'f\nlink2\nold')"
check "writing ends at the limit" near "$(size_in "$(fill web fill)")" 9000000 10485760
stead stop --direct web
umount "$work/other"
mount -o loop "$work/plain.img" "$work/other"
fails "counted, not enforced" "on ext4 whose project quotas are counted and not enforced; mount it with -o prjquota" stead start --direct web
tidy
if [ -f /job/xfs.img.gz ] && modprobe xfs; then
    gunzip -c /job/xfs.img.gz >"$work/xfs.img"
    mount -o loop "$work/xfs.img" "$work/other"
    without xfs "xfs without project quotas; mount that with -o prjquota"
    tidy
    mount -o loop,prjquota "$work/xfs.img" "$work/other"
    all_of_it xfs
    umount "$work/other"
else
    echo "not tried: xfs (needs mkfs.xfs of xfsprogs where the machine is made)"
fi

on_btrfs() { # Each disk is a subvolume; what it takes is known after a commit of the file system, its limit holds at once.
    local disk=$STEAD_STATE_DIR/guests/web/disk out groups before
    groups=$(echo /sys/fs/btrfs/*/qgroups)
    group_of() { echo "$groups/0_$(python3 "$work/subvolume.py" "$STEAD_STATE_DIR/guests/$1/disk")"; }
    most_of() { cat "$(group_of "$1")/max_referenced"; }
    counted() { # how many subvolumes are counted besides the file system's own; dropped ones are for a while
        local left
        for _ in $(seq 60); do
            sync
            left=$(cat "$groups"/0_*/referenced | grep -c -v '^0$')
            [ "$((left - 1))" = "$1" ] && break
            sleep 0.5
        done
        echo "$((left - 1))"
    }
    goes() { # A group of a dropped subvolume; before Linux 6.11 it is let go when the next one comes or goes.
        for _ in $(seq 60); do
            [ -e "$1" ] || return 0
            sync
            stead clone web next >/dev/null && stead delete next --yes >/dev/null
            sleep 0.5
        done
        return 1
    }
    echo "--- btrfs"
    check "btrfs: the image" stead image import "$work/bb.tar" --name bb
    check "btrfs: a guest with a limited disk" stead create web image=bb limits.disk-max=20M
    check "btrfs: starts" stead start --direct web
    check "btrfs: its disk is nobody else's to look into" is "$(stat -c %a "$disk")" 700
    check "btrfs: the kernel has the limit" is "$(most_of web)" 20971520
    out=$(fill web fill)
    check "btrfs: writing ends at the limit" has "$out" '(No space left|quota exceeded)'
    check "btrfs: nearly all of it can be used" near "$(size_in "$out")" 19000000 20971520
    sync
    check "btrfs: limits tells what is held" has "$(stead limits web)" 'disk-max +(19|20)[.0-9]*M .* 20M .*web'
    check "btrfs: metrics has it" has "$(stead metrics)" 'stead_guest_disk_bytes\{guest="web"\} 2[0-9]{7}'
    check "btrfs: and no inodes, which nobody counts" is "$(stead metrics | grep -c stead_guest_disk_inodes.guest)" 0
    check "btrfs: why says it" has "$(stead why web)" 'used up disk-max \(20M\)'
    check "btrfs: the limit is raised live" has "$(stead set web disk-max=30M)" 'disk-max: 20M -> 30M'
    check "btrfs: there is room for as much more" near "$(size_in "$(fill web more)")" 9000000 10500000
    fails "btrfs: no level of inodes" 'disk-inodes-max: the disk of web is on btrfs, which counts bytes and no inodes' \
        stead set web disk-max=40M disk-inodes-max=100
    check "btrfs: nothing changed by it" is "$(most_of web)" 31457280
    fails "btrfs: nor in a file" 'disk-inodes-max: the guest.s disk is on btrfs' stead create more image=bb limits.disk-inodes-max=9
    check "btrfs: lowering says what will happen" has "$(stead set web disk-max=10M)" 'is below the .*in use: nothing is lost'
    check "btrfs: nothing more is written then" has "$(inside web 'echo much >/srv/small; sync /srv/small')" '(No space left|quota exceeded)'
    inside web 'rm /srv/fill /srv/more' >/dev/null
    sync
    check "btrfs: until there is room" is "$(inside web 'echo much >/srv/small; cat /srv/small')" much
    check "btrfs: max takes the limit off" stead set web disk-max=max
    check "btrfs: in the kernel too" is "$(most_of web)" 0
    check "btrfs: --save keeps" has "$(stead set web disk-max=25M --save)" 'kept in .*90-set.toml'
    fails "btrfs: a set that the kernel refuses half-way is taken back" 'cpuset-cpus' stead set web disk-max=5M cpuset-cpus=500
    check "btrfs: so the limit is as before" is "$(most_of web)" 26214400
    stead stop --direct web
    check "btrfs: start" stead start --direct web
    check "btrfs: the limit is there again" is "$(most_of web)" 26214400
    check "btrfs: a clone of the running guest" stead clone web web2
    check "btrfs: is a subvolume of its own" test "$(group_of web2)" != "$(group_of web)"
    check "btrfs: it starts" stead start --direct web2
    check "btrfs: with a limit of its own" stead set web2 disk-max=12M
    check "btrfs: which is nobody else's" is "$(most_of web) $(most_of web2)" "26214400 12582912"
    stead stop --direct web2
    before=$(group_of web2)
    check "btrfs: a guest that is deleted" stead delete web2 --yes
    check "btrfs: leaves nothing that is counted" is "$(counted 1)" 1
    check "btrfs: nor its group" goes "$before"
    check "btrfs: a snapshot" stead snapshot web s
    stead stop --direct web
    check "btrfs: restored" stead restore web s
    check "btrfs: starts" stead start --direct web
    check "btrfs: limited" is "$(most_of web)" 26214400
    check "btrfs: as it was" is "$(inside web 'cat /srv/small')" much
    stead stop --direct web
    tear_clones web
    check "btrfs: of clones that were killed nothing is counted" is "$(counted 2)" 2
    stead delete torn --yes
    check "btrfs: reset" stead reset web --yes
    check "btrfs: delete" stead delete web --yes
    check "btrfs: nothing is left that is counted" is "$(counted 0)" 0
    stead image delete bb >/dev/null
}
if [ -f /job/btrfs.img.gz ] && modprobe btrfs; then
    # The number of the subvolume whose root this is (BTRFS_IOC_INO_LOOKUP); with "enable": counts them from now on.
    cat >"$work/subvolume.py" <<'P'
import fcntl, os, struct, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
if sys.argv[2:] == ["enable"]:
    fcntl.ioctl(fd, 0xC0109428, struct.pack("QQ", 1, 0))
else:
    assert os.fstat(fd).st_ino == 256, "no subvolume"
    lookup = bytearray(struct.pack("QQ4080x", 0, 256))
    fcntl.ioctl(fd, 0xD0009412, lookup)
    print(struct.unpack_from("Q", lookup)[0])
P
    gunzip -c /job/btrfs.img.gz >"$work/btrfs.img"
    mount -o loop "$work/btrfs.img" "$work/other"
    without btrfs "btrfs without quotas; 'btrfs quota enable $STEAD_STATE_DIR'"
    check "as the message says" python3 "$work/subvolume.py" "$work/other" enable
    check "a disk of before starts" stead start --direct web
    fails "but is not counted yet" "made before its file system counted" stead set web disk-max=10M
    stead stop --direct web
    check "kept for the next start" stead set web disk-max=10M --save
    check "it starts" stead start --direct web
    check "limited" near "$(size_in "$(fill web fill)")" 9000000 10485760
    stead stop --direct web
    stead delete web --yes
    stead image delete bb >/dev/null
    on_btrfs
    umount "$work/other"
else
    echo "not tried: btrfs (needs mkfs.btrfs of btrfs-progs where the machine is made)"
fi
echo "$failed failed"
exit $failed
