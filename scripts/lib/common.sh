# What the project's scripts share: where the workspace is, messages on stderr, and the time a step took.
workspace=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
deploy=$workspace/target/deploy
script=$(basename "$0")

say() { printf '%s: %s\n' "$script" "$*" >&2; }
fail() { say "error: $*"; exit 1; }

# timed WHAT COMMAND...: runs COMMAND, then says how long it took, or that it failed.
timed() {
    local what=$1 start=$SECONDS status=0
    shift
    "$@" || status=$?
    if [[ $status = 0 ]]; then say "$what: $((SECONDS - start)) s"; else say "$what: failed after $((SECONDS - start)) s"; fi
    return "$status"
}

# install_packages NAME...: installs Debian's packages of these names; none: does nothing.
install_packages() {
    (($# == 0)) && return
    command -v apt-get >/dev/null || fail "not found, and no apt-get to install them with: $*"
    DEBIAN_FRONTEND=noninteractive timed "installed $*" \
        bash -c '(apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@") >/dev/null' apt "$@"
}

# official_tools: whether Solana's own SBF tools are installed.
official_tools() { cargo build-sbf --version >/dev/null 2>&1; }
