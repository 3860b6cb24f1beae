# Where the SBF toolchain lives and which versions it is made of. Sourced by the scripts beside it.
SBF_HOME=${SBF_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/sbf-toolchain}
SBF_ROOT=$SBF_HOME/root
SUITE=sid
LLVM=23
SBPF_LINKER=0.2.6
# From 1.99 on rustc returns 128-bit integers as LLVM 23 expects them, and builtins.ll would be wrong.
RUSTC_SUPPORTED='1.97.* 1.98.*'
# The wasm target and its linker build the browser's copy of the risk engine in the same root.
PACKAGES="ca-certificates cargo gcc libc6-dev libpolly-$LLVM-dev libstd-rust-dev-wasm32 libzstd-dev lld-$LLVM llvm-$LLVM-dev pkg-config rust-src rustc zlib1g-dev"
