"""Claims about `grid.rs`, `scan.rs` and `scenario.rs`: weights, nodes, the value of an expiry, shocks, the cushion."""
import sys

import z3

from harness import claim, within
from values import Struct, Variant
from lemmas import Refuted, constant, decide

ME = sys.modules[__name__]
U64, I64 = (0, 2**64 - 1), (-(2**63), 2**63 - 1)
# Hashes of the functions' tokens as the claims were read against them: an edit fails here until the claims are read again.
FINGERPRINTS = {
    "error.rs::check_range": "d3544b32bc278674",
    "fixed/mul.rs::mul_div_floor": "635aef5f121ff7b0",
    "fixed/mul.rs::mul_shift": "221d69a3af7b7333",
    "fixed/mul.rs::mul_shift_q38": "578e1623ee81e9cb",
    "grid.rs::ExpiryGrid::add": "4db44eae8c0ee085",
    "grid.rs::ExpiryGrid::add_levels": "e7ebc5aba018b4d8",
    "grid.rs::ExpiryGrid::close": "2982e172657604bb",
    "grid.rs::ExpiryGrid::load": "d0a24595fa03e5a5",
    "grid.rs::ExpiryGrid::open": "69d60c699df0875a",
    "grid.rs::Node::value": "4103fa71074154a6",
    "grid.rs::Weight::new": "47ebf0960fa385ba",
    "grid.rs::Weight::times": "1e4a99027d9aecf6",
    "grid.rs::Weight::whole": "d428c4a7d0634997",
    "grid.rs::add_level": "bd1f677248a31468",
    "grid.rs::add_nodes": "9befa50cb167f2b1",
    "grid.rs::add_saturated": "cdf1375acca6db34",
    "grid.rs::mul_q30": "650cb6837de62137",
    "market.rs::Expiry::forward": "90fd3e1c5cba57c1",
    "scan.rs::ExpiryContext::new": "d0e6970b90cc1135",
    "scan.rs::VolLevels::apply": "a42e243408f02712",
    "scan.rs::VolLevels::new": "ca1e42f4e27e0587",
    "scan.rs::add_gross": "a4f4ce824ee9b4f5",
    "scan.rs::add_perpetual": "c9dc3e3063fe6fef",
    "scan.rs::fill_grid": "b0780b94a6c9a2c2",
    "scan.rs::finish": "7eb5f147b3d71048",
    "scan.rs::grid_option": "e41a1ba8e2d8a9fc",
    "scan.rs::gross_notional": "36ff0c73f7367589",
    "scan.rs::power_of": "c525b2490e279ae9",
    "scan.rs::scan_expiry": "c505257864f31038",
    "scenario.rs::to_q30": "a1fc0063f3afb0ad",
    "units.rs::Price::checked": "ab5ffe7e0c74eb81",
    "units.rs::Quantity::notional": "08b2ea755fffd9ea",
    "units.rs::Quote::checked_add": "b9fd8128ef4e8d68",
    "units.rs::notional_magnitude": "381e1f887421ac97",
}
ONE_Q30, ONE_Q36, ONE_Q38 = 1 << 30, 1 << 36, 1 << 38
OPTIONS = 1024  # options of one expiry; an account holds at most 128
WEIGHTS = (1 << 39) + OPTIONS  # sum of |weights|: shifting a negative amount rounds it away from zero, by 1 each
SUMS = (WEIGHTS << 19) + OPTIONS  # sums of w N in Q19, floored once per option


def number(kind, lo, hi):
    return lambda path, case: [path.fresh(*(case or (lo, hi)), kind, "x")]


# -- products ------------------------------------------------------------------------------------------------------
def floored_twice(path, arguments, result):
    value, factor = arguments
    path.distribute(value, factor)
    product = value.z * factor.z
    path.require(z3.And(result.z * ONE_Q30 <= product, product < (result.z + 2) * ONE_Q30), "within two units", linear=True)


