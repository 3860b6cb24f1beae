"""Claims about `scan.rs` and the expiries that it walks: one market of one account."""
import sys

import z3

from claims_charges import CHANGE_MOST, changed, scan
from claims_expiry import context, legs, market
from claims_grid import grid
from harness import claim
from inputs import I64, MOST_GROSS, U64, fallible, made
from sequences import Ghost, Kept
from values import Struct, Variant

ME = sys.modules[__name__]
FINGERPRINTS = {
    "grid.rs::mul_q30": "650cb6837de62137",
    "scan.rs::Scan::finish": "85135a2038df525d",
}
EVERYTHING = ("risk", "linear", "sides", "holds_perp", "delta", "vega", "vega_error")


def linear_obeys(path, arguments, result):
    if result.name == "Ok":
        path.bound(arguments[0].linear, -MOST_GROSS, MOST_GROSS, "linear")


def moved(path, scan_, notional):
    path.bound(notional, -MOST_GROSS, MOST_GROSS, "notional")
    return changed(path, scan_, ("linear",), None)


claim(
    ME, "Scan::move_with_spot", "scan.rs::Scan::move_with_spot", "|notional| <= 2^57: the sum cannot wrap, and is refused beyond 2^57",
    lambda path, case: [scan(path), path.fresh(-MOST_GROSS, MOST_GROSS, "i64", "notional")], then=linear_obeys, contract=moved,
)  # fmt: skip


def linear_arguments(path, case):
    notional = Struct("Quote", {"0": path.fresh(-I64[1], I64[1], "i64", "notional")})
    return [scan(path), market(path), notional, made(path, "Quote")]


def add_linear(path, scan_, market_, notional, cost):
    if path.choose(2):
        return Variant("Err")
    path.narrow(notional.fields["0"], -MOST_GROSS, MOST_GROSS)
    return changed(path, scan_, ("risk", "sides"), None)


claim(
    ME, "Scan::add_linear", "scan.rs::Scan::add_linear", "any notional: refused beyond 2^57, sums are checked", linear_arguments, contract=add_linear,
    then=lambda path, arguments, result: result.name == "Err" or path.bound(arguments[2].fields["0"], -MOST_GROSS, MOST_GROSS, "notional"),
)  # fmt: skip
claim(
    ME, "Scan::bound_pnl", "scan.rs::Scan::bound_pnl", "any gross notional: the sum saturates", then=None,
    arguments=lambda path, case: [scan(path), path.fresh(0, MOST_GROSS, "u64", "gross")], contract=lambda path, scan_, gross: changed(path, scan_, ("gross_options",), None),
)  # fmt: skip
claim(
    ME, "Scan::load_grid", "scan.rs::Scan::load_grid", "any set, validated parameters: multipliers in the range of load_basis",
    lambda path, case: [scan(path, grid=grid(path)), market(path)], contract=lambda path, *arguments: [],
)  # fmt: skip
claim(
    ME, "Scan::add_perpetual", "scan.rs::Scan::add_perpetual", "any perpetual: refused, or in range", then=linear_obeys,
    arguments=lambda path, case: [scan(path), market(path), made(path, "Position")], contract=lambda path, scan_, *a: changed(path, scan_, EVERYTHING, None),
)  # fmt: skip


def future_notional(path):
    return path.fresh(-MOST_GROSS, MOST_GROSS, "i64", "notional")


claim(
    ME, "Scan::add_future", "scan.rs::Scan::add_future", "any future, any share: refused, or in range",
    lambda path, case: [scan(path), market(path), context(path), made(path, "Position")],
    then=lambda path, arguments, result: result.name == "Err" or path.bound(result.value, -MOST_GROSS, MOST_GROSS, "notional"),
    contract=lambda path, scan_, *a: changed(path, scan_, EVERYTHING, future_notional),
)  # fmt: skip
claim(
    ME, "Scan::add_offset", "scan.rs::Scan::add_offset", "any collateral: refused, or in range", then=linear_obeys,
    arguments=lambda path, case: [scan(path), market(path)], contract=lambda path, scan_, *a: changed(path, scan_, EVERYTHING, None),
)  # fmt: skip
claim(
    ME, "Scan::bind_floors", "scan.rs::Scan::bind_floors", "any scan: the mark's negation does not wrap",
    lambda path, case: [scan(path), path.fresh(I64[0], 0, "i64", "worst"), made(path, "bool")],
    contract=lambda path, scan_, *a: changed(path, scan_, ("risk",), None) and [],
)  # fmt: skip


