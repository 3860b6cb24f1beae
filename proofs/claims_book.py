"""Claims about Greeks, margin, the Standard tier, liquidation, whole accounts and explanations: 128-bit or checked arithmetic."""
import sys

import z3

from claims_black76 import unit_greeks
from claims_expiry import context, legs, market
from claims_scan import WALK, walk_arguments
from harness import claim
from inputs import I64, MOST_GROSS, MOST_STD_DEV, ONE_Q30, ONE_Q38, OPTIONS, SPOT_Q30, U64, amount, any_quote, fallible, made
from sequences import Ghost, Kept
from values import Struct, Variant

ME = sys.modules[__name__]
FINGERPRINTS = {}
ANY = "any bits: refused, or in range; no panic"


def simple(name, function, words, *kinds, **options):
    """Any values of the types of the parameters."""
    claim(ME, name, function, words, lambda path, case: [made(path, kind) if isinstance(kind, str) else kind(path) for kind in kinds], **options)


def any_of(kind):
    return Kept(lambda path: made(path, kind))


def fallible_of(kind):
    return fallible(lambda path: made(path, kind))


# -- Greeks --------------------------------------------------------------------------------------------------------
simple("Greeks::checked_add", "greeks.rs::Greeks::checked_add", ANY, "Greeks", "Greeks", contract=fallible_of("Greeks"))
simple("Greeks::magnitudes", "greeks.rs::Greeks::magnitudes", "any bits: saturated", "Greeks", contract=lambda path, greeks: made(path, "Greeks"))
simple("NetGreeks::checked_add", "greeks.rs::NetGreeks::checked_add", ANY, "NetGreeks", "NetGreeks", contract=fallible_of("NetGreeks"))
simple(
    "NetGreeks::add_leg", "greeks.rs::NetGreeks::add_leg", ANY, "NetGreeks", "Greeks",
    contract=lambda path, sums, leg: sums.fields.update(made(path, "NetGreeks").fields) or (Variant("Ok", []) if path.choose(2) else Variant("Err")),
)  # fmt: skip
simple(
    "rate_q36", "greeks.rs::rate_q36", "a validated rate: no wrap, at most 1.0", lambda path: path.fresh(-(10**6), 10**6, "i32", "rate"),
    then=lambda path, arguments, result: path.bound(result, 0, 2**36, "rate"),
    contract=lambda path, rate: path.bound(rate, -(10**6), 10**6, "rate") or path.fresh(0, 2**36, "i64", "rate"),
)  # fmt: skip


simple("per_q38", "greeks.rs::per_q38", "any product, any divisor: no wrap, no division by zero; refused, or in range", "i128", "u64", contract=fallible_of("i64"))
simple(
    "rounded_part", "units.rs::Quantity::rounded_part", "any size, any price: no wrap; below 1e8", "Quantity", "Price",
    then=lambda path, arguments, result: path.bound(result, 0, 10**8 - 1, "part"), contract=lambda path, *arguments: path.fresh(0, 10**8 - 1, "u64", "part"),
)  # fmt: skip
simple("notional_ceil", "units.rs::Quantity::notional_ceil", ANY, "Quantity", "Price", contract=fallible(any_quote))
simple(
    "scale", "greeks.rs::scale", "any size, any prices, Greeks as black76 gives them: 128-bit products fit", unit_greeks, "Quantity", "Price", "Price",
    contract=fallible_of("Greeks"),
)  # fmt: skip
simple("shared", "greeks.rs::shared", "any Greeks, any share: 128-bit products fit", "Greeks", "i64", contract=fallible_of("Greeks"))
simple("future_greeks", "greeks.rs::future_greeks", ANY, market, context, "Position", contract=fallible_of("Greeks"))
simple("option_in", "greeks.rs::option_in", ANY, market, "Expiry", context, "Position", "Option<u64>", contract=fallible_of("Greeks"))


