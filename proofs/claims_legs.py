"""Claims about the sums over the legs of an expiry: `fill_grid`, by an invariant over sizes and weights, and what uses them."""
import sys

import z3

from claims_expiry import DENSITY, OPTIONS, SUMS, WEIGHTS, context, legs, market, within_grid
from claims_grid import grid
from harness import claim
from inputs import I64, U64, fallible, made
from sequences import Ghost, Kept
from values import Struct, Unknown, Variant

ME = sys.modules[__name__]
FINGERPRINTS = {}
SIDE_MOST = 2 * (WEIGHTS + OPTIONS)  # of the deltas of one sign
VEGA_MOST = (WEIGHTS * DENSITY >> 19) + 2 * OPTIONS
WIDEST = (1 << 41) - 1
NARROW_MOST = WEIGHTS // 2 + OPTIONS  # of what deltas of options without variance can be wrong by


class Ghosts:
    """What the loop of `fill_grid` has used up: of the sizes that sum to an i64, of the weights, of the number of options."""

    def __init__(self, path):
        self.size, self.spent = path.fresh(0, I64[1], "i64", "size"), path.fresh(0, WEIGHTS, "i64", "spent")
        self.count, self.base = path.fresh(0, OPTIONS, "i64", "count"), None
        self.weight, self.quantity = None, None


def size(term):
    return z3.If(term < 0, -term, term)


def invariant(scope, spent_size, spent, count):
    """The sums over `count` options whose sizes are `spent_size` and whose |weights| are `spent` together."""
    read = lambda name: scope[name].z if name in scope else scope["sums"].fields[name].z  # noqa: E731
    at_strike = read("at_strike")
    sides = [z3.And(read(name) >= 0, read(name) <= 2 * spent + 2 * count) for name in ("positive", "negative")]
    vega = size(read("vega")) * 2**19 <= spent * DENSITY + count * 2**20
    narrow = z3.And(read("narrow") >= 0, 2 * read("narrow") <= spent + 2 * count)
    return z3.And(narrow, read("naked") >= 0, size(at_strike) + read("naked") <= spent_size, *sides, vega)


def start(runner, scope):
    runner.path.require(invariant(scope, 0, 0, 0), "the sums of no option")
    runner.path.require(scope["base"].z == 0, "A of an empty grid")


def assume(runner, scope):
    path = runner.path
    path.ghost = Ghosts(path)
    path.ghost.base = scope["base"]
    path.facts.append(invariant(scope, path.ghost.size.z, path.ghost.spent.z, path.ghost.count.z))


def check(runner, scope):
    """After one option more."""
    ghost = runner.path.ghost
    used = size(ghost.weight.z) if ghost.weight is not None else 0
    carried = z3.Implies(scope["with_legs"].formula(), scope["base"].z == ghost.base.z)
    runner.path.require(carried, "A of the option before")
    runner.path.require(invariant(scope, ghost.size.z + size(ghost.quantity.z), ghost.spent.z + used, ghost.count.z + 1), "the sums of one option more")


def next_option(path):
    """One option of those whose sizes, weights and number are bounded together."""
    leg = made(path, "Position")
    ghost = getattr(path, "ghost", None)
    if ghost:
        quantity = leg.quantity.fields["0"]
        path.facts += [size(quantity.z) <= I64[1] - ghost.size.z, ghost.count.z <= OPTIONS - 1]
        ghost.quantity = quantity
    return leg


def base_forward(path, grid_):
    ghost = getattr(path, "ghost", None)
    return ghost.base if ghost else path.fresh(-SUMS, SUMS, "i64", "base")


def add_option(path, grid_, option, is_put):
    """A at the no-move node changes by w N(d1), floored."""
    ghost = getattr(path, "ghost", None)
    if ghost:
        after = path.fresh(-SUMS, SUMS, "i64", "base")
        weight = size(option.forward_weight.z)
        path.facts += [after.z - ghost.base.z <= weight * 2**19, ghost.base.z - after.z <= weight * 2**19 + 1]
        ghost.base, ghost.weight = after, option.forward_weight
    return []


