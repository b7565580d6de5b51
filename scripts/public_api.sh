#!/usr/bin/env bash
# Compares the public API with docs/public_api.txt, as text. UPDATE_DOCS=1 writes the file instead.
# rustdoc's JSON is unstable, so its format is that of one Rust release: the one in Cargo.toml's `rust-version`.
set -euo pipefail
cd "$(dirname "$0")/.."

# A folder of its own: RUSTC_BOOTSTRAP makes cargo build every dependency again.
RUSTC_BOOTSTRAP=1 cargo rustdoc --quiet --locked --lib --target-dir target/public_api -- \
    -Z unstable-options --output-format json --cap-lints allow
TFJS_WGPU_RUSTDOC_JSON="$PWD/target/public_api/doc/tfjs_wgpu.json" \
    cargo test --quiet --locked --test public_api -- --include-ignored
