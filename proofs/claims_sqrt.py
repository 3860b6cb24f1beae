"""Claims about `fixed/sqrt.rs`: Newton's steps, the square roots and the tenors."""
import math
import sys

import z3

from harness import claim, returns, within
from lemmas import Cond, constant

ME = sys.modules[__name__]
U64, I64 = (0, 2**64 - 1), (-(2**63), 2**63 - 1)
# Hashes of the functions' tokens as the claims were read against them: an edit fails here until the claims are read again.
FINGERPRINTS = {}

# [2^62, 2^64) in pieces of 1.5 %: within a piece the intervals of Newton's steps stay near the root.
PIECES = sorted({int(2**62 * 4 ** (i / 96)) for i in range(97)} | {2**64})
PIECES = tuple((low, high - 1) for low, high in zip(PIECES, PIECES[1:]))
OCTAVES = tuple((2**n, 2 ** (n + 1) - 1) for n in range(64))


def number(kind, lo, hi):
    return lambda path, case: [path.fresh(*(case or (lo, hi)), kind, "x")]


def half_shift(x):
    return (64 - x.bit_length()) >> 1


def normalised(path, arguments, result):
    path.bound(result[0], 2**62, 2**64 - 1, "x 4^n")
    path.bound(result[1], half_shift(arguments[0].hi), half_shift(arguments[0].lo), "n")
    if arguments[0].lo >= 2**62:
        path.require(result[0].z == arguments[0].z, "x itself")


def even(path, x):
    if x.lo >= 2**62:
        return [x, constant(0, "u32")]
    return [path.fresh(2**62, 2**64 - 1, "u64", "n"), path.fresh(half_shift(x.hi), half_shift(x.lo), "u32", "half")]


claim(
    ME, "normalise_even", "fixed/sqrt.rs::normalise_even", "x > 0, each count of leading zeros: result in [2^62, 2^64), half of an even shift <= 31",
    number("u64", *U64), cases=OCTAVES, then=normalised,
    contract=lambda path, x: even(path, x) if x.lo >= 1 else None,
)  # fmt: skip


def near_root(path, arguments, result):
    """2 % around the root of the piece, in Q31: all that callers need, and no wrap on the way."""
    x = arguments[0]
    path.bound(result, math.isqrt(x.lo << 62) * 97 // 100, math.isqrt(x.hi << 62) * 103 // 100, "root")


claim(
    ME, "sqrt_normalised", "fixed/sqrt.rs::sqrt_normalised",
    "x >= 2^62: no wrap, no division by 0, remainder below 2^33; within 3 % of 2^31 sqrt(x) (accuracy is tested, not proved)",
    number("u64", *U64), cases=PIECES, then=near_root,
    contract=lambda path, x: path.fresh(math.isqrt(x.lo << 62) * 96 // 100, math.isqrt(x.hi << 62) * 104 // 100, "u64", "root") if x.lo >= 2**62 else None,
)  # fmt: skip
claim(
    ME, "isqrt_normalised", "fixed/sqrt.rs::isqrt_normalised", "x >= 2^62: no wrap in the square, the correction does not pass 0; result < 2^32",
    number("u64", *U64), cases=PIECES, then=within(2**30, 2**32 - 1), contract=lambda path, x: path.fresh(2**30, 2**32 - 1, "u64", "root") if x.lo >= 2**62 else None,
)  # fmt: skip
claim(
    ME, "isqrt", "fixed/sqrt.rs::isqrt", "any u64: result < 2^32, shift < 64", number("u64", *U64), then=within(0, 2**32 - 1),
    contract=returns(0, 2**32 - 1, "u64"),
)  # fmt: skip
ROOT_MOST = 2**63 * 104 // 100


TOPS = (144 << 56, 2**63 - 1)  # the largest variance of a smile; the first octave


def top_root(most):
    return math.isqrt(most << 62) * 104 // 100


def scaled_root(path, x):
    if path.branch(Cond("==", x, constant(0, "u64"))):
        return [constant(0, "u64"), constant(0, "u32")]
    root, shift = path.fresh(2**62 * 96 // 100, ROOT_MOST, "u64", "root"), path.fresh(half_shift(x.hi), half_shift(x.lo), "u32", "shift")
    for most in TOPS:
        if x.hi <= most:  # where nothing is shifted, the root is that of x
            path.facts.append(z3.Implies(shift.z == 0, root.z <= top_root(most)))
    return [root, shift]


def scaled(path, arguments, result):
    x = arguments[0]
    path.bound(result[0], 0, 0 if x.hi == 0 else top_root(x.hi) if x.lo >= 2**62 and x.hi in TOPS else ROOT_MOST, "root")
    path.bound(result[1], 0 if x.hi == 0 else half_shift(x.hi), 0 if x.hi == 0 else half_shift(x.lo), "shift")


claim(
    ME, "sqrt_scaled", "fixed/sqrt.rs::sqrt_scaled", "any u64: shift <= 31", number("u64", *U64), cases=((0, 0), *OCTAVES, (2**63, 144 << 56)), then=scaled,
    contract=scaled_root,
)  # fmt: skip
claim(ME, "sqrt_q56", "fixed/sqrt.rs::sqrt_q56", "any u64: shift < 64, result below 2^44.1", number("u64", *U64), then=within(0, ROOT_MOST >> 19))
claim(ME, "sqrt_tenor_q36", "fixed/sqrt.rs::sqrt_tenor_q36", "any u64: shift < 64, result below 2^52.1", number("u64", *U64), then=within(0, ROOT_MOST >> 11))
MOST_TENOR = 4 * 31_536_000
TENOR_ROOT = int(2**40.06)


def tenor_root(path, seconds):
    return path.fresh(0, TENOR_ROOT if seconds.hi <= MOST_TENOR else ROOT_MOST >> 21, "u64", "root")


claim(
    ME, "sqrt_tenor, 4 years", "fixed/sqrt.rs::sqrt_tenor", "up to four years: below 2^40.06 (the exact bound is 2^39; the shift alone is used here)",
    number("i64", I64[0], MOST_TENOR), then=within(0, TENOR_ROOT),
)  # fmt: skip
claim(
    ME, "sqrt_tenor", "fixed/sqrt.rs::sqrt_tenor", "any i64: the clamps keep both digits in range, no wrap", number("i64", *I64),
    then=within(0, ROOT_MOST >> 21), contract=tenor_root,
)  # fmt: skip
TENOR_MOST = int(2**43.2)
claim(
    ME, "tenor", "fixed/sqrt.rs::tenor", "any i64: the clamps keep both digits in range, no wrap", number("i64", *I64), then=within(0, TENOR_MOST),
)  # fmt: skip
claim(
    ME, "tenor, 4 years", "fixed/sqrt.rs::tenor", "up to four years: at most 2^38", number("i64", I64[0], MOST_TENOR), then=within(0, 2**38),
    contract=lambda path, seconds: path.fresh(0, 2**38 if seconds.hi <= MOST_TENOR else TENOR_MOST, "u64", "tenor"),
)  # fmt: skip
