//! Who is in the story, what they bring and what they trade.

use risk_core::position::Instrument;

/// One series that a trader takes, before its price is known.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Index of the market.
    pub market: u16,
    pub instrument: Instrument,
    /// Whole USD; zero for a perpetual.
    pub strike: u64,
    pub size: Size,
}

/// How much of a series.
#[derive(Clone, Copy, Debug)]
pub enum Size {
    /// 1e-6 base units, negative where it is sold.
    Fixed(i64),
    /// As much of the perpetual as takes the options' delta away, to a hundredth of a base unit.
    Hedge,
}

/// A participant. Everybody has an ordinary margin account.
#[derive(Clone, Copy, Debug)]
pub struct Role {
    pub name: &'static str,
    pub does: &'static str,
    /// Whole USDC.
    pub usdc: u64,
    /// Whole SOL.
    pub sol: u64,
    pub wants: &'static [Wanted],
}

pub const BTC: u16 = 0;
pub const SOL: u16 = 1;

const fn option(market: u16, instrument: Instrument, strike: u64, units: i64) -> Wanted {
    Wanted {
        market,
        instrument,
        strike,
        size: Size::Fixed(units * 1_000_000),
    }
}

const fn hedge(market: u16) -> Wanted {
    Wanted {
        market,
        instrument: Instrument::Perpetual,
        strike: 0,
        size: Size::Hedge,
    }
}

/// In order of appearance; places are named below.
pub const CAST: [Role; 5] = [
    Role {
        name: "naked",
        does: "sells puts on BTC and SOL, hedges nothing",
        usdc: 150_000,
        sol: 400,
        wants: &[
            option(BTC, Instrument::Put, 110_000, -8),
            option(SOL, Instrument::Put, 190, -1_500),
        ],
    },
    Role {
        name: "hedged",
        does: "short calls, long puts, perpetuals: no delta",
        usdc: 80_000,
        sol: 0,
        wants: &[
            option(BTC, Instrument::Put, 116_000, 10),
            option(BTC, Instrument::Call, 118_000, -10),
            hedge(BTC),
        ],
    },
    Role {
        name: "condor",
        does: "sells a put and a call spread; posts only SOL",
        usdc: 0,
        sol: 600,
        wants: &[
            option(BTC, Instrument::Put, 100_000, 10),
            option(BTC, Instrument::Put, 106_000, -10),
            option(BTC, Instrument::Call, 126_000, -10),
            option(BTC, Instrument::Call, 132_000, 10),
        ],
    },
    Role {
        name: "maker",
        does: "the other side of every trade, margined too",
        usdc: 1_000_000,
        sol: 0,
        wants: &[],
    },
    Role {
        name: "keeper",
        does: "watches and liquidates; holds nothing yet",
        usdc: 200_000,
        sol: 0,
        wants: &[],
    },
];

/// Places in [`CAST`].
pub const NAKED: usize = 0;
pub const HEDGED: usize = 1;
pub const MAKER: usize = 3;
pub const KEEPER: usize = 4;
/// The accounts whose books are looked at.
pub const TRADERS: std::ops::Range<usize> = 0..3;
