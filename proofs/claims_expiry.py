"""Claims about `expiry.rs`: forward, discounts, deviations, sums over the legs of one expiry."""
import sys

import z3

from harness import claim, within
from inputs import I64, LN_PRICE, MOST_GROSS, MOST_SECONDS, MOST_STD_DEV, ONE_Q30, ONE_Q38, OPTIONS, U64, fallible, made, maybe, within_ranges
from lemmas import Refuted, decide
from sequences import Ghost, Many
from values import Struct, Unknown

ME = sys.modules[__name__]
FINGERPRINTS = {
    "grid.rs::ExpiryGrid::open": "c95612d660672d94",
    "legs.rs::Pricing::option": "789513b109dec88d",
    "legs.rs::sizes": "1c07c3572fef9e41",
    "units.rs::Quantity::small_notional": "1f83c3a401f97bd2",
}
WEIGHTS = (1 << 39) + OPTIONS  # sum of |weights|: shifting a negative amount rounds it away from zero, by 1 each
SUMS = (WEIGHTS << 19) + OPTIONS  # sums of w N in Q19, floored once per option
SMILE = Struct("SviSlice", {})


def context(path, **given):
    return made(path, "ExpiryContext", smile=SMILE, **given)


def market(path, **given):
    return made(path, "Market", **given)


def context_obeys(path, arguments, result):
    if result.name == "Ok":
        within_ranges(path, result.value, "ExpiryContext")




def checked_forward(path):
    fields = {"forward": made(path, "Price", bits=True), "share": path.fresh(0, ONE_Q30, "i64", "share"), "seconds": path.fresh(0, MOST_SECONDS, "i64", "seconds")}
    path.bound(fields["forward"].fields["0"], 0, U64[1], "forward")
    path.narrow(fields["forward"].fields["0"], 1, I64[1])
    return Struct("CheckedForward", fields)


def forward_obeys(path, arguments, result):
    if result.name == "Ok":
        path.bound(result.value.forward.fields["0"], 1, I64[1], "forward")
        path.bound(result.value.share, 0, ONE_Q30, "share")
        path.bound(result.value.seconds, 0, MOST_SECONDS, "seconds")


claim(
    ME, "CheckedForward::new", "expiry.rs::CheckedForward::new", "any market, any validated expiry: refused, or forward, share and tenor in range",
    lambda path, case: [market(path), made(path, "Expiry")], then=forward_obeys, contract=fallible(checked_forward),
)  # fmt: skip
claim(
    ME, "ExpiryContext::of", "expiry.rs::ExpiryContext::of",
    "a checked forward, any validated expiry: tenor rate below 2^59, no wrap; discount, exponent, tenor in the ranges that the rest assumes",
    lambda path, case: [checked_forward(path), market(path), made(path, "Expiry")],
    then=lambda path, arguments, result: within_ranges(path, result, "ExpiryContext"), contract=lambda path, *arguments: context(path),
)  # fmt: skip
claim(
    ME, "ExpiryContext::new", "expiry.rs::ExpiryContext::new",
    "any market, any validated expiry: refused, or in the ranges that the rest assumes",
    lambda path, case: [market(path), made(path, "Expiry")], then=context_obeys, contract=fallible(context),
)  # fmt: skip
claim(
    ME, "share_q30", "expiry.rs::share_q30", "any two u64: no wrap, in [0, 1]", lambda path, case: [path.fresh(*U64, "u64", n) for n in ("variable", "total")],
    then=within(0, ONE_Q30),
)  # fmt: skip
claim(
    ME, "explicit_std_dev", "expiry.rs::explicit_std_dev", "any volatility, any tenor: refused, or no wrap",
    lambda path, case: [path.fresh(*U64, "u64", "volatility"), path.fresh(*I64, "i64", "seconds")],
)  # fmt: skip
claim(
    ME, "moved_std_dev", "expiry.rs::moved_std_dev", "any two: no wrap, saturated",
    lambda path, case: [path.fresh(*U64, "u64", "std_dev"), path.fresh(*I64, "i64", "moved")],
)  # fmt: skip
claim(
    ME, "ExpiryContext::std_dev_after", "expiry.rs::ExpiryContext::std_dev_after", "any volatility, any |moneyness| <= 44.4, any point before: no wrap",
    lambda path, case: [context(path), made(path, "Option<u64>"), path.fresh(-LN_PRICE, LN_PRICE, "i64", "moneyness"), made(path, "SmilePoint")],
    contract=lambda path, *arguments: fallible(lambda path: path.fresh(*U64, "u64", "std_dev"))(path),
)  # fmt: skip
claim(
    ME, "ExpiryContext::std_dev", "expiry.rs::ExpiryContext::std_dev", "any volatility, any |moneyness| <= 44.4: no wrap",
    lambda path, case: [context(path), made(path, "Option<u64>"), path.fresh(-LN_PRICE, LN_PRICE, "i64", "moneyness")],
    contract=fallible(lambda path: path.fresh(*U64, "u64", "std_dev")),
)  # fmt: skip


