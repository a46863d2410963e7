#!/bin/bash
# Inside the machine, for its figures: from nothing to all services of a Debian system ready, ten of its own among them, in turns:
# systemd-nspawn --boot (ready as systemd inside says it), and a guest with init = "distribution", on the same root with the
# same units. STEAD_ROUNDS: how many (5).
set -u
# shellcheck source=tests/vm/systemd_setup.sh
. /job/systemd_setup.sh
export rounds=${STEAD_ROUNDS:-5}
root=/srv/debian
mkdir -p $root
tar -C / --one-file-system --exclude=./srv --exclude=./job --exclude=./tmp --exclude=./var/tmp --exclude=./boot --exclude=./lib/modules \
    --exclude=./usr/lib/modules -c . | tar -C $root -x
mkdir -p $root/{proc,sys,dev,run,tmp,srv,var/tmp}
chmod 1777 $root/tmp $root/var/tmp
install "$STEAD_BIN/misbehave" $root/usr/local/bin/program
# What this machine itself was told to run is none of the root's; neither is Stead.
rm -rf $root/etc/stead $root/usr/bin/stead $root/usr/lib/systemd/system-generators/stead-generator $root/etc/systemd/system/*.service
mkdir -p $root/etc/systemd/system/multi-user.target.wants
for number in 1 2 3 4 5 6 7 8 9 10; do
    cat >"$root/etc/systemd/system/own$number.service" <<UNIT
[Unit]
Description=Service $number of ten
[Service]
Type=notify
ExecStart=/usr/local/bin/program notify READY=1
Restart=on-failure
[Install]
WantedBy=multi-user.target
UNIT
    ln -sf ../own$number.service $root/etc/systemd/system/multi-user.target.wants/own$number.service
done
cat >/etc/stead/guests/debian.toml <<T
root = "$root"
init = "distribution"
T
python3 - <<'PROGRAM'
import os, signal, socket, statistics, subprocess, sys, time
NOTIFY = "/run/distribution.notify"
NSPAWN = ["systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--notify-ready=yes", "--machine=debian",
          "--directory=/srv/debian"]

def nspawn():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, open("/tmp/nspawn.log", "w") as log:
        notify.bind(NOTIFY)
        notify.settimeout(300)
        began = time.perf_counter()
        one = subprocess.Popen(NSPAWN, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=dict(os.environ, NOTIFY_SOCKET=NOTIFY))
        try:
            while b"READY=1" not in notify.recv(65536):
                pass
            took = time.perf_counter() - began
        except TimeoutError:
            took = None
        one.send_signal(signal.SIGTERM)
        try:
            one.wait(60)
        except subprocess.TimeoutExpired:
            one.kill()
            one.wait()
    os.unlink(NOTIFY)
    if took is None:
        sys.exit("FAILED systemd-nspawn: " + open("/tmp/nspawn.log").read()[-2000:])
    return took

def stead():
    began = time.perf_counter()
    done = subprocess.run(["stead", "start", "--direct", "debian"], capture_output=True, text=True)
    took = time.perf_counter() - began
    status = subprocess.run("stead status debian; stead blame debian", shell=True, capture_output=True, text=True).stdout
    subprocess.run(["stead", "stop", "debian"], capture_output=True)
    up = [line for line in status.splitlines() if line.startswith("own") and " up " in line]
    if done.returncode != 0 or len(up) != 10:
        sys.exit(f"FAILED stead start: {done.stdout}{done.stderr}{status}")
    return took, status

pairs = []
for number in range(int(os.environ["rounds"]) + 1):
    theirs = nspawn()
    ours, status = stead()
    if number:
        pairs.append((theirs, ours))
print(status)
for name, index in (("systemd-nspawn --boot", 0), ("stead start", 1)):
    print(f"{name:24} median {statistics.median(pair[index] for pair in pairs):6.2f} s, smallest {min(pair[index] for pair in pairs):6.2f} s")
print(f"stead / systemd-nspawn   {statistics.median(b / a for a, b in pairs):.3f}")
PROGRAM
exit $?
