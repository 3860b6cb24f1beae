"""Claims about `fixed/`: leading zeros, products with a shift, divisions, logarithm, exponential, normal distribution."""
import math
import sys

import z3

from harness import claim, returns, within
from values import Variant
from lemmas import Refuted, decide

ME = sys.modules[__name__]
U64, I64 = (0, 2**64 - 1), (-(2**63), 2**63 - 1)
# Hashes of the functions' tokens as the claims were read against them: an edit fails here until the claims are read again.
FINGERPRINTS = {
    "fixed/bits.rs::leading_zeros": "4b7375c4448b6765",
    "fixed/mul.rs::div_fraction": "37493c54a4a2db64",
}


def u64(name, lo=0, hi=U64[1]):
    return lambda path, case: [path.fresh(lo, hi, "u64", name)]


def i64(name, lo=I64[0], hi=I64[1]):
    return lambda path, case: [path.fresh(lo, hi, "i64", name)]


# -- leading zeros -------------------------------------------------------------------------------------------------
def leading_zeros_model(source):
    """Bit vectors: the cascade fills every bit below the highest, whichever it is; the table is then looked up exactly."""
    kind, tokens, _ = source.constants[("fixed/bits.rs", "DE_BRUIJN")]
    factor = int(tokens[0][1].replace("_", ""), 16)
    filled = [2 ** (n + 1) - 1 for n in range(64)]
    places = [(value * factor) % 2**64 >> 58 for value in filled]
    if sorted(places) != list(range(64)):
        raise Refuted("fixed/bits.rs, DE_BRUIJN: two numbers share a place in the table")
    x = z3.BitVec("x", 64)
    cascade = x | 1
    for shift in (1, 2, 4, 8, 16, 32):
        cascade = cascade | z3.LShR(cascade, shift)
    for n in range(64):
        top = z3.LShR(x | 1, n) == 1
        if decide([top, cascade != filled[n]], 20_000)[0] != z3.unsat:
            raise Refuted(f"the cascade of a number whose highest bit is {n}")
        product = z3.BitVecVal(filled[n], 64) * z3.BitVecVal(factor, 64)
        if decide([z3.LShR(product, 58) != places[n]], 20_000)[0] != z3.unsat:
            raise Refuted(f"place of {n}")
    return 64


claim(
    ME, "leading zeros", "fixed/bits.rs::leading_zeros",
    "for every u64 the count that the processor's instruction gives, 63 for 0; the table's places are all different",
    model=leading_zeros_model, contract=lambda path, x: path.leading_zeros(x, 63),
)  # fmt: skip


