# SPDX-License-Identifier: Apache-2.0
"""Writes scaled/: the small Llama of int4/ in the other formats of compressed-tensors, by the library itself, and in FP8 with weight_scale_inv.

    pip install compressed-tensors==0.20.1 transformers==5.24.0 torch==2.15.0
    python3 tests/data/quant/make_scaled_goldens.py

  scaled/NAME/                    config.json and model.safetensors as the library saves them, of int4/final.safetensors
  scaled/NAME/values.safetensors  what the library's decompression gives for three of the weights, in the type of their scales

Of weight_scale_inv the values are those of the format's definition, code times scale of its block of rows and columns, in FP32 and rounded once:
transformers 5.24.0 refuses sizes that are no multiple of the block.
"""
import json
import pathlib
import shutil

import torch
from compressed_tensors.compressors import ModelCompressor
from compressed_tensors.quantization import QuantizationArgs, QuantizationConfig, QuantizationScheme, apply_quantization_config
from compressed_tensors.quantization.utils import calculate_qparams
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

HERE = pathlib.Path(__file__).parent
OUT = HERE / "scaled"
SHOWN = ("self_attn.q_proj.weight", "mlp.gate_proj.weight", "mlp.down_proj.weight")
BF16, F16, F32 = torch.bfloat16, torch.float16, torch.float32

# Name: the format, the weights' arguments, the type of the scales.
CASES = {
    "fp8-tensor": ("naive-quantized", dict(num_bits=8, type="float", strategy="tensor"), F32),
    "fp8-channel": ("float-quantized", dict(num_bits=8, type="float", strategy="channel"), BF16),
    "fp8-block": ("float-quantized", dict(num_bits=8, type="float", strategy="block", block_structure=[32, 48]), F32),
    "int8-channel": ("int-quantized", dict(num_bits=8, type="int", strategy="channel"), BF16),
    "int8-zeros": ("int-quantized", dict(num_bits=8, type="int", strategy="channel", symmetric=False), F32),
    "w8-group": ("pack-quantized", dict(num_bits=8, type="int", strategy="group", group_size=32), BF16),
    "w8-zeros": ("pack-quantized", dict(num_bits=8, type="int", strategy="channel", symmetric=False), F16),
    "w4-zeros": ("pack-quantized", dict(num_bits=4, type="int", strategy="group", group_size=32, symmetric=False), BF16),
    "w4-channel": ("pack-quantized", dict(num_bits=4, type="int", strategy="channel"), BF16),
    "w4-group16": ("pack-quantized", dict(num_bits=4, type="int", strategy="group", group_size=16), F16),
}


def reduced(weight, args):
    """The smallest and largest value that each scale is of."""
    if args.strategy == "tensor":
        return weight.amin().reshape(1), weight.amax().reshape(1)
    if args.strategy == "channel":
        return weight.amin(1, keepdim=True), weight.amax(1, keepdim=True)
    if args.strategy == "group":
        groups = weight.unflatten(1, (-1, args.group_size))
        return groups.amin(-1), groups.amax(-1)
    rows, columns = args.block_structure
    padded = torch.nn.functional.pad(weight, (0, -weight.shape[1] % columns, 0, -weight.shape[0] % rows))
    blocks = padded.unflatten(1, (-1, columns)).unflatten(0, (-1, rows))
    return blocks.amin((1, 3)), blocks.amax((1, 3))


def plain_model():
    config = json.loads((HERE / "int4" / "config.json").read_text())
    config.pop("quantization_config")
    model = LlamaForCausalLM(LlamaConfig(**config)).to(BF16)
    model.load_state_dict(load_file(HERE / "int4" / "final.safetensors"))
    return model


def by_the_library(name, form, arguments, dtype):
    model = plain_model()
    # What is said of activations only decides which format is meant.
    kind = {"int-quantized": "int", "float-quantized": "float"}.get(form)
    activations = QuantizationArgs(num_bits=8, type=kind, dynamic=True, strategy="token") if kind else None
    scheme = QuantizationScheme(targets=["Linear"], weights=QuantizationArgs(**arguments), input_activations=activations)
    apply_quantization_config(model, QuantizationConfig(config_groups={"group_0": scheme}, format=form, ignore=["lm_head"]))
    for module in model.modules():
        if getattr(module, "quantization_scheme", None) is None:
            continue
        scale, zero = calculate_qparams(*reduced(module.weight.data.float(), scheme.weights), scheme.weights)
        module.weight_scale.data = scale.to(dtype)
        if not scheme.weights.symmetric:
            module.weight_zero_point.data = zero.to(torch.int8)
    compressor = ModelCompressor.from_pretrained_model(model)
    compressor.compress_model(model)
    model.save_pretrained(OUT / name)
    compressor.update_config(OUT / name)
    compressor.decompress_model(model)
    save_file({n: p.detach().contiguous() for n, p in model.state_dict().items() if n.endswith(SHOWN)}, OUT / name / "values.safetensors")
    (OUT / name / "generation_config.json").unlink(missing_ok=True)


def scale_inv(name, dtype, block):
    folder = OUT / name
    folder.mkdir()
    tensors, values = {}, {}
    for key, weight in load_file(HERE / "int4" / "final.safetensors").items():
        if not key.endswith("proj.weight"):
            tensors[key] = weight
            continue
        args = QuantizationArgs(num_bits=8, type="float", strategy="block", block_structure=block)
        low, high = reduced(weight.float(), args)
        scale = (torch.maximum(-low, high) / 448).to(dtype)
        spread = scale.float().repeat_interleave(block[0], 0).repeat_interleave(block[1], 1)[: weight.shape[0], : weight.shape[1]]
        tensors[key] = (weight.float() / spread).clamp(-448, 448).to(torch.float8_e4m3fn)
        tensors[key + "_scale_inv"] = scale
        if key.endswith(SHOWN):
            values[key] = (tensors[key].float() * spread).to(BF16)
    config = json.loads((HERE / "int4" / "config.json").read_text())
    config["quantization_config"] = {"activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8", "weight_block_size": block}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    save_file({k: t.contiguous() for k, t in tensors.items()}, folder / "model.safetensors", metadata={"format": "pt"})
    save_file(values, folder / "values.safetensors")


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    for name, (form, arguments, dtype) in CASES.items():
        by_the_library(name, form, arguments, dtype)
    scale_inv("fp8-inv", F32, [128, 128])
    scale_inv("fp8-inv-ragged", BF16, [40, 56])


if __name__ == "__main__":
    main()
