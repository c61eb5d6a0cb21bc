#!/usr/bin/env bash
# Installs what the tests drive besides the binary: clients in other languages, a browser, tracing of system calls, network namespaces.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

packages=()
have cc || packages+=(gcc libc6-dev)
have_all node npm || packages+=(nodejs npm)
have python3 || packages+=(python3)
python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3-venv)
have go || packages+=(golang-go)
have javac || packages+=(default-jdk-headless)
have mvn || packages+=(maven)
have chromium || packages+=(chromium)
have strace || packages+=(strace)
have unshare || packages+=(util-linux)
have ip || packages+=(iproute2)
have curl || packages+=(curl ca-certificates)
if [ ${#packages[@]} -gt 0 ]; then apt_install "${packages[@]}"; fi
have_all cc node npm python3 go javac mvn chromium strace unshare ip curl || fail "something is still missing after the installation: see above"
