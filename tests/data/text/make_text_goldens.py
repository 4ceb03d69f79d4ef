# SPDX-License-Identifier: Apache-2.0
"""Writes the goldens of tests/core/text with the real library: tokenizers 0.23.

    python3 tests/data/text/make_text_goldens.py

  styles/NAME.json   {"tokenizer": a tokenizer.json trained here, in the style of a family, "cases": [...]} where a case is
                     {"text", "ids" (with special tokens), "plain" (without), "decoded", "skipped" (without special tokens)},
                     and for some styles "guarded": ids with encode_special_tokens, that is, special tokens taken as text
  regex.json         pattern → for each sample text the matches as [begin, end) in bytes
"""
import json
import pathlib
import random

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from text_samples import ALPHABET, LLAMA3, O200K, QWEN2, SENTENCES, samples

OUT = pathlib.Path(__file__).parent


def trained(size, *, normalizer=None, pre=None, alphabet=(), specials=(), legacy_merges=False, edit=None, **model):
    tok = Tokenizer(models.BPE(**model))
    if normalizer:
        tok.normalizer = normalizer
    if pre:
        tok.pre_tokenizer = pre
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=list(alphabet), special_tokens=list(specials), show_progress=False,
                                  **{k: model[k] for k in ("continuing_subword_prefix", "end_of_word_suffix") if k in model})
    tok.train_from_iterator(SENTENCES * 3, trainer)
    data = json.loads(tok.to_str())
    if legacy_merges:
        data["model"]["merges"] = [" ".join(m) for m in data["model"]["merges"]]
    if edit:
        edit(data)
    return Tokenizer.from_str(json.dumps(data)), data


def write(name, tok, data, specials, count, guarded=True, decoded=True):
    rng = random.Random(name)
    cases = []
    for text in samples(rng, specials, count):
        full, plain = tok.encode(text), tok.encode(text, add_special_tokens=False)
        case = {"text": text, "ids": full.ids, "plain": plain.ids}
        if decoded:
            case |= {"decoded": tok.decode(full.ids, skip_special_tokens=False), "skipped": tok.decode(full.ids)}
        if guarded and any(s in text for s in specials):
            tok.encode_special_tokens = True
            case["guarded"] = tok.encode(text, add_special_tokens=False).ids
            tok.encode_special_tokens = False
        cases.append(case)
    size = tok.get_vocab_size()
    for _ in range(60 if decoded else 0):  # ids in no order of language: broken UTF-8 and byte runs
        ids = [rng.randrange(size + 2) for _ in range(rng.randint(1, 12))]
        cases.append({"ids": ids, "decoded": tok.decode(ids, skip_special_tokens=False), "skipped": tok.decode(ids)})
    (OUT / "styles").mkdir(exist_ok=True)
    # Every file exactly as the library reads it, but for the white space.
    text = json.dumps({"tokenizer": data, "cases": cases}, ensure_ascii=False, separators=(",", ":"))
    (OUT / "styles" / f"{name}.json").write_text(text + "\n")


def byte_level(**extra):
    return pre_tokenizers.ByteLevel(add_prefix_space=extra.pop("space", False), **extra)


def special(data, content, **flags):
    ids = [t["id"] for t in data["added_tokens"]] + list(data["model"]["vocab"].values())
    data["added_tokens"].append({"id": max(ids) + 1, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
                                 "normalized": False, "special": True} | flags)


