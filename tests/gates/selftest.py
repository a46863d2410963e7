#!/usr/bin/env python3
"""The gates themselves: each one passes a good little tree and finds the one thing wrong in a bad one."""

import json
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent

README = "| folder | what | may use |\n| --- | --- | --- |\n| low | x | |\n| high | x | low |\n| cli | x | all but low |\n"
GOOD = {
    "src/README.md": README,
    "src/low/CMakeLists.txt": "stead_module(low PID1 SOURCES a.cpp HOST_SOURCES w.cpp)\n",
    "src/low/a.h": "#pragma once\n",
    "src/low/w.h": "#pragma once\n",
    "src/high/CMakeLists.txt": "stead_module(high PID1 SOURCES b.cpp USES low)\n",
    "src/high/b.cpp": '#include "low/a.h"\n',
    "src/cli/CMakeLists.txt": "stead_module(cli SOURCES c.cpp USES high)\n",
    "src/cli/c.cpp": '#include "high/b.h"\n#include <CLI/CLI.hpp>\n// ::open("/x")\n',
    "tests/gates/resolver_lint.allow": "# none\n",
    "tests/low_test.cpp": 'TEST(Low, Adds) {\n    EXPECT_EQ(1 + 1, 2);\n}\n',
}

# gate, files that differ from the good tree, what must be said (None: nothing).
CASES = [
    ("layering.py", {}, None),
    ("layering.py", {"src/low/a.h": '#include "high/b.h"\n'}, "src/low/a.h:1: low includes high/b.h"),
    ("layering.py", {"src/high/b.cpp": '\n#include "low/w.h"\n'}, "src/high/b.cpp:2: PID 1 links high"),
    ("layering.py", {"src/high/b.cpp": "#include <CLI/App.hpp>\n"}, "src/high/b.cpp:1: includes CLI/App.hpp"),
    ("layering.py", {"src/high/b.cpp": "# include <toml++/toml.h>\n"}, "TOML is read in src/unitfile alone"),
    ("layering.py", {"src/high/b.cpp": '#include "b.h"\n'}, "write the folder too"),
    ("layering.py", {"src/low/CMakeLists.txt": "stead_module(low SOURCES a.cpp\n  USES cli)\n"}, "low USES cli"),
    ("layering.py", {"src/low/CMakeLists.txt": "stead_module(low SOURCES a.cpp)\n"}, "low is not marked PID1"),
    ("layering.py", {"src/more/CMakeLists.txt": "stead_module(more)\n"}, "more has no row in src/README.md"),
    ("layering.py", {"src/README.md": README + "| new | x | low |\n"}, "src/README.md:6: new has no stead_module"),
    ("layering.py", {"src/README.md": "no table\n"}, "has no table"),
    ("resolver_lint.py", {}, None),
    ("resolver_lint.py", {"src/cli/c.cpp": '\nint f = ::open("/x", 0);\n'}, "src/cli/c.cpp:2: open takes a path"),
    ("resolver_lint.py", {"src/cli/c.cpp": "auto f = std::ofstream(p);\n"}, "std::ofstream takes a path"),
    ("resolver_lint.py", {"src/cli/c.cpp": "long f = ::syscall(SYS_move_mount, 1);\n"}, "move_mount takes a path"),
    ("resolver_lint.py", {"src/cli/c.cpp": "int f = ::open(p, 0);\n",
                          "tests/gates/resolver_lint.allow": "src/cli/c.cpp open the host's own file\n"}, None),
    ("resolver_lint.py", {"tests/gates/resolver_lint.allow": "src/cli/c.cpp open the host's own file\n"},
     "tests/gates/resolver_lint.allow:1: src/cli/c.cpp has no open any more"),
    ("resolver_lint.py", {"tests/gates/resolver_lint.allow": "src/cli/c.cpp open\n"}, "a reason of some words"),
    ("tests_assert.py", {}, None),
    ("tests_assert.py", {"tests/x_test.cpp": "TEST(A, B) {\n    // EXPECT_TRUE(x);\n    call();\n}\n"},
     "tests/x_test.cpp:1: A.B asserts nothing"),
    ("tests_assert.py", {"tests/x_test.cpp": "void sane(int x) {\n    EXPECT_EQ(x, 1);\n}\nTEST(A, B) {\n    sane(1);\n}\n"},
     None),
    ("tests_assert.py", {"tests/x_test.cpp": 'TEST(A, B) {\n    if (x) GTEST_SKIP() << "later";\n    EXPECT_TRUE(y);\n}\n'},
     "tests/x_test.cpp:2: a skip without its reason"),
    ("scenarios.py", {"tests/SCENARIOS.md": "| A01 | adds | `Low.Adds` |\n| A02 | later | none: needs time |\n"}, None),
    ("scenarios.py", {"tests/SCENARIOS.md": "| A01 | adds | `Low.Subtracts` |\n"}, "SCENARIOS.md:1: A01: there is no test Low.Sub"),
    ("scenarios.py", {"tests/SCENARIOS.md": "\n| A01 | adds | Low.Adds |\n"}, "tests/SCENARIOS.md:2: A01 names no test"),
    ("scenarios.py", {"tests/SCENARIOS.md": "| A01 | x | `Low.Adds` |\n| A01 | y | `Low.Adds` |\n"}, "A01 stands there twice"),
    ("scenarios.py", {}, "found no scenarios"),
    ("tests_assert.py", {"tests/x_test.cpp": 'TEST(A, DISABLED_B) {\n    EXPECT_TRUE(y);\n}\n'}, "is disabled"),
]


