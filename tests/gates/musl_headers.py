#!/usr/bin/env python3
"""Each header of the folders that PID 1 links compiles alone, with PID 1's own flags."""

import concurrent.futures
import os
import re
import subprocess

import compile_commands
from gate import Gate, skip


def compile_header(call, directory, name):
    done = subprocess.run([*call, "-fsyntax-only", "-Werror", "-x", "c++", "-"], cwd=directory, text=True,
                          input=f'#include "{name}"\n', capture_output=True)
    return name, done.returncode, done.stderr


def main():
    gate = Gate(__doc__, build="the build folder")
    musl = [entry for entry in compile_commands.entries(gate.options.build) if compile_commands.is_musl(entry)]
    if not musl:
        skip("stead-init is not built against musl here (STEAD_INIT_LIBC)")
    call = compile_commands.flags(compile_commands.arguments(musl[0]))

    headers = []
    for path in sorted((gate.root / "src").glob("*/CMakeLists.txt")):
        source = re.sub(r"#[^\n]*", "", path.read_text())
        if not re.search(r"\bstead_module\s*\(\s*\w+\s+PID1\b", source):
            continue
        host = re.search(r"\bHOST_SOURCES\b((?:\s+[\w./]+\.cpp)+)", source)
        host_only = {word.rsplit(".", 1)[0] for word in host.group(1).split()} if host else set()
        headers += [f"{path.parent.name}/{header.name}" for header in sorted(path.parent.glob("*.h"))
                    if header.stem not in host_only]

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, code, said in pool.map(lambda name: compile_header(call, musl[0]["directory"], name), headers):
            if code == 0:
                continue
            first = re.search(r"^(\S+?):(\d+):\d+: (?:fatal )?error: (.*)$", said, re.M)
            place = (first.group(1), int(first.group(2)), first.group(3)) if first else (f"src/{name}", 1, said[:200])
            gate.complain(place[0], place[1], f"{place[2]} (src/{name} alone, against musl); "
                          "include what it uses, and only what musl has (base/time.h for chrono)")
    gate.finish(len(headers), "headers")


main()
