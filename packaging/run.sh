#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds, and opens the window on PATH (a packed model, payload or checkpoint), else on the demo model.
# Without a display it does the same job from the command line: pack, verify, write a report folder.
#   packaging/run.sh [PATH [--base DIR] [--final DIR]]
# The CUDA backend is built where the CUDA toolkit is found: for the GPU that is there, else in the form that any can use.
# DELTASCOPE_CUDA=OFF in the environment leaves it out.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

arguments=()
for argument in "$@"; do  # the build changes the folder, so paths are made absolute first
  if [ -e "$argument" ]; then argument=$(realpath "$argument"); fi
  arguments+=("$argument")
done

"$root/packaging/setup.sh"
cd "$root"
. packaging/gpu.sh
settings=("-DDELTASCOPE_CUDA=$DELTASCOPE_CUDA" ${gpus:+"-DCMAKE_CUDA_ARCHITECTURES=$gpus"})
chosen=build/release/chosen-by-run.sh
if [ ! -f build/release/build.ninja ] || [ CMakePresets.json -nt build/release/build.ninja ] ||
   [ "${settings[*]}" != "$(cat $chosen 2>/dev/null)" ]; then
  cmake --preset release --log-level=WARNING "${settings[@]}"
  echo "${settings[*]}" >$chosen
  echo "== build: the first time takes some minutes, later ones only what changed" >&2
fi
cmake --build --preset release --target deltascope deltascope-cli
if grep -q '^build deltascope_cuda:' build/release/build.ninja; then
  echo "== build the CUDA backend" >&2
  cmake --build --preset release --target deltascope_cuda ||
    echo "== the CUDA backend could not be built; everything else goes on without it" >&2
fi
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
