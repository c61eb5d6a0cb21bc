#!/usr/bin/env bash
# release.sh FILE: builds the static release binary and copies it to FILE.
#
# With the musl target where it can be had, else with glibc linked in statically. The last line says which.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
out=${1:?usage: release.sh FILE}

arch=$(uname -m)
case $arch in arm64) arch=aarch64 ;; esac
target=${TESSERA_TARGET:-$arch-unknown-linux-musl}
libc=musl

has_target() { [ -d "$(rustc --print target-libdir --target "$1" 2>/dev/null)" ]; }
# A C compiler against musl, as the crates with C code look for it.
has_musl_cc() { is_host "$target" && have cc || have "$arch-linux-musl-gcc" || have musl-gcc; }
# On Alpine, for one, every compiler is for musl.
is_host() { rustc -vV | grep -qx "host: $1"; }

if ! has_target "$target" && have rustup; then rustup target add "$target" >&2 || true; fi
if ! has_musl_cc; then (apt_install musl-tools) || true; fi
if ! has_target "$target" || ! has_musl_cc; then
    say "musl cannot be had here (Rust target: $(has_target "$target" && echo yes || echo no), musl-gcc: $(has_musl_cc && echo yes || echo no)); linking glibc statically instead"
    target=$arch-unknown-linux-gnu
    libc=glibc
    export RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=+crt-static"
fi

features=()
# musl's own allocator takes one lock for all threads.
if [ $libc = musl ]; then features=(--features mimalloc); fi
if [ -n "${TESSERA_EXTRA_FEATURES:-}" ]; then features+=(--features "$TESSERA_EXTRA_FEATURES"); fi

TESSERA_GIT_HASH=${TESSERA_GIT_HASH:-$(git rev-parse HEAD 2>/dev/null || echo undefined)}
# The commit's time, not the clock's, so that two builds of one commit are equal.
TESSERA_BUILD_TIME=${TESSERA_BUILD_TIME:-$(TZ=UTC git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd 2>/dev/null || echo undefined)}
export TESSERA_GIT_HASH TESSERA_BUILD_TIME
# The kernel's generator is enough of a seed; the second one, CPU jitter, takes 60 ms at every start.
export AWS_LC_SYS_NO_JITTER_ENTROPY=1

say "building for $target"
cargo build --release --locked -p tessera-cli --target "$target" "${features[@]}"
mkdir -p "$(dirname "$out")"
install -m 755 "${CARGO_TARGET_DIR:-target}/$target/release/tessera" "$out"
say "$out: static, $libc, $(($(wc -c <"$out") / 1024)) KiB"
