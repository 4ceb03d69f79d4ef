#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the fuzz programs with clang and runs each for SECONDS (60 by default), starting from the files of tests/data.
# What they find (inputs that crash) and their growing corpora lie in build/fuzz-corpus. Exit status 1 after a find.
#   packaging/fuzz.sh [SECONDS] [NAME...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds=${1:-60}
shift || true
names=("$@")
all=(safetensors gguf payload codec adapter template pickle run checkpoint config tokenizer pack generate)
[ ${#names[@]} -gt 0 ] || names=("${all[@]}")

cmake --preset fuzz --log-level=WARNING
cmake --build --preset fuzz --target "${names[@]/#/fuzz_}"

corpus=$PWD/build/fuzz-corpus
mkdir -p "${all[@]/#/$corpus/}"
# seeds NAME: the files listed on standard input, under names of their own: many have the same.
seeds() {
  while IFS= read -r file; do cp "$file" "$corpus/$1/seed-$(printf %s "$file" | md5sum | cut -c1-16)"; done
}
find tests/data -name '*.safetensors' -size -64k | seeds safetensors
find tests/data -name '*.gguf' -size -64k | seeds gguf
find tests/data -name '*.delta.safetensors' -size -256k | seeds payload
while IFS= read -r weights; do
  { cat "$(dirname "$weights")/adapter_config.json"; printf '\0'; head -c 65536 "$weights"; } \
    >"$corpus/adapter/seed-$(printf %s "$weights" | md5sum | cut -c1-16)"
done < <(find resources/demo tests/data -name adapter_model.safetensors)
find tests/data/bench -name '*.json' | seeds run
find resources/demo/chat tests/data/model -name config.json | seeds config
while IFS= read -r file; do
  config=$(dirname "$file")/config.json
  { printf '\0'; cat "$config" 2>/dev/null || printf '{"torch_dtype": "bfloat16"}'; printf '\0'; cat "$file"; } >"$corpus/checkpoint/seed-$(printf %s "$file" | md5sum | cut -c1-16)"
done < <(find tests/data -name '*.safetensors' -size -64k)
# Choices of the jobs' random checkpoints and models.
for job in pack generate; do
  for i in 1 2 3 4 5 6 7 8; do head -c $((64 * i)) /dev/urandom >"$corpus/$job/random$i"; done
done
find resources tests/data -name '*.jinja' | seeds template
find tests/data \( -name '*.pth' -o -name '*.pkl' \) -size -64k | seeds pickle
# Pickles and files of torch.save that the goldens hold, one file each.
python3 - "$corpus/pickle" <<'EOF'
import base64, json, pathlib, sys
out = pathlib.Path(sys.argv[1])
for golden, key in ("pickles", "pickle"), ("hostile_pickles", "pickle"), ("torch_refused", "file"):
    for i, row in enumerate(json.loads(pathlib.Path(f"tests/data/checkpoint/{golden}.json").read_text("utf-8"))):
        (out / f"{golden}{i}").write_bytes(base64.b64decode(row[key]))
EOF
# The sources of the golden templates, one file each.
python3 - "$corpus/template" <<'EOF'
import json, pathlib, sys
out = pathlib.Path(sys.argv[1])
for style in pathlib.Path("tests/data/text/chat_styles").glob("*.json"):
    (out / style.stem).write_text(json.loads(style.read_text("utf-8"))["template"], "utf-8")
for i, row in enumerate(json.loads(pathlib.Path("tests/data/text/jinja.json").read_text("utf-8"))["rows"]):
    (out / f"row{i}").write_text(row["source"], "utf-8")
EOF

# The tokenizers of the goldens, each with a text.
python3 - "$corpus/tokenizer" <<'EOF'
import json, pathlib, sys
out = pathlib.Path(sys.argv[1])
goldens = json.loads(pathlib.Path("tests/data/text/classes.json").read_text("utf-8"))
for i, row in enumerate(goldens["tokenizers"]):
    files = (json.dumps(row["files"].get(name), ensure_ascii=False) if name in row["files"] else "" for name in ("tokenizer.json", "tokenizer_config.json"))
    (out / row["name"]).write_text("\0".join([*files, "".join(goldens["texts"][i::20])]).replace("\0\0", "\0{}\0"), "utf-8")
EOF

# Some write each input to a file: in memory, where that can be had, as a disk would take most of the time.
[ -n "${TMPDIR:-}" ] || [ ! -w /dev/shm ] || export TMPDIR=/dev/shm
status=0
for name in "${names[@]}"; do
  echo "== fuzz_$name: $seconds s"
  (cd "$corpus" && "$OLDPWD/build/fuzz/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="$corpus/found-$name-" "$corpus/$name") || status=1
done
exit $status
