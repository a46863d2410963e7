#!/bin/bash
# Inside the machine, for its figures: ten levels of a running guest set and read back, in turns: by `stead set`, by a C program that
# does no more than that (tests/bench/levels.c, compiled into BIN), and `stead --version`. STEAD_ROUNDS: how many (25).
set -u
# shellcheck source=tests/vm/checks.sh
. /job/checks.sh
work=$(mktemp -d)
mkdir "$work/units"
echo 'command = ["sleep", "100000"]' >"$work/units/main.toml"
cat >"$work/web.toml" <<T
root = "host"
ephemeral = true
units = ["$work/units"]
limits.memory-max = "300M"
T
stead run "$work/web.toml" >"$work/output" 2>&1 &
until_true 60 stead status web --ready >/dev/null 2>&1 || { cat "$work/output"; exit 1; }
export rounds=${STEAD_ROUNDS:-25}
python3 - <<'PROGRAM'
import os, statistics, subprocess, time
FOLDER = "/sys/fs/cgroup/stead/web"
def levels(n):
    return {"memory-max": f"{400 + n}M", "memory-high": f"{300 + n}M", "memory-low": f"{20 + n}M", "memory-min": f"{10 + n}M",
            "memory-swap-max": f"{200 + n}M", "cpu-weight": 200 + n, "pids-max": 300 + n, "cgroup-max-descendants": 200 + n,
            "cgroup-max-depth": 20 + n, "cpu-max": f"{100 + n}%"}
def files(n):
    found = {name.replace("-", "."): str(value) for name, value in levels(n).items()}
    found.update({name: str(int(value[:-1]) << 20) for name, value in found.items() if name.startswith("memory")})
    found["cpu.max"] = f"{(100 + n) * 1000} 100000"
    return found
times = {"stead": [], "C": [], "version": []}
for number in range(int(os.environ["rounds"]) + 2):
    for name, words in (("stead", ["stead", "set", "web"] + [f"{k}={v}" for k, v in levels(number).items()]),
                        ("C", [os.environ["STEAD_BIN"] + "/levels", FOLDER] + [f"{k}={v}" for k, v in files(number + 1).items()]),
                        ("version", ["stead", "--version"])):
        before = os.times()
        began = time.perf_counter()
        done = subprocess.run(words, capture_output=True, text=True)
        took = (time.perf_counter() - began) * 1e3
        if done.returncode != 0:
            raise SystemExit(f"FAILED {words}: {done.stdout}{done.stderr}")
        if number >= 2:
            times[name].append(took)
for name, took in times.items():
    ratio = statistics.median(a / b for a, b in zip(took, times["C"]))
    print(f"{name:8} median {statistics.median(took):7.1f} ms, smallest {min(took):7.1f} ms, {ratio:5.2f} x C")
PROGRAM
code=$?
stead stop web --force >/dev/null
exit $code