claim(
    ME, "mul_q30", "grid.rs::mul_q30",
    "|value| <= 2^57 with a factor of -1 to 8, |value| <= 2^60 with one of -1 to 1: no wrap; below the exact product by less than 2 units",
    lambda path, case: [path.fresh(-case[0], case[0], "i64", "value"), path.fresh(-ONE_Q30, case[1], "i64", "factor")],
    cases=((2**57, 2**33), (2**60, ONE_Q30)), then=floored_twice, models=("scan.rs::add_perpetual", "scan.rs::finish"),
)  # fmt: skip
claim(
    ME, "Weight::new", "grid.rs::Weight::new", "any i64: w = high 2^19 + low, low in [0, 2^19)", number("i64", *I64),
    then=lambda path, arguments, w: (
        path.bound(w.low, 0, 2**19 - 1, "low"), path.require(w.high.z * 2**19 + w.low.z == arguments[0].z, "split"),
    ),
)  # fmt: skip


def weight(path, name="w"):
    whole = path.fresh(-WEIGHTS, WEIGHTS, "i64", name)
    high, low = path.split_bits(whole, 19)
    return whole, Struct("Weight", {"high": high, "low": low})


def times_is_exact(path, arguments, result):
    whole, n = path.whole_weight, arguments[1]
    path.distribute(whole, n)
    path.require(z3.And(result.z * 2**19 <= whole.z * n.z, whole.z * n.z < (result.z + 1) * 2**19), "floor", linear=True)


def times_arguments(path, case):
    path.whole_weight, parts = weight(path)
    return [parts, path.fresh(0, ONE_Q38, "i64", "n")]


claim(
    ME, "Weight::times", "grid.rs::Weight::times", "|w| <= 2^39 + 1024, N in [0, 1]: products below 2^58.1, exact floor of w N / 2^19",
    times_arguments, then=times_is_exact,
)  # fmt: skip
claim(
    ME, "Weight::whole", "grid.rs::Weight::whole", "w 2^19, no bit lost", lambda path, case: [times_arguments(path, case)[0]],
    then=lambda path, arguments, result: path.require(result.z == path.whole_weight.z * 2**19, "whole"),
)  # fmt: skip


def accumulator(source):
    """Induction over the options: with W the sum of |w| so far and k their number, |sum| <= W 2^19 + k stays true."""
    total, gross, count, w, n, term, p = z3.Ints("total gross count w n term p")
    step = [
        gross >= 0, count >= 0, total <= gross * 2**19 + count, total >= -gross * 2**19 - count, n >= 0, n <= ONE_Q38,
        p == w * n, term * 2**19 <= p, p < (term + 1) * 2**19,
    ]  # fmt: skip
    size = z3.If(w < 0, -w, w)
    after = z3.And(total + term <= (gross + size) * 2**19 + count + 1, total + term >= -(gross + size) * 2**19 - count - 1)
    for sign in (w >= 0, w <= 0):  # |w| n <= |w| 2^38, from the product of |w| and 2^38 - n
        ends = [z3.If(w < 0, -1, 1) * (w * ONE_Q38 - p) >= 0, z3.If(w < 0, -1, 1) * p >= 0]
        if decide([*step, sign, *ends, z3.Not(after)], 20_000)[0] != z3.unsat:
            raise Refuted("the sum of an accumulator leaves its bound")
    if not SUMS < 1 << 62:
        raise Refuted("the sum of a full grid leaves i64")
    return 2


claim(
    ME, "accumulators", "grid.rs::add_nodes", "1024 options whose |w| sum to 2^39 + 1024: each sum stays below 2^58.1, in any order",
    model=accumulator, models=("grid.rs::Weight::times", "grid.rs::Weight::new"),
)  # fmt: skip


# -- the loop ------------------------------------------------------------------------------------------------------
def level_arguments(in_table):
    """A node within 7 v of the option, as add_level and add_saturated select them; v below what selects the variant."""

    def arguments(path, case):
        most_v = path.constant("grid.rs", "WIDE_V") - 1 if in_table else path.constant("scan.rs", "MOST_STD_DEV")
        m, ln_spot = path.fresh(-(2**42), 2**42, "i64", "m"), path.fresh(-5 * ONE_Q36, 3 * ONE_Q36, "i64", "ln")
        v = path.fresh(1, most_v, "i64", "v")
        node = Struct("Node", {
            "ln_spot": ln_spot, "spot": path.fresh(1, 2**33, "i64", "spot"),
            "forward": path.fresh(-SUMS, SUMS, "i64", "forward"), "strike": path.fresh(-SUMS, SUMS, "i64", "strike"),
        })  # fmt: skip
        fields = {name: constant(0, "u64") for name in ("inverse", "offset", "std_dev")}
        level = Struct("Level", {**fields, "forward": weight(path)[1], "strike": weight(path, "k")[1]})
        return [m, v, [node], level]

    return arguments


