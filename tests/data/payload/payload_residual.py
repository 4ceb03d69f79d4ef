#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The codecs entropy, bitpack and zstd, after core/payload/FORMAT.md alone. Part of read_payload.py."""
import struct

import numpy as np
from payload_numbers import BITS, TABLES, TILE, classes, from_f32, inflate, need, ordered, unordered, up16, zeros


def half(x, half_type):
    return from_f32(x.astype("<f4"), half_type).astype(np.int64)


def default_lo(kind, half_type):
    table = TABLES[kind]
    order = sorted(range(16), key=lambda c: (float(table[c]), -c if kind == 3 and c in (0, 8) else 0))
    lo = np.zeros(16, "<f4")
    edge = lambda a, b: np.float32((np.float32(table[order[a]]) + np.float32(table[order[b]])) / np.float32(2))
    for rank, code in enumerate(order):
        if table[code] > 0:
            lo[code] = edge(rank - 1, rank)
        elif table[code] < 0:
            lo[code] = edge(rank, rank + 1)
        else:
            other = [r for r in range(16) if table[order[r]] != 0]
            below, above = max(r for r in other if r < rank), min(r for r in other if r > rank)
            b = max(abs(edge(below, below + 1)), abs(edge(above - 1, above)))
            lo[code] = np.float32(b) * np.float32(1 + 4 / 128) / np.float32(256) * (-1 if kind == 3 and code == 8 else 1)
    return lo.view("<u4") >> 16 if half_type == "BF16" else lo.astype("<f2").view("<u2")


