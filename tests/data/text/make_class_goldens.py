# SPDX-License-Identifier: Apache-2.0
"""Tokenizers as AutoTokenizer makes them of the files beside a model: classes.json. transformers 5.24, tokenizers 0.23, sentencepiece 0.2.

    python3 tests/data/text/make_class_goldens.py

{"texts": [...], "tokenizers": [{"name", "files": {name: content}, "class", "stages", "ids": for each text those with the tokens around it,
"specials": ids, "decoded": of every fifth text's ids, with and without special tokens, by the tokenizers library}]}. "stages" is "class" where
transformers builds the stages from the class. Vocabularies are trained here.
"""
import base64
import json
import pathlib
import random
import tempfile

import sentencepiece
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer
from transformers.tokenization_utils_tokenizers import TokenizersBackend
from transformers.utils import logging

from text_samples import ALPHABET, LLAMA3, SENTENCES, samples

HERE = pathlib.Path(__file__).parent
NAMES = ["<s>", "</s>", "<|im_start|>", "<|endoftext|>", "<tool>", "[CLS]", "[MASK]", "<extra_id_0>", "<pad>", "<Case>"]


def texts():
    rng = random.Random(17)
    chosen = samples(rng, [], 70)
    for name in NAMES:
        chosen += [name, f"a{name}b", f"a {name} b", f"{name}{name}", f"{name} x  {name}y", name.upper(), name.lower()]
    chosen += [" leading", "trailing ", "a\u00a0b", "don't do not 'm", "  two  spaces  ", "Ünïcödé ÀÉ", "中文 and 日本", "x y", "\t\n", "<unk>", "ﬁne ①²", "a\u0301\u0300b"]
    while len(chosen) < 200:
        chosen.append("".join(rng.choice(ALPHABET + ["<s>", "</s>", "<tool>"]) for _ in range(rng.randint(1, 16))))
    return chosen[:200]


def flags(content, **given):
    return dict(content=content, single_word=False, lstrip=False, rstrip=False, normalized=False, special=True) | given


def added(*tokens):
    return [dict(id=i, **flags(content, **given)) for i, content, given in tokens]


def file(model, *, normalizer=None, pre=None, decoder=None, post=None, tokens=()):
    """A tokenizer.json; stages as objects of the library or null."""
    tok = Tokenizer(model)
    tok.normalizer, tok.pre_tokenizer, tok.decoder, tok.post_processor = normalizer, pre, decoder, post
    return json.loads(tok.to_str()) | {"added_tokens": list(tokens)}


def bpe(size, *, byte_level, specials=(), **options):
    tok = Tokenizer(models.BPE(**options))
    if byte_level:
        tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    else:
        tok.normalizer = normalizers.Replace(" ", "▁")
        alphabet = ["▁"] + [c for c in ALPHABET[:60] if c != " "]
    tok.train_from_iterator(SENTENCES * 3, trainers.BpeTrainer(vocab_size=size, initial_alphabet=sorted(alphabet), special_tokens=list(specials),
                                                              show_progress=False))
    return json.loads(tok.to_str())["model"]


def llama(**changes):
    model = bpe(330, byte_level=False, specials=["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)], unk_token="<unk>")
    data = file(models.BPE(), normalizer=normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
                decoder=decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]),
                post=processors.TemplateProcessing("<s> $A", None, [("<s>", 1)]), tokens=added((0, "<unk>", {}), (1, "<s>", {}), (2, "</s>", {})))
    data["model"] = model | {"fuse_unk": True, "byte_fallback": True}
    return data | changes


def gpt2(pattern=None, specials=("<|endoftext|>",), **options):
    model = bpe(300, byte_level=True)
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=pattern is None)
    pre = level if pattern is None else pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), level])
    data = file(models.BPE(), pre=pre, decoder=decoders.ByteLevel(), tokens=added(*((len(model["vocab"]) + i, s, {}) for i, s in enumerate(specials))),
                **options)
    return data | {"model": model}


