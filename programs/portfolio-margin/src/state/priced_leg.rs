//! A leg with what its market makes of it at this moment.

use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::state::PositionRecord;
use risk_core::position::{ln_strike, Instrument};
use risk_core::Price;

use super::book::Side;

/// A leg as both sides apply it. Signs are the taker's.
#[derive(Clone, Copy, Debug)]
pub struct PricedLeg {
    /// An empty record of its series.
    pub series: PositionRecord,
    /// What the taker buys, 1e-6 base units; negative where it sells.
    pub quantity: i64,
    /// What it pays for that, 1e-6 USD, rounded toward zero: an option's premium in cash, a perpetual's or a future's cost.
    pub paid: i64,
    /// Fee of the taker, 1e-6 USD; at least zero.
    pub fee_taker: i64,
    /// Fee of the maker.
    pub fee_maker: i64,
    /// Largest magnitude that a position may grow to, 1e-6 base units; zero: any.
    pub position_limit: u64,
}

impl PricedLeg {
    /// A valid leg before its market is known.
    pub fn unpriced(leg: &TradeLeg) -> Self {
        Self {
            series: series_of(leg),
            quantity: leg.quantity,
            paid: 0,
            fee_taker: 0,
            fee_maker: 0,
            position_limit: 0,
        }
    }

    /// Whether it is paid at once.
    pub fn is_option(&self) -> bool {
        self.series.strike > 0
    }

    /// Whether it pays funding.
    pub fn is_perpetual(&self) -> bool {
        self.series.instrument == Instrument::Perpetual as u8
    }

    /// The fee of one side.
    pub fn fee(&self, side: Side) -> i64 {
        match side {
            Side::Taker => self.fee_taker,
            Side::Maker => self.fee_maker,
        }
    }
}

/// An empty record of a leg's series.
fn series_of(leg: &TradeLeg) -> PositionRecord {
    let is_option = Instrument::from_code(leg.instrument).is_some_and(Instrument::is_option);
    PositionRecord {
        market: leg.market,
        instrument: leg.instrument,
        padding: [0; 5],
        expiry: leg.expiry,
        strike: leg.strike,
        ln_strike: match is_option {
            true => ln_strike(Price::from_raw(leg.strike)),
            false => 0,
        },
        quantity: 0,
        cost: 0,
        reserved: [0; 2],
    }
}
