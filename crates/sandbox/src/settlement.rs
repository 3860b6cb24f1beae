//! What happens to positions over time, one call each: funding, samples, settlement of expiries, realised perpetual PnL.

use anchor_lang::prelude::Pubkey;
use portfolio_margin::{accounts, instruction};
use portfolio_margin_interface::state::{FundingRecord, Market as MarketState, SettlementRecord};
use solana_instruction::Instruction;

use crate::accounts::Trader;
use crate::instructions::{instruction, writable};
use crate::listing::Market;
use crate::oracle::PriceFields;
use crate::transaction::Outcome;
use crate::world::World;

/// Minutes of a settlement average.
pub const MINUTES: i64 = 30;

/// `update_funding`.
pub fn update_funding(market: &Market) -> Instruction {
    let accounts = accounts::UpdateFunding { market: market.key };
    instruction(accounts, instruction::UpdateFunding {}, vec![])
}

/// `record_settlement` with the market's own price account.
pub fn record_settlement(market: &Market, expiry: i64) -> Instruction {
    let accounts = accounts::RecordSettlement {
        clearinghouse: market.house,
        market: market.key,
        price: market.price,
    };
    instruction(accounts, instruction::RecordSettlement { expiry }, vec![])
}

/// `finalize_settlement`.
pub fn finalize_settlement(market: &Market, expiry: i64) -> Instruction {
    let accounts = accounts::FinalizeSettlement {
        clearinghouse: market.house,
        market: market.key,
    };
    instruction(accounts, instruction::FinalizeSettlement { expiry }, vec![])
}

/// `settle_expiry`, with the clearing house writable.
pub fn settle_expiry(account: &Pubkey, market: &Market, expiry: i64) -> Instruction {
    let accounts = accounts::SettleExpiry {
        clearinghouse: market.house,
        market: market.key,
        margin_account: *account,
    };
    let ix = instruction(accounts, instruction::SettleExpiry { expiry }, vec![]);
    writable(ix, &market.house)
}

/// `settle_perp_pnl`, with the clearing house writable.
pub fn settle_perp_pnl(account: &Pubkey, market: &Market) -> Instruction {
    let accounts = accounts::SettlePerpPnl {
        clearinghouse: market.house,
        market: market.key,
        margin_account: *account,
        price: market.price,
        signer: None,
    };
    let ix = instruction(accounts, instruction::SettlePerpPnl {}, vec![]);
    writable(ix, &market.house)
}

impl World {
    /// A market's funding.
    pub fn funding(&self, market: &Market) -> FundingRecord {
        self.read::<MarketState>(&market.key).funding
    }

    /// The settlement of a listed expiry.
    #[track_caller]
    pub fn settlement(&self, market: &Market, expiry: i64) -> SettlementRecord {
        let state: MarketState = self.read(&market.key);
        let slot = state.expiries.iter().find(|slot| slot.time == expiry);
        slot.expect("a listed expiry").settlement
    }

    /// Moves the anchor of a market's funding index.
    #[track_caller]
    pub fn update_funding(&mut self, market: &Market) -> Outcome {
        self.send(&[update_funding(market)], &[])
    }

    /// Publishes a price of that time, 1e-8 USD, and records it for an expiry.
    #[track_caller]
    pub fn sample(
        &mut self,
        market: &Market,
        expiry: i64,
        price: u64,
        publish_time: i64,
    ) -> Outcome {
        let fields = PriceFields::fresh(market.feed_id, price, publish_time);
        self.set_price_update(market.price, fields);
        self.send(&[record_settlement(market, expiry)], &[])
    }

    /// Records the same price, 1e-8 USD, for every minute of the window, published at the minute's first second; the clock must
    /// have passed the expiry. Leaves the market's price account with the last of them.
    #[track_caller]
    pub fn sample_all(&mut self, market: &Market, expiry: i64, price: u64) {
        for minute in (1..=MINUTES).rev() {
            self.sample(market, expiry, price, expiry - 60 * minute + 1)
                .ok();
        }
    }

    /// Lets an expiry end at a price, 1e-8 USD: goes to it, records the whole window, and waits until the price is final. Ends
    /// with that price as the market's fresh one.
    #[track_caller]
    pub fn expire(&mut self, market: &Market, expiry: i64, price: u64) {
        let delay = i64::from(self.builder.rules.settlement_delay);
        self.set_time(expiry);
        self.sample_all(market, expiry, price);
        self.set_time(expiry + delay);
        self.set_price(market, price);
        self.finalize_settlement(market, expiry).ok();
    }

    /// Writes the final price of an expiry.
    #[track_caller]
    pub fn finalize_settlement(&mut self, market: &Market, expiry: i64) -> Outcome {
        self.send(&[finalize_settlement(market, expiry)], &[])
    }

    /// Settles what an account holds of an expiry.
    #[track_caller]
    pub fn settle_expiry(&mut self, trader: &Trader, market: &Market, expiry: i64) -> Outcome {
        self.send(&[settle_expiry(&trader.account, market, expiry)], &[])
    }

    /// Realises the PnL of an account's perpetual.
    #[track_caller]
    pub fn settle_perp_pnl(&mut self, trader: &Trader, market: &Market) -> Outcome {
        self.send(&[settle_perp_pnl(&trader.account, market)], &[])
    }
}
