"""Inputs of the claims: any value of a type, with the ranges that validation leaves.

`RANGES` is what the other claims assume of parameters, sets and expiries; claims_params.py proves that `validate` and
`ScenarioTable::new` let nothing else through. What is not named here may have any bits.
"""
import re

from lemmas import constant, type_range
from sequences import Many
from syntax import Unsupported
from values import INTEGERS, Struct, Unknown, Variant

ONE = 10**6  # of ratios
YEAR = 31_536_000
MOST_SECONDS = 4 * YEAR
I64, U64 = (-(2**63), 2**63 - 1), (0, 2**64 - 1)
ONE_Q30, ONE_Q36, ONE_Q38 = 1 << 30, 1 << 36, 1 << 38
MAX_SCENARIOS = 40
OPTIONS = 1024  # legs of one market; an account holds at most 128
MOST_GROSS = 1 << 57
MOST_STD_DEV = 16 << 36
LEAST_MULTIPLIER, MOST_MULTIPLIER = 10_000, 8 * ONE
LOADED_Q30 = ((LEAST_MULTIPLIER << 30) // ONE, 8 << 30)
SPOT_Q30 = (LOADED_Q30[0] - 4, LOADED_Q30[1])  # `split` rounds down
LN_SPOT = (-6 << 36, 3 << 36)  # ln(0.01) to ln(8), as far as intervals know ln
LN_PRICE = int(44.366 * 2**40)
RATIO = (0, ONE)

RANGES = {
    "VolShockParams": {"range_up": (0, 5 * ONE), "range_down": RATIO, "short_power": RATIO, "long_power": RATIO,
                       "floor_seconds": (3_600, 30 * 86_400), "min_vol_up": (0, 5 * ONE)},
    "SkewParams": {"linear_base": RATIO, "linear_slope": (-ONE, ONE), "abs_base": RATIO, "abs_slope": (-ONE, ONE),
                   "min_k": (2_000, 4 * ONE), "width": (0, 16 * ONE), "fixed": (0, 4 * ONE), "scale": (0, 4 * ONE)},
    "StaticDiscountParams": {"long_base": RATIO, "long_multiplier": (0, 10 * ONE), "long_add": (0, 2 * ONE),
                             "short_base": (ONE, 2 * ONE), "short_multiplier": (0, 10 * ONE), "short_add": (0, 2 * ONE)},
    "BasisParams": {"up": (ONE, 3 * ONE // 2), "down": (ONE // 2, ONE), "add": (0, 4 * ONE), "multiplier": (0, 4 * ONE)},
    "MinDeltaParams": {"net": RATIO, "hedged": RATIO},
    "ConfidenceParams": {"threshold": RATIO, "factor": (0, 2 * ONE)},
    "ConcentrationParams": {"threshold": (0, I64[1]), "full": (0, I64[1]), "cap": (0, 100 * ONE)},
    "MarketParams": {"perp_maintenance": RATIO, "perp_initial": RATIO, "option_maintenance": RATIO, "option_initial": RATIO,
                     "scan_maintenance": (ONE // 2, 3 * ONE), "scan_initial": (ONE, 3 * ONE)},
    "AccountTerms": {"quote_price": (10**6, 10**10), "peg_threshold": (0, 2 * ONE), "peg_factor": (0, 100 * ONE)},
    "GroupParams": {"kappa": RATIO, "offset_cap": RATIO},
    "LiquidationTerms": {"discount": RATIO, "buffer": (ONE // 100, ONE), "legs_fee": (0, ONE // 20), "fund_share": (0, ONE // 2)},
    "AuctionTerms": {"discount_start": (0, ONE // 2), "discount_fast": (0, ONE // 10 * 9), "fast_seconds": (60, 86_400),
                     "slow_seconds": (600, 7 * 86_400), "insolvent_seconds": (60, 86_400)},
    "PortfolioTerms": {"minimum_equity": (0, 10**15)},
    "IsolatedParams": {"short_share": RATIO, "short_floor": RATIO, "perp_share": RATIO},
    "Move": {"spot": (1_000, 100 * ONE), "vol": (0, 100 * ONE)},
    "Expiry": {"forward_basis": (-5 * 10**8, 5 * 10**8), "rate": (-ONE, ONE), "confidence": RATIO},
    "ScenarioTable": {"count": (1, MAX_SCENARIOS), "none_start": (0, MAX_SCENARIOS), "down_start": (0, MAX_SCENARIOS),
                      "linear_start": (0, MAX_SCENARIOS), "abs_start": (0, MAX_SCENARIOS), "base": (0, MAX_SCENARIOS - 1), "reach": (1, 8)},
    "ScenarioSet": {"none_start": (0, MAX_SCENARIOS), "down_start": (0, MAX_SCENARIOS), "linear_start": (0, MAX_SCENARIOS),
                    "abs_start": (0, MAX_SCENARIOS), "base": (0, MAX_SCENARIOS - 1), "reach": (1, 8)},
    "ExpiryContext": {"share": (0, ONE_Q30), "ln_forward": (0, LN_PRICE), "seconds": (0, MOST_SECONDS), "tenor": (0, 2**38), "discount": (0, ONE_Q38),
                      "exponent": (0, 4 << 38), "forward": (1, I64[1])},
    "Position": {"ln_strike": (0, LN_PRICE)},
}  # fmt: skip
# Elements of the arrays of a scenario set.
NODES = {"ln_spot": LN_SPOT, "spot": LOADED_Q30, "damping": (1_073, ONE_Q30)}


class Undecided(Variant):
    """An option or an enum that is decided when it is first looked at, so that nobody walks ways that nobody asks for."""

    def __init__(self, path, choices, owner=None):
        self.path, self.choices, self.owner, self.chosen = path, choices, owner, None

    def decide(self):
        if self.chosen is None:
            name, make = self.choices[self.path.choose(len(self.choices))]
            self.chosen = (name, make(self.path) if make else None)
        return self.chosen

    name = property(lambda self: self.decide()[0])
    value = property(lambda self: self.decide()[1])


def maybe(path, make):
    return Undecided(path, [("None", None), ("Some", make)])


def made(path, kind, bits=False, file=None, **given):
    """Any value of a type in the ranges of validation; `bits`: of any bits. `given` replaces fields of a struct."""
    source = path.source
    kind = re.sub(r"^&(mut )?", "", kind).strip()
    kind = {"E": "Expiry", "P": "Position", "ScenarioPnl": "[i64;MAX_SCENARIOS]"}.get(kind, kind)
    if kind in INTEGERS:
        return path.fresh(*type_range(kind), kind, "input")
    if kind == "bool":
        return Unknown()
    if kind.startswith("Option<"):
        return maybe(path, lambda path: made(path, kind[7:-1], bits, file))
    if kind.startswith("["):
        inner, _, count = kind[1:-1].partition(";")
        if count == "MAX_SCENARIOS":
            return Many(lambda path: made(path, inner, bits, file), constant(MAX_SCENARIOS, "usize"))
        if not count:
            return Many.of(path, lambda path: made(path, inner, bits, file), OPTIONS)
        return [made(path, inner, bits, file) for _ in range(length_of(path, count))]
    name = kind.partition("<")[0]
    if name in source.enums:
        return Undecided(path, [(variant, None) for variant in source.enums[name]], name)
    fields = source.fields(name, file)
    if fields is None:
        raise Unsupported(f"any value of the type {kind}")
    ranges = {} if bits else RANGES.get(name, {})
    values = {}
    for field, inner in fields.items():
        if field in given:
            values[field] = given[field]
        elif name == "ScenarioSet" and field in NODES:
            values[field] = None
        elif field in ranges:
            values[field] = ranged(path, inner, *ranges[field], field)
        else:
            values[field] = made(path, inner, bits, file)
    if name == "ScenarioSet" and "ln_spot" not in given:
        set_nodes(path, values)
    return Struct(name, values)


def length_of(path, text):
    total = 0
    for part in text.split("+"):
        total += int(part) if part.isdigit() else path.constant("scenario.rs", part)
    return total


def ranged(path, kind, low, high, name="input"):
    if kind in INTEGERS:
        return path.fresh(low, high, kind, name)
    return Struct(kind, {"0": path.fresh(low, high, path.source.fields(kind)["0"], name)})


def set_nodes(path, values):
    """The arrays of a set have one length, and its bounds are in order, as `from_parts` checks."""
    length = path.fresh(1, MAX_SCENARIOS, "usize", "count")
    for field, limits in NODES.items():
        values[field] = Many(lambda path, limits=limits: path.fresh(*limits, "i64", "node"), length)
    order = ["none_start", "base", "down_start", "linear_start", "abs_start"]
    terms = [values[name].z for name in order] + [length.z]
    path.facts += [a <= b for a, b in zip(terms, terms[1:])]
    path.facts += [terms[1] < terms[2], terms[4] - terms[3] <= 1, terms[5] - terms[4] <= 1]


def amount(path, kind, low=None, high=None, name="amount"):
    inner = path.source.fields(kind)["0"]
    least, most = type_range(inner)
    return ranged(path, kind, least if low is None else low, most if high is None else high, name)


def fallible(make):
    """The contract of what may refuse: any such result, or an error."""
    return lambda path, *arguments: Variant("Ok", make(path)) if path.choose(2) == 0 else Variant("Err")


def any_quote(path):
    return amount(path, "Quote")


def within_ranges(path, value, name, file=None):
    """Proves that a struct obeys RANGES."""
    for field, (low, high) in RANGES.get(name, {}).items():
        number = value.fields[field]
        path.bound(number.fields["0"] if isinstance(number, Struct) else number, low, high, f"{name}.{field}")
    for field, inner in value.fields.items():
        if isinstance(inner, Struct) and inner.owner in RANGES:
            within_ranges(path, inner, inner.owner)


__all__ = [name for name in dir() if not name.startswith("_")]
