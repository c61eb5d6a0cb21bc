#!/usr/bin/env bash
# bench.sh [OPTION...]: builds the static release binary, the same with the floor route, and the bench; runs the bench with the
# given options (`--quick`, `--only requests,start,peers,flat`, `--peer-public URL --peer-admin URL --peer-pid PID`, ...).
#
# PostgreSQL is the one of TESSERA_TEST_POSTGRES (scripts/with-postgres.sh starts a fresh one), else it is left out.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${TESSERA_TARGET:-$(uname -m)-unknown-linux-musl}
features=${TESSERA_FEATURES-mimalloc}
out=target/bench
mkdir -p "$out"
build() { cargo build --release --locked --target "$target" -p "$@"; }

build tessera-cli --features "floor,$features"
install -m 755 "target/$target/release/tessera" "$out/tessera-floor"
build tessera-cli --features "$features"
install -m 755 "target/$target/release/tessera" "$out/tessera"
build tessera-bench
install -m 755 "target/$target/release/tessera-bench" "$out/tessera-bench"

peers=()
if command -v npm >/dev/null && npm ci --prefix bench/peers/oidc-provider --silent; then
    peers=(--oidc-provider bench/peers/oidc-provider)
else
    echo "bench: no npm, so the oidc-provider peer is left out" >&2
fi
exec "$out/tessera-bench" --binary "$out/tessera" --floor-binary "$out/tessera-floor" "${peers[@]}" "$@"
