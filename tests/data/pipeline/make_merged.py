#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SHA-256 of every tensor of the demo's chat model with its LoRA adapter merged by PEFT in FP32, rounded once to BF16.

Needs torch, transformers and peft. Writes merged.sha256.json beside itself.
"""
import hashlib
import json
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

here = Path(__file__).parent
demo = here.parents[2] / "resources" / "demo"
model = AutoModelForCausalLM.from_pretrained(demo / "chat", dtype=torch.float32)
merged = PeftModel.from_pretrained(model, demo / "lora-pirate").merge_and_unload()
hashes = {}
for name, tensor in merged.state_dict().items():
    if name == "lm_head.weight":  # tied
        continue
    bytes_ = tensor.to(torch.bfloat16).contiguous().view(torch.int16).numpy().tobytes()
    hashes[name] = hashlib.sha256(bytes_).hexdigest()
(here / "merged.sha256.json").write_text(json.dumps(dict(sorted(hashes.items())), indent=1) + "\n")
