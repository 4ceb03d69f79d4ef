# SPDX-License-Identifier: Apache-2.0
"""Golden pickles and files of torch.save, and hostile ones.

Writes beside itself: pickles.json (what pickle writes of plain data in every protocol, and what it reads back), hostile_pickles.json (pickles
that would run code or make objects, each with the name that a refusal must say), torch_files.json with *.pth (what torch holds in them) and
torch_refused.json (files that must be refused, with words of the refusal). Nothing hostile is ever loaded here.
Made with Python 3.11, torch 2.15.0.
"""
import base64
import builtins
import collections
import fractions
import io
import json
import os
import pathlib
import pickle
import struct
import subprocess
import zipfile

import torch

HERE = pathlib.Path(__file__).parent


def described(value):
    """As the test spells what it read."""
    if isinstance(value, bytes) and len(value) > 1000:
        return {"repeated": value[:1].hex(), "times": len(value)}
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": bytes(value).hex()}
    if isinstance(value, tuple):
        return {"tuple": [described(v) for v in value]}
    if isinstance(value, dict):
        return {"dict": [[described(k), described(v)] for k, v in value.items()]}
    if isinstance(value, list):
        return [described(v) for v in value]
    return value


def plain():
    again = ["shared"]
    values = {
        "none": None, "true": True, "false": False, "numbers": [0, 1, -1, 255, 256, 65535, 65536, -(2**31), 2**31, 2**63 - 1, -(2**63)],
        "floats": [0.0, -0.0, 1.5, 1e300, 5e-324], "texts": ["", "a", "é", "重み", "🦜", "back\\slash", "line\nfeed\r\0", "x" * 300, "\\u0041"],
        "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)], "nested": {"a": {"b": [{"c": (None, [])}]}}, "empty": [{}, [], ()],
        "shared": [again, again, (again, again)], "ordered": collections.OrderedDict(a=1, b=[2]),
        "many": list(range(2000)), "keys": {1: "number", "text": 2, (1, 2): "tuple"},
        "payload": {"w": {"total_deltas": 2, "comp_indices_list": [], "comp_values_list": []}},
    }
    held = {"bytes": [b"", b"a", b"\0\xff" * 200], "frames": {"w": {"total_deltas": 3, "comp_indices_list": [b"x" * 65537, b""]}}}
    rows = []
    for protocol in range(6):
        for name, value in {**values, **(held if protocol >= 3 else {})}.items():
            if name == "frames" and protocol != 4:
                continue
            content = pickle.dumps(value, protocol)
            assert pickle.loads(content) == value
            rows.append({"name": f"{name}, protocol {protocol}", "pickle": base64.b64encode(content).decode(), "value": described(value)})
    rows.append({"name": "bytearray, protocol 5", "pickle": base64.b64encode(pickle.dumps(bytearray(b"abc"), 5)).decode(),
                 "value": described(bytearray(b"abc"))})
    (HERE / "pickles.json").write_text(json.dumps(rows, indent=0) + "\n")


class Calls:
    def __init__(self, function, *arguments, state=None):
        self.how = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.how


class Thing:
    pass


def line(text):
    return text.encode() + b"\n"


