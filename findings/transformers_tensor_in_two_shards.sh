#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# transformers 5.24.0: where a tensor lies in two shards with different values, the one that the index names is not the one that is loaded. Every
# tensor of every shard that the index mentions is taken, in the order of the file names, and the last one wins, without a word.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet transformers==5.24.0 torch==2.15.0 safetensors==0.8.0 numpy==2.4.6
"$place/venv/bin/python" - "$place/model" <<'PYTHON'
import json
import pathlib
import sys

import safetensors
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, LlamaConfig

print("transformers", transformers.__version__, "torch", torch.__version__, "safetensors", safetensors.__version__)
folder = pathlib.Path(sys.argv[1])
config = LlamaConfig(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, num_key_value_heads=1, vocab_size=8)
AutoModelForCausalLM.from_config(config).save_pretrained(folder)
tensors = load_file(folder / "model.safetensors")
(folder / "model.safetensors").unlink()
one, two, norm = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.norm.weight"
save_file({norm: torch.full((8,), 1.0)}, folder / one, {"format": "pt"})
save_file(tensors | {norm: torch.full((8,), 2.0)}, folder / two, {"format": "pt"})
weight_map = dict.fromkeys(tensors, two) | {norm: one}
(folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
loaded = float(AutoModelForCausalLM.from_pretrained(folder).model.norm.weight[0].detach())
print(f"the index puts {norm} into {one}, where it is 1.0; {two} has 2.0; loaded: {loaded}")
sys.exit(0 if loaded == 2.0 else 1)
PYTHON
