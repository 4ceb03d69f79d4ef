#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# transformers 5: a Gemma 4 configuration that is loaded and saved again, as any fine-tune's is, has no global_head_dim and no num_global_key_value_heads any
# more, but a per_layer_config that says both by layer. transformers reads either; whoever reads the published fields alone finds their defaults (512, and the
# key-value heads of the other layers) and wrong shapes. Exits 1 when that changes.
set -euo pipefail
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv" && "$work/venv/bin/pip" install -q transformers==5.24.0 torch==2.15.0
"$work/venv/bin/python" - 2>/dev/null <<'PYTHON'
import json
import pathlib
import tempfile

import transformers
from transformers import AutoConfig

FIELDS = ("global_head_dim", "num_global_key_value_heads", "per_layer_config")
published = dict(model_type="gemma4_text", num_hidden_layers=2, layer_types=["sliding_attention", "full_attention"], head_dim=64, global_head_dim=128,
                 attention_k_eq_v=True, num_attention_heads=8, num_key_value_heads=4, num_global_key_value_heads=2)
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "config.json"
    path.write_text(json.dumps(published))
    AutoConfig.from_pretrained(folder).save_pretrained(folder)
    saved = json.loads(path.read_text())
print(f"transformers {transformers.__version__}: published", {name: published.get(name) for name in FIELDS})
print("saved again", {name: saved.get(name) for name in FIELDS})
raise SystemExit(not (saved.get("per_layer_config") == {"1": {"head_dim": 128, "num_key_value_heads": 2}} and not set(FIELDS[:2]) & set(saved)))
PYTHON