def hostile():
    run = "touch /tmp/deltascope-was-here"
    calls = {
        "os.system": (Calls(os.system, run), "posix.system"), "eval": (Calls(builtins.eval, "1+1"), "eval"),
        "exec": (Calls(builtins.exec, "1"), "exec"), "popen": (Calls(subprocess.Popen, run), ".Popen"),
        "import": (Calls(__import__, "os"), "__import__"), "getattr": (Calls(getattr, "a", "b"), "getattr"),
        "hub": (Calls(torch.hub.load, "a/b", "c"), "torch.hub.load"), "load": (Calls(torch.load, "x"), "torch.serialization.load"),
        "fraction": (fractions.Fraction(1, 3), "fractions.Fraction"), "object": (Thing(), "__main__.Thing"),
        "set": ({1, 2}, "set"), "complex": (1j, "complex"), "class": (dict, "dict"), "function": (len, "len"),
        "state": (Calls(collections.OrderedDict, state={"a": Calls(os.system, run)}), "posix.system"),
        "ordered with arguments": (Calls(collections.OrderedDict, [("a", 1)]), "collections.OrderedDict with arguments"),
        "dtype": (torch.float32, "torch.float32"), "numpy": (torch.ones(1).numpy(), "numpy"),
    }
    rows = []
    add = lambda name, content, says: rows.append({"name": name, "pickle": base64.b64encode(content).decode(), "says": says})
    for protocol in range(6):
        for name, (value, says) in calls.items():
            if name == "set" and protocol >= 4:
                says = "EMPTY_SET"
            if name == "object" and protocol < 2:
                says = "copy_reg._reconstructor"
            places = {name: value, f"{name} in a dict": {"w": {"total_deltas": 1, "comp_indices_list": [value]}},
                      f"{name} as a key's fellow": [("a", (1, [value]))]}
            for place, held in places.items() if name in ("os.system", "eval", "hub") else [(name, value)]:
                add(f"{place}, protocol {protocol}", pickle.dumps(held, protocol), says)
    add("bytes, protocol 2", pickle.dumps(b"abc", 2), "_codecs.encode")
    add("frozen set", pickle.dumps(frozenset([1]), 4), "FROZENSET")
    add("tensor by torch's own reduce", pickle.dumps(torch.ones(2), 2), "torch.storage._load_from_bytes")
    # By hand: what no pickler writes.
    system, text = b"c" + line("os") + line("system"), b"X\2\0\0\0id"
    add("through the memo", system + b"q\0" + b"0h\0(" + text + b"tR.", "os.system")
    add("STACK_GLOBAL through the memo", b"\x80\4\x8c\2os\x94\x8c\6system\x94" + b"00h\0h\1\x93(" + text + b"tR.", "os.system")
    add("INST", b"(" + text + b"i" + line("os") + line("system") + b".", "INST calls os.system")
    add("OBJ", b"(" + system + text + b"o.", "os.system")
    add("OBJ of a known symbol", b"(c" + line("collections") + line("OrderedDict") + b"o.", "OBJ")
    add("OBJ of a text", b"(" + text + text + b"o.", "OBJ")
    add("NEWOBJ", b"\x80\2c" + line("collections") + line("OrderedDict") + b")\x81.", "NEWOBJ")
    add("NEWOBJ_EX", b"\x80\4c" + line("collections") + line("OrderedDict") + b")}\x92.", "NEWOBJ_EX")
    add("EXT1", b"\x82\1.", "EXT1")
    add("EXT2", b"\x83\1\0.", "EXT2")
    add("EXT4", b"\x84\1\0\0\0.", "EXT4")
    add("PERSID", b"P" + line("0") + b".", "PERSID")
    add("NEXT_BUFFER", b"\x80\5\x97.", "NEXT_BUFFER")
    add("READONLY_BUFFER", b"\x80\5C\1a\x98.", "READONLY_BUFFER")
    add("STRING", b"S" + line("'a'") + b".", "STRING")
    add("BINSTRING", b"T\1\0\0\0a.", "BINSTRING")
    add("SHORT_BINSTRING", b"U\1a.", "SHORT_BINSTRING")
    add("BUILD of a list", b"]}b.", "BUILD")
    add("BUILD of a plain dict", b"}}b.", "BUILD")
    add("BUILD of a symbol", b"c" + line("collections") + line("OrderedDict") + b"}b.", "BUILD")
    add("REDUCE of a text", text + b")R.", "REDUCE calls a text")
    add("REDUCE of a list", b"])R.", "REDUCE calls a list")
    add("REDUCE of a storage type", b"c" + line("torch") + line("FloatStorage") + b")R.", "torch.FloatStorage")
    add("storage outside torch", b"c" + line("torch.cuda") + line("FloatStorage") + b".", "torch.cuda.FloatStorage")
    add("a name that ends as a storage does", b"c" + line("os") + line("system.Storage") + b".", "os.system.Storage")
    add("a dotted name", b"c" + line("torch._utils") + line("_rebuild_tensor_v2.__globals__") + b".", "_rebuild_tensor_v2.__globals__")
    add("_rebuild_tensor", b"c" + line("torch._utils") + line("_rebuild_tensor") + b".", "torch._utils._rebuild_tensor")
    add("protocol 6", b"\x80\6N.", "protocol 6")
    add("a long number", b"\x8a\x0a" + b"\1" * 10 + b".", "a number of 10 bytes")
    (HERE / "hostile_pickles.json").write_text(json.dumps(rows, indent=0) + "\n")


