#!/usr/bin/env bash
# The rules about dependencies that cost nothing to check: banned crates, and the walls around the core. `make deny` checks more.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

bad=0
# complain CRATES RULE: fails later if there are any.
complain() {
    if [ -n "$1" ]; then
        printf 'error: %s: %s\n' "$2" "$(tr '\n' ' ' <<<"$1")" >&2
        bad=1
    fi
}
# names CARGO_TREE_ARGS: "name version" of each crate, once.
names() { cargo tree --prefix none --format '{p}' "$@" | awk 'NF { print $1, $2 }' | sort -u; }

all=$(names --workspace -e normal,build --target all)
shipped=$(names -p tessera-cli -e normal --target all --all-features)

complain "$(grep -E '^(rsa|openssl|openssl-sys|native-tls|ring|serde_yaml|sqlx|sqlx-[a-z]+|chrono) ' <<<"$all" || true)" \
    "banned crates (cargo tree -i CRATE says who wants them)"
complain "$(awk '{ print $1 }' <<<"$shipped" | grep -E '^(rustls|aws-lc-rs|aws-lc-sys|tokio|hyper|http)$' | uniq -d)" \
    "more than one version of"
for crate in tessera-crypto tessera-protocol; do
    complain "$(names -p "$crate" -e normal --target all \
        | grep -E '^(tokio|tokio-[a-z]+|hyper|http|axum|reqwest|tracing|tracing-core|rusqlite|tokio-postgres|tessera-(store|store-sql|server|cli)) ' || true)" \
        "$crate must not depend on"
done
complain "$(names -p tessera-server -e normal --target all | grep -E '^(rusqlite|tokio-postgres|tessera-store-sql|tessera-cli) ' || true)" \
    "tessera-server sees the storage contract only, and must not depend on"
complain "$(names -p tessera-acceptance -e normal,dev --target all | grep -E '^tessera-(crypto|protocol|store|store-sql|server|cli) ' || true)" \
    "tessera-acceptance tests the product from outside, and must not depend on"
exit $bad
