#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A conjugated or negated view in torch is lazy: the memory holds the original, a bit on the tensor says what to do. safetensors.torch.save_file
# writes the memory and forgets the bit, so conj(1+2j) is read back as 1+2j and -2 as 2. torch.save keeps the bit.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q install torch==2.15.0 safetensors==0.8.0 numpy==2.4.6
"$work/venv/bin/python" - <<'PY'
import os, tempfile, safetensors, torch
from safetensors.torch import load_file, save_file
folder = tempfile.mkdtemp()
conj = torch.tensor([1 + 2j]).conj()
negative = conj.imag
print("torch", torch.__version__, "safetensors", safetensors.__version__)
for name, given, wrong in (("conjugated", conj, 1 + 2j), ("negated", negative, 2.0)):
    save_file({"x": given}, folder + "/a.safetensors")
    torch.save({"x": given}, folder + "/a.pt")
    st, pt = load_file(folder + "/a.safetensors")["x"].item(), torch.load(folder + "/a.pt")["x"].item()
    print(f"{name}: given {given.item()}, safetensors {st}, torch.save {pt}")
    assert st == wrong and pt == given.item() != wrong
PY