# -- products ------------------------------------------------------------------------------------------------------
def shifted_product(shift):
    """Operands over the documented range, `|b| < 2^(63 - h)` and `|a b| < 2^(62 + h)`, cut where |b| passes 2^n and
    3 2^(n-1): within a piece a may take every value that the range allows for the piece's least b, so a little more."""
    half = shift // 2

    def arguments(path, case):
        least, most = case
        a_most = min((1 << (62 + half)) // max(1, min(abs(least), abs(most))), 2**63 - 1)
        return [path.fresh(-a_most, a_most, "i64", "a"), path.fresh(least, most, "i64", "b")]

    ends = sorted({1, *(1 << n for n in range(64 - half)), *(3 << n for n in range(62 - half))})
    pieces = [(low, high - 1) for low, high in zip(ends, ends[1:])]
    return arguments, ((0, 0), *pieces, *((-high, -low) for low, high in pieces))


SHIFTS = (30, 35, 36, 38, 40)


def exactly(shift, slack=1):
    """`r 2^shift <= a b < (r + slack) 2^shift`, or r saturated where a b is at least 2^(61 + shift)."""

    def then(path, arguments, result):
        a, b = arguments
        path.distribute(a, b)
        path.distribute(b, a)
        product, scale = a.z * b.z, 1 << shift
        if result.is_constant and result.lo == I64[1]:
            path.require(product >= 1 << (61 + shift), "saturates from 2^61 on only", linear=True)
        else:
            path.require(z3.And(result.z * scale <= product, product < (result.z + slack) * scale), "floor", linear=True)

    return then


def factors(a_lo, a_hi, b_lo, b_hi, kind):
    return lambda path, case: [path.fresh(a_lo, a_hi, kind, "a"), path.fresh(b_lo, b_hi, kind, "b")]


for shift in SHIFTS:
    arguments, cases = shifted_product(shift)
    claim(
        ME, f"mul_shift::<{shift}> range", "fixed/mul.rs::mul_shift",
        f"no wrap where |b| < 2^{63 - shift // 2} and |a b| < 2^{62 + shift // 2}", arguments, cases=cases, generics=(str(shift),),
    )  # fmt: skip
    claim(
        ME, f"mul_shift::<{shift}> exact", "fixed/mul.rs::mul_shift", "over the integers it is the exact floor",
        factors(-(2**200), 2**200, -(2**200), 2**200, "i1024"), then=exactly(shift), generics=(str(shift),),
    )  # fmt: skip


for shift in (30, 36):
    claim(
        ME, f"mul_shift_q{shift}", f"fixed/mul.rs::mul_shift_q{shift}", f"|b| < 2^{62 - shift // 2}, |a b| < 2^{62 + shift // 2}: no wrap",
        factors(-(2 ** (shift - 1)), 2 ** (shift - 1), -(2 ** (62 - shift // 2)), 2 ** (62 - shift // 2), "i64"),
    )  # fmt: skip


def wide_product(path, a, b):
    """What callers of mul_shift_wide may rely on: the claims below."""
    shift = int(path.generics[0]) if isinstance(path.generics[0], str) else path.generics[0].lo
    if a.hi >= 1 << 63 or b.hi >= 1 << 40 or not 25 <= shift <= 48:
        return None
    most = a.hi * b.hi
    return path.fresh(a.lo * b.lo >> shift, most >> shift if most < 1 << (61 + shift) else I64[1], "i64", "wide")


for shift in range(25, 49):
    claim(
        ME, f"mul_shift_wide::<{shift}>", "fixed/mul.rs::mul_shift_wide",
        "a < 2^63, b < 2^40: no wrap; the exact floor, or saturated and then at least 2^61",
        lambda path, case: [path.fresh(*case, "u64", "a"), path.fresh(0, 2**40 - 1, "u64", "b")],
        cases=((0, 2**40 - 1), (2**40, 2**63 - 1)), then=exactly(shift), generics=(str(shift),), contract=wide_product,
    )  # fmt: skip

claim(
    ME, "mul_high", "fixed/mul.rs::mul_high", "any u64: no wrap; floor(a b / 2^64), low by at most 2",
    factors(*U64, *U64, "u64"), then=exactly(64, slack=3),
    contract=lambda path, a, b: path.fresh(max(0, (a.lo * b.lo >> 64) - 2), a.hi * b.hi >> 64, "u64", "high"),
)  # fmt: skip


# -- divisions -----------------------------------------------------------------------------------------------------
def fraction(path, case):
    divisor, numerator = path.fresh(2**63, U64[1], "u64", "d"), path.fresh(0, U64[1] - 1, "u64", "n")
    path.facts.append(numerator.z < divisor.z)
    return [numerator, divisor]


def quotient_of_fraction(path, numerator, divisor):
    path.bound(divisor, 2**63, U64[1], "divisor")
    path.require(numerator.z < divisor.z, "numerator below the divisor")
    return path.fresh(*U64, "u64", "fraction")


claim(
    ME, "div_fraction", "fixed/mul.rs::div_fraction",
    "numerator < divisor, divisor >= 2^63: every digit ends in range, every remainder below the divisor, at most 2 corrections",
    fraction, modular=("div_fraction",), contract=quotient_of_fraction,
    hints={("div_fraction", "rest"): [("linear", (lambda e: z3.And(e.rest >= 0, e.rest < e.divisor), [("digit", "divisor")]))]},
)  # fmt: skip
for name in ("mul_div_floor", "mul_div_ceil"):
    claim(
        ME, name, f"fixed/mul.rs::{name}", "any three i64: the 128-bit product and the conversion cannot overflow, no division by 0",
        lambda path, case: [path.fresh(*I64, "i64", n) for n in "abd"],
    )  # fmt: skip

# -- logarithm and exponential ---------------------------------------------------------------------------------------
OCTAVES = tuple((1 << n, (2 << n) - 1) for n in range(64))


def ln_bounds(x, bits):
    """By the octave: n ln 2 <= ln x <= (n + 1) ln 2 + 2^-8, the last for the table's step; in Q`bits`, widened by 1e-9 or 2e-9."""
    low, high = max(0, x.lo.bit_length() - 1), max(1, x.hi.bit_length())
    slack = 1e-9 if bits == 56 else 2e-9  # ln rounds what ln_q56 gives
    return max(0, int((low * LN2 - slack) * 2**bits)), int((high * LN2 + 2**-8 + slack) * 2**bits)


def ln_in_octave(bits):
    return lambda path, arguments, result: path.bound(result, *ln_bounds(arguments[0], bits), "ln")


def ln_contract(bits):
    return lambda path, x: path.fresh(*ln_bounds(x, bits), "i64", "ln")


LN2 = math.log(2)
LN_Q40 = int(44.366 * 2**40)
for name, bits in (("ln_q56", 56), ("ln", 40)):
    claim(
        ME, name, f"fixed/log.rs::{name}", "0 and each octave of u64: each intermediate in range, no division by 0; n ln 2 <= ln x <= (n + 1) ln 2 + 2^-8",
        lambda path, case: [path.fresh(*case, "u64", "x")], cases=((0, 0), *OCTAVES), then=ln_in_octave(bits), contract=ln_contract(bits),
    )  # fmt: skip
claim(
    ME, "ln_ratio", "fixed/log.rs::ln_ratio", "any two u64: within +-44.366", factors(*U64, *U64, "u64"),
    then=within(-LN_Q40, LN_Q40), contract=returns(-LN_Q40, LN_Q40, "i64"),
)  # fmt: skip

REDUCED = int(2**46.7)
REDUCTION = [("range", (-REDUCED, REDUCED))]


def not_below_at_zero(scope):
    """y >= 0 with k = 0 leaves r >= 0, and 1 - exp(-r) >= 0: the result is at most 1."""
    return (0 if scope["k"].hi == 0 else -REDUCED - 1, REDUCED + 1)


def scaled_exponential(path, arguments, result):
    path.bound(result[0], int(2**60.9), int(2**62.1), "mantissa")
    path.bound(result[1], -93, 92, "exponent")


claim(
    ME, "exp_neg_scaled", "fixed/exp.rs::exp_neg_scaled", "|y| < 64: |r| < 2^46.7, mantissa in (2^60.9, 2^62.1), no wrap",
    i64("y", -(2**44) + 1, 2**44 - 1), hints={("exp_neg_scaled", "r"): REDUCTION}, then=scaled_exponential,
)  # fmt: skip
ONE_Q38 = 1 << 38
claim(
    ME, "exp_neg", "fixed/exp.rs::exp_neg", "any u64: no wrap, shift in 24..=62 where it is used; result in [0, 1]", u64("y"),
    hints={("exp_neg_scaled", "r"): [("range", not_below_at_zero)], ("exp_neg_scaled", "k"): [("cut", [1, 256])],
           ("exp_neg_scaled", "decrement"): [("range", not_below_at_zero)]},
    then=within(0, ONE_Q38), contract=returns(0, ONE_Q38, "u64"),
)  # fmt: skip
def exponential(path, y):
    return Variant("Some", path.fresh(0, I64[1], "i64", "exp")) if y.hi <= 17 << 38 else None


claim(
    ME, "exp", "fixed/exp.rs::exp", "any i64: no wrap; where k < -6144 (exponent -25) the mantissa is small enough for the shift left",
    i64("y"), hints={("exp_neg_scaled", "r"): REDUCTION, ("exp_neg_scaled", "k"): [("cut", [-6144, 0, 1, 256])]},
    contract=exponential,
)  # fmt: skip

# -- normal distribution ---------------------------------------------------------------------------------------------
TABLE_BITS = 40  # the table covers 16.0 in Q36


def stretches(source):
    """Rows of N's table in stretches over which even the extreme coefficients together give a probability: of neighbours, one
    proof. Here they are only chosen; z3 proves each."""
    rows = source.tables["CDF"]
    segment = 1 << (TABLE_BITS - len(rows).bit_length() + 1)
    found, first = [], 0

    def is_probability(low, high):
        columns = [[row[place] for row in rows[low:high]] for place in range(3)]
        slopes = [min(0, min(columns[2]) * segment >> 39) + min(columns[1]), max(0, max(columns[2]) * segment >> 39) + max(columns[1])]
        least = min(columns[0]) + min(0, slopes[0] * segment >> 31)
        most = max(columns[0]) + max(0, slopes[1] * segment >> 31)
        return 0 <= least and most <= ONE_Q38

    while first < len(rows):
        end = min(first + 32, len(rows))
        while end > first + 1 and not is_probability(first, end):
            end = first + (end - first) // 2
        found.append((first * segment, end * segment - 1))
        first = end
    return found


def probability(path, u):
    """Callers must stay in the table: only there is the result a probability."""
    path.bound(u, 0, (1 << TABLE_BITS) - 1, "argument of cdf_in_range")
    return path.fresh(0, ONE_Q38, "i64", "N")


claim(
    ME, "cdf_in_range, every row", "fixed/normal.rs::cdf_in_range", "all rows of the table, neighbours together: no wrap, result in [0, 1]",
    lambda path, case: [path.fresh(*case, "u64", "u")], cases=stretches, then=within(0, ONE_Q38),
    contract=probability,
)  # fmt: skip
claim(
    ME, "cdf_in_range, any bits", "fixed/normal.rs::cdf_in_range", "any u64: no panic, no wrap (a wrong argument gives a wrong value)",
    u64("u", 0, U64[1]),
)  # fmt: skip
claim(ME, "cdf", "fixed/normal.rs::cdf", "any i64: in [0, 1]", i64("x"), then=within(0, ONE_Q38), contract=returns(0, ONE_Q38, "i64"))
PDF_MOST = int(2**58.7)
claim(
    ME, "pdf_q60", "fixed/normal.rs::pdf_q60", "any i64: no wrap; exponent in 1..=74; result below 2^58.7", i64("x"),
    hints={("exp_neg_scaled", "r"): REDUCTION, ("exp_neg_scaled", "k"): [("cut", [340, 512])], ("pdf_q60", "exponent"): [("range", (1, 74))]},
    then=within(0, PDF_MOST), contract=returns(0, PDF_MOST, "i64"),
)  # fmt: skip
claim(ME, "pdf", "fixed/normal.rs::pdf", "any i64: in [0, 0.41]", i64("x"), then=within(0, int(0.41 * ONE_Q38)))
MILLS_MOST = int(1.2533142 * ONE_Q38)
claim(
    ME, "mills_ratio, 128 rows", "fixed/normal.rs::mills_ratio", "any i64, each row: no wrap, index in range, result in (0, 1.2533142]",
    i64("x"), hints={("mills_ratio", "s"): [("cut", [row << 30 for row in range(1, 128)])]}, then=within(1, MILLS_MOST),
    contract=returns(1, MILLS_MOST, "i64"),
)  # fmt: skip
