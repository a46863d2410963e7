#!/usr/bin/env python3
"""Every source file of src/ is clean under .clang-tidy.

What passed once is remembered: a stamp in the build folder is named by a hash of the file, of every
header of the project that it includes, of the configuration, the flags and clang-tidy's version.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess

import compile_commands
from gate import Gate

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.M)


class Stamps:
    def __init__(self, gate, version):
        self.folder = pathlib.Path(gate.options.build) / "clang-tidy-stamps"
        self.folder.mkdir(exist_ok=True)
        self.config = (gate.root / ".clang-tidy").read_bytes() + version.encode()
        self.roots = [gate.root / "src", pathlib.Path(gate.options.build) / "src"]

    def reach(self, path, seen):
        """`path` and every project header below it, in a stable order."""
        if path in seen:
            return
        seen[path] = path.read_bytes()
        for name in INCLUDE.findall(seen[path].decode(errors="replace")):
            for root in self.roots:
                if (root / name).is_file():
                    self.reach(root / name, seen)

    def stamp(self, path, flags):
        seen = {}
        self.reach(path, seen)
        digest = hashlib.sha256(self.config + "\0".join(flags).encode())
        for content in seen.values():
            digest.update(hashlib.sha256(content).digest())
        return self.folder / f"{path.parent.name}-{path.stem}-{digest.hexdigest()[:24]}"


def main():
    gate = Gate(__doc__, build="the build folder")
    program = gate.tool("clang-tidy", "clang-tidy")
    version = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    stamps = Stamps(gate, version)
    entries = [entry for entry in compile_commands.entries(gate.options.build)
               if not compile_commands.is_musl(entry)
               and pathlib.Path(entry["file"]).is_relative_to(gate.root / "src")]
    # A file that PID 1 links stands there twice; once is enough.
    (stamps.folder / "compile_commands.json").write_text(json.dumps(entries))
    work = {}
    for entry in entries:
        path = pathlib.Path(entry["file"])
        work[path] = stamps.stamp(path, compile_commands.flags(compile_commands.arguments(entry)))
    known = len(work)
    todo = [(path, stamp) for path, stamp in sorted(work.items()) if not stamp.exists()]
    print(f"clean already: {known - len(todo)}")

    def tidy(item):
        path, stamp = item
        done = subprocess.run([program, "-p", str(stamps.folder), "--quiet", str(path)], capture_output=True, text=True)
        if done.returncode == 0:
            for old in stamps.folder.glob(f"{path.parent.name}-{path.stem}-*"):
                old.unlink(missing_ok=True)
            stamp.touch()
        return path, done

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, done in pool.map(tidy, todo):
            if done.returncode == 0:
                continue
            found = re.findall(r"^(/.+?):(\d+):\d+: (?:error|warning): (.*)$", done.stdout, re.M)
            for where, line, what in found:
                gate.complain(where, int(line), what)
            if not found:
                gate.complain(path, 1, f"clang-tidy ended with {done.returncode}: {done.stderr[-300:]}")
    gate.finish(known, "source files")


main()
