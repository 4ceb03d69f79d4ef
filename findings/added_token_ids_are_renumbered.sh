#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tokenizers: the "id" of an entry of added_tokens in tokenizer.json is required, and not used. A token that the model's vocabulary lacks gets the
# next free id in the order of the list, so that holes close and an id that a model was trained with moves to another token, with no error.
# Exits 1 when that changes.
set -euo pipefail
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv" && "$work/venv/bin/pip" install -q tokenizers==0.23.3
"$work/venv/bin/python" - <<'PYTHON'
import json
import tokenizers

token = lambda i, content: {"id": i, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
file = {"version": "1.0", "added_tokens": [token(9, "<nine>"), token(4, "<four>"), token(2, "<two>")],
        "model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []}}
seen = tokenizers.Tokenizer.from_str(json.dumps(file)).encode("<nine><four><two>").ids
print(f"tokenizers {tokenizers.__version__}: the file says 9, 4, 2; encoding gives {seen}")
raise SystemExit(seen != [2, 3, 4])
PYTHON
