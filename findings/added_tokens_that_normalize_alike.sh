#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tokenizers: of two added tokens that the normalizer makes the same, a text gets the id of either: which one differs from one load of the same
# file to the next, in one process too, as the matcher is filled in the order of a hash map. Exits 1 when one id comes in 200 loads.
set -euo pipefail
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv" && "$work/venv/bin/pip" install -q tokenizers==0.23.3
"$work/venv/bin/python" - <<'PYTHON'
import json
from collections import Counter
import tokenizers

token = lambda i, content: {"id": i, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": True, "special": False}
file = json.dumps({"version": "1.0", "added_tokens": [token(2, "<USER>"), token(3, "<User>")], "normalizer": {"type": "Lowercase"},
                   "model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []}})
seen = Counter(tuple(tokenizers.Tokenizer.from_str(file).encode("<user>").ids) for _ in range(200))
print(f"tokenizers {tokenizers.__version__}: '<user>' in 200 loads of one file: {dict(seen)}")
raise SystemExit(len(seen) < 2)
PYTHON
