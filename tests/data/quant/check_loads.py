#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether transformers loads what `pack --quantize` writes as it loads the model with load_in_4bit (or load_in_8bit) itself.

    DELTASCOPE_CLI=build/dev/app/deltascope-cli python3 tests/data/quant/check_loads.py [family …]

Small random models of many families are saved, packed with --scope linear (as nf4, with double quantization, and int8 where the processor can),
loaded both ways and compared: the quantized modules, every parameter, the logits' bytes, and the ids of a greedy generation. Then `verify`
against the model. Sides are multiples of 64: on a processor bitsandbytes multiplies no others. Needs transformers, bitsandbytes, accelerate, torch; used with 5.24.0, 0.50.2, 1.15.0, 2.15.0, on a processor.
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

import bitsandbytes
import torch
import transformers
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, BitsAndBytesConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

warnings.filterwarnings("ignore")
CLI = os.environ["DELTASCOPE_CLI"]
SMALL = dict(
    hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, vocab_size=96,
    max_position_embeddings=64, pad_token_id=0, bos_token_id=1, eos_token_id=2,
)
GPT = dict(n_embd=64, n_layer=2, n_head=4, vocab_size=96, n_positions=64, bos_token_id=1, eos_token_id=2)
MOE = SMALL | dict(moe_intermediate_size=64, num_experts=4, num_experts_per_tok=2, head_dim=16)
MLA = dict(q_lora_rank=64, kv_lora_rank=64, qk_rope_head_dim=32, qk_nope_head_dim=32, v_head_dim=32, head_dim=32, num_key_value_heads=4)
DEEPSEEK = SMALL | MLA | dict(n_routed_experts=4, n_shared_experts=1, n_group=2, topk_group=1, num_experts_per_tok=2, first_k_dense_replace=1, moe_intermediate_size=64)
FAMILIES = {
    "llama": SMALL,
    "llama tied": SMALL | dict(tie_word_embeddings=True),
    "mistral": SMALL,
    "qwen2": SMALL,
    "qwen3": SMALL | dict(head_dim=16),
    "mixtral": SMALL | dict(num_local_experts=4),
    "qwen2_moe": MOE | dict(shared_expert_intermediate_size=64),
    "qwen3_moe": MOE,
    "olmoe": SMALL | dict(num_experts=4, num_experts_per_tok=2),
    "deepseek_v3": DEEPSEEK,
    "deepseek_v2": DEEPSEEK | dict(n_group=1),
    "gpt2": GPT,
    "openai-gpt": GPT,
    "gpt_bigcode": GPT,
    "gptj": GPT | dict(rotary_dim=8),
    "codegen": GPT | dict(rotary_dim=8),
    "falcon": SMALL,
    "gemma2": SMALL | dict(head_dim=16),
    "gemma3_text": SMALL | dict(head_dim=16),
    "phi3": SMALL,
    "phi": SMALL,
    "gpt_neox": SMALL,
    "gpt_neo": dict(hidden_size=64, num_layers=2, attention_types=[[["global", "local"], 1]], num_heads=4, vocab_size=96, max_position_embeddings=64),
    "opt": SMALL | dict(hidden_size=128, ffn_dim=128, word_embed_proj_dim=64),
    "bloom": dict(hidden_size=64, n_layer=2, n_head=4, vocab_size=96),
    "mpt": dict(d_model=64, n_heads=4, n_layers=2, vocab_size=96, max_seq_len=64),
    "gpt_oss": SMALL | dict(head_dim=16, num_local_experts=4, num_experts_per_tok=2),
    "granitemoe": SMALL | dict(num_local_experts=4, num_experts_per_tok=2),
    "stablelm": SMALL,
    "starcoder2": SMALL,
    "cohere": SMALL,
    "glm4": SMALL | dict(head_dim=16),
    "mamba": dict(hidden_size=64, num_hidden_layers=2, state_size=8, vocab_size=96),
    "jamba": SMALL | dict(num_hidden_layers=8, num_experts=4, use_mamba_kernels=False),
    "roberta": SMALL | dict(is_decoder=True),
    "t5": dict(d_model=64, d_kv=16, d_ff=128, num_layers=2, num_heads=4, vocab_size=96, decoder_start_token_id=0),
}
SAME = "the same modules and parameters"
FORMS = {
    "nf4": ([], dict(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16)),
    "nf4 double": (["--double-quant"], dict(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16, bnb_4bit_use_double_quant=True)),
    "fp4": ([], dict(load_in_4bit=True, bnb_4bit_quant_type="fp4", bnb_4bit_compute_dtype=torch.bfloat16)),
    "int8": ([], dict(load_in_8bit=True)),
}


