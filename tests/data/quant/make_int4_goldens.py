# SPDX-License-Identifier: Apache-2.0
"""Writes int4/: a small Llama in the format "pack-quantized" of compressed-tensors, by the library itself.

    pip install compressed-tensors==0.20.1 transformers==5.24.0 torch==2.15.0
    python3 tests/data/quant/make_int4_goldens.py

  int4/         the model as transformers saves it: symmetric INT4 in groups of 32, BF16 scales (RTN), lm_head as it is
  int4/dequantized.safetensors   what the library's decompression gives for each weight, in BF16
  int4/final.safetensors         the BF16 weights that it was made of
"""
import pathlib
import shutil

import torch
from compressed_tensors.compressors import ModelCompressor
from compressed_tensors.quantization import QuantizationArgs, QuantizationConfig, QuantizationScheme, apply_quantization_config
from compressed_tensors.quantization.utils import calculate_qparams
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

OUT = pathlib.Path(__file__).parent / "int4"
GROUP = 32


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    torch.manual_seed(4)
    config = LlamaConfig(vocab_size=48, hidden_size=64, intermediate_size=96, num_hidden_layers=1, num_attention_heads=2,
                         num_key_value_heads=1, head_dim=32, tie_word_embeddings=False, dtype="bfloat16")
    model = LlamaForCausalLM(config).to(torch.bfloat16)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2:
                parameter.normal_(0, 0.05)
    model.model.layers[0].mlp.down_proj.weight.data[3, 32:64] = 0  # a group of zeros
    final = {name: p.detach().clone() for name, p in model.state_dict().items()}
    scheme = QuantizationScheme(targets=["Linear"], weights=QuantizationArgs(num_bits=4, type="int", symmetric=True,
                                                                             strategy="group", group_size=GROUP))
    quantization = QuantizationConfig(config_groups={"group_0": scheme}, format="pack-quantized", ignore=["lm_head"])
    apply_quantization_config(model, quantization)
    for module in model.modules():
        if getattr(module, "quantization_scheme", None) is not None:
            groups = module.weight.data.unflatten(1, (-1, GROUP))
            scale, _ = calculate_qparams(groups.amin(-1), groups.amax(-1), scheme.weights)
            module.weight_scale.data = scale.to(torch.bfloat16)
    compressor = ModelCompressor.from_pretrained_model(model)
    compressor.compress_model(model)
    model.save_pretrained(OUT)
    compressor.update_config(OUT)
    compressor.decompress_model(model)
    values = {name: p.detach().contiguous() for name, p in model.state_dict().items() if name.endswith("proj.weight")}
    save_file(values, OUT / "dequantized.safetensors")
    save_file({n: t.contiguous() for n, t in final.items()}, OUT / "final.safetensors")
    (OUT / "generation_config.json").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
