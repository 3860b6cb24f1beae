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
    /// Future that settles at an expiry; its strike is zero, so that it sorts first in its expiry.
    Future = 1,
    /// European call.
    Call = 2,
    /// European put.
    Put = 3,
}

impl Instrument {
    /// From the code that accounts store; `None` for a code that names nothing.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Perpetual),
            1 => Some(Self::Future),
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
    /// Strike; zero for a perpetual and a future.
    pub strike: Price,
    /// ln of the raw strike, Q40, from [`ln_strike`].
    pub ln_strike: i64,
    /// Signed size.
    pub quantity: Quantity,
    /// Perpetual and future: what was paid for it in sum, so that its unrealised PnL is `quantity x price - cost`. Options:
    /// zero.
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

    /// A future.
    pub const fn future(expiry: i64, quantity: Quantity, cost: Quote) -> Self {
        Self {
            instrument: Instrument::Future,
            expiry,
            strike: Price::ZERO,
            ln_strike: 0,
            quantity,
            cost,
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

/// Largest explicit volatility, 1e-9 per root of a year: 1,000 %.
pub const MOST_VOLATILITY: u64 = 10_000_000_000;

/// Anything that stores a position: lets the grid walk an account's records in place.
pub trait PositionSource {
    /// Reads the position.
    fn position(&self) -> Position;

    /// Annual volatility of this option, 1e-9, at most [`MOST_VOLATILITY`]; `None`: the smile of its expiry says it.
    ///
    /// A source that never has one, like an account's records, costs nothing for it.
    #[inline(always)]
    fn volatility(&self) -> Option<u64> {
        None
    }
}

/// A position with a volatility of its own: what a quote sheet states instead of a smile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotedPosition {
    /// The position.
    pub position: Position,
    /// Annual volatility, 1e-9; `None` for the smile's.
    pub volatility: Option<u64>,
}

impl PositionSource for QuotedPosition {
    fn position(&self) -> Position {
        self.position
    }

    fn volatility(&self) -> Option<u64> {
        self.volatility
    }
}

impl PositionSource for Position {
    fn position(&self) -> Position {
        *self
    }
}
