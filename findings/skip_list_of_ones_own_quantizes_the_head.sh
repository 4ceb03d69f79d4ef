#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# transformers 5.24.0 with bitsandbytes: load_in_4bit leaves the output head at 16 bits, but llm_int8_skip_modules takes the place of that, instead of
# being added to it: who names one more module to be left alone gets a 4-bit head. A name counts wherever it ends one, too: "up_proj"
# stands for Phi-3's gate_up_proj.
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
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, LlamaConfig, Phi3Config

print("transformers", transformers.__version__, "bitsandbytes", bitsandbytes.__version__, "torch", torch.__version__)
sizes = dict(hidden_size=64, intermediate_size=128, num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=2, vocab_size=64, pad_token_id=0)


def plain(config, skipped):
    """The linear modules that are not quantized."""
    folder = pathlib.Path(sys.argv[1]) / config.model_type
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    options = BitsAndBytesConfig(load_in_4bit=True, llm_int8_skip_modules=skipped)
    model = AutoModelForCausalLM.from_pretrained(folder, quantization_config=options, device_map="cpu")
    return [n for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and not isinstance(m, bitsandbytes.nn.Linear4bit)]


usual, own, ends = plain(LlamaConfig(**sizes), None), plain(LlamaConfig(**sizes), ["q_proj"]), plain(Phi3Config(**sizes), ["up_proj"])
print(f"no list: {usual} stay; [q_proj]: {own}; of a Phi-3 with [up_proj]: {ends}")
sys.exit(not (usual == ["lm_head"] and own == ["model.layers.0.self_attn.q_proj"] and ends == ["model.layers.0.mlp.gate_up_proj"]))
PYTHON
