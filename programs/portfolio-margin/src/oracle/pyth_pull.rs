//! Pyth's pull oracle: a `PriceUpdateV2` account, by feed id.

use anchor_lang::prelude::*;
use pyth_solana_receiver_sdk::price_update::PriceUpdateV2;

use super::price::RawPrice;
use crate::error::MarginError;

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

/// Finds the message in place, which costs a twentieth of decoding it, and how many guardians signed where not enough of them did.
/// `None` for anything that the receiver does not write.
fn message(data: &[u8]) -> Option<(&Message, Option<u8>)> {
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

/// Reads a fully verified update of a feed, whatever its address.
///
/// Errors: `OracleOwner`, `OracleMalformed`, `OracleFeedMismatch`, `OracleUnverified`.
pub fn read(account: &AccountInfo<'_>, feed_id: &[u8; 32]) -> Result<RawPrice> {
    if account.owner != &pyth_solana_receiver_sdk::ID {
        return Err(error!(MarginError::OracleOwner)
            .with_pubkeys((*account.owner, pyth_solana_receiver_sdk::ID)));
    }
    let data = account.try_borrow_data()?;
    let (message, signatures) = message(&data).ok_or_else(|| {
        error!(MarginError::OracleMalformed).with_values((data.len(), PriceUpdateV2::LEN))
    })?;
    if message.feed_id != *feed_id {
        return Err(error!(MarginError::OracleFeedMismatch).with_pubkeys((
            Pubkey::new_from_array(message.feed_id),
            Pubkey::new_from_array(*feed_id),
        )));
    }
    if let Some(signatures) = signatures {
        msg!("{} guardian signatures", signatures);
        return err!(MarginError::OracleUnverified);
    }
    Ok(RawPrice {
        price: message.price,
        confidence: message.confidence,
        exponent: message.exponent,
        publish_time: message.publish_time,
    })
}
