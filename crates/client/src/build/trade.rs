//! Trades, fills of signed quotes, and views of what they would do.

use client_core::AccountData;
use portfolio_margin_interface::args::{HealthKind, TradeLeg};
use portfolio_margin_interface::instructions::{
    AssertHealth, AssertSequence, CancelQuotes, FillQuote, OpenQuotes, Trade, ViewMargin,
};
use portfolio_margin_interface::quote::{FillQuoteArgs, QuoteCancel};
use portfolio_margin_interface::{seeds, Pubkey};
use risk_core::position::Instrument;
use solana_instruction::Instruction;

use super::{Builder, Side};
use crate::error::Result;
use crate::quotes::{SignedQuote, INSTRUCTIONS};

/// Fees where a market's rules are not among the inputs: 10 % of notional, beyond any that a market may ask.
const MOST_FEE: u32 = 100_000;

impl Builder<'_> {
    /// Exchanges legs, as the taker sees them. Both owners (or their delegates, `signers`) sign.
    pub fn trade(
        &self,
        taker: &Side<'_>,
        maker: &Side<'_>,
        signers: [&Pubkey; 2],
        legs: &[TradeLeg],
    ) -> Result<Instruction> {
        let accounts = Trade {
            taker_owner: *signers[0],
            maker_owner: *signers[1],
            clearinghouse: self.house(),
            taker: taker.key,
            maker: maker.key,
        };
        let (theirs, ours) = (taker.account.scope(), maker.account.scope());
        let remaining = self.listed(self.directory.trade_metas(&theirs, &ours, legs))?;
        let ix = accounts.instruction(legs, &remaining);
        Ok(self.with_house(ix, self.trade_moves_debt(taker, maker, legs)))
    }

    /// Takes up to `lots` of a quote that its maker signed, at least `least_lots`: the Ed25519 instruction that proves the signature,
    /// and the fill. The taker's owner or delegate signs.
    ///
    /// Errors: those of [`SignedQuote::verify`], so that a quote that cannot fill costs no fee.
    pub fn fill_quote(
        &self,
        taker: &Side<'_>,
        signer: &Pubkey,
        maker: &Side<'_>,
        quote: &SignedQuote,
        [lots, least_lots]: [u64; 2],
    ) -> Result<Vec<Instruction>> {
        let message = quote.verify(&self.house(), maker, taker, self.inputs.now)?;
        let accounts = FillQuote {
            taker_signer: *signer,
            clearinghouse: self.house(),
            taker: taker.key,
            maker: maker.key,
            quotes: seeds::quotes(&maker.key),
            instructions: INSTRUCTIONS,
        };
        let args = FillQuoteArgs {
            nonce: message.nonce,
            lots,
            least_lots,
        };
        let (theirs, ours) = (taker.account.scope(), maker.account.scope());
        let legs = &message.legs;
        let remaining = self.listed(self.directory.trade_metas(&theirs, &ours, legs))?;
        let ix = accounts.instruction(&args, &remaining);
        let filled = scaled(legs, lots);
        let ix = self.with_house(ix, self.trade_moves_debt(taker, maker, &filled));
        Ok(vec![quote.proof(), ix])
    }

    /// Opens the nonces of an account's quotes; once, before the first. Its owner signs and pays.
    pub fn open_quotes(&self, owner: &Pubkey, account: &Pubkey) -> Instruction {
        let accounts = OpenQuotes {
            owner: *owner,
            margin_account: *account,
            quotes: seeds::quotes(account),
        };
        accounts.instruction(&[])
    }

    /// Cancels quotes of an account: owner or delegate sign, for all of them the owner.
    pub fn cancel_quotes(
        &self,
        signer: &Pubkey,
        account: &Pubkey,
        what: QuoteCancel,
    ) -> Instruction {
        let accounts = CancelQuotes {
            signer: *signer,
            margin_account: *account,
            quotes: seeds::quotes(account),
        };
        accounts.instruction(what, &[])
    }

    /// The view of an account's margin, as it is or after legs as taker: to be simulated.
    pub fn view_margin(&self, side: &Side<'_>, legs: &[TradeLeg]) -> Result<Instruction> {
        let accounts = ViewMargin {
            clearinghouse: self.house(),
            margin_account: side.key,
        };
        let remaining = self.listed(self.directory.view_metas(&side.account.scope(), legs))?;
        Ok(accounts.instruction(legs, &remaining))
    }

    /// Fails a transaction unless the account's figure is at least `least`, 1e-6 USD. `after` is the account as it will be then: what
    /// it holds decides which accounts the check takes.
    pub fn assert_health(
        &self,
        key: &Pubkey,
        after: &AccountData,
        kind: HealthKind,
        least: i64,
    ) -> Result<Instruction> {
        let accounts = AssertHealth {
            clearinghouse: self.house(),
            margin_account: *key,
        };
        let remaining = self.listed(self.directory.margin_metas(&after.scope()))?;
        Ok(accounts.instruction(kind, least, &remaining))
    }

    /// Fails a transaction unless the account's sequence is within these bounds, both included.
    pub fn assert_sequence(&self, account: &Pubkey, least: u64, most: u64) -> Instruction {
        let accounts = AssertSequence {
            margin_account: *account,
        };
        accounts.instruction(least, most, &[])
    }

    /// Whether a trade of these legs may change a debt: what each side may spend in cash is bounded from above.
    fn trade_moves_debt(&self, taker: &Side<'_>, maker: &Side<'_>, legs: &[TradeLeg]) -> bool {
        let sides = [(taker, true), (maker, false)];
        sides.iter().any(|(side, is_taker)| {
            let spent = legs.iter().map(|leg| self.most_spent(leg, *is_taker));
            let spent = spent.fold(0i64, i64::saturating_add);
            self.moves_debt(&side.account.header, spent)
        })
    }

    /// Most cash that a leg takes from a side, 1e-6 USD: the premium that it pays, and fees.
    fn most_spent(&self, leg: &TradeLeg, is_taker: bool) -> i64 {
        // 1e-6 base units at 1e-8 USD, in 1e-6 USD, rounded up
        let value = |price: u64| {
            let product = u128::from(leg.quantity.unsigned_abs()).saturating_mul(price.into());
            i64::try_from(product.div_ceil(100_000_000)).unwrap_or(i64::MAX)
        };
        let is_buyer = (leg.quantity > 0) == is_taker;
        let is_option = [Instrument::Call as u8, Instrument::Put as u8].contains(&leg.instrument);
        let premium = match is_buyer && is_option {
            true => value(leg.price),
            false => 0,
        };
        let rules = self.record(leg.market).map(|market| &market.rules);
        let rate = rules.map_or(MOST_FEE, |rules| rules.fee_taker.max(rules.fee_maker));
        let spot = self.inputs.markets.iter();
        let spot = spot
            .filter(|(market, _)| market.index == leg.market)
            .map(|(_, shown)| shown.price.raw())
            .max();
        let notional = value(spot.unwrap_or(0).max(leg.price).max(leg.strike));
        let fee = i128::from(notional).saturating_mul(rate.into());
        let fee = i64::try_from(fee.unsigned_abs().div_ceil(1_000_000)).unwrap_or(i64::MAX);
        // a share more, for a spot that moves until then, and roundings
        let fee = fee.saturating_add(fee.unsigned_abs().div_ceil(10) as i64);
        premium.saturating_add(fee).saturating_add(2)
    }
}

/// Legs of one lot in that many; saturates.
fn scaled(legs: &[TradeLeg], lots: u64) -> Vec<TradeLeg> {
    let lots = i64::try_from(lots).unwrap_or(i64::MAX);
    let legs = legs.iter().map(|leg| TradeLeg {
        quantity: leg.quantity.saturating_mul(lots),
        ..leg.clone()
    });
    legs.collect()
}