class Residual:
    """Anchors and contexts of a chunk, and the way back from x."""

    def __init__(self, base, first, count, dtype, top, mantissa, lo):
        self.dtype, self.kind, self.count = dtype, base.kind if base else 0, count
        self.half = "F16" if dtype == "F16" else "BF16"
        self.usable = np.ones(count, bool)
        here = slice(first, first + count)
        with np.errstate(all="ignore"):
            if self.kind >= 6:
                from payload_blocks import anchors

                blocks = base.blocks
                self.usable = blocks.usable[here]
                edge, self.context = anchors(blocks.values[here], blocks.steps[here])
                self.anchor = half(edge, self.half) | (blocks.values[here].view("<u4") >> 16 & 0x8000).astype(np.int64)
            elif self.kind >= 2:
                s = base.absmax[here]
                b = s.view("<u4")
                self.usable = (b == 0) | ((b >= 27 << 23) & (b <= 227 << 23))
            if self.kind in (2, 3, 5):
                codes = base.codes[here].astype(np.int64)
                scale = (b & 0xFFFF0000).view("<f4") if self.half == "BF16" else s.astype("<f2").astype("<f4")
                edge = (lo.astype("<u4") << 16).view("<f4") if self.half == "BF16" else lo.astype("<u2").view("<f2").astype("<f4")
                self.anchor = half(edge[codes] * scale, self.half)
                top_bits = (b >> (23 - mantissa)).astype(np.int64) & ((1 << mantissa) - 1)
                self.context = codes + 16 * top_bits
            elif self.kind == 4:
                q = base.codes[here].astype(np.int64)
                m = np.abs(q)
                s = (s / np.float32(127)).astype("<f4")
                edge = half((m.astype("<f4") - np.float32(0.5)) * s, self.half)
                zero = half(np.float32(0.5 / 256) * s, self.half)
                self.anchor = np.where(q == 0, zero, edge | np.where(q < 0, 0x8000, 0))
                c = np.where(m < 16, m, np.where(m < 32, 16 + (m - 16) // 2, np.where(m < 64, 24 + (m - 32) // 4, 32 + (m - 64) // 8)))
                self.context = np.minimum(c, 39)
            elif self.kind < 2:
                size = BITS[dtype] // 8
                parent = np.zeros(count, f"<u{size}") if self.kind == 0 else base.values[first * size : (first + count) * size].view(f"<u{size}")
                self.parent = ordered(parent, BITS[dtype])
                self.context = classes(top, parent, dtype)
                self.anchor = np.zeros(count, np.int64) if dtype == "F32" else self.parent

    def halves(self, x, n):
        """The 16 bits that a tile stores raw, from x of the first n weights of a tile at self.at."""
        here = slice(self.at, self.at + n)
        anchor = self.anchor[here]
        if self.kind < 2:
            if self.dtype == "F32":
                return x & 0xFFFF
            return unordered(anchor + x, 16)
        x, anchor = (np.append(v, np.zeros(n % 2, np.int64)) for v in (x & 0xFFFF, anchor))
        pair = lambda v: v[0::2] | (v[1::2] << 16)
        total = (pair(x) + pair(anchor)) & 0xFFFFFFFF
        return np.stack([total & 0xFFFF, total >> 16], 1).reshape(-1)[:n]

    def final(self, halves, low):
        """From the 16 bits of every weight, and the low plane of F32."""
        if self.dtype != "F32":
            return halves.astype("<u2")
        if self.kind >= 2:
            return (halves << 16 | low).astype("<u4")
        signed = np.where(low & 0x8000, low - 0x10000, low)
        return unordered(self.parent + (halves << 16) + signed, 32).astype("<u4")


def plane(data, size):
    mode, zero, stored = struct.unpack("<IIQ", bytes(data[:16]))
    need(zero == 0 and up16(stored) <= len(data) - 16, "byte plane")
    body = data[16 : 16 + stored]
    zeros(data[16 + stored : 16 + up16(stored)], "byte plane")
    if mode == 0:
        need(stored == 0, "byte plane")
        out = np.zeros(size, np.uint8)
    elif mode == 1:
        need(stored == size, "byte plane")
        out = body.copy()
    else:
        need(mode == 2, "mode of a byte plane")
        out = np.frombuffer(inflate(body, size), np.uint8)
    return out, 16 + up16(stored)


def low_plane(data, count):
    out, used = plane(data, 2 * count)
    return out[:count].astype(np.int64) | out[count:].astype(np.int64) << 8, used


class ResidualModel:
    def __init__(self, data, entropy):
        need(data[0] == 1, "version of the model")
        self.kind, self.dtype, prefix = int(data[1]), ["BF16", "F16", "F32"][data[2]], int(data[3])
        self.mantissa, self.top = int(data[4]), int(data[5])
        contexts = int(data[6:8].view("<u2")[0])
        need(contexts == ({2: 16 << self.mantissa, 3: 16 << self.mantissa, 4: 40, 5: 16 << self.mantissa}.get(self.kind, 64 if self.kind >= 6 else 16)), "contexts")
        self.lo, at = data[8:40].view("<u2"), 40
        if self.kind not in (2, 3, 5):
            zeros(self.lo, "lo")
        need(prefix in (4, 8) if entropy else prefix == 0, "prefix bits")
        self.table = []
        for _ in range(contexts):
            if not entropy:
                zeros(data[at + 1 : at + 2], "field")
                self.table.append((int(data[at]) & 127, int(data[at]) >> 7, int(data[at + 2 : at + 4].view("<u2")[0])))
                at += 4
                continue
            n, at, code, last, words = int(data[at]) + 1, at + 1, 0, 0, {}
            for _ in range(n):
                offset, packed = int(data[at : at + 2].view("<u2")[0]), int(data[at + 2])
                raw, length = packed & 15, packed >> 4
                need(1 <= length <= prefix and length >= last, "prefix")
                code, last = code << (length - last), length
                words[length, code] = offset, raw
                code += 1
                at += 3
            self.table.append(words)
        need(len(data) == up16(at), "the model's end")
        zeros(data[at:], "the model's end")


def tiles(chunk, model, base, first, count, dtype, entropy):
    r = Residual(base, first, count, dtype, model.top, model.mantissa, model.lo)
    n = -(-count // TILE)
    head = up16(4 * (n + 1))
    table = chunk[: 4 * (n + 1)].view("<u4").astype(np.int64)
    zeros(chunk[4 * (n + 1) : head], "tile table")
    need(table[0] & 0x7FFFFFFF == 0 and table[n] >> 31 == 0, "tile table")
    halves, stats = np.zeros(count, np.int64), [0, 0]
    for t in range(n):
        begin, end = (head + 16 * int(table[k] & 0x7FFFFFFF) for k in (t, t + 1))
        need(head <= begin <= end <= len(chunk), "tile offsets")
        data, m = chunk[begin:end], min(TILE, count - t * TILE)
        here = slice(t * TILE, t * TILE + m)
        if table[t] >> 31:
            halves[here] = data[: 2 * m].view("<u2")
            need(len(data) == up16(2 * m), "raw tile's end")
            zeros(data[2 * m :], "raw tile")
            stats[1] += 1
            continue
        need(r.usable[here].all(), "a coded tile with a scale that is not usable")
        padded = -(-m // 256) * 256
        context = np.append(r.context[here], np.zeros(padded - m, np.int64))
        word = int(data[:4].view("<u4")[0])
        patches, x = word >> 16, np.zeros(padded, np.int64)
        if entropy:
            shortest, unit = word & 0xFFF, (word >> 12) & 15
            lanes = shortest + (data[4:36].astype(np.int64) << unit)
            words = -(-int(lanes.sum()) // 32)
            bits = "".join(f"{w:032b}" for w in data[36 : 36 + 4 * words].view("<u4"))
            at = 0
            for lane in range(32):
                p = at
                for step in range(padded // 256):
                    for i in range(256 * step + 8 * lane, 256 * step + 8 * lane + 8):
                        code, length, table_ = 0, 0, model.table[context[i]]
                        while (length, code) not in table_:
                            code, length = code << 1 | int(bits[p]), length + 1
                            p += 1
                        offset, raw = table_[length, code]
                        x[i] = (offset + (int(bits[p : p + raw], 2) if raw else 0)) & 0xFFFF
                        p += raw
                need(p <= at + int(lanes[lane]), "lane")
                at += int(lanes[lane])
            at = 36 + 4 * words
        else:
            words = word & 0xFFFF
            bits = "".join(f"{w:032b}" for w in data[4 : 4 + 4 * words].view("<u4"))
            p = 0
            for i in range(padded):
                width, signed, offset = model.table[context[i]]
                field = int(bits[p : p + width], 2)
                p += width
                if signed:
                    field = (field & ((1 << (width - 1)) - 1)) | (field >> (width - 1) << 15)
                x[i] = (field + offset) & 0xFFFF
            at = 4 + 4 * words
        r.at = t * TILE
        halves[here] = r.halves(x[:m], m)
        for patch in data[at : at + 4 * patches].view("<u4"):
            halves[t * TILE + (int(patch) >> 16)] = int(patch) & 0xFFFF
        need(len(data) == up16(at + 4 * patches), "tile's end")
        zeros(data[at + 4 * patches :], "tile")
        stats[0] += patches
    low, at = None, head + 16 * int(table[n])
    if dtype == "F32":
        low, used = low_plane(chunk[at:], count)
        at += used
    need(at == len(chunk), "chunk's end")
    return r.final(halves, low), stats


def zstd(chunk, _, base, first, count, dtype):
    form, top, size = int(chunk[0]), int(chunk[1]), BITS[dtype] // 8
    zeros(chunk[2:16], "zstd chunk")
    if form == 1:
        need(len(chunk) == 16 + up16(count * size), "zstd chunk's end")
        zeros(chunk[16 + count * size :], "zstd chunk")
        return chunk[16 : 16 + count * size].copy().view(f"<u{size}"), [0, -(-count // TILE)]
    need(form == 0, "form of a zstd chunk")
    kind = base.kind if base else 0
    lo = default_lo(kind, "F16" if dtype == "F16" else "BF16") if kind in (2, 3, 5) else None
    r = Residual(base, first, count, dtype, top, 0, lo)
    need(r.usable.all(), "a coded chunk with a scale that is not usable")
    one, used = plane(chunk[16:], count)
    two, more = plane(chunk[16 + used :], count)
    at, low = 16 + used + more, None
    if dtype == "F32":
        low, used = low_plane(chunk[at:], count)
        at += used
    need(at == len(chunk), "zstd chunk's end")
    folded = one.astype(np.int64) | two.astype(np.int64) << 8
    x = np.where(folded & 1, (folded >> 1) ^ 0xFFFF, folded >> 1) if kind < 2 else (folded >> 1 | folded << 15) & 0xFFFF
    places = np.empty(count, np.int64)
    places[np.argsort(r.context, kind="stable")] = x
    halves = np.zeros(count, np.int64)
    for t in range(0, count, TILE):
        r.at, m = t, min(TILE, count - t)
        halves[t : t + m] = r.halves(places[t : t + m], m)
    return r.final(halves, low), [0, 0]
