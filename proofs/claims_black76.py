"""Claims about `black76.rs`: price and Greeks for inputs of any bits."""
import sys

from harness import claim, returns, within
from values import Struct, Variant
from lemmas import type_range

ME = sys.modules[__name__]
U64, I64 = (0, 2**64 - 1), (-(2**63), 2**63 - 1)
# Hashes of the functions' tokens as the claims were read against them: an edit fails here until the claims are read again.
FINGERPRINTS = {
    "black76.rs::Black76Inputs::clamped": "d54b90ced5be23a5",
    "black76.rs::Black76Inputs::d1_d2": "bea4f6a6c2f15beb",
    "black76.rs::Black76Inputs::discounted": "9d9f109f881d2fb9",
    "black76.rs::Black76Inputs::is_intrinsic": "eadc72d83f742331",
    "black76.rs::Black76Inputs::parity": "36b4c1c2196a8226",
    "black76.rs::Black76Inputs::strike_leg": "c9ef890500317b96",
    "black76.rs::Black76Inputs::undiscounted": "f242ca21a4354672",
    "black76.rs::carry": "4ba9f785e046db73",
    "black76.rs::curvature": "e34705f49d7111a5",
    "black76.rs::intrinsic": "12a6c396d865bc23",
    "black76.rs::price": "334a8c75c82a9016",
    "black76.rs::price_and_greeks": "0eac49970496b1d9",
    "black76.rs::ratio_q40_floor": "809687d86cad1cda",
    "black76.rs::tenor_times_price": "3ce934818d795e6e",
    "black76.rs::time_decay": "7b04c88ac94eeaa9",
    "fixed/mul.rs::mul_shift": "221d69a3af7b7333",
    "fixed/mul.rs::mul_shift_q38": "578e1623ee81e9cb",
    "fixed/mul.rs::mul_shift_q40": "be4e51731ddaf709",
}
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
    any_inputs, cases=("Call", "Put"), hints=DOCUMENTED, then=within(0, GREEK),
)  # fmt: skip


def greeks(path, arguments, result):
    limits = {
        "price": (0, GREEK), "delta": (-2 * ONE, 2 * ONE), "gamma": (0, GREEK), "vega": (0, 4 * ONE), "theta": (-2 * GREEK, GREEK), "rho": (-GREEK, 0),
    }  # fmt: skip
    for name, (low, high) in limits.items():
        path.bound(result.fields[name], low, high, name)


claim(
    ME, "black76 price and Greeks", "black76.rs::price_and_greeks",
    "any bits: no wrap, no division by 0; |delta| <= 2, gamma, rho within 2^62, theta within -2^63 .. 2^62",
    any_inputs, cases=("Call", "Put"), hints=DOCUMENTED, then=greeks,
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
