"""Claims about `grid.rs`: what opens an expiry, what closes it, the nodes of the basis floor, the settlement split."""
import sys

import z3

from claims_expiry import OPTIONS, SUMS, WEIGHTS, discounts
from harness import claim, within
from inputs import LN_SPOT, LOADED_Q30, MAX_SCENARIOS, MOST_GROSS, MOST_MULTIPLIER, ONE_Q30, SPOT_Q30, U64, made
from lemmas import Refuted, constant, decide
from prover import Path
from sequences import Ghost, Kept, Many, cells
from values import Struct, Variant

ME = sys.modules[__name__]
FINGERPRINTS = {
    "grid.rs::Closing::add_plain": "8763f5f8f38d2be3",
    "grid.rs::Closing::change": "e7cd44b2235fea53",
    "grid.rs::ExpiryGrid::close": "d2407b65741c6c28",
    "grid.rs::ExpiryGrid::open": "c95612d660672d94",
    "level.rs::Node::value": "51747c7107f84a23",
    "scan.rs::Scan::bound_pnl": "b980bf99ee20bb85",
}
MAX_NODES = MAX_SCENARIOS + 2
CLOSE_MOST = int(2**60.2)  # of a mark and of a scenario's value
DELTA_MOST = int(2**59.1)
PNL_MOST = 12 * 2**59 + 2**30  # of the options of a market, before anything that moves with the spot


# -- products ------------------------------------------------------------------------------------------------------
def floored_twice(path, arguments, result):
    value, factor = arguments
    path.distribute(value, factor)
    product = value.z * factor.z
    path.require(z3.And(result.z * ONE_Q30 <= product, product < (result.z + 2) * ONE_Q30), "within two units", linear=True)


FACTORS = ((2**57, 2**33), (2**60, ONE_Q30))


def mul_q30(path, value, factor):
    """Floored within two units, where a case of the claim covers the operands."""
    size = max(-value.lo, value.hi)
    if not any(size <= most and factor.lo >= -ONE_Q30 and factor.hi <= highest for most, highest in FACTORS):
        return None
    corners = [v * f for v in (value.lo, value.hi) for f in (factor.lo, factor.hi)]
    return path.fresh((min(corners) >> 30) - 1, max(corners) >> 30, "i64", "mul_q30")


claim(
    ME, "mul_q30", "grid.rs::mul_q30",
    "|value| <= 2^57 with a factor of -1 to 8, |value| <= 2^60 with one of -1 to 1: no wrap; below the exact product by less than 2 units",
    lambda path, case: [path.fresh(-case[0], case[0], "i64", "value"), path.fresh(-ONE_Q30, case[1], "i64", "factor")],
    cases=FACTORS, then=floored_twice, contract=mul_q30,
)  # fmt: skip
claim(
    ME, "ln_q36", "grid.rs::ln_q36", "any multiplier: no wrap; 0.01 to 8 in Q30: within ln(0.01) and ln(8), as far as intervals know ln",
    lambda path, case: [path.fresh(*case, "i64", "multiplier")], cases=(SPOT_Q30, (-(2**63), 2**63 - 1)),
    then=lambda path, arguments, result: path.bound(result, *(LN_SPOT if arguments[0].lo > 0 else (-(22 << 36), 25 << 36)), "ln"),
    contract=lambda path, multiplier: path.fresh(*LN_SPOT, "i64", "ln") if multiplier.lo >= SPOT_Q30[0] and multiplier.hi <= SPOT_Q30[1] else None,
)  # fmt: skip


# -- nodes ---------------------------------------------------------------------------------------------------------
def node(path, sums=SUMS, puts=None):
    """A node whose sums, with or without the puts' part, are those of options whose |weights| sum to at most `sums` in Q19."""
    fields = {"ln_spot": path.fresh(*LN_SPOT, "i64", "ln_spot"), "spot": path.fresh(*SPOT_Q30, "i64", "spot")}
    fields |= {name: path.fresh(-sums, sums, "i64", name) for name in ("forward", "strike")}
    for name, put in zip(("forward", "strike"), puts or ()):
        difference = fields[name].z - put.z * 2**19
        path.facts += [difference <= sums, difference >= -sums]
    return Struct("Node", fields)


def less_puts(weights):
    """A and B less the puts: no more than the sum of |weights|, and a unit for the floor."""
    return {("value", name): [("range", (-weights - 2, weights + 2))] for name in ("a", "b")}


def unmoved(path, sums, puts):
    """The no-move node: its multiplier is 1.0, whatever `split` does."""
    found = node(path, sums, puts)
    found.fields["spot"] = constant(ONE_Q30, "i64")
    return found


