#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the SHA-256 of the bytes of each tensor of a safetensors checkpoint, sorted by name: a second opinion that shares no code
with the engine. Needs the standard library only.   tensor_sums.py DIR"""
import hashlib
import json
import pathlib
import struct
import sys


def tensors(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    for name, info in json.loads(data[8 : 8 + length]).items():
        if name != "__metadata__":
            begin, end = info["data_offsets"]
            yield name, data[8 + length + begin : 8 + length + end]


sums = {name: hashlib.sha256(data).hexdigest() for path in pathlib.Path(sys.argv[1]).glob("*.safetensors") for name, data in tensors(path)}
for name in sorted(sums):
    print(sums[name], name)
