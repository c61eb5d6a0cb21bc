#!/usr/bin/env bash
# Runs the benchmark against a release build of this host's own target.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --locked -p tessera-cli
exec cargo run --release --locked -p tessera-bench -- "$@"
