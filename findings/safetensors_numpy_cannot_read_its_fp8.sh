#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# safetensors.numpy.save_file writes FP8 arrays of ml_dtypes, and load_file of the same module cannot read the file back: it looks for the type in numpy.
# BF16 arrays of ml_dtypes come back.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q install safetensors==0.8.0 numpy==2.4.6 ml_dtypes==0.6.0
"$work/venv/bin/python" - <<'PY'
import os, tempfile, ml_dtypes, numpy as np, safetensors
from safetensors.numpy import load_file, save_file
path = os.path.join(tempfile.mkdtemp(), "a.safetensors")
print("safetensors", safetensors.__version__, "ml_dtypes", ml_dtypes.__version__)
for name, works in (("bfloat16", True), ("float8_e4m3fn", False), ("float8_e5m2", False), ("float8_e8m0fnu", False)):
    save_file({"x": np.ones(4, np.float32).astype(getattr(ml_dtypes, name))}, path)
    try:
        load_file(path)
        said = "read back"
    except AttributeError as error:
        said = f"AttributeError: {error}"
    print(name, "written;", said)
    assert (said == "read back") == works
PY
