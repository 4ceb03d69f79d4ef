#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The engine and command line under the address and undefined behaviour sanitizers: random checkpoints through pack, verify and
# unpack, then the demo packed, verified, unpacked and asked for a few tokens. Exit status 0 when nothing was found.
# -O1 without debug information builds in half the time of the preset and finds the same; asserts are on.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=$PWD/build/asan-check

cmake --preset asan -B "$build" --log-level=WARNING -DDELTASCOPE_GUI=OFF -DDELTASCOPE_TESTS=OFF -DDELTASCOPE_CUDA=OFF -DDELTASCOPE_QUICK_BUILD=ON \
  -DCMAKE_DISABLE_FIND_PACKAGE_Qt6=ON -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O1 -g0"
cmake --build "$build" --parallel "${JOBS:-$(nproc)}" --target deltascope-cli pack_cases

export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1 UBSAN_OPTIONS=print_stacktrace=1
export LSAN_OPTIONS="suppressions=$PWD/packaging/lsan.supp:print_suppressions=0"
demo=$PWD/resources/demo
"$build/tests/headless/pack_cases" 1000 100 60
bash tests/headless/roundtrip.sh "$build/app/cli/deltascope-cli" "$demo"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$build/app/cli/deltascope-cli" pack --final "$demo/chat" --quantize nf4 --out "$work/packed" --quiet >/dev/null
"$build/app/cli/deltascope-cli" generate "$work/packed" --prompt Hello --max-new-tokens 4 --quiet
