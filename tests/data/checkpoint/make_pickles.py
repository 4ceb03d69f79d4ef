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


LATER = {torch.float8_e4m3fn: "F8_E4M3", torch.float8_e5m2: "F8_E5M2", torch.float8_e4m3fnuz: "F8_E4M3FNUZ", torch.float8_e5m2fnuz: "F8_E5M2FNUZ",
         torch.float8_e8m0fnu: "F8_E8M0", torch.float4_e2m1fn_x2: "F4", torch.uint16: "U16", torch.uint32: "U32", torch.uint64: "U64"}


def torch_more():
    """torch_more.json: one file a row, in base64, with what torch.load gives of it; "held" says where the tensors are in that."""
    torch.manual_seed(8)
    rows = []
    bytes_of = lambda n: torch.arange(n, dtype=torch.uint8) * 7 + 3
    whole, cube = torch.arange(24, dtype=torch.float32), torch.arange(60, dtype=torch.bfloat16).reshape(3, 4, 5)
    note = torch.nn.Parameter(torch.arange(3.0))
    note.note = "kept by a trainer"
    tagged = torch.arange(4.0)
    tagged.tag = 3
    module = torch.nn.Linear(3, 2)

    def keep(name, value, held=(), **options):
        content = saved(value, **options)
        loaded = torch.load(io.BytesIO(content), weights_only=False)  # written a line above
        for key in held:
            loaded = loaded[key]
        tensors = {k: {"dtype": (TYPES | LATER)[t.dtype], "shape": list(t.shape[:-1]) + [2 * t.shape[-1]] if t.dtype == torch.float4_e2m1fn_x2 else list(t.shape),
                       "bytes": raw(t)} for k, t in loaded.items()}
        rows.append({"name": name, "file": base64.b64encode(content).decode(), "tensors": tensors})

    strided = {"transposed": whole.reshape(4, 6).t(), "every second": whole[::2], "a column": whole.reshape(4, 6)[:, 2], "a window": whole.reshape(4, 6)[1:3, 2:5],
               "expanded": torch.arange(3.0).reshape(1, 3).expand(4, 3), "permuted": cube.permute(2, 0, 1), "reversed roles": cube.transpose(0, 2)[1:, 1:, 1:],
               "one number, everywhere": torch.tensor(2.5).expand(3, 2), "channels last": torch.arange(48.0).reshape(1, 3, 4, 4).to(memory_format=torch.channels_last),
               "as strided": whole.as_strided((3, 3), (1, 2), 5), "plain": whole}
    keep("strided", strided)
    for name in strided:
        keep("strided: " + name, {"w": strided[name]})
    for dtype, name in LATER.items():
        keep(name, {"w": bytes_of(24).view(dtype).reshape(3, -1), "part": bytes_of(24).view(dtype)[1:3]})
        if dtype != torch.float4_e2m1fn_x2:
            keep(name + ", transposed", {"w": bytes_of(24).view(dtype).reshape(3, -1).t()})
    keep("scalars", {str(d): torch.tensor(1, dtype=d) for d in TYPES} | {"u16": torch.tensor(7, dtype=torch.uint16), "e": torch.tensor(2.0).to(torch.float8_e5m2)})
    keep("parameter with attributes", {"w": note, "v": torch.ones(2)})
    keep("tensor with attributes", {"w": tagged})
    keep("state_dict", {"state_dict": module.state_dict(), "epoch": 3, "optimizer": {"state": {0: {"exp_avg": torch.ones(2)}}, "lr": 0.1}}, ["state_dict"])
    keep("model", {"epoch": 3, "model": module.state_dict(), "args": {"lr": 0.1, "name": "x"}}, ["model"])
    keep("module", {"module": module.state_dict(), "dp_world_size": 4, "param_shapes": [[1, 2]]}, ["module"])
    keep("model_state_dict", {"model_state_dict": module.state_dict(), "optimizer_state_dict": {"state": {}}, "loss": 0.5}, ["model_state_dict"])
    keep("model of a state_dict", {"model": {"state_dict": module.state_dict(), "step": 4}}, ["model", "state_dict"])
    keep("state_dict before model", {"model": {"w": torch.zeros(1)}, "state_dict": {"w": torch.ones(1)}}, ["state_dict"])
    views = {"whole": whole, "row": whole[4:8], "matrix": whole.reshape(4, 6), "transposed": whole.reshape(4, 6).t(), "scalar": torch.tensor(4), "none": torch.empty(0, 3)}
    for protocol in range(2, 6):
        keep(f"protocol {protocol}", views, pickle_protocol=protocol)
        keep(f"no ZIP, protocol {protocol}", views, pickle_protocol=protocol, _use_new_zipfile_serialization=False)
    keep("no ZIP, every type", {f"t.{name}": (torch.randn(6) * 50).to(dtype).reshape(2, 3) for dtype, name in TYPES.items()}, _use_new_zipfile_serialization=False)
    keep("no ZIP, state_dict", {"state_dict": module.state_dict(), "epoch": 1}, ["state_dict"], _use_new_zipfile_serialization=False)
    keep("no ZIP, parameters", collections.OrderedDict(module.named_parameters()), _use_new_zipfile_serialization=False)
    keep("no tensors", {})
    (HERE / "torch_more.json").write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


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


