#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# transformers 5: "add_bos_token": true in tokenizer_config.json has no effect where there is a tokenizer.json: the tokens around a text
# are those of its post_processor, none if that is null. The same argument given to from_pretrained does work. Exits 1 when that changes.
set -euo pipefail
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv" && "$work/venv/bin/pip" install -q transformers==5.24.0 tokenizers==0.23.3
cd "$work" && "$work/venv/bin/python" - <<'PYTHON'
import json
import pathlib
import transformers
from transformers import AutoTokenizer

folder = pathlib.Path("model")
folder.mkdir()
file = {"version": "1.0", "added_tokens": [{"id": 2, "content": "<s>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}],
        "post_processor": None, "model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []}}
(folder / "tokenizer.json").write_text(json.dumps(file))
(folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "add_bos_token": True}))
(folder / "config.json").write_text(json.dumps({"model_type": "llama"}))
from_file = AutoTokenizer.from_pretrained(folder)("ab")["input_ids"]
given = AutoTokenizer.from_pretrained(folder, add_bos_token=True)("ab")["input_ids"]
print(f"transformers {transformers.__version__}: add_bos_token in tokenizer_config.json gives {from_file}, as an argument {given}")
raise SystemExit((from_file, given) != ([0, 1], [2, 0, 1]))
PYTHON
