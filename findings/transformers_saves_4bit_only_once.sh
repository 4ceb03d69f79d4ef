#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# transformers 5.24.0: a model that was quantized while it was loaded (load_in_4bit) can be saved, but one that is loaded from that folder cannot be
# saved again: NotImplementedError, after config.json was written, so that a folder is left that names a 4-bit model and holds no weights.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet transformers==5.24.0 torch==2.15.0 bitsandbytes==0.50.2 accelerate==1.15.0 safetensors==0.8.0 numpy==2.4.6
"$place/venv/bin/python" - "$place" <<'PYTHON'
import pathlib
import sys

import bitsandbytes
import torch
import transformers
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, LlamaConfig

print("transformers", transformers.__version__, "bitsandbytes", bitsandbytes.__version__, "torch", torch.__version__)
place = pathlib.Path(sys.argv[1])
config = LlamaConfig(hidden_size=64, intermediate_size=128, num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=2, vocab_size=64)
AutoModelForCausalLM.from_config(config).save_pretrained(place / "model")
options = dict(quantization_config=BitsAndBytesConfig(load_in_4bit=True), device_map="cpu")
AutoModelForCausalLM.from_pretrained(place / "model", **options).save_pretrained(place / "once")
print("saved after load_in_4bit:", sorted(p.name for p in (place / "once").iterdir()))
try:
    AutoModelForCausalLM.from_pretrained(place / "once", device_map="cpu").save_pretrained(place / "twice")
    raised = "nothing"
except NotImplementedError:
    raised = "NotImplementedError"
left = sorted(p.name for p in (place / "twice").iterdir())
print("loaded and saved again:", raised, left)
sys.exit(not (raised == "NotImplementedError" and "config.json" in left and not any(name.endswith(".safetensors") for name in left)))
PYTHON
