"""Reads a build's compile_commands.json."""

import json
import pathlib
import shlex

from gate import skip


def entries(build):
    path = pathlib.Path(build) / "compile_commands.json"
    if not path.exists():
        skip(f"{path} is missing; configure with CMAKE_EXPORT_COMPILE_COMMANDS")
    return json.loads(path.read_text())


def arguments(entry):
    """The compiler call without ccache in front."""
    words = shlex.split(entry["command"])
    return words[1:] if pathlib.Path(words[0]).name == "ccache" else words


def is_musl(entry):
    """Whether it is one of PID 1's objects, built against musl."""
    return "-nostdinc++" in entry["command"]


def flags(words):
    """`words` without the output, the dependency files and the source: what decides how code reads."""
    kept, at = [], 0
    while at < len(words):
        if words[at] in ("-o", "-MT", "-MF", "-c"):
            at += 1
        elif words[at] != "-MD":
            kept.append(words[at])
        at += 1
    return kept
