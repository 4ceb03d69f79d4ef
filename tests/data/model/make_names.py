# SPDX-License-Identifier: Apache-2.0
"""Makes names.json: the small models of this folder under other names, and what transformers makes of each.

    python3 tests/data/model/make_names.py

A row: {"what", "model": a folder here, "config": fields that replace those of config.json (null in "absent": left out), "rename": pairs of
prefixes, the first that fits counts, "drop": names, "copy": {name: of which tensor}, "noise": names of tensors to change, "metadata": of the file,
"transformers": what AutoModelForCausalLM gives for the prompts of cases.json: "same" greedy ids as the model itself, "other" ids, or "refused"; with "ids": the greedy ids that it gives}.
Wrappers' names are not known to transformers, which then starts from random weights ("other"): the weights are still those of the model.
Made with transformers 5.24, torch 2.15.
"""
import json
import pathlib
import shutil
import tempfile

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM
from transformers.utils import logging

HERE = pathlib.Path(__file__).parent
UNTIED, TIED = "llama-head-dim", "qwen2-tied"
EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"


def architectures(value):
    return dict(what="architectures " + json.dumps(value), model=UNTIED, config=dict(architectures=value))


def renamed(what, *pairs, model=UNTIED, **more):
    return dict(what=what, model=model, rename=[list(p) for p in pairs], **more)


ROWS = [
    architectures(["LLaMAForCausalLM"]), architectures(["LlamaModel"]), architectures(["PeftModelForCausalLM"]), architectures(["FSDPLlamaForCausalLM"]),
    architectures(["OptimizedModule"]), architectures(["MistralForCausalLM"]), architectures(["Unknown", "LlamaForCausalLM"]), architectures([]), architectures(None),
    architectures(["LlamaForSequenceClassification"]), architectures("LlamaForCausalLM"),
    dict(what="no architectures", model=UNTIED, absent=["architectures"]),
    dict(what="no model_type", model=UNTIED, absent=["model_type"]),
    dict(what="no model_type and no architectures", model=UNTIED, absent=["model_type", "architectures"]),
    dict(what="the model_type of another model", model=UNTIED, config=dict(model_type="gpt_neox")),
    dict(what="an unknown model_type", model=UNTIED, config=dict(model_type="llama-of-mine")),
    renamed("the bare model", ["model.", ""]),
    renamed("the bare model of a tied one", ["model.", ""], model=TIED),
    renamed("the bare model, without its head", ["model.", ""], drop=[HEAD]),
    renamed("the layers alone bare", ["model.layers.", "layers."]),
    renamed("torch.compile", ["", "_orig_mod."]),
    renamed("torch.compile of each layer", ["model.layers.0.", "model.layers.0._orig_mod."], ["model.layers.1.", "model.layers.1._orig_mod."]),
    renamed("torch.compile of the bare model", ["model.", "_orig_mod."], ["lm_head.", "lm_head."]),
    renamed("DistributedDataParallel", ["", "module."]),
    renamed("DistributedDataParallel of torch.compile", ["", "module._orig_mod."]),
    renamed("PEFT", ["", "base_model.model."]),
    renamed("FSDP", ["model.layers.", "_fsdp_wrapped_module.model.layers."], ["", "_fsdp_wrapped_module."]),
    renamed("activation checkpointing", ["model.layers.0.", "model.layers.0._checkpoint_wrapped_module."]),
    renamed("the text part, new style", ["model.", "model.language_model."]),
    renamed("the text part, old style", ["model.", "language_model.model."], ["lm_head.", "language_model.lm_head."]),
    renamed("the text part of a tied one", ["model.", "model.language_model."], model=TIED),
    renamed("the model twice", ["", "model."]),
    renamed("the head alone, tied by the flag", [EMBEDDING, HEAD], model=TIED),
    renamed("the head alone, tied by an alias too", [EMBEDDING, HEAD], model=TIED, metadata={"format": "pt", EMBEDDING: HEAD}),
    renamed("the head alone, of the bare model", ["model.embed_tokens.", "lm_head."], ["model.", ""], model=TIED),
    renamed("the head alone, torch.compile", [EMBEDDING, "_orig_mod." + HEAD], ["", "_orig_mod."], model=TIED),
    dict(what="tied, and the head the same", model=TIED, copy={HEAD: EMBEDDING}),
    dict(what="tied, and the head another", model=TIED, copy={HEAD: EMBEDDING}, noise=[HEAD], ids=True),
    dict(what="the head alone, not tied", model=TIED, config=dict(tie_word_embeddings=False), rename=[[EMBEDDING, HEAD]]),
    dict(what="the embedding alone, not tied", model=TIED, config=dict(tie_word_embeddings=False)),
    dict(what="buffers of old versions", model=UNTIED, copy={"model.layers.0.self_attn.rotary_emb.inv_freq": "model.norm.weight"}),
    dict(what="a weight that no model has", model=UNTIED, copy={"model.vision.weight": "model.norm.weight"}),
    dict(what="a norm is missing", model=UNTIED, drop=["model.norm.weight"]),
]


def tensors_of(folder):
    found = {}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, "pt") as tensors:
            found |= {name: tensors.get_tensor(name) for name in tensors.keys()}
    return found


def renamed_to(name, pairs):
    for old, new in pairs:
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name


def write(row, folder):
    config = json.loads((HERE / row["model"] / "config.json").read_text()) | row.get("config", {})
    (folder / "config.json").write_text(json.dumps({k: v for k, v in config.items() if k not in row.get("absent", [])}))
    tensors = tensors_of(HERE / row["model"])
    for name, source in row.get("copy", {}).items():
        tensors[name] = tensors[source].clone()
    for name in row.get("noise", []):
        tensors[name] = tensors[name].roll(1, 0).contiguous()
    tensors = {renamed_to(n, row.get("rename", [])): t for n, t in tensors.items() if n not in row.get("drop", [])}
    save_file(tensors, folder / "model.safetensors", row.get("metadata", {"format": "pt"}))


def verdict(row, cases):
    prompts = [case for case in cases if case["model"] == row["model"]]
    with tempfile.TemporaryDirectory() as place:
        write(row, pathlib.Path(place))
        try:
            model = AutoModelForCausalLM.from_pretrained(place, dtype="auto", attn_implementation="eager").float().eval()
        except Exception as error:
            return "refused: " + str(error).splitlines()[0][:80].replace(place, "FOLDER")
        found, same = [], True
        for case in prompts:
            ids = list(case["ids"])
            for _ in case["greedy"]:
                ids.append(int(model(torch.tensor([ids]), use_cache=False).logits[0, -1].argmax()))
            found.append(ids[len(case["ids"]):])
            same = same and found[-1] == case["greedy"]
        if row.get("ids"):
            row["ids"] = found
    return "same" if same else "other"


@torch.no_grad()
def main():
    torch.set_num_threads(1)
    torch.manual_seed(1)
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    cases = json.loads((HERE / "cases.json").read_text())["cases"]
    rows = []
    for row in ROWS:
        said = verdict(row, cases)
        rows.append(row | dict(transformers=said))
        row = rows[-1]
        print(row["transformers"], "|", row["what"], flush=True)
    (HERE / "names.json").write_text("[\n " + ",\n ".join(json.dumps(row) for row in rows) + "\n]\n")


if __name__ == "__main__":
    main()
