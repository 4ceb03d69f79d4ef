# SPDX-License-Identifier: Apache-2.0
"""Writes models of one layer and GGUF files quantized from them by ggml, for bench_formats.

    pip install gguf==0.19.0 numpy==2.4.6 xllamacpp==2026.10.11549
    python3 tests/bench/make_formats.py DIR

DIR/gauss and DIR/t6 get a final of two BF16 matrices (2048 x 4096, standard deviation 0.02, normal or Student's t of six degrees) and a
GGUF file for each type.
"""
import json
import pathlib
import sys

import gguf
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "data" / "quant"))
from make_gguf_goldens import TYPES, bf16, quantized, save_bf16, widened  # noqa: E402

SHAPE, PAIRS = (2048, 4096), {"model.layers.0.mlp.gate_proj.weight": "blk.0.ffn_gate.weight", "model.layers.0.mlp.up_proj.weight": "blk.0.ffn_up.weight"}


def main():
    root = pathlib.Path(sys.argv[1])
    random = np.random.default_rng(1)
    for name, draw in ("gauss", lambda: random.normal(0, 0.02, SHAPE)), ("t6", lambda: random.standard_t(6, SHAPE) * 0.02 / 1.5**0.5):
        folder = root / name
        (folder / "final").mkdir(parents=True, exist_ok=True)
        final = {own: bf16(draw()) for own in PAIRS}
        # Names are told apart by the embedding, which is too small to count.
        embedding = bf16(np.zeros((1, 256)))
        save_bf16(final | {"model.embed_tokens.weight": embedding}, folder / "final" / "model.safetensors")
        (folder / "final" / "config.json").write_text(json.dumps({"model_type": "llama"}))
        for kind in TYPES:
            writer = gguf.GGUFWriter(folder / f"{kind.name}.gguf", "qwen2")
            writer.add_tensor("token_embd.weight", widened(embedding))
            for own, there in PAIRS.items():
                writer.add_tensor(there, quantized(widened(final[own]), kind), raw_dtype=kind)
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
            writer.close()
            print(folder / f"{kind.name}.gguf", flush=True)


if __name__ == "__main__":
    main()
