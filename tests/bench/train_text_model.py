# SPDX-License-Identifier: Apache-2.0
"""Trains a small language model, so that drafts can be measured on weights that mean something: nothing is downloaded.

    python3 tests/bench/train_text_model.py SECONDS OUT

Of Llama's shape, 317 M weights (24 layers of 1,024, vocabulary 16,384), trained for SECONDS in all on the Python sources and texts that
are installed beside PyTorch. Writes a BF16 checkpoint, its tokenizer, and OUT/prompts.json: lists of 64 token ids from texts that were
held back. Needs a GPU, torch, transformers and tokenizers.
"""
import argparse
import glob
import json
import os
import random
import time

import tokenizers
import torch
import transformers

VOCABULARY, BATCH, LENGTH, HELD_BACK = 16384, 32, 1024, 400_000
MOST_TEXT, MOST_TOKENS = 260e6, 80e6
START = time.time()


def say(*words):
    print(*words, f"{time.time() - START:.0f} s", flush=True)


def texts():
    beside = os.path.join(os.path.dirname(torch.__file__), "..")
    files = [f for end in ("py", "md", "rst", "txt") for f in glob.glob(f"{beside}/**/*.{end}", recursive=True)]
    files += glob.glob("/usr/lib/python3*/**/*.py", recursive=True)
    random.shuffle(files)
    found, size = [], 0
    for file in files:
        try:
            with open(file, encoding="utf-8") as opened:
                text = opened.read()
        except (OSError, UnicodeDecodeError):
            continue
        if 500 < len(text) < 400_000:
            found.append(text)
            size += len(text)
        if size > MOST_TEXT:
            break
    return found


def tokenizer_of(found):
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(found[:1500], tokenizers.trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet, show_progress=False))
    return tokenizer


def tokens_of(found, tokenizer):
    ids = []
    for at in range(0, len(found), 512):
        for encoded in tokenizer.encode_batch(found[at:at + 512]):
            ids.append(0)
            ids.extend(encoded.ids)
        if len(ids) > MOST_TOKENS:
            break
    return torch.tensor(ids, dtype=torch.int32)


def train(data, end):
    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=1024, intermediate_size=2816, num_hidden_layers=24, num_attention_heads=16,
        num_key_value_heads=8, max_position_embeddings=2048, rms_norm_eps=1e-5, rope_theta=10000.0, tie_word_embeddings=False,
        bos_token_id=0, eos_token_id=1, attn_implementation="sdpa")
    model = transformers.LlamaForCausalLM(config).cuda()
    say(f"{sum(p.numel() for p in model.parameters()) / 1e6:.0f} M weights")
    optimizer = torch.optim.AdamW(model.parameters(), lr=6e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    compiled, begin, step = torch.compile(model), time.time(), 0
    while time.time() < end:
        done = min(1.0, (time.time() - begin) / max(1.0, end - begin))
        for group in optimizer.param_groups:
            group["lr"] = 6e-4 * min(1, (step + 1) / 100) * (1 - done) ** 0.7 + 1e-6
        at = torch.randint(0, len(data) - LENGTH - 1, (BATCH,))
        x = torch.stack([data[i:i + LENGTH + 1] for i in at]).long()
        with torch.autocast("cuda", torch.bfloat16):
            logits = compiled(input_ids=x[:, :-1], use_cache=False).logits
            loss = torch.nn.functional.cross_entropy(logits.float().view(-1, VOCABULARY), x[:, 1:].reshape(-1))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        if step % 200 == 0:
            say(f"step {step}, loss {loss.item():.3f}, {step * BATCH * LENGTH / 1e6:.0f} M tokens,")
    say(f"{step} steps,")
    return model.to(torch.bfloat16).eval()


@torch.no_grad()
def loss_of(model, data):
    losses = []
    for at in range(0, 40 * LENGTH, LENGTH):
        x = data[at:at + LENGTH + 1].long()[None]
        losses.append(torch.nn.functional.cross_entropy(model(x[:, :-1]).logits[0].float(), x[0, 1:]).item())
    return sum(losses) / len(losses)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("seconds", type=float)
    parser.add_argument("out")
    arguments = parser.parse_args()
    random.seed(1)
    torch.manual_seed(1)
    found = texts()
    tokenizer = tokenizer_of(found)
    data = tokens_of(found, tokenizer)
    held, data = data[-HELD_BACK:].cuda(), data[:-HELD_BACK].cuda()
    say(f"{len(found)} texts, {len(data) / 1e6:.0f} M tokens,")
    model = train(data, START + arguments.seconds)
    say(f"loss on text held back {loss_of(model, held):.4f},")
    model.config.dtype = torch.bfloat16
    model.save_pretrained(arguments.out)
    tokenizer.save(os.path.join(arguments.out, "tokenizer.json"))
    with open(os.path.join(arguments.out, "tokenizer_config.json"), "w", encoding="utf-8") as out:
        json.dump({"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>"}, out)
    with open(os.path.join(arguments.out, "prompts.json"), "w", encoding="utf-8") as out:
        json.dump([held[at:at + 64].tolist() for at in range(0, 32 * 10_000, 10_000)], out)


if __name__ == "__main__":
    main()
