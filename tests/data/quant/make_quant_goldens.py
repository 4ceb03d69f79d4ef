# SPDX-License-Identifier: Apache-2.0
"""Writes the goldens of tests/core/quant with the real libraries: bitsandbytes 0.50, torch, transformers 5 (CPU, x86).

    python3 tests/data/quant/make_quant_goldens.py

  arithmetic.safetensors   weights, and what bitsandbytes makes of them: 4-bit codes and absmax for every blocksize, INT8 rows,
                           double quantization, dequantized values
  large.json               XXH3-128 of results over a million generated values (see Splitmix)
  source/                  a one-layer Llama with random BF16 weights, as transformers saves it
  nf4/ nf4-double/ nf4-storage/ fp4/ int8/   the same model quantized and saved by transformers; dequantized.safetensors holds
                           what bitsandbytes makes of each weight in BF16
"""
import json
import pathlib
import shutil

import bitsandbytes as bnb
import numpy as np
import torch
import xxhash
from bitsandbytes import functional as F
from bitsandbytes.backends.default.ops import _dequantize_4bit_compute
from safetensors.torch import save_file
from transformers import BitsAndBytesConfig, LlamaConfig, LlamaForCausalLM

OUT = pathlib.Path(__file__).parent
TYPES = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}
BLOCKSIZES = (32, 64, 128, 256, 512, 1024, 2048, 4096)
torch.manual_seed(20)


def segments():
    """Weights of every kind, 4,096 + 1,031 in all (the last block is short for each blocksize and the count is odd)."""
    gauss = torch.randn(1536) * 0.02
    uniform = torch.rand(512) - 0.5
    wild = (torch.randn(512) * torch.exp(torch.randn(512) * 20)).clamp(-3e38, 3e38)
    denormal = torch.randn(256) * 1e-40
    tiny = torch.randn(256) * 1e-38
    zero = torch.zeros(192)
    negative_zero = -torch.zeros(64)
    grid = (torch.arange(512) % 513 - 256) / 256
    infinite = torch.where(torch.rand(128) < 0.03, torch.tensor(float("-inf")), torch.randn(128))
    nan = torch.where(torch.rand(128) < 0.03, torch.tensor(float("nan")), torch.randn(128))
    rest = torch.randn(1031) * 0.05
    return torch.cat([gauss, uniform, wild, denormal, tiny, zero, negative_zero, grid, infinite, nan, rest])


def edges(kind):
    """A whole and a short block of weights whose code depends on dividing by absmax or multiplying by its reciprocal."""
    table = F.get_4bit_type(kind, device="cpu")
    values = table[torch.argsort(table)]
    bounds = ((values[:-1] + values[1:]) / 2).double()
    while True:
        absmax = torch.rand(1) * 0.1 + 0.01
        x = (bounds * absmax.double()).float()
        x = torch.cat([x.view(torch.int32) + step for step in range(-3, 4)]).view(torch.float32)
        x = x[torch.bucketize(x * (1.0 / absmax), bounds.float()) != torch.bucketize(x / absmax, bounds.float())]
        if len(x) >= 4:
            x = x.repeat(32)[:62]  # every one at even and at odd places
            return torch.cat([absmax, x, x[:1], absmax, x.roll(1)])


def exact_dequantize(codes, absmax, blocksize, kind, n, dtype):
    """The torch implementation. The compiled CPU kernels flush BF16 denormals (AVX512-BF16), take the wrong absmax where rows are
    multiples of 16 but not of the blocksize (AVX-512), and give FP4 code 8 a sign (plain)."""
    table = F.get_4bit_type(kind, device="cpu")
    return _dequantize_4bit_compute.__wrapped__(codes.flatten(), absmax, table, blocksize, [n], dtype)


