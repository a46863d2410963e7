#!/bin/bash
# Inside the machine, as its plain root in namespaces of its own: here the forbidden operations have to succeed, for a probe that
# never can proves nothing. Prints the ones that did not, with the reason, and fails if fewer than 140 did.
set -u
# What succeeds must not take the machine's own /proc, name or shared memory away: its agent still has to end it.
[ "${1-}" = inside ] || exec unshare --mount --uts --ipc "$0" inside
modprobe -a fuse tun loop vsock af_packet algif_hash tipc rds af_key can kcm pppoe xfrm_user 2>/dev/null
shared=$(ipcmk -M 4096 -p 0644 | sed 's/.*: //')
key=$(ipcs -m | awk -v id="$shared" '$2 == id { print $1 }')
export ATTACK_FILE=/etc/shadow ATTACK_PID=$$ ATTACK_SHM=$((key))
attack() { "$STEAD_BIN/attack" "$@" | grep '^forbidden'; }

out=$(mktemp)
attack >"$out"
# Some succeed only without what this machine's root has: from a chroot, and with a descriptor and a file left open.
"$STEAD_BIN/attack" leak <>/etc/hostname 3</etc | grep '^forbidden' >>"$out"
cell=$(mktemp -d)
cp "$STEAD_BIN/attack" "$cell/"
mkdir "$cell/tmp"
chroot "$cell" /attack escape.chroot | grep '^forbidden' >>"$out"

awk '$3 == "ALLOWED" { print $2 }' "$out" | sort -u >"$out.shown"
awk '{ print $2 }' "$out" | sort -u >"$out.all"
echo "never shown to succeed:"
comm -23 "$out.all" "$out.shown" | while read -r name; do grep " $name " "$out" | tail -1; done
count=$(wc -l <"$out.shown")
echo "$count of $(wc -l <"$out.all") forbidden operations succeed as plain root"
[ "$count" -ge 140 ]
