#!/usr/bin/env python3
"""Every test can fail: it asserts something, is not disabled, and is skipped only with `needs ...`."""

import re

from gate import Gate, line_of, without_text

TEST = re.compile(r"^(?:TEST|TEST_F|TEST_P|TYPED_TEST)\s*\(\s*(\w+)\s*,\s*(\w+)\s*\)\s*\{", re.M)
ASSERTION = re.compile(r"\b(?:EXPECT_\w+|ASSERT_\w+|FAIL|ADD_FAILURE|ADD_FAILURE_AT)\s*\(|\b(?:static_assert)\b")
SKIP = re.compile(r"\bGTEST_SKIP\s*\(\s*\)\s*(<<\s*\"needs )?")


def body_end(text, start):
    depth = 0
    for at in range(start, len(text)):
        if text[at] == "{":
            depth += 1
        elif text[at] == "}":
            depth -= 1
            if depth == 0:
                return at
    return len(text)


def asserting_helpers(texts):
    """Names of functions in tests/ whose own bodies assert."""
    names = set()
    for text in texts:
        for match in re.finditer(r"\b(\w+)\s*\([^;{}()]*(?:\([^()]*\)[^;{}()]*)*\)\s*(?:const\s*)?\{", text):
            if match.group(1) in ("if", "for", "while", "switch", "catch") or TEST.match(text, match.start()):
                continue
            if ASSERTION.search(text, match.start(), body_end(text, match.end() - 1)):
                names.add(match.group(1))
    return names


def main():
    gate = Gate(__doc__)
    raw = {path: path.read_text() for path in gate.sources("tests")}
    texts = {path: without_text(source) for path, source in raw.items()}
    helpers = asserting_helpers(texts.values())
    uses_helper = re.compile(r"\b(?:" + "|".join(sorted(helpers) or ["(?!)"]) + r")\s*\(")
    tests = 0
    for path, text in texts.items():
        for match in TEST.finditer(text):
            tests += 1
            line, name = line_of(text, match.start()), f"{match.group(1)}.{match.group(2)}"
            end = body_end(text, match.end() - 1)
            if "DISABLED_" in name:
                gate.complain(path, line, f"{name} is disabled; make it pass or remove it")
            if not ASSERTION.search(text, match.end(), end) and not uses_helper.search(text, match.end(), end):
                gate.complain(path, line, f"{name} asserts nothing; say with EXPECT_ what would be wrong")
        for match in SKIP.finditer(raw[path]):
            if text[match.start():match.start() + 10] == "GTEST_SKIP" and not match.group(1):
                gate.complain(path, line_of(raw[path], match.start()),
                              'a skip without its reason; GTEST_SKIP() << "needs ..."')
    gate.finish(tests, "tests")


main()
