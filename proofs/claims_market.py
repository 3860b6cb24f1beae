"""Claims about `market.rs`: forwards, moves, what an expiry must obey."""
import sys

from harness import claim
from inputs import I64, LN_PRICE, MOST_SECONDS, U64, amount, fallible, made, within_ranges
from lemmas import Val
from values import Struct

ME = sys.modules[__name__]
FINGERPRINTS = {}


def price_in_range(path, arguments, result):
    if result.name == "Ok":
        path.bound(result.value.fields["0"], 1, I64[1], "price")


def any_price(path):
    return amount(path, "Price", 1, I64[1], "price")


claim(
    ME, "Price::checked", "units.rs::Price::checked", "any bits: what passes lies in 1 to 2^63 - 1", lambda path, case: [path.fresh(*U64, "u64", "raw")],
    then=price_in_range,
)  # fmt: skip
claim(
    ME, "Position::option", "position.rs::Position::option", "any option: its logarithm is that of its strike", lambda path, case: [
        made(path, "Instrument"), path.fresh(*I64, "i64", "expiry"), made(path, "Price"), made(path, "Quantity"),
    ], then=lambda path, arguments, result: path.bound(result.ln_strike, 0, LN_PRICE, "ln_strike"),
)  # fmt: skip
claim(
    ME, "Move::price", "market.rs::Move::price", "any bits: no panic; a moved price is checked",
    lambda path, case: [made(path, "Move", bits=True), made(path, "Price")],
)  # fmt: skip
claim(
    ME, "Expiry::forward", "market.rs::Expiry::forward", "any bits: no panic; in 1 to 2^63 - 1", lambda path, case: [made(path, "Expiry", bits=True), made(path, "Price")],
    then=price_in_range, contract=fallible(any_price),
)  # fmt: skip


def parts(path):
    return Struct("ForwardParts", {"variable": path.fresh(*U64, "u64", "variable"), "fixed": path.fresh(*U64, "u64", "fixed")})


claim(
    ME, "Expiry::parts", "market.rs::Expiry::parts", "any bits, tenor to 4 years: no wrap, the live forward fits its cast",
    lambda path, case: [made(path, "Expiry", bits=True), made(path, "Price"), made(path, "Move", bits=True), path.fresh(0, MOST_SECONDS, "i64", "seconds")],
    contract=lambda path, expiry, spot, shift, seconds: path.bound(seconds, 0, MOST_SECONDS, "seconds") or fallible(parts)(path),
)  # fmt: skip
def at_reference(path, case):
    tenor = path.fresh(1, MOST_SECONDS, "i64", "tenor")
    return [made(path, "Svi", reference_tenor=Val(tenor.node, "u32")), tenor]


claim(
    ME, "at_the_money_volatility", "market.rs::at_the_money_volatility", "any smile, any tenor to 4 years: the product fits u64",
    at_reference,
    contract=lambda path, svi, tenor: path.fresh(*I64, "i64", "volatility") if svi.reference_tenor.node is tenor.node and tenor.lo >= 1 else None,
)  # fmt: skip


def expiry_obeys(path, arguments, result):
    if result.name == "Ok":
        within_ranges(path, arguments[0], "Expiry")


claim(
    ME, "Expiry::validate", "market.rs::Expiry::validate", "any bits: what passes lies in the ranges that the claims assume",
    lambda path, case: [made(path, "Expiry", bits=True)], then=expiry_obeys,
)  # fmt: skip
claim(
    ME, "Market::moved", "market.rs::Market::moved", "any market, any move: no panic", lambda path, case: [made(path, "Market"), made(path, "Move", bits=True)],
)  # fmt: skip
claim(
    ME, "Market::check_listing", "market.rs::Market::check_listing", "any market, any tenor: no panic",
    lambda path, case: [made(path, "Market"), path.fresh(*I64, "i64", "seconds")],
)  # fmt: skip
