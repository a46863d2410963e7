#!/usr/bin/env python3
"""No code beside the resolver opens, makes, mounts or removes something by a path.

A path below a guest's root is the guest's to turn into a symbolic link at any moment, so one small
resolver (src/sys) names such paths and all else takes descriptors. This gate knows no data flow: it
finds every raw call of the kind in the folders that handle guests' roots. A line that is right (a
path of the host's own, or a name below a verified descriptor) is listed in resolver_lint.allow with
its reason.
"""

import re

from gate import Gate, line_of, without_text

# (spawn and init run inside the guest, where a path leads nowhere else.)
FOLDERS = ["src/context", "src/guests", "src/cli", "src/keep"]
CALL = re.compile(
    r"(?<![\w:])::(open|openat|creat|mkdir|mkdirat|mount|umount|umount2|unlink|unlinkat|rmdir|symlink|symlinkat|"
    r"link|linkat|rename|renameat|renameat2|chown|lchown|fchownat|chmod|fchmodat|mknod|mknodat|mkfifo|truncate|"
    r"utimensat|chroot|chdir|opendir|fopen|realpath|statfs|execve|bind)\s*\("
    r"|\bSYS_(open|openat|mkdir|mkdirat|mount|umount2|unlink|unlinkat|symlinkat|linkat|renameat2|fchownat|fchmodat|"
    r"mknodat|open_tree|move_mount)\b"
    r"|\b(std::filesystem::\w+|std::[io]?fstream|std::fopen|std::remove|std::rename)\b")


def read_allowed(gate):
    """{(file, call): [line, used]} of the list; each line is `FILE CALL reason ...`."""
    path = gate.root / "tests/gates/resolver_lint.allow"
    allowed = {}
    if not path.exists():
        return path, allowed
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        words = line.split(maxsplit=2)
        if len(words) < 3 or len(words[2].split()) < 3:
            gate.complain(path, number, "write FILE CALL and a reason of some words")
            continue
        allowed[(words[0], words[1])] = [number, False]
    return path, allowed


def main():
    gate = Gate(__doc__)
    list_path, allowed = read_allowed(gate)
    sources = gate.sources(*FOLDERS)
    for path in sources:
        text = without_text(path.read_text())
        name = str(path.relative_to(gate.root))
        for match in CALL.finditer(text):
            call = next(group for group in match.groups() if group)
            if (name, call) in allowed:
                allowed[(name, call)][1] = True
                continue
            gate.complain(path, line_of(text, match.start()),
                          f"{call} takes a path; use the resolver and descriptors of src/sys, or give the reason "
                          f"in tests/gates/resolver_lint.allow")
    for (name, call), (number, used) in allowed.items():
        if not used:
            gate.complain(list_path, number, f"{name} has no {call} any more; remove the line")
    gate.finish(len(sources), "source files")


main()
