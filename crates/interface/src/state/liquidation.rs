//! Layout of the terms of liquidations: the auction's clock, the buffer, who gets what.

#[cfg(feature = "anchor")]
use anchor_lang::prelude::*;

use risk_core::auction::AuctionTerms;
use risk_core::liquidation::LiquidationTerms;
use risk_core::{Ratio, RiskError};

use crate::args::LiquidationArgs;

/// Terms of liquidations in a clearing house; validated when it was created.
#[cfg_attr(feature = "anchor", zero_copy)]
#[cfg_attr(
    not(feature = "anchor"),
    derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)
)]
#[derive(Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct LiquidationRecord {
    /// Share off equity at which an auction begins, 1e-6.
    pub discount_start: u32,
    /// Share off equity at the end of its fast phase, 1e-6.
    pub discount_fast: u32,
    /// Length of the fast phase, seconds.
    pub fast_seconds: u32,
    /// Length of the slow phase that follows, in which the discount grows to 1.0, seconds.
    pub slow_seconds: u32,
    /// Length of the insolvent phase, in which the payout grows to the maintenance deficit, seconds.
    pub insolvent_seconds: u32,
    /// Share of the maintenance requirement that liquidation restores as a buffer, 1e-6.
    pub buffer: u32,
    /// Largest fee for chosen legs, share of their notional, 1e-6.
    pub legs_fee: u32,
    /// Share of a liquidator's reward that goes to the insurance fund, 1e-6.
    pub fund_share: u32,
}

impl LiquidationRecord {
    /// Bounds of every term.
    ///
    /// Errors: [`RiskError::OutOfRange`].
    pub fn validate(&self) -> core::result::Result<(), RiskError> {
        let auction = self.auction();
        auction.validate()?;
        let terms = self.terms(auction.discount_start);
        terms.validate()?;
        auction.validate_beside(terms.buffer)
    }

    /// The terms of a slice at a discount.
    pub fn terms(&self, discount: Ratio) -> LiquidationTerms {
        LiquidationTerms {
            discount,
            buffer: Ratio::from_raw(self.buffer.into()),
            legs_fee: Ratio::from_raw(self.legs_fee.into()),
            fund_share: Ratio::from_raw(self.fund_share.into()),
        }
    }

    /// The auction's clock.
    pub fn auction(&self) -> AuctionTerms {
        let ratio = |raw: u32| Ratio::from_raw(raw.into());
        AuctionTerms {
            discount_start: ratio(self.discount_start),
            discount_fast: ratio(self.discount_fast),
            fast_seconds: self.fast_seconds.into(),
            slow_seconds: self.slow_seconds.into(),
            insolvent_seconds: self.insolvent_seconds.into(),
        }
    }

    /// The terms as they were given.
    pub fn new(args: &LiquidationArgs) -> Self {
        Self {
            discount_start: args.discount_start,
            discount_fast: args.discount_fast,
            fast_seconds: args.fast_seconds,
            slow_seconds: args.slow_seconds,
            insolvent_seconds: args.insolvent_seconds,
            buffer: args.buffer,
            legs_fee: args.legs_fee,
            fund_share: args.fund_share,
        }
    }
}

const _: () = assert!(core::mem::size_of::<LiquidationRecord>() == 32);
