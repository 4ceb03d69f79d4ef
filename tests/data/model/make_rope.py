# SPDX-License-Identifier: Apache-2.0
"""Rotary embeddings as transformers computes them: rope-CASE/, rope_cases.json and rope_logits.safetensors.

    python3 tests/data/model/make_rope.py

A row of rope_cases.json is one prompt: {"model": its folder, "ids": the prompt, "greedy": the ids that generate() adds with its cache, "margin":
the smallest lead of the best logit over the second on the way, "logits": the key of the logits after the prompt}. The prompts of the cases that
depend on the length of the text begin below the trained length, at it, above it, and cross it while they are continued. Each prompt gets a model
that has seen nothing else: transformers keeps the frequencies of the longest text it has met. FP32, eager attention.

No class of the families here takes settings by kind of layer in transformers 5.24 (Llama ignores them, the others raise KeyError), so that
rope-by-layer gives each layer of a Qwen3 the angles of transformers' own rotary embedding made for that layer's settings.
Made with transformers 5.24, torch 2.15.
"""
import json
import shutil

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils import logging

from make_models import HERE, LLAMA, MARGIN, MOVES, QWEN2, QWEN3, TINY, last_logits, loaded, present, prompts, randomize, written

STEPS = 12
ROPE = LLAMA | TINY | dict(rope_theta=10000.0)
YARN = dict(factor=4.0, original_max_position_embeddings=32)
LONG = dict(short_factor=[1.0, 1.1, 1.2, 1.3], long_factor=[1.0, 1.5, 2.0, 3.0])
LAYERS = dict(num_hidden_layers=2, layer_types=["sliding_attention", "full_attention"], use_sliding_window=True, sliding_window=8)
BY_LAYER = dict(full_attention=dict(rope_type="yarn", rope_theta=1000.0, **YARN), sliding_attention=dict(rope_type="default", rope_theta=50.0))
ABOUT = (20, 31, 32, 33, 90)  # lengths about the trained one of 32

CASES = {
    "yarn-type": (ROPE | dict(rope_scaling=dict(type="yarn", **YARN)), ABOUT),
    "yarn-rope-type": (ROPE | dict(rope_scaling=dict(rope_type="yarn", beta_fast=8.0, beta_slow=2, attention_factor=0.8, **YARN)), ABOUT),
    "yarn-parameters": (LLAMA | TINY | dict(rope_parameters=dict(rope_type="yarn", rope_theta=500.0, truncate=False, **YARN)), ABOUT),
    "yarn-mscale": (ROPE | dict(rope_scaling=dict(rope_type="yarn", mscale=0.7, mscale_all_dim=1.4, **YARN)), ABOUT),
    "yarn-top-level": (ROPE | dict(max_position_embeddings=256, original_max_position_embeddings=16,
                                   rope_scaling=dict(rope_type="yarn", factor=None, original_max_position_embeddings=64)), ABOUT),
    "yarn-qwen2": (QWEN2 | TINY | dict(max_position_embeddings=48, rope_scaling=dict(type="yarn", factor=2.5, original_max_position_embeddings=48)), ABOUT),
    "yarn-qwen3": (QWEN3 | TINY | dict(rope_theta=1000.0, rope_scaling=dict(rope_type="yarn", factor=8, beta_fast=0, original_max_position_embeddings=32)), ABOUT),
    "dynamic-type": (ROPE | dict(max_position_embeddings=32, rope_scaling=dict(type="dynamic", factor=4.0)), ABOUT),
    "dynamic-parameters": (LLAMA | TINY | dict(max_position_embeddings=32, rope_parameters=dict(rope_type="dynamic", rope_theta=500.0, factor=6)), ABOUT),
    "longrope": (ROPE | dict(rope_scaling=dict(type="longrope", factor=4.0, original_max_position_embeddings=32, **LONG)), ABOUT),
    "longrope-top-level": (ROPE | dict(max_position_embeddings=256, original_max_position_embeddings=32, rope_scaling=dict(rope_type="longrope", **LONG)), ABOUT),
    "by-layer": (QWEN3 | TINY | LAYERS | dict(rope_theta=None, rope_parameters=BY_LAYER), ABOUT),
}


def opened(folder, config):
    """A model that has met no text yet."""
    if "full_attention" not in config.get("rope_parameters", {}):
        return loaded(folder)
    model = loaded(folder, dict(rope_parameters=BY_LAYER["full_attention"]))
    rotary = {kind: type(model.model.rotary_emb)(loaded(folder, dict(rope_parameters=own)).config) for kind, own in BY_LAYER.items()}
    for layer, kind in zip(model.model.layers, LAYERS["layer_types"]):
        def forward(hidden, *rest, _forward=layer.forward, _rotary=rotary[kind], **named):
            named["position_embeddings"] = _rotary(hidden, named["position_ids"])
            return _forward(hidden, *rest, **named)
        layer.forward = forward
    return model


def stored(folder, config, seed):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    plain = {key: value for key, value in present(config).items() if key not in ("rope_scaling", "rope_parameters") and value is not None}
    written(folder / "config.json", plain)
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder), dtype=torch.bfloat16)
    randomize(model, seed)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    written(folder / "config.json", {key: value for key, value in present(config).items() if key != "rope_theta" or value is not None})


def generated(folder, config, ids):
    model = opened(folder, config)
    out = model.generate(torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), do_sample=False, max_new_tokens=STEPS,
                         return_dict_in_generate=True, output_logits=True)
    leads = [float(values[0] - values[1]) for values in (step[0].topk(2).values for step in out.logits)]
    return out.sequences[0, len(ids):].tolist(), min(leads)


def rows_of(name, config, lengths, logits):
    folder = HERE / f"rope-{name}"
    for seed in range(1, 300):
        stored(folder, config, seed)
        rows = []
        for i, ids in enumerate(prompts(config["vocab_size"], lengths)):
            greedy, margin = generated(folder, config, ids)
            if margin < MARGIN or len(set(greedy)) < STEPS // 2:
                break
            rows.append({"model": folder.name, "ids": ids, "greedy": greedy, "margin": round(margin, 4), "logits": f"{name}.{i}"})
        else:
            break
    else:
        raise SystemExit(f"{name}: no seed gives margins of {MARGIN}")
    for row in rows:
        logits[row["logits"]] = last_logits(opened(folder, config), row["ids"])
    plain = loaded(folder, dict(rope_scaling=None, rope_parameters=dict(rope_type="default", rope_theta=config.get("rope_theta") or 500.0)))
    moved = max(float((last_logits(plain, row["ids"]) - logits[row["logits"]]).abs().max()) for row in rows)
    assert moved > MOVES, f"{name}: the settings move the logits by {moved} only"
    print(f"{name}: seed {seed}, margin {min(r['margin'] for r in rows)}, moved {moved:.2f}", flush=True)
    return rows


@torch.no_grad()
def main():
    torch.set_num_threads(1)
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    logits = {}
    rows = [row for name, (config, lengths) in CASES.items() for row in rows_of(name, config, lengths, logits)]
    save_file(logits, HERE / "rope_logits.safetensors")
    (HERE / "rope_cases.json").write_text("[\n" + ",\n".join(" " + json.dumps(row) for row in rows) + "\n]\n")


if __name__ == "__main__":
    main()
