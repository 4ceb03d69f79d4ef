# SPDX-License-Identifier: Apache-2.0
"""Golden safetensors files, and the real library's verdict on broken ones.

Writes beside itself: all_types, shapes, names and empty .safetensors with safetensors_files.json (what is in them), and
header_cases.json (files that readers must accept or refuse, with the library's error or null). Made with safetensors 0.8.0, numpy 2.4.
"""
import base64
import json
import pathlib
import struct

import numpy as np
import safetensors

HERE = pathlib.Path(__file__).parent
# name in Python, name in the file, bytes for the two elements of a tensor
TYPES = [("bool", "BOOL", 2), ("float4_e2m1fn_x2", "F4", 1), ("uint8", "U8", 2), ("int8", "I8", 2), ("float8_e5m2", "F8_E5M2", 2),
         ("float8_e4m3fn", "F8_E4M3", 2), ("float8_e8m0fnu", "F8_E8M0", 2), ("float8_e4m3fnuz", "F8_E4M3FNUZ", 2),
         ("float8_e5m2fnuz", "F8_E5M2FNUZ", 2), ("int16", "I16", 4), ("uint16", "U16", 4), ("float16", "F16", 4),
         ("bfloat16", "BF16", 4), ("int32", "I32", 8), ("uint32", "U32", 8), ("float32", "F32", 8), ("complex64", "C64", 16),
         ("float64", "F64", 16), ("int64", "I64", 16), ("uint64", "U64", 16)]


def write(file, tensors, metadata=None):
    """tensors: name -> (Python type, shape as the library takes it, bytes). Returns what the file holds."""
    keep = {name: np.frombuffer(data, dtype=np.uint8).copy() for name, (_, _, data) in tensors.items()}
    specs = {name: safetensors.TensorSpec(dtype=dtype, shape=list(shape), data_ptr=keep[name].ctypes.data, data_len=len(data))
             for name, (dtype, shape, data) in tensors.items()}
    content = safetensors.serialize(specs, metadata)
    (HERE / file).write_bytes(content)
    held = {name: {"dtype": info["dtype"], "shape": list(info["shape"]), "bytes": bytes(info["data"]).hex()}
            for name, info in safetensors.deserialize(content)}
    for name, (_, _, data) in tensors.items():
        assert held[name]["bytes"] == data.hex(), name
    return {"file": file, "metadata": metadata or {}, "tensors": held}


def golden():
    fill = np.random.default_rng(7)
    data = lambda n: fill.integers(0, 256, n, dtype=np.uint8).tobytes()
    files = [write("all_types.safetensors", {f"t.{i:02}.{name}": (name, [1] if name.endswith("_x2") else [2], data(size))
                                             for i, (name, _, size) in enumerate(TYPES)}, {"format": "pt"})]
    shapes = {"scalar": [], "one": [1], "row": [1, 5], "none": [0], "none.inside": [2, 0, 3], "cube": [2, 3, 4], "deep": [1] * 12 + [2]}
    files.append(write("shapes.safetensors", {k: ("bfloat16", v, data(2 * int(np.prod(v, dtype=int)))) for k, v in shapes.items()}))
    names = ["plain", 'quote"quote', "back\\slash", "tab\tline\nreturn\r", "bell\x07", "delete\x7f", "ünïcödé", "重み", "🦜", "", " ", "a/b"]
    files.append(write("names.safetensors", {n: ("float32", [1], data(4)) for n in names}, {'key "é"': 'value\n\\ \u2028 "quoted"'}))
    files.append(write("empty.safetensors", {}))
    (HERE / "safetensors_files.json").write_text(json.dumps(files, indent=1) + "\n")


def packed(header, data=b"", length=None):
    header = header.encode() if isinstance(header, str) else header
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def tensor(dtype="U8", shape="[4]", offsets="[0,4]", more=""):
    return f'{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}{more}}}'


