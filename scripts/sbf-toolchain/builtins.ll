; 128-bit integer builtins with the return convention that LLVM 23's BPF backend
; expects (two registers). rustc before 1.99 compiles `fn(..) -> i128` for BPF with
; a hidden result pointer, so the Rust versions, renamed to __rs_* by link.sh,
; are wrapped here.
target datalayout = "e-m:e-p:64:64-i64:64-i128:128-n32:64-S128"
target triple = "bpfel"

declare void @__rs_multi3(ptr sret(i128), i128, i128)
declare void @__rs_udivti3(ptr sret(i128), i128, i128)
declare void @__rs_umodti3(ptr sret(i128), i128, i128)

define weak i128 @__multi3(i128 %a, i128 %b) {
  %p = alloca i128, align 16
  call void @__rs_multi3(ptr sret(i128) align 16 %p, i128 %a, i128 %b)
  %r = load i128, ptr %p, align 16
  ret i128 %r
}

define weak i128 @__udivti3(i128 %n, i128 %d) {
  %p = alloca i128, align 16
  call void @__rs_udivti3(ptr sret(i128) align 16 %p, i128 %n, i128 %d)
  %r = load i128, ptr %p, align 16
  ret i128 %r
}

define weak i128 @__umodti3(i128 %n, i128 %d) {
  %p = alloca i128, align 16
  call void @__rs_umodti3(ptr sret(i128) align 16 %p, i128 %n, i128 %d)
  %r = load i128, ptr %p, align 16
  ret i128 %r
}

; |n| / |d|, negated where the signs differ
define weak i128 @__divti3(i128 %n, i128 %d) {
  %ns = ashr i128 %n, 127
  %ds = ashr i128 %d, 127
  %nx = xor i128 %n, %ns
  %na = sub i128 %nx, %ns
  %dx = xor i128 %d, %ds
  %da = sub i128 %dx, %ds
  %q = call i128 @__udivti3(i128 %na, i128 %da)
  %s = xor i128 %ns, %ds
  %qx = xor i128 %q, %s
  %r = sub i128 %qx, %s
  ret i128 %r
}

; |n| mod |d|, with the sign of n
define weak i128 @__modti3(i128 %n, i128 %d) {
  %ns = ashr i128 %n, 127
  %ds = ashr i128 %d, 127
  %nx = xor i128 %n, %ns
  %na = sub i128 %nx, %ns
  %dx = xor i128 %d, %ds
  %da = sub i128 %dx, %ds
  %m = call i128 @__umodti3(i128 %na, i128 %da)
  %mx = xor i128 %m, %ns
  %r = sub i128 %mx, %ns
  ret i128 %r
}
