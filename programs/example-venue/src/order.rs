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
    /// The leg of a take as the clearing house wants it, from the taker's side, and what is left of the order then. Takes
    /// what is left where more is asked for.
    pub fn take(&self, quantity: u64) -> (TradeLeg, i64) {
        let taken = quantity.min(self.quantity.unsigned_abs());
        // at most the magnitude of an i64, so that only the most negative one is not a positive number
        let taken = i64::try_from(taken).unwrap_or(i64::MAX);
        let (sold, left) = match self.quantity > 0 {
            true => (taken.saturating_neg(), self.quantity.saturating_sub(taken)),
            false => (taken, self.quantity.saturating_add(taken)),
        };
        let leg = TradeLeg {
            market: self.market,
            instrument: self.instrument,
            expiry: self.expiry,
            strike: self.strike,
            quantity: sold,
            price: self.price,
        };
        (leg, left)
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    fn order(quantity: i64) -> Order {
        Order {
            maker: Pubkey::default(),
            owner: Pubkey::default(),
            id: 0,
            market: 0,
            instrument: 0,
            expiry: 0,
            strike: 0,
            quantity,
            price: 1,
            expires: 0,
        }
    }

    #[test]
    fn a_take_is_the_other_side_and_never_more_than_the_order() {
        for (held, asked, sold, left) in [
            (10, 4, -4, 6),
            (10, 10, -10, 0),
            (10, u64::MAX, -10, 0),
            (-10, 4, 4, -6),
            (-10, 11, 10, 0),
            (i64::MAX, u64::MAX, -i64::MAX, 0),
            (i64::MIN, u64::MAX, i64::MAX, -1),
        ] {
            let (leg, rest) = order(held).take(asked);
            assert_eq!((leg.quantity, rest), (sold, left), "{held} {asked}");
        }
    }
}
