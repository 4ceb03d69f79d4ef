#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A block of zeros quantized to Q4_0 or Q5_0 by gguf-py comes back as -0.0 in every place; Q8_0, Q4_1 and Q5_1 give +0.0. The codes are
# stored with an offset, and 0 times a negative number is -0. Comparing values does not show it, comparing bits does.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q install gguf==0.19.0 numpy==2.4.6
"$work/venv/bin/python" - <<'PY'
import importlib.metadata, gguf, numpy as np
print("gguf", importlib.metadata.version("gguf"))
for name, negative in (("Q4_0", True), ("Q5_0", True), ("Q8_0", False), ("Q4_1", False), ("Q5_1", False)):
    kind = gguf.GGMLQuantizationType[name]
    back = gguf.quants.dequantize(gguf.quants.quantize(np.zeros((1, 256), np.float32), kind), kind)
    print(name, back[0, :3])
    assert (back == 0).all()
    assert np.signbit(back).all() == negative and np.signbit(back).any() == negative
PY
