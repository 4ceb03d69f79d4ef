#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds everything with warnings as errors, once with the window and once without any Qt, and runs all tests.
# Arguments go to ctest, such as -R NAME. The last line is "N passed, N failed"; the exit status is 0 only with none failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
packaging/setup.sh

jobs=$(nproc)
for preset in headless ci; do
  echo "== build: $preset"
  cmake --preset "$preset" --log-level=WARNING
  cmake --build --preset "$preset" --parallel "$jobs"
done

passed=0
failed=0
for preset in headless ci; do
  echo "== test: $preset"
  report="$PWD/build/$preset/tests.xml"
  rm -f "$report"
  ctest --preset "$preset" --parallel "$jobs" --no-tests=error --output-junit "$report" "$@" </dev/null || true
  # Every test that is neither passed nor failed (skipped, disabled, not run) counts as failed: nothing is skipped silently.
  count() { sed -n "s/^[[:space:]]*$1=\"\([0-9]*\)\".*/\1/p" "$report" 2>/dev/null | head -n 1; }
  total=$(count tests)
  good=$(grep -c '<testcase .*status="run"' "$report" 2>/dev/null || true)
  passed=$((passed + ${good:-0}))
  failed=$((failed + ${total:-1} - ${good:-0}))
done

echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