LOOP = {
    ("add_nodes", "node"): [
        ("product", lambda e: [(e.level.limit - e.level.m - e.node.ln_spot, e.level.inverse), (e.level.limit + e.level.m + e.node.ln_spot, e.level.inverse)]),
        ("lemma", lambda e: e.level.std_dev * e.level.inverse <= 1 << 59),
    ]
}  # fmt: skip


def remember(arguments):
    """The level carries m and the limit for the lemma only; the code does not read them there."""

    def build(path, case):
        values = arguments(path, case)
        saturation = constant(path.constant("grid.rs", "SATURATION"), "i64")
        values[3].fields |= {"m": values[0], "limit": path.mul(values[1], saturation, "i64")}
        return values

    return build


def saturated(path, nodes, lowest, highest, level):
    """Checked by the same claim: it ends in add_nodes with the nodes between the limits, which is add_level's condition."""
    return Variant("Unit")


claim(
    ME, "saturation keeps the condition", "grid.rs::add_saturated", "what is left for the loop satisfies lowest <= ln s <= highest; limits fit i64",
    model=lambda source: saturation_model(), contract=saturated,
)  # fmt: skip


def saturation_model():
    """v <= 16 and |m| <= 64 in Q36: 7 v +- m fits, and the limits say |m + ln s| <= 7 v."""
    m, v, ln_spot = z3.Ints("m v ln")
    box = [m >= -(2**42), m <= 2**42, v >= 1, v <= 16 * ONE_Q36]
    low, high = -7 * v - m, 7 * v - m
    goals = [z3.And(low >= I64[0], high <= I64[1]), z3.Implies(z3.And(ln_spot >= low, ln_spot <= high), z3.And(m + ln_spot <= 7 * v, m + ln_spot >= -7 * v))]
    if any(decide([*box, z3.Not(goal)], 20_000)[0] != z3.unsat for goal in goals):
        raise Refuted("limits of saturation")
    return 2


for in_table in ("true", "false"):
    claim(
        ME, f"grid loop, IN_TABLE {in_table}", "grid.rs::add_level",
        "|m| <= 64, v as documented, |m + ln s| <= 7 v: what the loop reads modulo 2^64 is the exact value; "
        + ("d1 and d2 stay in the table" if in_table == "true" else "d1 and d2 fit i64") + "; the sums stay below 2^59",
        remember(level_arguments(in_table == "true")), generics=(in_table,), hints=LOOP, modular=("add_level", "add_nodes"),
        models=("grid.rs::ExpiryGrid::add", "grid.rs::ExpiryGrid::add_levels", "grid.rs::ExpiryGrid::load"),
    )  # fmt: skip


# -- one expiry ----------------------------------------------------------------------------------------------------
def opened(path, arguments, result):
    if result.name == "Err":
        return
    shift, gross = arguments[0].fields["shift"], arguments[1]
    path.bound(shift, 0, 19, "shift")
    path.require(gross.z <= (1 << 57), "gross")
    path.require(gross.z < (1 << 39) * (1 << shift.lo) if shift.is_constant else z3.BoolVal(False), "39 bits")


claim(
    ME, "ExpiryGrid::open", "grid.rs::ExpiryGrid::open", "any u64: refused above 2^57; shift <= 19, and 19 only at exactly 2^57; gross >> shift < 2^39",
    lambda path, case: [Struct("ExpiryGrid", {"shift": constant(0, "u32")}), path.fresh(*U64, "u64", "gross")],
    hints={("open", "gross_notional"): [("cut", [1])], ("open", "bits"): [("cut", list(range(1, 59)))]}, then=opened,
)  # fmt: skip
VALUE_MOST = 10 * WEIGHTS + 4096


