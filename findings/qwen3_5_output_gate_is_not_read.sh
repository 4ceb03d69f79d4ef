#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# transformers 5: published Qwen3.5 configurations say attn_output_gate: true, but the field is not read. With false, q_proj is still twice as wide and the
# answer the same: a checkpoint without the gate, as the field would say it, does not load. Exits 1 when that changes.
set -euo pipefail
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv" && "$work/venv/bin/pip" install -q transformers==5.24.0 torch==2.15.0
"$work/venv/bin/python" - 2>/dev/null <<'PYTHON'
import torch
import transformers
from transformers import Qwen3_5ForCausalLM, Qwen3_5TextConfig


def made(gate):
    torch.manual_seed(1)
    model = Qwen3_5ForCausalLM(Qwen3_5TextConfig(hidden_size=32, intermediate_size=48, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1,
                                                 head_dim=16, vocab_size=64, layer_types=["full_attention"], attn_output_gate=gate)).eval()
    with torch.no_grad():
        logits = model(torch.tensor([[1, 2, 3]]), use_cache=False).logits
    rows = model.model.layers[0].self_attn.q_proj.weight.shape[0]
    print(f"transformers {transformers.__version__}, attn_output_gate {gate}: q_proj has {rows} rows for 2 heads of 16")
    return rows, logits


(rows, logits), (others, same) = made(True), made(False)
raise SystemExit(not (rows == others == 64 and torch.equal(logits, same)))
PYTHON
