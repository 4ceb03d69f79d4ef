#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# huggingface_hub 2.4.0: an environment variable that is set and empty counts. HF_HUB_CACHE= makes the current folder the cache, HF_HOME= puts it into
# ./hub, so that a script which "clears" the variable downloads everything again wherever it happens to run. Unset is what gives the default.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet huggingface_hub==2.4.0
cache() { (cd "$place" && env -u HF_HUB_CACHE -u HF_HOME -u XDG_CACHE_HOME -u HUGGINGFACE_HUB_CACHE HOME=/home/user "$@" "$place/venv/bin/python" -c 'import huggingface_hub.constants as c; print(c.HF_HUB_CACHE)'); }
"$place/venv/bin/python" -c 'import huggingface_hub; print("huggingface_hub", huggingface_hub.__version__)'
unset_is=$(cache env)
empty_cache=$(cache env HF_HUB_CACHE=)
empty_home=$(cache env HF_HOME=)
echo "unset: '$unset_is'; HF_HUB_CACHE empty: '$empty_cache'; HF_HOME empty: '$empty_home'"
[ "$unset_is" = /home/user/.cache/huggingface/hub ] && [ "$empty_cache" = "" ] && [ "$empty_home" = hub ]