def discounts(path):
    return Struct("Discounts", {name: path.fresh(0, ONE_Q38, "i64", name) for name in ("mark", "long", "short")})


def discounts_obey(path, arguments, result):
    for name in ("mark", "long", "short"):
        path.bound(result.fields[name], 0, ONE_Q38, name)


claim(
    ME, "ExpiryContext::discounts", "expiry.rs::ExpiryContext::discounts", "any context, validated parameters: no wrap; all three in [0, 1]",
    lambda path, case: [context(path), made(path, "StaticDiscountParams")], then=discounts_obey, contract=lambda path, *arguments: discounts(path),
)  # fmt: skip


# -- legs ----------------------------------------------------------------------------------------------------------
def legs(path, make=None):
    """Up to 1,024 legs, whatever they are."""
    return Many.of(path, make or (lambda path: made(path, "Position")), OPTIONS)


claim(
    ME, "PositionSource::volatility", "position.rs::PositionSource::volatility", "a source may give any volatility",
    lambda path, case: [made(path, "Position")], contract=lambda path, leg: maybe(path, lambda path: path.fresh(*U64, "u64", "volatility")),
)  # fmt: skip
def any_sizes(path):
    return Struct("Sizes", {name: path.fresh(0, I64[1], "u64", name) for name in ("size", "gross")} | {"is_small": Unknown()})


def sum_starts(runner, scope):
    runner.path.require(z3.And(scope["size"].z == 0, scope["any"].z == 0), "the sum of no size")


def sum_so_far(runner, scope):
    """Over the integers: no more than the turns taken times the sizes' or, which is no less than each; then nothing has wrapped."""
    path, turns = runner.path, runner.turns.z
    path.sum = path.fresh(0, 2**200, "i1024", "sum")  # of all sizes so far
    path.quick = scope["size"]
    exact = z3.And(scope["size"].z == path.sum.z, path.sum.z <= turns * (1 << 47))
    path.facts.append(z3.Implies(z3.And(scope["any"].z < 1 << 47, turns < 1 << 16), exact))


def sum_goes_on(runner, scope):
    path, turns = runner.path, runner.turns.z + 1
    total = path.sum.z + path.magnitude
    exact = z3.And(scope["size"].z == total, total <= turns * (1 << 47))
    path.require(z3.Implies(z3.And(scope["any"].z < 1 << 47, turns < 1 << 16), exact), "the sum of one size more")


def sized_leg(path):
    leg = made(path, "Position")
    quantity = leg.quantity.fields["0"].z
    path.magnitude = z3.If(quantity < 0, -quantity, quantity)
    return leg


def exact_size(path, arguments, result):
    """What the quick sum gives is the sum; the slow one adds up again, saturating."""
    if result.name == "Ok" and result.value.size.node is path.quick.node:
        path.require(result.value.size.z == path.sum.z, "the sum of all sizes")


SIZE_LOOP = {"size": U64, "any": U64, "#sum": Ghost(sum_starts, sum_so_far, sum_goes_on)}
claim(
    ME, "sizes", "legs.rs::sizes", "any legs: the quick sum is exact where it is used, the slow one saturates; what does not fit i64 is refused",
    lambda path, case: [Many.of(path, sized_leg, 2**60), made(path, "Price")], then=exact_size,
    loops={"sizes": SIZE_LOOP}, wraps={"sizes": ("size: wrapping_add",)},
    contract=fallible(any_sizes),
)  # fmt: skip


def gross_bounds(source):
    """Sum over options of floor(|q| P / 1e8), P <= H, is at most floor(sum |q| H / 1e8): by induction, one option more."""
    total, size, high, quantity, price, notional, q_high, q_price, s_high = z3.Ints("total size high quantity price notional qh qp sh")
    known = [
        total * 10**8 <= s_high, notional * 10**8 <= q_price, notional >= 0, quantity >= 0, price >= 0, price <= high,
        q_price <= q_high,  # q (H - P) >= 0
    ]  # fmt: skip
    if decide([*known, z3.Not((total + notional) * 10**8 <= s_high + q_high)], 20_000)[0] != z3.unsat:
        raise Refuted("the gross notional does not bound the weights")
    # and shifted: floor(n / 2^s) of either sign is at most |n| / 2^s + 1 in magnitude, so k of them sum to at most G / 2^s + k
    for shift in range(20):
        gross = min(MOST_GROSS, (1 << (39 + shift)) - 1)
        if (gross >> shift) + OPTIONS > WEIGHTS:
            raise Refuted(f"the weights at shift {shift}")
    return 2


claim(
    ME, "gross notional bounds the weights", "legs.rs::sizes",
    "1,024 options: the sum of |weights| is at most gross >> shift and one per option, so at most 2^39 + 1024",
    model=gross_bounds, models=("grid.rs::ExpiryGrid::open", "legs.rs::Pricing::option"),
)  # fmt: skip


