#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# PEFT 0.21.2: an adapter with modules_to_save=["embed_tokens", "lm_head"] holds two matrices; after resize_token_embeddings the same adapter holds
# six. Each trained matrix is there by its plain name and again as X.modules_to_save.weight, beside the untrained X.original_module.weight, for
# saving resized embeddings takes every key that contains the module's name. Only the plain one is loaded: other numbers in its copy
# change nothing. Exits 1 when that changes.
set -euo pipefail
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv" && "$work/venv/bin/pip" install -q peft==0.21.2 transformers==5.24.0 torch==2.15.0 safetensors==0.8.0
"$work/venv/bin/python" -W ignore - "$work" <<'PYTHON'
import pathlib
import sys

import peft
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

sizes = dict(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, vocab_size=32)


here = pathlib.Path(sys.argv[1])
LlamaForCausalLM(LlamaConfig(**sizes)).save_pretrained(here / "base")


def base(rows):
    model = LlamaForCausalLM.from_pretrained(here / "base")
    if rows != 32:
        model.resize_token_embeddings(rows, mean_resizing=False)
    return model


def adapter(rows, folder):
    model = get_peft_model(base(rows), LoraConfig(r=2, target_modules=["q_proj"], modules_to_save=["embed_tokens", "lm_head"], task_type="CAUSAL_LM"))
    with torch.no_grad():
        model.base_model.model.lm_head.modules_to_save["default"].weight.fill_(3.0)
    model.save_pretrained(folder)
    return load_file(folder / "adapter_model.safetensors")


counts = {}
for rows in (32, 36):
    saved = adapter(rows, here / str(rows))
    whole = {name: tensor for name, tensor in saved.items() if ".lora_" not in name}
    counts[rows] = len(whole)
    print(f"peft {peft.__version__}, {rows} rows over 32: {len(whole)} matrices of the vocabulary")
    for name, tensor in sorted(whole.items()):
        print(f"  {name} {'trained' if bool((tensor == 3).all()) else ''}")
copy = "base_model.model.lm_head.modules_to_save.weight"
saved[copy].fill_(7.0)
save_file(saved, here / "36" / "adapter_model.safetensors")
loaded = PeftModel.from_pretrained(base(36), here / "36").merge_and_unload().lm_head.weight
plain = bool((loaded == 3).all())
print(f"with 7 in {copy}: the lm_head that is loaded and merged is the {'plain' if plain else 'other'} one")
sys.exit(0 if counts == {32: 2, 36: 6} and plain else 1)
PYTHON
