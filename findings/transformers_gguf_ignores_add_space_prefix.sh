#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# transformers 5.24.0: a tokenizer made from a GGUF file reads tokenizer.ggml.add_space_prefix and does nothing with it. SentencePiece models that put no
# space before a text (and whose file says so, as llama.cpp's converter writes it and llama.cpp heeds it) get one: other ids for the first word of every
# prompt, without a word. Exits 1 when that changes.
set -euo pipefail
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv" && "$work/venv/bin/pip" install -q transformers==5.24.0 gguf==0.19.0 numpy==2.3.5
cd "$work" && "$work/venv/bin/python" -W ignore - <<'PYTHON'
import importlib.metadata

import gguf
from transformers.integrations.gguf.gguf_tokenizer_mapping import GGUF_TOKENIZER_MAPPING, convert_gguf_tokenizer

tokens = ["<unk>", "<s>", "</s>", "\u2581", "h", "i", "hi", "\u2581hi"]
encoded = {}
for prefix in (True, False):
    writer = gguf.GGUFWriter("model.gguf", "llama")
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0, 0.0, 0.0, -4.0, -5.0, -6.0, -1.0, -2.0])
    writer.add_token_types([2, 3, 3, 1, 1, 1, 1, 1])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_space_prefix(prefix)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    # As get_gguf_tokenizer() does it, whose reader imports torch.
    fields = gguf.GGUFReader("model.gguf").fields
    read = {name: fields[f"tokenizer.{key}"].contents() for key, name in GGUF_TOKENIZER_MAPPING["tokenizer"].items() if f"tokenizer.{key}" in fields}
    backend, _ = convert_gguf_tokenizer("llama", read)
    encoded[prefix] = backend.encode("hi", add_special_tokens=False).tokens
    print(f"add_space_prefix {prefix}: read as {read['add_prefix_space']}, \"hi\" is {encoded[prefix]}")
print(f"transformers {importlib.metadata.version('transformers')}, gguf {importlib.metadata.version('gguf')}")
raise SystemExit(not (encoded[True] == encoded[False] == ["\u2581hi"]))
PYTHON