def shared_context(path):
    return Variant("None") if path.choose(2) else Variant("Some", [made(path, "Expiry"), context(path)])


simple("greeks_in", "greeks.rs::greeks_in", ANY, market, shared_context, "Position", "Option<u64>", contract=fallible_of("Greeks"))
simple("leg_greeks", "greeks.rs::leg_greeks", ANY, market, "Position")
simple("unit_price", "unit_mark.rs::unit_price", "any price over any forward: 128 bits hold the product; refused, or in range", "i64", "Price", contract=fallible_of("Price"))
simple("UnitMarks::of", "unit_mark.rs::UnitMarks::of", ANY, "UnitMarks", "Position")
simple("source_greeks", "greeks.rs::source_greeks", ANY, market, "Position", contract=fallible_of("Greeks"))
claim(
    ME, "market_greeks", "greeks.rs::market_greeks", "any market, any positions: no slice is split beyond its end; refused, or in range",
    walk_arguments("[Greeks]", "[ExpiryGreeks]"),
    loops={"market_greeks": {
        "rest": WALK["rest"], "sum": Kept(lambda path: made(path, "NetGreeks")), "count": U64, "group": Kept(lambda path: made(path, "NetGreeks")),
        "context": Kept(shared_context),
        "legs": Kept(lambda path: made(path, "[Greeks]")), "expiries": Kept(lambda path: made(path, "[ExpiryGreeks]")),
    }}, contract=fallible(lambda path: [made(path, "NetGreeks"), path.fresh(*U64, "usize", "count")]),
)  # fmt: skip
simple("net_greeks", "greeks.rs::net_greeks", ANY, market, legs)

# -- isolated, Standard --------------------------------------------------------------------------------------------
simple("ShortBase::of", "isolated.rs::ShortBase::of", ANY, market, "Position", contract=fallible_of("ShortBase"))
simple("ShortBase::share", "isolated.rs::ShortBase::share", ANY, "ShortBase", "IsolatedParams", contract=fallible(any_quote))
simple("leg_margin", "isolated.rs::leg_margin", ANY, market, "Position", "IsolatedParams", contract=fallible(any_quote))
simple("isolated_margin", "isolated.rs::isolated_margin", ANY, market, legs, "IsolatedParams")
simple("floored_notional", "tier.rs::floored_notional", ANY, "Quantity", "Price", contract=fallible(any_quote))
simple("mark_error", "tier.rs::mark_error", ANY, "Position", "Price", contract=fallible(any_quote))
simple(
    "short_margins", "tier.rs::short_margins", ANY, market, "Position", "Quote", "StandardParams", contract=fallible(lambda path: [any_quote(path), any_quote(path)]),
)  # fmt: skip
simple(
    "OptionSums::add_short", "tier.rs::OptionSums::add_short", ANY, "OptionSums", lambda path: [any_quote(path), any_quote(path)],
    contract=lambda path, sums, *arguments: sums.fields.update(made(path, "OptionSums").fields) or (Variant("Ok", []) if path.choose(2) else Variant("Err")),
)  # fmt: skip


def some_series(path):
    return Variant("None") if path.choose(2) else Variant("Some", [made(path, "Price"), made(path, "Instrument")])


def some_short(path):
    return Variant("None") if path.choose(2) else Variant("Some", [made(path, "Position"), made(path, "Option<u64>")])


simple(
    "OptionSums::new", "tier.rs::OptionSums::new", ANY, market, legs, "StandardParams", contract=fallible_of("OptionSums"),
    loops={"new": {
        "sums": any_of("OptionSums"), "calls": any_of("Quantity"), "previous": Kept(some_series), "lowest": Kept(some_short),
    }},
)  # fmt: skip
simple(
    "OptionSums::largest_loss", "tier.rs::OptionSums::largest_loss", ANY, "OptionSums", legs, contract=fallible(any_quote),
    loops={"largest_loss": {"value": any_of("Quote"), "least": any_of("Quote"), "slope": any_of("Quantity"), "at": any_of("Price")}},
)  # fmt: skip
simple(
    "Linear::add", "tier.rs::Linear::add", ANY, "Linear", "Quote",
    contract=lambda path, sums, *arguments: sums.fields.update(made(path, "Linear").fields) or (Variant("Ok", []) if path.choose(2) else Variant("Err")),
)  # fmt: skip
simple("Linear::charge", "tier.rs::Linear::charge", ANY, "Linear", market, contract=fallible(any_quote))


