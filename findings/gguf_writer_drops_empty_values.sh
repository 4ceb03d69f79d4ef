#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# gguf 0.19.0: GGUFWriter takes an empty list or an empty text for a key, raises nothing, and writes no such key at all; an empty text inside a list is
# written. Who reads the file cannot tell "none" from "not said": a tokenizer without merges, or a token of no text by itself, is gone. GGUFReader reads
# nested lists (which the writer does write) as one flat list: [[1, 2], [3]] is 1, 2, 3. Exits 1 when that changes.
set -euo pipefail
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv" && "$work/venv/bin/pip" install -q gguf==0.19.0 numpy==2.3.5
"$work/venv/bin/python" - "$work/made.gguf" <<'PYTHON'
import importlib.metadata
import sys

import gguf
import numpy

given = {"empty list": [], "empty text": "", "list of an empty text": [""], "nested": [[1, 2], [3]]}
writer = gguf.GGUFWriter(sys.argv[1], "llama")
for key, value in given.items():
    (writer.add_string if isinstance(value, str) else writer.add_array)(key, value)
writer.add_tensor("t", numpy.zeros((1, 32), numpy.float32))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
fields = gguf.GGUFReader(sys.argv[1]).fields
read = {key: fields[key].contents() if key in fields else "not in the file" for key in given}
print(f"gguf {importlib.metadata.version('gguf')}")
for key, value in given.items():
    print(f"  {key}: given {value!r}, read {read[key]!r}")
raise SystemExit(read != {"empty list": "not in the file", "empty text": "not in the file", "list of an empty text": [""], "nested": [1, 2, 3]})
PYTHON
