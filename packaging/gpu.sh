# SPDX-License-Identifier: Apache-2.0
# Sourced by packaging/run.sh: sets DELTASCOPE_CUDA to AUTO or OFF, unless the environment says which, and `gpus` to the architectures
# of the GPUs that are there, as CMake writes them (86-real;90-real); says on standard error what it chose, and why.
nvcc=${CUDACXX:-$(command -v nvcc || ls /usr/local/cuda/bin/nvcc 2>/dev/null || true)}
found=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | tr -d ' .' | grep -x '[0-9]*' | sort -nu |
  awk '$1 >= 80' || true)
gpus=
if [ -n "$found" ] && [ -n "$nvcc" ]; then
  known=$("$nvcc" --list-gpu-arch 2>/dev/null | sed 's/^compute_//' || true)
  for gpu in $found; do
    # A GPU that is newer than the toolkit runs what it writes for the newest it knows.
    if ! grep -qx "$gpu" <<<"$known"; then gpu=$(tail -n 1 <<<"$known"); else gpu=$gpu-real; fi
    case ";$gpus;" in *";$gpu;"*) ;; *) gpus=${gpus:+$gpus;}$gpu ;; esac
  done
fi
if [ -n "${DELTASCOPE_CUDA:-}" ]; then
  echo "== CUDA backend: $DELTASCOPE_CUDA, as the environment says" >&2
elif [ -n "$gpus" ]; then
  DELTASCOPE_CUDA=AUTO
  echo "== CUDA backend: built for the GPU that is here ($gpus), with $nvcc" >&2
elif [ -n "$found" ]; then
  DELTASCOPE_CUDA=OFF
  echo "== CUDA backend: left out. There is a GPU, but no CUDA toolkit: install version 12 or later and run this again" >&2
elif [ -n "$nvcc" ]; then
  DELTASCOPE_CUDA=AUTO
  gpus=80-virtual
  echo "== CUDA backend: built with $nvcc for any GPU of compute capability 8.0 or later, as there is none here; a driver translates it at its first use" >&2
else
  DELTASCOPE_CUDA=OFF
fi
