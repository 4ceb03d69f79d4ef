#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# safetensors.numpy.save_file takes a transposed or Fortran-ordered array and writes its memory in storage order under the logical shape: the
# file loads without an error and holds other values. safetensors.torch refuses such a tensor.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q install safetensors==0.8.0 numpy==2.4.6
"$work/venv/bin/python" - <<'PY'
import os, tempfile, numpy as np, safetensors
from safetensors.numpy import load_file, save_file
array = np.arange(6, dtype=np.float32).reshape(2, 3)
path = os.path.join(tempfile.mkdtemp(), "a.safetensors")
print("safetensors", safetensors.__version__)
for name, given in (("transposed", array.T), ("Fortran order", np.asfortranarray(array)), ("contiguous", array)):
    save_file({"x": given}, path)
    back = load_file(path)["x"]
    print(f"{name}: given {given.tolist()}, read back {back.tolist()}")
    assert back.shape == given.shape
    assert np.array_equal(back, given) == (name == "contiguous")
PY
