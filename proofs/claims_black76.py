"""Claims about `black76.rs`: price and Greeks for inputs of any bits."""
import sys

from harness import claim, returns, within
from values import Struct, Variant
from lemmas import type_range

ME = sys.modules[__name__]
U64, I64 = (0, 2**64 - 1), (-(2**63), 2**63 - 1)
# Hashes of the functions' tokens as the claims were read against them: an edit fails here until the claims are read again.
FINGERPRINTS = {}
ONE, GREEK = 1 << 38, 1 << 62
KINDS = {"moneyness": "i64", "strike_ratio": "u64", "std_dev": "u64", "sqrt_tenor": "u64", "tenor": "u64", "rate": "i64", "discount": "u64"}
# Beside no wrap, the comments' own ranges: parity below 2^61, what is discounted in [0, 2^61], d1 and d2 within +-96.
DOCUMENTED = {
    ("discounted", "value"): [("range", lambda scope: (0, 1 << 62))],
    ("d1_d2", "magnitude"): [("range", (0, 2**46))],
    ("price", "d1"): [("range", (-(96 << 36), 96 << 36))], ("price", "d2"): [("range", (-(96 << 36), 96 << 36))],
    ("price_and_greeks", "d1"): [("range", (-(96 << 36), 96 << 36))], ("price_and_greeks", "d2"): [("range", (-(96 << 36), 96 << 36))],
}  # fmt: skip


def any_inputs(path, case):
    fields = {name: path.fresh(*type_range(kind), kind, name) for name, kind in KINDS.items()}
    return [Struct("Black76Inputs", {"option_type": Variant(case), **fields})]


claim(
    ME, "black76 price", "black76.rs::price", "any bits: no wrap, no division by 0, shifts < 64; price in [0, 2^62], |d1|, |d2| <= 96",
    any_inputs, cases=("Call", "Put"), hints=DOCUMENTED, then=within(0, GREEK), contract=returns(0, GREEK, "i64"),
)  # fmt: skip


UNIT_GREEKS = {
    "price": (0, GREEK), "delta": (-2 * ONE, 2 * ONE), "gamma": (0, GREEK), "vega": (0, 4 * ONE), "theta": (-2 * GREEK, GREEK), "rho": (-GREEK, 0),
}  # fmt: skip


def unit_greeks(path, *arguments):
    return Struct("UnitGreeks", {name: path.fresh(*limits, "i64", name) for name, limits in UNIT_GREEKS.items()})


def greeks(path, arguments, result):
    for name, (low, high) in UNIT_GREEKS.items():
        path.bound(result.fields[name], low, high, name)


claim(
    ME, "black76 price and Greeks", "black76.rs::price_and_greeks",
    "any bits: no wrap, no division by 0; |delta| <= 2, gamma, rho within 2^62, theta within -2^63 .. 2^62",
    any_inputs, cases=("Call", "Put"), hints=DOCUMENTED, then=greeks, contract=unit_greeks,
)  # fmt: skip
claim(
    ME, "ratio_q40_floor", "black76.rs::ratio_q40_floor", "any two u64: every digit below its place, no wrap, no division by 0",
    lambda path, case: [path.fresh(*U64, "u64", "numerator"), path.fresh(*U64, "u64", "denominator")], contract=returns(*U64, "u64"),
)  # fmt: skip


def sane_density(path, case):
    return [path.fresh(0, 2**59 - 1, "i64", "density"), path.fresh(0, 2**46, "u64", "std_dev")]


claim(
    ME, "curvature", "black76.rs::curvature", "density below 2^59, any std_dev to 2^46: in [0, 2^61]", sane_density,
    then=within(0, 2**61),
)  # fmt: skip


def forward_arguments(path, case):
    terms = Struct("ExpiryTerms", {name: path.fresh(*type_range(KINDS[name]), KINDS[name], name) for name in ("sqrt_tenor", "tenor", "rate", "discount")})
    return [Variant("Call"), *[path.fresh(*U64, "u64", name) for name in ("forward", "strike", "std_dev")], terms]


claim(
    ME, "Black76Inputs::from_forward", "black76.rs::Black76Inputs::from_forward", "any bits: no panic, no division by zero", forward_arguments,
    contract=lambda path, option_type, *arguments: any_inputs(path, option_type.name)[0],
)  # fmt: skip
