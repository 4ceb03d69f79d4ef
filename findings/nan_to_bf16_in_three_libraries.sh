#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One FP32 NaN with a payload, narrowed to BF16: torch writes FFFF whatever sign and payload were, ml_dtypes keeps the sign and drops the payload (7FC0),
# gguf-py keeps both and sets the quiet bit (7FC1). To FP16, numpy keeps the payload and even a signalling NaN, torch quiets it. A check by bits
# across libraries fails on the first NaN.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q install torch==2.15.0 numpy==2.4.6 ml_dtypes==0.6.0 gguf==0.19.0
"$work/venv/bin/python" - <<'PY'
import importlib.metadata, gguf, ml_dtypes, numpy as np, torch
nan = np.array([0x7F800001, 0x7FC12345, 0xFFC00001, 0x7FFFFFFF], np.uint32).view(np.float32)
hexed = lambda bits: [f"{int(b) & 0xFFFF:04X}" for b in bits]
seen = {
    "torch BF16": hexed(torch.from_numpy(nan).bfloat16().view(torch.int16).tolist()),
    "ml_dtypes BF16": hexed(nan.astype(ml_dtypes.bfloat16).view(np.uint16)),
    "gguf BF16": hexed(gguf.quants.quantize(nan.reshape(1, -1), gguf.GGMLQuantizationType.BF16).view(np.uint16)[0]),
    "torch FP16": hexed(torch.from_numpy(nan).half().view(torch.int16).tolist()),
    "numpy FP16": hexed(nan.astype(np.float16).view(np.uint16)),
}
print("torch", torch.__version__, "ml_dtypes", ml_dtypes.__version__, "gguf", importlib.metadata.version("gguf"))
for name, got in seen.items():
    print(f"{name:15}", got)
assert seen["torch BF16"] == ["FFFF"] * 4
assert seen["ml_dtypes BF16"] == ["7FC0", "7FC0", "FFC0", "7FC0"]
assert seen["gguf BF16"] == ["7FC0", "7FC1", "FFC0", "7FFF"]
assert seen["torch FP16"] == ["7E00", "7E09", "FE00", "7FFF"]
assert seen["numpy FP16"] == ["7C01", "7E09", "FE00", "7FFF"]
PY
