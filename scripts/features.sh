#!/usr/bin/env bash
# Compiles the package with no feature, with each alone and with those that work together. Warnings are errors.
set -euo pipefail
cd "$(dirname "$0")/.."

for features in "" gpu mmap npz onnx study cli gpu,study gpu,mmap,npz; do
    echo "features: ${features:-none}" >&2
    cargo clippy --quiet --locked --no-default-features --features "$features" -- -D warnings
done
