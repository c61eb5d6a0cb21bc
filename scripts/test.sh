#!/usr/bin/env bash
# Every test. Installs what they need; fails, rather than skips, where it cannot.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

scripts/install-test-needs.sh
say "building the binary under test"
cargo build -p tessera-cli
# The acceptance tests drive it as a process.
TESSERA_BIN="$(readlink -f "${CARGO_TARGET_DIR:-target}")/debug/tessera"
export TESSERA_BIN
say "running all tests"
scripts/with-postgres.sh cargo test --workspace --features tessera-store/contract "$@"
