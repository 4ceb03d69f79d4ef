#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Packs small checkpoints into every kind of payload of version 1: each codec over each kind of base, for finals of each type.

    make_v1.py DELTASCOPE_CLI FOLDER

FOLDER then holds the bases, the payloads over them, and what they give: lora.safetensors those of adapters, all others tensors
of final.safetensors. The files in v1/ were written by the program of commit 0e21ee5 and are never written again: they
stand for what people have on their disks.
"""
import json
import math
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile

CODECS = ["entropy", "bitpack", "zstd", "sparse", "additive"]


def bits32(value):
    return struct.unpack("<I", struct.pack("<f", value))[0]


def bf16(value):
    b = bits32(value)
    return struct.pack("<H", (b + 0x7FFF + ((b >> 16) & 1)) >> 16)


PACK = {"BF16": bf16, "F16": lambda v: struct.pack("<e", v), "F32": lambda v: struct.pack("<f", v)}


def tensor(rng, dtype, shape, std=0.05):
    return dtype, list(shape), [rng.gauss(0, std) for _ in range(math.prod(shape))]


def save(path, tensors):
    """`tensors`: name → (type, shape, values or bytes)."""
    head, data = {"__metadata__": {"format": "pt"}}, bytearray()
    for name, (dtype, shape, values) in tensors.items():
        raw = values if isinstance(values, bytes) else b"".join(PACK[dtype](v) for v in values)
        head[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(data))


def folder_of(work, name, tensors):
    folder = work / name
    folder.mkdir()
    save(folder / "model.safetensors", tensors)
    return folder


def special(dtype, values):
    """What anchors and differences stumble over, in a few places."""
    odd = [0.0, -0.0, math.inf, -math.inf, math.nan, 6e4, -6e4, 1e-6, -1e-6]
    for i, value in enumerate(odd):
        values[37 * i + 5] = value
    return values


def main():
    cli, out = sys.argv[1], pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    work = pathlib.Path(tempfile.mkdtemp(prefix="deltascope-v1-"))
    rng = random.Random(20261130)
    layer = "model.layers.0.mlp."
    parent = {
        layer + "up_proj.weight": tensor(rng, "BF16", (68, 64)),
        layer + "gate_proj.weight": tensor(rng, "F16", (12, 64)),
        layer + "down_proj.weight": tensor(rng, "F32", (12, 64)),
        "model.norm.weight": tensor(rng, "BF16", (64,)),
    }
    final = {}
    for name, (dtype, shape, values) in parent.items():
        tuned = [v + rng.gauss(0, 2e-4) if rng.random() < 0.4 else v for v in values]
        final[name] = dtype, shape, tuned if name.endswith("norm.weight") else special(dtype, tuned)
    final["model.norm.weight"] = parent["model.norm.weight"]
    quantizable = dict(final)
    alone = {
        "extra.a": tensor(rng, "BF16", (68, 64)),
        "extra.b": tensor(rng, "F16", (12, 64)),
        "extra.c": tensor(rng, "F32", (12, 64)),
        "extra.ids": ("I64", [3, 5], bytes(range(120))),
        "extra.none": ("BF16", [0, 4], b""),
        "extra.zeros": ("BF16", [70, 64], bytes(2 * 70 * 64)),
    }
    quantizable.update(alone)

    def run(*arguments):
        subprocess.run([cli, *map(str, arguments), "--quiet"], check=True, stdout=subprocess.DEVNULL)

    parents = folder_of(work, "parent", parent)
    finals = folder_of(work, "final", quantizable)
    del quantizable["extra.zeros"]  # that program cannot quantize it
    fewer = folder_of(work, "fewer", quantizable)
    shutil.copy(parents / "model.safetensors", out / "base-same.safetensors")
    shutil.copy(finals / "model.safetensors", out / "final.safetensors")
    for codec in CODECS:
        run("pack", "--base", parents, "--final", finals, "--codec", codec, "--out", out / f"same-{codec}.delta.safetensors")
    kinds = [("nf4", []), ("fp4", []), ("int8", []), ("nf4", ["--double-quant", "--blocksize", 128])]
    for number, (kind, more) in enumerate(kinds):
        label = kind + ("-nested" if more else "")
        for codec in CODECS if number < 3 else ["entropy"]:
            packed = work / f"{label}-{codec}"
            run("pack", "--final", fewer, "--quantize", kind, *more, "--scope", "all", "--codec", codec, "--out", packed)
            (payload,) = packed.glob("*.delta.safetensors")
            (base,) = packed.glob("base*.safetensors")
            shutil.copy(payload, out / f"{label}-{codec}.delta.safetensors")
            kept = out / f"base-{label}.safetensors"
            assert not kept.exists() or kept.read_bytes() == base.read_bytes(), "one base for all codecs"
            shutil.copy(base, kept)
    adapter = work / "adapter"
    adapter.mkdir()
    names = [("up_proj", 68, 64), ("gate_proj", 12, 64), ("down_proj", 12, 64)]
    factors = {}
    for name, rows, columns in names:
        p = f"base_model.model.{layer}{name}."
        factors[p + "lora_A.weight"] = tensor(rng, "F32", (2, columns))
        factors[p + "lora_B.weight"] = tensor(rng, "F32", (rows, 2))
    save(adapter / "adapter_model.safetensors", factors)
    (adapter / "adapter_config.json").write_text(json.dumps(
        {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": [n for n, _, _ in names], "bias": "none"}))
    run("pack", "--base", parents, "--adapter", adapter, "--codec", "lowrank", "--out", out / "same-lowrank.delta.safetensors")
    run("unpack", out / "same-lowrank.delta.safetensors", "--base", parents, "--out", work / "merged")
    shutil.copy(work / "merged" / "model.safetensors", out / "lora.safetensors")
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