def arithmetic():
    tensors = {}
    everything = segments()
    for name, dtype in TYPES.items():
        weights = everything.to(dtype)
        tensors[f"{name}.weights"] = weights
        for kind in ("nf4", "fp4"):
            for blocksize in BLOCKSIZES:
                codes, state = F.quantize_4bit(weights, blocksize=blocksize, quant_type=kind)
                tensors[f"{name}.{kind}.{blocksize}.codes"] = codes.flatten()
                tensors[f"{name}.{kind}.{blocksize}.absmax"] = state.absmax
            # The short tail alone: all zero, and one element.
            for tail, values in {"zeros": torch.zeros(17), "one": torch.tensor([-0.3])}.items():
                codes, state = F.quantize_4bit(values.to(dtype), blocksize=64, quant_type=kind)
                tensors[f"{name}.{kind}.{tail}.codes"], tensors[f"{name}.{kind}.{tail}.absmax"] = codes.flatten(), state.absmax

    for kind in ("nf4", "fp4"):
        weights = edges(kind)
        codes, state = F.quantize_4bit(weights, blocksize=64, quant_type=kind)
        tensors[f"edges.{kind}.weights"], tensors[f"edges.{kind}.codes"], tensors[f"edges.{kind}.absmax"] = weights, codes.flatten(), state.absmax

    # Dequantized: absmax of every kind, nested ones can be negative.
    absmax = torch.cat([torch.rand(20) * 0.1, -torch.rand(4), torch.exp(torch.randn(20) * 25), torch.rand(8) * 1e-38,
                        torch.rand(4) * 1e-44, torch.zeros(2), torch.tensor([3.4e38, float("inf"), float("nan"), 65504.0, 1e-7, 6e-8])])
    n = 64 * len(absmax) - 11
    codes = torch.randint(0, 256, ((n + 1) // 2,), dtype=torch.uint8)
    tensors["dequantize.codes"], tensors["dequantize.absmax"] = codes, absmax
    for kind in ("nf4", "fp4"):
        for name, dtype in TYPES.items():
            tensors[f"dequantize.{kind}.{name}"] = exact_dequantize(codes, absmax, 64, kind, n, dtype)
            kernel = torch.ops.bitsandbytes.dequantize_4bit(codes[: 32 * 20], absmax[:20], 64, kind, [20, 64], dtype)
            assert torch.equal(kernel.flatten(), tensors[f"dequantize.{kind}.{name}"][: 64 * 20]), "the CPU kernel differs"

    rows = torch.randn(31, 67) * torch.rand(31, 1)
    special = torch.zeros(6, 67)
    special[1, 5], special[2, 6], special[2, 7] = float("nan"), float("inf"), 1.0
    special[3], special[4], special[5] = torch.randn(67) * 1e-45, torch.randn(67) * 1e-38, torch.randn(67) * 1e38
    for name, dtype in TYPES.items():
        weights = torch.cat([rows, special]).to(dtype)
        codes, scb, _ = F.int8_vectorwise_quant(weights)
        tensors[f"int8.{name}.weights"], tensors[f"int8.{name}.codes"], tensors[f"int8.{name}.scb"] = weights, codes, scb
        for into, target in TYPES.items():
            tensors[f"int8.{name}.{into}"] = F.int8_vectorwise_dequant(codes, scb).to(target)

    for n in (1, 2, 15, 255, 256, 257, 1000, 12345):
        values = torch.rand(n) * 0.02 + 0.03 if n != 1000 else torch.exp(torch.randn(n) * 10)
        offset = values.mean()
        codes, state = F.quantize_blockwise(values - offset, blocksize=256)
        back = F.dequantize_blockwise(codes, state)
        back += offset
        tensors[f"nested.{n}.absmax"], tensors[f"nested.{n}.offset"] = values, offset.reshape(1)
        tensors[f"nested.{n}.codes"], tensors[f"nested.{n}.absmax2"], tensors[f"nested.{n}.back"] = codes, state.absmax, back
    tensors["nested.map"] = state.code
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, OUT / "arithmetic.safetensors")


def splitmix(seed, n):
    """SplitMix64, vectorised: the test generates the same numbers."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def digest(tensor):
    return xxhash.xxh3_128_hexdigest(tensor.contiguous().view(torch.uint8).numpy().tobytes())


def large():
    n = 1 << 20
    result = {}
    bits = splitmix(1, n)
    total = sum(((bits >> np.uint64(16 * k)) & np.uint64(0xFFFF)).astype(np.int64) for k in range(4)) - 131070
    weights = torch.from_numpy(total.astype(np.float32) * np.float32(2.0**-22))
    for name, dtype in TYPES.items():
        w = weights.to(dtype)
        result[f"{name}.weights"] = digest(w)
        for kind in ("nf4", "fp4"):
            for blocksize in BLOCKSIZES:
                codes, state = F.quantize_4bit(w, blocksize=blocksize, quant_type=kind)
                result[f"{name}.{kind}.{blocksize}.codes"], result[f"{name}.{kind}.{blocksize}.absmax"] = digest(codes), digest(state.absmax)
                for into, target in TYPES.items():
                    back = exact_dequantize(codes, state.absmax, blocksize, kind, n, target)
                    result[f"{name}.{kind}.{blocksize}.{into}"] = digest(back)
        codes, scb, _ = F.int8_vectorwise_quant(w.reshape(1024, 1024))
        result[f"{name}.int8.codes"], result[f"{name}.int8.scb"] = digest(codes), digest(scb)
        for into, target in TYPES.items():
            result[f"{name}.int8.{into}"] = digest(F.int8_vectorwise_dequant(codes, scb).to(target))

    # map[q] * absmax2 + offset: a fused multiply-add would show here.
    codes = torch.from_numpy((splitmix(2, n) & np.uint64(255)).astype(np.uint8))
    absmax = torch.from_numpy(((splitmix(3, n // 256) >> np.uint64(40)).astype(np.float32) + 1) * np.float32(2.0**-30))
    fused = 0
    for i, offset in enumerate((0.04753212, -0.013, 0.1234567, 3.0e-5)):
        state = F.QuantState(absmax=absmax, code=F.create_dynamic_map(), blocksize=256, dtype=torch.float32)
        back = F.dequantize_blockwise(codes, state)
        back += torch.tensor(offset)
        result[f"unnest.{i}.back"] = digest(back)
        exact = F.create_dynamic_map()[codes.long()].double() * absmax.repeat_interleave(256).double() + torch.tensor(offset).double()
        fused += (exact.float() != back).sum().item()
    assert fused > 10000, "the data would not tell a fused multiply-add"
    (OUT / "large.json").write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")


def models():
    torch.manual_seed(21)
    for name in ("source", "nf4", "nf4-double", "nf4-storage", "fp4", "int8"):
        shutil.rmtree(OUT / name, ignore_errors=True)
    config = LlamaConfig(hidden_size=64, intermediate_size=40, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1,
                         vocab_size=24, max_position_embeddings=32)
    model = LlamaForCausalLM(config).to(torch.bfloat16)
    weight = model.model.layers[0].mlp.down_proj.weight
    weight.data[:2], weight.data[2] = 0, weight.data[2] * 1e-30  # an all-zero block, a tiny row
    model.save_pretrained(OUT / "source")
    four = dict(load_in_4bit=True, bnb_4bit_compute_dtype=torch.bfloat16)
    skip = ["lm_head"]
    configs = {
        "nf4": BitsAndBytesConfig(**four, bnb_4bit_quant_type="nf4"),
        "nf4-double": BitsAndBytesConfig(**four, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, llm_int8_skip_modules=skip),
        "nf4-storage": BitsAndBytesConfig(**four, bnb_4bit_quant_type="nf4", bnb_4bit_quant_storage=torch.bfloat16),
        "fp4": BitsAndBytesConfig(**four, bnb_4bit_quant_type="fp4", llm_int8_skip_modules=skip),
        "int8": BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=skip),
    }
    for name, quantization in configs.items():
        quantized = LlamaForCausalLM.from_pretrained(OUT / "source", quantization_config=quantization, device_map="cpu", dtype=torch.bfloat16)
        quantized.save_pretrained(OUT / name)
        values = {}
        for path, module in quantized.named_modules():
            if isinstance(module, bnb.nn.Linear4bit):
                state = module.weight.quant_state
                value = F.dequantize_4bit(module.weight.data, state)
                absmax = F.dequantize_blockwise(state.absmax, state.state2) + state.offset if state.nested else state.absmax
                codes = module.weight.data.contiguous().view(torch.uint8)
                exact = exact_dequantize(codes, absmax, state.blocksize, state.quant_type, value.numel(), value.dtype)
                assert torch.equal(value.flatten(), exact), "the CPU kernel differs by more than the sign of zeros"
                values[path + ".weight"] = exact.reshape(value.shape)
            elif isinstance(module, bnb.nn.Linear8bitLt):
                values[path + ".weight"] = F.int8_vectorwise_dequant(module.weight.data, module.weight.SCB).to(torch.bfloat16)
        save_file(values, OUT / name / "dequantized.safetensors")
    for generated in OUT.glob("*/generation_config.json"):
        generated.unlink()


arithmetic()
large()
models()
