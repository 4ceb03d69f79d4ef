#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# transformers 5: rope_parameters by kind of layer, {"full_attention": {…}, "sliding_attention": {…}}, in the config of a Llama are kept, and the
# model runs with plain rotary embeddings of theta 10000, as if nothing were said. In a Qwen 3, whose layers do have kinds, the same
# settings are a KeyError. Exits 1 when that changes.
set -euo pipefail
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv" && "$work/venv/bin/pip" install -q transformers==5.24.0 torch==2.15.0
"$work/venv/bin/python" - <<'PYTHON'
import torch
import transformers
from transformers import LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM

sizes = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, vocab_size=64, head_dim=8)
kinds = {"full_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 500.0}, "sliding_attention": {"rope_type": "default", "rope_theta": 50.0}}
layers = dict(layer_types=["full_attention", "sliding_attention"], use_sliding_window=True, sliding_window=8)
model = LlamaForCausalLM(LlamaConfig(**sizes, rope_parameters={k: dict(v) for k, v in kinds.items()}))
plain = LlamaForCausalLM(LlamaConfig(**sizes))
same = torch.equal(model.model.rotary_emb.inv_freq, plain.model.rotary_emb.inv_freq)
print(f"transformers {transformers.__version__}: a Llama's rope_parameters are {model.config.rope_parameters}")
print(f"its frequencies are those of a config without any: {same}")
try:
    Qwen3ForCausalLM(Qwen3Config(**sizes, **layers, rope_parameters={k: dict(v) for k, v in kinds.items()}))
    other = "nothing"
except KeyError as error:
    other = f"KeyError {error}"
print(f"a Qwen 3 with them raises {other}")
raise SystemExit(not (same and other == "KeyError 'rope_type'"))
PYTHON
