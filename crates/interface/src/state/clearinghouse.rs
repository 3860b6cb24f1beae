//! Layout of the clearing house: authorities, quote asset and its price, terms of accounts, correlation groups.

#[cfg(feature = "anchor")]
use anchor_lang::prelude::*;

use risk_core::group::GroupParams;
use risk_core::liquidation::LiquidationTerms;
use risk_core::params::{AccountTerms, ConfidenceParams};
use risk_core::tier::PortfolioTerms;
use risk_core::{Price, Quote, Ratio};

use crate::args::AccountTermsArgs;
use crate::state::{InterestRecord, LiquidationRecord};

#[cfg(not(feature = "anchor"))]
use crate::Pubkey;

/// Correlation groups that a clearing house may have.
pub const MAX_GROUPS: usize = 4;

/// Markets that a clearing house may list: resolving a bankruptcy takes them all in one transaction.
pub const MAX_MARKETS: u16 = 48;

/// One correlation group: what it may offset, and the shape that the scenario sets of its markets share.
#[cfg_attr(feature = "anchor", zero_copy)]
#[cfg_attr(
    not(feature = "anchor"),
    derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)
)]
#[derive(Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct GroupRecord {
    /// Share of a scenario's gains that counts against its losses, 1e-6.
    pub kappa: u32,
    /// Largest share of the plain sum that may be taken off, 1e-6.
    pub offset_cap: u32,
    /// [`crate::state::ScenarioRecord::shape`] of the first market's set; zero before there is one.
    pub shape: [u8; 8],
}

impl GroupRecord {
    /// As the engine reads it; validated when the clearing house was created.
    pub fn params(&self) -> GroupParams {
        GroupParams {
            kappa: Ratio::from_raw(self.kappa.into()),
            offset_cap: Ratio::from_raw(self.offset_cap.into()),
        }
    }

    /// The same with a share of both, 1e-6, rounded down: what the measured correlation leaves. At none of it, the group is the plain
    /// sum of its markets: `kappa` alone would still let each scenario pass over the markets that gain in it.
    pub fn params_at(&self, share: u32) -> GroupParams {
        let scaled = |value: u32| {
            let product = u64::from(value).wrapping_mul(share.into());
            Ratio::from_raw(product.div_euclid(1_000_000) as i64)
        };
        GroupParams {
            kappa: scaled(self.kappa),
            offset_cap: scaled(self.offset_cap),
        }
    }
}

/// One clearing house; PDA `[clearinghouse, id]`.
#[cfg_attr(feature = "anchor", account(zero_copy))]
#[cfg_attr(
    not(feature = "anchor"),
    derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)
)]
#[derive(Debug)]
#[repr(C)]
pub struct Clearinghouse {
    /// Layout version.
    pub version: u8,
    /// Bump of this account's address.
    pub bump: u8,
    /// Number that tells clearing houses apart.
    pub id: u16,
    /// Markets listed so far; the next market gets this index.
    pub market_count: u16,
    /// Banks listed so far; the next bank gets this index.
    pub bank_count: u16,
    /// Lists banks and markets.
    pub governor: Pubkey,
    /// Mint of the quote asset, six decimals.
    pub quote_mint: Pubkey,
    /// The terms of liquidations.
    pub liquidation: LiquidationRecord,
    /// Pyth feed of the quote asset in USD; zero: it counts as a dollar.
    pub quote_feed_id: [u8; 32],
    /// Last checked price of the quote asset, 1e-8 USD; zero before the first.
    pub quote_price: u64,
    /// When that price was published, Unix time.
    pub quote_publish_time: i64,
    /// Largest age of the quote asset's price, seconds.
    pub quote_max_age: u32,
    /// Largest confidence over the quote asset's price, 1e-6.
    pub quote_max_confidence: u32,
    /// Price of the quote asset below which the initial scan factor rises, 1e-6.
    pub peg_threshold: u32,
    /// Its rise per unit of price, 1e-6.
    pub peg_factor: u32,
    /// Confidence in a collateral's price below which a charge begins, 1e-6.
    pub collateral_confidence_threshold: u32,
    /// Share of its value charged at no confidence, 1e-6.
    pub collateral_confidence_factor: u32,
    /// Least equity of the Portfolio tier, 1e-6 USD.
    pub portfolio_minimum_equity: i64,
    /// Correlation groups; a market names one by its place here, counted from 1.
    pub groups: [GroupRecord; MAX_GROUPS],
    /// Raised by every change that an event tells.
    pub sequence: u64,
    /// Insurance fund, 1e-6 USD.
    pub insurance: u64,
    /// Fees that the governor may withdraw, 1e-6 USD.
    pub fees: u64,
    /// Share of fees that goes to the insurance fund when they are collected, 1e-6.
    pub insurance_share: u32,
    /// Seconds after an expiry in which its samples may still be corrected: its price is final from then on.
    pub settlement_delay: u32,
    /// Least samples of a settlement average; with fewer the last validated price counts.
    pub settlement_samples: u32,
    /// Kind of the quote asset's price account.
    pub quote_oracle_kind: u8,
    /// Zero.
    pub padding: [u8; 3],
    /// Interest on debts in the quote asset.
    pub interest: InterestRecord,
    /// Sum of what accounts were proved to lack and nobody has covered yet, 1e-6 USD: while it exceeds `insurance`, quote tokens
    /// do not leave.
    pub proven_insolvency: u64,
    /// Sum of the losses that quote balances were charged, 1e-6 USD.
    pub socialised: u64,
    /// Zero; room for further authorities and pause flags.
    pub reserved: [u64; 23],
}