TYPES = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64", torch.int32: "I32",
         torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL", torch.complex64: "C64"}


def raw(tensor):
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes().hex() if tensor.numel() else ""


def torch_files():
    torch.manual_seed(7)
    rows = []

    def keep(name, value, **options):
        torch.save(value, HERE / f"{name}.pth", **options)
        loaded = torch.load(HERE / f"{name}.pth", weights_only=False)  # written a line above
        rows.append({"file": f"{name}.pth", "tensors": {k: {"dtype": TYPES[t.dtype], "shape": list(t.shape), "bytes": raw(t)} for k, t in loaded.items()}})

    keep("torch_types", {f"t.{name}": (torch.randn(6) * 50).to(dtype).reshape(2, 3) for dtype, name in TYPES.items()})
    whole = torch.arange(24, dtype=torch.float32)
    keep("torch_views", {"whole": whole, "again": whole, "row": whole[4:8], "matrix": whole.reshape(4, 6)[1:3], "none": torch.empty(0, 3),
                         "scalar": torch.tensor(1.5, dtype=torch.bfloat16), "one.wide": whole.reshape(24, 1), "column": whole.reshape(1, 24).t()})
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.LayerNorm(2)).to(torch.bfloat16)
    keep("torch_state_dict", module.state_dict())
    keep("torch_parameters", collections.OrderedDict(module.named_parameters()))
    keep("torch_protocol_4", {"重み": torch.ones(2)}, pickle_protocol=4)
    keep("torch_protocol_5", {"w": torch.ones(2)}, pickle_protocol=5)
    (HERE / "torch_files.json").write_text(json.dumps(rows, indent=1) + "\n")


def saved(value, **options):
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


