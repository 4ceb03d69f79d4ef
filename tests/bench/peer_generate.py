# SPDX-License-Identifier: Apache-2.0
"""How fast other programs write on this machine's CPU, as one line of JSON: transformers, or llama.cpp through llama-cpp-python.

    python3 tests/bench/peer_generate.py transformers DIR --dtype bfloat16
    python3 tests/bench/peer_generate.py llama.cpp FILE.gguf          # of tests/bench/make_gguf.py

Greedy from the given prompt ids, past any end token. Times are of a loaded model: first_token_s is the prompt's forward pass with the choice of
one id; a decode step is what each further id takes, the first step of each run left out; tokens_per_s is one over the median step. Both are
medians over the runs, whose own figures follow; fastest_tokens_per_s is one over the fastest step of all, which other work on the machine disturbs
least, and load says how much of that there was. peak_rss_mib is the process's, with the mapped file as far as it was touched.
"""
import argparse
import json
import os
import resource
import statistics
import time


def transformers_ids(arguments):
    """A function that yields one id after another for the prompt."""
    import torch
    import transformers
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.set_num_threads(arguments.threads)
    model = transformers.AutoModelForCausalLM.from_pretrained(arguments.model, dtype=getattr(torch, arguments.dtype)).eval()

    @torch.inference_mode()
    def step(ids, cache):
        out = model(torch.tensor([ids]), cache=cache, use_cache=True, logits_to_keep=1)
        return int(out.logits[0, -1].argmax()), out.cache

    def generate():
        ids, cache = arguments.ids, None
        while True:
            best, cache = step(ids, cache)
            yield best
            ids = [best]

    return generate, {"version": transformers.__version__, "torch": torch.__version__}


def llama_cpp_ids(arguments):
    import llama_cpp

    model = llama_cpp.Llama(arguments.model, n_ctx=len(arguments.ids) + arguments.steps + 2, n_threads=arguments.threads,
                            n_threads_batch=arguments.threads, verbose=False)

    def generate():
        model.reset()
        yield from model.generate(arguments.ids, top_k=1, temp=0.0, repeat_penalty=1.0)

    return generate, {"version": llama_cpp.__version__, "system": llama_cpp.llama_print_system_info().decode()}


PEERS = {"transformers": transformers_ids, "llama.cpp": llama_cpp_ids}


def timed(generate, count):
    """The first `count` ids and the time each took."""
    ids, seconds, ids_of = [], [], generate()
    for _ in range(count):
        start = time.perf_counter()
        ids.append(next(ids_of))
        seconds.append(time.perf_counter() - start)
    return ids, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("model", help="a checkpoint folder, or for llama.cpp a GGUF file")
    parser.add_argument("--ids", type=lambda text: [int(id) for id in text.split(",")], default=list(range(1000, 1032)),
                        help="the prompt, 1,2,3; default: 32 ids from 1000 on")
    parser.add_argument("--steps", type=int, default=24, help="decode steps after the first token")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", choices=["bfloat16", "float32"], default="bfloat16", help="for transformers; a GGUF has its own")
    arguments = parser.parse_args()
    if arguments.steps < 2 or arguments.runs < 1:
        parser.error("a figure needs at least 2 steps and 1 run")
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)

    start = time.perf_counter()
    generate, details = PEERS[arguments.peer](arguments)
    loading = time.perf_counter() - start
    runs = [timed(generate, arguments.steps + 1) for _ in range(arguments.runs)]
    steps = [seconds[2:] for _, seconds in runs]
    speeds = [1 / statistics.median(run) for run in steps]
    firsts = [seconds[0] for _, seconds in runs]
    print(json.dumps({
        "peer": arguments.peer, **details, "threads": arguments.threads,
        "dtype": arguments.dtype if arguments.peer == "transformers" else "the file's", "prompt": len(arguments.ids), "steps": arguments.steps,
        "load_s": round(loading, 2), "tokens_per_s": round(statistics.median(speeds), 3), "first_token_s": round(statistics.median(firsts), 3),
        "fastest_tokens_per_s": round(1 / min(min(run) for run in steps), 3), "load": round(os.getloadavg()[0], 1),
        "peak_rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024), "runs_tokens_per_s": [round(s, 3) for s in speeds],
        "runs_first_token_s": [round(s, 3) for s in firsts], "ids": runs[0][0]}))


if __name__ == "__main__":
    main()