def tagged():
    tensor = torch.ones(2)
    tensor.tag = 1
    return tensor


def torch_refused():
    import warnings
    warnings.simplefilter("ignore")
    good = saved({"w": torch.ones(3, 5)})
    whole = torch.arange(24, dtype=torch.float32)
    held = members(good)
    refused = {
        "expanded beyond reason": (saved({"w": torch.ones(1).expand(2**40)}), "repeats its elements"),
        "conjugated": (saved({"w": torch.ones(2, dtype=torch.complex64).conj()}), "conjugated"),
        "double complex": (saved({"w": torch.ones(2, dtype=torch.complex128)}), "ComplexDoubleStorage"),
        "a number beside": (saved({"w": torch.ones(2), "epoch": 3}), "epoch"),
        "nested": (saved({"layers": {"w": torch.ones(2)}}), "a dict, not a tensor"),
        "wrapped too deep": (saved({"model": {"model": {"model": {"model": {"w": torch.ones(2)}}}}}), "a dict, not a tensor"),
        "wrapped number": (saved({"state_dict": {"w": torch.ones(2), "n": 3}}), "is a number, not a tensor"),
        "a list": (saved([torch.ones(2)]), "not a dict"),
        "a tensor": (saved(torch.ones(2)), "not a dict"),
        "a number as a key": (saved({1: torch.ones(2)}), "keys is a number"),
        "a module": (saved(torch.nn.Linear(2, 2)), "torch.nn.modules.linear.Linear"),
        "sparse": (saved({"w": torch.ones(2, 2).to_sparse()}), "torch._utils._rebuild_sparse_tensor"),
        "no ZIP, cut": (saved({"w": torch.ones(2)}, _use_new_zipfile_serialization=False)[:-1], "bytes are left"),
        "no ZIP, longer": (saved({"w": torch.ones(2)}, _use_new_zipfile_serialization=False) + b"\0", "bytes follow the last storage"),
        "no ZIP, big endian": (once(saved({"w": torch.ones(2)}, _use_new_zipfile_serialization=False), b"little_endianq\2\x88", b"little_endianq\2\x89"), "byte order"),
        "no ZIP, another protocol": (once(saved({"w": torch.ones(2)}, _use_new_zipfile_serialization=False), b"M\xe9\3.", b"M\xea\3."), "protocol 1001"),
        "no ZIP, code": (once(saved({"w": torch.ones(2)}, _use_new_zipfile_serialization=False), b"ccollections\nOrderedDict\n", b"cos\nsystem\n"), "os.system"),
        "compressed": (zipped(held, zipfile.ZIP_DEFLATED), "is compressed"),
        "twice": (zipped(held + [held[-1]]), "is there twice"),
        "two pickles": (zipped(held + [("other/data.pkl", b"}.")]), "two data.pkl"),
        "no pickle": (zipped([("a/b", b"c")]), "without a data.pkl"),
        "empty archive": (zipped([]), "is not a ZIP"),
        "tagged by a call": (changed(saved({"w": tagged()}), "data.pkl", lambda d: once(d, b"ctorch._utils\n_rebuild_tensor_v2\n", b"ccollections\nOrderedDict\n")), "collections.OrderedDict"),
        "negative stride": (changed(good, "data.pkl", lambda d: once(d, b"K\5K\1\x86", b"J\xff\xff\xff\xffK\1\x86")), "no number from 0"),
        "a stride outside": (changed(good, "data.pkl", lambda d: once(d, b"K\5K\1\x86", b"K\6K\1\x86")), "outside its storage"),
        "an overflowing stride": (changed(good, "data.pkl", lambda d: once(d, b"K\5K\1\x86", b"\x8a\x08" + b"\xff" * 7 + b"\x7f" + b"K\1\x86")), "outside its storage"),
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
    torch_more()
    torch_refused()
