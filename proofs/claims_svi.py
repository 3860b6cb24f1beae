"""Claims about `svi.rs`: the smile in binary and the standard deviation of one option."""
import sys

import z3

from harness import claim, within
from values import Struct
from lemmas import constant, type_range

ME = sys.modules[__name__]
U64, I64 = (0, 2**64 - 1), (-(2**63), 2**63 - 1)
# Hashes of the functions' tokens as the claims were read against them: an edit fails here until the claims are read again.
FINGERPRINTS = {
    "fixed/sqrt.rs::newton_start": "7b16d568e96a3361",
    "fixed/sqrt.rs::newton_step": "a5661edc96bd0de7",
    "fixed/sqrt.rs::sqrt_normalised": "a42ebf5e835f4770",
    "svi.rs::Svi::clamped": "b4bb3f87a8045e52",
    "svi.rs::Svi::one_minus_rho_squared": "dfc59dd1091a1a05",
    "svi.rs::SviSlice::bracket": "ae61e04b246c0c3b",
    "svi.rs::SviSlice::new": "e2baad280aa722c8",
    "svi.rs::SviSlice::std_dev": "4a8aa989863ac320",
    "svi.rs::SviSlice::total_variance": "604f920fc2da4a63",
    "svi.rs::head_room": "3e4152194e1baff4",
    "svi.rs::quotient": "06937e797c697088",
    "svi.rs::ratio_q41": "a3e0112d75b1577d",
    "svi.rs::root_of_ratio": "04cedc10dfdf7163",
    "svi.rs::signed_q56": "a40579fdeaad72f1",
}
Q56 = 1 << 56
TRILLION, MILLION = 10**12, 10**6

# -- digits --------------------------------------------------------------------------------------------------------
# (value least, value most, unit, bits): what SviSlice::new divides. `a` reaches 64e12, `m` 4e6, b is shifted to 64 bits.
QUOTIENTS = (
    (0, 64 * TRILLION, TRILLION, 56), (0, 4 * MILLION, MILLION, 56), (0, MILLION, MILLION, 62), (0, TRILLION, TRILLION, 62),
    (0, 0, TRILLION, 38), (2**63, 2**64 - 1, TRILLION, 38),
)  # fmt: skip


def rounded(path, arguments, result):
    value, unit, bits = arguments
    exact = value.z * (1 << bits.lo)
    path.require(z3.And(2 * (result.z * unit.lo - exact) <= unit.lo, 2 * (exact - result.z * unit.lo) <= unit.lo), "nearest", linear=True)


