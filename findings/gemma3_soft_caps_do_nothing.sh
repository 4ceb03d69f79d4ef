#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# transformers 5: attn_logit_softcapping in the config of a Gemma 3 is read, kept and saved, and has no effect; Gemma 2 applies it. And
# final_logit_softcapping caps the logits of Gemma3ForCausalLM, but not those of Gemma3ForConditionalGeneration with the same text_config. Exits 1 when that
# changes.
set -euo pipefail
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv" && "$work/venv/bin/pip" install -q transformers==5.24.0 torch==2.15.0
"$work/venv/bin/python" - <<'PYTHON'
import torch
import transformers
from transformers import Gemma2Config, Gemma3Config, Gemma3TextConfig, AutoModelForCausalLM

TEXT = dict(hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, head_dim=16, vocab_size=64, pad_token_id=0,
            initializer_range=0.5, query_pre_attn_scalar=1)
VISION = dict(model_type="siglip_vision_model", hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, image_size=16, patch_size=8)


def logits(config):
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    with torch.no_grad():
        return model(torch.arange(1, 20)[None]).logits


def moves(make, **cap):
    return float((logits(make(**TEXT, **cap)) - logits(make(**TEXT, **dict.fromkeys(cap)))).abs().max()) > 1e-3


def seeing(**text):
    return Gemma3Config(text_config=text, vision_config=VISION, mm_tokens_per_image=4)


found = {}
for name, make in (("gemma2", Gemma2Config), ("gemma3_text", Gemma3TextConfig), ("gemma3", seeing)):
    for cap in ("attn_logit_softcapping", "final_logit_softcapping"):
        found[name, cap] = moves(make, **{cap: 0.5})
        print(f"transformers {transformers.__version__}, torch {torch.__version__}: {cap} of 0.5 changes the logits of {name}: {found[name, cap]}")
expected = [True, True, False, True, False, False]
raise SystemExit(list(found.values()) != expected)
PYTHON
