"""Claims about `floors.rs`, `contingency.rs` and `group.rs`: floors, charges, correlation groups."""
import sys

from claims_expiry import OPTIONS, SIZE_LOOP, legs, market, sized_leg
from claims_grid import CLOSE_MOST
from harness import claim
from inputs import I64, MOST_GROSS, ONE, U64, any_quote, fallible, made
from values import Struct, Unknown, Variant

ME = sys.modules[__name__]
FINGERPRINTS = {
    "contingency.rs::may_concentrate_vega": "d5d4dd38c1e75611",
}
ROUNDING = ((OPTIONS + 2) << 19) + (MOST_GROSS >> 28)  # one unit per option at the largest shift, and the split's


def quote_of(path, low=I64[0], high=I64[1]):
    return Struct("Quote", {"0": path.fresh(low, high, "i64", "quote")})


# -- amounts -------------------------------------------------------------------------------------------------------
def two(kind):
    return lambda path, case: [made(path, kind), made(path, kind)]




def within_magnitude(path, arguments, result):
    if result.name == "Ok":
        path.bound(result.value.fields["0"], -I64[1], I64[1], "notional")


claim(
    ME, "Quantity::notional", "units.rs::Quantity::notional", "any size, any price: refused, or |notional| < 2^63 and its negation fits",
    lambda path, case: [made(path, "Quantity"), made(path, "Price")], then=within_magnitude, contract=fallible(lambda path: quote_of(path, -I64[1])),
)  # fmt: skip
for name in ("scale_toward_zero", "scale_away_from_zero"):
    claim(
        ME, f"Quantity::{name}", f"units.rs::Quantity::{name}", "any three: no panic, no wrap",
        lambda path, case: [made(path, "Quantity"), path.fresh(*U64, "u64", "numerator"), path.fresh(*U64, "u64", "denominator")],
    )  # fmt: skip
claim(
    ME, "Quote::scale_toward_zero", "units.rs::Quote::scale_toward_zero", "any three: no panic, no wrap",
    lambda path, case: [made(path, "Quote"), path.fresh(*U64, "u64", "numerator"), path.fresh(*U64, "u64", "denominator")],
)  # fmt: skip
claim(
    ME, "Contingencies::checked_add", "contingency.rs::Contingencies::checked_add", "any charges: refused, or in range", two("Contingencies"),
    contract=fallible(lambda path: made(path, "Contingencies")),
)  # fmt: skip
for name in ("maintenance", "initial"):
    claim(
        ME, f"Contingencies::{name}", f"contingency.rs::Contingencies::{name}", "any charges: refused, or in range",
        lambda path, case: [made(path, "Contingencies")], contract=fallible(any_quote),
    )  # fmt: skip

# -- charges -------------------------------------------------------------------------------------------------------
claim(
    ME, "ConfidenceParams::charge", "contingency.rs::ConfidenceParams::charge", "any bits: what is left of 1.0 does not wrap",
    lambda path, case: [made(path, "ConfidenceParams", bits=True), made(path, "Ratio"), made(path, "Quote")], contract=fallible(any_quote),
)  # fmt: skip
claim(
    ME, "ConcentrationParams::charge", "contingency.rs::ConcentrationParams::charge", "any bits: no panic",
    lambda path, case: [made(path, "ConcentrationParams", bits=True), made(path, "Quote")], contract=fallible(any_quote),
)  # fmt: skip
claim(
    ME, "stable_charge", "contingency.rs::stable_charge", "any bits: no panic, no division by zero",
    lambda path, case: [made(path, "Quote"), made(path, "Price"), made(path, "Price")], contract=fallible(any_quote),
)  # fmt: skip
claim(
    ME, "may_concentrate_vega", "contingency.rs::may_concentrate_vega", "any market, any legs: no wrap, no panic",
    lambda path, case: [market(path), legs(path, sized_leg)], loops={"may_concentrate_vega": SIZE_LOOP},
    wraps={"may_concentrate_vega": ("size: wrapping_add",)}, contract=lambda path, *arguments: Unknown(),
)  # fmt: skip


