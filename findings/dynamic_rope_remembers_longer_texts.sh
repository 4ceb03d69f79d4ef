#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# transformers 5, rope_type "dynamic": the logits of a prompt that is longer than the trained context depend on what the model read before.
# The frequencies are computed anew for a longer text, and put back for one within the trained context; a text between the two is
# read with the frequencies of the longest one so far. Exits 1 when that changes.
set -euo pipefail
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv" && "$work/venv/bin/pip" install -q transformers==5.24.0 torch==2.15.0
"$work/venv/bin/python" - <<'PYTHON'
import torch
import transformers
from transformers import LlamaConfig, LlamaForCausalLM

config = LlamaConfig(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, vocab_size=64,
                     max_position_embeddings=16, rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0})
torch.manual_seed(1)
model = LlamaForCausalLM(config).eval()
for weight in model.parameters():
    torch.nn.init.normal_(weight, std=0.5)
text = lambda n: torch.arange(n)[None] % 64
with torch.no_grad():
    alone = model(text(20), use_cache=False).logits
    model(text(60), use_cache=False)
    after = model(text(20), use_cache=False).logits
    model(text(8), use_cache=False)
    again = model(text(20), use_cache=False).logits
moved = float((alone - after).abs().max())
print(f"transformers {transformers.__version__}, torch {torch.__version__}: 20 tokens after a text of 60: the largest logit moves by {moved:.3f}")
print(f"after a text of 8, which puts the frequencies back: equal to the first time: {torch.equal(alone, again)}")
raise SystemExit(not (moved > 1e-3 and torch.equal(alone, again)))
PYTHON