def grid_option(path, *arguments):
    from claims_expiry import grid_option as any_option

    if path.choose(2):
        return Variant("Err")
    option, ghost = any_option(path), getattr(path, "ghost", None)
    if ghost:
        path.facts += [size(option.forward_weight.z) <= WEIGHTS - ghost.spent.z]
    return Variant("Ok", option)


def fill_arguments(path, case):
    scan = made(path, "Scan", grid=grid(path))
    path.positions = legs(path, next_option)
    return [market(path), context(path), path.positions, Unknown(), scan]


def within_options(path, rest):
    path.require(rest.length.z <= path.positions.length.z, "the rest is within the options")


def rest_of_options(path):
    rest = legs(path, next_option)
    path.facts.append(rest.length.z <= path.positions.length.z)
    return rest


def some_series(path):
    return [made(path, "Price"), made(path, "Instrument")]


def leg_sums(path):
    fields = {"naked": (0, I64[1]), "positive": (0, SIDE_MOST), "negative": (0, SIDE_MOST), "vega": (-VEGA_MOST, VEGA_MOST), "widest": (0, WIDEST)}
    fields = {name: path.fresh(*limits, "i64", name) for name, limits in fields.items()}
    return Struct("Legs", {**fields, "narrow": path.fresh(0, NARROW_MOST, "u64", "narrow")})


def sums_obey(path, arguments, result):
    if result.name == "Ok":
        path.bound(result.value.naked, 0, I64[1], "naked")
        for name, most in (("positive", SIDE_MOST), ("negative", SIDE_MOST)):
            path.bound(result.value.fields[name], 0, most, name)
        path.bound(result.value.vega, -VEGA_MOST, VEGA_MOST, "vega")
        path.bound(result.value.widest, 0, WIDEST, "widest")
        path.bound(result.value.narrow, 0, NARROW_MOST, "narrow")




def half_of_weight(result, weight):
    return z3.And(result >= 0, 2 * result <= size(weight) + 2)


def any_narrow(path, option):
    within_grid(path, option)
    result = path.fresh(0, NARROW_MOST, "u64", "narrow")
    path.facts.append(half_of_weight(result.z, option.forward_weight.z))
    return result


def narrow_arguments(path, case):
    from claims_expiry import grid_option as any_option

    return [any_option(path)]


claim(
    ME, "narrow_error", "legs.rs::narrow_error", "any option of the grid: no wrap, no division by zero; at most half of the |weight| and one unit",
    narrow_arguments, then=lambda path, arguments, result: path.require(half_of_weight(result.z, arguments[0].forward_weight.z), "half of the weight"),
    contract=any_narrow,
)  # fmt: skip
claim(
    ME, "ExpiryGrid::base_forward", "grid.rs::ExpiryGrid::base_forward", "any grid: no panic", lambda path, case: [grid(path)], contract=base_forward,
)  # fmt: skip
FILL_LOOP = {
    "sums.naked": I64, "sums.positive": I64, "sums.negative": I64, "sums.vega": I64, "sums.widest": (0, WIDEST), "sums.narrow": U64,
    "at_strike": I64, "sides": I64, "base": (-SUMS, SUMS),
    "previous": Kept(some_series), "rest": Kept(rest_of_options, within_options), "#sums": Ghost(start, assume, check),
}  # fmt: skip
claim(
    ME, "fill_grid", "legs.rs::fill_grid",
    "sizes that sum to i64, |weights| that sum to 2^39 + 1024, 1,024 options: naked sizes, deltas by sign and vega never wrap",
    fill_arguments, loops={"fill_grid": FILL_LOOP}, then=sums_obey, contract=fallible(leg_sums),
    given={"legs.rs::Pricing::option": grid_option, "grid.rs::ExpiryGrid::add": add_option},
)  # fmt: skip
