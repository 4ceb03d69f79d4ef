#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An FP32 value beyond 448 becomes 448 in torch when cast to float8_e4m3fn, infinity included, but NaN when cast to float8_e4m3fnuz and
# infinity when cast to float8_e5m2. ml_dtypes gives NaN for E4M3FN. So the same weights quantized by two libraries differ, and an
# overflow in torch leaves no trace.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q install torch==2.15.0 numpy==2.4.6 ml_dtypes==0.6.0
"$work/venv/bin/python" - <<'PY'
import ml_dtypes, numpy as np, torch
values = np.array([448, 464, 465, 1e9, np.inf, -np.inf], np.float32)
seen = {
    "torch e4m3fn": [hex(b) for b in torch.from_numpy(values).to(torch.float8_e4m3fn).view(torch.uint8).tolist()],
    "torch e4m3fnuz": [hex(b) for b in torch.from_numpy(values).to(torch.float8_e4m3fnuz).view(torch.uint8).tolist()],
    "torch e5m2": torch.from_numpy(values).to(torch.float8_e5m2).float().tolist(),
    "ml_dtypes e4m3fn": [hex(b) for b in values.astype(ml_dtypes.float8_e4m3fn).view(np.uint8)],
}
print("torch", torch.__version__, "ml_dtypes", ml_dtypes.__version__)
for name, got in seen.items():
    print(f"{name:17}", got)
assert seen["torch e4m3fn"] == ["0x7e"] * 5 + ["0xfe"]
assert seen["torch e4m3fnuz"] == ["0x80"] * 6
assert seen["torch e5m2"] == [448.0, 448.0, 448.0, np.inf, np.inf, -np.inf]
assert seen["ml_dtypes e4m3fn"] == ["0x7e", "0x7e", "0x7f", "0x7f", "0x7f", "0xff"]
PY
