#!/usr/bin/env python3
"""Who may know whom: src/README.md's table, USES in CMake and the include lines agree."""

import re

from gate import Gate, line_of

# Libraries that one folder keeps to itself: include line, folders, why.
OWNED = [
    (re.compile(r"^(toml\+\+/|toml\.hpp)"), {"unitfile"}, "TOML is read in src/unitfile alone"),
    (re.compile(r"^(seccomp\.h|sys/capability\.h)"), {"compile"},
     "libseccomp and libcap live in src/compile; PID 1 obeys what they made"),
    (re.compile(r"^netlink/"), {"network"}, "libnl lives in src/network alone"),
    (re.compile(r"^(archive|archive_entry)\.h"), {"images"}, "archives are read in src/images alone"),
    (re.compile(r"^nettle/"), {"images"}, "digests are summed in src/images alone"),
    (re.compile(r"^systemd/"), {"systemd"}, "libsystemd is for src/systemd alone"),
    (re.compile(r"^CLI/"), {"cli"}, "options are parsed in src/cli alone"),
]

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def read_table(gate):
    """{folder: (line, allowed folders)} of the table in src/README.md."""
    readme = gate.root / "src/README.md"
    table, ready = {}, False
    for number, line in enumerate(readme.read_text().splitlines(), 1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells == ["folder", "what", "may use"]:
            ready = True
        elif ready and line.startswith("|") and not line.startswith("| ---"):
            table[cells[0]] = (number, cells[2] if len(cells) > 2 else "")
        elif ready and table:
            break
    resolved = {}
    for folder, (number, words) in table.items():
        if words.startswith("all but "):
            allowed = set(table) - set(re.findall(r"\w+", words[len("all but "):])) - {folder}
        else:
            allowed = set(words.split())
        for unknown in sorted(allowed - set(table)):
            gate.complain(readme, number, f"{folder} may use {unknown}, which has no row of its own")
        resolved[folder] = (number, allowed)
    if not resolved:
        gate.complain(readme, 1, "has no table `| folder | what | may use |`")
    return resolved


def read_modules(gate):
    """{folder: (file, line, pid1, used folders, host-only stems)} of the stead_module calls."""
    modules = {}
    for path in sorted((gate.root / "src").glob("*/CMakeLists.txt")):
        source = re.sub(r"#[^\n]*", lambda match: " " * len(match.group(0)), path.read_text())
        call = re.search(r"\bstead_module\s*\(([^)]*)\)", source)
        if not call:
            continue
        words, keyword, parts = call.group(1).split(), None, {}
        for word in words[1:]:
            if word in ("PID1", "SOURCES", "HOST_SOURCES", "USES", "LIBRARIES"):
                keyword = word
                parts.setdefault(word, [])
            else:
                parts.setdefault(keyword, []).append(word)
        name, line = words[0], line_of(source, call.start())
        if name != path.parent.name:
            gate.complain(path, line, f"stead_module is called {name}; a folder is its own module")
        host_only = {word.rsplit(".", 1)[0] for word in parts.get("HOST_SOURCES", [])}
        modules[name] = (path, line, "PID1" in parts, set(parts.get("USES", [])), host_only)
    return modules


def compare(gate, table, modules):
    readme = gate.root / "src/README.md"
    for folder, (line, _) in table.items():
        if folder not in modules:
            gate.complain(readme, line, f"{folder} has no stead_module in src/{folder}/CMakeLists.txt")
    for folder, (path, line, pid1, uses, _) in modules.items():
        if folder not in table:
            gate.complain(path, line, f"{folder} has no row in src/README.md")
            continue
        for wrong in sorted(uses - table[folder][1]):
            gate.complain(path, line, f"{folder} USES {wrong}, which src/README.md does not allow")
        for used in sorted(uses & set(modules)):
            if pid1 and not modules[used][2]:
                gate.complain(path, line, f"{folder} is linked by PID 1, {used} is not marked PID1")


def check_includes(gate, table, modules):
    sources = gate.sources("src")
    for path in sources:
        parts = path.relative_to(gate.root / "src").parts
        if len(parts) < 2:
            gate.complain(path, 1, "no source file stands outside a folder of src/")
            continue
        folder, text = parts[0], path.read_text()
        _, _, pid1, uses, host_only = modules.get(folder, (None, 0, False, set(), set()))
        pid1 = pid1 and path.stem not in host_only
        for match in INCLUDE.finditer(text):
            kind, name, line = match.group(1), match.group(2), line_of(text, match.start())
            for pattern, owners, why in OWNED:
                if pattern.match(name) and folder not in owners:
                    gate.complain(path, line, f"includes {name}; {why}")
            if kind == '<':
                continue
            other, slash, rest = name.partition("/")
            if not slash:
                gate.complain(path, line, f'includes "{name}"; write the folder too: "{folder}/{name}"')
            elif other != folder and other not in uses:
                way = "name it in USES" if other in table.get(folder, (0, set()))[1] else "move the code"
                gate.complain(path, line, f"{folder} includes {name} but does not use {other}; {way}")
            elif pid1 and rest.rsplit(".", 1)[0] in modules[other][4]:
                gate.complain(path, line, f"PID 1 links {folder}, and {name} is for the host only")
    return len(sources)


def main():
    gate = Gate(__doc__)
    table = read_table(gate)
    modules = read_modules(gate)
    compare(gate, table, modules)
    gate.finish(check_includes(gate, table, modules), "source files")


main()
