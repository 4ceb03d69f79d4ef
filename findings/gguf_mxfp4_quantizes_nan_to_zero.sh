#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# gguf 0.19.0: quantize() to MXFP4 turns a block of NaN or infinities into zeros, and finite neighbours of one NaN or infinity too, without an error; to
# Q8_0, Q4_0, Q5_1, TQ1_0 and TQ2_0 the block's NaN stays NaN. So a checkpoint whose training broke looks sound, and small, once it is MXFP4. Exits 1 when
# that changes.
set -euo pipefail
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv" && "$work/venv/bin/pip" install -q gguf==0.19.0 numpy==2.3.5
"$work/venv/bin/python" -W ignore - <<'PYTHON'
import importlib.metadata

import gguf
import numpy

blocks = {"all NaN": numpy.full(256, numpy.nan), "all infinite": numpy.full(256, numpy.inf), "ones and a NaN": numpy.ones(256),
          "ones and an infinity": numpy.ones(256)}
blocks["ones and a NaN"][3::32] = numpy.nan
blocks["ones and an infinity"][3::32] = numpy.inf
print(f"gguf {importlib.metadata.version('gguf')}, numpy {numpy.__version__}")
zeros, lost = [], []
for kind in ("MXFP4", "Q8_0", "Q4_0", "Q5_1", "TQ1_0", "TQ2_0"):
    kind_id = gguf.GGMLQuantizationType[kind]
    for name, values in blocks.items():
        back = gguf.quants.dequantize(gguf.quants.quantize(values.astype(numpy.float32)[None], kind_id), kind_id)[0]
        print(f"  {kind}, {name}: {back[:6].tolist()}")
        if kind == "MXFP4":
            zeros.append(not back.any())
        elif name == "all NaN":
            lost.append(not numpy.isnan(back).all())
raise SystemExit(not (all(zeros) and not any(lost)))
PYTHON