def expiry_added(path, risk, market_, legs_, params, sums):
    risk.fields.update(made(path, "StandardRisk").fields)
    sums.fields.update(made(path, "Linear").fields)
    return Variant("Ok", []) if path.choose(2) else Variant("Err")


simple("following", "tier.rs::following", ANY, market, "Position", "Quote", contract=fallible(any_quote))
simple("StandardRisk::require", "tier.rs::StandardRisk::require", ANY, "StandardRisk", "Quote", "Quote")
simple(
    "StandardRisk::add_expiry", "tier.rs::StandardRisk::add_expiry", ANY, "StandardRisk", market, legs, "StandardParams", "Linear", contract=expiry_added,
)  # fmt: skip
claim(
    ME, "standard_market", "tier.rs::standard_market", "any market, any positions: no slice is split beyond its end; refused, or in range",
    walk_arguments("StandardParams"), loops={"standard_market": {
        **WALK, "risk": Kept(lambda path: made(path, "StandardRisk")), "linear": Kept(lambda path: made(path, "Linear")),
    }},
    contract=fallible_of("StandardRisk"),
)  # fmt: skip

# -- margin --------------------------------------------------------------------------------------------------------
for name in ("initial_margin", "maintenance_margin"):
    simple(f"MarginReport::{name}", f"margin.rs::MarginReport::{name}", "any bits: saturated", "MarginReport")
simple("MarginReport::is_openable", "margin.rs::MarginReport::is_openable", "any bits: no panic", "MarginReport")
simple("MarginReport::reduces_risk_of", "margin.rs::MarginReport::reduces_risk_of", "any bits: 128-bit products fit", "MarginReport", "MarginReport")


def check_changed(path, check, *arguments):
    check.fields.update(made(path, "MarginCheck").fields)
    return Variant("Ok", []) if path.choose(2) else Variant("Err")


def checked(make):
    return lambda path, check, *arguments: check.fields.update(made(path, "MarginCheck").fields) or (Variant("Ok", make(path)) if path.choose(2) else Variant("Err"))


simple("MarginCheck::new", "margin.rs::MarginCheck::new", "any cash", "Quote")
simple("AccountTerms::peg_add", "params.rs::AccountTerms::peg_add", "any bits: no panic", "AccountTerms", contract=fallible_of("Ratio"))
simple("AccountTerms::in_quote", "params.rs::AccountTerms::in_quote", "any bits: no panic, no division by zero", lambda path: made(path, "AccountTerms", bits=True), "Quote")
simple("MarginCheck::with_terms", "margin.rs::MarginCheck::with_terms", ANY, "Quote", "AccountTerms", contract=fallible_of("MarginCheck"))
simple("MarginCheck::apply", "margin.rs::MarginCheck::apply", ANY, "MarginCheck", "Quote", "Quote", "Quote", contract=check_changed)
simple(
    "MarginCheck::add_scan", "margin.rs::MarginCheck::add_scan", ANY, "MarginCheck", "Quote", "Quote", lambda path: [made(path, "Ratio"), made(path, "Ratio")],
    contract=check_changed,
)  # fmt: skip
simple("MarginCheck::add_collateral", "margin.rs::MarginCheck::add_collateral", ANY, "MarginCheck", "Collateral", contract=check_changed)
simple("MarginCheck::add_grouped_risk", "margin.rs::MarginCheck::add_grouped_risk", ANY, "MarginCheck", "MarketRisk", contract=check_changed)
simple("MarginCheck::add_risk", "margin.rs::MarginCheck::add_risk", ANY, "MarginCheck", "MarketParams", "MarketRisk", contract=check_changed)
simple(
    "MarginCheck::add_market", "margin.rs::MarginCheck::add_market", ANY, "MarginCheck", market, legs, "ScenarioPnl",
    contract=checked(lambda path: made(path, "MarketRisk")),
)  # fmt: skip
simple(
    "MarginCheck::add_market_to_group", "margin.rs::MarginCheck::add_market_to_group", ANY, "MarginCheck", market, legs, "ScenarioPnl", "Group",
    contract=checked(lambda path: made(path, "MarketRisk")),
)  # fmt: skip
simple("MarginCheck::add_group", "margin.rs::MarginCheck::add_group", ANY, "MarginCheck", "Group", "GroupParams", contract=checked(lambda path: made(path, "GroupRisk")))
simple("MarginCheck::add_standard_market", "margin.rs::MarginCheck::add_standard_market", ANY, "MarginCheck", market, legs, "StandardParams")

