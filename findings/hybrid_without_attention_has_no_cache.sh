#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# transformers 5: a Qwen3.5 whose layer_types are all linear_attention, which its configuration takes, computes logits without a cache; the cache that it makes
# for itself is a ValueError in the second call, as its length is asked of a layer with attention and there is none. generate() fails so too. With one
# full_attention layer both work. Exits 1 when that changes.
set -euo pipefail
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv" && "$work/venv/bin/pip" install -q transformers==5.24.0 torch==2.15.0
"$work/venv/bin/python" - 2>/dev/null <<'PYTHON'
import torch
import transformers
from transformers import Qwen3_5ForCausalLM, Qwen3_5TextConfig


def outcome(kinds):
    torch.manual_seed(1)
    model = Qwen3_5ForCausalLM(Qwen3_5TextConfig(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
                                                 head_dim=16, vocab_size=64, linear_num_key_heads=2, linear_num_value_heads=2, linear_key_head_dim=8,
                                                 linear_value_head_dim=8, layer_types=kinds)).eval()
    said = []
    for way in (lambda: model(torch.tensor([[1, 2]]), use_cache=False), lambda: model.generate(torch.tensor([[1, 2]]), max_new_tokens=2, do_sample=False)):
        try:
            with torch.no_grad():
                way()
            said.append("works")
        except ValueError as error:
            said.append(f"ValueError: {error}")
    print(f"transformers {transformers.__version__}, {kinds}: without a cache {said[0]}; generate() {said[1]}")
    return said


mixed, linear = outcome(["linear_attention", "full_attention"]), outcome(["linear_attention"] * 2)
raise SystemExit(not (mixed == ["works"] * 2 and linear[0] == "works" and linear[1].startswith("ValueError")))
PYTHON
