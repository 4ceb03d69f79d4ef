#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# In the MX formats a scale byte of 255 is NaN: the whole block is not a number. gguf-py dequantizes such an MXFP4 block to finite values
# (2^128 halved once) or infinity, depending on the code, and a zero code stays zero.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q install gguf==0.19.0 numpy==2.4.6
"$work/venv/bin/python" - <<'PY'
import importlib.metadata, gguf, numpy as np
np.seterr(over="ignore")
kind = gguf.GGMLQuantizationType.MXFP4
codes = [0x00, 0x21, 0x97] + [0x22] * 13
block = np.array([[255] + codes], np.uint8)
back = gguf.quants.dequantize(block, kind)[0]
print("gguf", importlib.metadata.version("gguf"))
print("codes 0, 1, 7, 2 (low nibbles):", back[:4])
assert not np.isnan(back).any()
assert back[0] == 0 and back[1] == np.float32(2.0 ** 127) and np.isinf(back[2]) and np.isinf(back[3])
PY