# -- liquidation ---------------------------------------------------------------------------------------------------
simple("buffer_health", "liquidation.rs::buffer_health", ANY, "MarginReport", "Ratio", contract=fallible(any_quote))
simple("LiquidationTerms::is_restored", "liquidation.rs::LiquidationTerms::is_restored", ANY, "LiquidationTerms", "MarginReport")
simple("plan_slice", "liquidation.rs::plan_slice", ANY, "MarginReport", lambda path: made(path, "LiquidationTerms", bits=True), "Quote", "Wanted")
simple("plan_insolvent_slice", "liquidation.rs::plan_insolvent_slice", ANY, "MarginReport", "InsolventOffer", "Wanted")


def raw(value):
    return value.fields["0"].z


def slice_in_range(path, arguments, result):
    """A slice is a part of the book, and is not less than wanted."""
    if result.name == "Ok":
        plan, wanted = result.value.fields, arguments[-1].fields
        path.bound(plan["fraction"], 1, 10**9, "fraction")
        path.require(plan["fraction"].z >= wanted["minimum"].z, "no less than the minimum")


def insolvent_in_range(path, arguments, result):
    """Neither the fund nor the account pays a negative amount, and the fund no more than it may."""
    slice_in_range(path, arguments, result)
    if result.name == "Ok":
        plan, offer = result.value.fields, arguments[1].fields
        path.require(raw(plan["debt"]) >= 0, "debt at least zero")
        path.require(raw(plan["insurance"]) >= 0, "insurance at least zero")
        path.require(z3.Or(raw(plan["insurance"]) == 0, raw(plan["insurance"]) <= raw(offer["insurance"])), "no more than the fund may pay")


simple("plan_slice in range", "liquidation.rs::plan_slice", "validated terms: a fraction in [1e-9, 1], not below the minimum", "MarginReport", "LiquidationTerms", "Quote", "Wanted", then=slice_in_range)
simple("plan_insolvent_slice in range", "liquidation.rs::plan_insolvent_slice", "any bits: fractions in [1e-9, 1], amounts at least zero, no more than the fund may pay", "MarginReport", "InsolventOffer", "Wanted", then=insolvent_in_range)
simple(
    "payout_floor in range", "auction.rs::AuctionTerms::payout_floor", "validated terms, any time: from zero to the deficit", "AuctionTerms", "Quote", "i64",
    then=lambda path, arguments, result: path.require(z3.And(raw(result) >= 0, z3.Or(raw(result) == 0, raw(result) <= raw(arguments[1]))), "no more than the deficit"),
)  # fmt: skip

