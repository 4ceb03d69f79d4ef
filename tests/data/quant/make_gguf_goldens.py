# SPDX-License-Identifier: Apache-2.0
"""Writes gguf/: weights in blocks of every type that is read, their values as ggml's own dequantize_row_* give them, and a small Llama.

    pip install gguf==0.19.0 numpy==2.4.6 safetensors==0.8.0 xllamacpp==2026.10.11549
    python3 tests/data/quant/make_gguf_goldens.py

  blocks.gguf          for each type a tensor of quantized normal numbers and one of random bytes: scales of both signs, zero and subnormal
                       (a scale that is not finite is in "Q4_K.infinite")
  values.safetensors   the FP32 values of each, from xllamacpp's ggml, which must agree with gguf-py's
  model.gguf           a Llama with Q4_K, Q6_K, Q8_0, Q5_0 and Q4_0, as llama.cpp's converter lays it out: rows of q and k interleaved, norms F32
  other.gguf           the same Llama in the other types
  model/               the final that both are made of
"""
import ctypes
import json
import pathlib
import shutil

import gguf
import numpy as np
import xllamacpp
from safetensors.numpy import save_file

OUT = pathlib.Path(__file__).parent / "gguf"
T = gguf.GGMLQuantizationType
TYPES = [T.Q8_0, T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q2_K, T.Q3_K, T.Q4_K, T.Q5_K, T.Q6_K, T.IQ4_NL, T.IQ4_XS]
# Where a block has its half-precision numbers.
HALVES = {T.Q8_0: [0], T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q2_K: [80, 82], T.Q3_K: [108], T.Q4_K: [0, 2],
          T.Q5_K: [0, 2], T.Q6_K: [208], T.IQ4_NL: [0], T.IQ4_XS: [0]}
GGML = ctypes.CDLL(str(pathlib.Path(xllamacpp.__file__).with_name("xllamacpp.abi3.so")))
GGML.ggml_quantize_chunk.restype = ctypes.c_size_t
GGML.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p] + [ctypes.c_int64] * 3 + [ctypes.c_void_p]


