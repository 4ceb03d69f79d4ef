# SPDX-License-Identifier: Apache-2.0
"""Adds folders of compressed-tensors and of FP8 with weight_scale_inv to what make_formats.py wrote, for bench_formats.

    pip install compressed-tensors==0.20.1 torch==2.15.0 safetensors==0.8.0
    python3 tests/bench/make_scaled_formats.py DIR

DIR/gauss and DIR/t6 get a folder for each format, quantized from the same final; without a final there, it is made.
"""
import json
import pathlib
import sys

import torch
from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32
from compressed_tensors.quantization import QuantizationArgs
from compressed_tensors.quantization.utils import calculate_qparams
from safetensors.torch import load_file, save_file

NAMES = ("model.layers.0.mlp.gate_proj.weight", "model.layers.0.mlp.up_proj.weight")
EMBEDDING = "model.embed_tokens.weight"


def final(folder, student):
    path = folder / "final" / "model.safetensors"
    if not path.exists():
        path.parent.mkdir(parents=True)
        torch.manual_seed(1)
        draw = (lambda: torch.distributions.StudentT(6.0).sample((2048, 4096)) / 1.5**0.5) if student else (lambda: torch.randn(2048, 4096))
        save_file({name: (draw() * 0.02).bfloat16() for name in NAMES} | {EMBEDDING: torch.zeros(1, 256, dtype=torch.bfloat16)}, path)
        (path.parent / "config.json").write_text(json.dumps({"model_type": "llama"}))
    return load_file(path)


def integers(weight, bits, group):
    args = QuantizationArgs(num_bits=bits, type="int", symmetric=True, strategy="group", group_size=group)
    groups = weight.float().unflatten(1, (-1, group))
    scale, _ = calculate_qparams(groups.amin(-1), groups.amax(-1), args)
    scale = scale.bfloat16()
    codes = (groups / scale.float()[..., None]).round().clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return {"_packed": pack_to_int32(codes.flatten(1).to(torch.int8), bits), "_scale": scale, "_shape": torch.tensor(weight.shape)}


def fp8(weight, block):
    blocks = weight.float().unflatten(1, (-1, block)).unflatten(0, (-1, block))
    scale = blocks.abs().amax((1, 3)) / 448
    codes = (blocks / scale[:, None, :, None]).clamp(-448, 448).flatten(0, 1).flatten(1)
    return {"": codes.to(torch.float8_e4m3fn), "_scale_inv": scale}


FORMATS = {
    "w4a16-32": (lambda w: integers(w, 4, 32), {"config_groups": {"g": {"weights": {"num_bits": 4, "group_size": 32}}}}),
    "w4a16-128": (lambda w: integers(w, 4, 128), {"config_groups": {"g": {"weights": {"num_bits": 4, "group_size": 128}}}}),
    "w8a16-128": (lambda w: integers(w, 8, 128), {"config_groups": {"g": {"weights": {"num_bits": 8, "group_size": 128}}}}),
    "fp8-128x128": (lambda w: fp8(w, 128), {"quant_method": "fp8", "weight_block_size": [128, 128]}),
}


def main():
    root = pathlib.Path(sys.argv[1])
    for data in ("gauss", "t6"):
        weights = final(root / data, data == "t6")
        for name, (quantize, config) in FORMATS.items():
            folder = root / data / name
            folder.mkdir(exist_ok=True)
            tensors = {EMBEDDING: weights[EMBEDDING]}
            for own in NAMES:
                tensors |= {own + part: value.contiguous() for part, value in quantize(weights[own]).items()}
            save_file(tensors, folder / "model.safetensors")
            (folder / "config.json").write_text(json.dumps({"model_type": "llama", "quantization_config": config}))
            print(folder, flush=True)


if __name__ == "__main__":
    main()
