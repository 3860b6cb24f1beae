//! The rows of `bs_grid.csv` through the margin engine itself: 44 options under 32 shocks, marks and PnL.

use crate::fixture::{PortfolioBuilder, NOW};
use crate::support::{vectors, Row, Worst};
use risk_core::market::{Expiry, Market, MarketParams, VolShockParams};
use risk_core::position::{Instrument, Position, QuotedPosition};
use risk_core::scan::scan_market;
use risk_core::scenario::{Scenario, ScenarioTable, VolShock, MAX_SCENARIOS};
use risk_core::{Price, Quantity, Ratio};

/// The shocks of the file as parameters: volatility times 1.4 and 0.75 at every tenor.
const PARAMS: MarketParams = MarketParams {
    vol: VolShockParams {
        range_up: Ratio::from_raw(400_000),
        range_down: Ratio::from_raw(250_000),
        short_power: Ratio::ZERO,
        long_power: Ratio::ZERO,
        floor_seconds: 86_400,
        min_vol_up: Ratio::ZERO,
    },
    ..MarketParams::MAJOR
};

/// Spots of the file, 1e-6, under each volatility.
fn scenarios() -> Vec<Scenario> {
    let spots = [70, 80, 85, 90, 95, 100, 105, 110, 115, 120, 130].map(|percent| percent * 10_000);
    [VolShock::Up, VolShock::None, VolShock::Down]
        .into_iter()
        .flat_map(|vol| spots.map(|spot| Scenario::new(vol, spot)))
        .collect()
}

/// The scenario that a row asks for.
fn scenario_of(row: &Row) -> Scenario {
    let vol = match row.decimal("vol_mult", 2) {
        140 => VolShock::Up,
        75 => VolShock::Down,
        _ => VolShock::None,
    };
    Scenario::new(vol, row.decimal("spot_mult", 6) as u32)
}

#[test]
fn every_grid_row_is_met_by_the_engine() {
    let set = scenarios();
    let table = ScenarioTable::new(&set).unwrap();
    let mut marks = Worst::new("grid row: mark, of spot");
    let mut errors = Worst::new("grid row: PnL, of spot");
    let rows = vectors("bs_grid.csv");
    for of_option in rows.chunk_by(|a, b| a.text("opt_id") == b.text("opt_id")) {
        // GIVEN a book of one option, 2^34 USD of it so that the rounding of amounts is nothing
        let row = &of_option[0];
        let (spot, seconds) = (row.f64("S"), row.int::<i64>("T_sec"));
        let years = seconds as f64 / 31_536_000.0;
        let forward = spot * ((row.f64("r") - row.f64("q")) * years).exp();
        let expiries = [Expiry {
            time: NOW + seconds,
            rate: row.decimal("r", 6) as i32,
            forward_price: Some(Price::from_raw((forward * 1e8).round() as u64)),
            ..Expiry::PLAIN
        }];
        let instrument = match row.text("type") {
            "C" => Instrument::Call,
            _ => Instrument::Put,
        };
        let units = 2f64.powi(34) / spot;
        let strike = Price::from_raw(row.decimal("K", 8) as u64);
        let quantity = Quantity::from_raw((units * 1e6) as i64);
        let held = [QuotedPosition {
            position: Position::option(instrument, NOW + seconds, strike, quantity),
            volatility: Some(row.decimal("vol", 9) as u64),
        }];
        // WHEN the market is scanned
        let book = PortfolioBuilder::new(spot).build();
        let market = Market::new(NOW, book.spot, table.set().unwrap(), &PARAMS, &expiries);
        let mut pnl = [0; MAX_SCENARIOS];
        let risk = scan_market(&market, &held, &mut pnl).unwrap();
        // THEN mark and PnL are those of the file
        let of_spot =
            |amount: i64, unit: f64| (amount as f64 / quantity.raw() as f64 - unit) / spot;
        let place = || format!("option {}", row.text("opt_id"));
        marks.see(of_spot(risk.mark.raw(), row.f64("price_base")), place);
        for row in of_option {
            let wanted = scenario_of(row);
            let index = set.iter().position(|node| *node == wanted).unwrap();
            let place = || format!("option {} {wanted:?}", row.text("opt_id"));
            errors.see(of_spot(pnl[index], row.f64("pnl")), place);
        }
    }
    assert_eq!(rows.len(), 1408);
    marks.at_most(1e-9);
    errors.at_most(1e-9);
}
