//! No input of any bits panics: every public entry point of the crate on bit patterns that mean nothing.
//!
//! Deterministic and built with debug assertions and overflow checks. Books that mean something, with single bits turned,
//! are in the oracle's tests; kernels in `tests/kernels`.

// Test code: an overflow or a bad index must fail the test, and that is what panics do.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]

mod amounts;
mod books;
mod sets;
#[allow(dead_code)] // the kernel tests' generator; their vector reader is not needed here
#[path = "../kernels/support.rs"]
mod support;

use risk_core::market::{Expiry, MarketParams, VolShockParams};
use risk_core::params::{
    AccountTerms, BasisParams, ConcentrationParams, ConfidenceParams, MinDeltaParams, SkewParams,
    StaticDiscountParams,
};
use risk_core::position::{Instrument, Position, QuotedPosition};
use risk_core::svi::Svi;
use risk_core::{Price, Quantity, Quote, Ratio};
use support::Random;

/// Draws every type from raw bits, all orders of magnitude alike.
pub struct Bits(pub Random);

impl Bits {
    pub fn below(&mut self, most: usize) -> usize {
        (self.0.bits() % most as u64) as usize
    }

    pub fn ratio(&mut self) -> Ratio {
        Ratio::from_raw(self.0.any_signed())
    }

    pub fn quote(&mut self) -> Quote {
        Quote::from_raw(self.0.any_signed())
    }

    pub fn price(&mut self) -> Price {
        Price::from_raw(self.0.any())
    }

    pub fn quantity(&mut self) -> Quantity {
        Quantity::from_raw(self.0.any_signed())
    }

    pub fn instrument(&mut self) -> Instrument {
        Instrument::from_code(self.below(4) as u8).unwrap()
    }

    pub fn svi(&mut self) -> Svi {
        Svi {
            a: self.0.any_signed(),
            b: self.0.any(),
            rho: self.0.any_signed() as i32,
            m: self.0.any_signed() as i32,
            s: self.0.any() as u32,
            reference_tenor: self.0.any() as u32,
        }
    }

    pub fn expiry(&mut self) -> Expiry {
        Expiry {
            time: self.0.any_signed(),
            forward_basis: self.0.any_signed() as i32,
            rate: self.0.any_signed() as i32,
            svi: (self.below(4) > 0).then(|| self.svi()),
            forward_price: (self.below(2) > 0).then(|| self.price()),
            fixed_forward: self.price(),
            open_seconds: None,
            confidence: self.ratio(),
        }
    }

    /// A position of anything, on a listed expiry half of the time.
    pub fn position(&mut self, expiries: &[Expiry]) -> QuotedPosition {
        let listed = expiries.get(self.below(2 * expiries.len().max(1)));
        let position = Position {
            instrument: self.instrument(),
            expiry: listed.map_or_else(|| self.0.any_signed(), |expiry| expiry.time),
            strike: self.price(),
            ln_strike: self.0.any_signed(),
            quantity: self.quantity(),
            cost: self.quote(),
        };
        QuotedPosition {
            position,
            volatility: (self.below(2) > 0).then(|| self.0.any()),
        }
    }

    pub fn confidence(&mut self) -> ConfidenceParams {
        ConfidenceParams {
            threshold: self.ratio(),
            factor: self.ratio(),
        }
    }

    pub fn concentration(&mut self) -> ConcentrationParams {
        ConcentrationParams {
            threshold: self.quote(),
            full: self.quote(),
            cap: self.ratio(),
        }
    }

    pub fn terms(&mut self) -> AccountTerms {
        AccountTerms {
            quote_price: self.price(),
            peg_threshold: self.ratio(),
            peg_factor: self.ratio(),
            confidence: self.confidence(),
        }
    }

    /// Parameters of raw bits, each group replaced by the preset's half of the time.
    pub fn params(&mut self) -> MarketParams {
        let mut params = MarketParams::SOL;
        if self.below(2) > 0 {
            params.vol = VolShockParams {
                range_up: self.ratio(),
                range_down: self.ratio(),
                short_power: self.ratio(),
                long_power: self.ratio(),
                floor_seconds: self.0.any_signed(),
                min_vol_up: self.ratio(),
            };
        }
        if self.below(2) > 0 {
            params.perp_maintenance = self.ratio();
            params.perp_initial = self.ratio();
            params.option_maintenance = self.ratio();
            params.option_initial = self.ratio();
            params.scan_maintenance = self.ratio();
            params.scan_initial = self.ratio();
        }
        if self.below(2) > 0 {
            params.skew = SkewParams {
                linear_base: self.ratio(),
                linear_slope: self.ratio(),
                abs_base: self.ratio(),
                abs_slope: self.ratio(),
                min_k: self.ratio(),
                width: self.ratio(),
                fixed: self.ratio(),
                scale: self.ratio(),
            };
        }
        if self.below(2) > 0 {
            params.discount = StaticDiscountParams {
                long_base: self.ratio(),
                long_multiplier: self.ratio(),
                long_add: self.ratio(),
                short_base: self.ratio(),
                short_multiplier: self.ratio(),
                short_add: self.ratio(),
            };
        }
        if self.below(2) > 0 {
            params.basis = BasisParams {
                up: self.ratio(),
                down: self.ratio(),
                add: self.ratio(),
                multiplier: self.ratio(),
            };
            params.min_delta = MinDeltaParams {
                net: self.ratio(),
                hedged: self.ratio(),
            };
        }
        if self.below(2) > 0 {
            params.confidence = self.confidence();
            params.concentration_delta = self.concentration();
            params.concentration_vega = self.concentration();
        }
        params
    }
}