def at_first(runner, scope):
    if "index" not in scope:  # the loop before it
        return
    runner.path.require(scope["index"].z == 255, "before the first index")


def after_turns(runner, scope):
    if "index" not in scope:
        return
    runner.path.facts.append(scope["index"].z == z3.If(runner.turns.z == 0, 255, runner.turns.z - 1))


def one_further(runner, scope):
    if "index" not in scope:
        return
    runner.path.require(scope["index"].z == runner.turns.z, "the next index")


claim(
    ME, "Scan::finish", "scan.rs::Scan::finish",
    "any PnL, |linear| <= 2^57: what moves with the spot fits, the index stays below 40; damping may wrap beyond 2^60, which is refused",
    lambda path, case: [scan(path), market(path)], wraps={"mul_q30": ("wrapping_mul", "wrapping_add"), "finish": ("index: wrapping_add",)},
    loops={"finish": {
        "worst": (I64[0], 0), "best": (0, I64[1]), "damped": U64, "index": (0, 255), "self.risk.worst_scenario": (0, 255),
        "dampings": Kept(lambda path: made(path, "ScenarioSet").damping), "#index": Ghost(at_first, after_turns, one_further),
    }},
    contract=lambda path, scan_, *a: changed(path, scan_, EVERYTHING, None),
)  # fmt: skip



def changes_obey(path, arguments, result):
    if result.name == "Ok":
        for change in result.value[1]:
            path.bound(change, -CHANGE_MOST, CHANGE_MOST, "change")


# -- expiries ------------------------------------------------------------------------------------------------------
claim(
    ME, "scan_options", "expiry.rs::scan_options",
    "up to 1,024 options, any market: shifts below 64, rounding and errors fit, deltas and vega scale without a wrap; refused, or in range",
    lambda path, case: [market(path), made(path, "Expiry"), context(path), legs(path), scan(path, grid=grid(path))],
    then=changes_obey, contract=lambda path, market_, listed, context_, options, scan_: changed(path, scan_, EVERYTHING, option_changes),
)  # fmt: skip


def option_changes(path):
    return [path.fresh(*U64, "u64", "size"), [path.fresh(-CHANGE_MOST, CHANGE_MOST, "i64", "change") for _ in range(2)]]


claim(
    ME, "scan_expiry", "expiry.rs::scan_expiry", "any legs, any market: the offset of options within legs does not wrap; refused, or in range",
    lambda path, case: [market(path), made(path, "Expiry"), legs(path), scan(path, grid=grid(path))],
    contract=lambda path, market_, listed, legs_, scan_: changed(path, scan_, EVERYTHING, None),
)  # fmt: skip
claim(
    ME, "Market::expiry", "market.rs::Market::expiry", "any market: no panic", lambda path, case: [market(path), path.fresh(*I64, "i64", "time")],
    contract=fallible(lambda path: made(path, "Expiry")),
)  # fmt: skip


def some_time(path):
    return Variant("None") if path.choose(2) else Variant("Some", path.fresh(*I64, "i64", "expiry"))


def within_positions(path, rest):
    if rest == []:  # of what has no first element
        return
    path.require(rest.length.z <= path.positions.length.z, "the rest is within the positions")


def what_is_left(path):
    rest = legs(path)
    path.facts.append(rest.length.z <= path.positions.length.z)
    return rest


def walk_arguments(*kinds, case=None):
    def build(path, case):
        path.positions = legs(path)
        return [market(path), path.positions, *[made(path, kind) for kind in kinds]]

    return build


WALK = {"rest": Kept(what_is_left, within_positions), "previous_expiry": Kept(some_time)}
claim(
    ME, "scan_market", "scan.rs::scan_market", "any market, any positions: no index wraps, no slice is split beyond its end; refused, or in range",
    walk_arguments("ScenarioPnl"), loops={"scan_market": {**WALK, "scan": Kept(scan, lambda path, value: path.bound(value.linear, -MOST_GROSS, MOST_GROSS, "linear"))}},
    contract=fallible(lambda path: made(path, "MarketRisk")),
)  # fmt: skip
