#!/usr/bin/env bash
# Builds an SBF toolchain from Debian and crates.io packages alone, for machines that cannot
# download the official Solana platform-tools: a Debian root with rustc, its std sources
# (patched for target_os = "solana"), LLVM and sbpf-linker. Each step looks at what is there,
# so a second run does nothing and a broken-off one goes on. Needs root.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/env.sh"
stamp=$SBF_HOME/ready-$(cat "$here"/{env.sh,install.sh,patch-std.py} | sha256sum | cut -c1-16)
if [[ -e $stamp ]]; then exit 0; fi

say() { printf 'sbf-toolchain: %s\n' "$*" >&2; }
fail() { say "error: $*"; exit 1; }
in_root() { "$here/in-root.sh" / "$@"; }

[[ $(id -u) = 0 ]] || fail "this toolchain is a chroot and needs root; or install the Solana CLI, whose cargo build-sbf is used where it is found"
mkdir -p "$SBF_HOME"
exec 9>"$SBF_HOME/lock"
flock -n 9 || { say "waiting for another installation"; flock 9; }
if [[ -e $stamp ]]; then exit 0; fi

# The root is made under another name and moved when it is whole.
has_packages() {
    [[ -x $SBF_ROOT/usr/bin/dpkg-query ]] || return 1
    # shellcheck disable=SC2086 # a list of words
    in_root dpkg-query --show $PACKAGES >/dev/null 2>&1
}
if ! has_packages; then
    say "Debian $SUITE root with rustc and LLVM $LLVM, about 1 minute"
    if ! command -v mmdebstrap >/dev/null; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq mmdebstrap >/dev/null
    fi
    rm -rf "$SBF_ROOT" "$SBF_ROOT.partial"
    # A mirror can lag behind its Valid-Until date; signatures are still checked.
    mmdebstrap --quiet --variant=apt --aptopt='Acquire::Check-Valid-Until "false"' \
        --include="${PACKAGES// /,}" "$SUITE" "$SBF_ROOT.partial"
    cp /etc/ssl/certs/ca-certificates.crt "$SBF_ROOT.partial/etc/ssl/certs/"
    mv "$SBF_ROOT.partial" "$SBF_ROOT"
fi
cp /etc/resolv.conf /etc/hosts "$SBF_ROOT/etc/"

rustc=$(in_root rustc --version | cut -d' ' -f2)
for version in $RUSTC_SUPPORTED; do
    # shellcheck disable=SC2053 # a pattern on purpose
    [[ $rustc = $version ]] && supported=yes
done
[[ ${supported:-} = yes ]] || fail "Debian $SUITE has rustc $rustc; known to work: $RUSTC_SUPPORTED (see README.md, 128-bit integers)"

if ! grep -qs "^\"sbpf-linker $SBPF_LINKER " "$SBF_ROOT/root/.cargo/.crates.toml"; then
    say "sbpf-linker $SBPF_LINKER, about 80 s"
    # --features selects the LLVM that bpf-linker binds to; without it the crate expects rustc's
    # own LLVM, which is older than the one it needs.
    in_root cargo install --quiet --locked sbpf-linker --version "$SBPF_LINKER" \
        --no-default-features --features "bpf-linker/llvm-$LLVM"
fi

say "std for target_os = \"solana\""
rm -rf "$SBF_ROOT/opt/library.partial"
cp -rL "$SBF_ROOT/usr/lib/rustlib/src/rust/library" "$SBF_ROOT/opt/library.partial"
"$here/patch-std.py" "$SBF_ROOT/opt/library.partial/std"
rm -rf "$SBF_ROOT/opt/library"
mv "$SBF_ROOT/opt/library.partial" "$SBF_ROOT/opt/library"

rm -f "$SBF_HOME"/ready-*
touch "$stamp"
