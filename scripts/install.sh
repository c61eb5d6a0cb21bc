#!/usr/bin/env bash
# install.sh BINARY PREFIX: the binary, its second name `hydra`, completions and man pages.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
bin=${1:?usage: install.sh BINARY PREFIX}
prefix=${2:?usage: install.sh BINARY PREFIX}

install -d "$prefix/bin" "$prefix/share/bash-completion/completions" "$prefix/share/zsh/site-functions" \
    "$prefix/share/fish/vendor_completions.d" "$prefix/share/man/man1"
install -m 755 "$bin" "$prefix/bin/tessera"
ln -sfn tessera "$prefix/bin/hydra"
for name in tessera hydra; do
    "$prefix/bin/$name" completion bash >"$prefix/share/bash-completion/completions/$name"
    "$prefix/bin/$name" completion zsh >"$prefix/share/zsh/site-functions/_$name"
    "$prefix/bin/$name" completion fish >"$prefix/share/fish/vendor_completions.d/$name.fish"
done
"$prefix/bin/tessera" man "$prefix/share/man/man1"
say "installed $("$prefix/bin/tessera" version | head -n 1 | tr -s ' ') below $prefix"
