#!/usr/bin/env python3
"""Every C++ file of src/ and tests/ is clean under .clang-tidy.

Most of what clang-tidy costs is the reading of headers that every file of a folder includes again
(the standard library, toml++, CLI11, GoogleTest), so files of one folder are joined into one before
they are looked at. Files that do not compile together, because two of them keep the same name in
their anonymous namespaces, go into different joints. The tests are spared the static analyzer, whose
paths GoogleTest's macros multiply; the sanitizers watch them while they run.

What passed once is remembered: a stamp in the build folder is named by a hash of the file, of every
header of the project that it includes, of the configuration, the flags and clang-tidy's version.
"""

import collections
import concurrent.futures
import hashlib
import itertools
import json
import os
import pathlib
import re
import shlex
import subprocess

import compile_commands
from gate import Gate

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.M)
FINDING = re.compile(r"^(/.+?):(\d+):\d+: (?:fatal error|error|warning): (.*)$", re.M)

# Beside the analyzer: tests have one thread, long strings over several lines, and fixtures that nobody copies.
SPARED_TESTS = "-clang-analyzer-*,-concurrency-mt-unsafe,-bugprone-suspicious-missing-comma,-cppcoreguidelines-special-member-functions"

# So many lines share one reading of the headers; fewer would cost more, more would leave processors idle.
LINES_OF_A_JOINT = 1800


class Stamps:
    def __init__(self, gate, version):
        self.folder = pathlib.Path(gate.options.build).resolve() / "clang-tidy-stamps"
        self.folder.mkdir(exist_ok=True)
        self.config = (gate.root / ".clang-tidy").read_bytes() + version.encode() + pathlib.Path(__file__).read_bytes()
        self.roots = [gate.root / "src", gate.root / "tests", pathlib.Path(gate.options.build) / "src"]

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

    def passed(self, path, stamp):
        for old in self.folder.glob(f"{path.parent.name}-{path.stem}-*"):
            old.unlink(missing_ok=True)
        stamp.touch()


class Joint:
    """Several files as one translation unit, which knows where each of its lines comes from."""

    def __init__(self, file, paths, flags):
        self.file, self.paths, self.flags = file, paths, flags
        self.lines = []
        contents = [(path, list(enumerate(path.read_text().splitlines(), 1))) for path in paths]
        text = []
        # The project's headers come first, as none of them expects what a file before it declared.
        for path, content in contents:
            wanted = [(number, line) for number, line in content if INCLUDE.match(line)]
            self.lines += [(path, number) for number, _ in wanted]
            text += [line for _, line in wanted]
        for path, content in contents:
            self.lines += [(path, number) for number, _ in content]
            text += [line for _, line in content]
        file.write_text("\n".join(text) + "\n")

    def place(self, where, line):
        if pathlib.Path(where) == self.file and 0 < line <= len(self.lines):
            return self.lines[line - 1]
        return pathlib.Path(where), line

    def judge(self, command):
        """What clang-tidy finds: (file, line, text) each, and what it says besides."""
        folder = self.file.with_suffix("")
        folder.mkdir(exist_ok=True)
        entry = {"directory": str(folder), "file": str(self.file), "command": shlex.join([*self.flags, "-Wno-unknown-warning-option", f"-iquote{self.paths[0].parent}", "-c", str(self.file)])}
        (folder / "compile_commands.json").write_text(json.dumps([entry]))
        done = subprocess.run([*command, "-p", str(folder), str(self.file)], capture_output=True, text=True)
        found = [(*self.place(where, int(line)), what) for where, line, what in FINDING.findall(done.stdout)]
        (folder / "compile_commands.json").unlink()
        folder.rmdir()
        self.file.unlink()
        # A file that it cannot find in the database is no failure to clang-tidy.
        if not found and (done.returncode != 0 or "Skipping " in done.stdout + done.stderr):
            found = [(self.paths[0], 1, f"clang-tidy ended with {done.returncode}: {done.stderr[-300:]}")]
        return found

    def strangers(self, found):
        """The files that do not compile together with those before them."""
        broken = [path for path, _, what in found if what.endswith("[clang-diagnostic-error]")]
        if len(self.paths) == 1 or not broken:
            return []
        return [path for path in self.paths[1:] if path in broken] or self.paths[1:]


def portions(paths):
    """`paths` in lists of about as many lines as one joint takes."""
    made, lines = [[]], 0
    for path in paths:
        if lines >= LINES_OF_A_JOINT:
            made.append([])
            lines = 0
        made[-1].append(path)
        lines += path.read_bytes().count(b"\n")
    return made


def absolute(flags, directory):
    """`flags` with the folders to search, which may be relative to the build, made absolute."""
    return [word if not (word.startswith("-I") and len(word) > 2) else "-I" + os.path.normpath(os.path.join(directory, word[2:]))
            for word in flags]


def main():
    gate = Gate(__doc__, build="the build folder")
    program = gate.tool("clang-tidy", "clang-tidy")
    version = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    stamps = Stamps(gate, version)
    work = {}
    for entry in compile_commands.entries(gate.options.build):
        path = pathlib.Path(entry["file"])
        in_tree = path.is_relative_to(gate.root / "src") or path.is_relative_to(gate.root / "tests")
        # A file that PID 1 links stands there twice; once is enough.
        if path.suffix == ".cpp" and in_tree and not compile_commands.is_musl(entry):
            flags = absolute(compile_commands.flags(compile_commands.arguments(entry)), entry["directory"])
            work[path] = (flags, stamps.stamp(path, flags))
    todo = {path: item for path, item in sorted(work.items()) if not item[1].exists()}
    print(f"clean already: {len(work) - len(todo)}")

    groups = collections.defaultdict(list)
    for path, (flags, _) in todo.items():
        groups[path.parent, tuple(flags)].append(path)
    work_list = [(portion, flags) for (_, flags), paths in groups.items() for portion in portions(paths)]
    number = itertools.count()

    def tidy(paths, flags):
        is_test = paths[0].is_relative_to(gate.root / "tests")
        name = "-".join(paths[0].parent.relative_to(gate.root).parts)
        joint = Joint(stamps.folder / f"joint-{name}-{next(number)}.cpp", paths, flags)
        found = joint.judge([program, "--quiet", f"--config-file={gate.root / '.clang-tidy'}",
                             *(["--checks=" + SPARED_TESTS] if is_test else [])])
        strangers = joint.strangers(found)
        if strangers:
            tidy([path for path in paths if path not in strangers], flags)
            return tidy(strangers, flags)
        for complaint in found:
            gate.complain(*complaint)
        # Nothing is known to be clean that includes a header with a complaint.
        blamed = {path for path, _, _ in found}
        if blamed <= set(paths):
            for path in set(paths) - blamed:
                stamps.passed(path, todo[path][1])

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        # The tests first: with GoogleTest they take longest, and no processor shall wait for one at the end.
        for done in [pool.submit(tidy, *item) for item in reversed(work_list)]:
            done.result()
    gate.finish(len(work), "source files")


main()