def grid(path, sums=SUMS, weights=WEIGHTS, shift=None):
    """A grid that holds any options."""
    levels = [path.fresh(0, MAX_SCENARIOS, "usize", "level") for _ in range(6)]
    path.facts.append(z3.Sum([level.z for level in levels]) <= MAX_NODES)
    puts = [path.fresh(-weights, weights, "i64", name) for name in ("put_forward", "put_strike")]
    base, nodes = path.fresh(0, MAX_SCENARIOS - 1, "usize", "base"), Many(lambda path: node(path, sums, puts), constant(MAX_NODES, "usize"))
    nodes.known = (base, lambda path: unmoved(path, sums, puts))
    return made(
        path, "ExpiryGrid", nodes=nodes, levels=levels, base=base, put_forward=puts[0], put_strike=puts[1],
        shift=shift if shift is not None else path.fresh(0, 19, "u32", "shift"),
    )  # fmt: skip


def watched(path, make):
    """Nodes that are remembered, to see what is written into them."""
    path.written = []

    def remembered(path):
        path.written.append(make(path))
        return path.written[-1]

    return made(path, "ExpiryGrid", nodes=Many(remembered, constant(MAX_NODES, "usize")), levels=grid(path).levels)


def nodes_obey(path, *rest):
    for item in path.written:
        path.bound(item.ln_spot, *LN_SPOT, "ln_spot")
        path.bound(item.spot, *SPOT_Q30, "spot")


def loaded(path):
    """A node as `load` leaves it."""
    item = node(path)
    path.narrow(item.spot, *LOADED_Q30)
    return item


def stored(path):
    return made(path, "Node", file="level.rs")  # of any bits


EACH_NODE = {"#nodes": Ghost(lambda *a: None, lambda *a: None, lambda runner, scope: nodes_obey(runner.path))}
claim(
    ME, "ExpiryGrid::load", "grid.rs::ExpiryGrid::load", "any set: no panic; every node that is stored is in the range that the loop assumes",
    lambda path, case: [watched(path, stored), made(path, "ScenarioSet")], loops={"load": EACH_NODE}, contract=lambda path, *arguments: [],
)  # fmt: skip
claim(
    ME, "ExpiryGrid::count", "grid.rs::ExpiryGrid::count", "counts of levels to 42: no wrap", lambda path, case: [grid(path)], then=within(0, MAX_NODES),
    contract=lambda path, grid_: path.fresh(0, MAX_NODES, "usize", "count"),
)  # fmt: skip
claim(
    ME, "ExpiryGrid::load_basis", "grid.rs::ExpiryGrid::load_basis", "any set, multipliers from 0.01 to 8: no wrap, no index out of range; nodes in the loop's range",
    lambda path, case: [watched(path, stored), made(path, "ScenarioSet"), [path.fresh(10_000, MOST_MULTIPLIER, "u32", "multiplier") for _ in range(2)]],
    then=nodes_obey, contract=lambda path, grid_, set_, multipliers: [path.bound(m, 10_000, MOST_MULTIPLIER, "multiplier") for m in multipliers],
)  # fmt: skip
claim(
    ME, "ExpiryGrid::split", "grid.rs::ExpiryGrid::split", "multipliers as loaded, any share in [0, 1]: no wrap; they stay in the loop's range",
    lambda path, case: [watched(path, loaded), path.fresh(0, ONE_Q30, "i64", "share")], loops={"split": EACH_NODE},
    contract=lambda path, grid_, share: path.bound(share, 0, ONE_Q30, "share") or [],
)  # fmt: skip


# -- one expiry ----------------------------------------------------------------------------------------------------
def opened(path, arguments, result):
    if result.name == "Err":
        return
    shift, gross = arguments[0].fields["shift"], arguments[1]
    path.bound(shift, 0, 19, "shift")
    path.require(gross.z <= MOST_GROSS, "gross")
    path.require(gross.z < (1 << 39) * (1 << shift.lo) if shift.is_constant else z3.BoolVal(False), "39 bits")
    path.require(z3.Or(shift.z == 0, gross.z >= (1 << 38) * (1 << shift.lo)), "no shift without need")


def open_grid(path, grid_, gross):
    if path.choose(2):
        return Variant("Err")
    path.facts.append(gross.z <= MOST_GROSS)
    path.narrow(gross, 0, MOST_GROSS)
    grid_.fields["shift"] = path.fresh(0, 19, "u32", "shift")
    return Variant("Ok", [])


claim(
    ME, "ExpiryGrid::open", "grid.rs::ExpiryGrid::open", "any u64: refused above 2^57; shift <= 19, and 19 only at exactly 2^57; gross >> shift < 2^39, not less than half of it",
    lambda path, case: [Struct("ExpiryGrid", {"shift": constant(0, "u32")}), path.fresh(*U64, "u64", "gross")],
    hints={("open", "gross_notional"): [("cut", [1, *(1 << n for n in range(39, 58)), MOST_GROSS + 1])]}, then=opened, contract=open_grid,
)  # fmt: skip
VALUE_MOST = 9 * WEIGHTS + 32


def value_arguments(path, case):
    puts = [path.fresh(-WEIGHTS, WEIGHTS, "i64", name) for name in ("put_forward", "put_strike")]
    return [node(path, SUMS, puts), puts]


