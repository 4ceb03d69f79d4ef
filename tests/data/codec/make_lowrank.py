# SPDX-License-Identifier: Apache-2.0
"""Merges resources/demo/lora-pirate into resources/demo/chat with PEFT itself, in FP32 and with model and adapter cast to BF16, which
rounds the factors and the update first; keeps one weight of each: tests/data/codec/lowrank.safetensors. Versions are in the file's metadata."""
import pathlib

import peft
import torch
import transformers
from safetensors.torch import save_file

root = pathlib.Path(__file__).resolve().parents[3]
demo = root / "resources" / "demo"
name = "model.layers.0.self_attn.q_proj.weight"
tensors = {}
for key, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
    model = transformers.AutoModelForCausalLM.from_pretrained(demo / "chat", dtype=dtype)
    merged = peft.PeftModel.from_pretrained(model, demo / "lora-pirate").to(dtype).merge_and_unload()
    tensors[f"{name}.merged_in_{key}"] = merged.state_dict()[name].to(torch.bfloat16).contiguous()
save_file(tensors, root / "tests/data/codec/lowrank.safetensors",
          metadata={"peft": peft.__version__, "torch": torch.__version__, "transformers": transformers.__version__})
