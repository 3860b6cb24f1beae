//! Layout of a collateral bank: one mint, its vault, its haircuts.

#[cfg(feature = "anchor")]
use anchor_lang::prelude::*;

use clearing_core::limiter::{ramp_floor, Outflow};
use risk_core::margin::Collateral;
use risk_core::params::AccountTerms;
use risk_core::{Price, Quantity, Quote, Ratio, RiskError};

#[cfg(not(feature = "anchor"))]
use crate::Pubkey;

/// One collateral mint; PDA `[bank, clearinghouse, mint]`. Its token account is PDA `[vault, bank]`.
#[cfg_attr(feature = "anchor", account(zero_copy))]
#[cfg_attr(
    not(feature = "anchor"),
    derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)
)]
#[derive(Debug)]
#[repr(C)]
pub struct CollateralBank {
    /// Layout version.
    pub version: u8,
    /// Bump of this account's address.
    pub bump: u8,
    /// Bump of the vault's address.
    pub vault_bump: u8,
    /// 1 for the quote bank, whose deposits are cash; 0 otherwise.
    pub is_quote: u8,
    /// Decimals of the mint.
    pub decimals: u8,
    /// Kind of the price account: [`crate::state::oracle::PYTH_PULL`] or [`crate::state::oracle::PYTH_LEGACY`].
    pub oracle_kind: u8,
    /// Position in the canonical order of an account's banks.
    pub index: u16,
    /// The clearing house that listed it.
    pub clearinghouse: Pubkey,
    /// The mint.
    pub mint: Pubkey,
    /// The bank's token account.
    pub vault: Pubkey,
    /// Pyth feed of the asset in USD, or of the legacy kind the address of its price account; zero for the quote bank.
    pub feed_id: [u8; 32],
    /// Largest age of a price, seconds.
    pub oracle_max_age: u32,
    /// Largest confidence over price, 1e-6.
    pub oracle_max_confidence: u32,
    /// Share of value that counts in neither health, 1e-6.
    pub haircut_maintenance: u32,
    /// Further share that does not count in initial health, 1e-6.
    pub haircut_initial: u32,
    /// Most native units that the bank accepts in sum.
    pub deposit_cap: u64,
    /// What the vault owes, native units: the sum of all accounts' balances of this bank.
    pub total_deposits: u64,
    /// Market whose risk the asset offsets: its index plus 1; zero: none. The market's spot is the asset's price.
    pub offset_market: u16,
    /// Zero.
    pub padding_offset: [u16; 3],
    /// Raised by every change that an event tells.
    pub sequence: u64,
    /// Most native units that one account may hold; zero: any.
    pub account_cap: u64,
    /// When the bank was listed, Unix time: its weight grows from zero to whole in `ramp_seconds` from then on.
    pub listed_at: i64,
    /// Length of that ramp, seconds; zero: none.
    pub ramp_seconds: u32,
    /// Length of the window of the withdrawal limiter, seconds.
    pub withdrawal_window: u32,
    /// Most native units that may leave per window in net; zero: any.
    pub withdrawal_limit: u64,
    /// Net outflow that still counts, native units; negative after deposits; decays to zero over the window.
    pub net_outflow: i64,
    /// When it was measured, Unix time.
    pub outflow_at: i64,
    /// Newest price that was stored, 1e-8 USD; zero: none. It stands in for a dead feed, in repairs and reductions alone.
    pub spot: u64,
    /// When it was published, Unix time.
    pub spot_publish_time: i64,
    /// When an outage of the feed was reported that nobody has answered, Unix time; zero: none.
    pub outage_at: i64,
    /// Zero.
    pub reserved: [u64; 37],
}

/// Most decimals a collateral mint may have: its unit divisor then fits 64 bits.
pub const MAX_DECIMALS: u8 = 18;
/// Decimals of a position's quantity.
const BASE_DECIMALS: u32 = 6;
/// 1.0 of a share.
const ONE: u32 = 1_000_000;

impl CollateralBank {
    /// Share of the bank's weight that counts at a time, 1e-6: a new bank's grows from zero.
    pub fn weight_floor(&self, now: i64) -> u32 {
        ramp_floor(self.listed_at, self.ramp_seconds, now)
    }

    /// Both haircuts at a weight, 1e-6: what does not count in either health, and further in initial health; rounded up in sum.
    fn haircuts(&self, weight: u32) -> [u32; 2] {
        let counted = |haircut: u32| {
            let whole = u64::from(ONE.saturating_sub(haircut));
            let part = whole.saturating_mul(weight.into()).checked_div(ONE.into());
            // at most 1.0, since the weight is
            part.and_then(|part| u32::try_from(part).ok()).unwrap_or(0)
        };
        let further = self
            .haircut_maintenance
            .saturating_add(self.haircut_initial);
        let [maintenance, initial] = [self.haircut_maintenance, further].map(counted);
        [
            ONE.saturating_sub(maintenance),
            maintenance.saturating_sub(initial),
        ]
    }

