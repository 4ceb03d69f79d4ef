#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The scale of a Q8_0 block is FP16, so that a block whose largest weight is under about 3.8e-6 comes back as zeros and one above 8.3e6
# as infinities, although eight bits a weight suggest that any magnitude survives. Nothing is said while quantizing.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q install gguf==0.19.0 numpy==2.4.6
"$work/venv/bin/python" - <<'PY'
import importlib.metadata, gguf, numpy as np
np.seterr(over="ignore")
kind = gguf.GGMLQuantizationType.Q8_0
def there_and_back(value):
    return gguf.quants.dequantize(gguf.quants.quantize(np.full((1, 32), value, np.float32), kind), kind)[0, 0]
print("gguf", importlib.metadata.version("gguf"))
for value in (1e-6, 3e-6, 1e-5, 1.0, 8e6, 9e6):
    print(value, "->", there_and_back(value))
assert there_and_back(3e-6) == 0 and there_and_back(1e-6) == 0
assert abs(there_and_back(1.0) - 1) < 0.01 and np.isfinite(there_and_back(8e6)) and np.isinf(there_and_back(9e6))
PY
