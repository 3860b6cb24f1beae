//! Pyth pull oracle: a `PriceUpdateV2` account, checked field by field.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::price::{price_confidence, repair_limit};
use pyth_solana_receiver_sdk::price_update::PriceUpdateV2;
use risk_core::{Price, Ratio};

use super::policy::{Doubt, OraclePolicy};
use crate::error::MarginError;

/// Decimal exponent of [`Price`].
const PRICE_EXPONENT: i32 = -8;

/// A price that some use accepts.
pub struct CheckedPrice {
    /// In 1e-8 USD.
    pub price: Price,
    /// Unix time.
    pub publish_time: i64,
    /// Why only a repair may use it.
    pub doubt: Option<Doubt>,
    /// How certain it is.
    pub width: PriceWidth,
}

/// Confidence interval and price as they were published.
#[derive(Clone, Copy, Debug)]
pub struct PriceWidth {
    confidence: u64,
    price: u64,
}

impl PriceWidth {
    /// Confidence in the price, 1e-6: nothing is left at the widest interval that a repair accepts, where an opening accepts
    /// `limit` (over price, 1e-6).
    pub fn confidence(self, limit: u32) -> Ratio {
        price_confidence(self.confidence, self.price, repair_limit(limit))
    }
}

impl CheckedPrice {
    /// The price with its time, for a use that accepts no doubt.
    pub fn certain(self) -> Result<(Price, i64)> {
        match self.doubt {
            None => Ok((self.price, self.publish_time)),
            Some(doubt) => Err(doubt.error()),
        }
    }
}

/// Length of the message and of the slot that follows it: what an account must hold beyond its verification level.
const REST_LEN: usize = 84 + 8;

/// The part of a price message that is read, as the account stores it.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, packed)]
struct Message {
    feed_id: [u8; 32],
    price: i64,
    confidence: u64,
    exponent: i32,
    publish_time: i64,
}

/// Reads an update in place, which costs a twentieth of decoding it: the message, and how many guardians signed where not
/// enough of them did. `None` for anything that the receiver does not write.
fn read(data: &[u8]) -> Option<(&Message, Option<u8>)> {
    let (discriminator, rest) = data.split_at_checked(8)?;
    let (_write_authority, rest) = rest.split_at_checked(32)?;
    let (level, rest) = rest.split_first()?;
    let (signatures, rest) = match level {
        0 => rest
            .split_first()
            .map(|(count, rest)| (Some(*count), rest))?,
        1 => (None, rest),
        _ => return None,
    };
    if discriminator != PriceUpdateV2::DISCRIMINATOR || rest.len() < REST_LEN {
        return None;
    }
    let message = rest.get(..core::mem::size_of::<Message>())?;
    Some((bytemuck::try_from_bytes(message).ok()?, signatures))
}

/// Reads a price. Checks owner, layout, feed, verification, sign, age, confidence and exponent, in this order.
pub fn checked_price(
    account: &AccountInfo<'_>,
    policy: &OraclePolicy,
    now: i64,
) -> Result<CheckedPrice> {
    if account.owner != &pyth_solana_receiver_sdk::ID {
        return Err(error!(MarginError::OracleOwner)
            .with_pubkeys((*account.owner, pyth_solana_receiver_sdk::ID)));
    }
    let data = account.try_borrow_data()?;
    let (message, signatures) = read(&data).ok_or_else(|| {
        error!(MarginError::OracleMalformed).with_values((data.len(), PriceUpdateV2::LEN))
    })?;
    if message.feed_id != policy.feed_id {
        return Err(error!(MarginError::OracleFeedMismatch).with_pubkeys((
            Pubkey::new_from_array(message.feed_id),
            Pubkey::new_from_array(policy.feed_id),
        )));
    }
    if let Some(signatures) = signatures {
        msg!("{} guardian signatures", signatures);
        return err!(MarginError::OracleUnverified);
    }
    let (price, publish_time) = (message.price, message.publish_time);
    require_gt!(price, 0, MarginError::OracleNonPositive);
    let width = PriceWidth {
        confidence: message.confidence,
        price: price.unsigned_abs(),
    };
    policy.check_age(publish_time, now)?;
    let doubt = policy.check_confidence(width.confidence, width.price)?;
    Ok(CheckedPrice {
        price: rescale(width.price, message.exponent)?,
        publish_time,
        doubt,
        width,
    })
}

/// `price x 10^exponent` USD in 1e-8 USD, floored.
fn rescale(price: u64, exponent: i32) -> Result<Price> {
    let out_of_range = || error!(MarginError::OracleExponent).with_values((price, exponent));
    if exponent == PRICE_EXPONENT {
        return Price::checked(price).map_err(|_| out_of_range());
    }
    let shift = exponent
        .checked_sub(PRICE_EXPONENT)
        .ok_or_else(out_of_range)?;
    let power = 10u64
        .checked_pow(shift.unsigned_abs())
        .ok_or_else(out_of_range)?;
    let scaled = if shift < 0 {
        price.checked_div(power)
    } else {
        price.checked_mul(power)
    };
    Price::checked(scaled.ok_or_else(out_of_range)?).map_err(|_| out_of_range())
}
