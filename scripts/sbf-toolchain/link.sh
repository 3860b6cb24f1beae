#!/usr/bin/env bash
# The linker that rustc calls, inside the toolchain root: prepares each bitcode input for sBPF, then links.
#  - Some dependencies declare a cdylib of their own. Nothing loads it: it is left empty.
#  - Atomics become plain loads and stores: the SVM runs one thread.
#  - Rust's 128-bit builtins are renamed for builtins.ll to wrap.
set -euo pipefail

out=
previous=
for argument in "$@"; do
    [[ $previous = -o ]] && out=$argument
    previous=$argument
done
# cargo sets this for the packages it was asked for, and not for their dependencies.
if [[ -z ${CARGO_PRIMARY_PACKAGE:-} ]]; then
    : >"$out"
    exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

lower() { # IN OUT
    if [[ $(head -c 2 "$1") != BC ]]; then
        cp "$1" "$2"
    elif [[ $1 = *compiler_builtins* ]]; then
        llvm-dis "$1" -o - |
            sed -E 's/@__(multi3|udivti3|umodti3|divti3|modti3)\b/@__rs_\1/g' |
            opt -passes=lower-atomic - -o "$2"
    else
        opt -passes=lower-atomic "$1" -o "$2"
    fi
}

llvm-as /toolchain/builtins.ll -o "$work/builtins.o"
arguments=("$work/builtins.o")
count=0
for argument in "$@"; do
    count=$((count + 1))
    case $argument in
    *.o)
        lower "$argument" "$work/$count-$(basename "$argument")"
        arguments+=("$work/$count-$(basename "$argument")")
        ;;
    *.rlib)
        members=$work/$count-$(basename "$argument" .rlib)
        mkdir "$members"
        llvm-ar --output "$members" x "$argument"
        for member in "$members"/*.o; do
            [[ -e $member ]] || continue
            lower "$member" "$member.lowered.o"
            arguments+=("$member.lowered.o")
        done
        ;;
    *) arguments+=("$argument") ;;
    esac
done

# sBPF v3 has frames of 4096 bytes, and neither jump tables nor movsx nor ldsx.
sbpf-linker --deploy=false --arch v3 \
    --llvm-args=--bpf-stack-size=4096 --llvm-args=--bpf-min-jump-table-entries=100000 \
    --llvm-args=--disable-movsx --llvm-args=--disable-ldsx "${arguments[@]}"
