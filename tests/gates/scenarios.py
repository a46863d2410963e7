#!/usr/bin/env python3
"""Every line of tests/SCENARIOS.md names tests, and each of them is there."""

import re

from gate import Gate

ROW = re.compile(r"^\|\s*([A-Z]\d\d)\s*\|(.*)\|(.*)\|\s*$")
NAMED = re.compile(r"`([^`]+)`")
TEST = re.compile(r"^(?:TEST|TEST_F|TEST_P)\s*\(\s*(\w+)\s*,\s*(\w+)\s*\)", re.M)


def known_tests(gate):
    """Names of GoogleTest cases, gates, and claims of the machine's scripts."""
    names = set()
    for path in gate.sources("tests"):
        for suite, test in TEST.findall(path.read_text()):
            names.add(f"{suite}.{test}")
    fuzz = gate.root / "tests/fuzz/CMakeLists.txt"
    targets = re.findall(r"^stead_fuzz\((\w+) ", fuzz.read_text(), re.M) if fuzz.exists() else []
    shared = {name.partition(".")[2] for name in names if name.startswith("STEAD_FUZZ_SUITE.")}
    names |= {f"Fuzz{target.capitalize()}.{test}" for target in targets for test in shared}
    gates = gate.root / "tests/gates/CMakeLists.txt"
    if gates.exists():
        names |= {f"gate.{name}" for name in re.findall(r"^stead_gate\(([\w-]+) ", gates.read_text(), re.M)}
    for script in sorted((gate.root / "tests").glob("vm/*.sh")):
        claims = re.findall(r'^\s*check "([^"]+)"', script.read_text(), re.M)
        names |= {f"{script.name}: {claim}" for claim in claims}
    return names


def main():
    gate = Gate(__doc__)
    path = gate.root / "tests/SCENARIOS.md"
    names = known_tests(gate)
    seen = set()
    lines = path.read_text().splitlines() if path.exists() else []
    for number, line in enumerate(lines, 1):
        row = ROW.match(line)
        if not row:
            continue
        label, what, tests = row.groups()
        if label in seen:
            gate.complain(path, number, f"{label} stands there twice")
        seen.add(label)
        if not what.strip():
            gate.complain(path, number, f"{label} does not say what it is")
        named = NAMED.findall(tests)
        if not named and not re.match(r"\s*none: \w+", tests):
            gate.complain(path, number, f"{label} names no test; write one, or none: and the reason")
        for name in named:
            if name not in names:
                gate.complain(path, number, f"{label}: there is no test {name}")
    gate.finish(len(seen), "scenarios")


main()
