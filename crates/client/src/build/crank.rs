//! What keeps a clearing house current: prices stored, outages reported, funding, settlement. Nobody needs to sign.

use portfolio_margin_interface::instructions::{
    CollectFees, FinalizeSettlement, RecordSettlement, ReportBankOutage, ReportOutage,
    SettleExpiry, SettlePerpPnl, UpdateBank, UpdateFunding, UpdateInterest, UpdateMarket,
    UpdateQuotePrice,
};
use portfolio_margin_interface::Pubkey;
use solana_instruction::Instruction;

use super::{Builder, Side};
use crate::error::{ClientError, Result};

impl Builder<'_> {
    /// Stores the quote asset's price.
    ///
    /// Errors: [`ClientError::Invalid`] where it has none and counts as a dollar.
    pub fn update_quote_price(&self) -> Result<Instruction> {
        let price = self.directory.quote_price;
        let what = || ClientError::Invalid("the quote asset has no feed: it is a dollar".into());
        let accounts = UpdateQuotePrice {
            clearinghouse: self.house(),
            price: price.ok_or_else(what)?,
        };
        Ok(accounts.instruction(&[]))
    }

    /// Stores a market's price and moves its stable price and regime; with the reference market where the regime has one.
    pub fn update_market(&self, index: u16) -> Result<Instruction> {
        let market = self.listed(self.directory.market(index))?;
        let reference = self.record(index).map(|record| &record.regime);
        let reference = reference.filter(|regime| regime.is_on());
        let reference = reference.and_then(|regime| regime.reference_market.checked_sub(1));
        let reference = match reference.filter(|other| *other != index) {
            Some(other) => Some(self.listed(self.directory.market(other))?),
            None => None,
        };
        let accounts = UpdateMarket {
            market: market.key,
            price: market.price,
            reference: reference.map(|other| other.key),
            reference_price: reference.map(|other| other.price),
        };
        Ok(accounts.instruction(&[]))
    }

    /// Reports that a market's feed is dead.
    pub fn report_outage(&self, index: u16) -> Result<Instruction> {
        let market = self.listed(self.directory.market(index))?.key;
        Ok(ReportOutage { market }.instruction(&[]))
    }

    /// Stores a bank's price.
    pub fn update_bank(&self, index: u16) -> Result<Instruction> {
        let bank = self.listed(self.directory.bank(index))?;
        let accounts = UpdateBank {
            bank: bank.key,
            price: bank.price,
        };
        Ok(accounts.instruction(&[]))
    }

    /// Reports that a bank's feed is dead.
    pub fn report_bank_outage(&self, index: u16) -> Result<Instruction> {
        let bank = self.listed(self.directory.bank(index))?.key;
        Ok(ReportBankOutage { bank }.instruction(&[]))
    }

    /// Moves the anchor of a market's funding index.
    pub fn update_funding(&self, index: u16) -> Result<Instruction> {
        let market = self.listed(self.directory.market(index))?.key;
        Ok(UpdateFunding { market }.instruction(&[]))
    }

    /// Writes the indices of interest.
    pub fn update_interest(&self) -> Instruction {
        let clearinghouse = self.house();
        UpdateInterest { clearinghouse }.instruction(&[])
    }

    /// Moves a market's fees to the house.
    pub fn collect_fees(&self, index: u16) -> Result<Instruction> {
        let accounts = CollectFees {
            clearinghouse: self.house(),
            market: self.listed(self.directory.market(index))?.key,
        };
        Ok(accounts.instruction(&[]))
    }

    /// Records the market's price of a minute before an expiry.
    pub fn record_settlement(&self, index: u16, expiry: i64) -> Result<Instruction> {
        let market = self.listed(self.directory.market(index))?;
        let accounts = RecordSettlement {
            clearinghouse: self.house(),
            market: market.key,
            price: market.price,
        };
        Ok(accounts.instruction(expiry, &[]))
    }

    /// Writes the final price of an expiry.
    pub fn finalize_settlement(&self, index: u16, expiry: i64) -> Result<Instruction> {
        let accounts = FinalizeSettlement {
            clearinghouse: self.house(),
            market: self.listed(self.directory.market(index))?.key,
        };
        Ok(accounts.instruction(expiry, &[]))
    }

    /// Settles what an account holds of an expiry.
    pub fn settle_expiry(&self, account: &Pubkey, index: u16, expiry: i64) -> Result<Instruction> {
        let accounts = SettleExpiry {
            clearinghouse: self.house(),
            market: self.listed(self.directory.market(index))?.key,
            margin_account: *account,
        };
        // a loss may end in debt, a profit may pay one
        Ok(self.with_house(accounts.instruction(expiry, &[]), true))
    }

    /// Realises the PnL of an account's perpetual. Where the market has losses to forgive, a profit is settled by the owner (`signer`)
    /// alone, and the account's check is passed.
    pub fn settle_perp_pnl(
        &self,
        side: &Side<'_>,
        index: u16,
        signer: Option<Pubkey>,
    ) -> Result<Instruction> {
        let market = self.listed(self.directory.market(index))?;
        let is_shared = self
            .record(index)
            .is_some_and(|record| record.perp_loss > 0);
        let signer = signer.filter(|_| is_shared);
        let remaining = match signer {
            Some(_) => self.listed(self.directory.margin_metas(&side.account.scope()))?,
            None => vec![],
        };
        let accounts = SettlePerpPnl {
            clearinghouse: self.house(),
            market: market.key,
            margin_account: side.key,
            price: market.price,
            signer,
        };
        Ok(self.with_house(accounts.instruction(&remaining), true))
    }
}
