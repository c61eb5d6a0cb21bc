#!/usr/bin/env bash
# docs.sh FILE: writes the reference of all configuration keys, as the binary prints it.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:?usage: docs.sh FILE}
cargo run -q -p tessera-cli -- config reference >"$out.new"
mv "$out.new" "$out"
