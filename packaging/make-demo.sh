#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes what the demo ships of its pretrained parent: the delta over resources/demo/chat, the two JSON files in which they differ,
# and the sums that a test compares. Needs the parent itself, and deltascope-cli built by the preset release.
#   packaging/make-demo.sh BASE_DIR
set -euo pipefail
base=$(realpath "${1:?usage: packaging/make-demo.sh BASE_DIR}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
demo=resources/demo
rm -rf "$demo/base.delta.safetensors" "$demo/base"
build/release/app/cli/deltascope-cli pack --final "$base" --base "$demo/chat" --out "$demo/base.delta.safetensors"
build/release/app/cli/deltascope-cli verify "$demo/base.delta.safetensors" --base "$demo/chat" --final "$base"
packaging/tensor_sums.py "$base" >"$demo/base.sha256"
mkdir "$demo/base"
for file in "$base"/*.json; do
  case $(basename "$file") in *.index.json) continue ;; esac
  cmp -s "$file" "$demo/chat/$(basename "$file")" || install -m 644 "$file" "$demo/base/"
done