    /// What left the bank in net and still counts at a time.
    pub fn outflow_at(&self, now: i64) -> Outflow {
        let stored = Outflow {
            net: self.net_outflow,
            at: self.outflow_at,
        };
        stored.at(self.withdrawal_limit, self.withdrawal_window, now)
    }

    /// Stores what left the bank in net.
    pub fn set_outflow(&mut self, outflow: Outflow) {
        (self.net_outflow, self.outflow_at) = (outflow.net, outflow.at);
    }

    /// Value of `amount` native units at `price` in the quote asset, floored, with the bank's haircuts at `weight`
    /// ([`CollateralBank::weight_floor`]); at a certain price.
    ///
    /// Errors: [`RiskError::Overflow`] where the value leaves [`Quote`].
    pub fn collateral(
        &self,
        amount: u64,
        price: Price,
        weight: u32,
        terms: &AccountTerms,
    ) -> core::result::Result<Collateral, RiskError> {
        // native x 1e-8 USD / 10^decimals, in 1e-6 USD: one further division by 100
        let overflow = RiskError::Overflow(risk_core::error::Field::Quote);
        let unit = 10u128
            .checked_pow(self.decimals.into())
            .and_then(|unit| unit.checked_mul(100))
            .ok_or(overflow)?;
        let value = u128::from(amount)
            .checked_mul(price.raw().into())
            .and_then(|product| product.checked_div(unit))
            .and_then(|value| i64::try_from(value).ok())
            .ok_or(overflow)?;
        let [maintenance, initial] = match weight {
            ONE => [self.haircut_maintenance, self.haircut_initial],
            weight => self.haircuts(weight),
        };
        Ok(Collateral {
            value: terms.in_quote(Quote::from_raw(value))?,
            haircut_maintenance: Ratio::from_raw(maintenance.into()),
            haircut_initial: Ratio::from_raw(initial.into()),
            ..Collateral::PLAIN
        })
    }

    /// `amount` native units in base units of the market that they offset, floored.
    ///
    /// Errors: [`RiskError::Overflow`] where they leave [`Quantity`].
    pub fn offset(&self, amount: u64) -> core::result::Result<Quantity, RiskError> {
        let overflow = RiskError::Overflow(risk_core::error::Field::OffsetAmount);
        let shift = u32::from(self.decimals).abs_diff(BASE_DECIMALS);
        let unit = 10u64.checked_pow(shift).ok_or(overflow)?;
        let base = match u32::from(self.decimals) >= BASE_DECIMALS {
            true => amount.checked_div(unit),
            false => amount.checked_mul(unit),
        };
        base.and_then(|base| i64::try_from(base).ok())
            .map(Quantity::from_raw)
            .ok_or(overflow)
    }

    /// What `amount` native units offset of the market's risk at `weight`, floored: their shocks are in dollars, and the market's in
    /// the quote asset, so the share is taken at the quote asset's price. Saturates at it: what could be deposited can be read.
    ///
    /// Errors: [`RiskError::Overflow`] where the whole amount leaves [`Quantity`].
    pub fn offset_at(
        &self,
        amount: u64,
        weight: u32,
        terms: &AccountTerms,
    ) -> core::result::Result<Quantity, RiskError> {
        let whole = self.offset(amount)?;
        let (dollar, quote) = (AccountTerms::PLAIN.quote_price, terms.quote_price);
        if weight == ONE && quote == dollar {
            return Ok(whole);
        }
        // 63 + 20 bits, floored, then 63 + 27
        let counted = u128::from(whole.raw().unsigned_abs())
            .saturating_mul(weight.min(ONE).into())
            .checked_div(ONE.into())
            .and_then(|part| part.checked_mul(dollar.raw().into()))
            .and_then(|part| part.checked_div(quote.raw().into()))
            .unwrap_or(0); // a price is not zero
        Ok(Quantity::from_raw(
            i64::try_from(counted).unwrap_or(i64::MAX),
        ))
    }
}

impl crate::AccountLayout for CollateralBank {
    const ACCOUNT_DISCRIMINATOR: [u8; 8] = [121, 247, 239, 44, 231, 198, 229, 191];
}

const _: () = assert!(core::mem::size_of::<CollateralBank>() == 552);
