# SPDX-License-Identifier: Apache-2.0
"""Writes a BF16 checkpoint of the llama architecture as a BF16 GGUF file, for peer_generate.py. Needs gguf, safetensors and torch.

    python3 tests/bench/make_gguf.py DIR FILE.gguf

The weights keep their bits; norms become F32. The vocabulary is a placeholder, as only ids go in and out. llama.cpp turns neighbouring
elements of a head where the checkpoint turns its halves, so the rows of q_proj and k_proj are interleaved.
"""
import argparse
import json
import math
import pathlib

import gguf
import numpy
import torch
from safetensors import safe_open

NAMES = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
         "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
         "post_attention_layernorm": "ffn_norm"}
TOP = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight", "lm_head.weight": "output.weight"}


def gguf_name(name):
    if name in TOP:
        return TOP[name]
    _, _, layer, module = name.removesuffix(".weight").split(".", 3)
    return f"blk.{layer}.{NAMES[module]}.weight"


def interleaved(weight, heads):
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).transpose(1, 2).reshape(rows, columns)


def frequency_divisors(rope, head_dim, theta):
    """What llama.cpp divides each frequency by, for the "llama3" scaling."""
    low, high, factor, context = (rope[key] for key in ("low_freq_factor", "high_freq_factor", "factor", "original_max_position_embeddings"))
    divisors = []
    for i in range(0, head_dim, 2):
        wavelength = 2 * math.pi * theta ** (i / head_dim)
        blend = min(max((context / wavelength - low) / (high - low), 0), 1)
        divisors.append(1 / ((1 - blend) / factor + blend))
    return numpy.array(divisors, dtype=numpy.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("file", type=pathlib.Path)
    arguments = parser.parse_args()
    config = json.loads((arguments.model / "config.json").read_text())
    rope = config.get("rope_scaling") or config.get("rope_parameters") or {}
    kind = rope.get("rope_type", rope.get("type", "default"))
    if config["model_type"] != "llama" or kind not in ("default", "llama3"):
        raise SystemExit(f"{arguments.model}: only llama with plain or llama3 positions can be written, not {config['model_type']} with {kind}")
    heads = config["num_attention_heads"]
    kv_heads = config.get("num_key_value_heads") or heads
    head_dim = config.get("head_dim") or config["hidden_size"] // heads
    theta = rope.get("rope_theta", config.get("rope_theta", 10000.0))
    vocabulary = config["vocab_size"]

    writer = gguf.GGUFWriter(arguments.file, "llama")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_rope_dimension_count(head_dim)
    writer.add_rope_freq_base(theta)
    writer.add_layer_norm_rms_eps(config.get("rms_norm_eps", 1e-6))
    writer.add_vocab_size(vocabulary)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_BF16)
    writer.add_tokenizer_model("llama")
    writer.add_token_list([f"<0x{i:02X}>" if i < 256 else f"token{i}" for i in range(vocabulary)])
    writer.add_token_scores([0.0] * vocabulary)
    writer.add_token_types([gguf.TokenType.BYTE if i < 256 else gguf.TokenType.NORMAL for i in range(vocabulary)])
    writer.add_bos_token_id(config.get("bos_token_id", 1))
    ends = config.get("eos_token_id", 2)
    writer.add_eos_token_id(ends[0] if isinstance(ends, list) else ends)
    if kind == "llama3":
        writer.add_tensor("rope_freqs.weight", frequency_divisors(rope, head_dim, theta))

    for path in sorted(arguments.model.glob("*.safetensors")):
        with safe_open(path, "pt") as tensors:
            for name in tensors.keys():
                weight = tensors.get_tensor(name)
                if weight.dtype != torch.bfloat16:
                    raise SystemExit(f"{path}: {name} is {weight.dtype}, not bfloat16")
                if weight.dim() == 1:
                    writer.add_tensor(gguf_name(name), weight.float().numpy())
                    continue
                if name.endswith("q_proj.weight"):
                    weight = interleaved(weight, heads)
                elif name.endswith("k_proj.weight"):
                    weight = interleaved(weight, kv_heads)
                bits = weight.contiguous().view(torch.uint8).numpy()
                writer.add_tensor(gguf_name(name), bits, raw_dtype=gguf.GGMLQuantizationType.BF16)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
