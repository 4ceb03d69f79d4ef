# SPDX-License-Identifier: Apache-2.0
"""How often drafts of the base are right on a model's own text, and what they gain, greedy and sampled.

    python3 tests/bench/draft_acceptance.py CLI PACKED PROMPTS.json [--prompts 8] [--tokens 384] [--drafts 8 0] [--device cuda:0]
                                            [--budget SIZE] [--placement jit]

PROMPTS.json: lists of token ids, as train_text_model.py writes them. A line of JSON for each temperature and number of drafts (0: as many
as pay): acceptance (of the drafts that were tried, up to the first wrong one of each pass), tokens an exact pass, and medians over the
prompts of tokens/s with drafts and without. Ends with status 1 where one answer with drafts is not the answer without, in every token and
every bit of the logits. Placement is jit, since weights that are static keep no base that could draft.
"""
import argparse
import json
import statistics
import subprocess
import sys


def generate(arguments, prompt, temperature, *more):
    more = [*more, "--placement", arguments.placement, *(["--memory-budget", arguments.budget] if arguments.budget else [])]
    command = [arguments.cli, "generate", arguments.packed, "--ids", ",".join(map(str, prompt)), "--max-new-tokens",
               str(arguments.tokens), "--ignore-eos", "--temperature", str(temperature), "--seed", "1", "--device", arguments.device,
               "--json", "--quiet", *more]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure(arguments, prompts, temperature):
    plain = [generate(arguments, prompt, temperature, "--draft", "off") for prompt in prompts]
    same = True
    for drafts in arguments.drafts:
        asked = ["--draft-tokens", str(drafts)] if drafts else []
        made = [generate(arguments, prompt, temperature, "--draft", "base", *asked) for prompt in prompts]
        forks = sum(a["ids"] != b["ids"] or a["logits_hash"] != b["logits_hash"] for a, b in zip(plain, made))
        same = same and forks == 0
        accepted, rejected = (sum(answer[key] for answer in made) for key in ("accepted", "rejected"))
        passes = sum(answer["exact_passes"] for answer in made)
        print(json.dumps({
            "temperature": temperature, "drafts": drafts or "auto", "answers": len(made), "forks": forks, "accepted": accepted,
            "rejected": rejected, "acceptance": round(accepted / max(1, accepted + rejected), 4),
            "tokens_per_exact_pass": round((passes + accepted) / max(1, passes), 2),
            "tokens_per_second": round(statistics.median(answer["tokens_per_second"] for answer in made), 1),
            "without_drafts": round(statistics.median(answer["tokens_per_second"] for answer in plain), 1)}), flush=True)
    return same


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("cli")
    parser.add_argument("packed")
    parser.add_argument("prompts_file")
    parser.add_argument("--prompts", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=384)
    parser.add_argument("--drafts", type=int, nargs="+", default=[8, 0])
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--budget")
    parser.add_argument("--placement", default="jit")
    arguments = parser.parse_args()
    with open(arguments.prompts_file, encoding="utf-8") as file:
        prompts = json.load(file)[:arguments.prompts]
    same = [measure(arguments, prompts, temperature) for temperature in (0, 1)]
    return 0 if all(same) else 1


if __name__ == "__main__":
    sys.exit(main())
