# SPDX-License-Identifier: Apache-2.0
"""Tiny random checkpoints of Gemma 4: CASE/, gemma4_cases.json and gemma4_logits.safetensors, as make_models.py says of its own.

    python3 tests/data/model/make_gemma4_models.py
"""
from make_models import ABSENT, make

SLIDING, FULL = "sliding_attention", "full_attention"
# as the E models: layers that use the keys of others and are twice as wide, an embedding for each layer
GEMMA4 = dict(architectures=["Gemma4ForCausalLM"], model_type="gemma4_text", hidden_size=36, intermediate_size=44, num_hidden_layers=6, num_attention_heads=4,
              num_key_value_heads=2, head_dim=14, global_head_dim=20, vocab_size=131, vocab_size_per_layer_input=131, hidden_size_per_layer_input=6,
              max_position_embeddings=512, rms_norm_eps=1e-6, hidden_activation="gelu_pytorch_tanh", sliding_window=6, final_logit_softcapping=9.0,
              layer_types=[SLIDING, SLIDING, FULL, SLIDING, SLIDING, FULL], num_kv_shared_layers=2, use_double_wide_mlp=True, tie_word_embeddings=True,
              rope_parameters={SLIDING: dict(rope_type="default", rope_theta=100.0),
                               FULL: dict(rope_type="proportional", rope_theta=1000.0, partial_rotary_factor=0.5)}, torch_dtype="bfloat16")
VISION = dict(model_type="gemma4_vision", hidden_size=8, intermediate_size=12, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2, head_dim=4,
              patch_size=4, position_embedding_size=16)


def rope(**changes):
    return dict(rope_parameters=GEMMA4["rope_parameters"] | {FULL: GEMMA4["rope_parameters"][FULL] | changes})


CASES = {
    "gemma4": (GEMMA4, dict(lengths=(1, 2, 7, 40), matters=[rope(partial_rotary_factor=0.2), rope(rope_theta=10.0), rope(factor=4.0), dict(sliding_window=7),
                                                            dict(final_logit_softcapping=None)])),
    # as google/gemma-4-31B: keys are values in full layers, which have fewer of them
    "gemma4-dense": (GEMMA4 | dict(hidden_size=39, num_attention_heads=3, num_key_value_heads=3, attention_k_eq_v=True, num_global_key_value_heads=1,
                                   hidden_size_per_layer_input=0, num_kv_shared_layers=0, use_double_wide_mlp=False, tie_word_embeddings=False,
                                   final_logit_softcapping=None, layer_types=[SLIDING, FULL, SLIDING, FULL], num_hidden_layers=4, attention_bias=True,
                                   torch_dtype="float32"), dict(matters=[dict(sliding_window=7), dict(attention_bias=False)])),
    # full layers with keys of their own, and no width of theirs; the last one is full whatever the file says
    "gemma4-shares-all": (GEMMA4 | dict(num_hidden_layers=5, layer_types=[SLIDING, FULL, SLIDING, FULL, SLIDING], num_kv_shared_layers=3, use_double_wide_mlp=False,
                                        global_head_dim=14, num_global_key_value_heads=1, torch_dtype="float16"), dict(lengths=(1, 7, 40))),
    # as transformers itself saves it: sizes layer by layer, and no global_head_dim
    "gemma4-saved": (GEMMA4 | dict(hidden_size_per_layer_input=0, num_kv_shared_layers=0, use_double_wide_mlp=False, num_hidden_layers=3, global_head_dim=ABSENT,
                                   layer_types=[SLIDING, FULL, FULL], per_layer_config={"1": dict(head_dim=20, num_key_value_heads=1), "2": dict(head_dim=20, num_key_value_heads=1)}),
                     dict(lengths=(1, 7, 40))),
    "gemma4-defaults": (GEMMA4 | dict(hidden_size=16, intermediate_size=24, vocab_size=67, vocab_size_per_layer_input=67, num_attention_heads=ABSENT,
                                      num_key_value_heads=ABSENT, head_dim=ABSENT, global_head_dim=ABSENT, hidden_size_per_layer_input=ABSENT,
                                      rms_norm_eps=ABSENT, hidden_activation=ABSENT, sliding_window=ABSENT, final_logit_softcapping=ABSENT, layer_types=ABSENT,
                                      num_kv_shared_layers=ABSENT, use_double_wide_mlp=ABSENT, tie_word_embeddings=ABSENT, rope_parameters=ABSENT,
                                      max_position_embeddings=ABSENT), dict(lengths=(2, 40), matters=[dict(rms_norm_eps=1.0), dict(sliding_window=8)])),
    # as google/gemma-4-E2B-it
    "gemma4-vision": (dict(architectures=["Gemma4ForConditionalGeneration"], model_type="gemma4", torch_dtype="bfloat16", audio_config=None,
                           text_config={key: value for key, value in GEMMA4.items() if key not in ("architectures", "torch_dtype")} | dict(
                               use_bidirectional_attention=None), vision_config=VISION), dict(lengths=(2, 40))),
}

if __name__ == "__main__":
    make({"cases": CASES}, "gemma4_")
