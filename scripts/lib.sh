# Sourced by the other scripts.

# Prints to stderr what is going on.
say() { printf '==> %s\n' "$*" >&2; }

# Ends the script with a reason.
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

have() { command -v "$1" >/dev/null 2>&1; }

# Installs Debian packages, or explains who has to.
apt_install() {
    have apt-get || fail "missing: $* (Debian package names). Install them by your system's package manager and try again."
    local sudo=()
    if [ "$(id -u)" != 0 ]; then
        sudo -n true 2>/dev/null || fail "missing: $*. Run: sudo apt-get install $*"
        sudo=(sudo -n)
    fi
    say "installing $*"
    local quiet=(-y -qq -o Dpkg::Use-Pty=0 --no-install-recommends)
    DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get "${quiet[@]}" install "$@" </dev/null >&2 && return
    # The package lists may be old or absent.
    "${sudo[@]}" apt-get -qq update </dev/null >&2 || fail "apt-get update failed; missing: $*"
    DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get "${quiet[@]}" install "$@" </dev/null >&2 \
        || fail "apt-get install $* failed"
}

# Whether all of the given commands are there.
have_all() { local each; for each; do have "$each" || return 1; done; }
