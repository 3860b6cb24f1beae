//! An order that rests until it is taken, cancelled or over.

use anchor_lang::prelude::*;
use portfolio_margin_interface::args::TradeLeg;

/// `[ORDER, margin account, id u64 LE]`
pub const ORDER: &[u8] = b"order";

/// Terms of `place_order`.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Debug, PartialEq, Eq)]
pub struct OrderArgs {
    /// Number that tells the margin account's orders apart.
    pub id: u64,
    /// Index of the market.
    pub market: u16,
    /// Code of the instrument: 0 perpetual, 1 future, 2 call, 3 put.
    pub instrument: u8,
    /// Unix time of the series' expiry; zero for a perpetual.
    pub expiry: i64,
    /// Strike, 1e-8 USD; zero for a perpetual or a future.
    pub strike: u64,
    /// What the maker buys, 1e-6 base units; negative where it sells.
    pub quantity: i64,
    /// Price per base unit, 1e-8 USD.
    pub price: u64,
    /// Unix time from which the order is over.
    pub expires: i64,
}

/// A resting order; PDA `[order, margin account, id]`.
#[account]
#[derive(InitSpace, Debug, PartialEq, Eq)]
pub struct Order {
    /// The maker's margin account.
    pub maker: Pubkey,
    /// Its owner, who placed the order and gets its rent back.
    pub owner: Pubkey,
    /// Number that tells the margin account's orders apart.
    pub id: u64,
    /// Index of the market.
    pub market: u16,
    /// Code of the instrument.
    pub instrument: u8,
    /// Unix time of the series' expiry; zero for a perpetual.
    pub expiry: i64,
    /// Strike, 1e-8 USD.
    pub strike: u64,
    /// What the maker still buys, 1e-6 base units; negative where it sells. Never zero: what is taken whole is closed.
    pub quantity: i64,
    /// Price per base unit, 1e-8 USD.
    pub price: u64,
    /// Unix time from which the order is over.
    pub expires: i64,
}

impl Order {
    /// Length of the account.
    pub const ACCOUNT_LEN: usize = Self::DISCRIMINATOR.len().saturating_add(Self::INIT_SPACE);

    /// The leg of a take as the clearing house gets it, and what is left of the order then. `wanted` is what the taker means to
    /// trade; more than is left takes what is left. `None` where the order is not (or no longer) its other side: a maker may cancel
    /// an order and place another of the same number at any moment.
    pub fn take(&self, wanted: &TradeLeg) -> Option<(TradeLeg, i64)> {
        let magnitude = wanted.quantity.unsigned_abs();
        let taken = magnitude.min(self.quantity.unsigned_abs());
        // only the magnitude of the most negative number is none of an i64
        let taken = i64::try_from(taken).unwrap_or(i64::MAX);
        let (quantity, left) = match self.quantity > 0 {
            true => (taken.saturating_neg(), self.quantity.saturating_sub(taken)),
            false => (taken, self.quantity.saturating_add(taken)),
        };
        let leg = TradeLeg {
            market: self.market,
            instrument: self.instrument,
            expiry: self.expiry,
            strike: self.strike,
            quantity,
            price: self.price,
        };
        let is_same = TradeLeg {
            quantity: wanted.quantity,
            ..leg
        } == *wanted;
        let is_other_side = match self.quantity > 0 {
            true => wanted.quantity < 0,
            false => wanted.quantity > 0,
        };
        (is_same && is_other_side).then_some((leg, left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(quantity: i64) -> Order {
        Order {
            maker: Pubkey::default(),
            owner: Pubkey::default(),
            id: 0,
            market: 1,
            instrument: 2,
            expiry: 3,
            strike: 4,
            quantity,
            price: 5,
            expires: 0,
        }
    }

    fn wanted(quantity: i64) -> TradeLeg {
        TradeLeg {
            market: 1,
            instrument: 2,
            expiry: 3,
            strike: 4,
            quantity,
            price: 5,
        }
    }

    #[test]
    fn a_take_is_the_other_side_and_never_more_than_the_order() {
        for (held, asked, taken, left) in [
            (10, -4, -4, 6),
            (10, -10, -10, 0),
            (10, i64::MIN, -10, 0),
            (-10, 4, 4, -6),
            (-10, i64::MAX, 10, 0),
            (i64::MAX, i64::MIN, -i64::MAX, 0),
            (i64::MIN, i64::MAX, i64::MAX, -1),
        ] {
            let found = order(held).take(&wanted(asked));
            assert_eq!(found, Some((wanted(taken), left)), "{held} {asked}");
        }
    }

    #[test]
    fn an_order_of_another_side_series_or_price_is_not_taken() {
        assert_eq!(order(10).take(&wanted(4)), None);
        assert_eq!(order(-10).take(&wanted(-4)), None);
        assert_eq!(order(10).take(&wanted(0)), None);
        for change in [
            |leg: &mut TradeLeg| leg.market = 9,
            |leg: &mut TradeLeg| leg.instrument = 9,
            |leg: &mut TradeLeg| leg.expiry = 9,
            |leg: &mut TradeLeg| leg.strike = 9,
            |leg: &mut TradeLeg| leg.price = 9,
        ] {
            let mut leg = wanted(-4);
            change(&mut leg);
            assert_eq!(order(10).take(&leg), None);
        }
    }
}
