#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds everything with warnings as errors, and the engine and command line once more without any Qt, under the address and
# undefined behaviour sanitizers, and runs all tests of both. Arguments go to ctest, such as -R NAME. The last line is
# "N passed, N failed"; the exit status is 0 only with none failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
packaging/setup.sh

jobs=$(nproc)
for preset in asan-headless ci; do
  echo "== build: $preset"
  cmake --preset "$preset" --log-level=WARNING
  cmake --build --preset "$preset" --parallel "$jobs"
done

passed=0
failed=0
for preset in asan-headless ci; do
  echo "== test: $preset"
  report="$PWD/build/$preset/tests.xml"
  rm -f "$report"
  ctest --preset "$preset" --parallel "$jobs" --output-junit "$report" "$@" </dev/null 2>&1 || true
  # A test that is neither passed nor failed (disabled, not run) counts as failed: nothing is left out silently.
  total=$(sed -n 's/^[[:space:]]*tests="\([0-9]*\)".*/\1/p' "$report" 2>/dev/null | head -n 1 || true)
  good=$(grep -c '<testcase .*status="run"' "$report" 2>/dev/null || true)
  passed=$((passed + ${good:-0}))
  failed=$((failed + ${total:-1} - ${good:-0}))
  # What the Qt Test programs counted inside themselves, and each case they left out with its reason.
  log="build/$preset/Testing/Temporary/LastTest.log"
  grep -hA1 '^SKIP  ' "$log" 2>/dev/null || true
  sed -n 's/^Totals: //p' "$log" 2>/dev/null | awk -v preset="$preset" '
    { cases += $1; bad += $3; skips += $5 }
    END { if (NR) printf "%s: %d cases in %d programs, %d of them wrong, %d left out\n", preset, cases + bad + skips, NR, bad, skips }'
done

echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