def quotient(path, value, unit, bits):
    if not any(q[0] <= value.lo and value.hi <= q[1] and q[2] == unit.lo == unit.hi and q[3] == bits.lo for q in QUOTIENTS):
        return None
    result = path.fresh(max(0, (value.lo << bits.lo) // unit.lo - 1), (value.hi << bits.lo) // unit.lo + 1, "u64", "quotient")
    exact = value.z * (1 << bits.lo)
    path.facts += [2 * (result.z * unit.lo - exact) <= unit.lo, 2 * (exact - result.z * unit.lo) <= unit.lo]
    return result


claim(
    ME, "quotient", "svi.rs::quotient", "what SviSlice::new divides: every digit in range, no wrap, rounded to nearest",
    lambda path, case: [path.fresh(case[0], case[1], "u64", "value"), constant(case[2], "u64"), constant(case[3], "u32")],
    cases=QUOTIENTS, then=rounded, contract=quotient,
)  # fmt: skip


def both(first, second):
    def then(path, arguments, result):
        path.bound(result[0], *first, "mantissa")
        path.bound(result[1], *second, "exponent")

    return then


SCALE_MOST = 2**63 * 104 // 100
claim(
    ME, "root_of_ratio", "svi.rs::root_of_ratio", "any i64 and u32: no wrap, the square root gets at least 2^62; exponent in [47, 78]",
    lambda path, case: [path.fresh(*I64, "i64", "tenor"), path.fresh(0, 2**32 - 1, "u32", "reference")],
    hints={("root_of_ratio", "zeros"): [("cut", list(range(1, 33)))]}, then=both((0, SCALE_MOST), (47, 78)),
    contract=lambda path, *arguments: [path.fresh(0, SCALE_MOST, "u64", "scale"), path.fresh(47, 78, "u32", "exponent")],
)  # fmt: skip

# -- the slice -----------------------------------------------------------------------------------------------------
FIELDS = {
    "a": (-16 * Q56 - 1, 64 * Q56 + 1, "i64"), "b_mantissa": (0, int(2**62.21), "u64"), "b_exponent": (60, 101, "u32"),
    "rho": (0, 2**62 * 999 // 1000 + 1, "u64"), "one_minus_rho_squared": (0, 2**62 + 1, "u64"), "m": (-4 * Q56 - 1, 4 * Q56 + 1, "i64"),
    "s": (2**42, 2**58 + 1, "u64"), "most_k": (0, 2**62 * 104 // 100, "i64"), "scale_mantissa": (0, SCALE_MOST, "u64"), "scale_exponent": (47, 78, "u32"),
}  # fmt: skip


def any_svi(path, case):
    kinds = {"a": "i64", "rho": "i32", "m": "i32", "s": "u32", "reference_tenor": "u32"}
    fields = {name: path.fresh(*type_range(kind), kind, name) for name, kind in kinds.items()}
    fields["b"] = path.fresh(*case, "u64", "b")
    return [Struct("Svi", fields), path.fresh(*I64, "i64", "seconds")]


def slice_fields(path, arguments, result):
    for name, (low, high, _) in FIELDS.items():
        path.bound(result.fields[name], low, high, name)


def any_slice(path, rho_is_negative=None):
    fields = {name: path.fresh(low, high, kind, name) for name, (low, high, kind) in FIELDS.items()}
    fields["rho_is_negative"] = path.choose(2) == 0 if rho_is_negative is None else rho_is_negative
    return Struct("SviSlice", fields)


claim(
    ME, "SviSlice::new", "svi.rs::SviSlice::new", "any parameters, any tenor: no wrap, shifts < 64; every field in its documented range",
    any_svi, cases=((0, 0), (1, U64[1])), then=slice_fields, contract=lambda path, *arguments: any_slice(path, False),
)  # fmt: skip
BRACKET_MOST = int(2.5 * 2**62)


def bracket_arguments(path, case):
    in_wing, opposed = case
    return [any_slice(path, False), path.fresh(0, 2**41 + 2**21, "u64", "ratio"), in_wing, opposed]


claim(
    ME, "bracket", "svi.rs::SviSlice::bracket", "ratio <= 1 + 2^-20: no wrap, no division by 0, result at most 2.5 in Q62",
    bracket_arguments, cases=tuple((w, o) for w in (True, False) for o in (True, False)), then=within(0, BRACKET_MOST),
    contract=lambda path, slice_, ratio, *flags: path.fresh(0, BRACKET_MOST, "u64", "bracket") if ratio.hi <= 2**41 + 2**21 else None,
)  # fmt: skip
VARIANCE_MOST = 144 * Q56
claim(
    ME, "total_variance", "svi.rs::SviSlice::total_variance",
    "any k: shifts < 64, no wrap before the last sum (which wraps to the cap for invalid smiles, as documented); w in [0, 144]",
    lambda path, case: [any_slice(path, case), path.fresh(*I64, "i64", "k")], cases=(True, False),
    hints={("ratio_q41", "high"): [("range", (0, 2**20))], ("total_variance", "ratio"): [("range", (0, 2**41 + 2**21))],
           ("total_variance", "integer_bits"): [("cut", list(range(59, 65)))]},
    wraps={"total_variance": ("wrapping_add", "cast")}, then=within(0, VARIANCE_MOST),
    contract=lambda path, *arguments: path.fresh(0, VARIANCE_MOST, "u64", "w"),
)  # fmt: skip
STD_DEV_MOST = 2**62
claim(
    ME, "std_dev", "svi.rs::SviSlice::std_dev", "any slice, any k: the rounding bit cannot carry out, shifts in [2, 63]",
    lambda path, case: [any_slice(path, case), path.fresh(*I64, "i64", "k")], cases=(True, False),
    hints={("std_dev", "down"): [("range", (2, 63))]}, then=within(0, STD_DEV_MOST),
    contract=lambda path, *arguments: path.fresh(0, STD_DEV_MOST, "u64", "std_dev"),
)  # fmt: skip
claim(
    ME, "one_minus_rho_squared", "svi.rs::Svi::one_minus_rho_squared", "|rho| <= 1: no wrap",
    lambda path, case: [Struct("Svi", {"rho": path.fresh(-MILLION, MILLION, "i32", "rho")})], then=within(0, TRILLION),
)  # fmt: skip
