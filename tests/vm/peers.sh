#!/bin/bash
# peers.sh PEER: inside the machine, the probes of `attack` as the first program of a container that PEER made in its own way of
# doing things. For tests/bench/attack, which makes a table of what each leaves open. What succeeds may leave the machine in any
# state: one machine for each peer.
set -u
# shellcheck source=tests/vm/checks.sh
. /job/checks.sh
peer=$1
modprobe -a fuse tun loop vsock af_packet algif_hash tipc rds af_key can kcm pppoe xfrm_user overlay 2>/dev/null

# The host's things that a guest must not reach.
cell=/srv/cell
mkdir -p $cell/{dev,proc,sys,run,tmp,etc,usr/bin,var/{tmp,lib},root}
cp "$STEAD_BIN/attack" $cell/attack
printf 'root:x:0:0::/root:/bin/sh\n' >$cell/etc/passwd
printf 'root:x:0:\n' >$cell/etc/group
printf 'ID=cell\n' >$cell/etc/os-release
echo "of the host" >/srv/secret
python3 - <<'PROGRAM' &
import socket, time
tcp = socket.create_server(("127.0.0.1", 4711))
abstract = socket.socket(socket.AF_UNIX)
abstract.bind("\0peers-bait")
abstract.listen()
time.sleep(100000)
PROGRAM
shared=$(ipcmk -M 4096 -p 0666 | sed 's/.*: //')
key=$(ipcs -m | awk -v id="$shared" '$2 == id { print $1 }')
bait=(ATTACK_FILE=/srv/secret ATTACK_PORT=4711 ATTACK_ABSTRACT=peers-bait "ATTACK_SHM=$((key))" "ATTACK_PID=$$")
sleep 1

bundle() { # the OCI bundle that `PEER spec` writes, with our program in it
    mkdir -p /srv/bundle && cd /srv/bundle && "$1" spec
    python3 - "$cell" "${bait[@]}" <<'PROGRAM'
import json, sys
spec = json.load(open("config.json"))
spec["process"]["args"] = ["/attack"]
spec["process"]["terminal"] = False
spec["process"]["env"] += sys.argv[2:]
spec["root"] = {"path": sys.argv[1], "readonly": False}
json.dump(spec, open("config.json", "w"))
PROGRAM
}
lxc_file() { # more lines on standard input
    {
        echo "lxc.include = /usr/share/lxc/config/common.conf"
        cat
        echo "lxc.rootfs.path = dir:$cell"
        echo "lxc.uts.name = cell"
        echo "lxc.net.0.type = empty"
        echo "lxc.apparmor.profile = unconfined"
        echo "lxc.console.path = none"
        echo "lxc.tty.max = 0"
        echo "lxc.init.cmd = /attack"
        printf 'lxc.environment = %s\n' "${bait[@]}"
    } >/srv/lxc.conf
}
stead_guest() { # users
    printf 'type = "oneshot"\ncommand = ["/attack"]\nessential = true\nrestart = "no"\n[environment]\n' >/srv/units/attack.toml
    printf '%s\n' "${bait[@]}" | sed 's/=\(.*\)/ = "\1"/' >>/srv/units/attack.toml
    printf 'root = "%s"\nunits = ["/srv/units"]\nusers = "%s"\n' $cell "$1" >/srv/cell.toml
    stead run /srv/cell.toml
}
mkdir -p /srv/units
case $peer in
    stead) stead_guest private ;;
    stead-host-users) stead_guest host ;;
    stead-jail)
        words=()
        for word in "${bait[@]}"; do words+=(--env "$word"); done
        stead jail --root $cell "${words[@]}" -- /attack --jail
        ;;
    nspawn) env "${bait[@]}" systemd-nspawn -q --register=no --keep-unit -D $cell "${bait[@]/#/--setenv=}" /attack ;;
    nspawn-users) systemd-nspawn -q --register=no --keep-unit -U -D $cell "${bait[@]/#/--setenv=}" /attack ;;
    lxc)
        lxc_file </dev/null
        lxc-start -F -n cell -f /srv/lxc.conf
        ;;
    lxc-users)
        printf 'lxc.include = /usr/share/lxc/config/userns.conf\nlxc.idmap = u 0 700000 65536\nlxc.idmap = g 0 700000 65536\n' | lxc_file
        chown -R 700000:700000 $cell
        chmod 755 /srv $cell
        lxc-start -F -n cell -f /srv/lxc.conf
        ;;
    bubblewrap) env "${bait[@]}" bwrap --bind $cell / --proc /proc --dev /dev --unshare-all /attack ;;
    crun | runc)
        bundle "$peer"
        "$peer" run cell
        ;;
    podman)
        words=()
        for word in "${bait[@]}"; do words+=(--env "$word"); done
        podman --cgroup-manager=cgroupfs run --rm --network=none "${words[@]}" --rootfs $cell /attack
        ;;
    firejail) env "${bait[@]}" timeout 120 firejail --quiet --net=none $cell/attack ;;
    *)
        echo "no such peer: $peer"
        exit 2
        ;;
esac </dev/null
