# SPDX-License-Identifier: Apache-2.0
"""Tiny random checkpoints and what transformers computes from them: CASE/, cases.json and logits.safetensors.

    python3 tests/data/model/make_models.py

make_recurrent_models.py makes more of them in the same way, with files of its own beside these. cases.json has two lists, "cases" and "refused" (what a plain forward pass may decline, with the config fields that ask for more, in "fields").
A row is one prompt of one case: {"model": its folder, "ids": the prompt, "greedy": the ids that follow, "margin": the smallest lead of the
best logit over the second on the way, "logits": the key in logits.safetensors of the logits after the prompt's last token, "spread": how far
these are from what transformers itself gets token by token with its cache, by rounding}. Everything is computed in FP32 from the weights as
stored, eager attention, read back from the folder. Greedy goes on past an end token, but none of the ids in generation_config.json occurs in it.

Seeds are searched until every margin is at least MARGIN and the greedy ids vary; "matters" lists changes of the config that must move some
logit by MOVES, or the case would prove nothing. Made with transformers 5.24, torch 2.15.
"""
import json
import pathlib
import shutil
import tempfile

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText
from transformers.utils import logging

HERE = pathlib.Path(__file__).parent
MARGIN, MOVES, STEPS, LENGTHS = 0.02, 0.05, 16, (1, 2, 7, 40)
LLAMA = dict(architectures=["LlamaForCausalLM"], model_type="llama", hidden_size=32, intermediate_size=44, num_hidden_layers=2,
             num_attention_heads=4, num_key_value_heads=2, vocab_size=131, max_position_embeddings=512, rms_norm_eps=1e-5, hidden_act="silu",
             tie_word_embeddings=False, torch_dtype="bfloat16")
MISTRAL = LLAMA | dict(architectures=["MistralForCausalLM"], model_type="mistral", rope_theta=10000.0)
QWEN2 = LLAMA | dict(architectures=["Qwen2ForCausalLM"], model_type="qwen2", rms_norm_eps=1e-6, rope_theta=1000000.0)
QWEN3 = LLAMA | dict(architectures=["Qwen3ForCausalLM"], model_type="qwen3", rms_norm_eps=1e-6, rope_theta=1000000.0, head_dim=16,
                     attention_bias=False)
MOE = QWEN3 | dict(architectures=["Qwen3MoeForCausalLM"], model_type="qwen3_moe", num_experts=8, num_experts_per_tok=2, moe_intermediate_size=20,
                   norm_topk_prob=True, decoder_sparse_step=1, mlp_only_layers=[])
MIXTRAL = MISTRAL | dict(architectures=["MixtralForCausalLM"], model_type="mixtral", rope_theta=1000000.0, num_local_experts=6, num_experts_per_tok=2,
                         sliding_window=None)
GEMMA2 = dict(architectures=["Gemma2ForCausalLM"], model_type="gemma2", hidden_size=36, intermediate_size=44, num_hidden_layers=4, num_attention_heads=4,
              num_key_value_heads=2, head_dim=14, vocab_size=131, max_position_embeddings=512, rms_norm_eps=1e-6, rope_theta=10000.0,
              hidden_activation="gelu_pytorch_tanh", query_pre_attn_scalar=20, sliding_window=6, attn_logit_softcapping=4.0, final_logit_softcapping=9.0,
              torch_dtype="bfloat16")
GEMMA3 = GEMMA2 | dict(architectures=["Gemma3ForCausalLM"], model_type="gemma3_text", attn_logit_softcapping=None, final_logit_softcapping=None,
                       rope_theta=1000.0, rope_local_base_freq=100.0, rope_scaling=dict(rope_type="linear", factor=4.0), sliding_window_pattern=3)
OLMO2 = LLAMA | dict(architectures=["Olmo2ForCausalLM"], model_type="olmo2", hidden_size=36, num_attention_heads=3, num_key_value_heads=1, num_hidden_layers=3, rope_theta=500.0)
SMOLLM3 = LLAMA | dict(architectures=["SmolLM3ForCausalLM"], model_type="smollm3", num_hidden_layers=4, pad_token_id=None, rope_theta=500.0, no_rope_layer_interval=3,
                       use_sliding_window=True, sliding_window=6, attention_bias=True, mlp_bias=True)
GRANITE = LLAMA | dict(architectures=["GraniteForCausalLM"], model_type="granite", embedding_multiplier=3.0, logits_scaling=1.5,
                       residual_multiplier=0.4, attention_multiplier=0.2)
