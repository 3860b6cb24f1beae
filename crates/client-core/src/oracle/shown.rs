//! One path from a price account of any kind to a price with all that is to be said against it.

use portfolio_margin_interface::errors::ErrorCode;
use portfolio_margin_interface::state::price::{price_confidence, uncertain_limit};
use portfolio_margin_interface::{Pubkey, ID};
use risk_core::{Price, Ratio};

use super::outage::{stored_price, Priced};
use super::policy::{Doubt, OraclePolicy, PriceRefusal, MAX_CLOCK_SKEW};
use super::pyth::{self, RawPrice};

/// Decimal exponent of [`Price`].
const PRICE_EXPONENT: i32 = -8;

/// An account as a server gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawAccount<'a> {
    /// The program that owns it.
    pub owner: Pubkey,
    /// Its bytes.
    pub data: &'a [u8],
}

impl RawAccount<'_> {
    /// What a transaction sees at an address where nothing is: an empty account of the system program.
    pub const EMPTY: Self = RawAccount {
        owner: Pubkey::new_from_array([0; 32]),
        data: &[],
    };
}

/// A price as a price account states it, and what is to be said against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShownPrice {
    /// In 1e-8 USD, floored; zero where the account says none, and then there is a refusal.
    pub price: Price,
    /// Confidence interval and price, in units of their own.
    pub width: (u64, u64),
    /// When it was published, Unix time, where that is known.
    pub publish_time: Option<i64>,
    /// Why not every action accepts it; of the price account alone.
    pub doubt: Option<Doubt>,
    /// Why no action accepts it. The price is still what the account says, unless it is zero.
    pub refusal: Option<PriceRefusal>,
}

impl ShownPrice {
    /// Price, confidence and exponent as they were published, unchecked but for the range: `None` where the price leaves it.
    pub fn published(published: i64, confidence: u64, exponent: i32) -> Option<Self> {
        let width = (confidence, published.unsigned_abs());
        Some(Self {
            price: rescale(width.1, exponent)?,
            width,
            publish_time: None,
            doubt: None,
            refusal: None,
        })
    }

    /// A price nobody questions, 1e-8 USD: for what-if questions.
    pub fn supposed(price: Price) -> Self {
        Self {
            price,
            width: (0, price.raw()),
            publish_time: None,
            doubt: None,
            refusal: None,
        }
    }

    /// What the account at `key` says of a bank's or market's price, judged as the program judges it. The account may be one of the
    /// feed's price accounts, or in an outage a market or bank whose stored price stands in.
    ///
    /// `house` is the clearing house of the check. Nothing is an error here: what the program refuses is in `refusal`.
    pub fn read(
        key: &Pubkey,
        account: &RawAccount<'_>,
        house: &Pubkey,
        now: i64,
        priced: Priced<'_>,
    ) -> Self {
        let policy = match priced {
            Priced::Bank(bank) => OraclePolicy::of_bank(bank),
            Priced::Market(market) => OraclePolicy::of_market(market),
        };
        if account.owner == ID {
            return match stored_price(key, account, &policy, house, now, priced) {
                Ok(shown) => shown,
                Err(refusal) => Self::refused(refusal),
            };
        }
        Self::checked(key, account, &policy, now)
    }

    /// The same for a price account alone.
    pub fn checked(
        key: &Pubkey,
        account: &RawAccount<'_>,
        policy: &OraclePolicy,
        now: i64,
    ) -> Self {
        let (raw, halted) = match pyth::read(policy.kind, &policy.feed_id, key, account) {
            Ok(read) => read,
            Err(refusal) => return Self::refused(refusal),
        };
        let refused = |reason: ErrorCode, found: i128, limit: i128| PriceRefusal {
            account: *key,
            reason,
            found,
            limit,
        };
        if raw.price <= 0 {
            let refusal = refused(ErrorCode::OracleNonPositive, raw.price.into(), 0);
            return Self::refused(halted.unwrap_or(refusal));
        }
        let (timing, width) = (check_time(&raw, policy, now), check_width(&raw, policy));
        let (mut refusal, doubt) = match (halted, timing, width) {
            (Some(halted), ..) => (Some(halted), None),
            (_, Err((reason, found, limit)), _) => (Some(refused(reason, found, limit)), None),
            (_, _, Err((found, limit))) => {
                let reason = ErrorCode::OracleConfidenceTooWide;
                (Some(refused(reason, found, limit)), None)
            }
            (.., Ok(doubt)) => (None, doubt),
        };
        let price = rescale(raw.price.unsigned_abs(), raw.exponent);
        if price.is_none() {
            let (found, limit) = (raw.exponent.into(), PRICE_EXPONENT.into());
            refusal = refusal.or(Some(refused(ErrorCode::OracleExponent, found, limit)));
        }
        Self {
            price: price.unwrap_or(Price::ZERO),
            width: (raw.confidence, raw.price.unsigned_abs()),
            publish_time: Some(raw.publish_time),
            doubt,
            refusal,
        }
    }

    /// No price at all.
    fn refused(refusal: PriceRefusal) -> Self {
        Self {
            price: Price::ZERO,
            width: (u64::MAX, 1),
            publish_time: None,
            doubt: None,
            refusal: Some(refusal),
        }
    }

    /// Confidence in the price, 1e-6, where an opening accepts `limit` (confidence over price, 1e-6).
    pub fn confidence(&self, limit: u32) -> Ratio {
        price_confidence(self.width.0, self.width.1, uncertain_limit(limit))
    }
}

/// Refuses a price from the future, and one that is too old.
fn check_time(
    raw: &RawPrice,
    policy: &OraclePolicy,
    now: i64,
) -> Result<(), (ErrorCode, i128, i128)> {
    let latest = now.saturating_add(MAX_CLOCK_SKEW);
    if raw.publish_time > latest {
        let (found, limit) = (raw.publish_time.into(), latest.into());
        return Err((ErrorCode::OracleFuture, found, limit));
    }
    let age = now.saturating_sub(raw.publish_time);
    match age > i64::from(policy.max_age) {
        true => Err((ErrorCode::OracleStale, age.into(), policy.max_age.into())),
        false => Ok(()),
    }
}

fn check_width(raw: &RawPrice, policy: &OraclePolicy) -> Result<Option<Doubt>, (i128, i128)> {
    policy.check_confidence(raw.confidence, raw.price.unsigned_abs())
}

/// `price x 10^exponent` USD in 1e-8 USD, floored.
fn rescale(price: u64, exponent: i32) -> Option<Price> {
    let shift = exponent.checked_sub(PRICE_EXPONENT)?;
    let power = 10u64.checked_pow(shift.unsigned_abs())?;
    let scaled = match shift < 0 {
        true => price.checked_div(power),
        false => price.checked_mul(power),
    };
    Price::checked(scaled?).ok()
}
