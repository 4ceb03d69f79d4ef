# SPDX-License-Identifier: Apache-2.0
"""Proves that transformers and bitsandbytes load what deltascope-cli quantizes, and see the same bits.

    python3 tests/data/quant/check_written.py build/release/app/cli/deltascope-cli [MODEL]

Packs MODEL (by default the one in source/) in every format, loads each base with from_pretrained (no quantization arguments: config.json says all),
and compares every Linear weight with what bitsandbytes makes of the original: codes, scales, states, dequantized values.
"""
import pathlib
import subprocess
import sys
import tempfile

import bitsandbytes as bnb
import torch
from bitsandbytes import functional as F
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

HERE = pathlib.Path(__file__).parent
CASES = {
    "nf4": ["--quantize", "nf4"],
    "nf4 128": ["--quantize", "nf4", "--blocksize", "128"],
    "nf4 double": ["--quantize", "nf4", "--double-quant"],
    "fp4": ["--quantize", "fp4"],
    "fp4 double 32": ["--quantize", "fp4", "--double-quant", "--blocksize", "32"],
    "int8": ["--quantize", "int8"],
}


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and torch.equal(a.reshape(-1).view(torch.uint8), b.reshape(-1).view(torch.uint8))


def check(name, module, weight, arguments):
    if isinstance(module, bnb.nn.Linear8bitLt):
        codes, scb, _ = F.int8_vectorwise_quant(weight)
        assert same(module.weight.data, codes) and same(module.weight.SCB, scb), name
        return
    blocksize = int(arguments[arguments.index("--blocksize") + 1]) if "--blocksize" in arguments else 64
    codes, state = F.quantize_4bit(weight, blocksize=blocksize, quant_type=arguments[1], compress_statistics="--double-quant" in arguments)
    ours = module.weight.quant_state
    assert same(module.weight.data, codes), name
    assert same(ours.absmax, state.absmax) and same(ours.code, state.code), name
    assert (ours.blocksize, ours.dtype, ours.shape, ours.quant_type) == (blocksize, state.dtype, state.shape, state.quant_type), name
    if state.nested:
        assert same(ours.offset, state.offset), name
        assert same(ours.state2.absmax, state.state2.absmax) and same(ours.state2.code, state.state2.code), name
    assert same(F.dequantize_4bit(module.weight.data, ours), F.dequantize_4bit(codes, state)), name


def main(cli, final=HERE / "source"):
    source = {}
    for shard in sorted(pathlib.Path(final).glob("*.safetensors")):
        source |= load_file(shard)
    for case, arguments in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "packed"
            subprocess.run([cli, "pack", "--quiet", "--final", final, *arguments, "--out", out], check=True, stdout=subprocess.DEVNULL)
            base = next(path.parent for path in out.rglob("config.json"))
            model = AutoModelForCausalLM.from_pretrained(base, device_map="cpu", dtype=torch.bfloat16)
            checked = 0
            for path, module in model.named_modules():
                if isinstance(module, (bnb.nn.Linear4bit, bnb.nn.Linear8bitLt)):
                    check(path, module, source[path + ".weight"], arguments)
                    checked += 1
                elif isinstance(module, torch.nn.Linear) and path + ".weight" in source:  # a tied head has none
                    assert same(module.weight.data, source[path + ".weight"]), path
            logits = model(torch.tensor([[1, 2, 3]])).logits
            assert checked and torch.isfinite(logits).all()
            print(f"{case}: {checked} weights are the library's own")


main(*sys.argv[1:])