# -- auction -------------------------------------------------------------------------------------------------------
simple("AuctionTerms::validate_beside", "auction.rs::AuctionTerms::validate_beside", ANY, lambda path: made(path, "AuctionTerms", bits=True), "Ratio")
simple("discount_floor", "auction.rs::AuctionTerms::discount_floor", ANY, lambda path: made(path, "AuctionTerms", bits=True), "i64", "bool")
simple(
    "discount_floor in range", "auction.rs::AuctionTerms::discount_floor", "validated terms, any time: in [0, 1]", "AuctionTerms", "i64", "bool",
    then=lambda path, arguments, result: path.require(z3.And(result.fields["0"].z >= 0, result.fields["0"].z <= 10**6), "discount in [0, 1]"),
)  # fmt: skip
simple("is_exhausted", "auction.rs::AuctionTerms::is_exhausted", ANY, lambda path: made(path, "AuctionTerms", bits=True), "i64")
simple("payout_floor", "auction.rs::AuctionTerms::payout_floor", ANY, lambda path: made(path, "AuctionTerms", bits=True), "Quote", "i64")
simple("is_payout_whole", "auction.rs::AuctionTerms::is_payout_whole", ANY, lambda path: made(path, "AuctionTerms", bits=True), "i64")

# -- legs that a liquidator takes ----------------------------------------------------------------------------------


def any_terms(path):
    return made(path, "LiquidationTerms", bits=True)


for function in ("fee_limit_floor", "fund_fee_floor"):
    of = "Quote" if function == "fund_fee_floor" else "Takeover"
    simple(function, f"takeover.rs::{function}", ANY, of, any_terms, contract=fallible(any_quote))
simple("pot_floor", "takeover.rs::pot_floor", ANY, "MarginReport", "Takeover", any_terms, contract=fallible(any_quote))
simple("is_no_dearer", "takeover.rs::is_no_dearer", ANY, "MarginReport", "Quote", "Quote", "Quote", contract=fallible_of("bool"))
simple("accept_legs", "takeover.rs::accept_legs", ANY, "MarginReport", "MarginReport", "Takeover", any_terms)
simple("most_fee_floor", "takeover.rs::most_fee_floor", ANY, "MarginReport", "MarginReport", "Takeover", any_terms)
simple("price_against_taker", "takeover.rs::price_against_taker", "any prices: at most the largest price", "Price", "Price", "Position")
claim(
    ME, "size_legs", "takeover.rs::size_legs", "any function of the share: every share stays between 0 and 1, no panic",
    lambda path, case: [made(path, "Ratio"), ("given", fallible(lambda path: made(path, "MarginReport")))],
    loops={"size_legs": {"low": (0, 1 << 10), "high": (0, 1 << 10), "within": (0, 10**9), "past": (0, 10**9)}},
)  # fmt: skip

# -- opposite risk -------------------------------------------------------------------------------------------------
SQUARE = (0, 2**92 - 1)


def comparison(path):
    """What `Comparison::of` makes of vectors: 128-bit sums of any size, scales at most 64 bits apart."""
    fields = {
        "dot": path.fresh(-(2**91), 2**91, "i128", "dot"), "book": path.fresh(*SQUARE, "u128", "book"), "other": path.fresh(*SQUARE, "u128", "other"),
        "shift": path.fresh(-64, 64, "i32", "shift"),
    }  # fmt: skip
    return Struct("Comparison", fields)


