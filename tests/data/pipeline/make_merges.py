# SPDX-License-Identifier: Apache-2.0
"""Small bases, PEFT adapters of several kinds, and what PEFT merges: merges/<base>/, merges/<case>/ with merged.safetensors, merges.json.

    python3 tests/data/pipeline/make_merges.py

merged.safetensors holds the tensors that merge_and_unload changed, by the names of the base's file. Made with peft 0.21.2, transformers 5.24,
torch 2.15 on a processor, one thread.
"""
import json
import pathlib
import shutil
import warnings

import torch
from peft import LoraConfig, PeftModel, TrainableTokensConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, LlamaConfig

warnings.simplefilter("ignore")
HERE = pathlib.Path(__file__).parent / "merges"
LLAMA = dict(hidden_size=24, intermediate_size=40, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, vocab_size=50)
BASES = {
    "base": (LlamaConfig(**LLAMA, tie_word_embeddings=False), torch.bfloat16),
    "base-tied": (LlamaConfig(**LLAMA, tie_word_embeddings=True), torch.bfloat16),
    "base-f16": (LlamaConfig(**LLAMA, tie_word_embeddings=False), torch.float16),
    "base-f32": (LlamaConfig(**LLAMA, tie_word_embeddings=False), torch.float32),
}
LINEAR, EMBEDDING = ["q_proj", "down_proj"], ["embed_tokens"]


def lora(modules, **options):
    return LoraConfig(task_type="CAUSAL_LM", r=options.pop("r", 4), lora_alpha=options.pop("lora_alpha", 7), target_modules=modules, **options)


# case: base, settings, type that the adapter is saved in, whether as a pickle
CASES = {
    "linear": ("base", lora(LINEAR), torch.float32, False),
    "linear-f16": ("base-f16", lora(LINEAR), torch.float32, False),
    "linear-f32": ("base-f32", lora(LINEAR), torch.float32, False),
    "linear-saved-bf16": ("base", lora(LINEAR), torch.bfloat16, False),
    "embedding": ("base", lora(EMBEDDING), torch.float32, False),
    "embedding-one": ("base", lora(EMBEDDING, r=1, lora_alpha=2), torch.float32, False),
    "embedding-f16": ("base-f16", lora(EMBEDDING), torch.float32, False),
    "embedding-f32": ("base-f32", lora(EMBEDDING), torch.float32, False),
    "embedding-saved-bf16": ("base", lora(EMBEDDING), torch.bfloat16, False),
    "embedding-tied": ("base-tied", lora(EMBEDDING), torch.float32, False),
    "both": ("base", lora(LINEAR + EMBEDDING + ["lm_head"]), torch.float32, False),
    "pickle": ("base", lora(LINEAR + EMBEDDING), torch.float32, True),
    "dora": ("base", lora(LINEAR, use_dora=True), torch.float32, False),
    "dora-f16": ("base-f16", lora(LINEAR, use_dora=True, use_rslora=True), torch.float32, False),
    "dora-saved-bf16": ("base", lora(LINEAR, use_dora=True), torch.bfloat16, True),
    "tokens": ("base", lora(LINEAR, trainable_token_indices=[3, 1, 49]), torch.float32, False),
    "tokens-by-module": ("base", lora(LINEAR, trainable_token_indices={"embed_tokens": [0, 7], "lm_head": [9]}), torch.float32, False),
    "tokens-tied": ("base-tied", lora(LINEAR, trainable_token_indices=[3, 1]), torch.float32, False),
    "tokens-f16": ("base-f16", lora(LINEAR, trainable_token_indices=[3, 1]), torch.float32, True),
    "tokens-alone": ("base", TrainableTokensConfig(token_indices=[5, 6, 7]), torch.float32, False),
}


def tensors_of(model, stored):
    return {name: tensor for name, tensor in model.state_dict().items() if name in stored}


@torch.no_grad()
def main():
    torch.set_num_threads(1)
    shutil.rmtree(HERE, ignore_errors=True)
    for name, (config, dtype) in BASES.items():
        torch.manual_seed(1)
        AutoModelForCausalLM.from_config(config, dtype=dtype).save_pretrained(HERE / name)
        (HERE / name / "generation_config.json").unlink(missing_ok=True)
    rows = []
    for number, (name, (base, config, saved, pickle)) in enumerate(CASES.items()):
        torch.manual_seed(100 + number)
        load = lambda: AutoModelForCausalLM.from_pretrained(HERE / base, dtype=BASES[base][1])
        model = get_peft_model(load(), config)
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.05)
        model.save_pretrained(HERE / name, safe_serialization=not pickle)
        (HERE / name / "README.md").unlink(missing_ok=True)
        if saved != torch.float32 and pickle:
            file = HERE / name / "adapter_model.bin"
            torch.save({k: t.to(saved) for k, t in torch.load(file).items()}, file)
        elif saved != torch.float32:
            file = HERE / name / "adapter_model.safetensors"
            save_file({k: t.to(saved) for k, t in load_file(file).items()}, file, {"format": "pt"})
        settings = HERE / name / "adapter_config.json"  # without this machine's paths
        held = json.loads(settings.read_text())
        held["base_model_name_or_path"] = base
        settings.write_text(json.dumps(held, indent=1) + "\n")
        before = load_file(HERE / base / "model.safetensors")
        merged = tensors_of(PeftModel.from_pretrained(load(), HERE / name).merge_and_unload(), before)
        changed = {k: t.contiguous() for k, t in merged.items() if not torch.equal(t, before[k])}
        assert changed
        save_file(changed, HERE / name / "merged.safetensors", {"format": "pt"})
        rows.append({"case": name, "base": base, "changed": sorted(changed)})
        print(name, sorted(changed), flush=True)
    (HERE.parent / "merges.json").write_text("[\n " + ",\n ".join(json.dumps(row) for row in rows) + "\n]\n")


main()
