# SPDX-License-Identifier: Apache-2.0
"""Bases in blocks: GGUF files by the gguf library, what of them a payload needs by core/payload/FORMAT.md (numpy, gguf)."""
import re
from pathlib import Path

import gguf
import numpy as np
from payload_numbers import need

KINDS = ["Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS"]
FIRST = 6  # number of the first kind
GAPS = np.array([23, 21, 18, 16, 14, 13, 12, 11, 11, 12, 12, 13, 15, 16, 20, 24], np.float32)
HALVES = {"Q4_1": [0, 2], "Q5_1": [0, 2], "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}


def entries(path):
    """Name: element type, shape, bytes with the rows in the model's order."""
    files = [path]
    if part := re.fullmatch(r"(.*)-\d{5}-of-(\d{5})\.gguf", path.name):
        files = [path.with_name(f"{part[1]}-{i + 1:05d}-of-{part[2]}.gguf") for i in range(int(part[2]))]
    readers = [gguf.GGUFReader(file) for file in files]
    fields = readers[0].fields
    number = lambda key: int(fields[key].contents()) if key in fields else None
    architecture = fields["general.architecture"].contents() if "general.architecture" in fields else ""
    found = {}
    for tensor in (t for reader in readers for t in reader.tensors):
        shape = [int(side) for side in reversed(tensor.shape)]
        raw = np.ascontiguousarray(tensor.data).view(np.uint8).reshape(-1)
        which = re.fullmatch(r"blk\.\d+\.attn_([qk])\.(weight|bias)", tensor.name)
        if architecture == "llama" and which:
            heads = number("llama.attention.head_count")
            heads = number("llama.attention.head_count_kv") or heads if which[1] == "k" else heads
            rows = raw.reshape(heads, shape[0] // heads // 2, 2, -1)
            raw = np.ascontiguousarray(rows.swapaxes(1, 2)).reshape(-1)
        found[tensor.name] = tensor.tensor_type.name, shape, raw
    return found


def scales(name, b):
    """FP32 scales of blocks, groups in order."""
    f16 = lambda at: np.ascontiguousarray(b[:, at : at + 2]).view("<f2").astype("<f4")
    if name == "Q2_K":
        return f16(80) * (b[:, :16] & 15).astype("<f4")
    if name == "Q3_K":
        low = np.concatenate([b[:, 96:104] & 15, b[:, 96:104] >> 4], 1)
        high = np.concatenate([b[:, 104:108] >> s & 3 for s in (0, 2, 4, 6)], 1)
        return f16(108) * ((low | high << 4).astype("<f4") - 32)
    if name in ("Q4_K", "Q5_K"):
        p = b[:, 4:16]
        return f16(0) * np.concatenate([p[:, :4] & 63, (p[:, 8:] & 15) | p[:, :4] >> 6 << 4], 1).astype("<f4")
    if name == "Q6_K":
        return f16(208) * np.ascontiguousarray(b[:, 192:208]).view(np.int8).astype("<f4")
    if name == "IQ4_XS":
        low = np.stack([b[:, 4:8] & 15, b[:, 4:8] >> 4], 2).reshape(-1, 8)
        high = np.ascontiguousarray(b[:, 2:4]).view("<u2") >> np.arange(0, 16, 2, dtype=np.uint16) & 3
        return f16(0) * ((low | high.astype(np.uint8) << 4).astype("<f4") - 32)
    return f16(0)


class Blocks:
    """Values, steps and usability of each element."""

    def __init__(self, name, raw):
        kind = gguf.GGMLQuantizationType[name]
        elements, size = gguf.GGML_QUANT_SIZES[kind]
        need(len(raw) % size == 0, "whole blocks")
        b = raw.reshape(-1, size)
        with np.errstate(all="ignore"):
            self.values = gguf.dequantize(b, kind).reshape(-1).astype("<f4") if len(b) else np.zeros(0, "<f4")
            steps = np.abs(scales(name, b))
            self.steps = np.repeat(steps, elements // steps.shape[1], 1).reshape(-1) if len(b) else np.zeros(0, "<f4")
            if name.startswith("IQ4"):
                codes = b[:, -elements // 2 :].reshape(len(b), -1, 16)
                codes = np.concatenate([codes & 15, codes >> 4], 2).reshape(-1)
                self.steps = self.steps * GAPS[codes]
        finite = np.ones(len(b), bool)
        for at in HALVES.get(name, [0]):
            finite &= (b[:, at + 1] & 0x7C) != 0x7C
        self.usable = np.repeat(finite, elements)


def anchors(values, steps):
    """Magnitudes of the anchors before they are rounded, and the contexts."""
    bits = lambda x: np.ascontiguousarray(x).view("<i4").astype(np.int64)
    size = np.abs(values)
    edge = np.maximum(size - np.float32(0.5) * steps, steps / np.float32(512)).astype("<f4")
    h = (bits(size) - bits(steps)) >> 22
    e = (bits(edge) >> 23) - (bits(steps) >> 23)
    small = np.select([h >= -2, h >= -4, h >= -6], [h + 5, 2, 1], 0)
    return edge, 4 * np.where(h >= 4, 8 + np.clip(e, 1, 7), small) + (bits(steps) >> 21 & 3)
