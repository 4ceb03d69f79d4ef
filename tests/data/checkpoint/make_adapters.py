# SPDX-License-Identifier: Apache-2.0
"""Small bases and PEFT adapters, and what PEFT makes of each: adapters/<base>/, adapters/<case>/ and adapters.json.

adapters.json lists for each case its base, the tensors of the base's file that it replaces, and the terms that it adds in PEFT's order: the
tensor that changes, and rank, scaling and orientation as the loaded PEFT model has them. Made with peft 0.21, transformers 5.23, torch 2.15.
"""
import json
import pathlib
import shutil
import struct
import warnings

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from peft.tuners.lora.layer import Embedding
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, Qwen2Config

warnings.simplefilter("ignore")
HERE = pathlib.Path(__file__).parent / "adapters"
LLAMA = dict(hidden_size=8, intermediate_size=12, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, vocab_size=10)
BASES = {
    "base-llama": LlamaConfig(**LLAMA, tie_word_embeddings=False),
    "base-tied": LlamaConfig(**LLAMA, tie_word_embeddings=True),
    "base-qwen2": Qwen2Config(**LLAMA, tie_word_embeddings=False),
    "base-gpt2": GPT2Config(n_embd=8, n_layer=1, n_head=2, vocab_size=10, n_positions=8),
}
QKV = ["q_proj", "v_proj"]
CASES = {
    "plain": ("base-llama", dict(r=2, lora_alpha=3, target_modules=QKV)),
    "rslora": ("base-llama", dict(r=3, lora_alpha=7, use_rslora=True, target_modules=QKV)),
    "alpha-third": ("base-llama", dict(r=3, lora_alpha=0.1, target_modules=QKV)),
    # the order matters: the first key that matches counts, and it is not the first in the alphabet
    "patterns": ("base-llama", dict(r=2, lora_alpha=4, target_modules="all-linear",
                                    rank_pattern={"z_proj": 9, r"layers\.1\.self_attn\.(q|k)_proj": 4, "model.layers.1.self_attn.q_proj": 5,
                                                  "^model.layers.0.mlp.up_proj": 3, "0.mlp.down_proj": 1},
                                    alpha_pattern={r".*\.1\..*": 11, "q_proj": 0.5, "layers.0.self_attn.[qv]_proj$": 6,
                                                   r"(?!model\.layers\.0\.self).*up_proj": 1.25, "proj": 100})),
    "patterns-rslora": ("base-llama", dict(r=2, lora_alpha=4, use_rslora=True, target_modules=QKV, rank_pattern={"v_proj": 5},
                                           alpha_pattern={"q_proj": 3})),
    "flag-on-linear": ("base-llama", dict(r=2, lora_alpha=3, fan_in_fan_out=True, target_modules=["q_proj", "up_proj"])),
    "embedding": ("base-llama", dict(r=2, lora_alpha=3, target_modules=["embed_tokens", "q_proj"])),
    "saved-modules": ("base-llama", dict(r=2, lora_alpha=3, target_modules=QKV, modules_to_save=["lm_head", "norm"])),
    "head": ("base-llama", dict(r=2, lora_alpha=3, target_modules=["lm_head"])),
    "bias-of-lora": ("base-qwen2", dict(r=2, lora_alpha=3, lora_bias=True, target_modules=QKV)),
    "bias-all": ("base-qwen2", dict(r=2, lora_alpha=3, bias="all", target_modules=["q_proj"])),
    "bias-lora-only": ("base-qwen2", dict(r=2, lora_alpha=3, bias="lora_only", target_modules=["q_proj"])),
    "conv1d": ("base-gpt2", dict(r=2, lora_alpha=3, target_modules=["c_attn", "c_proj"])),
    "conv1d-flag": ("base-gpt2", dict(r=2, lora_alpha=3, fan_in_fan_out=True, target_modules=["c_attn", "c_proj"])),
    "tied-head": ("base-tied", dict(r=2, lora_alpha=3, target_modules=["q_proj", "lm_head"])),
    "tied-both": ("base-tied", dict(r=2, lora_alpha=3, target_modules=["embed_tokens", "lm_head"])),
    "tied-saved-both": ("base-tied", dict(r=2, lora_alpha=3, target_modules=QKV, modules_to_save=["embed_tokens"],
                                          ensure_weight_tying=True)),
    # the merged model has an lm_head of its own
    "unties-head": ("base-tied", dict(r=2, lora_alpha=3, target_modules=QKV, modules_to_save=["lm_head"])),
    "unties-embedding": ("base-tied", dict(r=2, lora_alpha=3, target_modules=QKV, modules_to_save=["embed_tokens"])),
    "dora": ("base-llama", dict(r=2, lora_alpha=3, use_dora=True, target_modules=QKV)),
    "trainable-tokens": ("base-llama", dict(r=2, lora_alpha=3, target_modules=QKV, trainable_token_indices=[1, 2])),
}


def float32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def terms_of(model, stored):
    """What the loaded PEFT model will add, module by module in its own order. `stored`: a tensor's name in the base's file."""
    terms = []
    for name, module in model.base_model.model.named_modules():
        if not isinstance(module, LoraLayer) or "default" not in module.scaling:
            continue
        embedding = isinstance(module, Embedding)
        transposed = not embedding and module.fan_in_fan_out
        terms.append({"kind": "lowrank", "target": stored(name + ".weight"), "rank": module.r["default"],
                      "scale": float32(module.scaling["default"]), "transposed": transposed, "embedding": embedding})
        if module.lora_bias.get("default"):
            terms.append({"kind": "bias", "target": name + ".bias", "rank": module.r["default"],
                          "scale": float32(module.scaling["default"]), "transposed": False, "embedding": False})
    return terms


def main():
    shutil.rmtree(HERE, ignore_errors=True)
    for name, config in BASES.items():
        torch.manual_seed(1)
        AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(HERE / name)
        (HERE / name / "generation_config.json").unlink(missing_ok=True)
    rows = []
    for name, (base, options) in CASES.items():
        torch.manual_seed(2)
        load = lambda: AutoModelForCausalLM.from_pretrained(HERE / base, dtype=torch.bfloat16)
        model = get_peft_model(load(), LoraConfig(task_type="CAUSAL_LM", **options))
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.requires_grad:
                    parameter.add_(torch.randn_like(parameter) * 0.1)
        model.save_pretrained(HERE / name)
        (HERE / name / "README.md").unlink(missing_ok=True)
        settings = HERE / name / "adapter_config.json"  # without this machine's paths
        config = json.loads(settings.read_text())
        config["base_model_name_or_path"] = base
        settings.write_text(json.dumps(config, indent=1) + "\n")
        loaded = PeftModel.from_pretrained(load(), HERE / name)
        stored = lambda tensor: "model.embed_tokens.weight" if base == "base-tied" and tensor == "lm_head.weight" else tensor
        replaced = {stored(key.removeprefix("base_model.model.").replace(".base_layer.", "."))
                    for key in load_file(HERE / name / "adapter_model.safetensors") if "lora_" not in key}
        rows.append({"case": name, "base": base, "replaced": sorted(replaced), "terms": terms_of(loaded, stored)})
    (HERE.parent / "adapters.json").write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


main()
