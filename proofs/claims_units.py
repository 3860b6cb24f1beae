"""Claims about `units.rs` and `liquidation.rs`: the 64-bit fast paths are the exact results, nothing overflows unseen."""
import sys

import z3

from harness import claim
from inputs import any_quote, fallible
from lemmas import Refuted, decide
from values import Struct

ME = sys.modules[__name__]
U64, I64 = (0, 2**64 - 1), (-(2**63), 2**63 - 1)
# Hashes of the functions' tokens as the claims were read against them: an edit fails here until the claims are read again.
FINGERPRINTS = {
    "units.rs::Quote::adding": "84544c5b396892d5",
    "units.rs::Quote::checked_add": "04575d75013c935a",
    "units.rs::Quote::checked_sub": "f6bef98b52e20609",
    "units.rs::Quote::checked_sum": "a5ba0f87121cdbed",
    "units.rs::Quote::mul_ratio_magnitude": "b890f187e9f3727b",
}
PRICE_ONE, RATIO_ONE, FRACTION_ONE = 10**8, 10**6, 10**9


def notional_is_exact(path, arguments, result):
    if result.name == "Err":
        path.require(arguments[0].z * arguments[1].z >= PRICE_ONE << 63, "refused only from 2^63 on")
        return
    quantity, price = arguments
    path.distribute(price, quantity)
    product = quantity.z * price.z
    path.require(z3.And(result.value.z * PRICE_ONE <= product, product < (result.value.z + 1) * PRICE_ONE), "floor", linear=True)


claim(
    ME, "notional, both paths", "units.rs::notional_magnitude",
    "any two u64: no wrap; the fast path and the 128-bit path are both floor(quantity price / 1e8), or refused from 2^63 on",
    lambda path, case: [path.fresh(*U64, "u64", "quantity"), path.fresh(*U64, "u64", "price")], then=notional_is_exact,
)  # fmt: skip


def ratio_is_exact(direction):
    def then(path, arguments, result):
        value, ratio = (argument.fields["0"] for argument in arguments)
        if result.name == "Err":
            return
        got = result.value.fields["0"].z * RATIO_ONE
        magnitude = path.absolute(value, "u64")
        path.distribute(magnitude, ratio)
        exact = value.z * ratio.z
        path.facts.append(z3.Or(magnitude.z * ratio.z == exact, magnitude.z * ratio.z == -exact))
        path.facts.append(z3.Implies(value.z >= 0, magnitude.z * ratio.z == exact))
        path.facts.append(z3.Implies(value.z < 0, magnitude.z * ratio.z == -exact))
        near = z3.And(got <= exact, exact < got + RATIO_ONE) if direction == "floor" else z3.And(got >= exact, exact > got - RATIO_ONE)
        path.require(near, direction, linear=True)

    return then


for direction in ("floor", "ceil"):
    claim(
        ME, f"mul_ratio_{direction}, both paths", f"units.rs::Quote::mul_ratio_{direction}",
        f"any two i64: no wrap; the fast path and the 128-bit path are both the exact {direction} of value ratio / 1e6, or refused",
        lambda path, case: [Struct("Quote", {"0": path.fresh(*I64, "i64", "value")}), Struct("Ratio", {"0": path.fresh(*I64, "i64", "ratio")})],
        then=ratio_is_exact(direction), contract=fallible(any_quote), wraps={"mul_ratio_magnitude": ("reinterpret",)},
    )  # fmt: skip


def quote(path, name, lo=I64[0], hi=I64[1]):
    return Struct("Quote", {"0": path.fresh(lo, hi, "i64", name)})


def any_sum(path, first, second):
    return [quote(path, "sum"), path.fresh(*I64, "i64", "overflow")]


def sign_tests(source):
    """Bit vectors: a sum left i64 exactly where it has a sign that neither operand has, a difference where the signs differ and it
    has the subtrahend's; or-ed, the test is negative where any is."""
    a, b = z3.BitVecs("a b", 64)
    total, difference = a + b, a - b
    wide_total, wide_difference = z3.SignExt(1, a) + z3.SignExt(1, b), z3.SignExt(1, a) - z3.SignExt(1, b)
    goals = [
        (((total ^ a) & (total ^ b)) < 0) == (wide_total != z3.SignExt(1, total)),
        (((a ^ b) & (a ^ difference)) < 0) == (wide_difference != z3.SignExt(1, difference)),
        ((a | b) < 0) == z3.Or(a < 0, b < 0),
    ]
    if any(decide([z3.Not(goal)], 20_000)[0] != z3.unsat for goal in goals):
        raise Refuted("a test of overflow")
    return len(goals)


claim(
    ME, "the tests of overflow", "units.rs::Quote::adding", "any amounts: the sign test finds exactly the sums and differences that leave i64",
    model=sign_tests, models=("units.rs::Quote::checked_sub", "units.rs::Quote::checked_add", "units.rs::Quote::checked_sum"),
)  # fmt: skip
claim(
    ME, "Quote::adding", "units.rs::Quote::adding", "any two amounts: the sum may wrap, which the test finds", wraps={"adding": ("wrapping_add",)}, contract=any_sum,
    arguments=lambda path, case: [quote(path, n) for n in "ab"],
)  # fmt: skip
claim(
    ME, "Quote::checked_sub", "units.rs::Quote::checked_sub", "any two amounts: the difference may wrap, which the test finds",
    wraps={"checked_sub": ("wrapping_sub",)}, contract=fallible(any_quote), arguments=lambda path, case: [quote(path, n) for n in "ab"],
)  # fmt: skip
claim(
    ME, "Quote::checked_add", "units.rs::Quote::checked_add", "any two amounts: refused, or in range", contract=fallible(any_quote),
    arguments=lambda path, case: [quote(path, n) for n in "ab"],
)  # fmt: skip
claim(
    ME, "Quote::checked_sum", "units.rs::Quote::checked_sum", "seven amounts: refused, or in range", contract=fallible(any_quote),
    arguments=lambda path, case: [[quote(path, "amount") for _ in range(7)]],
)  # fmt: skip
claim(
    ME, "scale_magnitude", "units.rs::scale_magnitude", "any three u64: the 128-bit product cannot overflow, division by 0 is None",
    lambda path, case: [path.fresh(*U64, "u64", n) for n in ("magnitude", "numerator", "denominator")],
)  # fmt: skip


def fraction_in_range(path, arguments, result):
    if result.name == "Ok":
        path.bound(result.value, 0, FRACTION_ONE, "fraction")


claim(
    ME, "restoring_fraction", "liquidation.rs::restoring_fraction", "any three amounts: no panic; a fraction is in [0, 1]",
    lambda path, case: [quote(path, n) for n in ("health", "book_price", "reserved")], then=fraction_in_range,
)  # fmt: skip
claim(
    ME, "price_of_fraction_ceil", "liquidation.rs::price_of_fraction_ceil", "any amount, any u64: no panic, no wrap",
    lambda path, case: [quote(path, "book_price"), path.fresh(*U64, "u64", "fraction")],
)  # fmt: skip