def node_arguments(path, case):
    node = Struct("Node", {"spot": path.fresh(1, 2**33, "i64", "spot"), "forward": path.fresh(-SUMS, SUMS, "i64", "forward"), "strike": path.fresh(-SUMS, SUMS, "i64", "strike")})
    put = [path.fresh(-WEIGHTS, WEIGHTS, "i64", "put_forward"), path.fresh(-WEIGHTS, WEIGHTS, "i64", "put_strike")]
    return [node, put, path.fresh(0, ONE_Q38, "i64", "discount")]


claim(
    ME, "Node::value", "grid.rs::Node::value", "sums of a full grid, s <= 8, D in [0, 1], A less puts up to 2^40: no wrap, |value| < 2^43.2",
    node_arguments, then=within(-int(2**43.2), int(2**43.2)),
)  # fmt: skip


def closing(source):
    """Bit vectors: the sign test of close finds exactly the sums that leave i64. Integers: value << shift fits."""
    pnl, change = z3.BitVecs("pnl change", 64)
    total = pnl + change
    found = (total ^ pnl) & (total ^ change) < 0
    wide = z3.SignExt(1, pnl) + z3.SignExt(1, change)
    if decide([found != (wide != z3.SignExt(1, total))], 20_000)[0] != z3.unsat:
        raise Refuted("the overflow test of close")
    for shift in range(20):
        # |A| and |B| less puts are at most the sum of |w|, which is at most gross >> shift plus one per option
        weights = (min((1 << 39) - 1, (1 << 57) >> shift) if shift < 19 else 1 << 38) + OPTIONS
        a, b, s, value = z3.Ints("a b s value")
        facts = [a <= weights, a >= -weights, b <= weights, b >= -weights, value <= 8 * weights + weights + 2, value >= -8 * weights - weights - 2]
        if decide([*facts, z3.Or(value * 2**shift * 2 > I64[1], value * 2**shift * 2 < I64[0])], 20_000)[0] != z3.unsat:
            raise Refuted(f"the difference of two values at shift {shift}")
    return 21


claim(
    ME, "ExpiryGrid::close", "grid.rs::ExpiryGrid::close", "value << shift and the difference of two fit i64 for each shift; the sign test finds exactly the overflows of pnl",
    model=closing, models=("grid.rs::Node::value",),
)  # fmt: skip


# -- shocks --------------------------------------------------------------------------------------------------------
RATIOS = {"range_up": 5, "range_down": 1, "short_power": 1, "long_power": 1, "min_vol_up": 5}


def shock_arguments(path, case):
    params = {name: Struct("Ratio", {"0": path.fresh(0, most * 10**6, "i64", name)}) for name, most in RATIOS.items()}
    params["floor_seconds"] = path.fresh(3_600, 30 * 86_400, "i64", "floor")
    return [Struct("VolShockParams", params), Struct("ExpiryContext", {"seconds": path.fresh(0, 4 * 31_536_000, "i64", "seconds")})]


def shock_fields(path, arguments, result):
    path.bound(result.up, ONE_Q30, 1 << 33, "up")
    path.bound(result.down, 0, ONE_Q30, "down")
    path.bound(result.least_up, 0, int(2**44), "least_up")


claim(
    ME, "VolLevels::new", "scan.rs::VolLevels::new", "validated parameters, tenor to 4 years: no wrap; up in [1, 8], down in [0, 1]", shock_arguments,
    then=shock_fields, contract=None,
)  # fmt: skip


def levels_arguments(path, case):
    fields = {"up": path.fresh(ONE_Q30, 1 << 33, "i64", "up"), "down": path.fresh(0, ONE_Q30, "i64", "down"), "least_up": path.fresh(0, 2**44, "u64", "least")}
    return [Struct("VolLevels", fields), path.fresh(*U64, "u64", "std_dev")]


def three_levels(path, arguments, result):
    for value, name in zip(result, ("up", "none", "down")):
        path.bound(value, 1, 16 << 36, name)