def scan(path, **given):
    """A market half evaluated; the grid is looked at elsewhere."""
    linear = path.fresh(-MOST_GROSS, MOST_GROSS, "i64", "linear")
    return made(path, "Scan", **{"grid": Struct("ExpiryGrid", {}), "linear": linear, **given})


def changes(*names):
    """The contract of a method of Scan: it writes these fields and returns something, or refuses."""
    return lambda make=None: lambda path, scan_, *arguments: changed(path, scan_, names, make)


def changed(path, scan_, names, make):
    if path.choose(2):
        return Variant("Err")
    fresh = scan(path)
    for name in names:
        scan_.fields[name] = fresh.fields[name]
    return Variant("Ok", make(path) if make else [])


def charge_of(path, arguments, result):
    if result.name == "Ok":
        path.bound(result.value, 0, 8 * ((MOST_GROSS >> 30) + ROUNDING), "charge")


def cushion(path):
    return path.fresh(0, 8 * ((MOST_GROSS >> 30) + ROUNDING), "i64", "charge")


def charged(path, scan_, market_, gross, rounding):
    path.bound(gross, 0, MOST_GROSS, "gross")
    path.bound(rounding, 0, ROUNDING, "rounding")
    return changed(path, scan_, ("risk",), cushion)


def gross_arguments(path, case):
    return [scan(path), market(path), path.fresh(0, MOST_GROSS, "u64", "gross"), path.fresh(0, ROUNDING, "u64", "rounding")]


for name in ("add_cushion", "add_gross"):
    claim(
        ME, f"Scan::{name}", f"contingency.rs::Scan::{name}", "gross <= 2^57, rounding of 1,024 options at the largest shift, reach 1 to 8: the cushion fits, sums are checked",
        gross_arguments, then=charge_of, contract=lambda path, *a: charged(path, *a),
    )  # fmt: skip
for name, inputs in (("charge_perp", ["Quantity"]), ("add_naked", ["Quantity"]), ("charge_perp_confidence", ["Quote"]), ("charge_confidence", ["Ratio", "Quote"])):
    claim(
        ME, f"Scan::{name}", f"contingency.rs::Scan::{name}", "any size, any market: refused, or in range",
        lambda path, case, inputs=inputs: [scan(path), market(path), *[made(path, kind) for kind in inputs]],
        contract=changes("risk")(any_quote if name == "charge_perp" else None),
    )  # fmt: skip
claim(
    ME, "Scan::charge_expiry_confidence", "contingency.rs::Scan::charge_expiry_confidence", "any size, any market: refused, or in range",
    lambda path, case: [scan(path), market(path), made(path, "Expiry"), path.fresh(*U64, "u64", "size")], contract=changes("risk")(),
)  # fmt: skip
claim(
    ME, "Scan::add_vega", "contingency.rs::Scan::add_vega", "any vega, any error: refused, or in range",
    lambda path, case: [scan(path), path.fresh(*I64, "i64", "vega"), path.fresh(*U64, "u64", "error")], contract=changes("vega", "vega_error")(),
)  # fmt: skip

