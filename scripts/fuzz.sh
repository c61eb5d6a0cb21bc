#!/usr/bin/env bash
# fuzz.sh SECONDS: each target of fuzz/ for that long.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
seconds=${1:?usage: fuzz.sh SECONDS}
[ -d fuzz ] || fail "there are no fuzz targets yet: the folder fuzz/ does not exist"
have cargo-fuzz || cargo install --locked cargo-fuzz
have rustup || fail "cargo-fuzz needs a nightly compiler, which rustup installs; rustup is not here"
rustup toolchain install nightly --profile minimal >&2
for target in $(cargo +nightly fuzz list); do
    say "fuzzing $target for $seconds s"
    cargo +nightly fuzz run "$target" -- -max_total_time="$seconds"
done