def bits(tensor):
    return tensor.detach().contiguous().view(torch.uint8).numpy().tobytes()


def same(one, two):
    """By value: a router that its class wants in FP32 stays BF16 where a folder is quantized already."""
    return torch.equal(one.float(), two.float()) if one.is_floating_point() else bits(one) == bits(two)


def outputs(model, ids, seq2seq):
    decoder = dict(decoder_input_ids=ids[:, :3]) if seq2seq else {}
    try:
        with torch.no_grad():
            logits = model(ids, **decoder).logits
            tokens = model.generate(ids, max_new_tokens=8, min_new_tokens=8, do_sample=False)
    except (AssertionError, RuntimeError) as error:  # the library's own, of sides that its product does not take
        return None, str(error)
    return bits(logits), tokens.tolist()


def compare(model_type, config, form, work):
    torch.manual_seed(7)
    arguments, options = FORMS[form]
    auto = AutoModelForSeq2SeqLM if model_type == "t5" else AutoModelForCausalLM
    model, packed = str(work / "model"), str(work / "packed")
    made = auto.from_config(CONFIG_MAPPING[model_type](**config), dtype=torch.bfloat16)
    for name, parameter in made.named_parameters():
        parameter.data = (parameter.data.float() + 0.05 * torch.randn(parameter.shape)).to(torch.bfloat16)
    made.save_pretrained(model)
    run = subprocess.run([CLI, "pack", "--quiet", "--final", model, "--quantize", form.split()[0], *arguments, "--out", packed], capture_output=True, text=True)
    if run.returncode:
        return "pack: " + run.stderr.strip()
    if subprocess.run([CLI, "verify", "--quiet", packed, "--final", model], capture_output=True).returncode:
        return "verify fails"
    theirs = auto.from_pretrained(model, quantization_config=BitsAndBytesConfig(**options), dtype=torch.bfloat16, device_map="cpu").eval()
    ours = auto.from_pretrained(packed, dtype=torch.bfloat16, device_map="cpu").eval()
    kinds = (bitsandbytes.nn.Linear4bit, bitsandbytes.nn.Linear8bitLt)
    modules = [{n for n, m in each.named_modules() if isinstance(m, kinds)} for each in (theirs, ours)]
    if modules[0] != modules[1]:
        return f"quantized there alone {sorted(modules[0] - modules[1])[:3]}, here alone {sorted(modules[1] - modules[0])[:3]}"
    state = [dict(each.state_dict()) for each in (theirs, ours)]
    if set(state[0]) != set(state[1]):
        return f"other parts: {sorted(set(state[0]) ^ set(state[1]))[:3]}"
    unlike = [n for n in state[0] if "quant_state" not in n and not same(state[0][n], state[1][n])]
    if unlike:
        return f"other bytes: {unlike[:3]} and {len(unlike)} in all"
    ids = torch.arange(3, 13)[None]
    one, two = (outputs(each, ids, model_type == "t5") for each in (theirs, ours))
    if one[1] != two[1]:
        return f"other ids: {one[1]} and {two[1]}"
    if one[0] is None:
        return f"{SAME}; neither runs ({one[1]})"
    return f"{SAME}, logits and ids" if one[0] == two[0] else "other logits"


def main():
    transformers.logging.set_verbosity_error()
    wrong = 0
    for family in sys.argv[1:] or FAMILIES:
        for form in FORMS:
            with tempfile.TemporaryDirectory() as work:
                try:
                    problem = compare(family.split()[0], FAMILIES[family], form, pathlib.Path(work))
                except Exception as error:
                    problem = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:300]}"
            wrong += not problem.startswith(SAME)
            print(f"{family}, {form}: {problem}", flush=True)
    sys.exit(wrong > 0)


main()
