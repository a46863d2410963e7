#!/bin/bash
# Inside the machine, for its figures: from 'systemctl start' to ready, in turns: a plain service of Type=notify, a guest with that
# program as its unit, and systemd-nspawn with it as PID 1 on the same root. STEAD_ROUNDS: how many (15).
set -u
# shellcheck source=tests/vm/systemd_setup.sh
. /job/systemd_setup.sh
rounds=${STEAD_ROUNDS:-15}
program=/usr/local/bin/program
cp "$STEAD_BIN/misbehave" $program
cat >/etc/systemd/system/plain.service <<UNIT
[Service]
Type=notify
ExecStart=$program notify READY=1
UNIT
cat >/etc/systemd/system/nspawn.service <<'UNIT'
[Service]
Type=notify
NotifyAccess=all
Delegate=yes
Slice=machine.slice
KillMode=mixed
ExecStart=systemd-nspawn --quiet --keep-unit --register=no --volatile=yes --directory=/ --notify-ready=yes --machine=nspawn /usr/local/bin/program notify READY=1
UNIT
guest bench </dev/null
printf 'type = "notify"\ncommand = ["/usr/local/bin/program", "notify", "READY=1"]\n' >/srv/units-bench/main.toml
systemctl daemon-reload
export rounds
python3 - <<'PROGRAM'
import os, statistics, subprocess, time
units = ["plain", "stead@bench", "nspawn"]
times = {unit: [] for unit in units}
for number in range(int(os.environ["rounds"]) + 2):
    for unit in units:
        began = time.perf_counter()
        done = subprocess.run(["systemctl", "start", unit], capture_output=True, text=True)
        took = (time.perf_counter() - began) * 1e3
        subprocess.run(["systemctl", "stop", unit], capture_output=True)
        if done.returncode != 0:
            print(unit, "does not start:", done.stderr, subprocess.run(["journalctl", "-q", "-u", unit, "-n", "5", "-o", "cat"], capture_output=True, text=True).stdout)
            times.pop(unit)
            units = [one for one in units if one != unit]
        elif number >= 2:
            times[unit].append(took)
plain = times["plain"]
for unit, took in times.items():
    ratio = statistics.median(a / b for a, b in zip(took, plain))
    print(f"{unit:12} median {statistics.median(took):7.1f} ms, smallest {min(took):7.1f} ms, {ratio:5.2f} x plain")
PROGRAM
exit $failed
