#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# PEFT 0.21.2: target_modules="all-linear" on a Mixtral means more than its linear layers: the router is trained too (which PEFT then calls the bare
# parameter gate.weight), and of the experts gate_up_proj gets twice the rank and twice the alpha that were asked for, as adapter_config.json says.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet peft==0.21.2 transformers==5.24.0 torch==2.15.0 accelerate==1.15.0 safetensors==0.8.0 numpy==2.4.6
"$place/venv/bin/python" - "$place" <<'PYTHON'
import json
import pathlib
import sys

import peft
import torch
import transformers
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, MixtralConfig

print("peft", peft.__version__, "transformers", transformers.__version__, "torch", torch.__version__)
place = pathlib.Path(sys.argv[1])
sizes = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, vocab_size=40, num_local_experts=3)
AutoModelForCausalLM.from_config(MixtralConfig(**sizes)).save_pretrained(place / "model")
settings = LoraConfig(task_type="CAUSAL_LM", r=2, lora_alpha=3, target_modules="all-linear")
get_peft_model(AutoModelForCausalLM.from_pretrained(place / "model"), settings).save_pretrained(place / "lora")
config = json.loads((place / "lora/adapter_config.json").read_text())
shapes = {name.split("layers.0.")[1]: tuple(t.shape) for name, t in load_file(place / "lora/adapter_model.safetensors").items()}
router, doubled, single = "mlp.gate.lora_A.weight" in shapes, shapes["mlp.experts.base_layer.lora_A.weight"], shapes["mlp.experts.lora_A.weight"]
print(f"asked for r = {config['r']}, alpha = {config['lora_alpha']}: {config['target_parameters']}, {config['rank_pattern']}, {config['alpha_pattern']}")
print(f"the router is trained: {router}; gate_up_proj of three experts has {doubled[0]} rows of A, down_proj {single[0]}")
sys.exit(not (router and doubled[0] == 3 * 4 and single[0] == 3 * 2 and list(config["rank_pattern"].values()) == [4]))
PYTHON
