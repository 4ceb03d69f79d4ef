#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# E8M0, the scale type of the MX formats, has neither sign nor zero. torch casts -2 to 2 and 0 to 2^-127 without a word; ml_dtypes
# makes both NaN. A scale of zero (a block of zeros) or a wrong sign is found with the one and hidden by the other.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q install torch==2.15.0 numpy==2.4.6 ml_dtypes==0.6.0
"$work/venv/bin/python" - <<'PY'
import ml_dtypes, numpy as np, torch
values = np.array([2, -2, 0, -0.0, np.inf], np.float32)
ours = [hex(b) for b in torch.from_numpy(values).to(torch.float8_e8m0fnu).view(torch.uint8).tolist()]
other = [hex(b) for b in values.astype(ml_dtypes.float8_e8m0fnu).view(np.uint8)]
print("torch", torch.__version__, "ml_dtypes", ml_dtypes.__version__)
print("values   ", values.tolist())
print("torch    ", ours)
print("ml_dtypes", other)
assert ours == ["0x80", "0x80", "0x0", "0x0", "0xff"]
assert other == ["0x80", "0xff", "0xff", "0xff", "0xff"]
PY
