#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The codecs sparse, lowrank and additive, and the table of all, after core/payload/FORMAT.md alone. Part of read_payload.py."""
import numpy as np
from payload_numbers import BITS, TILE, classes, fma32, from_f32, inflate, need, ordered, to_f32, unordered, up16, zeros
from payload_residual import ResidualModel, tiles, zstd


class Bits:
    """First bit = least significant of the first byte; zeros past the end."""

    def __init__(self, data):
        self.value, self.at, self.size = int.from_bytes(bytes(data), "little"), 0, 8 * len(data)

    def take(self, n):
        v = (self.value >> self.at) & ((1 << n) - 1)
        self.at += n
        return v

    def unary(self):
        n = 0
        while not self.take(1):
            n += 1
            need(self.at <= self.size, "unary run")
        return n


def canonical(lengths):
    """symbol → (codeword, first bit most significant, length)."""
    code, codes, last = 0, {}, 0
    for length, symbol in sorted((l, s) for s, l in enumerate(lengths) if l):
        code <<= length - last
        codes[symbol], last = (code, length), length
        code += 1
    return codes


class SparseModel:
    def __init__(self, data):
        need(data[0] == 1, "version of the model")
        self.dtype, self.top = ["BF16", "F16", "F32"][data[1]], int(data[2])
        zeros(data[3:4], "sparse model")
        size = int(data[4:8].view("<u4")[0])
        self.k = [int(x) for x in data[8:24]]
        self.buckets = 64 if self.dtype == "F32" else 32
        symbols = 2 + 8 * self.buckets
        lengths = inflate(data[24 : 24 + size], 16 * symbols)
        zeros(data[24 + size :], "sparse model")
        self.codes = []
        for c in range(16):
            table = canonical(lengths[c * symbols : (c + 1) * symbols])
            need(sum(2.0 ** -l for _, l in table.values()) == 1.0 and 0 in table and 1 in table, "complete prefix code")
            skip, skip_length = table[0]
            flipped = {}
            for symbol, (code, length) in table.items():
                bits = [(code >> (length - 1 - i)) & 1 for i in range(length)]
                flip = [(skip >> (skip_length - 1 - i)) & 1 if i < skip_length else 0 for i in range(length)]
                flipped[tuple(a ^ b for a, b in zip(bits, flip))] = symbol
            self.codes.append(flipped)


