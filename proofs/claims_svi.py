"""Claims about `svi.rs`: the smile in binary and the standard deviation of one option."""
import sys

import z3

from claims_sqrt import ROOT_MOST, top_root
from harness import claim, within
from lemmas import Cond, Refuted, Val, constant, type_range
from values import Later, Struct

ME = sys.modules[__name__]
U64, I64 = (0, 2**64 - 1), (-(2**63), 2**63 - 1)
# Hashes of the functions' tokens as the claims were read against them: an edit fails here until the claims are read again.
FINGERPRINTS = {
    "svi.rs::SviSlice::total_variance": "0398c2571248b563",
}
Q56 = 1 << 56
TRILLION, MILLION = 10**12, 10**6

# -- digits --------------------------------------------------------------------------------------------------------
# (value least, value most, unit, bits of room above the value, bits of the quotient): what SviSlice::new divides. `a` reaches 64e12, `m` 4e6, b is shifted to 64 bits.
QUOTIENTS = (
    (0, 64 * TRILLION, TRILLION, 17, 56), (0, 4 * MILLION, MILLION, 41, 56), (0, MILLION, MILLION, 44, 62), (0, TRILLION, TRILLION, 24, 62),
    (0, 0, TRILLION, 0, 38), (2**63, 2**64 - 1, TRILLION, 0, 38),
)  # fmt: skip


def rounded(unit, bits):
    def then(path, arguments, result):
        exact = arguments[0].z * (1 << bits)
        path.require(z3.And(2 * (result.z * unit - exact) <= unit, 2 * (exact - result.z * unit) <= unit), "nearest", linear=True)

    return then


def generic(path, place):
    """A generic argument as a number."""
    value = path.generics[place]
    if not isinstance(value, str):
        return value.lo
    return int(value) if value.isdigit() else path.constant("svi.rs", value)