def price_parts(path, price=None, whole=U64[1] // 10**8):
    return Struct("PriceParts", {"whole": path.fresh(0, whole, "u64", "whole"), "part": path.fresh(0, 10**8 - 1, "u64", "part")})


claim(
    ME, "Price::parts", "units.rs::Price::parts", "any price: whole dollars below 2^38, the rest below 1e8", lambda path, case: [made(path, "Price")],
    then=lambda path, arguments, result: [path.bound(result.whole, 0, U64[1] // 10**8, "whole"), path.bound(result.part, 0, 10**8 - 1, "part")],
    contract=price_parts,
)  # fmt: skip
SMALL, SMALL_WHOLE = 1 << 36, 1 << 26


def same_as_notional(path, arguments, result):
    quantity, parts = arguments[0].fields["0"], arguments[1]
    price = parts.whole.z * 10**8 + parts.part.z
    size = z3.If(quantity.z < 0, -quantity.z, quantity.z)
    near = z3.If(quantity.z < 0, -result.z, result.z)
    path.bound(result, -(1 << 63) + 1, (1 << 63) - 1, "notional")
    path.require(z3.And(near * 10**8 <= size * price, size * price < (near + 1) * 10**8), "toward zero, as notional")


claim(
    ME, "small_notional", "units.rs::Quantity::small_notional", "sizes below 2^36, less than 2^26 whole dollars: no wrap; the same as notional",
    lambda path, case: [Struct("Quantity", {"0": path.fresh(*case, "i64", "quantity")}), price_parts(path, None, SMALL_WHOLE - 1)],
    cases=((-SMALL + 1, -1), (0, SMALL - 1)), then=same_as_notional,
    contract=lambda path, quantity, parts: small(path, quantity, parts),
)  # fmt: skip


def small(path, quantity, parts):
    """In the range of the claim, as `sizes` has found; positions that are out of order may leave it, and are refused."""
    return path.fresh(-I64[1], I64[1], "i64", "notional")


claim(
    ME, "small_notional, any bits", "units.rs::Quantity::small_notional",
    "any size, any price (of positions that are out of order, which are refused after it): wraps, does not panic",
    lambda path, case: [made(path, "Quantity"), price_parts(path)], wraps={"small_notional": ("wrapping_mul", "wrapping_add", "wrapping_sub", "cast")},
)  # fmt: skip


def option_arguments(path, case):
    levels, last = Struct("VolLevels", {}), made(path, "SmilePoint")
    fields = {"context": context(path), "levels": levels, "forward": price_parts(path), "is_small": case, "last": last}
    return [Struct("Pricing", {**fields, "shift": path.fresh(0, 19, "u32", "shift")}), made(path, "Position"), made(path, "Option<u64>")]


def option_obeys(path, arguments, result):
    if result.name == "Ok":
        path.bound(result.value.moneyness, -(2**42), 2**42, "moneyness")
        for value in result.value.std_dev:
            path.bound(value, 1, MOST_STD_DEV, "standard deviation")


def within_grid(path, option):
    """What the grid and the vega assume of an option."""
    path.bound(option.moneyness, -(2**42), 2**42, "moneyness")
    for value in option.std_dev:
        path.bound(value, 1, MOST_STD_DEV, "standard deviation")
    for name in ("forward_weight", "strike_weight"):
        path.bound(option.fields[name], -WEIGHTS, WEIGHTS, name)


def grid_option(path):
    """One option as the grid takes it."""
    fields = {name: path.fresh(-WEIGHTS, WEIGHTS, "i64", name) for name in ("forward_weight", "strike_weight")}
    deviations = [path.fresh(1, MOST_STD_DEV, "i64", "v") for _ in range(5)]
    return Struct("GridOption", {"moneyness": path.fresh(-(2**42), 2**42, "i64", "m"), "std_dev": deviations, **fields})


claim(
    ME, "Pricing::option", "legs.rs::Pricing::option", "any size, any strike, any shift: moneyness within +-64, deviations in [1, 2^40]: what the loop's claim starts from",
    option_arguments, cases=(False, True), then=option_obeys, contract=fallible(grid_option),
)  # fmt: skip
DENSITY = int(0.41 * ONE_Q38)


def vega_near(result, weight):
    """|vega| 2^19 <= |w| 0.41 and two units."""
    limit = z3.If(weight < 0, -weight, weight) * DENSITY + 2**20
    return z3.And(result * 2**19 <= limit, result * 2**19 >= -limit)


def any_vega(path, option):
    within_grid(path, option)
    most = (WEIGHTS * DENSITY >> 19) + 2
    result = path.fresh(-most, most, "i64", "vega")
    path.facts.append(vega_near(result.z, option.forward_weight.z))
    return result


claim(
    ME, "leg_vega", "contingency.rs::leg_vega", "any option of the grid: no wrap, quotients by two digits; |vega| 2^19 <= |w| 0.41 and two units, so below 2^57",
    lambda path, case: [grid_option(path)], then=lambda path, arguments, result: path.require(vega_near(result.z, arguments[0].forward_weight.z), "size"),
    contract=any_vega,
)  # fmt: skip
