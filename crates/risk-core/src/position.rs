//! A position as the engine prices it: everything about its series, nothing about accounts.

use crate::fixed::log::ln;
use crate::units::{Price, Quantity, Quote};

/// What is held. The discriminants are the order in which positions of one strike are sorted, and the
/// codes that accounts store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Instrument {
    /// Perpetual; its expiry and strike are zero, so that it sorts first.
    Perpetual = 0,
    /// European call.
    Call = 2,
    /// European put.
    Put = 3,
}

impl Instrument {
    /// From the code that accounts store; `None` for a code that names nothing (1 is kept for dated futures).
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Perpetual),
            2 => Some(Self::Call),
            3 => Some(Self::Put),
            _ => None,
        }
    }

    /// Whether it has a strike.
    pub const fn is_option(self) -> bool {
        matches!(self, Self::Call | Self::Put)
    }
}

/// One series held in one market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// What is held.
    pub instrument: Instrument,
    /// Unix time of expiry; zero for a perpetual.
    pub expiry: i64,
    /// Strike; zero for a perpetual.
    pub strike: Price,
    /// ln of the raw strike, Q40, from [`ln_strike`].
    pub ln_strike: i64,
    /// Signed size.
    pub quantity: Quantity,
    /// Perpetual: what was paid for it in sum, so that its unrealised PnL is `quantity x price - cost`. Options: zero.
    pub cost: Quote,
}

/// The logarithm that a position stores with its strike, Q40.
pub fn ln_strike(strike: Price) -> i64 {
    ln(strike.raw())
}

impl Position {
    /// An option.
    pub fn option(instrument: Instrument, expiry: i64, strike: Price, quantity: Quantity) -> Self {
        Self {
            instrument,
            expiry,
            strike,
            ln_strike: ln_strike(strike),
            quantity,
            cost: Quote::ZERO,
        }
    }

    /// A perpetual.
    pub const fn perpetual(quantity: Quantity, cost: Quote) -> Self {
        Self {
            instrument: Instrument::Perpetual,
            expiry: 0,
            strike: Price::ZERO,
            ln_strike: 0,
            quantity,
            cost,
        }
    }
}

/// Anything that stores a position: lets the grid walk an account's records in place.
pub trait PositionSource {
    /// Reads the position.
    fn position(&self) -> Position;
}

impl PositionSource for Position {
    fn position(&self) -> Position {
        *self
    }
}