def quotient(path, value):
    unit, room, bits = (generic(path, place) for place in range(3))
    if not any(q[0] <= value.lo and value.hi <= q[1] and q[2:] == (unit, room, bits) for q in QUOTIENTS):
        raise Refuted(f"quotient::<{unit}, {room}, {bits}> of [{value.lo}, {value.hi}] is not claimed")
    result = path.fresh(max(0, (value.lo << bits) // unit - 1), (value.hi << bits) // unit + 1, "u64", "quotient")
    exact = value.z * (1 << bits)
    path.facts += [2 * (result.z * unit - exact) <= unit, 2 * (exact - result.z * unit) <= unit]
    return result


for unit, room, bits in sorted({q[2:] for q in QUOTIENTS}):
    claim(
        ME, f"quotient::<{unit}, {room}, {bits}>", "svi.rs::quotient", "what SviSlice::new divides: every digit in range, no wrap, rounded to nearest",
        lambda path, case: [path.fresh(case[0], case[1], "u64", "value")], cases=tuple(q for q in QUOTIENTS if q[2:] == (unit, room, bits)),
        generics=(str(unit), str(room), str(bits)), then=rounded(unit, bits), contract=quotient,
    )  # fmt: skip


def both(first, second):
    def then(path, arguments, result):
        path.bound(result[0], *first, "mantissa")
        path.bound(result[1], *second, "exponent")

    return then


SCALE_MOST = 2**63 * 104 // 100
def scale_of(path, tenor, reference):
    if tenor.node is reference.node and tenor.lo >= 1:
        return [path.fresh(*UNIT_ROOT, "u64", "scale"), constant(62, "u32")]
    return [path.fresh(0, SCALE_MOST, "u64", "scale"), path.fresh(47, 78, "u32", "exponent")]


UNIT_ROOT = (2**62 * 95 // 100, 2**62 * 105 // 100)
claim(
    ME, "root_of_ratio", "svi.rs::root_of_ratio", "any i64 and u32: no wrap, the square root gets at least 2^62; exponent in [47, 78]",
    lambda path, case: [path.fresh(*I64, "i64", "tenor"), path.fresh(0, 2**32 - 1, "u32", "reference")],
    hints={("root_of_ratio", "zeros"): [("cut", list(range(1, 33)))]}, then=both((0, SCALE_MOST), (47, 78)),
    contract=lambda path, tenor, reference: scale_of(path, tenor, reference),
)  # fmt: skip



def same_tenor(path, case):
    tenor = path.fresh(*case, "i64", "tenor")
    return [tenor, Val(tenor.node, "u32")]


claim(
    ME, "root_of_ratio, no time gone", "svi.rs::root_of_ratio", "tenor and reference alike, each octave: the root of 1.0, exponent 62",
    same_tenor, cases=tuple((2**n, 2 ** (n + 1) - 1) for n in range(32)), then=both(UNIT_ROOT, (62, 62)),
    hints={("root_of_ratio", "whole"): [("range", lambda scope: (1 << scope["tenor_shift"].lo,) * 2)]},
)  # fmt: skip

# -- the slice -----------------------------------------------------------------------------------------------------
FIELDS = {
    "a": (-16 * Q56 - 1, 64 * Q56 + 1, "i64"), "b_mantissa": (0, int(2**62.21), "u64"), "b_exponent": (60, 101, "u32"),
    "rho": (0, 2**62 * 999 // 1000 + 1, "u64"), "one_minus_rho_squared": (0, 2**62 + 1, "u64"), "m": (-4 * Q56 - 1, 4 * Q56 + 1, "i64"),
    "s": (2**42, 2**58 + 1, "u64"), "most_k": (0, 2**62 * 104 // 100, "i64"), "scale_mantissa": (0, SCALE_MOST, "u64"), "scale_exponent": (47, 78, "u32"),
}  # fmt: skip


ROOMS = (0, 3, 5, 8, 10, 13, 15, 18)  # what head_room gives
PRODUCT_MOST = int(2**61.3)


def turn(path, s):
    """What strikes near the turning point share: s shifted into [2^60, 2^63)."""
    room = ROOMS[path.choose(len(ROOMS))]
    large = path.mul(s, constant(1 << room, "u128"), "i1024")
    path.assume(Cond(">=", large, constant(2**60, "u64")))
    path.assume(Cond("<", large, constant(2**63, "u64")))
    return {"shift": constant(room, "u32"), "large": Val(large.node, "u64"), "product": path.fresh(0, PRODUCT_MOST, "u64", "product")}


def any_svi(path, case):
    kinds = {"a": "i64", "rho": "i32", "m": "i32", "s": "u32", "reference_tenor": "u32"}
    fields = {name: path.fresh(*type_range(kind), kind, name) for name, kind in kinds.items()}
    fields["b"] = path.fresh(*case[:2], "u64", "b")
    if len(case) > 2:
        seconds = path.fresh(1, 2**32 - 1, "i64", "seconds")
        return [Struct("Svi", {**fields, "reference_tenor": Val(seconds.node, "u32")}), seconds]
    return [Struct("Svi", fields), path.fresh(*I64, "i64", "seconds")]


def new_slice(path, svi, seconds):
    """Any slice; its scale is that of 1.0 where the tenor is the reference tenor."""
    found = any_slice(path, False)
    if svi.reference_tenor.node is seconds.node and seconds.lo >= 1:
        found.fields["scale_mantissa"], found.fields["scale_exponent"] = path.fresh(*UNIT_ROOT, "u64", "scale"), constant(62, "u32")
    return found


def slice_fields(path, arguments, result):
    for name, (low, high, _) in FIELDS.items():
        path.bound(result.fields[name], low, high, name)
    if arguments[0].reference_tenor.node is arguments[1].node:
        path.bound(result.scale_mantissa, *UNIT_ROOT, "scale")
        path.bound(result.scale_exponent, 62, 62, "scale")
    scale = result.fields["turn"]
    path.bound(scale.large, 2**60, 2**63 - 1, "s, shifted")
    path.bound(scale.product, 0, PRODUCT_MOST, "b s")
    path.require(scale.large.z == result.s.z * 2**scale.shift.lo if scale.shift.lo in ROOMS and scale.shift.is_constant else z3.BoolVal(False), "the shift")


def any_slice(path, rho_is_negative=None):
    fields = {name: path.fresh(low, high, kind, name) for name, (low, high, kind) in FIELDS.items()}
    fields["turn"] = Later("Scale", lambda: turn(path, fields["s"]))
    fields["rho_is_negative"] = path.choose(2) == 0 if rho_is_negative is None else rho_is_negative
    return Struct("SviSlice", fields)


claim(
    ME, "SviSlice::new", "svi.rs::SviSlice::new", "any parameters, any tenor: no wrap, shifts < 64; every field in its documented range",
    any_svi, cases=((0, 0), (1, U64[1]), (0, 0, "no time gone"), (1, U64[1], "no time gone")), then=slice_fields, contract=lambda path, svi, seconds: new_slice(path, svi, seconds),
)  # fmt: skip
BRACKET_MOST = int(2.5 * 2**62)


def bracket_arguments(path, case):
    return [any_slice(path, False), path.fresh(0, 2**41 + 2**21, "u64", "ratio"), case]


for in_wing in ("true", "false"):
    claim(
        ME, f"bracket, IN_WING {in_wing}", "svi.rs::SviSlice::bracket", "ratio <= 1 + 2^-20: no wrap, no division by 0, result at most 2.5 in Q62",
        bracket_arguments, cases=(True, False), generics=(in_wing,), then=within(0, BRACKET_MOST),
        contract=lambda path, slice_, ratio, opposed: path.fresh(0, BRACKET_MOST, "u64", "bracket") if ratio.hi <= 2**41 + 2**21 else None,
    )  # fmt: skip
K_MOST = 63 << 56


def trusted(path, slice_, k):
    return path.fresh(-K_MOST, K_MOST, "i64", "k")


claim(
    ME, "trusted", "svi.rs::SviSlice::trusted", "any k: the shift loses nothing; within +-63", lambda path, case: [any_slice(path, False), path.fresh(*I64, "i64", "k")],
    then=within(-K_MOST, K_MOST), contract=trusted,
)  # fmt: skip
VARIANCE_MOST = 144 * Q56
VARIANCE_HINTS = {
    ("ratio_q41", "high"): [("range", (0, 2**20))], ("total_variance", "ratio"): [("range", (0, 2**41 + 2**21))],
    ("total_variance", "integer_bits"): [("cut", list(range(59, 65)))],
}  # fmt: skip
claim(
    ME, "total_variance", "svi.rs::SviSlice::total_variance",
    "|k| <= 63: shifts < 64, no wrap before the last sum (which wraps to the cap for invalid smiles, as documented); w in [0, 144]",
    lambda path, case: [any_slice(path, case), path.fresh(-K_MOST, K_MOST, "i64", "k")], cases=(True, False), hints=VARIANCE_HINTS,
    wraps={"total_variance": ("wrapping_add", "cast")}, then=within(0, VARIANCE_MOST),
    contract=lambda path, slice_, k: path.bound(k, -K_MOST, K_MOST, "k") or path.fresh(0, VARIANCE_MOST, "u64", "w"),
)  # fmt: skip
STD_DEV_MOST = 2**62
UNSCALED_MOST = int(2**43.75)  # 13.5 in Q40; it is 12 but for what is known of the roots


def most_std_dev(slice_):
    exponent = slice_.fields.get("scale_exponent")
    return UNSCALED_MOST if exponent is not None and exponent.lo == exponent.hi == 62 else STD_DEV_MOST


def unscaled(path, case):
    found = any_slice(path, False)
    found.fields["scale_mantissa"], found.fields["scale_exponent"] = path.fresh(*UNIT_ROOT, "u64", "scale"), constant(62, "u32")
    return [found, path.fresh(-K_MOST, K_MOST, "i64", "k")]


def root_at_shift(scope):
    return (0, top_root(144 << 56) if scope["shift"].hi == 0 else ROOT_MOST)


claim(
    ME, "std_dev_at, no time gone", "svi.rs::SviSlice::std_dev_at", "a slice at its own tenor: below 13.5, so that a million times it fits u64",
    unscaled, hints={("std_dev_at", "shift"): [("cut", [1]), ("range of root", root_at_shift)]}, then=within(0, UNSCALED_MOST),
)  # fmt: skip
claim(
    ME, "std_dev_at", "svi.rs::SviSlice::std_dev_at", "any slice, |k| <= 63: the rounding bit cannot carry out, shifts in [2, 63]",
    lambda path, case: [any_slice(path, case), path.fresh(-K_MOST, K_MOST, "i64", "k")], cases=(True, False),
    hints={("std_dev_at", "down"): [("range", (2, 63))]}, then=within(0, STD_DEV_MOST),
    contract=lambda path, slice_, k: path.bound(k, -K_MOST, K_MOST, "k") or path.fresh(0, most_std_dev(slice_), "u64", "std_dev"),
)  # fmt: skip
claim(
    ME, "std_dev", "svi.rs::SviSlice::std_dev", "any slice, any k: no wrap", lambda path, case: [any_slice(path, False), path.fresh(*I64, "i64", "k")],
    then=within(0, STD_DEV_MOST),
)  # fmt: skip
claim(
    ME, "one_minus_rho_squared", "svi.rs::Svi::one_minus_rho_squared", "|rho| <= 1: no wrap",
    lambda path, case: [Struct("Svi", {"rho": path.fresh(-MILLION, MILLION, "i32", "rho")})], then=within(0, TRILLION),
)  # fmt: skip
