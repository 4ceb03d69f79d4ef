# SPDX-License-Identifier: Apache-2.0
"""Tiny random checkpoints whose layers have a state that each token changes: CASE/, recurrent_cases.json and recurrent_logits.safetensors,
as make_models.py says of its own.

    python3 tests/data/model/make_recurrent_models.py
"""
import torch

from make_models import ABSENT, LENGTHS, make

QWEN3_5 = dict(architectures=["Qwen3_5ForCausalLM"], model_type="qwen3_5_text", hidden_size=36, intermediate_size=44, num_hidden_layers=4,
               num_attention_heads=3, num_key_value_heads=1, head_dim=16, vocab_size=131, max_position_embeddings=512, rms_norm_eps=1e-6,
               hidden_act="silu", tie_word_embeddings=False, linear_num_key_heads=2, linear_num_value_heads=4, linear_key_head_dim=10,
               linear_value_head_dim=14, linear_conv_kernel_dim=4, torch_dtype="bfloat16",
               rope_parameters=dict(rope_type="default", rope_theta=1000.0, partial_rotary_factor=0.25))
VISION = dict(model_type="qwen3_5_vision", depth=1, hidden_size=8, intermediate_size=12, num_heads=2, patch_size=4, out_hidden_size=36,
              num_position_embeddings=16, spatial_merge_size=2, temporal_patch_size=2)
# the heads that propose further tokens, as Qwen/Qwen3.5-4B has them; transformers leaves them out
MTP = {f"mtp.{name}": torch.randn(shape, generator=torch.Generator().manual_seed(len(name))).to(torch.bfloat16)
       for name, shape in (("fc.weight", (36, 72)), ("norm.weight", (36,)), ("layers.0.self_attn.q_proj.weight", (96, 36)),
                           ("layers.0.input_layernorm.weight", (36,)))}


def rope(**changes):
    return dict(rope_parameters=QWEN3_5["rope_parameters"] | changes)


CASES = {
    "qwen3_5": (QWEN3_5, dict(lengths=LENGTHS + (90,), matters=[dict(linear_num_key_heads=1, linear_key_head_dim=20),
                                                                rope(partial_rotary_factor=1.0), rope(rope_theta=10.0), dict(rms_norm_eps=1.0)])),
    # every second layer has attention, with biases; a head for a head, tied, the rope spelled the older way
    "qwen3_5-interval": (QWEN3_5 | dict(hidden_size=39, num_hidden_layers=5, num_attention_heads=4, num_key_value_heads=2, head_dim=12, full_attention_interval=2,
                                        linear_num_key_heads=3, linear_num_value_heads=3, linear_key_head_dim=17, linear_value_head_dim=33,
                                        linear_conv_kernel_dim=3, attention_bias=True, tie_word_embeddings=True, rope_parameters=ABSENT,
                                        rope_theta=1000.0, partial_rotary_factor=0.5, torch_dtype="float32"),
                         dict(matters=[dict(partial_rotary_factor=1.0), dict(rope_theta=10.0), dict(attention_bias=False)])),
    # as the file says, whatever the interval; one key head for all
    "qwen3_5-layer-types": (QWEN3_5 | dict(num_hidden_layers=3, full_attention_interval=2,
                                           layer_types=["full_attention", "linear_attention", "linear_attention"],
                                           linear_num_key_heads=1, linear_num_value_heads=5, linear_key_head_dim=33, linear_value_head_dim=7,
                                           linear_conv_kernel_dim=2, torch_dtype="float16"),
                            dict(matters=[dict(rms_norm_eps=1.0)])),
    "qwen3_5-kernel-1": (QWEN3_5 | dict(num_hidden_layers=2, layer_types=["linear_attention", "full_attention"], linear_conv_kernel_dim=1), {}),
    "qwen3_5-defaults": (QWEN3_5 | dict(hidden_size=16, intermediate_size=24, num_hidden_layers=2, full_attention_interval=2, vocab_size=67,
                                        num_attention_heads=ABSENT, num_key_value_heads=ABSENT, head_dim=ABSENT, linear_num_key_heads=ABSENT,
                                        linear_num_value_heads=ABSENT, linear_key_head_dim=ABSENT, linear_value_head_dim=ABSENT,
                                        linear_conv_kernel_dim=ABSENT, rms_norm_eps=ABSENT, hidden_act=ABSENT, tie_word_embeddings=ABSENT,
                                        max_position_embeddings=ABSENT, rope_parameters=ABSENT),
                         dict(lengths=(2, 40), matters=[dict(rms_norm_eps=1.0), dict(rope_theta=10.0)])),
    # as Qwen/Qwen3.5-4B
    "qwen3_5-vision": (dict(architectures=["Qwen3_5ForConditionalGeneration"], model_type="qwen3_5", tie_word_embeddings=True, torch_dtype="bfloat16",
                            text_config={key: value for key, value in QWEN3_5.items() if key not in ("architectures", "torch_dtype")} | dict(
                                full_attention_interval=4, tie_word_embeddings=True, mtp_num_hidden_layers=1, attn_output_gate=True,
                                rope_parameters=QWEN3_5["rope_parameters"] | dict(mrope_interleaved=True, mrope_section=[1, 1, 0])),
                            vision_config=VISION), dict(lengths=(2, 40), more=MTP)),
}

if __name__ == "__main__":
    make({"cases": CASES}, "recurrent_")
