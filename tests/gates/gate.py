"""What the gates share: the files of the project, complaints with a place, and skipping aloud.

A gate is a program that looks at the source tree or the build and either says nothing, or prints one
line `FILE:LINE: what is wrong; the way out` for each thing it found and ends with 1. What the machine
cannot do ends with 77 and a line `skipped: ...`.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys

SKIPPED = 77


class Gate:
    """One run of a gate over the project at `root`."""

    def __init__(self, description, **options):
        parser = argparse.ArgumentParser(description=description)
        parser.add_argument("--root", type=pathlib.Path, required=True, help="the source tree")
        for name, text in options.items():
            parser.add_argument("--" + name.replace("_", "-"), help=text, default="")
        self.options = parser.parse_args()
        self.root = self.options.root.resolve()
        self.complaints = []

    def complain(self, path, line, what):
        path = pathlib.Path(path)
        if path.is_absolute() and path.is_relative_to(self.root):
            path = path.relative_to(self.root)
        self.complaints.append((str(path), line, what))

    def finish(self, looked_at, of_what):
        """Ends the gate. One that looked at nothing has judged nothing: that is a failure too."""
        for path, line, what in sorted(set(self.complaints)):
            print(f"{path}:{line}: {what}")
        if not looked_at:
            print(f"{self.root}:0: found no {of_what}; is --root the source tree?")
        print(f"looked at {looked_at} {of_what}, complaints: {len(set(self.complaints))}")
        sys.exit(1 if self.complaints or not looked_at else 0)

    def tool(self, name, package):
        """The path of a program, or the end of the gate if it is missing."""
        found = shutil.which(name)
        if not found:
            skip(f"{name} is missing; install the package {package}")
        return found

    def sources(self, *folders, suffixes=(".h", ".cpp")):
        """The project's own C++ files below `folders`: what git knows, or in a tree without git all."""
        listed = subprocess.run(["git", "-C", str(self.root), "ls-files", "-co", "--exclude-standard", "--", *folders],
                                capture_output=True, text=True) if (self.root / ".git").exists() else None
        if listed is not None and listed.returncode == 0:
            names = [self.root / name for name in listed.stdout.splitlines()]
        else:
            names = [path for folder in folders for path in (self.root / folder).rglob("*")]
        return sorted(path for path in names if path.suffix in suffixes and path.is_file())


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


_TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|R"([^(\s]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'""", re.S)


def without_text(source):
    """`source` with comments, strings and characters turned into blanks; lines and columns stay."""
    return _TOKEN.sub(lambda match: re.sub(r"[^\n]", " ", match.group(0)), source)


def line_of(source, position):
    return source.count("\n", 0, position) + 1
