# SPDX-License-Identifier: Apache-2.0
"""Writes gguf/ and gguf.json: files by the gguf library, what is in them, and one cut into parts as llama.cpp's gguf-split does it.

    pip install gguf==0.19.0 numpy==2.4.6
    python3 tests/data/checkpoint/make_gguf.py

  all.gguf      every type of value, plain tensors of every type, one in blocks; alignment 64
  all-v2.gguf   the same as version 2, which has the same bytes but for the number
  parts-*.gguf  three parts: the metadata in the first, tensors in the others
"""
import json
import pathlib
import shutil

import gguf
import numpy as np

OUT = pathlib.Path(__file__).parent
FOLDER = OUT / "gguf"
T = gguf.GGUFValueType


def plain(random):
    tensors = {}
    for dtype in (np.float32, np.float16, np.float64, np.int8, np.int16, np.int32, np.int64):
        tensors["plain." + np.dtype(dtype).name] = (random.normal(0, 30, (2, 3, 5)).astype(dtype), None)
    bits = random.integers(0, 65536, (4, 8), np.uint16)
    tensors["plain.bfloat16"] = (bits.view(np.uint8), gguf.GGMLQuantizationType.BF16)
    tensors["blocks"] = (random.integers(0, 256, (3, 2 * 34), np.uint8), gguf.GGMLQuantizationType.Q8_0)
    tensors["vector"] = (random.normal(0, 1, 7).astype(np.float32), None)
    return tensors


def finish(writer, tensors):
    for name, (array, kind) in tensors.items():
        writer.add_tensor(name, array, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    random = np.random.default_rng(7)
    tensors = plain(random)
    writer = gguf.GGUFWriter(FOLDER / "all.gguf", "none")
    writer.add_custom_alignment(64)
    numbers = {"u8": (T.UINT8, 200), "i8": (T.INT8, -100), "u16": (T.UINT16, 60000), "i16": (T.INT16, -30000), "u32": (T.UINT32, 4000000000),
               "i32": (T.INT32, -2000000000), "u64": (T.UINT64, 2**63 + 1), "i64": (T.INT64, -2**62), "f32": (T.FLOAT32, 1e-05),
               "f64": (T.FLOAT64, 0.1), "yes": (T.BOOL, True), "no": (T.BOOL, False)}
    texts = {"f32": "1e-05", "f64": "0.1", "yes": "true", "no": "false"}
    expected = {"general.architecture": "none", "general.alignment": "64"}
    for name, (kind, value) in numbers.items():
        writer.add_key_value("a." + name, value, kind)
        expected["a." + name] = texts.get(name, str(value))
    writer.add_string("a.text", "Ünïcode\nand a line")
    expected["a.text"] = "Ünïcode\nand a line"
    writer.add_array("list.texts", ["one", "", "three"])
    writer.add_array("list.numbers", [1, 2, -3])
    writer.add_array("list.floats", [0.5, 1.25])
    writer.add_array("list.truths", [True, False, True, True])
    expected |= {"list.texts": "3 texts", "list.numbers": "3 numbers", "list.floats": "2 numbers", "list.truths": "4 truth values"}
    finish(writer, tensors)
    raw = (FOLDER / "all.gguf").read_bytes()
    assert raw[4:8] == b"\3\0\0\0"
    (FOLDER / "all-v2.gguf").write_bytes(raw[:4] + b"\2\0\0\0" + raw[8:])

    names = list(tensors)
    for part, held in enumerate([[], names[:4], names[4:]]):
        writer = gguf.GGUFWriter(FOLDER / f"parts-{part + 1:05d}-of-00003.gguf", "none")
        if part == 0:
            writer.add_string("a.text", "of the first part")
        writer.add_uint16("split.no", part)
        writer.add_uint16("split.count", 3)
        writer.add_int32("split.tensors.count", len(names))
        finish(writer, {name: tensors[name] for name in held})

    rows = {}
    for name, (array, kind) in tensors.items():
        type_name = kind.name if kind else {"float32": "F32", "float16": "F16", "float64": "F64", "int8": "I8", "int16": "I16",
                                            "int32": "I32", "int64": "I64"}[array.dtype.name]
        shape = list(array.shape)
        if type_name == "BF16":
            shape[-1] //= 2
        rows[name] = {"type": type_name, "shape": shape, "bytes": array.tobytes().hex()}
    (OUT / "gguf.json").write_text(json.dumps({"metadata": expected, "tensors": rows}, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
