#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A block of Q8_1 has 36 bytes in ggml (two halves and 32 bytes), and 40 in gguf-py's table (two floats), so that gguf-py finds a tensor of
# this type longer than ggml does. The sizes of all other types that both know agree. ggml is the one that is built into xllamacpp.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q install gguf==0.19.0 numpy==2.4.6 xllamacpp==2026.10.11549
"$work/venv/bin/python" - <<'PY'
import ctypes, importlib.metadata, pathlib
import gguf, xllamacpp
print("gguf", importlib.metadata.version("gguf"), "xllamacpp", importlib.metadata.version("xllamacpp"))
ggml = ctypes.CDLL(str(pathlib.Path(xllamacpp.__file__).with_name("xllamacpp.abi3.so")))
ggml.ggml_type_size.restype = ctypes.c_size_t
ggml.ggml_blck_size.restype = ctypes.c_int64
differ = {}
for kind, sizes in gguf.GGML_QUANT_SIZES.items():
    there = (ggml.ggml_blck_size(int(kind)), ggml.ggml_type_size(int(kind)))
    if there != sizes:
        differ[kind.name] = (there, sizes)
print("elements and bytes of a block, ggml and gguf-py:", differ)
assert differ == {"Q8_1": ((32, 36), (32, 40))}
PY