claim(
    ME, "VolLevels::apply", "scan.rs::VolLevels::apply", "any std_dev: all three in [1, 2^40], the range that the grid states", levels_arguments, then=three_levels,
)  # fmt: skip
claim(
    ME, "power_of", "scan.rs::power_of", "|log| < 2^43, power in [0, 1]: product below 2^61, |log| power below 2^41",
    lambda path, case: [path.fresh(-(2**43) + 1, 2**43 - 1, "i64", "log"), Struct("Ratio", {"0": path.fresh(0, 10**6, "i64", "power")})], then=within(0, 2**41),
)  # fmt: skip


def context_arguments(path, case):
    svi = Variant("Some", Struct("Svi", {}))
    kinds = {"time": (I64, "i64"), "forward_basis": ((-5 * 10**8, 5 * 10**8), "i32"), "rate": ((-(10**6), 10**6), "i32")}
    listed = {name: path.fresh(*limits, kind, name) for name, (limits, kind) in kinds.items()}
    market = {"now": path.fresh(*I64, "i64", "now"), "spot": Struct("Price", {"0": path.fresh(1, 2**63 - 1, "u64", "spot")})}
    return [Struct("Market", market), Struct("Expiry", {**listed, "svi": svi})]


def context_fields(path, arguments, result):
    if result.name == "Ok":
        path.bound(result.value.discount, 0, ONE_Q38, "discount")
        path.bound(result.value.tenor, 0, 2**39, "tenor")
        path.bound(result.value.ln_forward, 0, int(44.4 * 2**40), "ln_forward")


claim(
    ME, "ExpiryContext::new", "scan.rs::ExpiryContext::new", "any time, any spot, validated expiry: rate tau below 2^59, D in [0, 1], no wrap",
    context_arguments, then=context_fields,
)  # fmt: skip


def gross_arguments(path, case):
    market = Struct("Market", {"scenarios": Struct("ScenarioSet", {"reach": path.fresh(1, 8, "u64", "reach")})})
    risk = {name: Struct("Quote", {"0": path.fresh(*I64, "i64", name)}) for name in ("gross_notional", "contingency_maintenance")}
    return [market, Struct("MarketRisk", risk), path.fresh(0, 2**57, "u64", "gross"), path.fresh(0, (OPTIONS + 2) << 19, "u64", "rounding")]


claim(
    ME, "cushion", "scan.rs::add_gross", "gross <= 2^57, rounding of 1024 options, reach 1 to 8: the cushion fits, sums are checked", gross_arguments,
)  # fmt: skip
claim(
    ME, "to_q30", "scenario.rs::to_q30", "up to 8.0 in millionths: no wrap, at most 2^33",
    lambda path, case: [path.fresh(1, 8 * 10**6, "i64", "millionths"), path.fresh(0, 999_999, "i64", "rounding")], then=within(0, 1 << 33),
)  # fmt: skip


def option_arguments(path, case):
    context = {"ln_forward": path.fresh(0, int(44.4 * 2**40), "i64", "ln_forward"), "forward": Struct("Price", {"0": path.fresh(1, 2**63 - 1, "u64", "forward")}), "smile": Struct("SviSlice", {})}
    levels = {"up": path.fresh(ONE_Q30, 1 << 33, "i64", "up"), "down": path.fresh(0, ONE_Q30, "i64", "down"), "least_up": path.fresh(0, 2**44, "u64", "least")}
    option = {
        "ln_strike": path.fresh(0, int(44.4 * 2**40), "i64", "ln_strike"), "strike": Struct("Price", {"0": path.fresh(0, U64[1], "u64", "strike")}),
        "quantity": Struct("Quantity", {"0": path.fresh(*I64, "i64", "quantity")}),
    }  # fmt: skip
    return [Struct("ExpiryContext", context), Struct("VolLevels", levels), Struct("Position", option), constant(case, "u32")]


def option_fields(path, arguments, result):
    if result.name == "Ok":
        path.bound(result.value.moneyness, -(2**42), 2**42, "moneyness")
        for value in result.value.std_dev:
            path.bound(value, 1, 16 << 36, "std_dev")


claim(
    ME, "grid_option", "scan.rs::grid_option", "any size, any strike: moneyness within +-64, deviations in [1, 2^40]: what the loop's claim starts from",
    option_arguments, cases=tuple(range(20)), then=option_fields, models=("scan.rs::fill_grid", "scan.rs::gross_notional", "scan.rs::scan_expiry"),
)  # fmt: skip
