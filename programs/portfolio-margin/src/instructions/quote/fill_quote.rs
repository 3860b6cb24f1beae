//! Trades against a quote that its maker signed off chain: the maker's signature on the quote stands for its signature on the
//! transaction.
//!
//! The quote is read from the Ed25519 instruction that verifies it, wherever in the transaction that stands: wallets add
//! instructions before and after. So the terms are there once, and they are what was signed.

use anchor_lang::prelude::*;
use anchor_lang::solana_program::instruction::{get_stack_height, TRANSACTION_LEVEL_STACK_HEIGHT};
use portfolio_margin_interface::args::{TradeLeg, MAX_LEGS};
use portfolio_margin_interface::quote::{FillQuoteArgs, QuoteMessage};
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount, QuoteNonces};

use super::signature::{find_signed, INSTRUCTIONS_SYSVAR};
use crate::error::{overflow, MarginError};
use crate::event::QuoteFilled;
use crate::instructions::trade::exchange::Exchange;
use crate::state::may_trade;

#[derive(Accounts)]
pub struct FillQuote<'info> {
    pub taker_signer: Signer<'info>,
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    #[account(mut)]
    pub taker: AccountLoader<'info, MarginAccount>,
    #[account(mut)]
    pub maker: AccountLoader<'info, MarginAccount>,
    #[account(mut)]
    pub quotes: AccountLoader<'info, QuoteNonces>,
    /// CHECK: the instructions sysvar, by its address.
    pub instructions: UncheckedAccount<'info>,
}

impl FillQuote<'_> {
    fn validate(&self, now: i64) -> Result<()> {
        // Called by another program, the transaction's instructions would not be what that program was asked to do.
        require_eq!(
            get_stack_height(),
            TRANSACTION_LEVEL_STACK_HEIGHT,
            MarginError::NotTopLevel
        );
        // taker_signer: signs, and owns the taker or is its delegate
        may_trade(&*self.taker.load()?, &self.taker_signer.key(), now)?;
        // clearinghouse, taker, maker: owner and discriminator checked by their loaders; what they have to do with each other
        // by the exchange
        // quotes: owner and discriminator checked by its loader; the maker's
        require_keys_eq!(
            self.quotes.load()?.margin_account,
            self.maker.key(),
            MarginError::QuotesMismatch
        );
        // instructions: the runtime's own
        require_keys_eq!(
            self.instructions.key(),
            INSTRUCTIONS_SYSVAR,
            MarginError::InvalidSysvar
        );
        Ok(())
    }

    /// The quote of that nonce that the transaction shows to be signed for the maker.
    fn signed_quote(&self, nonce: u64, now: i64) -> Result<QuoteMessage> {
        let sysvar = self.instructions.try_borrow_data()?;
        let (house, maker) = (self.clearinghouse.key(), self.maker.key());
        let found = find_signed(&sysvar, |key, message| {
            let quote = QuoteMessage::decode(message)?;
            let is_asked_for = quote.program == crate::ID
                && quote.clearinghouse == house
                && quote.maker == maker
                && quote.nonce == nonce;
            let key = Pubkey::try_from(key).ok()?;
            is_asked_for.then_some((key, quote))
        });
        let Some((signer, quote)) = found else {
            return err!(MarginError::QuoteUnsigned);
        };
        let account = self.maker.load()?;
        if may_trade(&account, &signer, now).is_err() {
            return Err(error!(MarginError::QuoteUnsigned).with_pubkeys((account.owner, signer)));
        }
        Ok(quote)
    }

    /// Refuses what the quote does not offer to this taker now.
    fn require_good(&self, quote: &QuoteMessage, now: i64) -> Result<()> {
        require_gt!(quote.expires, now, MarginError::QuoteExpired);
        if quote.taker != Pubkey::default() {
            require_keys_eq!(quote.taker, self.taker.key(), MarginError::QuoteTaker);
        }
        let session = self.quotes.load()?.session;
        require_eq!(quote.session, session, MarginError::QuoteSession);
        Ok(())
    }
}

/// How many lots a fill takes when `filled` are gone: what the taker asks for, as far as there are any left.
///
/// Errors: `ZeroAmount`, `QuoteUsed` with what is filled and the most; `QuoteLots` with what would be taken and the least that
/// both sides accept.
fn lots_to_fill(quote: &QuoteMessage, args: &FillQuoteArgs, filled: u64) -> Result<u64> {
    require_neq!(args.lots, 0, MarginError::ZeroAmount);
    let left = quote.most_lots.saturating_sub(filled);
    if left == 0 {
        return Err(error!(MarginError::QuoteUsed).with_values((filled, quote.most_lots)));
    }
    let lots = args.lots.min(left);
    let least = quote.least_lots.min(left).max(args.least_lots);
    match lots >= least {
        true => Ok(lots),
        false => Err(error!(MarginError::QuoteLots).with_values((lots, least))),
    }
}

