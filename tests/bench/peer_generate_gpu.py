# SPDX-License-Identifier: Apache-2.0
"""How fast transformers writes on a GPU, one line a way: resident, compiled in a graph, and offloaded to the host by accelerate.

    python3 tests/bench/peer_generate_gpu.py CHECKPOINT [--ways eager compiled offload] [--gpu-gib 4.9] [--tokens 128]

Batch 1, greedy, past any end token, BF16; the prompt is ids 1 … 16. tokens_per_s is of decoding: tokens after the first over the time
they took; the best of two runs after a warm-up. peak_gb is torch's own count of allocated memory.
"""
import argparse
import json
import time

import torch
import transformers
from transformers.utils import logging

logging.disable_progress_bar()


def load(path, **more):
    return transformers.AutoModelForCausalLM.from_pretrained(path, dtype=torch.bfloat16, **more).eval()


@torch.inference_mode()
def eager(model, tokens):
    ids = torch.arange(1, 17, device="cuda")[None]
    out = model(ids, use_cache=True, logits_to_keep=1)
    best, times = out.logits[0, -1].argmax(), []
    for _ in range(tokens - 1):
        out = model(best.view(1, 1), past_key_values=out.past_key_values, use_cache=True)
        best = out.logits[0, -1].argmax()
        best.item()
        times.append(time.perf_counter())
    return (len(times) - 1) / (times[-1] - times[0])


@torch.inference_mode()
def compiled(model, tokens):
    config = model.config
    cache = transformers.StaticCache(config=config, max_cache_len=640)
    ids = torch.arange(1, 17, device="cuda")[None]
    best = model(ids, past_key_values=cache, use_cache=True, logits_to_keep=1,
                 cache_position=torch.arange(16, device="cuda")).logits[0, -1].argmax()

    def step(token, position):
        out = model(token, past_key_values=cache, use_cache=True, cache_position=position)
        return out.logits[0, -1].argmax().view(1, 1)

    run = torch.compile(step, mode="reduce-overhead", fullgraph=False)
    token, times = best.view(1, 1), []
    for i in range(tokens - 1 + 8):
        torch.compiler.cudagraph_mark_step_begin()
        token = run(token.clone(), torch.tensor([16 + i], device="cuda"))
        token.item()
        times.append(time.perf_counter())
    return (len(times) - 9) / (times[-1] - times[8])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--ways", nargs="+", default=["eager", "compiled", "offload"])
    parser.add_argument("--gpu-gib", type=float, default=4.9)
    parser.add_argument("--tokens", type=int, default=128)
    arguments = parser.parse_args()
    for way in arguments.ways:
        try:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            if way == "offload":
                model = load(arguments.model, device_map="auto", max_memory={0: int(arguments.gpu_gib * 2**30), "cpu": "100GiB"})
            else:
                model = load(arguments.model).to("cuda")
            tokens = 12 if way == "offload" else arguments.tokens
            run = compiled if way == "compiled" else eager
            run(model, min(tokens, 24))
            best = max(run(model, tokens) for _ in range(2 if way != "offload" else 1))
            print(json.dumps({"way": way, "tokens_per_s": round(best, 2), "peak_gb": round(torch.cuda.max_memory_allocated() / 1e9, 2),
                              "gpu": torch.cuda.get_device_name(), "torch": torch.__version__,
                              "transformers": transformers.__version__}), flush=True)
            del model
        except Exception as error:  # one way that fails must not hide the others
            print(json.dumps({"way": way, "error": repr(error)[:300]}), flush=True)


if __name__ == "__main__":
    main()
