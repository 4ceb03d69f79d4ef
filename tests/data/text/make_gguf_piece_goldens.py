# SPDX-License-Identifier: Apache-2.0
"""Writes gguf_pieces/: GGUF files that hold nothing but a SentencePiece tokenizer, and what transformers makes of texts with them.

    pip install transformers==5.24.0 sentencepiece==0.2.3 gguf==0.19.0
    python3 tests/data/text/make_gguf_piece_goldens.py

  llama.gguf, phi3.gguf, gemma3.gguf   the same BPE vocabulary by three architectures; gemma's in its own order, with tokens of real spaces
  cases.json                          by file: texts, ids with and without special tokens, and the texts that come back
"""
import json
import pathlib
import random
import shutil
import tempfile

import gguf
import sentencepiece
from text_samples import SENTENCES, samples
from transformers import AutoTokenizer

OUT = pathlib.Path(__file__).parent / "gguf_pieces"
SAMPLES = samples(random.Random(3), ["<s>", "<|turn|>"], 90)
EXTRA = ["", " ", "  two  spaces ", "a\n\n\tb", "<s>hello</s> <unk> <|turn|>user", "\U0001F600 \u00e9\u4f60", "xyzzy QQQ", "\u2581already", " <|turn|> a"]


def vocabulary(folder):
    text = folder / "text.txt"
    here = pathlib.Path(__file__).parent
    text.write_text("\n".join([*SENTENCES, (here.parent / "README.md").read_text(), (here / "text_samples.py").read_text()]))
    sentencepiece.SentencePieceTrainer.train(input=str(text), model_prefix=str(folder / "m"), vocab_size=420, model_type="bpe",
                                             byte_fallback=True, character_coverage=0.98, user_defined_symbols=["<|turn|>"],
                                             normalization_rule_name="identity", remove_extra_whitespaces=False)
    model = sentencepiece.SentencePieceProcessor(str(folder / "m.model"))
    tokens, scores, kinds = [], [], []
    for i in range(model.vocab_size()):
        tokens.append(model.id_to_piece(i))
        scores.append(model.get_score(i))
        kinds.append(2 if model.is_unknown(i) else 3 if model.is_control(i) else 6 if model.is_byte(i) else 4 if tokens[-1] == "<|turn|>" else 1)
    return model, tokens, scores, kinds


def write(architecture, tokens, scores, kinds):
    path = OUT / f"{architecture}.gguf"
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)
    writer.add_unk_token_id(tokens.index("<unk>"))
    writer.add_bos_token_id(tokens.index("<s>"))
    writer.add_eos_token_id(tokens.index("</s>"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def cases(path):
    tokenizer = AutoTokenizer.from_pretrained(OUT, gguf_file=path.name)
    rows = []
    for text in [*SAMPLES, *EXTRA]:
        ids, bare = tokenizer.encode(text), tokenizer.encode(text, add_special_tokens=False)
        rows.append({"text": text, "ids": ids, "bare": bare, "decoded": tokenizer.decode(bare), "shown": tokenizer.decode(ids, skip_special_tokens=True)})
    return rows


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    with tempfile.TemporaryDirectory() as folder:
        model, tokens, scores, kinds = vocabulary(pathlib.Path(folder))
    made = {"llama": cases(write("llama", tokens, scores, kinds)), "phi3": cases(write("phi3", tokens, scores, kinds))}
    agree = sum(model.encode(row["text"]) == row["bare"] for row in made["llama"])
    print(f"SentencePiece itself agrees on {agree} of {len(made['llama'])}")
    respelled = [" " * len(t) if len(t) > 1 and not t.strip("\u2581") else t for t in tokens]
    made["gemma3"] = cases(write("gemma3", respelled, [-1000.0] * len(tokens), kinds))
    (OUT / "cases.json").write_text(json.dumps(made, ensure_ascii=True, indent=0) + "\n")


if __name__ == "__main__":
    main()