def sparse(chunk, model, base, first, count, dtype):
    bits = BITS[dtype]
    size = bits // 8
    values = base.values[first * size : (first + count) * size].view(f"<u{size}")
    out = values.copy()
    stats = [0, 0]
    if not len(chunk):
        return out, stats
    least, width = int(chunk[:2].view("<u2")[0]), int(chunk[2])
    zeros(chunk[3:4], "sparse chunk")
    tiles = -(-count // TILE)
    table = Bits(chunk[4 : 4 + -(-tiles * width // 8)])
    at = 4 + -(-tiles * width // 8)
    for t in range(tiles):
        n = min(TILE, count - t * TILE)
        length = least + table.take(width)
        data, at = chunk[at : at + length], at + length
        here = slice(t * TILE, t * TILE + n)
        if length == n * size:
            out[here] = data.view(f"<u{size}")
            stats[1] += 1
            continue
        stream, order = Bits(data), ordered(values[here], bits)
        group = classes(model.top, values[here], dtype)
        for c in range(15, -1, -1):
            places, i, k = np.flatnonzero(group == c), 0, model.k[c]
            while i < len(places):
                if stream.at >= stream.size:
                    break
                word = ()
                while word not in model.codes[c]:
                    word += (stream.take(1),)
                symbol = model.codes[c][word]
                if symbol == 0:
                    i += 4 << k
                    continue
                if symbol == 1:
                    i += stream.take(k + 2)
                    x = stream.take(bits)
                    stats[0] += 1
                else:
                    r, b = divmod(symbol - 2, model.buckets)
                    t4, s = divmod(r, 2)
                    i += (t4 << k) + stream.take(k)
                    if b == 0:
                        m = 1
                    else:
                        e, h = (b + 1) // 2, (b + 1) % 2
                        m = ((2 + h) << (e - 1)) + stream.take(e - 1)
                    x = -m if s else m
                need(i < len(places), "a change outside its class")
                p = places[i]
                out[here.start + p] = unordered(np.array([order[p] + x]), bits)[0]
                i += 1
    zeros(chunk[at:], "sparse chunk")
    need(len(chunk) == up16(at), "sparse chunk's end")
    return out, stats


class LowRankModel:
    def __init__(self, data):
        need(data[0] == 1, "version of the model")
        self.transposed, terms = int(data[1]), int(data[2:4].view("<u2")[0])
        zeros(data[4:8], "lowrank model")
        self.rows, self.columns = (int(x) for x in data[8:24].view("<u8"))
        heads, at = [], 24
        for _ in range(terms):
            zeros(data[at + 1 : at + 4], "lowrank model")
            heads.append((["F32", "BF16", "F16"][data[at]], data[at + 4 : at + 8].view("<f4")[0], int(data[at + 8 : at + 16].view("<u8")[0])))
            at += 16
        fan_in, fan_out = (self.rows, self.columns) if self.transposed else (self.columns, self.rows)
        self.terms = []
        for dtype, scale, rank in heads:
            sizes = [rank * fan_in * BITS[dtype] // 8, fan_out * rank * BITS[dtype] // 8]
            a = to_f32(data[at : at + sizes[0]].copy(), dtype).reshape(rank, fan_in)
            b = to_f32(data[at + sizes[0] : at + sum(sizes)].copy(), dtype).reshape(fan_out, rank)
            self.terms.append((scale, a, b))
            at += sum(sizes)
        zeros(data[at:], "lowrank model")


def lowrank(chunk, model, base, first, count, dtype):
    bits = BITS[dtype]
    size = bits // 8
    w = base.values[first * size : (first + count) * size].copy()
    row, column = np.divmod(np.arange(first, first + count), model.columns)
    o, i = (column, row) if model.transposed else (row, column)
    for scale, a, b in model.terms:
        acc = np.zeros(count, "<f4")
        for r in range(a.shape[0]):
            acc = fma32(b[o, r], a[r, i], acc)
        with np.errstate(all="ignore"):
            w = from_f32(to_f32(w, dtype) + np.float32(scale) * acc, dtype).view(np.uint8)
    out = w.view(f"<u{size}").copy()
    if not len(chunk):
        return out, [0, 0]
    corrections, k = int(chunk[:4].view("<u4")[0]), int(chunk[4])
    zeros(chunk[5:8], "lowrank chunk")
    if corrections == 0xFFFFFFFF and k == 0:
        need(len(chunk) == up16(8 + count * size), "lowrank chunk's end")
        zeros(chunk[8 + count * size :], "lowrank chunk")
        return chunk[8 : 8 + count * size].copy().view(f"<u{size}"), [0, -(-count // TILE)]
    stream, at = Bits(chunk[8:]), 0
    for _ in range(corrections):
        at += (stream.unary() << k) | stream.take(k)
        negative = stream.take(1)
        e = stream.unary()
        m = (1 << e) | stream.take(e)
        out[at] = unordered(ordered(out[at : at + 1], bits) + (-m if negative else m), bits)[0]
        at += 1
    need(stream.at <= stream.size and len(chunk) == up16(8 + -(-stream.at // 8)), "lowrank chunk's end")
    need(stream.value >> stream.at == 0, "lowrank chunk's padding")
    return out, [corrections, 0]


def additive(chunk, _, base, first, count, dtype):
    size = BITS[dtype] // 8
    n, corrections, one, two = (int(x) for x in chunk[:16].view("<u4"))
    positions = np.frombuffer(inflate(chunk[16 : 16 + one], 8 * n), "<i8") - first
    differences = np.frombuffer(inflate(chunk[16 + one : 16 + one + two], 4 * n), "<f4")
    need((np.diff(positions) > 0).all() and (n == 0 or 0 <= positions[0] and positions[-1] < count), "positions")
    out = base.values[first * size : (first + count) * size].copy().view(f"<u{size}")
    with np.errstate(all="ignore"):
        sums = to_f32(out[positions].view(np.uint8), dtype) + differences
    out[positions] = from_f32(sums, dtype)
    at = 16 + one + two
    pairs = chunk[at : at + 8 * corrections].copy().view("<u4").reshape(-1, 2)
    out[pairs[:, 0]] = pairs[:, 1]
    zeros(chunk[at + 8 * corrections :], "additive chunk")
    need(len(chunk) == up16(at + 8 * corrections), "additive chunk's end")
    return out, [corrections, 0]


CODECS = {2: sparse, 6: lowrank, 7: additive, 5: zstd,
          3: lambda *a: tiles(*a, True), 4: lambda *a: tiles(*a, False)}
MODELS = {2: SparseModel, 6: LowRankModel, 3: lambda d: ResidualModel(d, True), 4: lambda d: ResidualModel(d, False)}
