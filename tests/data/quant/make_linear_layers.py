# SPDX-License-Identifier: Apache-2.0
"""Which weights load_in_4bit quantizes, of every generating model of transformers: linear_layers.json; and what it makes of a GPT-2's: conv1d/.

    python3 tests/data/quant/make_linear_layers.py

Each model is built of its class's own configuration on the meta device, its modules are replaced as from_pretrained does it, and the names are those
that save_pretrained gives them; of layers and experts, the first. A row holds the types that share it: quantized weights, those that are not (of two
sides), and whether the quantized ones are Conv1D. Models that cannot be built of defaults get DEFAULTS, or are left out and counted. Made with
transformers 5.24.0, bitsandbytes 0.50.2, torch 2.15.0.
"""
import json
import pathlib
import re
import signal

import bitsandbytes
import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, BitsAndBytesConfig
from transformers.core_model_loading import revert_weight_conversion
from transformers.integrations.bitsandbytes import replace_with_bnb_linear
from transformers.models.auto import modeling_auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.pytorch_utils import Conv1D
from transformers.quantizers.base import HfQuantizer

KINDS = ["CAUSAL_LM", "IMAGE_TEXT_TO_TEXT", "SEQ_TO_SEQ_CAUSAL_LM"]
SMALL = dict(hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, vocab_size=64)
DEFAULTS = {
    "hunyuan_v1_dense": SMALL | dict(head_dim=16),
    "hunyuan_v1_moe": SMALL | dict(head_dim=16, num_experts=4, moe_topk=2),
    "ministral": SMALL | dict(head_dim=16),
    "nemotron": SMALL | dict(head_dim=16),
    "lfm2_moe": SMALL | dict(layer_types=["conv", "full_attention"], num_dense_layers=1, moe_intermediate_size=32, num_experts=4),
    "dots1": SMALL | dict(n_routed_experts=4, n_shared_experts=1, first_k_dense_replace=1, moe_intermediate_size=32),
    "reformer": dict(is_decoder=True),
}
# Linear weights that a file holds under names without ".weight": not quantized by pack, so that their models are left out.
UNNAMED = ["inkling2", "inkling2_loop", "inkling2_loop_text", "inkling2_text", "step3p7"]


def first(names):
    """Of names that differ in numbers alone, the one with the smallest."""
    rows = {}
    for name in names:
        rows.setdefault(re.sub(r"(?<=\.)\d+(?=\.)", "#", name), name)
    return sorted(rows.values())


def layers(kind, model_type):
    config = CONFIG_MAPPING[model_type](**DEFAULTS.get(model_type, {}))
    cls = getattr(modeling_auto, f"MODEL_FOR_{kind}_MAPPING")[type(config)]
    with torch.device("meta"):
        model = (cls[0] if isinstance(cls, (tuple, list)) else cls)(config)
    state = model.state_dict()
    skipped = HfQuantizer.get_modules_to_not_convert(model, None, model._keep_in_fp32_modules)
    replace_with_bnb_linear(model, skipped, BitsAndBytesConfig(load_in_4bit=True))
    linear = {n: m for n, m in model.named_modules() if isinstance(m, bitsandbytes.nn.Linear4bit)}
    four = set(revert_weight_conversion(model, {f"{n}.weight": state[f"{n}.weight"] for n in linear}))
    stored = revert_weight_conversion(model, dict(state))
    sixteen = [n for n, t in stored.items() if t.dim() == 2 and n not in four]
    return first(n for n in stored if n in four), first(sixteen), any(issubclass(m.source_cls, Conv1D) for m in linear.values())


def gpt2():
    folder = pathlib.Path(__file__).parent / "conv1d"
    torch.manual_seed(5)
    config = CONFIG_MAPPING["gpt2"](n_embd=32, n_layer=1, n_head=2, n_positions=8, vocab_size=40, bos_token_id=1, eos_token_id=2)
    AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(folder / "source")
    options = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16)
    model = AutoModelForCausalLM.from_pretrained(folder / "source", quantization_config=options, dtype=torch.bfloat16, device_map="cpu")
    state = {n: t.contiguous() for n, t in model.state_dict().items() if ".c_" in n and ".weight" in n}
    save_file(state, folder / "nf4.safetensors")


def main():
    transformers.logging.set_verbosity_error()
    signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(TimeoutError()))
    rows, left_out = {}, []
    for kind in KINDS:
        for model_type in getattr(modeling_auto, f"MODEL_FOR_{kind}_MAPPING_NAMES"):
            if model_type in UNNAMED:
                continue
            try:
                signal.alarm(120)
                four, sixteen, conv = layers(kind, model_type)
                rows.setdefault((tuple(four), tuple(sixteen), conv), []).append(model_type)
            except Exception as error:  # the library's own: no default configuration, another package missing
                left_out.append(f"{model_type}: {type(error).__name__}")
            finally:
                signal.alarm(0)
    table = [{"types": t, "quantized": f, "kept": s, "conv1d": c} for (f, s, c), t in sorted(rows.items(), key=lambda r: r[1])]
    gpt2()
    path = pathlib.Path(__file__).parent / "linear_layers.json"
    path.write_text("[\n" + ",\n".join(map(json.dumps, table)) + "\n]\n")
    print(len(table), "rows,", sum(len(r["types"]) for r in table), "models; left out:", *left_out)


main()
