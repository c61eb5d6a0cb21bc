#!/usr/bin/env bash
# Tests the binary that TESSERA_STATIC_BIN names, alone in an empty root directory.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
: "${TESSERA_STATIC_BIN:?names no binary; run: make test-static}"
have unshare || apt_install util-linux
have ip || apt_install iproute2
TESSERA_BIN=$TESSERA_STATIC_BIN cargo test -p tessera-acceptance --test acceptance -- --ignored --exact \
    static_binary::has_everything_linked_in static_binary::serves_in_an_empty_root
