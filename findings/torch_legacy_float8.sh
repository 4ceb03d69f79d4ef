#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# torch 2.15.0 writes FP8, uint16 and other later types into a file without ZIP (_use_new_zipfile_serialization=False) and says nothing; torch.load
# of the same version cannot read it back. With the ZIP format the same dict comes back. Whoever asks for the older format "for compatibility" loses them.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet torch==2.15.0 numpy==2.4.6
"$place/venv/bin/python" - "$place" <<'PYTHON'
import sys

import torch

folder, changed = sys.argv[1], 0
print("torch", torch.__version__)
for dtype in (torch.float32, torch.float8_e4m3fn, torch.uint16):
    value = {"w": torch.ones(4).to(dtype)}
    for zipped in (True, False):
        path = f"{folder}/{dtype}-{zipped}.pt"
        torch.save(value, path, _use_new_zipfile_serialization=zipped)
        try:
            came = "came back" if torch.equal(torch.load(path)["w"].float(), value["w"].float()) else "came back otherwise"
        except Exception as error:
            came = f"could not be loaded ({type(error).__name__}: {str(error).splitlines()[0][:90]})"
        print(f"{dtype}, {'ZIP' if zipped else 'no ZIP'}: {came}")
        expected = zipped or dtype == torch.float32
        changed += (came == "came back") != expected
sys.exit(1 if changed else 0)
PYTHON
