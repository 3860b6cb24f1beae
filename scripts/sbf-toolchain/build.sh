#!/usr/bin/env bash
# build.sh WORKSPACE PACKAGE...: builds each program to WORKSPACE/target/deploy/NAME.so (sBPF v3).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
workspace=$(cd "$1" && pwd)
shift
"$here/install.sh"

# cargo does not see a change of the linker script or of the target, so a change of this folder starts afresh.
target=$workspace/target/sbf
id=$(cat "$here"/*.{sh,py,ll,json} | sha256sum)
if [[ $(cat "$target/toolchain-id" 2>/dev/null) != "$id" ]]; then
    rm -rf "$target"
    mkdir -p "$target"
    printf '%s\n' "$id" >"$target/toolchain-id"
fi

mkdir -p "$workspace/target/deploy"
for package in "$@"; do
    # One cargo call for each program: in a common one they would share each other's features.
    "$here/in-root.sh" "$workspace" env \
        RUSTC_BOOTSTRAP=1 __CARGO_TESTS_ONLY_SRC_ROOT=/opt/library CARGO_TARGET_DIR=/project/target/sbf \
        sh -c 'cd /project && exec cargo build --quiet --release --locked -Zjson-target-spec \
            --target /toolchain/sbf-solana.json --package "$1" \
            -Zbuild-std=core,alloc,std,panic_abort -Zbuild-std-features=' sh "$package"
    program=${package//-/_}
    built=$target/sbf-solana/release/lib$program.so
    # An empty file is a program that was built as another's dependency (see link.sh).
    [[ -s $built ]] || { echo "sbf-toolchain: error: $built is empty; remove target/sbf and build again" >&2; exit 1; }
    # Moved into place whole: a test may be reading the old one.
    deployed=$workspace/target/deploy/$program.so
    if ! cmp -s "$built" "$deployed"; then
        install -m 644 "$built" "$deployed.new"
        mv "$deployed.new" "$deployed"
    fi
done