def unigram(specials, unk, *, charsmap=None, byte_fallback=False, **options):
    pieces = [(s, 0.0) for s in specials]
    if byte_fallback:
        pieces += [(f"<0x{b:02X}>", 0.0) for b in range(256)]
    tok = Tokenizer(models.Unigram())
    tok.pre_tokenizer = pre_tokenizers.Metaspace()
    tok.train_from_iterator(SENTENCES * 3, trainers.UnigramTrainer(vocab_size=150, show_progress=False, special_tokens=[], unk_token="?"))
    own = json.loads(tok.to_str())["model"]["vocab"]
    pieces += [(p, s) for p, s in own if p not in ("?", *specials)]
    data = file(models.Unigram([("a", 0.0)], 0), tokens=added(*((i, s, {}) for i, s in enumerate(specials))), **options)
    data["model"] = {"type": "Unigram", "unk_id": unk, "vocab": pieces, "byte_fallback": byte_fallback}
    if charsmap:
        data["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "Precompiled", "precompiled_charsmap": charsmap}, {"type": "Strip", "strip_left": True, "strip_right": True}]}
    return data


def charsmap():
    """A small table in SentencePiece's form: one to one, one to several, several to one, to nothing, overlapping prefixes."""
    rules = {"ﬁ": "fi", "①": "1", "²": "2", "\u00a0": " ", "\u200b": "", "e\u0301": "é", "a\u0301": "á", "\u212b": "\u00c5", "Ⅻ": "XII", "　": " ", "日": "day", "日本": "Nihon", "ſ": "s", "\t": " "}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "rules.tsv").write_text("\n".join(" ".join(f"{ord(c):X}" for c in a) + "\t" + " ".join(f"{ord(c):X}" for c in b) for a, b in rules.items()) + "\n")
        (folder / "text.txt").write_text("\n".join(SENTENCES))
        sentencepiece.SentencePieceTrainer.train(input=str(folder / "text.txt"), model_prefix=str(folder / "m"), vocab_size=120, normalization_rule_tsv=str(folder / "rules.tsv"),
                                                 hard_vocab_limit=False, minloglevel=2)
        from sentencepiece import sentencepiece_model_pb2
        proto = sentencepiece_model_pb2.ModelProto()
        proto.ParseFromString((folder / "m.model").read_bytes())
        return base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()


def bert(**options):
    tok = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tok.normalizer, tok.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    tok.train_from_iterator(SENTENCES * 3, trainers.WordPieceTrainer(vocab_size=260, show_progress=False, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]))
    data = json.loads(tok.to_str())
    data["decoder"] = {"type": "WordPiece", "prefix": "##", "cleanup": True}
    return data | options