def cases():
    one = '{"a":' + tensor() + "}"
    two = lambda a, b: '{"a":' + tensor(offsets=a) + ',"b":' + tensor(offsets=b) + "}"
    four = b"\1\2\3\4"
    deep = lambda n: '{"a":' + tensor(more=',"x":' + "[" * n + "]" * n) + "}"
    yield "no bytes", b""
    yield "seven bytes", b"\2\0\0\0\0\0\0"
    yield "header longer than the file", packed("{}", length=3)
    yield "header length of all ones", packed("{}", length=2**64 - 1)
    yield "header length of 100,000,001", packed("{}", length=100_000_001)
    yield "header length of zero", packed("")
    yield "empty header", packed("{}")
    yield "empty header with data", packed("{}", four)
    yield "spaces around the header", packed("  {}\n\t ")
    yield "one tensor", packed(one, four)
    yield "not UTF-8", packed(b'{"\xff":' + tensor().encode() + b"}", four)
    yield "not UTF-8 in a value", packed(b'{"__metadata__":{"a":"\xc3\x28"}}')
    yield "an overlong UTF-8 sequence", packed(b'{"__metadata__":{"a":"\xc0\xaf"}}')
    yield "a surrogate in UTF-8", packed(b'{"__metadata__":{"a":"\xed\xa0\x80"}}')
    yield "a lone escaped surrogate", packed('{"__metadata__":{"a":"\\ud800"}}')
    yield "an escaped surrogate pair", packed('{"__metadata__":{"a":"\\ud83e\\udd9c"}}')
    yield "a byte order mark", packed("\ufeff{}")
    yield "not JSON", packed("not json")
    yield "a NUL after the header", packed("{}\0")
    yield "a NUL and more after the header", packed('{}\0"junk"')
    yield "a raw control character in a name", packed('{"a\x01":' + tensor() + "}", four)
    yield "text after the header", packed("{} {}")
    yield "a trailing comma", packed('{"a":' + tensor() + ",}", four)
    yield "a comment", packed("{}/* */")
    yield "an unclosed header", packed('{"a":' + tensor(), four)
    yield "an array as header", packed("[]")
    yield "a number as header", packed("17")
    yield "null as header", packed("null")
    yield "a tensor that is a number", packed('{"a":4}', four)
    yield "a tensor that is null", packed('{"a":null}', four)
    yield "metadata", packed('{"__metadata__":{"format":"pt"},"a":' + tensor() + "}", four)
    yield "metadata of null", packed('{"__metadata__":null,"a":' + tensor() + "}", four)
    yield "metadata with a number", packed('{"__metadata__":{"format":1}}')
    yield "metadata with an object", packed('{"__metadata__":{"format":{}}}')
    yield "metadata with null", packed('{"__metadata__":{"format":null}}')
    yield "metadata of a list", packed('{"__metadata__":["format"]}')
    yield "metadata of a string", packed('{"__metadata__":"format"}')
    yield "metadata with a key twice", packed('{"__metadata__":{"k":"1","k":"2"}}')
    yield "metadata twice", packed('{"__metadata__":{"k":"1"},"__metadata__":{"j":"2"}}')
    yield "an unknown type", packed('{"a":' + tensor(dtype="F128") + "}", four)
    yield "a type in lower case", packed('{"a":' + tensor(dtype="u8") + "}", four)
    yield "a type that is a number", packed('{"a":{"dtype":8,"shape":[4],"data_offsets":[0,4]}}', four)
    yield "no type", packed('{"a":{"shape":[4],"data_offsets":[0,4]}}', four)
    yield "no shape", packed('{"a":{"dtype":"U8","data_offsets":[0,4]}}', four)
    yield "no offsets", packed('{"a":{"dtype":"U8","shape":[4]}}', four)
    yield "type twice", packed('{"a":' + tensor(more=',"dtype":"U8"') + "}", four)
    yield "shape twice", packed('{"a":' + tensor(more=',"shape":[4]') + "}", four)
    yield "offsets twice", packed('{"a":' + tensor(more=',"data_offsets":[0,4]') + "}", four)
    yield "an unknown key", packed('{"a":' + tensor(more=',"strides":[1,{"x":null}],"y":true') + "}", four)
    yield "unknown values nested 40 deep", packed(deep(40), four)
    yield "unknown values nested 1,000 deep", packed(deep(1000), four)
    yield "a header nested 1,000 deep", packed('{"a":' * 1000)
    yield "three offsets", packed('{"a":' + tensor(offsets="[0,4,4]") + "}", four)
    yield "one offset", packed('{"a":' + tensor(offsets="[0]") + "}", four)
    yield "offsets of a string", packed('{"a":' + tensor(offsets='"0,4"') + "}", four)
    yield "negative offset", packed('{"a":' + tensor(offsets="[-1,3]") + "}", four)
    yield "fractional offset", packed('{"a":' + tensor(offsets="[0,4.0]") + "}", four)
    yield "offset in scientific notation", packed('{"a":' + tensor(offsets="[0,4e0]") + "}", four)
    yield "offset beyond 64 bits", packed('{"a":' + tensor(offsets="[0,18446744073709551620]") + "}", four)
    yield "offset of 2^64-1", packed('{"a":' + tensor(offsets="[0,18446744073709551615]") + "}", four)
    yield "minus zero", packed('{"a":' + tensor(offsets="[-0,4]") + "}", four)
    yield "a leading zero", packed('{"a":' + tensor(offsets="[00,4]") + "}", four)
    yield "offsets in reverse", packed('{"a":' + tensor(offsets="[4,0]") + "}", four)
    yield "a negative size", packed('{"a":' + tensor(shape="[-4]") + "}", four)
    yield "a fractional size", packed('{"a":' + tensor(shape="[4.0]") + "}", four)
    yield "a size that is a string", packed('{"a":' + tensor(shape='["4"]') + "}", four)
    yield "a nested shape", packed('{"a":' + tensor(shape="[[4]]") + "}", four)
    yield "a shape that is a number", packed('{"a":' + tensor(shape="4") + "}", four)
    yield "shape larger than the data", packed('{"a":' + tensor(shape="[5]") + "}", four)
    yield "shape smaller than the data", packed('{"a":' + tensor(shape="[3]") + "}", four)
    yield "rank 0", packed('{"a":' + tensor(shape="[]", offsets="[0,1]") + "}", b"\1")
    yield "rank 64", packed('{"a":' + tensor(shape="[" + "1," * 63 + "4]") + "}", four)
    yield "rank 65", packed('{"a":' + tensor(shape="[" + "1," * 64 + "4]") + "}", four)
    yield "size zero", packed('{"a":' + tensor(shape="[0]", offsets="[0,0]") + "}")
    yield "size zero with a huge factor before", packed('{"a":' + tensor(shape="[9223372036854775808,0]", offsets="[0,0]") + "}")
    yield "size zero after an overflow", packed('{"a":' + tensor(shape="[9223372036854775808,2,0]", offsets="[0,0]") + "}")
    yield "shape overflows", packed('{"a":' + tensor(shape="[4294967296,4294967296]") + "}", four)
    yield "shape times type overflows", packed('{"a":' + tensor("F64", "[2305843009213693952]") + "}", four)
    yield "bits overflow, bytes would not", packed('{"a":' + tensor("U8", "[2305843009213693952]") + "}", four)
    yield "a hole at the start", packed('{"a":' + tensor(offsets="[1,5]") + "}", b"\0" + four)
    yield "a hole between", packed(two("[0,4]", "[5,9]"), b"\0" * 9)
    yield "an overlap", packed(two("[0,4]", "[3,7]"), b"\0" * 7)
    yield "two names on one range", packed(two("[0,4]", "[0,4]"), four)
    yield "names in any order", packed(two("[4,8]", "[0,4]"), four * 2)
    yield "data too short", packed(one, four[:3])
    yield "data too long", packed(one, four + b"\0")
    yield "a name twice", packed('{"a":' + tensor() + ',"a":' + tensor(offsets="[4,8]") + "}", four * 2)
    yield "a name twice on one range", packed('{"a":' + tensor() + ',"a":' + tensor() + "}", four)
    yield "a name twice by escapes", packed('{"a":' + tensor() + ',"\\u0061":' + tensor(offsets="[4,8]") + "}", four * 2)
    yield "an empty tensor between", packed('{"a":' + tensor() + ',"e":' + tensor(shape="[0]", offsets="[4,4]") + ',"b":'
                                            + tensor(offsets="[4,8]") + "}", four * 2)
    yield "an empty tensor off the grid", packed('{"a":' + tensor() + ',"e":' + tensor(shape="[0]", offsets="[2,2]") + "}", four)
    yield "4-bit values in whole bytes", packed('{"a":' + tensor("F4", "[8]") + "}", four)
    yield "4-bit values in half a byte", packed('{"a":' + tensor("F4", "[7]") + "}", four)
    yield "6-bit values in whole bytes", packed('{"a":' + tensor("F6_E2M3", "[4]", "[0,3]") + "}", four[:3])
    yield "6-bit values in part of a byte", packed('{"a":' + tensor("F6_E3M2", "[5]") + "}", four)
    # so that a small file claims much memory
    yield "an attack of many names", packed("{" + ",".join(f'"t{i}":' + tensor() for i in range(300)) + "}", four)


def verdicts():
    rows = []
    for name, content in cases():
        try:
            safetensors.deserialize(content)
            verdict = None
        except Exception as error:  # SafetensorError, or RecursionError and the like from its parser
            verdict = str(error)
        rows.append({"name": name, "bytes": base64.b64encode(content).decode(), "library": verdict})
    (HERE / "header_cases.json").write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


golden()
verdicts()
