#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tokenizers: an added token with "normalized": true decodes as its normalized form, not as the text that the file or the caller gave. With
# a lower-casing normalizer "<Tool>" comes back as "<tool>", and as it is no longer found among the special tokens, skip_special_tokens
# keeps it. Exits 1 when that changes.
set -euo pipefail
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv" && "$work/venv/bin/pip" install -q tokenizers==0.23.3
"$work/venv/bin/python" - <<'PYTHON'
import tokenizers
from tokenizers import AddedToken, Tokenizer, models, normalizers

tok = Tokenizer(models.BPE({"a": 0, "b": 1}, []))
tok.normalizer = normalizers.Lowercase()
tok.add_special_tokens([AddedToken("<Tool>", normalized=True, special=True)])
ids = tok.encode("a<Tool>b").ids
plain, skipped = tok.decode(ids, skip_special_tokens=False), tok.decode(ids, skip_special_tokens=True)
print(f"tokenizers {tokenizers.__version__}: 'a<Tool>b' is {ids}, decodes as {plain!r}, without special tokens as {skipped!r}")
print(f"token_to_id('<Tool>') is {tok.token_to_id('<Tool>')}, id_to_token(2) is {tok.id_to_token(2)!r}")
raise SystemExit((ids, plain, skipped, tok.id_to_token(2)) != ([0, 2, 1], "a <tool> b", "a <tool> b", "<tool>"))
PYTHON
