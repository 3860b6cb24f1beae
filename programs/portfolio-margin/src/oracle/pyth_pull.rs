//! Pyth pull oracle: a `PriceUpdateV2` account, checked field by field.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::price::price_confidence;
use pyth_solana_receiver_sdk::price_update::{PriceUpdateV2, VerificationLevel};
use risk_core::{Price, Ratio};

use super::policy::OraclePolicy;
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
    pub doubt: Option<Error>,
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
    /// Confidence in the price, 1e-6: nothing is left at the widest interval that an opening accepts (over price, 1e-6).
    pub fn confidence(self, limit: u32) -> Ratio {
        price_confidence(self.confidence, self.price, limit)
    }
}

impl CheckedPrice {
    /// The price with its time, for a use that accepts no doubt.
    pub fn certain(self) -> Result<(Price, i64)> {
        match self.doubt {
            None => Ok((self.price, self.publish_time)),
            Some(error) => Err(error),
        }
    }
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
    let update = PriceUpdateV2::try_deserialize(&mut &data[..]).map_err(|_| {
        error!(MarginError::OracleMalformed).with_values((data.len(), PriceUpdateV2::LEN))
    })?;
    let message = &update.price_message;
    if message.feed_id != policy.feed_id {
        return Err(error!(MarginError::OracleFeedMismatch).with_pubkeys((
            Pubkey::new_from_array(message.feed_id),
            Pubkey::new_from_array(policy.feed_id),
        )));
    }
    if let VerificationLevel::Partial { num_signatures } = update.verification_level {
        msg!("{} guardian signatures", num_signatures);
        return err!(MarginError::OracleUnverified);
    }
    require_gt!(message.price, 0, MarginError::OracleNonPositive);
    let price = message.price.unsigned_abs();
    policy.check_age(message.publish_time, now)?;
    let doubt = policy.check_confidence(message.conf, price)?;
    Ok(CheckedPrice {
        price: rescale(price, message.exponent)?,
        publish_time: message.publish_time,
        doubt,
        width: PriceWidth {
            confidence: message.conf,
            price,
        },
    })
}

/// `price x 10^exponent` USD in 1e-8 USD, floored.
fn rescale(price: u64, exponent: i32) -> Result<Price> {
    let out_of_range = || error!(MarginError::OracleExponent).with_values((price, exponent));
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
