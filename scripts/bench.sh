#!/usr/bin/env bash
# bench.sh [OPTION...]: builds the static release binary, the same with the floor route, and the bench; runs the bench with the
# given options (`--quick`, `--only requests,sign-in,flat`, `--peer-public URL --peer-admin URL --peer-pid PID`, ...).
# PostgreSQL is a fresh one of scripts/with-postgres.sh, or that of TESSERA_TEST_POSTGRES.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
out=target/bench

TESSERA_EXTRA_FEATURES=floor scripts/release.sh "$out/tessera-floor"
scripts/release.sh "$out/tessera"
# For the same target where there is one, so that what both need is compiled once.
target=${TESSERA_TARGET:-$(uname -m)-unknown-linux-musl}
if have musl-gcc && [ -d "$(rustc --print target-libdir --target "$target" 2>/dev/null)" ]; then
    cargo build --release --locked -p tessera-bench --target "$target"
    install -m 755 "${CARGO_TARGET_DIR:-target}/$target/release/tessera-bench" "$out/tessera-bench"
else
    cargo build --release --locked -p tessera-bench
    install -m 755 "${CARGO_TARGET_DIR:-target}/release/tessera-bench" "$out/tessera-bench"
fi

peers=()
if have npm && npm ci --prefix bench/peers/oidc-provider --silent; then
    peers=(--oidc-provider bench/peers/oidc-provider)
else
    say "no npm, so the oidc-provider peer is left out"
fi
exec scripts/with-postgres.sh "$out/tessera-bench" \
    --binary "$out/tessera" --floor-binary "$out/tessera-floor" ${peers[@]+"${peers[@]}"} "$@"