# -- floors --------------------------------------------------------------------------------------------------------
def near_one(params):
    """0.5 to 1.5 for validated parameters."""
    ends = [value.fields["0"] for value in (params.down, params.up)]
    return (ONE // 2, 3 * ONE // 2) if all(end.lo >= ONE // 2 and end.hi <= 3 * ONE // 2 for end in ends) else (1, 8 * ONE)


claim(
    ME, "BasisParams::multipliers", "floors.rs::BasisParams::multipliers", "validated parameters: from 0.5 to 1.5; any bits: no cast that cuts",
    lambda path, case: [made(path, "BasisParams", bits=case)], cases=(False, True),
    then=lambda path, arguments, result: [path.bound(value, *near_one(arguments[0]), "multiplier") for value in result],
    contract=lambda path, params: [path.fresh(*near_one(params), "u32", "multiplier") for _ in range(2)],
)  # fmt: skip
claim(
    ME, "BasisParams::factor", "floors.rs::BasisParams::factor", "any bits, tenor up to 2^39: the product stays below 2^61",
    lambda path, case: [made(path, "BasisParams", bits=True), path.fresh(0, 2**39 - 1, "u64", "tenor")],
    contract=lambda path, params, tenor: made(path, "Ratio") if tenor.hi < 2**39 else None,
)  # fmt: skip


def delta_sums(path):
    return made(path, "DeltaSums")


def writes_sums(path, sums, *arguments):
    if path.choose(2):
        return Variant("Err")
    sums.fields.update(delta_sums(path).fields)
    return Variant("Ok", [])


for name, inputs in (("add_leg", ["Quote", "i64"]), ("add_expiry", ["i64", "u64"]), ("add_legs", ["i64", "i64"])):
    claim(
        ME, f"DeltaSums::{name}", f"floors.rs::DeltaSums::{name}", "any amounts: refused, or in range",
        lambda path, case, inputs=inputs: [delta_sums(path), *[made(path, kind) for kind in inputs]], contract=writes_sums,
    )  # fmt: skip
claim(ME, "DeltaSums::exposure", "floors.rs::DeltaSums::exposure", "any sums: refused, or in range", lambda path, case: [delta_sums(path)], contract=fallible(any_quote))
claim(
    ME, "DeltaSums::floor", "floors.rs::DeltaSums::floor", "any sums, any parameters: refused, or in range",
    lambda path, case: [delta_sums(path), made(path, "MinDeltaParams", bits=True)], contract=fallible(any_quote),
)  # fmt: skip


CHANGE_MOST = 2 * CLOSE_MOST + 2**34  # of the options at a node of the basis, and its error


def with_basis(path, scan_, tenor, changes_, notional):
    path.bound(tenor, 0, 2**39 - 1, "tenor")
    path.bound(notional, -MOST_GROSS, MOST_GROSS, "notional of a future")
    for change in changes_:
        path.bound(change, -CHANGE_MOST, CHANGE_MOST, "change")
    return changed(path, scan_, ("risk",), None)


def basis_arguments(path, case):
    changes_ = [path.fresh(-CHANGE_MOST, CHANGE_MOST, "i64", "change") for _ in range(2)]
    return [scan(path), market(path), path.fresh(0, 2**39 - 1, "u64", "tenor"), changes_, path.fresh(-MOST_GROSS, MOST_GROSS, "i64", "notional")]


claim(
    ME, "Scan::add_basis", "floors.rs::Scan::add_basis", "|notional| <= 2^57, any changes, multipliers from 0.5 to 1.5: no wrap", basis_arguments,
    contract=lambda path, scan_, market_, tenor, changes_, notional: with_basis(path, scan_, tenor, changes_, notional),
)  # fmt: skip
claim(
    ME, "Scan::set_min_delta", "floors.rs::Scan::set_min_delta", "any sums: refused, or in range", lambda path, case: [scan(path), market(path)],
    contract=changes("risk")(),
)  # fmt: skip
claim(
    ME, "Scan::charge_greeks", "contingency.rs::Scan::charge_greeks", "any sums, any market: refused, or in range; the vega per point fits i64",
    lambda path, case: [scan(path), market(path)], contract=changes("risk")(),
)  # fmt: skip

# -- groups --------------------------------------------------------------------------------------------------------
claim(
    ME, "Group::add", "group.rs::Group::add", "any group, any market: sums are checked; refused, or in range",
    lambda path, case: [made(path, "Group"), market(path), made(path, "MarketRisk"), made(path, "ScenarioPnl")], loops={"add": {}},
    contract=lambda path, group, *arguments: group.fields.update(made(path, "Group").fields) or (Variant("Ok", []) if path.choose(2) else Variant("Err")),
)  # fmt: skip
claim(
    ME, "Group::risk", "group.rs::Group::risk", "any group, any parameters: refused, or in range",
    lambda path, case: [made(path, "Group"), made(path, "GroupParams", bits=True)],
    loops={"risk": {"risk": "any"}}, contract=fallible(lambda path: made(path, "GroupRisk")),
)  # fmt: skip
