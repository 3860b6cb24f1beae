"""Claims about `account.rs`: a whole account off chain, which adds up what is claimed elsewhere."""
import sys

from claims_book import SEARCH, any_of, fallible_of
from claims_expiry import legs, market
from harness import claim
from inputs import OPTIONS, fallible, made
from sequences import Kept, Many
from values import Struct

ME = sys.modules[__name__]
FINGERPRINTS = {}
ANY = "any account: no index out of range; refused, or in range"


def book(path):
    fields = {"market": market(path), "positions": legs(path), "standard": made(path, "StandardParams"), "group": made(path, "Option<usize>")}
    return Struct("Book", fields)


def account(path):
    return made(path, "Account", books=Many.of(path, book, OPTIONS))


def simple(function, *kinds, loops=None, contract=None):
    claim(
        ME, function, f"account.rs::{function}", ANY, lambda path, case: [made(path, kind) if isinstance(kind, str) else kind(path) for kind in kinds],
        loops={function.rpartition("::")[2]: loops or {}}, contract=contract,
    )  # fmt: skip


def without(path):
    return made(path, "Without")


CHECK = {"check": any_of("MarginCheck")}
simple("Account::start", account, "Move", "Scope", loops={**CHECK, "collateral": any_of("Collateral")}, contract=fallible_of("MarginCheck"))
simple(
    "Account::portfolio_after", account, "Move", "Scope", "[MarketRisk]", "[ScenarioPnl]",
    loops={**CHECK, "group": any_of("Group")}, contract=fallible_of("MarginReport"),
)  # fmt: skip
simple("Account::portfolio", account, "[MarketRisk]", "[ScenarioPnl]")
simple("Account::standard", account, loops=CHECK)
simple("Account::greeks", account)
simple("Account::distance", account, "Axis", "Scope", loops={"safe": SEARCH, "failing": SEARCH})
simple("Account::all_but", account, "usize", loops={**CHECK, "partial": any_of("Group"), "whole": any_of("Group")}, contract=fallible(without))
simple("Without::evaluate", without, account, book, legs, loops={"report": any_of("MarginReport")}, contract=fallible_of("MarginReport"))
simple("Account::closing_frees", account, "usize", "[QuotedPosition]", "[Freed]", loops={"without": Kept(without)})