def cases():
    chars = charsmap()
    meta = dict(pre=pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]), decoder=decoders.Metaspace())
    named = dict(bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    xlm = ["<s>", "<pad>", "</s>", "<unk>"]

    def case(name, tokenizer, config=None, model=None, **others):
        files = {"tokenizer.json": tokenizer}
        if config is not None:
            files["tokenizer_config.json"] = config
        files["config.json"] = {"model_type": model or "llama"}
        return name, files | {key.replace("_json", ".json"): value for key, value in others.items()}

    fast = dict(tokenizer_class="PreTrainedTokenizerFast")
    base = gpt2(specials=("<s>", "</s>"))
    size = len(base["model"]["vocab"])
    yield case("llama", llama(), named | dict(tokenizer_class="LlamaTokenizer"))
    yield case("llama-legacy", llama(), named | dict(tokenizer_class="LlamaTokenizerFast", legacy=True, pad_token="<pad>"))
    yield case("llama-no-space", llama(), named | dict(tokenizer_class="LlamaTokenizer", add_prefix_space=False, add_bos_token=False))
    yield case("llama-of-mistral", llama(), named | dict(tokenizer_class="LlamaTokenizer"), "mistral")
    yield case("llama-with-byte-level", gpt2(LLAMA3), dict(tokenizer_class="LlamaTokenizer", eos_token="<|endoftext|>"))
    yield case("code-llama", llama(), named | dict(tokenizer_class="CodeLlamaTokenizer"), "code_llama")
    yield case("gemma", llama(), dict(tokenizer_class="GemmaTokenizer", bos_token="<s>", eos_token="</s>"), "gemma")
    yield case("qwen2", gpt2(LLAMA3, ("<|endoftext|>", "<|im_start|>")), dict(tokenizer_class="Qwen2Tokenizer"), "qwen2")
    yield case("qwen2-misnamed", gpt2(LLAMA3, ("<|endoftext|>", "<|im_start|>")),
               dict(tokenizer_class="LlamaTokenizerFast", additional_special_tokens=["<|im_start|>", "<tool>"], pad_token=None), "qwen2")
    yield case("qwen3-as-fast", gpt2(LLAMA3, ("<|endoftext|>", "<|im_start|>")), fast | dict(eos_token="<|im_start|>"), "qwen3")
    yield case("qwen3.5", gpt2(), dict(tokenizer_class="Qwen2Tokenizer"), "qwen3_5")
    yield case("gpt2", gpt2(), dict(tokenizer_class="GPT2Tokenizer", add_prefix_space=True), "gpt2")
    yield case("roberta", gpt2(specials=("<s>", "<pad>", "</s>", "<unk>", "<mask>")), dict(tokenizer_class="RobertaTokenizer"), "roberta")
    yield case("gpt-neox", gpt2(post=processors.TemplateProcessing("<|endoftext|> $A", None, [("<|endoftext|>", 300)])), dict(tokenizer_class="GPTNeoXTokenizerFast"), "gpt_neox")
    yield case("cohere", gpt2(specials=("<PAD>", "<UNK>", "<BOS_TOKEN>")), dict(tokenizer_class="CohereTokenizerFast"), "cohere")
    yield case("t5", unigram(["<pad>", "</s>", "<unk>"], 2, charsmap=chars, **meta), dict(tokenizer_class="T5Tokenizer", extra_ids=3), "t5")
    yield case("xlm-roberta", unigram(xlm, 3, charsmap=chars, **meta), dict(tokenizer_class="XLMRobertaTokenizer"), "xlm-roberta")
    yield case("camembert", unigram(["<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>", "<unk>NOTUSED"], 3, **meta), dict(tokenizer_class="CamembertTokenizer"), "camembert")
    yield case("albert", unigram(["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"], 1, **meta), dict(tokenizer_class="AlbertTokenizerFast", keep_accents=True), "albert")
    yield case("bert", bert(), dict(tokenizer_class="BertTokenizer"), "bert")
    yield case("bert-cased", bert(), dict(tokenizer_class="BertTokenizerFast", do_lower_case=False, strip_accents=True, tokenize_chinese_chars=False), "bert")
    yield case("word-piece-file", bert(), fast)
    yield case("unigram-file", unigram(["<unk>", "<s>", "</s>"], 0, charsmap=chars, byte_fallback=True, **meta), fast)
    words = {w: i for i, w in enumerate(["[UNK]", "the", "delta", "a", ".", ",", "Hello", "world"])}
    yield case("word-level-file", file(models.WordLevel(words, "[UNK]"), normalizer=normalizers.Nmt(), pre=pre_tokenizers.Whitespace()), fast)
    yield case("added-tokens-file", base, fast | dict(eos_token="<tool>"), added_tokens_json={"<tool>": size + 2, "<Case>": size + 3})
    yield case("added-tokens-decoder", base, fast | dict(added_tokens_decoder={
        str(size): flags("<s>"), str(size + 1): flags("</s>", lstrip=True), str(size + 5): flags("<tool>", rstrip=True, special=False), str(size + 2): flags("<Case>", single_word=True)}))
    yield case("own-tokens", base, fast | dict(image_token="<tool>", extra_special_tokens={"audio_token": "<Case>"}, pad_token=dict(__type="AddedToken", **flags("<pad>", lstrip=True)),
                                              additional_special_tokens=["[CLS]"]))
    yield case("special-tokens-map", base, fast, special_tokens_map_json=dict(bos_token=flags("<s>", rstrip=True), eos_token="</s>", pad_token=flags("<pad>", lstrip=True, normalized=True),
                                                                             additional_special_tokens=["<tool>", "[MASK]"], voice_token="<Case>"))
    odd = gpt2(specials=()) | {"normalizer": {"type": "Lowercase"}}
    odd["added_tokens"] = added((size + 9, "<s>", {}), (size + 2, "<Case>", dict(normalized=True, special=False)), (3, "<tool>", dict(lstrip=True)), (size + 2, "<tool>", dict(rstrip=True)), (7, "th", {}))
    yield case("odd-ids", odd, fast)
    yield case("specials-are-text", base, fast | dict(split_special_tokens=True, pad_token="<pad>"))
    merges = gpt2()
    merges["model"] = {key: [" ".join(m) for m in value] if key == "merges" else value for key, value in merges["model"].items() if key in ("vocab", "merges")}
    yield case("bare-model", {"added_tokens": merges["added_tokens"], "model": merges["model"], "pre_tokenizer": merges["pre_tokenizer"], "decoder": merges["decoder"]}, dict(tokenizer_class="NoSuchTokenizer"))
    yield case("pieces", gpt2(), None, "qwen2")
    yield case("cuts", file(models.WordLevel(words, "[UNK]"), normalizer=normalizers.NFKD(), pre=pre_tokenizers.Sequence([pre_tokenizers.FixedLength(5), pre_tokenizers.Digits(True)]), decoder=decoders.CTC("<pad>", "a", True)), fast)


def made(files, all_texts):
    with tempfile.TemporaryDirectory() as folder:
        for name, value in files.items():
            (pathlib.Path(folder) / name).write_text(json.dumps(value, ensure_ascii=False))
        tok = AutoTokenizer.from_pretrained(folder)
        backend = tok.backend_tokenizer
        ids = [tok(text)["input_ids"] for text in all_texts]
        specials = [id for id in range(len(tok) + 64) if (token := backend.id_to_token(id)) is not None and backend.decode([id], skip_special_tokens=False) != "" and backend.decode([id], skip_special_tokens=True) == ""
                    and id in backend.get_added_tokens_decoder()]
        rebuilt = type(tok) is not TokenizersBackend and "__init__" in type(tok).__dict__
        return dict(files=files, ids=ids, specials=specials, stages="class" if rebuilt else "tokenizer.json", **{"class": type(tok).__name__},
                    decoded=[[backend.decode(i, skip_special_tokens=s) for s in (False, True)] for i in ids[::5]])


def main():
    logging.set_verbosity_error()
    all_texts = texts()
    rows = []
    for name, files in cases():
        rows.append(dict(name=name) | made(files, all_texts))
        print(name, rows[-1]["class"], rows[-1]["specials"][:8], len({str(i) for i in rows[-1]["ids"]}))
    lines = ",\n".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
    (HERE / "classes.json").write_text('{"texts":' + json.dumps(all_texts, ensure_ascii=False, separators=(",", ":")) + ',\n"tokenizers":[\n' + lines + "\n]}\n")


if __name__ == "__main__":
    main()
