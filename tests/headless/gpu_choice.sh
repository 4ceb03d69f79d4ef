#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What packaging/run.sh builds of the CUDA backend, by the GPUs and the toolkit that are there. Argument: the project's root.
set -euo pipefail
root=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for tool in sed sort tr grep awk tail bash ls; do ln -s "$(command -v $tool)" "$work/$tool"; done
failures=0

# check CAPABILITIES ARCHITECTURES-OF-NVCC WANTED SAYS: "-" where the tool is not there.
check() {
  rm -f "$work/nvidia-smi" "$work/nvcc"
  if [ "$1" != - ]; then printf '#!/bin/bash\nprintf "%%b\\n" "%s"\n' "$1" >"$work/nvidia-smi"; fi
  if [ "$2" != - ]; then printf '#!/bin/bash\nprintf "compute_%%s\\n" %s\n' "$2" >"$work/nvcc"; fi
  for tool in nvidia-smi nvcc; do if [ -e "$work/$tool" ]; then chmod +x "$work/$tool"; fi; done
  local got
  got=$(env -u DELTASCOPE_CUDA PATH="$work" CUDACXX="$([ "$2" = - ] || echo "$work/nvcc")" \
    bash -euo pipefail -c '. "$0/packaging/gpu.sh" 2>"$1/said"; echo "$DELTASCOPE_CUDA $gpus"' "$root" "$work")
  if [ "$got" != "$3" ] || { [ -n "$4" ] && ! grep -q -- "$4" "$work/said"; }; then
    echo "GPUs $1, nvcc $2: '$got', not '$3'; said: $(cat "$work/said")" >&2
    failures=$((failures + 1))
  fi
}
check '9.0' '80 86 89 90' 'AUTO 90-real' 'for the GPU that is here'
check '9.0\n9.0\n8.6' '80 86 89 90' 'AUTO 86-real;90-real' 'for the GPU that is here'
check '12.0' '80 86 89 90' 'AUTO 90' 'for the GPU that is here'   # newer than the toolkit: code that its driver compiles
[ -x /usr/local/cuda/bin/nvcc ] || check '9.0' - 'OFF ' 'no CUDA toolkit'
check '7.5' '75 80 90' 'AUTO 80-virtual' 'there is none here'
check '[N/A]' '80 90' 'AUTO 80-virtual' 'there is none here'
check - '80 90' 'AUTO 80-virtual' 'there is none here'
[ -x /usr/local/cuda/bin/nvcc ] || check - - "OFF " ""
exit $((failures > 0))