impl Clearinghouse {
    /// The terms of a slice at the start of an auction, as the engine takes them; validated when the clearing house was created.
    pub fn liquidation_terms(&self) -> LiquidationTerms {
        let auction = self.liquidation.auction();
        self.liquidation.terms(auction.discount_start)
    }

    /// Copies the terms of accounts.
    pub fn set_account_terms(&mut self, args: &AccountTermsArgs) {
        self.quote_feed_id = args.quote_feed_id;
        self.quote_max_age = args.quote_max_age;
        self.quote_max_confidence = args.quote_max_confidence;
        self.peg_threshold = args.peg_threshold;
        self.peg_factor = args.peg_factor;
        self.collateral_confidence_threshold = args.collateral_confidence_threshold;
        self.collateral_confidence_factor = args.collateral_confidence_factor;
        self.portfolio_minimum_equity = args.portfolio_minimum_equity;
        for (record, group) in self.groups.iter_mut().zip(&args.groups) {
            (record.kappa, record.offset_cap) = (group.kappa, group.offset_cap);
        }
    }

    /// Whether the quote asset has a price of its own; else it is a dollar and the peg has no terms.
    pub fn has_quote_feed(&self) -> bool {
        self.quote_max_age != 0 // which is bounded from below where there is a feed, and zero where there is none
    }

    /// Whether the terms change nothing: a dollar, and no charge on collateral.
    pub fn is_plain(&self) -> bool {
        self.collateral_confidence_factor == 0 && !self.has_quote_feed()
    }

    /// The terms of accounts as the engine takes them, at the last checked price of the quote asset, whatever its age; at par
    /// before the first. Validated when the clearing house was created.
    pub fn account_terms(&self) -> AccountTerms {
        let mut terms = AccountTerms {
            confidence: ConfidenceParams {
                threshold: Ratio::from_raw(self.collateral_confidence_threshold.into()),
                factor: Ratio::from_raw(self.collateral_confidence_factor.into()),
            },
            ..AccountTerms::PLAIN
        };
        if self.has_quote_feed() {
            terms.peg_threshold = Ratio::from_raw(self.peg_threshold.into());
            terms.peg_factor = Ratio::from_raw(self.peg_factor.into());
            if self.quote_price != 0 {
                terms.quote_price = Price::from_raw(self.quote_price);
            }
        }
        terms
    }

    /// The same for a check at a time. A price older than an opening accepts counts for no more than a dollar: whoever stored a high
    /// one could else leave it standing, and liquidate accounts whose collateral it makes cheap.
    pub fn account_terms_at(&self, now: i64) -> AccountTerms {
        let mut terms = self.account_terms();
        if self.quote_age(now) > self.quote_max_age.into() {
            terms.quote_price = terms.quote_price.min(AccountTerms::PLAIN.quote_price);
        }
        terms
    }

    /// Seconds since the stored price of the quote asset was published.
    pub fn quote_age(&self, now: i64) -> i64 {
        now.saturating_sub(self.quote_publish_time)
    }

    /// Whether quote tokens stay where they are: more insolvency is proven than the fund can cover, so whoever left now would leave
    /// the loss to the others.
    pub fn is_withdrawal_paused(&self) -> bool {
        self.proven_insolvency > self.insurance
    }

    /// What the Portfolio tier asks for.
    pub fn portfolio_terms(&self) -> PortfolioTerms {
        PortfolioTerms {
            minimum_equity: Quote::from_raw(self.portfolio_minimum_equity),
        }
    }
}

impl crate::AccountLayout for Clearinghouse {
    const ACCOUNT_DISCRIMINATOR: [u8; 8] = [132, 239, 37, 188, 215, 221, 100, 94];
}

const _: () = assert!(core::mem::size_of::<Clearinghouse>() == 600);
