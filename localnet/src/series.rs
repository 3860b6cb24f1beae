//! What the population trades: a few series of every market, at the engine's own prices, so that any book fits a keeper's account.

use bytemuck::Zeroable;
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::state::{MarginAccount, PositionRecord};
use risk_core::position::{ln_strike, Instrument};
use risk_core::Price;
use sandbox::accounts::Scope;
use sandbox::native::{evaluate, Inputs};
use sandbox::{Market, BASE};

use crate::error::Error;
use crate::scenario::START_PRICES;
use crate::stage::Stage;

/// Strikes over price, per cent: of puts, then of calls.
const STRIKES: [(Instrument, u64); 4] = [
    (Instrument::Put, 85),
    (Instrument::Put, 95),
    (Instrument::Call, 105),
    (Instrument::Call, 115),
];
/// Strikes are multiples of this share of a price.
const STRIKE_STEPS: u64 = 200;

/// A series and what it costs when the network starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Series {
    /// Place of its market.
    pub market: usize,
    pub instrument: Instrument,
    pub expiry: i64,
    /// 1e-8 USD.
    pub strike: u64,
    /// 1e-8 USD.
    pub price: u64,
}

impl Series {
    /// A leg of this series, 1e-6 base units.
    pub fn leg(&self, market: &Market, quantity: i64) -> TradeLeg {
        TradeLeg {
            market: market.index,
            instrument: self.instrument as u8,
            expiry: self.expiry,
            strike: self.strike,
            quantity,
            price: self.price,
        }
    }
}

/// The position that a leg leaves in an empty book, and what it adds to cash, 1e-6 USD.
pub(crate) fn position_of(leg: &TradeLeg) -> (PositionRecord, i64) {
    let paid = i128::from(leg.quantity) * i128::from(leg.price) / 100_000_000;
    let paid = i64::try_from(paid).expect("an amount that the ledger can hold");
    let is_option = leg.strike != 0;
    let record = PositionRecord {
        market: leg.market,
        instrument: leg.instrument,
        expiry: leg.expiry,
        strike: leg.strike,
        ln_strike: match leg.strike {
            0 => 0,
            strike => ln_strike(Price::from_raw(strike)),
        },
        quantity: leg.quantity,
        cost: if is_option { 0 } else { paid },
        ..PositionRecord::zeroed()
    };
    (record, if is_option { -paid } else { 0 })
}

/// Every series of every market: the perpetual first, then the options by expiry.
pub(crate) fn list(stage: &Stage) -> Result<Vec<Series>, Error> {
    let mut all = vec![];
    for ((place, market), spot) in stage.markets().iter().enumerate().zip(START_PRICES) {
        let perpetual = Series {
            market: place,
            instrument: Instrument::Perpetual,
            expiry: 0,
            strike: 0,
            price: spot,
        };
        all.push(perpetual);
        let scope = Scope {
            markets: [market.index].into(),
            ..Scope::default()
        };
        let inputs = stage.world.inputs(&market.house, &scope);
        for expiry in [stage.world.week, stage.world.month] {
            for (instrument, percent) in STRIKES {
                let step = spot / STRIKE_STEPS;
                let mut series = Series {
                    instrument,
                    expiry,
                    strike: spot * percent / 100 / step * step,
                    price: 0,
                    ..perpetual
                };
                series.price = price(&series, market, &inputs)?;
                all.push(series);
            }
        }
    }
    Ok(all)
}

/// The engine's mark of one unit.
fn price(series: &Series, market: &Market, inputs: &Inputs) -> Result<u64, Error> {
    let (record, _) = position_of(&series.leg(market, BASE));
    let report = evaluate(&MarginAccount::zeroed(), &[record], inputs);
    let report = report.map_err(|error| Error::Population(format!("no price: {error:?}")))?;
    let mark = report.margin.mark.raw().max(1); // 1e-6 USD
    u64::try_from(mark * 100).map_err(|_| Error::Population(format!("a mark of {mark}")))
}
