# SPDX-License-Identifier: Apache-2.0
"""Small bases, PEFT adapters of several kinds, and what PEFT merges: merges/<base>/, merges/<case>/ with merged.safetensors, merges.json.

    python3 tests/data/pipeline/make_merges.py [case …]

merged.safetensors holds the tensors that merge_and_unload changed or untied, by the names of the base's file. Made with peft 0.21.2, transformers 5.24,
torch 2.15 on a processor, one thread.
"""
import json
import pathlib
import shutil
import sys
import tempfile
import warnings

import torch
from peft import LoraConfig, PeftModel, TrainableTokensConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, GPT2Config, GptOssConfig, LlamaConfig, MixtralConfig, Qwen2Config, Qwen3MoeConfig

warnings.simplefilter("ignore")
HERE = pathlib.Path(__file__).parent / "merges"
LLAMA = dict(hidden_size=24, intermediate_size=40, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, vocab_size=50)
BASES = {
    "base": (LlamaConfig(**LLAMA, tie_word_embeddings=False), torch.bfloat16),
    "base-tied": (LlamaConfig(**LLAMA, tie_word_embeddings=True), torch.bfloat16),
    "base-f16": (LlamaConfig(**LLAMA, tie_word_embeddings=False), torch.float16),
    "base-f32": (LlamaConfig(**LLAMA, tie_word_embeddings=False), torch.float32),
}
MOE = LLAMA | dict(num_local_experts=3, num_experts_per_tok=2, head_dim=8)
BASES |= {
    "base-gpt2": (GPT2Config(n_embd=24, n_layer=1, n_head=2, n_positions=8, vocab_size=50, bos_token_id=1, eos_token_id=2), torch.bfloat16),
    "base-qwen2": (Qwen2Config(**LLAMA), torch.bfloat16),
    "base-mixtral": (MixtralConfig(**MOE), torch.bfloat16),
    "base-mixtral-f16": (MixtralConfig(**MOE), torch.float16),
    "base-qwen3-moe": (Qwen3MoeConfig(**LLAMA, num_experts=3, num_experts_per_tok=2, moe_intermediate_size=16, head_dim=8), torch.bfloat16),
    "base-gpt-oss": (GptOssConfig(**MOE), torch.bfloat16),
}
EXPERTS = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]
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
    "dora-embedding": ("base", lora(EMBEDDING, use_dora=True), torch.float32, False),
    "dora-embedding-f16": ("base-f16", lora(EMBEDDING + LINEAR, use_dora=True), torch.float32, False),
    "dora-embedding-tied": ("base-tied", lora(EMBEDDING, use_dora=True), torch.bfloat16, False),
    "dora-gpt2": ("base-gpt2", lora(["c_attn", "c_proj"], use_dora=True, fan_in_fan_out=True), torch.float32, False),
    "patterns": (
        "base",
        lora("all-linear", r=6, rank_pattern={"q_proj": 1, "down_proj": 3}, alpha_pattern={".*mlp.*": 11.5}, use_rslora=True),
        torch.float32,
        False,
    ),
    "wide": ("base", lora(LINEAR, r=24, lora_alpha=-5), torch.float32, False),
    "gpt2": ("base-gpt2", lora(["c_attn", "c_fc", "wte"], fan_in_fan_out=True), torch.float32, False),
    "bias": ("base-qwen2", lora(["q_proj", "up_proj", "k_proj"], bias="lora_only"), torch.float32, False),
    "lora-bias": ("base-qwen2", lora(["q_proj", "v_proj"], lora_bias=True), torch.float32, False),
    "head-saved": ("base", lora(LINEAR, modules_to_save=["lm_head"]), torch.float32, False),
    "norms-saved": ("base", lora(LINEAR, modules_to_save=["input_layernorm", "norm"]), torch.float32, True),
    "experts": ("base-mixtral", lora(["q_proj"], target_parameters=EXPERTS), torch.float32, False),
    "experts-all-linear": ("base-mixtral", lora("all-linear", r=2, lora_alpha=3), torch.float32, False),
    "experts-f16": ("base-mixtral-f16", lora(["o_proj"], target_parameters=EXPERTS[:1]), torch.float32, False),
    "experts-down": ("base-qwen3-moe", lora([], target_parameters=EXPERTS[1:], r=5), torch.float32, False),
    "experts-one-by-one": ("base-qwen3-moe", lora(LINEAR, target_parameters=["gate.weight"] + EXPERTS, use_rslora=True), torch.float32, False),
    "experts-stacked": ("base-gpt-oss", lora(["q_proj"], target_parameters=EXPERTS), torch.float32, True),
    "experts-stacked-patterns": (
        "base-gpt-oss",
        lora([], target_parameters=EXPERTS, rank_pattern={"mlp.experts.down_proj": 2}, alpha_pattern={"mlp.experts.gate_up_proj": 1}),
        torch.bfloat16,
        False,
    ),
    "unties-both": ("base-tied", lora(LINEAR, modules_to_save=["embed_tokens", "lm_head"]), torch.float32, False),
    "unties-embedding": ("base-tied", lora(LINEAR + ["lm_head"], modules_to_save=["embed_tokens"]), torch.float32, False),
    "unties-head": ("base-tied", lora(LINEAR + EMBEDDING, modules_to_save=["lm_head"]), torch.bfloat16, False),
}


def tensors_of(model, stored):
    """By the names of the file, in which experts lie one by one."""
    if any(".experts." in name for name in stored):
        with tempfile.TemporaryDirectory() as folder:
            model.save_pretrained(folder)
            return load_file(pathlib.Path(folder) / "model.safetensors")
    held = stored if model.config.tie_word_embeddings else stored | {"lm_head.weight": None}
    return {name: tensor for name, tensor in model.state_dict().items() if name in held}


@torch.no_grad()
def main():
    torch.set_num_threads(1)
    wanted = sys.argv[1:]
    for name, (config, dtype) in BASES.items():
        if wanted and (HERE / name).exists():
            continue
        shutil.rmtree(HERE / name, ignore_errors=True)
        torch.manual_seed(1)
        AutoModelForCausalLM.from_config(config, dtype=dtype).save_pretrained(HERE / name)
        (HERE / name / "generation_config.json").unlink(missing_ok=True)
    rows = []
    for number, (name, (base, config, saved, pickle)) in enumerate(CASES.items()):
        if wanted and name not in wanted:
            changed = load_file(HERE / name / "merged.safetensors")
            rows.append({"case": name, "base": base, "changed": sorted(changed)})
            continue
        shutil.rmtree(HERE / name, ignore_errors=True)
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
        changed = {k: t.contiguous() for k, t in merged.items() if k not in before or not torch.equal(t, before[k])}
        assert changed
        save_file(changed, HERE / name / "merged.safetensors", {"format": "pt"})
        rows.append({"case": name, "base": base, "changed": sorted(changed)})
        print(name, sorted(changed), flush=True)
    (HERE.parent / "merges.json").write_text("[\n " + ",\n ".join(json.dumps(row) for row in rows) + "\n]\n")


main()