claim(
    ME, "Node::value", "level.rs::Node::value", "sums of a full grid, s <= 8: no wrap, |value| <= 9 times the sum of |weights|, below 2^43",
    value_arguments, hints=less_puts(WEIGHTS), then=within(-VALUE_MOST, VALUE_MOST),
)  # fmt: skip


def path_constant(source, file, name):
    path = Path()
    path.source = source
    return path.constant(file, name)


def weights_at(shift):
    """Bound on the sum of |weights|: 39 bits, at most 2^57 of gross notional, one per option for rounding."""
    return (min((1 << 39) - 1, MOST_GROSS >> shift) if shift < 19 else MOST_GROSS >> 19) + OPTIONS


def close_arguments(path, case):
    least, most = case
    weights = max(weights_at(shift) for shift in range(least, most + 1))
    shift = path.fresh(least, most, "u32", "shift")
    pnl = Many(lambda path: path.fresh(-PNL_MOST, PNL_MOST, "i64", "pnl"), constant(MAX_SCENARIOS, "usize"))
    return [grid(path, (weights << 19) + OPTIONS, weights, shift), discounts(path), pnl]


def any_pnl(path):
    return cells(Many.of(path, lambda path: path.fresh(-PNL_MOST, PNL_MOST, "i64", "pnl"), MAX_SCENARIOS))


def expiry_value(path, *arguments):
    fields = {"mark": path.fresh(-CLOSE_MOST, CLOSE_MOST, "i64", "mark"), "delta": path.fresh(-DELTA_MOST, DELTA_MOST, "i64", "delta")}
    return Struct("ExpiryValue", {**fields, "basis": [path.fresh(-2 * CLOSE_MOST, 2 * CLOSE_MOST, "i64", "basis") for _ in range(2)]})


def value_obeys(path, arguments, result):
    path.bound(result.mark, -CLOSE_MOST, CLOSE_MOST, "mark")
    path.bound(result.delta, -DELTA_MOST, DELTA_MOST, "delta")
    for change in result.basis:
        path.bound(change, -2 * CLOSE_MOST, 2 * CLOSE_MOST, "basis")


for shifts in ((0, 18), (19, 19)):
    claim(
        ME, f"ExpiryGrid::close, shift {shifts[0]} to {shifts[1]}", "grid.rs::ExpiryGrid::close",
        "any sums of a full grid, any discounts in [0, 1], |PnL| <= 12 * 2^59 before: values shifted back, their differences and the PnL fit i64",
        close_arguments, cases=(shifts,), loops={"close": {}, "add_plain": {"pnl": Kept(any_pnl)}}, hints=less_puts(weights_at(shifts[1])), then=value_obeys, contract=expiry_value,
    )  # fmt: skip


def pnl_of_expiry(source):
    """Over the integers, with W the sum of |weights| at shift s: a PnL changes by at most 12 gross + 17, so by 12 * 2^59 in all."""
    weights, a, b, product, value, mark, gross, power = z3.Ints("weights a b product value mark gross power")
    box = [weights >= 0, a <= weights, a >= -weights, b <= weights, b >= -weights]
    # s <= 8: |s a| <= 8 W; the two floors of mul_q30, the floor of the discount, which is at most 1.0
    far = [product <= 8 * weights, product >= -8 * weights, value <= product - b, value >= product - b - 3]
    near = [mark <= a - b, mark >= a - b - 3]  # s = 1 at the no-move node; a discount only shrinks
    change = z3.If(value > 0, value, z3.If(value < 0, value, 0)) - z3.If(mark > 0, 0, mark)
    most = 11 * weights + 6
    if decide([*box, *far, *near, z3.Or(value - mark > most, mark - value > most, change > most)], 20_000)[0] != z3.unsat:
        raise Refuted("the change of a PnL in units of the shift")
    # W <= gross / 2^s + 1024 and 2^s <= gross / 2^38 where it shifts; no rounding of weights where it does not
    shifted = [power >= 2, power * 2**38 <= gross, weights * power <= gross + 1024 * power]
    plain = [power == 1, weights <= gross, gross >= 0]
    for known in (shifted, plain):
        if decide([*known, 11 * (weights * power) + 6 * power > 12 * gross + 17], 20_000)[0] != z3.unsat:
            raise Refuted("the change of a PnL against the gross notional")
    if 12 * path_constant(source, "scan.rs", "MOST_GROSS_OPTIONS") + 17 * 2**20 > PNL_MOST or PNL_MOST >= 1 << 63:
        raise Refuted("what bound_pnl lets through leaves i64")
    return 4


claim(
    ME, "PnL of all expiries", "grid.rs::ExpiryGrid::close",
    "a PnL changes by at most 12 times an expiry's gross notional and 17 units: what bound_pnl lets through keeps every sum below 2^63",
    model=pnl_of_expiry, models=("grid.rs::Closing::change", "grid.rs::Closing::add_plain", "level.rs::Node::value", "scan.rs::Scan::bound_pnl", "grid.rs::ExpiryGrid::open"),
)  # fmt: skip
