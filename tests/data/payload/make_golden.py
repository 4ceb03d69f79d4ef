#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes golden.delta.safetensors after core/payload/FORMAT.md, and reads any payload after it.

    make_golden.py                    writes the golden file (numpy, xxhash)
    make_golden.py check FILE...      checks payloads: safetensors opens them, every checksum and hash of the container agrees
"""
import json
import struct
import sys
from pathlib import Path

import numpy as np
import xxhash

KEYS = ["deltascope.base", "deltascope.facts", "deltascope.manifest", "deltascope.shards", "deltascope.version"]


def hash64(data: bytes) -> int:
    return xxhash.xxh3_64_intdigest(data)


def hash128(data: bytes) -> str:
    return xxhash.xxh3_128_hexdigest(data)


def padded(data: bytes, to: int = 16) -> bytes:
    return data + bytes(-len(data) % to)


def checksum(metadata: dict) -> str:
    text = "".join(k + "\t" + metadata[k] + "\n" for k in KEYS)
    return f"{hash64(text.encode()):016x}"


def fingerprint(rows: list) -> str:
    kinds = ["none", "same", "nf4", "fp4", "int8"]
    lines = (
        f"{r[0]}\t{kinds[r[4]]}\t{'x'.join(map(str, r[2]))}\t{r[7] or r[6]}\n" for r in rows if r[4] != 0
    )
    return hash128("".join(lines).encode())


def stream(chunks: list) -> bytes:
    body, directory = b"", b""
    position = 16 * len(chunks)
    for chunk in chunks:
        directory += struct.pack("<QQ", position + len(chunk), hash64(chunk))
        body += padded(chunk)
        position += len(padded(chunk))
    return directory + body


def write_golden(path: Path) -> None:
    random = np.random.default_rng(1)
    raw = random.integers(0, 1 << 16, 10000, dtype=np.uint16).tobytes()
    other = random.integers(0, 1 << 16, 77, dtype=np.uint16).tobytes()
    norm = hash128(b"norm")
    rows = [
        ["layers.1.norm", "BF16", [64], 0, 1, 128, norm, ""],
        ["layers.2.weight", "BF16", [100, 100], 1, 2, 5649, hash128(raw), hash128(b"base"), 4096, 12, 0, 3, -1, 0, 1, 16000, 3, 6712],
        ["layers.10.weight", "BF16", [7, 11], 1, 0, 0, hash128(other), "", 65536, 0, 0, 1, -1, 1],
    ]
    streams = {
        "layers.2.weight": stream([padded(raw[i : i + 8192]) for i in range(0, len(raw), 8192)]),
        "layers.10.weight": stream([padded(other)]),
    }
    metadata = {
        "deltascope.version": "1",
        "deltascope.base": fingerprint(rows),
        "deltascope.facts": json.dumps({"tool": "make_golden.py"}),
        "deltascope.shards": json.dumps([["model.safetensors", 0, 3]]),
        "deltascope.manifest": json.dumps(rows),
    }
    metadata["deltascope.checksum"] = checksum(metadata)
    header, data = {"__metadata__": metadata}, b""
    for name, content in streams.items():
        header[name] = {"dtype": "U8", "shape": [len(content)], "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    text += b" " * (-(len(text) + 8) % 16)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def check(path: Path) -> None:
    from safetensors import safe_open

    with safe_open(path, "np") as file:
        metadata = file.metadata()
        names = set(file.keys())
        assert metadata["deltascope.version"] == "1"
        assert metadata["deltascope.checksum"] == checksum(metadata), "checksum"
        rows = json.loads(metadata["deltascope.manifest"])
        assert metadata["deltascope.base"] == fingerprint(rows), "fingerprint"
        chunks = 0
        for row in rows:
            if row[3] == 0:
                assert row[0] not in names and len(row) == 8
                continue
            data = file.get_tensor(row[0]).tobytes()
            names.remove(row[0])
            count = -(-int(np.prod(row[2], dtype=object)) // row[8])
            position = 16 * count
            for i in range(count):
                end, digest = struct.unpack_from("<QQ", data, 16 * i)
                assert hash64(data[position:end]) == digest, (row[0], i)
                position = end + -end % 16
                chunks += 1
            assert position == len(data), row[0]
        used = {row[12] for row in rows if row[3] != 0 and row[12] >= 0}
        for model in used:
            data = file.get_tensor(f"deltascope.model.{model}").tobytes()
            names.remove(f"deltascope.model.{model}")
            size, digest = struct.unpack_from("<QQ", data)
            assert hash64(data[16 : 16 + size]) == digest and len(padded(data[: 16 + size])) == len(data), model
        assert not names, names
    print(f"{path}: {len(rows)} tensors, {chunks} chunks, {len(used)} models agree")


if __name__ == "__main__":
    if sys.argv[1:2] == ["check"]:
        for name in sys.argv[2:]:
            check(Path(name))
    else:
        write_golden(Path(__file__).with_name("golden.delta.safetensors"))