def members(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [(i.filename, archive.read(i)) for i in archive.infolist()]


def zipped(held, method=zipfile.ZIP_STORED, comment=b""):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.comment = comment
        for name, data in held:
            archive.writestr(name, data)
    return buffer.getvalue()


def changed(content, member, edit):
    return zipped([(n, edit(d) if n.endswith(member) else d) for n, d in members(content)])


def once(data, old, new):
    assert data.count(old) >= 1, (old, data)
    return data.replace(old, new, 1)


def torch_refused():
    import warnings
    warnings.simplefilter("ignore")
    good = saved({"w": torch.ones(3, 5)})
    whole = torch.arange(24, dtype=torch.float32)
    held = members(good)
    refused = {
        "transposed": (saved({"w": torch.ones(2, 3).t()}), "not contiguous"),
        "expanded": (saved({"w": torch.ones(1, 3).expand(2, 3)}), "not contiguous"),
        "strided": (saved({"w": whole[::2]}), "not contiguous"),
        "conjugated": (saved({"w": torch.ones(2, dtype=torch.complex64).conj()}), "conjugated"),
        "double complex": (saved({"w": torch.ones(2, dtype=torch.complex128)}), "ComplexDoubleStorage"),
        "float8": (saved({"w": torch.ones(2).to(torch.float8_e4m3fn)}), "torch._utils._rebuild_tensor_v3"),
        "a number beside": (saved({"w": torch.ones(2), "epoch": 3}), "epoch"),
        "nested": (saved({"model": {"w": torch.ones(2)}}), "a dict, not a tensor"),
        "a list": (saved([torch.ones(2)]), "not a dict"),
        "a tensor": (saved(torch.ones(2)), "not a dict"),
        "a number as a key": (saved({1: torch.ones(2)}), "keys is a number"),
        "a module": (saved(torch.nn.Linear(2, 2)), "torch.nn.modules.linear.Linear"),
        "sparse": (saved({"w": torch.ones(2, 2).to_sparse()}), "torch._utils._rebuild_sparse_tensor"),
        "before torch 1.6": (saved({"w": torch.ones(2)}, _use_new_zipfile_serialization=False), "is not a ZIP"),
        "compressed": (zipped(held, zipfile.ZIP_DEFLATED), "is compressed"),
        "twice": (zipped(held + [held[-1]]), "is there twice"),
        "two pickles": (zipped(held + [("other/data.pkl", b"}.")]), "two data.pkl"),
        "no pickle": (zipped([("a/b", b"c")]), "without a data.pkl"),
        "empty archive": (zipped([]), "is not a ZIP"),
        "comment": (zipped(held, comment=b"hello"), "does not end with a ZIP directory"),
        "storage missing": (zipped([(n, d) for n, d in held if not n.endswith("data/0")]), "is missing"),
        "storage short": (changed(good, "data/0", lambda d: d[:-1]), "has 59 bytes"),
        "storage long": (changed(good, "data/0", lambda d: d + b"\0"), "has 61 bytes"),
        "big endian": (changed(good, "byteorder", lambda d: b"big"), "byte order is big"),
        "offset outside": (changed(good, "data.pkl", lambda d: once(d, b"QK\0K\3K\5", b"QK\1K\3K\5")), "outside its storage"),
        "larger than its storage": (changed(good, "data.pkl", lambda d: once(d, b"QK\0K\3K\5", b"QK\0K\4K\5")), "outside its storage"),
        "negative offset": (changed(good, "data.pkl", lambda d: once(d, b"QK\0K\3", b"QJ\xff\xff\xff\xffK\3")), "no number from 0"),
        "negative size": (changed(good, "data.pkl", lambda d: once(d, b"QK\0K\3", b"QK\0J\xff\xff\xff\xff")), "no number from 0"),
        "overflowing shape": (changed(good, "data.pkl", lambda d: once(d, b"QK\0K\3K\5", b"QK\0" + b"\x8a\x08" + b"\xff" * 7 + b"\x7f" + b"K\5")),
                              "overflows 64 bits"),
        "overflowing storage": (changed(good, "data.pkl", lambda d: once(d, b"K\x0ftq", b"\x8a\x08" + b"\xff" * 7 + b"\x7f" + b"tq")), "has 60 bytes"),
        "a stride too few": (changed(good, "data.pkl", lambda d: once(d, b"K\5K\1\x86", b"K\5\x85")), "strides"),
        "the name twice": (changed(good, "data.pkl", lambda d: d[:-1] + b"X\1\0\0\0wh\0s."), "there twice"),
        "holding itself": (changed(good, "data.pkl", lambda d: b"\x80\2}q\0X\1\0\0\0wh\0s."), "a dict, not a tensor"),
        "code in the pickle": (changed(good, "data.pkl", lambda d: b"\x80\2c" + line("os") + line("system") + b"X\2\0\0\0id\x85R."), "os.system"),
        "trailing bytes in the pickle": (changed(good, "data.pkl", lambda d: d + b"N."), "follow the pickle's end"),
    }
    rows = [{"name": n, "file": base64.b64encode(c).decode(), "says": s} for n, (c, s) in refused.items()]
    (HERE / "torch_refused.json").write_text(json.dumps(rows, indent=0) + "\n")


if __name__ == "__main__":
    plain()
    hostile()
    torch_files()
    torch_refused()