/// The legs of that many lots.
fn legs_of(mut legs: Vec<TradeLeg>, lots: u64) -> Result<Vec<TradeLeg>> {
    if legs.len() > MAX_LEGS {
        return Err(error!(MarginError::LegCount).with_values((legs.len(), MAX_LEGS)));
    }
    let lots = i64::try_from(lots).map_err(|_| overflow())?;
    for leg in &mut legs {
        leg.quantity = leg.quantity.checked_mul(lots).ok_or_else(overflow)?;
    }
    Ok(legs)
}

pub fn handler<'info>(ctx: Context<'info, FillQuote<'info>>, args: FillQuoteArgs) -> Result<()> {
    let accounts = &ctx.accounts;
    let now = Clock::get()?.unix_timestamp;
    accounts.validate(now)?;
    let quote = accounts.signed_quote(args.nonce, now)?;
    accounts.require_good(&quote, now)?;

    let mut quotes = accounts.quotes.load_mut()?;
    let Some(before) = quotes.filled(args.nonce) else {
        return err!(MarginError::QuoteUsed);
    };
    let lots = lots_to_fill(&quote, &args, before)?;
    // at most `most_lots`, which fits
    let filled = before.saturating_add(lots);
    quotes.set_filled(args.nonce, filled);
    quotes.sequence = quotes.sequence.checked_add(1).ok_or_else(overflow)?;
    let told = QuoteFilled {
        maker: quote.maker,
        taker: accounts.taker.key(),
        nonce: args.nonce,
        lots,
        filled,
        most_lots: quote.most_lots,
        sequence: quotes.sequence,
    };
    drop(quotes);

    let exchange = Exchange {
        clearinghouse: &accounts.clearinghouse,
        taker: &accounts.taker,
        maker: &accounts.maker,
        legs: &legs_of(quote.legs, lots)?,
        now,
    };
    exchange.validate()?;
    exchange.execute(ctx.remaining_accounts)?;
    emit!(told);
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use portfolio_margin_interface::quote::QUOTE_TAG;

    fn quote(most_lots: u64, least_lots: u64) -> QuoteMessage {
        QuoteMessage {
            tag: QUOTE_TAG,
            program: crate::ID,
            clearinghouse: Pubkey::default(),
            maker: Pubkey::default(),
            taker: Pubkey::default(),
            session: 0,
            nonce: 0,
            expires: 0,
            most_lots,
            least_lots,
            legs: vec![],
        }
    }

    #[test]
    fn a_fill_takes_what_is_left_within_both_sides_least() {
        let fill = |most, least, filled, lots, own_least| {
            let args = FillQuoteArgs {
                nonce: 0,
                lots,
                least_lots: own_least,
            };
            lots_to_fill(&quote(most, least), &args, filled).ok()
        };
        assert_eq!(fill(10, 0, 0, 10, 0), Some(10));
        assert_eq!(fill(10, 0, 0, 11, 0), Some(10)); // clamped
        assert_eq!(fill(10, 0, 0, 11, 11), None); // not below the taker's least
        assert_eq!(fill(10, 0, 4, 10, 6), Some(6));
        assert_eq!(fill(10, 0, 4, 10, 7), None);
        assert_eq!(fill(10, 3, 0, 2, 0), None); // below the maker's least
        assert_eq!(fill(10, 3, 0, 3, 0), Some(3));
        assert_eq!(fill(10, 3, 8, 2, 0), Some(2)); // all that is left
        assert_eq!(fill(10, 3, 8, 1, 0), None);
        assert_eq!(fill(10, 0, 10, 1, 0), None);
        assert_eq!(fill(10, 0, 0, 0, 0), None);
        assert_eq!(fill(0, 0, 0, 1, 0), None);
        assert_eq!(fill(2, 0, 5, 1, 0), None); // another quote of the nonce offered more
        assert_eq!(fill(u64::MAX, 0, 0, u64::MAX, 0), Some(u64::MAX));
    }

    #[test]
    fn legs_grow_by_lots_and_do_not_wrap() {
        let leg = |quantity| TradeLeg {
            market: 0,
            instrument: 0,
            expiry: 0,
            strike: 0,
            quantity,
            price: 1,
        };
        let legs = legs_of(vec![leg(-3), leg(5)], 7).unwrap();
        assert_eq!(legs, vec![leg(-21), leg(35)]);
        assert!(legs_of(vec![leg(1)], i64::MAX as u64).is_ok());
        assert!(legs_of(vec![leg(1)], i64::MAX as u64 + 1).is_err());
        assert!(legs_of(vec![leg(2)], i64::MAX as u64).is_err());
        assert!(legs_of(vec![leg(i64::MIN)], 2).is_err());
        assert!(legs_of(vec![leg(1); MAX_LEGS + 1], 1).is_err());
    }
}
