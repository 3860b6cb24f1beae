//! The exchange of legs between two accounts: what every way of trading ends in.
//!
//! Whoever calls it has made sure that both sides agree. From here on no way of trading differs from another: legs and their
//! markets, funding, fees, limits, and the margin of both sides whole.

use anchor_lang::prelude::*;
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount};

use super::deal::{Deal, Effects};
use super::leg_markets::{Access, LegMarkets};
use super::legs::validate_legs;
use crate::bridge::{Check, Cursor};
use crate::error::MarginError;
use crate::event::Traded;
use crate::state::{AccountBook, Side};

/// A trade that both sides agree to. The taker's account pays the taker's fees, the maker's the maker's.
pub struct Exchange<'a, 'info> {
    /// The clearing house of both accounts and of every market.
    pub clearinghouse: &'a AccountLoader<'info, Clearinghouse>,
    /// Whose legs they are.
    pub taker: &'a AccountLoader<'info, MarginAccount>,
    /// Who takes the other side.
    pub maker: &'a AccountLoader<'info, MarginAccount>,
    /// What the taker buys and sells.
    pub legs: &'a [TradeLeg],
    /// Unix time.
    pub now: i64,
}

/// What an exchange did to one account.
#[derive(Clone, Copy, Debug)]
pub struct Filled {
    /// The account's sequence number after it.
    pub sequence: u64,
    /// Sum of the fees paid, 1e-6 USD.
    pub fee: i64,
}

/// What an exchange did.
#[derive(Clone, Copy, Debug)]
pub struct Exchanged {
    /// To the taker.
    pub taker: Filled,
    /// To the maker.
    pub maker: Filled,
}

impl<'info> Exchange<'_, 'info> {
    /// Refuses one account on both sides, accounts of two clearing houses and legs that cannot be.
    pub fn validate(&self) -> Result<()> {
        // clearinghouse: owner and discriminator checked by its loader; both accounts' and every market's (each check compares)
        // taker, maker: two accounts, owner and discriminator checked by their loaders, of one clearing house
        require_keys_neq!(self.taker.key(), self.maker.key(), MarginError::SelfTrade);
        let (taker, maker) = (self.taker.load()?, self.maker.load()?);
        require_keys_eq!(
            taker.clearinghouse,
            maker.clearinghouse,
            MarginError::ClearinghouseMismatch
        );
        validate_legs(self.legs, self.now)
    }

    /// Exchanges the legs after [`Exchange::validate`]. `remaining`: the markets of the legs ([`LegMarkets`]), then the accounts of the
    /// taker's check, then those of the maker's, each with the markets of the legs. Emits [`Traded`].
    pub fn execute(&self, remaining: &'info [AccountInfo<'info>]) -> Result<Exchanged> {
        let mut cursor = Cursor::new(remaining);
        let house = self.clearinghouse.load()?;
        let check = Check::whole(self.clearinghouse.key(), &house, self.now);
        let markets = LegMarkets::load(self.legs, &check, &mut cursor, Access::Write)?;
        let mut effects = Effects::none(&check);
        let [taker, maker] = [Side::Taker, Side::Maker].map(|side| Deal {
            legs: &markets.legs,
            side,
            check: &check,
            doubt: markets.doubt,
        });
        let taker = apply_side(self.taker, &taker, &mut cursor, &mut effects)?;
        let maker = apply_side(self.maker, &maker, &mut cursor, &mut effects)?;
        cursor.finish()?;
        drop(house);
        let Effects {
            open_interest,
            house,
        } = effects;
        markets.write(self.legs, &open_interest, self.now)?;
        house.apply(self.clearinghouse)?;
        emit!(Traded {
            taker: self.taker.key(),
            maker: self.maker.key(),
            taker_sequence: taker.sequence,
            maker_sequence: maker.sequence,
            taker_fee: taker.fee,
            maker_fee: maker.fee,
            legs: self.legs.to_vec(),
        });
        Ok(Exchanged { taker, maker })
    }
}

/// Applies the legs to one account and checks its margin.
#[inline(never)]
fn apply_side<'info>(
    account: &AccountLoader<'info, MarginAccount>,
    deal: &Deal<'_>,
    cursor: &mut Cursor<'info>,
    effects: &mut Effects,
) -> Result<Filled> {
    let info = account.to_account_info();
    let mut data = info.try_borrow_mut_data()?;
    let mut book = AccountBook::open(&mut data)?;
    let (scope, opened) = deal.apply(&mut book, effects)?;
    deal.judge(&mut book, &scope, cursor, &mut ())?
        .require_allowed()?;
    effects.house.close(opened, &mut book)?;
    Ok(Filled {
        sequence: book.bump_sequence()?,
        fee: deal.fees(),
    })
}
