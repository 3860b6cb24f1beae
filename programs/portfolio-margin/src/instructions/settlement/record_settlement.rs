//! Records a price of an expiry's last half hour; or, where there is none, the first one after it.
//!
//! Any verified update of the market's feed will do, however old: what is asked for is *when it was published*. Of each minute
//! the earliest update counts, whoever shows it and in whatever order, until the price is final. So a keeper that picks the sample
//! of a minute is undone by anybody who shows an earlier one.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::settlement::Offered;
use portfolio_margin_interface::state::{Clearinghouse, Market};
use risk_core::Price;

use super::{bump_market, slot_of, terms_of};
use crate::error::MarginError;
use crate::event::SettlementRecorded;
use crate::oracle::{published_price, OraclePolicy};

#[derive(Accounts)]
pub struct RecordSettlement<'info> {
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    #[account(mut)]
    pub market: AccountLoader<'info, Market>,
    /// CHECK: a price update of the market's feed; every field is checked.
    pub price: UncheckedAccount<'info>,
}

impl RecordSettlement<'_> {
    fn validate(&self) -> Result<()> {
        // clearinghouse, market: owner and discriminator checked by their loaders; the market is the clearing house's
        require_keys_eq!(
            self.market.load()?.clearinghouse,
            self.clearinghouse.key(),
            MarginError::ClearinghouseMismatch
        );
        // price: owner, layout, feed, verification, sign and confidence are checked as it is read; its time by its place
        Ok(())
    }

    /// The price and its publish time. In the window only what an opening accepts; after it, when the oracle has been silent,
    /// also what a repair accepts.
    fn published(&self, expiry: i64, now: i64) -> Result<(Price, i64)> {
        let market = self.market.load()?;
        let checked = published_price(&self.price, &OraclePolicy::of_market(&market), now)?;
        if checked.publish_time > expiry {
            return Ok((checked.price, checked.publish_time));
        }
        checked.certain()
    }
}

pub fn handler(ctx: Context<RecordSettlement>, expiry: i64) -> Result<()> {
    let accounts = &ctx.accounts;
    accounts.validate()?;
    let now = Clock::get()?.unix_timestamp;
    let terms = terms_of(&*accounts.clearinghouse.load()?);
    let (price, publish_time) = accounts.published(expiry, now)?;

    let mut market = accounts.market.load_mut()?;
    let settlement = &mut slot_of(&mut market, expiry)?.settlement;
    if let Some(price) = settlement.final_price(&terms, expiry, now) {
        return Err(error!(MarginError::SettlementFinal).with_values((price.raw(), now)));
    }
    match settlement.offer(&terms, expiry, (price, publish_time), now) {
        Offered::Taken => {}
        Offered::Refused => {
            let found = (publish_time, expiry);
            return Err(error!(MarginError::SampleRefused).with_values(found));
        }
    }
    let samples = settlement.count;
    let sequence = bump_market(&mut market)?;
    emit!(SettlementRecorded {
        market: accounts.market.key(),
        expiry,
        price: price.raw(),
        publish_time,
        samples,
        sequence,
    });
    Ok(())
}
