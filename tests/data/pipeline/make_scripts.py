# SPDX-License-Identifier: Apache-2.0
"""Files as the old scripts wrote them, small: a base in base_model.pth, payloads in delta_*.pkl, and the final.

Writes scripts/ beside itself, with expected.json: what torch itself gets from base + delta of each payload. delta_whole gives the final bit
for bit; the others have one thing wrong each. Made with torch 2.15.0, zstandard 0.25, safetensors 0.8.0.
"""
import json
import pathlib
import pickle

import torch
import zstandard
from safetensors.torch import save_file

OUT = pathlib.Path(__file__).parent / "scripts"
CHUNKS = 64
compress = zstandard.ZstdCompressor(level=3).compress


def bits(tensor):
    return tensor.reshape(-1).view(torch.int16 if tensor.dtype != torch.float32 else torch.int32)


def entry(base, final):
    delta = final.float().reshape(-1) - base.float().reshape(-1)
    positions = torch.nonzero(delta).reshape(-1)
    values = delta[positions]
    return {"total_deltas": positions.numel(), "comp_indices_list": [compress(p.numpy().tobytes()) for p in torch.tensor_split(positions, CHUNKS)],
            "comp_values_list": [compress(v.numpy().tobytes()) for v in torch.tensor_split(values, CHUNKS)]}


def applied(base, entry, dtype):
    """As the scripts did, but for frames that cannot be read."""
    out = base.float().reshape(-1).clone()
    for p, v in zip(entry["comp_indices_list"], entry["comp_values_list"]):
        try:
            p, v = (zstandard.ZstdDecompressor().decompressobj().decompress(f) for f in (p, v))
        except zstandard.ZstdError:
            continue
        if len(p) and len(p) // 8 == len(v) // 4:
            p, v = torch.frombuffer(bytearray(p), dtype=torch.int64), torch.frombuffer(bytearray(v), dtype=torch.float32)
            out[p] += v
    return out.reshape(base.shape).to(dtype)


def main():
    torch.manual_seed(11)
    OUT.mkdir(exist_ok=True)
    bf16 = torch.bfloat16
    base = {"layers.2.weight": torch.randn(48, 32).to(bf16), "layers.10.weight": torch.randn(16, 32).to(bf16),
            "norm.weight": torch.ones(32, dtype=bf16), "half.weight": torch.randn(8, 8).half(), "single.weight": torch.randn(4, 6),
            "same.weight": torch.randn(4, 4).to(bf16)}
    final = {n: t.clone() if n == "same.weight" else (t.float() + torch.randn(t.shape) * 0.1 * (torch.rand(t.shape) < 0.7)).to(t.dtype)
             for n, t in base.items()}
    # FP32: base + (final − base) is not always the final; here it is, as everywhere in the 16-bit tensors.
    final["single.weight"] = base["single.weight"] + (final["single.weight"] - base["single.weight"])
    whole = {n: entry(base[n], final[n]) for n in base if n != "same.weight"}
    torch.save(base, OUT / "base_model.pth")
    save_file(final, OUT / "final.safetensors")

    def changed(edit):
        copy = {n: {k: list(v) if isinstance(v, list) else v for k, v in e.items()} for n, e in whole.items()}
        edit(copy)
        return copy

    def empty(d):
        d["layers.2.weight"]["comp_indices_list"] = d["layers.2.weight"]["comp_values_list"] = [b""] * CHUNKS

    def one_empty(d):
        d["layers.10.weight"]["comp_values_list"][3] = b""

    def cut(d):
        d["layers.2.weight"]["comp_indices_list"][5] = d["layers.2.weight"]["comp_indices_list"][5][:-4]

    def no_frame(d):
        d["layers.2.weight"]["comp_values_list"][7] = b"no frame at all"

    def outside(d):
        d["norm.weight"]["comp_indices_list"][63] = compress(torch.tensor([10**9]).numpy().tobytes())
        d["norm.weight"]["comp_values_list"][63] = compress(torch.ones(1).numpy().tobytes())

    def backwards(d):
        for key in ("comp_indices_list", "comp_values_list"):
            d["layers.2.weight"][key][0:2] = d["layers.2.weight"][key][1::-1]

    def fewer_values(d):
        d["layers.2.weight"]["comp_values_list"][2] = compress(b"")

    def fewer_frames(d):
        d["layers.2.weight"]["comp_values_list"].pop()

    def inexact(d):
        values = torch.frombuffer(bytearray(zstandard.ZstdDecompressor().decompress(d["layers.10.weight"]["comp_values_list"][1])), dtype=torch.float32)
        d["layers.10.weight"]["comp_values_list"][1] = compress((values * 1.5).numpy().tobytes())

    def another(d):
        d["elsewhere.weight"] = d["norm.weight"]

    payloads = {"whole": whole}
    payloads |= {e.__name__: changed(e) for e in (empty, one_empty, cut, no_frame, outside, backwards, fewer_values, fewer_frames, inexact, another)}
    expected = {}
    for name, payload in payloads.items():
        (OUT / f"delta_{name}.pkl").write_bytes(pickle.dumps(payload))
        rows = {}
        for tensor in base:
            if name in ("outside", "backwards", "cut"):
                break  # what the scripts got from these is no guide
            got = applied(base[tensor], payload[tensor], final[tensor].dtype) if tensor in payload else base[tensor]
            differ = torch.nonzero(bits(got) != bits(final[tensor])).reshape(-1)
            rows[tensor] = {"different": differ.numel(), "first": differ[0].item() if differ.numel() else None}
        expected[name] = rows
    assert not any(r["different"] for r in expected["whole"].values()), expected["whole"]
    (OUT / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
