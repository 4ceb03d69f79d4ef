#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The main job with the built command line: pack the demo model over an NF4 base, verify it, unpack it, compare the copy in every
# bit, and generate from it.
#   roundtrip.sh DELTASCOPE_CLI DEMO
set -euo pipefail
cli=$1
demo=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

exact() {
  "$cli" verify "$@" --json --quiet | tee "$work/verdict.json"
  grep -q '"bit_exact": *true' "$work/verdict.json"
  grep -q '"elements_different": *0' "$work/verdict.json"
}

"$cli" pack --final "$demo/chat" --quantize nf4 --out "$work/packed" --quiet >/dev/null
exact "$work/packed" --final "$demo/chat"
"$cli" unpack "$work/packed" --out "$work/copy" --quiet >/dev/null
exact "$work/packed" --final "$work/copy"
"$cli" inspect "$work/packed" --csv >"$work/table.csv"
head -n 1 "$work/table.csv" | grep -q '^name,shape,dtype,elements,sparsity,codec,base_bytes,stored_bytes,bits_per_weight,ratio'

"$cli" generate "$work/packed" --prompt Hello --max-new-tokens 4 --quiet >"$work/text"
[ -s "$work/text" ]

# A fine-tune's delta over its parent, both ways: the check must also be able to fail.
"$cli" pack --base "$demo/chat" --adapter "$demo/lora-pirate" --out "$work/pirate.delta.safetensors" --quiet >/dev/null
exact "$work/pirate.delta.safetensors" --base "$demo/chat"
status=0
"$cli" verify "$work/pirate.delta.safetensors" --base "$demo/chat" --final "$demo/chat" --quiet >/dev/null || status=$?
[ "$status" -eq 1 ] || { echo "verify against another model ended with $status, not 1" >&2; exit 1; }
