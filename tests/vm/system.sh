#!/bin/bash
# Every test program named on the command line, inside the machine; the exit code is the number that failed.
failed=0
for program in "$@"; do
    echo "== $program (kernel $(uname -r))"
    "$STEAD_BIN/$program" --gtest_brief=1 || failed=$((failed + 1))
done
exit $failed
