#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The element types of MX formats (FP4 E2M1, FP6) have no NaN. ml_dtypes turns NaN into -0 and infinity into the largest value, and says nothing:
# a broken weight becomes a clean zero.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q install numpy==2.4.6 ml_dtypes==0.6.0
"$work/venv/bin/python" - <<'PY'
import ml_dtypes, numpy as np
values = np.array([np.nan, -np.nan, np.inf, 1e9], np.float32)
print("ml_dtypes", ml_dtypes.__version__)
for name, largest in (("float4_e2m1fn", 6.0), ("float6_e2m3fn", 7.5), ("float6_e3m2fn", 28.0)):
    back = values.astype(getattr(ml_dtypes, name)).astype(np.float32)
    print(name, back.tolist())
    assert back[0] == 0 and np.signbit(back[0]) and back[1] == 0
    assert back[2] == back[3] == largest
PY
