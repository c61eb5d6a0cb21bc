#!/usr/bin/env bash
# with-postgres.sh CMD [ARG...]: runs CMD with TESSERA_TEST_POSTGRES naming the superuser of a fresh PostgreSQL on a free loopback
# port. The server and its files are gone when CMD has ended. A TESSERA_TEST_POSTGRES that is set already is used as it is.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
[ $# -gt 0 ] || fail "usage: $0 CMD [ARG...]"

if [ -n "${TESSERA_TEST_POSTGRES:-}" ]; then
    say "PostgreSQL: using TESSERA_TEST_POSTGRES"
    exec "$@"
fi

# The folder with initdb and postgres, the newest release first: Debian keeps them out of the PATH.
find_bin() {
    local dir
    while read -r dir; do
        if [ -x "$dir/initdb" ] && [ -x "$dir/postgres" ]; then printf '%s\n' "$dir"; return 0; fi
    done < <({ ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin 2>/dev/null || true; } | sort -rV
        if have initdb; then dirname "$(readlink -f "$(command -v initdb)")"; fi)
    return 1
}

bin=$(find_bin) || { apt_install postgresql postgresql-client; bin=$(find_bin) || fail "no initdb after installing postgresql"; }
# The acceptance tests make and drop their databases with psql.
have psql || PATH="$bin:$PATH"
have psql || apt_install postgresql-client

# PostgreSQL refuses to run as root.
as_user=()
if [ "$(id -u)" = 0 ]; then
    user=nobody
    if id postgres >/dev/null 2>&1; then user=postgres; fi
    have runuser || fail "missing: runuser (package util-linux)"
    as_user=(runuser -u "$user" --)
fi

# A short path: it holds the Unix socket, whose name may have 107 bytes.
dir=$(mktemp -d /tmp/tessera-pg.XXXXXX)
pid=
clean_up() {
    if [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null; then
        # SIGQUIT: at once, without a checkpoint; nothing in there is wanted any more.
        kill -QUIT "$(head -n 1 "$dir/data/postmaster.pid" 2>/dev/null || echo "$pid")" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    fi
    rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
if [ ${#as_user[@]} -gt 0 ]; then chown "$user" "$dir"; fi

cd "$dir"
"${as_user[@]}" "$bin/initdb" -D "$dir/data" -U tessera -A trust -E UTF8 --no-locale --no-sync >"$dir/initdb.log" 2>&1 \
    || { cat "$dir/initdb.log" >&2; fail "initdb failed"; }
cd "$OLDPWD"

# Whether something listens there.
is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

for attempt in 1 2 3 4 5; do
    port=$((15000 + RANDOM % 4000))
    if is_taken "$port"; then continue; fi
    # Files stay unsynced: the tests ask whether commits are seen, not whether they survive a power cut.
    (cd "$dir" && exec "${as_user[@]}" "$bin/postgres" -D "$dir/data" -k "$dir" -h 127.0.0.1 -p "$port" \
        -c fsync=off -c max_connections=300 -c shared_buffers=64MB) >"$dir/postgres.log" 2>&1 </dev/null &
    pid=$!
    for _ in $(seq 150); do
        kill -0 "$pid" 2>/dev/null || break
        if "$bin/pg_isready" -q -h 127.0.0.1 -p "$port" -U tessera 2>/dev/null; then break 2; fi
        sleep 0.1
    done
    if kill -0 "$pid" 2>/dev/null; then cat "$dir/postgres.log" >&2; fail "PostgreSQL does not get ready"; fi
    # It ended by itself: another process took the port.
    pid=
done
[ -n "$pid" ] || { cat "$dir/postgres.log" >&2 || true; fail "PostgreSQL does not start"; }
say "PostgreSQL: $("$bin/postgres" --version) on 127.0.0.1:$port"

export TESSERA_TEST_POSTGRES="postgres://tessera@127.0.0.1:$port/postgres?sslmode=disable"
status=0
"$@" || status=$?
exit $status
