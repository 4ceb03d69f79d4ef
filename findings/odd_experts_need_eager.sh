#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# transformers 5: a mixture of experts in FP32 whose hidden_size is no multiple of 4 is loaded, and its first pass is a RuntimeError of strides, also on a
# processor. The default experts_implementation, grouped_mm, takes rows of whole 16 bytes only, and no other is fallen back on; "eager" runs the same
# model. Exits 1 when that changes.
set -euo pipefail
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv" && "$work/venv/bin/pip" install -q transformers==5.24.0 torch==2.15.0
"$work/venv/bin/python" - <<'PYTHON'
import torch
import transformers
from transformers import Qwen3MoeConfig, Qwen3MoeForCausalLM

sizes = dict(intermediate_size=50, moe_intermediate_size=20, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, vocab_size=64, head_dim=8,
             num_experts=4, num_experts_per_tok=2)


def outcome(hidden, **how):
    torch.manual_seed(1)
    model = Qwen3MoeForCausalLM._from_config(Qwen3MoeConfig(hidden_size=hidden, **sizes), dtype=torch.float32, **how).eval()
    try:
        with torch.no_grad():
            return f"{tuple(model(torch.tensor([[1, 2, 3]])).logits.shape)}", model.config._experts_implementation
    except RuntimeError as error:
        return str(error), model.config._experts_implementation


for hidden, how in ((40, {}), (39, {}), (39, dict(experts_implementation="eager"))):
    print(f"transformers {transformers.__version__}, torch {torch.__version__}: hidden_size {hidden}, {how or 'as it comes'}: {outcome(hidden, **how)}")
plain, odd, eager = outcome(40)[0], outcome(39)[0], outcome(39, experts_implementation="eager")[0]
raise SystemExit(not (plain == eager == "(1, 3, 64)" and odd == "strides should be multiple of 16 bytes"))
PYTHON
