"""Claims about `scenario.rs` and `witness.rs`: what a market stores of its shocks, and what the grid reads of it."""
import sys

from harness import claim
from inputs import LN_SPOT, MAX_SCENARIOS, MOST_MULTIPLIER, NODES, ONE, RANGES, U64, fallible, made, ranged, within_ranges
from lemmas import constant
from sequences import Kept, Many
from values import Place, Variant

ME = sys.modules[__name__]
FINGERPRINTS = {
    "scenario.rs::ScenarioSet::from_parts": "73f5f9e8461dcb81",
}


def multiplier(path, case):
    return [path.fresh(*case, "u32", "millionths")]


OCTAVES = tuple((1 << n, (2 << n) - 1) for n in range(32))
ANY_LN = (-(15 << 36), 10 << 36)  # of any u32 over a million


def ln_limits(millionths):
    return LN_SPOT if millionths.lo >= 10_000 and millionths.hi <= MOST_MULTIPLIER else ANY_LN


claim(
    ME, "ln_multiplier", "scenario.rs::ln_multiplier", "any u32: no wrap; 0.01 to 8: within -5 and 3",
    multiplier, cases=((0, 0), *OCTAVES, (10_000, MOST_MULTIPLIER)), contract=lambda path, millionths: path.fresh(*ln_limits(millionths), "i64", "ln"),
    then=lambda path, arguments, result: path.bound(result, *ln_limits(arguments[0]), "ln"),
)  # fmt: skip


def scaled_to_q30(path, arguments, result):
    value, rounding = arguments
    exact = value.z * 2**30 + rounding.z
    path.require((result.z * 10**6 <= exact) if value.lo >= 0 else result.z >= 0, "floor")
    path.require((exact < (result.z + 1) * 10**6) if value.lo >= 0 else result.z >= 0, "floor")


def q30(path, value, rounding):
    if value.lo < 0 or value.hi >= 1 << 33 or rounding.hi >= ONE:
        return None
    low, high = (value.lo * 2**30 + rounding.lo) // ONE, (value.hi * 2**30 + rounding.hi) // ONE
    return path.fresh(low, high, "i64", "q30")


claim(
    ME, "to_q30", "scenario.rs::to_q30", "up to 2^33 millionths: no wrap, the exact floor of millionths 2^30 and the rounding over a million",
    lambda path, case: [path.fresh(0, 2**33 - 1, "i64", "millionths"), path.fresh(0, 999_999, "u64", "rounding")], then=scaled_to_q30, contract=q30,
)  # fmt: skip
def widened(path, node, regime):
    path.bound(node.spot, 10_000, MOST_MULTIPLIER, "spot")
    path.bound(node.damping, 0, ONE, "damping")
    path.bound(regime.fields["0"], ONE, 4 * ONE, "regime")
    return scenario(path)


claim(
    ME, "widened", "scenario.rs::widened", "any node of a validated set, regime in [1, 4]: no wrap, clamp in order; spot in [0.01, 8]",
    lambda path, case: [scenario(path), ranged(path, "Ratio", ONE, 4 * ONE)],
    then=lambda path, arguments, node: path.bound(node.spot, 10_000, MOST_MULTIPLIER, "spot"), contract=widened,
)  # fmt: skip


def scenario(path):
    return made(path, "Scenario", spot=path.fresh(10_000, MOST_MULTIPLIER, "u32", "spot"), damping=path.fresh(1, ONE, "u32", "damping"))


def table(path, **given):
    """A table as `write` leaves it, nodes in the ranges of NODES."""
    nodes = {name: Many(lambda path, limits=limits: path.fresh(*limits, "i64", "node"), constant(MAX_SCENARIOS, "usize")) for name, limits in NODES.items()}
    return made(path, "ScenarioTable", **nodes, **given)


def stored_nodes(path, arguments, result):
    if result.name == "Ok":
        within_ranges(path, arguments[0], "ScenarioTable")
        for name, limits in NODES.items():
            for value in path.stored[name]:
                path.bound(value, *limits, name)


def watched(path, name):
    """An array that remembers what was written."""
    path.stored[name] = []
    many = Many(None, constant(MAX_SCENARIOS, "usize"))
    many.written = path.stored[name]
    return many


def write_arguments(path, case):
    path.stored = {}
    given = {name: watched(path, name) for name in NODES}
    index = path.fresh(0, MAX_SCENARIOS - 1, "usize", "index")
    return [made(path, "ScenarioTable", **given), index, made(path, "Scenario")]


claim(
    ME, "ScenarioTable::write", "scenario.rs::ScenarioTable::write",
    "any scenario: no wrap, no cast that cuts; what passes is stored with ln, spot, damping, bounds and reach in the ranges that the grid assumes",
    write_arguments, then=stored_nodes,
    contract=lambda path, table, index, node: Variant("Err") if path.choose(2) else written(path, table),
)  # fmt: skip


