#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Numbers, zstd frames and tables, after core/payload/FORMAT.md alone: what read_payload.py and its codecs share."""
import numpy as np
import zstandard

BITS = {"BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
        "I32": 32, "U32": 32, "F32": 32, "C64": 64, "F64": 64, "I64": 64, "U64": 64, "F4": 4}
TABLES = {
    2: "bf800000 bf3239b1 bf066b30 beca32a0 be91a24d be3d353f bdba7871 00000000 3da2faff 3e24cae3 3e7c04dd 3ead033a 3ee1a4b8 "
       "3f1007ab 3f3913b3 3f800000",
    3: "00000000 3baaaaab 3f2aaaab 3f800000 3eaaaaab 3f000000 3e2aaaab 3e800000 00000000 bbaaaaab bf2aaaab bf800000 beaaaaab "
       "bf000000 be2aaaab be800000",
}
TABLES = {k: np.array([int(x, 16) for x in v.split()], "<u4").view("<f4") for k, v in TABLES.items()}
TABLES[5] = np.arange(-8, 8).astype("<f4")
TILE = 4096


def need(condition, what):
    if not condition:
        raise ValueError(what)


def up16(n):
    return -(-n // 16) * 16


def zeros(data, what):
    need(not any(data), f"{what}: not zero")


def inflate(frame, size):
    """Exactly one frame of exactly `size` bytes."""
    d = zstandard.ZstdDecompressor().decompressobj()
    out = d.decompress(bytes(frame))
    need(bytes(frame[:4]) == b"\x28\xb5\x2f\xfd" and d.eof and not d.unused_data and len(out) == size, "zstd frame")
    return out


# --- numbers -----------------------------------------------------------------------------------------------------------


def to_f32(raw, dtype):
    if dtype == "F32":
        return raw.view("<f4")
    if dtype == "F16":
        return raw.view("<f2").astype("<f4")
    return (raw.view("<u2").astype("<u4") << 16).view("<f4")


def from_f32(x, dtype):
    """Rounded to nearest even; what is not a number is the quiet one. Bits."""
    with np.errstate(all="ignore"):
        if dtype == "F32":
            return np.where(np.isnan(x), np.uint32(0x7FC00000), x.view("<u4")).astype("<u4")
        if dtype == "F16":
            return np.where(np.isnan(x), np.uint16(0x7E00), x.astype("<f2").view("<u2")).astype("<u2")
    b = x.view("<u4").astype(np.uint64)
    r = ((b + 0x7FFF + ((b >> 16) & 1)) >> 16).astype("<u2")
    return np.where(np.isnan(x), np.uint16(0x7FC0), r).astype("<u2")


def cast(raw, old, new):
    return from_f32(to_f32(raw, old), new) if old != new else raw.view("<u4" if new == "F32" else "<u2")


def ordered(b, bits):
    top, rest = 1 << (bits - 1), (1 << (bits - 1)) - 1
    b = b.astype(np.int64)
    return np.where(b & top, b ^ rest, b)


def unordered(v, bits):
    top, rest = 1 << (bits - 1), (1 << (bits - 1)) - 1
    v = v & ((1 << bits) - 1)
    return np.where(v & top, v ^ rest, v)


def fma32(a, b, c):
    """a · b + c of FP32 numbers with one rounding: the sum in FP64, rounded to odd."""
    with np.errstate(all="ignore"):
        p, c = a.astype("<f8") * b.astype("<f8"), c.astype("<f8")
        s = p + c
        t = s - p
        error = (p - (s - t)) + (c - t)
        bits = s.view("<i8").copy()
        fix = np.isfinite(s) & (error != 0) & ((bits & 1) == 0)
        away = (error > 0) == (s > 0)
        bits = np.where(fix, np.where(away, bits + 1, bits - 1), bits)
        return bits.view("<f8").astype("<f4")


def exponent(patterns, dtype):
    if dtype == "F32":
        return (patterns >> 23) & 255
    return (patterns >> 10) & 31 if dtype == "F16" else (patterns >> 7) & 255


def classes(top, patterns, dtype):
    return np.clip(top - exponent(patterns.astype(np.int64), dtype), 0, 15)
