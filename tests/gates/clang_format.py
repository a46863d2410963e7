#!/usr/bin/env python3
"""Every C++ file looks as .clang-format says."""

import re
import subprocess

from gate import Gate


def main():
    gate = Gate(__doc__)
    program = gate.tool("clang-format", "clang-format")
    sources = gate.sources("src", "tests", "contrib", "units")
    for at in range(0, len(sources), 50):
        done = subprocess.run([program, "--dry-run", *map(str, sources[at:at + 50])], cwd=gate.root,
                              capture_output=True, text=True)
        for match in re.finditer(r"^(.+?):(\d+):\d+: (?:warning|error): ", done.stderr, re.M):
            gate.complain(match.group(1), int(match.group(2)), f"not formatted; clang-format -i {match.group(1)}")
        if done.returncode != 0 and not done.stderr:
            gate.complain(".clang-format", 1, f"clang-format ended with {done.returncode}")
    gate.finish(len(sources), "source files")


main()