def written(path, table):
    for name, limits in RANGES["ScenarioTable"].items():
        table.fields[name] = path.fresh(*limits, "u8", name)
    return Variant("Ok", [])


def table_obeys(path, arguments, result):
    if result.name == "Ok":
        path.bound(result.value.base, 0, MAX_SCENARIOS - 1, "base")
        path.bound(result.value.reach, 1, 8, "reach")




def scenario_before(path):
    return Variant("None") if path.choose(2) else Variant("Some", scenario(path))


TABLE_LOOP = {"table": Kept(lambda path: table(path, base=path.fresh(0, 255, "u8", "base"))), "previous": Kept(scenario_before)}
claim(
    ME, "ScenarioTable::new", "scenario.rs::ScenarioTable::new", "any list of any scenarios: no panic, counts and indexes fit; refused without a base",
    lambda path, case: [Many.of(path, lambda path: made(path, "Scenario"), 2**60)], loops={"new": TABLE_LOOP},
    contract=fallible(table),
)  # fmt: skip


# -- sets ----------------------------------------------------------------------------------------------------------
def parts(path, case):
    arrays = [Variant("Some", Many.of(path, lambda path, limits=limits: path.fresh(*limits, "i64", "node"), 2**60)) for limits in NODES.values()]
    return [*arrays, [path.fresh(0, 255, "u8", "bound") for _ in range(6)]]


def set_obeys(path, arguments, result):
    if result.name == "Err":
        return
    found = result.value
    within_ranges(path, found, "ScenarioSet")
    count = found.ln_spot.length
    path.bound(count, 1, MAX_SCENARIOS, "count")
    order = [found.fields[name].z for name in ("none_start", "base", "down_start", "linear_start", "abs_start")] + [count.z]
    for at, (a, b) in enumerate(zip(order, order[1:])):
        path.require(a < b if at == 1 else a <= b, "order")
    path.require(order[4] - order[3] <= 1, "one linear skew node")
    path.require(order[5] - order[4] <= 1, "one abs skew node")
    for name in NODES:
        path.require(found.fields[name].length.z == count.z, "one length")


claim(
    ME, "ScenarioSet::from_parts", "scenario.rs::ScenarioSet::from_parts",
    "any arrays, any bounds: no panic; what passes is in order, of one length, with at most one node of each skew and a reach of 1 to 8",
    parts, wraps={"from_parts": ("one_each: wrapping_sub",)}, then=set_obeys, contract=fallible(lambda path: made(path, "ScenarioSet")),
)  # fmt: skip


def read_back(path, arguments, result):
    if result.name == "Some":
        path.bound(result.value.spot, 0, 2**32 - 1, "spot")


claim(
    ME, "ScenarioTable::scenario", "scenario.rs::ScenarioTable::scenario", "any stored set, any index: no wrap", then=read_back,
    arguments=lambda path, case: [table(path), path.fresh(0, U64[1], "usize", "index")],
)  # fmt: skip


def nodes(path):
    return Many(scenario, constant(MAX_SCENARIOS, "usize"))


def inserted(path, arguments, result):
    path.bound(arguments[1].get(), 0, MAX_SCENARIOS, "count")


def insert_arguments(path, case):
    cell = [path.fresh(0, MAX_SCENARIOS, "usize", "count")]
    return [nodes(path), Place(lambda: cell[0], lambda new: cell.__setitem__(0, new)), scenario(path)]


claim(
    ME, "insert", "scenario.rs::insert", "any count to 40: the slice that is rotated is not empty, no index out of range; the count stays within 40",
    insert_arguments, then=inserted,
)  # fmt: skip
claim(
    ME, "ScenarioTable::scaled", "scenario.rs::ScenarioTable::scaled", "any stored set, any regime: no wrap, no panic",
    lambda path, case: [table(path), made(path, "Ratio", bits=True)], loops={"scaled": {"nodes": Kept(nodes), "count": (0, MAX_SCENARIOS)}},
)  # fmt: skip
claim(
    ME, "Witness::new", "witness.rs::Witness::new", "any set, any index: the reach fits a byte, no index out of range",
    lambda path, case: [made(path, "ScenarioSet"), path.fresh(0, U64[1], "usize", "index")],
)  # fmt: skip
claim(
    ME, "Witness::named", "witness.rs::Witness::named", "any set, any parameters, any name: no panic",
    lambda path, case: [made(path, "ScenarioSet"), made(path, "MarketParams"), made(path, "u8")],
)  # fmt: skip
claim(
    ME, "Witness::set", "witness.rs::Witness::set", "any witness: no panic", lambda path, case: [made(path, "Witness")],
)  # fmt: skip
