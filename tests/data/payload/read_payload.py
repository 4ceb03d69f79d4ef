#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rebuilds finals from payloads, written from core/payload/FORMAT.md alone (numpy, xxhash, zstandard).

    read_payload.py PAYLOAD BASE              checks every promise of the container and every hash
    read_payload.py PAYLOAD BASE FINAL        and compares with that file or folder, bit for bit

BASE is a GGUF file (that needs the gguf library), or, as FINAL, a safetensors file or a folder of them. Slow, and meant to be read.
"""
import json
import re
import struct
import sys
from pathlib import Path

import numpy as np
import xxhash
from payload_codecs import CODECS, MODELS
from payload_numbers import BITS, TABLES, TILE, cast, from_f32, inflate, need, up16, zeros

KINDS = ["none", "same", "nf4", "fp4", "int8", "int4", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS"]
ZERO_CODES = {2: 7, 3: 0, 4: 0, 5: 8}


def hash64(data):
    return xxhash.xxh3_64_intdigest(bytes(data))


def hash128(data):
    return xxhash.xxh3_128_hexdigest(bytes(data))


# --- safetensors -------------------------------------------------------------------------------------------------------


class File:
    def __init__(self, path):
        self.raw = np.fromfile(path, np.uint8)
        n = int(self.raw[:8].view("<u8")[0])
        self.text, self.data = bytes(self.raw[8 : 8 + n]), self.raw[8 + n :]
        self.header = json.loads(self.text)
        self.metadata = self.header.pop("__metadata__", {})


class Tensors:
    """Tensors by name, of a file or of all files of a folder but payloads."""

    def __init__(self, path):
        path = Path(path)
        files = [path]
        if path.suffix == ".gguf":
            from payload_blocks import entries

            self.entries = entries(path)
            return
        if path.is_dir():
            index = path / "model.safetensors.index.json"
            names = set(json.loads(index.read_text())["weight_map"].values()) if index.exists() else {"model.safetensors"}
            files = [path / name for name in sorted(names)]
        self.entries = {}
        for file in map(File, files):
            for name, e in file.header.items():
                begin, end = e["data_offsets"]
                self.entries[name] = e["dtype"], e["shape"], file.data[begin:end]

    def raw(self, name):
        return self.entries[name][2].copy()


class Base:
    """One row's base tensor, cut or continued to the final's elements."""

    def __init__(self, row, tail, tensors):
        self.name, self.dtype, self.kind = tail.get("name", row[0]), row[1], row[4]
        self.count = int(np.prod(row[2], dtype=object)) if row[2] else 1
        self.shape = tail.get("base", row[2])
        self.state = "0" * 32
        own = int(np.prod(self.shape, dtype=object)) if self.shape else 1
        name = self.name
        if self.kind >= 6:
            from payload_blocks import Blocks

            kind, shape, raw = tensors.entries[name]
            need(kind == KINDS[self.kind] and shape == self.shape, "type and shape of the base")
            self.stored, self.hash = len(raw), hash128(raw)
            self.blocks = Blocks(kind, raw)
            for part in ("values", "steps", "usable"):
                grown = np.zeros(self.count, getattr(self.blocks, part).dtype) if part != "usable" else np.ones(self.count, bool)
                shared = min(own, self.count)
                grown[:shared] = getattr(self.blocks, part)[:shared]
                setattr(self.blocks, part, grown)
            self.values = from_f32(self.blocks.values, self.dtype).view(np.uint8)
            return
        if self.kind == 1:
            dtype, shape, raw = tensors.entries[name]
            need(shape == self.shape, "shape of the base")
            self.stored, self.hash = len(raw), hash128(raw)
            self.values = raw.copy() if dtype == self.dtype else cast(raw.copy(), dtype, self.dtype).view(np.uint8)
            self.resize_values()
            return
        dtype, _, raw = tensors.entries[name + ("_packed" if self.kind == 5 else "")]
        part = lambda suffix: tensors.raw(name + suffix)
        if self.kind == 4:
            module = name[: -len(".weight")] if name.endswith(".weight") else name
            self.scales = tensors.raw(module + ".SCB").view("<f4")
            self.group = self.shape[-1]
            self.codes = raw.copy().view(np.int8)
            self.stored = len(raw) + self.scales.nbytes + (1 if module + ".weight_format" in tensors.entries else 0)
        elif self.kind == 5:
            kind, shape, scales = tensors.entries[name + "_scale"]
            need(self.shape == [shape[0], 8 * len(raw) // 4 // shape[0]], "shape of the base")
            self.group = self.shape[1] // shape[1]
            self.scales = scales.copy() if kind == "F32" else cast(scales.copy(), kind, "F32").view(np.uint8)
            self.scales = self.scales.view("<f4")
            self.stored = sum(len(tensors.raw(name + s)) for s in ("_packed", "_scale", "_shape"))
            raw = raw >> 4 | raw << 4
            self.codes = np.stack([raw >> 4, raw & 15], 1).reshape(-1)[:own].copy()
        else:
            parts = [k for k in tensors.entries if k.startswith(name + ".")]
            self.stored = len(raw) + sum(len(tensors.entries[k][2]) for k in parts)
            state = json.loads(bytes(part(f".quant_state.bitsandbytes__{KINDS[self.kind]}")))
            need(state["shape"] == self.shape, "shape of the base")
            self.group, qmap = state["blocksize"], part(".quant_map")
            self.mapped = np.array_equal(qmap.view("<f4"), TABLES[self.kind])
            text = struct.pack("<Q", self.group) + bytes(qmap)
            self.scales = part(".absmax")
            if "nested_offset" in state:
                nmap = part(".nested_quant_map")
                text += struct.pack("<Q", state["nested_blocksize"]) + bytes(nmap)
                outer = part(".nested_absmax").view("<f4")[np.arange(len(self.scales)) // state["nested_blocksize"]]
                self.scales = nmap.view("<f4")[self.scales] * outer + np.float32(state["nested_offset"])
            self.scales = self.scales.view("<f4")
            self.state = hash128(text)
            self.codes = np.stack([raw >> 4, raw & 15], 1).reshape(-1)[:own].copy()
        self.hash = hash128(bytes(raw) + self.scales.tobytes())
        grown = np.full(self.count, ZERO_CODES[self.kind], self.codes.dtype)
        shared = min(own, self.count)
        grown[:shared] = self.codes[:shared]
        self.codes = grown
        blocks = -(-self.count // self.group) if self.group else 0
        scales = np.zeros(blocks, "<f4")
        shared = min(blocks, len(self.scales))
        scales[:shared] = self.scales[:shared]
        self.scales = scales
        self.absmax = self.scales[np.arange(self.count) // max(self.group, 1)]
        with np.errstate(all="ignore"):
            if self.kind == 4:
                c = np.array([0x3C010204], "<u4").view("<f4")[0]
                value = (self.codes.astype("<f4") * self.absmax) * c
            else:
                value = TABLES[self.kind][self.codes] * self.absmax
        self.values = from_f32(value.astype("<f4"), self.dtype).view(np.uint8)

    def resize_values(self):
        size = self.count * BITS[self.dtype]
        out = np.zeros(-(-size // 8), np.uint8)
        shared = min(len(out), len(self.values))
        out[:shared] = self.values[:shared]
        self.values = out


# --- the container -----------------------------------------------------------------------------------------------------


def natural(name):
    """Runs of digits as numbers, other bytes as they are."""
    key = []
    for digits, byte in re.findall(rb"(\d+)|(.)", name.encode(), re.S):
        key.append((48, int(digits)) if digits else (byte[0], -1))
    return key, name.encode()


def whole(file, name):
    """A model or companion: u64 n, u64 hash, n bytes, zeros."""
    e = file.header.pop(name)
    data = file.data[slice(*e["data_offsets"])]
    n, digest = (int(x) for x in data[:16].view("<u8"))
    need(len(data) == 16 + up16(n) and hash64(data[16 : 16 + n]) == digest, name)
    zeros(data[16 + n :], name)
    return data[16 : 16 + n].copy()


def runs(text, rows):
    seen, out = set(), []
    for entry in json.loads(text):
        mine = [r for a, n in zip(entry[1::2], entry[2::2]) for r in range(a, a + n)]
        need(not seen & set(mine) and all(r < rows for r in mine), "runs")
        seen |= set(mine)
        out.append((entry[0], mine))
    return out, seen


def read(path, base_path):
    file = File(path)
    m = file.metadata
    need(re.fullmatch("[1234]", m["deltascope.version"]), "version: a newer file")
    version = int(m["deltascope.version"])
    text = "".join(f"{k}\t{m[k]}\n" for k in sorted(m) if k.startswith("deltascope.") and k != "deltascope.checksum")
    need(f"{hash64(text.encode()):016x}" == m["deltascope.checksum"], "checksum")
    need(len(file.text) % 16 == 8 and file.text.rstrip(b" ").endswith(b"}"), "header")
    need(all(e["dtype"] == "U8" and len(e["shape"]) == 1 and not any(v % 16 for v in e["data_offsets"]) for e in file.header.values()), "streams")
    rows = json.loads(m["deltascope.manifest"])
    tails = [r.pop() if version >= 2 and isinstance(r[-1], dict) else {} for r in rows]
    need(all(set(t) <= {"base", *(["name", "transposed"] if version >= 3 else [])} for t in tails), "a newer row")
    need(all(t.get("name") != r[0] and t.get("name", "-") and (r[4] or not t) for r, t in zip(rows, tails)), "a row's tail")
    need(all(t.get("transposed", True) is True and not {"base", "transposed"} <= set(t) for t in tails), "a transpose")
    need([r[0] for r in rows] == sorted((r[0] for r in rows), key=natural), "order of the rows")
    _, placed = runs(m["deltascope.shards"], len(rows))
    need(not placed or len(placed) == len(rows), "shards")
    states = {}
    if "deltascope.states" in m:
        states = {r: state for state, mine in runs(m["deltascope.states"], len(rows))[0] for r in mine}
        need(set(states) == {i for i, r in enumerate(rows) if r[4] in (2, 3)}, "states")
    shown, full = "", b""
    for i, (r, t) in enumerate(zip(rows, tails)):
        if r[4] == 0:
            continue
        shape, digits = t.get("base", r[2]), r[7] or r[6]
        base_name = t.get("name", r[0])
        shown += f"{base_name}\t{KINDS[r[4]]}\t{'x'.join(map(str, shape))}\t{digits}\n"
        name = base_name.encode()
        full += struct.pack("<Q", len(name)) + name + struct.pack(f"<{2 + len(shape)}Q", r[4], len(shape), *shape)
        full += digits.encode() + states.get(i, "0" * 32).encode()
    need(hash128(shown.encode()) == m["deltascope.base"], "fingerprint")
    need("deltascope.fingerprint" not in m or hash128(full) == m["deltascope.fingerprint"], "full fingerprint")
    models = {}
    while f"deltascope.model.{len(models)}" in file.header:
        models[len(models)] = whole(file, f"deltascope.model.{len(models)}")
    companions = {}
    for i, (name, size, digest, form) in enumerate(json.loads(m.get("deltascope.companions", "[]")) if version >= 2 else []):
        data = whole(file, f"deltascope.companion.{i}")
        data = inflate(data, size) if form else bytes(data)
        need(len(data) == size and hash128(data) == digest, name)
        companions[name] = data
    bases = Tensors(base_path) if any(r[4] for r in rows) else None
    finals, last = {}, 0
    for i, (r, tail) in enumerate(zip(rows, tails)):
        name, dtype, shape, codec, kind = r[:5]
        count = int(np.prod(shape, dtype=object)) if shape else 1
        base = Base(r, tail, bases) if kind else None
        if base:
            need(base.hash == (r[7] or r[6]) and base.stored == r[5], f"{name}: the base")
            need(kind not in (2, 3) or (base.state == states[i] if states else base.mapped), f"{name}: the base's tables")
        if codec == 0:
            final = base.values if base else np.zeros(0, np.uint8)
        else:
            e = file.header.pop(name)
            begin, end = e["data_offsets"]
            need(begin >= last, "order of the streams")
            last, data = end, file.data[begin:end]
            chunks, at, parts, counts = -(-count // r[8]), 0, [], [0, 0]
            model = MODELS[codec](models[r[12]]) if r[12] >= 0 else None
            at = 16 * chunks
            for c in range(chunks):
                stop, digest = (int(x) for x in data[16 * c : 16 * c + 16].view("<u8"))
                chunk, n = data[at:stop].copy(), min(r[8], count - c * r[8])
                need(hash64(chunk) == digest, f"{name}: chunk {c}")
                zeros(data[stop : up16(stop)], name)
                at = up16(stop)
                if codec == 1:
                    size = -(-n * BITS[dtype] // 8)
                    need(len(chunk) == up16(size), name)
                    zeros(chunk[size:], name)
                    part, stats = chunk[:size], [0, -(-n // TILE)]
                else:
                    part, stats = CODECS[codec](chunk, model, base, c * r[8], n, dtype)
                parts.append(np.ascontiguousarray(part).view(np.uint8))
                counts = [a + b for a, b in zip(counts, stats)]
            need(at == len(data), f"{name}: the stream's end")
            final = np.concatenate(parts) if parts else np.zeros(0, np.uint8)
            same = 0
            if base:
                size = BITS[dtype] // 8
                same = int((base.values.reshape(-1, size) == final.reshape(-1, size)).all(1).sum())
            need([same, counts[1]] == [r[9], r[11]], f"{name}: counts {same} {counts}, not {r[9:12]}")
            need(counts[0] == r[10] or codec == 2 and r[11] and counts[0] <= r[10], f"{name}: patches")
        need(hash128(final) == r[6], f"{name}: the final's hash")
        if "transposed" in tail:
            final = np.ascontiguousarray(final.reshape(*shape, -1).transpose(1, 0, 2)).reshape(-1)
            shape = shape[::-1]
        finals[name] = dtype, shape, final
    need(not file.header, f"streams that belong to nothing: {list(file.header)}")
    return version, finals, companions


def main():
    version, finals, companions = read(*sys.argv[1:3])
    if len(sys.argv) > 3:
        right = Tensors(sys.argv[3]).entries
        for name, (dtype, shape, data) in finals.items():
            need(right[name][:2] == (dtype, shape) and np.array_equal(right[name][2], data), f"{name}: other bits")
    print(f"{sys.argv[1]}: version {version}, {len(finals)} tensors and {len(companions)} companions, bit for bit")


if __name__ == "__main__":
    main()
