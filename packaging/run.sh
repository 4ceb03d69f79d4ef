#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds, and opens the window on PATH (a packed model, payload or checkpoint), else on the demo model.
# Without a display it does the same job from the command line: pack, verify, write a report folder.
#   packaging/run.sh [PATH [--base DIR] [--final DIR]]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

arguments=()
for argument in "$@"; do  # the build changes the folder, so paths are made absolute first
  if [ -e "$argument" ]; then argument=$(realpath "$argument"); fi
  arguments+=("$argument")
done

"$root/packaging/setup.sh"
cd "$root"
if [ ! -f build/release/build.ninja ] || [ CMakePresets.json -nt build/release/build.ninja ]; then
  cmake --preset release --log-level=WARNING
fi
cmake --build --preset release --target deltascope deltascope-cli
window=build/release/app/window/deltascope
cli=build/release/app/cli/deltascope-cli

compare=()
if [ ${#arguments[@]} -eq 0 ]; then
  model=build/demo/chat-nf4
  if [ ! -f "$model/model.delta.safetensors" ]; then
    echo "== pack the demo model" >&2
    mkdir -p build/demo
    "$cli" pack --final resources/demo/chat --quantize nf4 --scope all --out "$model"
  fi
  arguments=("$model")
  compare=(--final resources/demo/chat)
fi

if [ -n "${DISPLAY:-}" ] || [ -n "${WAYLAND_DISPLAY:-}" ]; then
  exec "$window" "${arguments[@]}"
fi

path=$(printf '%s\n' "${arguments[@]}" | grep -v '^-' | head -n 1)
if [ -n "$(find -L "$path" -maxdepth 1 -name '*.delta.safetensors' -print -quit 2>/dev/null)" ]; then
  echo "== verify" >&2
  "$cli" verify "${arguments[@]}" "${compare[@]}"
fi
echo "== no display: write a report" >&2
report=build/demo/report
rm -rf "$report"
"$window" --report "$report" "${arguments[@]}" "${compare[@]}"
echo "report: $root/$report"