PHI3 = LLAMA | dict(architectures=["Phi3ForCausalLM"], model_type="phi3", hidden_size=48, num_attention_heads=3, num_key_value_heads=1, pad_token_id=None,
                    rope_theta=500.0, original_max_position_embeddings=32, max_position_embeddings=128)
LONGROPE = dict(type="longrope", short_factor=[1.0, 1.1, 1.2, 1.4, 1.7, 2.0], long_factor=[1.0, 1.5, 2.0, 2.5, 3.5, 5.0])
PIXTRAL = dict(model_type="pixtral", hidden_size=8, intermediate_size=12, num_hidden_layers=1, num_attention_heads=2, image_size=16, patch_size=4)
VISION = dict(model_type="siglip_vision_model", hidden_size=8, intermediate_size=12, num_hidden_layers=1, num_attention_heads=2, image_size=16, patch_size=8)
TINY = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, vocab_size=67)
# head_dim 16 and a context of 64: some frequencies stay, some are blended, some are divided
LLAMA3 = dict(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64)
ABSENT = object()  # a field that is left out of config.json
CHUNKS = ["sliding_attention", "full_attention", "sliding_attention"]

# name: config.json, and "lengths" of prompts, "trained" (the length that frequencies were trained on, where it counts), "matters", "shard" size, "head": an lm_head of its own in the file of a tied model
CASES = {
    "llama-mha": (LLAMA | dict(hidden_size=48, intermediate_size=80, num_key_value_heads=4, vocab_size=199, rope_theta=10000.0, rope_scaling=None,
                               pretraining_tp=1, torch_dtype="float16"), dict(matters=[dict(rope_theta=500.0)])),
    "llama3-tied": (LLAMA | dict(num_attention_heads=4, head_dim=16, tie_word_embeddings=True, rope_theta=500000.0,
                                 rope_scaling=dict(rope_type="llama3", **LLAMA3)),
                    dict(lengths=LENGTHS + (90,), shard="16KB", matters=[dict(rope_scaling=None)])),
    "llama3-type": (LLAMA | dict(num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, rope_theta=1000.0,
                                 rope_scaling=dict(type="llama3", **LLAMA3)),
                    dict(lengths=LENGTHS + (90,), matters=[dict(rope_scaling=None)])),
    "llama3-parameters": (LLAMA | dict(num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, torch_dtype=ABSENT, dtype="bfloat16",
                                       rope_parameters=dict(rope_type="llama3", rope_theta=1000.0, **LLAMA3)),
                          dict(lengths=LENGTHS + (90,),
                               matters=[dict(rope_parameters=dict(rope_type="default", rope_theta=1000.0)),
                                        dict(rope_parameters=dict(rope_type="llama3", rope_theta=10000.0, **LLAMA3))])),
    "llama-linear": (LLAMA | dict(rope_theta=10000.0, rope_scaling=dict(type="linear", factor=4.0)),
                     dict(lengths=LENGTHS + (90,), matters=[dict(rope_scaling=None)])),
    "llama-linear-parameters": (LLAMA | TINY | dict(rope_parameters=dict(rope_type="linear", factor=2.5, rope_theta=5000.0)),
                                dict(matters=[dict(rope_parameters=dict(rope_type="default", rope_theta=5000.0))])),
    "llama-bias": (LLAMA | dict(attention_bias=True, mlp_bias=True, rope_theta=10000.0), dict(matters=[dict(mlp_bias=False),
                                                                                                 dict(attention_bias=False)])),
    "llama-head-dim": (LLAMA | dict(num_attention_heads=4, num_key_value_heads=1, head_dim=12, rope_theta=10000.0), {}),
    "llama-f32-odd": (LLAMA | dict(hidden_size=39, intermediate_size=50, num_attention_heads=3, num_key_value_heads=1, head_dim=14, vocab_size=101,
                                   rope_theta=10000.0, torch_dtype="float32"), {}),
    "llama-defaults": (LLAMA | TINY | dict(num_key_value_heads=ABSENT, rms_norm_eps=ABSENT, hidden_act=ABSENT, tie_word_embeddings=ABSENT,
                                           max_position_embeddings=ABSENT, torch_dtype=ABSENT),
                       dict(matters=[dict(rms_norm_eps=0.1), dict(rope_theta=500.0)])),
    "llama-tied-with-head": (LLAMA | TINY | dict(tie_word_embeddings=True, rope_theta=10000.0), dict(head=True)),
    "mistral-window": (MISTRAL | dict(sliding_window=8), dict(lengths=(1, 2, 7, 8, 9, 40), matters=[
        dict(sliding_window=None), dict(sliding_window=7), dict(sliding_window=9)])),
    "mistral-null": (MISTRAL | dict(sliding_window=None, head_dim=10), dict(lengths=LENGTHS, matters=[dict(sliding_window=8)])),
    "mistral-defaults": (MISTRAL | TINY | dict(hidden_size=32, num_attention_heads=8, num_key_value_heads=ABSENT, rope_theta=ABSENT, rms_norm_eps=ABSENT,
                                               hidden_act=ABSENT, tie_word_embeddings=ABSENT),
                         dict(matters=[dict(rope_theta=500.0), dict(sliding_window=8)])),
    # the window is there and not used
    # as mistralai/Mistral-Small-3.1-24B-Instruct-2503
    "mistral3-vision": (dict(architectures=["Mistral3ForConditionalGeneration"], model_type="mistral3", spatial_merge_size=2, torch_dtype="bfloat16",
                             text_config={key: value for key, value in MISTRAL.items() if key not in ("architectures", "torch_dtype")} | dict(
                                 sliding_window=None, head_dim=10, rope_theta=1000.0), vision_config=PIXTRAL), dict(lengths=(2, 40))),
    "qwen2-tied": (QWEN2 | dict(tie_word_embeddings=True, use_sliding_window=False, sliding_window=8, max_window_layers=0),
                   dict(matters=[dict(use_sliding_window=True)])),
    "qwen2-window": (QWEN2 | dict(num_hidden_layers=3, use_sliding_window=True, sliding_window=6, max_window_layers=1),
                     dict(lengths=(1, 2, 7, 40), matters=[dict(max_window_layers=0), dict(max_window_layers=2), dict(use_sliding_window=False)])),
    "qwen2-layer-types": (QWEN2 | TINY | dict(num_hidden_layers=3, use_sliding_window=True, sliding_window=6, max_window_layers=28,
                                              layer_types=CHUNKS, rope_theta=ABSENT,
                                              rope_parameters=dict(rope_type="default", rope_theta=1000000.0)),
                          dict(matters=[dict(layer_types=["full_attention"] * 3), dict(layer_types=["sliding_attention"] * 3)])),
    "qwen3": (QWEN3 | dict(max_window_layers=2, use_sliding_window=False, sliding_window=None, rope_scaling=None), {}),
    "qwen3-bias-tied": (QWEN3 | dict(attention_bias=True, tie_word_embeddings=True, head_dim=10, rope_theta=ABSENT,
                                            rope_parameters=dict(rope_type="default", rope_theta=1000000.0)),
                        dict(matters=[dict(attention_bias=False)])),
    "qwen3-defaults": (QWEN3 | TINY | dict(hidden_size=18, head_dim=ABSENT, rope_theta=ABSENT, rms_norm_eps=ABSENT, hidden_act=ABSENT,
                                           tie_word_embeddings=ABSENT, attention_bias=ABSENT), dict(matters=[dict(rope_theta=500.0)])),
    "qwen3-moe": (MOE, dict(matters=[dict(norm_topk_prob=False), dict(num_experts_per_tok=1), dict(num_experts_per_tok=3)])),
    # layers 1 and 3 by the step, of which 1 is named
    "qwen3-moe-mixed": (MOE | dict(hidden_size=39, intermediate_size=50, num_hidden_layers=4, num_attention_heads=3, num_key_value_heads=1, head_dim=14,
                                   vocab_size=101, num_experts=5, num_experts_per_tok=3, moe_intermediate_size=18, norm_topk_prob=False,
                                   decoder_sparse_step=2, mlp_only_layers=[1], attention_bias=True, use_sliding_window=True, sliding_window=6,
                                   max_window_layers=3, torch_dtype="float32"),
                        dict(matters=[dict(norm_topk_prob=True), dict(use_sliding_window=False)])),
    "qwen3-moe-defaults": (MOE | TINY | dict(hidden_size=32, num_attention_heads=8, num_key_value_heads=ABSENT, head_dim=ABSENT, num_experts=ABSENT,
                                             num_local_experts=10, num_experts_per_tok=ABSENT, moe_intermediate_size=12, norm_topk_prob=ABSENT,
                                             decoder_sparse_step=ABSENT, mlp_only_layers=ABSENT, rms_norm_eps=ABSENT),
                           dict(matters=[dict(num_experts_per_tok=7), dict(norm_topk_prob=True), dict(rms_norm_eps=0.1)])),
    "mixtral": (MIXTRAL, dict(matters=[dict(num_experts_per_tok=1), dict(num_experts_per_tok=3)])),
    "mixtral-defaults": (MIXTRAL | TINY | dict(hidden_size=40, num_attention_heads=16, num_key_value_heads=ABSENT, head_dim=6, num_local_experts=ABSENT,
                                               num_experts_per_tok=ABSENT, rope_theta=ABSENT, rms_norm_eps=ABSENT, sliding_window=6,
                                               torch_dtype="float16"),
                         dict(matters=[dict(num_experts_per_tok=1), dict(rope_theta=100.0), dict(rms_norm_eps=0.1), dict(sliding_window=None)])),
    "gemma2": (GEMMA2, dict(matters=[dict(attn_logit_softcapping=None), dict(final_logit_softcapping=None), dict(query_pre_attn_scalar=256),
                                     dict(hidden_activation="silu"), dict(sliding_window=7), dict(layer_types=["full_attention"] * 4)])),
    "gemma2-layers": (GEMMA2 | dict(num_hidden_layers=3, layer_types=CHUNKS, attention_bias=True, attn_logit_softcapping=None, final_logit_softcapping=None,
                                    tie_word_embeddings=False, torch_dtype="float32"),
                      dict(matters=[dict(layer_types=CHUNKS[::-1][:1] * 2 + CHUNKS[1:2]), dict(attention_bias=False)])),
    "gemma2-defaults": (GEMMA2 | TINY | dict(hidden_size=24, num_hidden_layers=6, num_attention_heads=8, num_key_value_heads=ABSENT, head_dim=ABSENT, rms_norm_eps=ABSENT,
                                             rope_theta=ABSENT, hidden_activation=ABSENT, query_pre_attn_scalar=ABSENT, sliding_window=ABSENT,
                                             attn_logit_softcapping=ABSENT, final_logit_softcapping=ABSENT, max_position_embeddings=ABSENT),
                        dict(lengths=(2, 40),
                             matters=[dict(attn_logit_softcapping=None), dict(final_logit_softcapping=None), dict(rms_norm_eps=1.0),
                                      dict(rope_theta=100.0)])),
    "gemma3-text": (GEMMA3, dict(lengths=(7, 90),
                                 matters=[dict(rope_scaling=None), dict(rope_local_base_freq=1000.0), dict(sliding_window_pattern=2),
                                          dict(sliding_window=7), dict(query_pre_attn_scalar=256)])),
    # attn_logit_softcapping is not read there
    "gemma3-parameters": (GEMMA3 | dict(num_hidden_layers=3, layer_types=CHUNKS, rope_theta=ABSENT, rope_local_base_freq=ABSENT, rope_scaling=ABSENT,
                                        rope_parameters=dict(full_attention=dict(rope_type="linear", factor=2.0, rope_theta=5000.0),
                                                             sliding_attention=dict(rope_type="default", rope_theta=50.0)),
                                        sliding_window_pattern=ABSENT, attention_bias=True, attn_logit_softcapping=2.0, final_logit_softcapping=8.0,
                                        torch_dtype=ABSENT, dtype="float32"),
                          dict(lengths=(1, 40), matters=[dict(final_logit_softcapping=None), dict(attention_bias=False),
                                        dict(rope_parameters=dict(full_attention=dict(rope_type="default", rope_theta=5000.0),
                                                                  sliding_attention=dict(rope_type="default", rope_theta=5000.0)))])),
    # as google/gemma-3-4b-it, whose text_config says little
    "gemma3-vision": (dict(architectures=["Gemma3ForConditionalGeneration"], model_type="gemma3", mm_tokens_per_image=4, torch_dtype="bfloat16",
                           text_config=dict(model_type="gemma3_text", hidden_size=40, intermediate_size=44, num_hidden_layers=7, vocab_size=131,
                                            rope_scaling=dict(rope_type="linear", factor=8.0), sliding_window=6), vision_config=VISION), dict(lengths=(2, 40))),
    "olmo2": (OLMO2, dict(lengths=(1, 7, 40), matters=[dict(rope_theta=10000.0), dict(rms_norm_eps=1.0)])),
    "olmo2-defaults": (OLMO2 | dict(num_hidden_layers=2, vocab_size=67, num_key_value_heads=ABSENT, rope_theta=ABSENT, rms_norm_eps=ABSENT, attention_bias=True,
                                    torch_dtype="float32"), dict(lengths=(1, 40), matters=[dict(rms_norm_eps=1.0), dict(attention_bias=False)])),
    # attention_factor, beta_fast and the like as allenai/Olmo-3-1025-7B has them
    "olmo3": (OLMO2 | dict(architectures=["Olmo3ForCausalLM"], model_type="olmo3", num_hidden_layers=5, rope_theta=500000.0, sliding_window=6,
                           layer_types=["sliding_attention"] * 3 + ["full_attention", "sliding_attention"], max_position_embeddings=512,
                           rope_scaling=dict(rope_type="yarn", factor=8.0, beta_fast=32.0, beta_slow=1.0, original_max_position_embeddings=64,
                                             attention_factor=1.2079441541679836)),
              dict(lengths=(1, 7, 90), matters=[dict(rope_scaling=None), dict(sliding_window=7)])),
    "olmo3-defaults": (OLMO2 | dict(architectures=["Olmo3ForCausalLM"], model_type="olmo3", num_hidden_layers=4, rope_theta=ABSENT, rms_norm_eps=ABSENT,
                                    sliding_window=5, vocab_size=67),
                       dict(matters=[dict(layer_types=["full_attention"] * 4), dict(layer_types=["sliding_attention"] * 4), dict(rope_theta=50.0)])),
    "smollm3": (SMOLLM3, dict(lengths=(1, 7, 40), matters=[dict(no_rope_layers=[1, 1, 1, 1]), dict(use_sliding_window=False), dict(sliding_window=3), dict(mlp_bias=False)])),
    "smollm3-layers": (SMOLLM3 | dict(no_rope_layers=[0, 1, 1, 0], layer_types=["full_attention", "sliding_attention"] * 2, mlp_bias=False,
                                      torch_dtype="float16"), dict(matters=[dict(no_rope_layers=[1, 1, 1, 0]), dict(layer_types=["full_attention"] * 4)])),
    "smollm3-defaults": (SMOLLM3 | TINY | dict(hidden_size=64, num_attention_heads=ABSENT, num_key_value_heads=ABSENT, num_hidden_layers=4,
                                               rope_theta=ABSENT, rms_norm_eps=ABSENT, no_rope_layer_interval=ABSENT, tie_word_embeddings=ABSENT,
                                               use_sliding_window=ABSENT, attention_bias=ABSENT, mlp_bias=ABSENT),
                         dict(matters=[dict(no_rope_layers=[1, 1, 1, 1]), dict(rope_theta=100.0)])),
    "phi3": (PHI3 | dict(partial_rotary_factor=0.5, sliding_window=6), dict(lengths=(1, 7, 40), matters=[dict(partial_rotary_factor=1.0), dict(sliding_window=None)])),
    # as microsoft/Phi-4-mini-instruct; the third answer crosses the length that the frequencies were trained on: all is read again
    "phi3-longrope": (PHI3 | dict(partial_rotary_factor=0.75, rope_scaling=LONGROPE, tie_word_embeddings=True, torch_dtype="float16"),
                      dict(lengths=(1, 7, 25, 40), trained=32, matters=[dict(rope_scaling=None), dict(rope_theta=10000.0)])),
    "phi3-defaults": (PHI3 | TINY | dict(num_key_value_heads=ABSENT, rope_theta=ABSENT, rms_norm_eps=ABSENT, original_max_position_embeddings=ABSENT,
                                         max_position_embeddings=ABSENT, num_hidden_layers=2, torch_dtype="float32"),
                      dict(matters=[dict(rms_norm_eps=1.0), dict(rope_theta=100.0)])),
    "granite": (GRANITE, dict(lengths=(1, 7, 40), matters=[dict(embedding_multiplier=1.0), dict(logits_scaling=1.0), dict(residual_multiplier=1.0),
                                       dict(attention_multiplier=1.0)])),
    "granite-biases": (GRANITE | TINY | dict(num_hidden_layers=2, embedding_multiplier=ABSENT, logits_scaling=ABSENT, residual_multiplier=ABSENT,
                                             attention_multiplier=ABSENT, attention_bias=True, mlp_bias=True, tie_word_embeddings=True),
                       dict(matters=[dict(attention_multiplier=0.5), dict(attention_bias=False), dict(mlp_bias=False)])),
}
REFUSED = {
    "llama-gelu": (LLAMA | TINY | dict(rope_theta=10000.0, hidden_act="gelu"), dict(fields=["hidden_act"])),
}