def quantized(values, kind):
    values = np.ascontiguousarray(values, np.float32)
    rows, columns = values.shape
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    raw = np.zeros((rows, columns // elements * size), np.uint8)
    GGML.ggml_quantize_init(int(kind))
    assert GGML.ggml_quantize_chunk(int(kind), values.ctypes.data, raw.ctypes.data, 0, rows, columns, None) == raw.size
    return raw


def dequantized(raw, kind):
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    name = kind.name if kind.name.endswith("_K") else kind.name.lower()
    function = getattr(GGML, "dequantize_row_" + name.lower().replace("_k", "_K"))
    function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
    columns = raw.shape[1] // size * elements
    values = np.zeros((raw.shape[0], columns), np.float32)
    raw = np.ascontiguousarray(raw)
    function(raw.ctypes.data, values.ctypes.data, values.size)
    with np.errstate(all="ignore"):
        other = gguf.dequantize(raw, kind)
    same = (values.view(np.uint32) == other.view(np.uint32)) | (np.isnan(values) & np.isnan(other))
    assert same.all(), kind
    return values


def random_blocks(random, kind, blocks):
    size = gguf.GGML_QUANT_SIZES[kind][1]
    raw = random.integers(0, 256, (1, blocks, size), np.uint8)
    halves = np.array([0.01, -0.02, 6e-8, -3e-6, 0, 60000, 0.3333, -1.5], np.float16)
    for at in HALVES[kind]:
        raw[0, :, at:at + 2] = random.choice(halves, (blocks, 1)).view(np.uint8)
    return raw.reshape(1, -1)


def blocks():
    random = np.random.default_rng(5)
    writer = gguf.GGUFWriter(OUT / "blocks.gguf", "none")
    values = {}

    def add(name, raw, kind):
        values[name] = dequantized(raw, kind)
        writer.add_tensor(name, raw, raw_dtype=kind)

    for kind in TYPES:
        elements = gguf.GGML_QUANT_SIZES[kind][0]
        add(kind.name, quantized(random.normal(0, 0.02, (2, 256)), kind), kind)
        add(kind.name + ".random", random_blocks(random, kind, 512 // elements), kind)
    infinite = quantized(random.normal(0, 0.02, (1, 512)), T.Q4_K)
    infinite[0, 0:2] = np.array([np.inf], np.float16).view(np.uint8)
    infinite[0, 144:146] = np.array([np.nan], np.float16).view(np.uint8)
    add("Q4_K.infinite", infinite, T.Q4_K)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    save_file(values, OUT / "values.safetensors")


def bf16(values):
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return (bits + 0x7FFF + (bits >> 16 & 1) >> 16).astype(np.uint16)


def widened(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32)


def save_bf16(tensors, path):
    """safetensors' NumPy part has no BF16."""
    header, at = {}, 0
    for name, bits in tensors.items():
        header[name] = {"dtype": "BF16", "shape": bits.shape, "data_offsets": [at, at + bits.nbytes]}
        at += bits.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(bits.tobytes() for bits in tensors.values()))


def interleaved(weight, heads):
    """LlamaModel.permute of llama.cpp's converter."""
    return weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def model():
    random = np.random.default_rng(6)
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 16, "hidden_size": 256, "intermediate_size": 32,
              "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "rms_norm_eps": 1e-5,
              "rope_theta": 10000.0, "max_position_embeddings": 128, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
              "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu", "attention_bias": False, "mlp_bias": False}
    heads, kv_heads, layer = 4, 2, "model.layers.0."
    matrices = {
        "model.embed_tokens.weight": ("token_embd.weight", (16, 256), (T.Q4_K, T.Q2_K), 0),
        layer + "self_attn.q_proj.weight": ("blk.0.attn_q.weight", (32, 256), (T.Q4_K, T.Q3_K), heads),
        layer + "self_attn.k_proj.weight": ("blk.0.attn_k.weight", (16, 256), (T.Q6_K, T.Q5_K), kv_heads),
        layer + "self_attn.v_proj.weight": ("blk.0.attn_v.weight", (16, 256), (T.Q8_0, T.Q4_1), 0),
        layer + "self_attn.o_proj.weight": ("blk.0.attn_output.weight", (256, 32), (T.Q5_0, T.Q5_1), 0),
        layer + "mlp.gate_proj.weight": ("blk.0.ffn_gate.weight", (32, 256), (T.Q4_K, T.IQ4_XS), 0),
        layer + "mlp.up_proj.weight": ("blk.0.ffn_up.weight", (32, 256), (T.Q6_K, T.Q2_K), 0),
        layer + "mlp.down_proj.weight": ("blk.0.ffn_down.weight", (256, 32), (T.Q4_0, T.IQ4_NL), 0),
        "lm_head.weight": ("output.weight", (16, 256), (T.Q6_K, T.Q5_K), 0),
    }
    norms = {layer + "input_layernorm.weight": "blk.0.attn_norm.weight", layer + "post_attention_layernorm.weight": "blk.0.ffn_norm.weight",
             "model.norm.weight": "output_norm.weight"}
    final = {name: bf16(random.normal(0, 0.02, shape)) for name, (_, shape, _, _) in matrices.items()}
    final |= {name: bf16(1 + random.normal(0, 0.1, 256)) for name in norms}
    for number, file in enumerate(("model.gguf", "other.gguf")):
        writer = gguf.GGUFWriter(OUT / file, "llama")
        writer.add_name("Small")
        writer.add_context_length(config["max_position_embeddings"])
        writer.add_embedding_length(config["hidden_size"])
        writer.add_block_count(1)
        writer.add_feed_forward_length(config["intermediate_size"])
        writer.add_head_count(heads)
        writer.add_head_count_kv(kv_heads)
        writer.add_key_length(config["head_dim"])
        writer.add_value_length(config["head_dim"])
        writer.add_rope_dimension_count(config["head_dim"])
        writer.add_rope_freq_base(config["rope_theta"])
        writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
        writer.add_vocab_size(config["vocab_size"])
        for name, (there, _, kinds, permuted) in matrices.items():
            values = widened(final[name])
            if permuted:
                values = interleaved(values, permuted)
            writer.add_tensor(there, quantized(values, kinds[number]), raw_dtype=kinds[number])
        for name, there in norms.items():
            writer.add_tensor(there, widened(final[name]))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    (OUT / "model").mkdir()
    save_bf16(final, OUT / "model" / "model.safetensors")
    (OUT / "model" / "config.json").write_text(json.dumps(config, indent=1) + "\n")


if __name__ == "__main__":
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    blocks()
    model()