def run(script, changes, *options):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in {**GOOD, **changes}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        words = [str(root / word[1:]) if word.startswith("@") else word for word in options]
        done = subprocess.run([sys.executable, "-B", str(HERE / script), "--root", folder, *words],
                              capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


def elf(kinds, address=0, held=1):
    header = bytearray(64)
    header[:6] = b"\x7fELF\x02\x01"
    header[32:40] = (64).to_bytes(8, "little")
    header[54:58] = (56).to_bytes(2, "little") + len(kinds).to_bytes(2, "little")
    return bytes(header) + b"".join(struct.pack("<IIQQQQQQ", kind, 4, 0, address, 0, held, 0, 0) for kind in kinds)


def static_cases():
    for content, size, said in [(elf([1]), 500, None), (elf([1, 3]), 500, "asks for a dynamic loader"),
                                (elf([1, 2]), 500, "has a dynamic section"), (elf([1]), 150_001, "more than 150000"),
                                (elf([1], address=4096, held=0), 500, None),
                                (elf([1], address=4128, held=0), 500, "has an empty segment within a page"),
                                (b"#!/bin/sh\n", 500, "is no 64-bit")]:
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "stead-init").write_bytes(content.ljust(size, b"\0"))
            yield "static_init.py", said, run("static_init.py", {}, "--bin", folder, "--libc", "musl")
    yield "static_init.py", "is not built", run("static_init.py", {}, "--bin", "/nonexistent", "--libc", "musl")


def tidy_cases():
    """Two files that do not compile together: what is wrong in the second is found all the same, at its own line."""
    if not shutil.which("clang-tidy"):
        return
    first, second = "namespace { struct Same { int a = 1; }; }\nint one() { return Same().a; }\n", "\nint* two() { return %s; }\n"
    for value, again, said in [("nullptr", "", None), ("0", "", "src/low/d.cpp:2: use nullptr"),
                               ("0", "namespace { struct Same { long b = 1; }; }\n", "src/low/d.cpp:3: use nullptr"),
                               ("nowhere", "", "src/low/d.cpp:2: use of undeclared identifier")]:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            files = {".clang-tidy": (HERE.parents[1] / ".clang-tidy").read_text(),
                     "src/low/c.cpp": first, "src/low/d.cpp": again + second % value}
            entries = [{"directory": folder, "file": f"{folder}/{name}", "command": f"c++ -std=c++20 -c {folder}/{name}"}
                       for name in files if name.endswith(".cpp")]
            (root / "compile_commands.json").write_text(json.dumps(entries))
            for name, text in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            done = subprocess.run([sys.executable, "-B", str(HERE / "clang_tidy.py"), "--root", folder, "--build", folder],
                                  capture_output=True, text=True)
            yield "clang_tidy.py", said, (done.returncode, done.stdout + done.stderr)


def main():
    results = [(script, said, run(script, changes)) for script, changes, said in CASES]
    results += [*static_cases(), *tidy_cases()]
    wrong = 0
    for script, said, (code, output) in results:
        good = code == 0 if said is None else code == 1 and said in output
        if not good:
            wrong += 1
            print(f"{HERE / script}:1: should have said {said!r}, ended with {code}:\n{output}")
    print(f"looked at {len(results)} cases, complaints: {wrong}")
    sys.exit(1 if wrong or not results else 0)


main()