simple(
    "root_ceil", "deleverage.rs::root_ceil", "any square of 92 bits: no panic, a root of 47 bits", lambda path: path.fresh(*SQUARE, "u128", "square"),
    loops={"root_ceil": {"root": (0, 2**47 - 1), "bit": (0, 2**46)}}, contract=lambda path, square: path.fresh(0, 2**47, "u128", "root"),
)  # fmt: skip
simple("Comparison::opposition", "deleverage.rs::Comparison::opposition", "any sums: no panic", comparison, contract=lambda path, *_: made(path, "Ratio"))
simple(
    "least_norm_floor", "deleverage.rs::Comparison::least_norm_floor", "any sums: a fraction in [0, 1]", comparison,
    then=lambda path, arguments, result: path.bound(result, 0, 10**9, "fraction"), contract=lambda path, *_: path.fresh(0, 10**9, "u64", "fraction"),
)  # fmt: skip
simple(
    "relieving_fraction", "deleverage.rs::Comparison::relieving_fraction", "any sums: a fraction in [0, 1]", comparison,
    then=lambda path, arguments, result: path.bound(result, 0, 10**9, "fraction"), contract=lambda path, *_: path.fresh(0, 10**9, "u64", "fraction"),
)  # fmt: skip
simple("scaled", "deleverage.rs::scaled", "any entry, any shift of 64 bits: no panic", "i64", lambda path: path.fresh(-64, 64, "i32", "cut"))
simple("market_requirement_ceil", "deleverage.rs::market_requirement_ceil", ANY, "Ratio", "MarketRisk")
simple("with_cash", "deleverage.rs::with_cash", ANY, "MarginReport", "Quote")
simple("Candidate::is_eligible", "deleverage.rs::Candidate::is_eligible", ANY, "Candidate")
simple("is_relieved", "deleverage.rs::is_relieved", ANY, "MarginReport", "MarginReport")

# -- explanations --------------------------------------------------------------------------------------------------


def shock(path):
    fields = {"vol": made(path, "VolShock"), "spot": path.fresh(*SPOT_Q30, "i64", "spot"), "damping": path.fresh(0, ONE_Q30, "i64", "damping")}
    return Struct("Node", fields)


def priced(path):
    return Struct("PricedExpiry", {"listed": made(path, "Expiry"), "context": context(path)})


def in_shock(path, node):
    path.bound(node.spot, *SPOT_Q30, "spot")
    path.bound(node.damping, 0, ONE_Q30, "damping")


def shocked(path, node, *arguments):
    in_shock(path, node)
    return fallible(any_quote)(path)


simple("Node::linear", "explain.rs::Node::linear", "any notional: the 128-bit product fits", shock, "Quote", contract=shocked)
simple("Node::damped", "explain.rs::Node::damped", "any PnL: the 128-bit product fits", shock, "Quote", contract=shocked)


def scanned_notional(path):
    return amount(path, "Quote", -MOST_GROSS, MOST_GROSS)


def bounded_value(path):
    return path.fresh(-(OPTIONS << 63), OPTIONS << 63, "i128", "value")


def any_discounted(path, value, factor, mark):
    path.bound(value, -(OPTIONS << 63), OPTIONS << 63, "sum")
    for discount in (factor, mark):
        path.bound(discount, 0, ONE_Q38, "discount")
    return path.fresh(-(OPTIONS << 101), OPTIONS << 101, "i128", "discounted")


simple(
    "discounted", "explain.rs::discounted", "sums of 1,024 values, factors in [0, 1]: the 128-bit product fits, no division by zero",
    bounded_value, lambda path: path.fresh(0, ONE_Q38, "i64", "factor"), lambda path: path.fresh(0, ONE_Q38, "i64", "mark"),
    then=lambda path, arguments, result: path.bound(result, -(OPTIONS << 101), OPTIONS << 101, "discounted"),
    contract=lambda path, *arguments: any_discounted(path, *arguments),
)  # fmt: skip
simple(
    "variable_notional", "explain.rs::PricedExpiry::variable_notional", "|notional| <= 2^57, as scan_market has checked: no wrap", priced, "Position",
    contract=fallible(any_quote), given={"units.rs::Quantity::notional": fallible(scanned_notional)},
)  # fmt: skip
simple(
    "PricedExpiry::price", "explain.rs::PricedExpiry::price", "any forward to 2^87, any deviation to 2^40: shifts in range, 128-bit products checked", priced,
    "Position", lambda path: path.fresh(0, 2**87, "u128", "forward"), lambda path: path.fresh(1, MOST_STD_DEV, "i64", "std_dev"),
    contract=lambda path, expiry, leg, forward, std_dev: priced_at(path, forward, std_dev),
)  # fmt: skip


