#!/usr/bin/env bash
# Licences, advisories, banned and doubled crates, by cargo-deny and deny.toml. The first run builds cargo-deny, which takes minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
have cargo-deny || cargo install --locked cargo-deny
exec cargo deny --workspace --all-features check "$@"