def written(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n")


def present(config):
    return {key: value for key, value in config.items() if value is not ABSENT}


def stored_type(config):
    return getattr(torch, config.get("dtype") or (config["torch_dtype"] if config["torch_dtype"] is not ABSENT else "bfloat16"))


def randomize(model, seed, stored):
    """Weights that make every part count: sharp attention, layers that outweigh the embedding, norms and biases of their own."""
    generator, type = torch.Generator().manual_seed(seed), model.config.model_type
    gemma = "gemma" in type
    for name, weight in sorted(model.named_parameters()):
        noise = torch.randn(weight.shape, generator=generator)
        if name.endswith(".bias"):
            values = 0.4 * noise
        elif gemma and name.endswith(".norm.weight"):
            values = noise - (0 if "gemma4" in type else 1)  # or an embedding, which is scaled up, would be nearest to itself
        elif "norm" in name:
            added = gemma and "gemma4" not in type or "qwen3_5" in type and "linear_attn" not in name  # 1, to it
            values = (0 if added else 1) + 0.3 * noise
            if "gemma4" in type and ("q_norm" in name or "k_norm" in name):
                values *= 2 / weight.shape[-1] ** 0.25  # scores are not divided by √head_dim there
        elif "embed_tokens" in name:
            values = 0.5 * noise
        else:
            gain = 1.4 if "q_proj" in name or "k_proj" in name else 2.0
            values = gain * noise / weight.shape[-1] ** 0.5
        weight.data = values.to(stored).to(weight.dtype)
    for name, factor in sorted(model.named_buffers()):
        if name.endswith("layer_scalar"):
            factor.data = (0.6 + 0.8 * torch.rand(factor.shape, generator=generator)).to(stored).to(factor.dtype)


def loaded(folder, changes=None):
    config = json.loads((folder / "config.json").read_text()) | (changes or {})
    with tempfile.TemporaryDirectory() as there:
        written(pathlib.Path(there) / "config.json", config)
        config = AutoConfig.from_pretrained(there)
    return class_of(config).from_pretrained(folder, config=config, dtype=torch.float32, **eager(config)).eval()


def class_of(config):
    return AutoModelForImageTextToText if hasattr(config, "vision_config") else AutoModelForCausalLM


def eager(config):
    # the faster ways with experts take no rows but of whole 16 bytes
    experts = dict(experts_implementation="eager") if "num_experts_per_tok" in config.to_dict() else {}
    return dict(attn_implementation="eager", **experts)


def last_logits(model, ids):
    return model(torch.tensor([ids]), use_cache=False).logits[0, -1].clone()


def token_by_token(model, ids):
    cache = None
    for id in ids:
        out = model(torch.tensor([[id]]), cache=cache, use_cache=True)
        cache = out.cache
    return out.logits[0, -1].clone()


def continued(model, prompt):
    """Greedy ids from a whole forward pass each, and the smallest margin; the first of them where it is too small."""
    ids, margin = list(prompt), float("inf")
    for _ in range(STEPS):
        if margin < MARGIN:
            break
        best = last_logits(model, ids).topk(2)
        margin = min(margin, float(best.values[0] - best.values[1]))
        ids.append(int(best.indices[0]))
    return ids[len(prompt):], margin


def prompts(vocabulary, lengths):
    generator = torch.Generator().manual_seed(vocabulary)
    return [torch.randint(vocabulary, (n,), generator=generator).tolist() for n in lengths]


def save(name, config, options, seed):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    written(folder / "config.json", present(config))
    stored = stored_type(config)
    read = AutoConfig.from_pretrained(folder)
    model = class_of(read).from_config(read, dtype=stored)
    randomize(model, seed, stored)
    if options.get("head"):
        head = torch.randn(model.lm_head.weight.shape, generator=torch.Generator().manual_seed(seed)).to(stored)
        save_file(dict(model.model.state_dict(prefix="model."), **{"lm_head.weight": head}), folder / "model.safetensors", {"format": "pt"})
    else:
        model.save_pretrained(folder, max_shard_size=options.get("shard", "5GB"), save_original_format=not options.get("stacked"))
    if "more" in options:
        save_file(load_file(folder / "model.safetensors") | options["more"], folder / "model.safetensors", {"format": "pt"})
    written(folder / "config.json", present(config))


def answers(name, model, vocabulary, options):
    rows = []
    for i, ids in enumerate(prompts(vocabulary, options.get("lengths", LENGTHS))):
        greedy, margin = continued(model, ids)
        if margin < MARGIN or len(set(greedy)) < STEPS // 2:
            return []
        rows.append({"model": name, "ids": ids, "greedy": greedy, "margin": round(margin, 4), "logits": f"{name}.{i}"})
    return rows


def untried(config):
    """A model to try seeds on, without files."""
    with tempfile.TemporaryDirectory() as there:
        written(pathlib.Path(there) / "config.json", present(config))
        config = AutoConfig.from_pretrained(there)
    return class_of(config).from_config(config, dtype=torch.float32, **eager(config)).eval()


def rows_of(name, config, options, logits):
    folder, vocabulary = HERE / name, config.get("text_config", config)["vocab_size"]
    trial = None if options.get("head") else untried(config)
    for seed in range(1, 400):
        if trial is not None:
            randomize(trial, seed, stored_type(config))
            if not answers(name, trial, vocabulary, options):
                continue
        save(name, config, options, seed)
        model = loaded(folder)
        rows = answers(name, model, vocabulary, options)
        if rows:
            break
    else:
        raise SystemExit(f"{name}: no seed gives margins of {MARGIN}")
    longest = rows[-1]["ids"] + rows[-1]["greedy"]
    for change in options.get("matters", []):
        moved = max(float((last_logits(loaded(folder, change), longest[:n]) - last_logits(model, longest[:n])).abs().max())
                    for n in range(1, len(longest) + 1))
        assert moved > MOVES, f"{name}: {change} moves the logits by {moved} only"
    used = {id for row in rows for id in row["greedy"]}
    ends = [id for id in range(vocabulary) if id not in used]
    written(folder / "generation_config.json", {"bos_token_id": ends[0], "do_sample": True, "eos_token_id": ends[1:3], "temperature": 0.6,
                                                "top_p": 0.9})
    written(folder / "config.json", present(config) | {"bos_token_id": ends[0], "eos_token_id": ends[1]})
    model = loaded(folder)
    for row in rows:
        logits[row["logits"]] = last_logits(model, row["ids"])
        # a text that is read anew once it is longer cannot come token by token
        apart = token_by_token(model, row["ids"]) if len(row["ids"]) <= options.get("trained", float("inf")) else logits[row["logits"]]
        row["spread"] = float((apart - logits[row["logits"]]).abs().max())
        generated = model.generate(torch.tensor([row["ids"]]), attention_mask=torch.ones(1, len(row["ids"]), dtype=torch.long), do_sample=False,
                                   max_new_tokens=STEPS)[0, len(row["ids"]):].tolist()
        assert generated == row["greedy"] or "fields" in options, f"{name}: generate says {generated}, not {row['greedy']}"
        assert row["spread"] < 1e-4 or "fields" in options, f"{name}: the cache moves the logits by {row['spread']}"
        row.update({"fields": options["fields"]} if "fields" in options else {})
    print(f"{name}: seed {seed}, margin {min(r['margin'] for r in rows)}, spread {max(r['spread'] for r in rows):.1e}, "
          f"largest logit {max(float(logits[r['logits']].abs().max()) for r in rows):.1f}", flush=True)
    return rows


@torch.no_grad()
def make(groups, stem=""):
    torch.set_num_threads(1)
    logging.disable_progress_bar()
    logits, found = {}, {}
    for kind, cases in groups.items():
        found[kind] = [row for name, (config, options) in cases.items() for row in rows_of(name, config, options, logits)]
    save_file(logits, HERE / f"{stem}logits.safetensors")
    lists = [f' "{kind}": [\n' + ",\n".join("  " + json.dumps(row) for row in rows) + "\n ]" for kind, rows in found.items()]
    (HERE / f"{stem}cases.json").write_text("{\n" + ",\n".join(lists) + "\n}\n")


if __name__ == "__main__":
    make({"cases": CASES, "refused": REFUSED})