def make_styles():
    alphabet = pre_tokenizers.ByteLevel.alphabet()

    def llama3(data):
        # A token that no merge makes: ignore_merges finds it.
        data["model"]["vocab"]["Ġworld"] = len(data["model"]["vocab"])
        for content in ("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|eot_id|>"):
            special(data, content)
        bos = data["added_tokens"][0]
        data["model"]["ignore_merges"] = True
        data["post_processor"] = {"type": "Sequence", "processors": [
            {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True},
            {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": bos["content"], "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
             "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
             "special_tokens": {bos["content"]: {"id": bos["content"], "ids": [bos["id"]], "tokens": [bos["content"]]}}}]}
        data["decoder"] = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}

    split = lambda pattern: pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), byte_level(use_regex=False)])
    tok, data = trained(500, pre=split(LLAMA3), alphabet=alphabet, edit=llama3)
    write("llama3", tok, data, ["<|begin_of_text|>", "<|eot_id|>"], 380)

    def qwen2(data):
        for content in ("<|endoftext|>", "<|im_start|>", "<|im_end|>"):
            special(data, content)
        special(data, "<tool_call>", special=False)
        special(data, "<think>", special=False, normalized=True)
        data["decoder"] = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
        data["post_processor"] = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}

    tok, data = trained(500, normalizer=normalizers.NFC(), pre=split(QWEN2), alphabet=alphabet, edit=qwen2, legacy_merges=True)
    write("qwen2", tok, data, ["<|im_start|>", "<|im_end|>", "<tool_call>", "<think>"], 380)

    def o200k(data):
        special(data, "<|start|>")
        data["decoder"] = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}

    tok, data = trained(450, pre=split(O200K), alphabet=alphabet, edit=o200k)
    write("o200k", tok, data, ["<|start|>"], 250)

    def gpt2(data):
        special(data, "<|endoftext|>", normalized=True)
        special(data, "<mask>", lstrip=True)
        special(data, "<right>", rstrip=True)
        special(data, "<word>", single_word=True)
        data["post_processor"] = {"type": "RobertaProcessing", "sep": ["<|endoftext|>", data["added_tokens"][0]["id"]],
                                  "cls": ["<|endoftext|>", data["added_tokens"][0]["id"]], "trim_offsets": True, "add_prefix_space": True}
        data["decoder"] = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}

    tok, data = trained(450, pre=byte_level(space=True), alphabet=alphabet, edit=gpt2, legacy_merges=True)
    write("gpt2", tok, data, ["<|endoftext|>", "<mask>", "<right>", "<word>"], 380)

    bytes256 = [f"<0x{b:02X}>" for b in range(256)]
    prelude = ["<unk>", "<s>", "</s>"] + bytes256

    def sentencepiece(data):
        data["added_tokens"] = [t for t in data["added_tokens"] if t["content"] in ("<unk>", "<s>", "</s>")]
        data["model"] |= {"byte_fallback": True, "fuse_unk": True, "unk_token": "<unk>"}
        data["post_processor"] = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                                  {"SpecialToken": {"id": "</s>", "type_id": 0}}], "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                                  "special_tokens": {t: {"id": t, "ids": [i], "tokens": [t]} for t, i in (("<s>", 1), ("</s>", 2))}}

    def llama2(data):
        sentencepiece(data)
        data["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
                              {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}
        data["pre_tokenizer"] = None
        data["decoder"] = {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
                           {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}

    metaspace = pre_tokenizers.Metaspace("▁", "always")
    tok, data = trained(620, pre=metaspace, specials=prelude, edit=llama2)
    write("llama2", tok, data, ["<s>", "</s>"], 380)

    def llama2_normalized(data):
        llama2(data)
        for t in data["added_tokens"]:
            t["normalized"] = True

    tok, data = trained(560, pre=metaspace, specials=prelude, edit=llama2_normalized)
    # This version of the library spells a normalized added token as it was normalized ("▁</s>"), and then neither knows it as
    # special nor skips it; earlier versions, and this project, do.
    write("llama2_normalized", tok, data, ["<s>", "</s>"], 200, guarded=False, decoded=False)

    def mistral(data):
        sentencepiece(data)
        data["normalizer"] = None
        data["pre_tokenizer"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
        data["decoder"] = {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
                           {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}

    tok, data = trained(600, pre=metaspace, specials=prelude, edit=mistral)
    write("mistral", tok, data, ["<s>", "</s>"], 250)

    def metaspaced(data):
        data["model"] |= {"unk_token": "<unk>", "fuse_unk": False, "byte_fallback": False}
        data["pre_tokenizer"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
        data["decoder"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}

    tok, data = trained(200, pre=metaspace, specials=["<unk>", "<s>"], edit=metaspaced)
    write("metaspace", tok, data, ["<s>"], 200)

    def fused(data):
        metaspaced(data)
        data["model"] |= {"fuse_unk": True}
        data["pre_tokenizer"]["prepend_scheme"] = "never"
        data["decoder"] = None

    tok, data = trained(200, pre=metaspace, specials=["<unk>", "<s>"], edit=fused)
    write("fused", tok, data, ["<s>"], 150)

    # The other normalizers and pre-tokenizers, on small vocabularies.
    N, P = normalizers, pre_tokenizers
    mixes = {
        "nfkc_lower": (N.Sequence([N.NFKC(), N.Lowercase(), N.Strip()]), P.Sequence([P.Digits(True), byte_level()])),
        "nfd_accents": (N.Sequence([N.NFD(), N.StripAccents(), N.Replace(Regex(r"\s+"), " ")]), P.Sequence([P.Whitespace(), byte_level(use_regex=False)])),
        "nfkd": (N.Sequence([N.NFKD(), N.Strip(True, False)]), P.Sequence([P.WhitespaceSplit(), P.Punctuation("merged_with_previous"), byte_level(use_regex=False)])),
        "digits": (None, P.Sequence([P.Digits(False), P.Punctuation("contiguous"), byte_level(use_regex=False)])),
        "next": (None, P.Sequence([P.Split(" ", "merged_with_next"), byte_level(use_regex=False)])),
        "previous": (N.Strip(False, True), P.Sequence([P.Split(Regex(r"\w+"), "merged_with_previous", invert=True), byte_level(use_regex=False)])),
        "removed": (None, P.Sequence([P.CharDelimiterSplit("a"), P.Split(Regex(r"[^\w\s]|\b"), "removed"), byte_level()])),
        "bert": (None, P.Sequence([P.BertPreTokenizer(), byte_level(use_regex=False)])),
        "early_bytes": (None, P.Sequence([byte_level(), P.Split("Ġ", "isolated")])),
        "byte_normalizer": (N.ByteLevel(), P.Split(Regex(r"Ġ?\w+|\S"), "isolated")),
    }
    for name, (normalizer, pre) in mixes.items():
        tok, data = trained(330, normalizer=normalizer, pre=pre, alphabet=alphabet)
        tok.decoder = decoders.ByteLevel()
        data["decoder"] = json.loads(tok.to_str())["decoder"]
        write(name, tok, data, [], 130)

    tok, data = trained(300, pre=P.WhitespaceSplit(), end_of_word_suffix="</w>", unk_token="<unk>", specials=["<unk>"])
    tok.decoder = decoders.BPEDecoder("</w>")
    data["decoder"] = json.loads(tok.to_str())["decoder"]
    write("suffix", tok, data, [], 120)
    tok, data = trained(300, pre=P.WhitespaceSplit(), continuing_subword_prefix="##", unk_token="<unk>", specials=["<unk>"])
    write("prefix", tok, data, [], 120)


def make_regex():
    rng = random.Random(7)
    texts = ["".join(rng.choice(ALPHABET) for _ in range(40)) for _ in range(60)] + SENTENCES
    patterns = [LLAMA3, QWEN2, O200K, r"\s", r"\S+", r"\w+", r"\W+", r"[\s\d]+", r"[^\S\n]+", r"[\S]+", r"\bа|\b", r"\d", r"\p{Lu}|\p{M}", r"a*",
                r"(?<=a)b|(?<!\s)t", r"^.|.$", r"[^\w]", r"\u65e5|[\u4e00-\u9fa5]+", r"[[:alpha:]]+", r"(?>a|ab)c|(?i)İ|K"]
    found = []
    for pattern in patterns:
        split = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
        rows = []
        for text in texts:
            # The pieces that stay are the matches; offsets of characters become those of bytes.
            pieces = split.pre_tokenize_str(text)
            rows.append([[len(text[:b].encode()), len(text[:e].encode())] for _, (b, e) in pieces])
        found.append({"pattern": pattern, "matches": rows})
    (OUT / "regex.json").write_text(json.dumps({"texts": texts, "patterns": found}, ensure_ascii=False, separators=(",", ":")) + "\n")


make_styles()
make_regex()
print("tokenizers", tokenizers.__version__)
