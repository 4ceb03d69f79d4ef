# SPDX-License-Identifier: Apache-2.0
"""Patterns of families, and texts to try tokenizers on."""
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SENTENCES = """The delta turns a small base model back into the exact final model, bit for bit.
Researchers look at a payload, click benchmark runs, and export the tables they need.
Don't you think we'll have finished it by then? I'm sure they've tried; it's what he'd do.
In 2024 the 70,000 tensors took 3.14159 seconds, 12345678901 bytes and $99.95.
def quantize(weights, block=64):\n    absmax = max(abs(w) for w in weights)\n\treturn [w / absmax for w in weights]
Zürich, naïve café, Ångström, España mañana; Łódź und Straße; crème brûlée.
Привет, мир! Как дела? Это проверка. 日本語のテキストと中文文本。 안녕하세요 세계
if (x == 0 && y != 1) { return a[i] + b->c; } // comment\r\n/* next */
https://example.org/path?query=1&other=two#part   multiple    spaces\t\ttabs""".split("\n")
ALPHABET = list("aabcdeehiilnoorsttuy  ..,'\"!?-_()[]{}<>|/\\0123456789\n\t\r") + list(
    "éüñçßÅÆœĳﬁ①²½Ⅻ٣日本語中文한국어Приветαβγ😀👍🏽🇨🇭👨‍👩‍👧 \u0301\u0308\u200b\u200d\ufeff\u00a0\u2003\u3000\u0085\u2028\u180eſKİıǅ▁Ġ\x00\x7f")


def samples(rng, specials, count):
    texts = ["", " ", "  ", "\n", "a", "é", "e\u0301", "▁", " ▁ ▁▁a", "Hello world", " Hello  world ", "\u180e\u180ea b",
             "it'ſ IT'S it’s", "x" * 70, " " * 40 + "x", "ab" * 40, "😀" * 9, "".join(chr(c) for c in range(1, 256))]
    texts += SENTENCES
    for s in specials:
        texts += [s, s + s, f"a{s}b", f" {s} ", f"user {s}\n\n{s}text", s[:-1], s[1:], f"<{s}>", f"A{s.upper()}", f"é{s}é", f"{s[:-1]}{s}"]
    while len(texts) < count:
        kind = rng.random()
        if kind < 0.4:
            words = rng.choice(SENTENCES).split(" ")
            rng.shuffle(words)
            text = rng.choice([" ", "  ", "\n", " \n "]).join(words[: rng.randint(1, 9)])
        else:
            text = "".join(rng.choice(ALPHABET) for _ in range(rng.randint(1, 30)))
        if specials and rng.random() < 0.25:
            at = rng.randint(0, len(text))
            text = text[:at] + rng.choice(specials) + text[at:]
        texts.append(text)
    return texts