def priced_at(path, forward, std_dev):
    path.bound(forward, 0, 2**87, "forward")
    path.bound(std_dev, 1, MOST_STD_DEV, "std_dev")
    return fallible(lambda path: path.fresh(*I64, "i64", "value"))(path)


simple("PricedExpiry::new", "explain.rs::PricedExpiry::new", ANY, market, "i64", contract=fallible(priced))
simple("Node::of_scenario", "explain.rs::Node::of_scenario", "any set, any index: no panic", market, "usize", contract=fallible(shock))
simple(
    "PricedExpiry::values", "explain.rs::PricedExpiry::values", "any leg, any shock: the shifted forward fits 128 bits", priced, market, "Position", shock,
    contract=lambda path, expiry, market_, leg, node: in_shock(path, node) or fallible(lambda path: [path.fresh(*I64, "i64", "value") for _ in range(2)])(path),
)  # fmt: skip


def sums(scope):
    return [scope[name].z for name in ("value", "mark")]


def no_sum(runner, scope):
    if "flip" in scope:  # the second loop, which only reads
        return
    for term in sums(scope):
        runner.path.require(term == 0, "the sum of no leg")


def sum_of_turns(runner, scope):
    if "flip" in scope:
        return
    for term in sums(scope):
        runner.path.facts += [term <= runner.turns.z * 2**63, term >= -runner.turns.z * 2**63]


def one_leg_more(runner, scope):
    if "flip" in scope:
        return
    for term in sums(scope):
        runner.path.require(z3.And(term <= (runner.turns.z + 1) * 2**63, term >= -(runner.turns.z + 1) * 2**63), "the sum of one leg more")


SUM = (-(OPTIONS << 63), OPTIONS << 63)
simple(
    "Node::contributions", "explain.rs::Node::contributions", "up to 1,024 legs: the sums of values fit 128 bits; refused, or in range", shock, market, legs, "[Quote]",
    loops={"contributions": {"value": SUM, "mark": SUM, "#sums": Ghost(no_sum, sum_of_turns, one_leg_more)}}, contract=fallible(lambda path: []),
)  # fmt: skip
simple(
    "basis_contributions", "explain.rs::basis_contributions", ANY, market, legs, "[Quote]", contract=fallible(lambda path: []), loops={"basis_contributions": {}},
)  # fmt: skip
simple(
    "delta_contributions", "explain.rs::delta_contributions", ANY, market, legs, "[Quote]", contract=fallible(lambda path: []),
    loops={"delta_contributions": {"long": Kept(any_quote), "short": Kept(any_quote)}},
)  # fmt: skip


def evaluated(path, *arguments):
    return Variant("Ok", []) if path.choose(2) else Variant("Err")


claim(
    ME, "each_expiry", "explain.rs::each_expiry", "any legs, any slice: none is split beyond its end",
    lambda path, case: [legs(path), made(path, "[Quote]"), ("given", evaluated)],
    loops={"each_expiry": {"rest": Kept(legs), "out": Kept(lambda path: made(path, "[Quote]"))}},
)  # fmt: skip
simple(
    "leg_contributions", "explain.rs::leg_contributions", ANY, market, legs, "MarketRisk", "[Quote]",
    loops={"each_expiry": {"rest": Kept(legs), "out": any_of("[Quote]")}},
)  # fmt: skip
SEARCH = (0, 4 * 10**6)
claim(
    ME, "distance", "explain.rs::distance", "any function of the move: every multiplier stays between 0 and 4, no panic",
    lambda path, case: [made(path, "Axis"), ("given", fallible(any_quote))],
    loops={"distance": {"safe": SEARCH, "failing": SEARCH}},
)  # fmt: skip
