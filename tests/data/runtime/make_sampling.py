# SPDX-License-Identifier: Apache-2.0
"""Writes sampling.json with transformers' logits processors: which tokens each rule leaves, and their probabilities.

    python3 tests/data/runtime/make_sampling.py      # transformers 5.24, torch 2.15

A case: logits, seen ids, the settings, the ids left in ascending order and their probabilities. Cases that a rounding error could decide
(a cumulative share within 1e-6 of a limit) are left out.
"""
import json
import pathlib

import torch
from transformers.generation import logits_process as lp

SETTINGS = [
    dict(temperature=1.0), dict(temperature=0.7), dict(temperature=1.8), dict(temperature=0.7, top_k=1), dict(temperature=1.0, top_k=7),
    dict(temperature=1.0, top_k=1000), dict(temperature=1.0, top_p=0.9), dict(temperature=1.3, top_p=0.3), dict(temperature=1.0, top_p=0.01),
    dict(temperature=1.0, min_p=0.05), dict(temperature=2.0, min_p=0.5), dict(temperature=0.9, top_k=20, top_p=0.8),
    dict(temperature=0.9, top_k=20, top_p=0.95, min_p=0.1), dict(temperature=1.0, repetition_penalty=1.3),
    dict(temperature=0.8, repetition_penalty=0.8, top_p=0.7), dict(temperature=1.1, repetition_penalty=2.0, top_k=12, min_p=0.02),
]


def processed(logits, seen, s):
    scores = logits[None].clone()
    ids = torch.tensor([seen], dtype=torch.long)
    rules = []
    if "repetition_penalty" in s:
        rules.append(lp.RepetitionPenaltyLogitsProcessor(s["repetition_penalty"]))
    rules.append(lp.TemperatureLogitsWarper(s["temperature"]))
    if "top_k" in s:
        rules.append(lp.TopKLogitsWarper(s["top_k"]))
    if "top_p" in s:
        rules.append(lp.TopPLogitsWarper(s["top_p"]))
    if "min_p" in s:
        rules.append(lp.MinPLogitsWarper(s["min_p"]))
    for rule in rules:
        before, scores = scores, rule(ids, scores)
        if isinstance(rule, lp.TopPLogitsWarper):
            shares = torch.sort(before[0]).values.softmax(-1).cumsum(-1)
            if (shares - (1 - s["top_p"])).abs().min() < 1e-6:
                return None
    return scores[0]


cases = []
for seed in range(6):
    torch.manual_seed(seed)
    logits = torch.randn(60 + 7 * seed) * (1 + seed)
    if seed == 4:
        logits = (logits * 2).round() / 2  # ties
    seen = torch.randint(0, len(logits), (9,)).tolist()
    for s in SETTINGS:
        scores = processed(logits, seen, s)
        if scores is None:
            continue
        left = torch.isfinite(scores).nonzero()[:, 0].tolist()
        shares = scores.double().softmax(-1)
        cases.append({"logits": [float(x) for x in logits], "seen": seen, **s, "left": left,
                      "shares": [round(float(shares[i]), 7) for i in left]})
pathlib.Path(__file__).with_name("sampling.json").write_text(json.dumps(cases).replace('}, {', '},\n{') + "\n")
print(len(cases), "cases")
