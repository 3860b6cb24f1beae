"""Claims about the boundary: what `validate` lets through is what every other claim assumes (RANGES in inputs.py)."""
import sys

from harness import claim
from inputs import made, within_ranges

ME = sys.modules[__name__]
FINGERPRINTS = {}


def validated(name, file, words, **options):
    def then(path, arguments, result):
        if result.name == "Ok":
            within_ranges(path, arguments[0], name)

    claim(
        ME, f"{name}::validate", f"{file}::{name}::validate", words, lambda path, case: [made(path, name, bits=True)], then=then,
        **options,
    )  # fmt: skip


validated("MarketParams", "params.rs", "any bits: what passes lies in the ranges that the claims assume; no panic")
validated("AccountTerms", "params.rs", "any bits: what passes lies in the ranges that the claims assume; no panic")
validated("GroupParams", "group.rs", "any bits: kappa and the cap of the offset in [0, 1]")
validated("LiquidationTerms", "liquidation.rs", "any bits: discount in [0, 1], buffer in [0.01, 1], shares in their bounds")
validated("AuctionTerms", "auction.rs", "any bits: discounts at most 0.5 and 0.9, phases of a minute, ten minutes, a minute at least")
validated("PortfolioTerms", "tier.rs", "any bits: minimum equity in [0, 1e9 USD]")
validated("StandardParams", "tier.rs", "any bits: shares in [0, 1]")
validated("Move", "market.rs", "any bits: spot in [0.001, 100], volatility in [0, 100]")
