# SPDX-License-Identifier: Apache-2.0
"""Makes hub_cache.json: where huggingface_hub looks for models, by the environment. Made with huggingface_hub 2.4.0.

    python3 tests/data/checkpoint/make_hub_cache.py

A row is {"set": the variables, "cache": HF_HUB_CACHE}. HOME is always /home/user, and the test puts a folder of its own in its place.
"""
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
HOME = "/home/user"
ROWS = [
    {},
    {"HF_HUB_CACHE": HOME + "/a"}, {"HF_HUB_CACHE": "~/a"}, {"HF_HUB_CACHE": "$HOME/a"}, {"HF_HUB_CACHE": "${HOME}/a"},
    {"HF_HUB_CACHE": "$SCRATCH/models", "SCRATCH": HOME + "/scratch"}, {"HF_HUB_CACHE": "${SCRATCH}models", "SCRATCH": HOME + "/scratch"},
    {"HF_HUB_CACHE": "$HOME/$USER/hub", "USER": "ada"}, {"HF_HUB_CACHE": "$HOME/$ABSENT/hub"}, {"HF_HUB_CACHE": "$HOME/${ABSENT}/hub"},
    {"HF_HUB_CACHE": "$HOME/${USER", "USER": "ada"}, {"HF_HUB_CACHE": "$HOME/$"}, {"HF_HUB_CACHE": "$HOME/${}x"}, {"HF_HUB_CACHE": "$HOME/$$USER", "USER": "ada"},
    {"HF_HUB_CACHE": "~"}, {"HF_HUB_CACHE": "$HOME/a~/b"}, {"HF_HUB_CACHE": "$HOME/%USER%", "USER": "ada"}, {"HF_HUB_CACHE": "$HOME/$A", "A": "$B", "B": "c"},
    {"HUGGINGFACE_HUB_CACHE": HOME + "/b"}, {"HUGGINGFACE_HUB_CACHE": "$HOME/b"}, {"HUGGINGFACE_HUB_CACHE": HOME + "/b", "HF_HUB_CACHE": HOME + "/a"},
    {"HF_HOME": HOME + "/c"}, {"HF_HOME": HOME + "/c/"}, {"HF_HOME": "~/c"}, {"HF_HOME": "$HOME/c"}, {"HF_HOME": "$SCRATCH/hf", "SCRATCH": HOME + "/scratch"},
    {"HF_HOME": "$A", "A": "$B", "B": HOME + "/c"}, {"HF_HOME": HOME + "/c", "HF_HUB_CACHE": HOME + "/a"},
    {"XDG_CACHE_HOME": HOME + "/d"}, {"XDG_CACHE_HOME": "~/d"}, {"XDG_CACHE_HOME": "$HOME/d"}, {"XDG_CACHE_HOME": HOME + "/d", "HF_HOME": HOME + "/c"},
    {"HF_HUB_CACHE": ""}, {"HF_HOME": ""}, {"XDG_CACHE_HOME": ""},
]


def cache_of(variables):
    code = "from huggingface_hub.constants import HF_HUB_CACHE; print(HF_HUB_CACHE)"
    done = subprocess.run([sys.executable, "-c", code], env={"HOME": HOME, "PATH": "/usr/bin:/bin", **variables}, capture_output=True, text=True, check=True)
    return done.stdout.removesuffix("\n")


rows = [json.dumps({"set": row, "cache": cache_of(row)}) for row in ROWS]
(HERE / "hub_cache.json").write_text("[\n " + ",\n ".join(rows) + "\n]\n")
