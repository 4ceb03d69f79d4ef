# SPDX-License-Identifier: Apache-2.0
"""Mixtures of experts as transformers computes them: CASE/, expert_cases.json and expert_logits.safetensors, which hold what cases.json and
logits.safetensors do (see make_models.py).

    python3 tests/data/model/make_experts.py

"stacked" saves the model as transformers has it in memory: one tensor for the same matrix of all experts, gate and up in one. gpt-oss has no other
form. Sizes are odd where that makes an expert begin inside a byte or a block of 4-bit codes.
Made with transformers 5.24, torch 2.15.
"""
from make_models import ABSENT, LLAMA, MIXTRAL, MOE, TINY, make
from make_recurrent_models import MTP, QWEN3_5, VISION

QWEN2_MOE = LLAMA | dict(architectures=["Qwen2MoeForCausalLM"], model_type="qwen2_moe", rms_norm_eps=1e-6, rope_theta=1000000.0, num_experts=8,
                         num_experts_per_tok=2, moe_intermediate_size=20, shared_expert_intermediate_size=28, norm_topk_prob=False,
                         decoder_sparse_step=1, mlp_only_layers=[])
ODD = dict(hidden_size=39, num_attention_heads=3, num_key_value_heads=1, head_dim=14, num_experts=5, num_experts_per_tok=3, moe_intermediate_size=15)
GPT_OSS = LLAMA | dict(architectures=["GptOssForCausalLM"], model_type="gpt_oss", hidden_size=36, intermediate_size=20, num_hidden_layers=3, head_dim=10,
                       num_local_experts=6, num_experts_per_tok=2, sliding_window=6, attention_bias=True, rope_theta=500.0,
                       rope_scaling=dict(rope_type="yarn", factor=8.0, beta_fast=32.0, beta_slow=1.0, truncate=False,
                                         original_max_position_embeddings=64))
QWEN3_5_MOE = {key: value for key, value in QWEN3_5.items() if key != "intermediate_size"} | dict(
    architectures=["Qwen3_5MoeForCausalLM"], model_type="qwen3_5_moe_text", num_experts=6, num_experts_per_tok=2, moe_intermediate_size=20,
    shared_expert_intermediate_size=26)

CASES = {
    "qwen2-moe": (QWEN2_MOE, dict(matters=[dict(norm_topk_prob=True), dict(num_experts_per_tok=3), dict(qkv_bias=False)])),
    # layers 1 and 3 by the step, of which 1 is named
    "qwen2-moe-mixed": (QWEN2_MOE | ODD | dict(intermediate_size=50, num_hidden_layers=4, shared_expert_intermediate_size=22, norm_topk_prob=True,
                                               qkv_bias=False, decoder_sparse_step=2, mlp_only_layers=[1], use_sliding_window=True, sliding_window=6,
                                               max_window_layers=2, torch_dtype="float32"),
                        dict(matters=[dict(norm_topk_prob=False), dict(use_sliding_window=False), dict(max_window_layers=4)])),
    "qwen2-moe-stacked": (QWEN2_MOE | dict(num_experts=7, moe_intermediate_size=21, use_sliding_window=True, sliding_window=6, num_hidden_layers=2,
                                           layer_types=["full_attention", "sliding_attention"]),
                          dict(stacked=True, lengths=(1, 40), matters=[dict(num_experts_per_tok=3), dict(layer_types=["full_attention"] * 2)])),
    "qwen2-moe-defaults": (QWEN2_MOE | TINY | dict(num_attention_heads=16, num_key_value_heads=ABSENT, hidden_size=32, num_experts=ABSENT, num_experts_per_tok=ABSENT,
                                                   moe_intermediate_size=12, norm_topk_prob=ABSENT, decoder_sparse_step=ABSENT, mlp_only_layers=ABSENT,
                                                   rms_norm_eps=ABSENT),
                           dict(matters=[dict(num_experts_per_tok=7), dict(norm_topk_prob=True), dict(rms_norm_eps=0.1)])),
    "qwen3-moe-stacked": (MOE | ODD, dict(stacked=True, lengths=(1, 40), matters=[dict(num_experts_per_tok=1)])),
    "mixtral-stacked": (MIXTRAL | dict(hidden_size=40, intermediate_size=24, torch_dtype="float16"),
                        dict(stacked=True, lengths=(1, 40), matters=[dict(num_experts_per_tok=1)])),
    "gpt-oss": (GPT_OSS, dict(lengths=(1, 2, 7, 90),
                              matters=[dict(swiglu_alpha=1.0), dict(swiglu_limit=0.5), dict(sliding_window=7), dict(num_experts_per_tok=3),
                                       dict(layer_types=["full_attention"] * 3), dict(rope_scaling=GPT_OSS["rope_scaling"] | dict(truncate=True))])),
    "gpt-oss-odd": (GPT_OSS | ODD | dict(intermediate_size=15, num_experts=ABSENT, num_local_experts=5, attention_bias=False, swiglu_alpha=1.3, swiglu_limit=0.9,
                                         rope_theta=ABSENT, rope_scaling=ABSENT, rope_parameters=dict(rope_type="default", rope_theta=300.0),
                                         layer_types=["full_attention", "sliding_attention", "full_attention"], torch_dtype="float32"),
                    dict(lengths=(1, 40), matters=[dict(layer_types=["sliding_attention"] * 3), dict(swiglu_limit=7.0)])),
    "gpt-oss-defaults": (GPT_OSS | TINY | dict(num_hidden_layers=2, head_dim=ABSENT, num_local_experts=ABSENT, num_experts=8, num_experts_per_tok=ABSENT,
                                               sliding_window=ABSENT, attention_bias=ABSENT, rope_theta=ABSENT, rope_scaling=ABSENT, rms_norm_eps=ABSENT,
                                               max_position_embeddings=ABSENT),
                         dict(lengths=(7, 140), matters=[dict(num_experts_per_tok=3), dict(sliding_window=64), dict(swiglu_limit=0.5),
                                                         dict(rope_scaling=dict(rope_type="default", rope_theta=150000.0))])),
    "qwen3_5-moe": (QWEN3_5_MOE, dict(lengths=(1, 7, 40), matters=[dict(num_experts_per_tok=3)])),
    # as Qwen/Qwen3.5-35B-A3B, but for sizes
    "qwen3_5-moe-vision": (dict(architectures=["Qwen3_5MoeForConditionalGeneration"], model_type="qwen3_5_moe", tie_word_embeddings=False,
                                torch_dtype="bfloat16", text_config={key: value for key, value in QWEN3_5_MOE.items() if key not in ("architectures", "torch_dtype")} | dict(
                                    full_attention_interval=2, num_hidden_layers=2, mtp_num_hidden_layers=1,
                                    rope_parameters=QWEN3_5["rope_parameters"] | dict(mrope_interleaved=True, mrope_section=[1, 1, 0])),
                                vision_config=VISION | dict(model_type="qwen3_5_moe_vision")), dict(lengths=(2, 40), more=MTP)),
}

if __name__ == "__main__":
    make({"cases": CASES}, "expert_")
