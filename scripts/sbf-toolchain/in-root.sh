#!/usr/bin/env bash
# in-root.sh DIR COMMAND...: runs COMMAND inside the toolchain root, with DIR visible there as
# /project and this folder as /toolchain. The fixed names keep host paths out of what is built.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/env.sh"
dir=$(cd "$1" && pwd)
shift
mkdir -p "$SBF_ROOT/project" "$SBF_ROOT/toolchain"
# A private mount namespace: the binds end with the command.
export here dir SBF_ROOT
exec unshare --mount bash -euc '
    mount --make-rprivate /
    mount --bind /dev "$SBF_ROOT/dev"
    mount -t proc proc "$SBF_ROOT/proc"
    mount --bind "$here" "$SBF_ROOT/toolchain"
    [[ $dir = / ]] || mount --bind "$dir" "$SBF_ROOT/project"
    exec chroot "$SBF_ROOT" /usr/bin/env -i HOME=/root TERM="${TERM:-dumb}" CARGO_HOME=/root/.cargo \
        PATH=/root/.cargo/bin:/usr/lib/llvm-'"$LLVM"'/bin:/usr/bin:/bin \
        ${CARGO_BUILD_JOBS:+CARGO_BUILD_JOBS=$CARGO_BUILD_JOBS} \
        ${http_proxy:+http_proxy=$http_proxy} ${https_proxy:+https_proxy=$https_proxy} "$@"
' in-root "$@"
