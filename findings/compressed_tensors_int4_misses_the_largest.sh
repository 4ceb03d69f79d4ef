#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# compressed-tensors 0.20.1: the scale of symmetric integers is the largest magnitude divided by 7.5 (INT4) or 127.5 (INT8), half a step short of the codes
# -8 … 7, so that of all weights the largest of a group is the one that is never exact: 1.0 comes back as 0.9333 (INT4) or 0.9961, and so does a group whose
# weights are all equal. Formats that divide by 7 or 127 (bitsandbytes' INT8, GGUF's Q8_0) give it back; asymmetric INT4 does too. Exits 1 when that changes.
set -euo pipefail
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv" && "$work/venv/bin/pip" install -q compressed-tensors==0.20.1 torch==2.15.0 transformers==5.24.0
"$work/venv/bin/python" -W ignore - <<'PYTHON'
import compressed_tensors
import torch
from compressed_tensors.quantization import QuantizationArgs, fake_quantize
from compressed_tensors.quantization.utils import calculate_qparams

print(f"compressed-tensors {compressed_tensors.__version__}")


def back(weights, **how):
    args = QuantizationArgs(strategy="channel", **how)
    scale, zero = calculate_qparams(weights.amin(-1, keepdim=True), weights.amax(-1, keepdim=True), args)
    return fake_quantize(weights, scale, zero, args)


seen = {}
for name, weights in (("mixed", torch.tensor([[0.0, 0.25, -0.5, 1.0]])), ("equal", torch.full((1, 4), -1.0))):
    for how in (dict(num_bits=4, symmetric=True), dict(num_bits=8, symmetric=True), dict(num_bits=4, symmetric=False)):
        seen[name, how["num_bits"], how["symmetric"]] = back(weights, **how)[0, -1].item()
        print(f"  {name} {weights.tolist()[0]}, {how}: the last comes back as {seen[name, how['num_bits'], how['symmetric']]:.4f}")
right = {("mixed", 4, True): 0.9333, ("mixed", 8, True): 0.9961, ("mixed", 4, False): 1.0, ("equal", 4, True): -0.9333, ("equal", 8, True): -0.9961,
         ("equal", 4, False): -1.0}
raise SystemExit(any(round(seen[key], 4) != value for key, value in right.items()))
PYTHON
