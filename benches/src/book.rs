//! The market and positions that the kernels are measured on: BTC at 100,000 USD, four expiries, a realistic smile.

use portfolio_margin_interface::state::{ExpirySlot, Market, MarketParamsRecord, PositionRecord};
use portfolio_margin_interface::AccountLayout;
use risk_core::position::{ln_strike, Instrument};
use risk_core::scenario::{Scenario, ScenarioTable, VolShock, MAJOR_SCENARIOS};
use risk_core::Price;

/// Time of every evaluation.
pub const NOW: i64 = 1_760_000_000;
/// Spot price, 1e-8 USD.
pub const SPOT: i64 = 100_000 * 100_000_000;
/// Days to the listed expiries.
pub const EXPIRY_DAYS: [i64; 4] = [7, 30, 90, 360];

/// Unix time of expiry `index`.
pub fn expiry_time(index: usize) -> i64 {
    NOW + EXPIRY_DAYS[index] * 86_400
}

/// The default scenarios, or with two more nodes the 33 that the targets are written for.
pub fn scenarios(with_skew: bool) -> Vec<Scenario> {
    let mut set = MAJOR_SCENARIOS.to_vec();
    if with_skew {
        set.push(Scenario::new(VolShock::Up, 932_500));
        set.push(Scenario::new(VolShock::Up, 1_067_500));
        set.sort_by_key(|scenario| (scenario.vol, scenario.spot));
    }
    set
}

/// A market account's data.
pub fn market(scenarios: &[Scenario]) -> Vec<u8> {
    let mut market: Market = bytemuck::Zeroable::zeroed();
    let table = ScenarioTable::new(scenarios).expect("the default scenarios are valid");
    market.scenarios.write(&table);
    market.params = MarketParamsRecord {
        vol_range_up: 500_000,
        vol_range_down: 300_000,
        vol_short_power: 300_000,
        vol_long_power: 130_000,
        vol_floor_seconds: 86_400,
        vol_min_up: 400_000,
        perp_maintenance: 30_000,
        perp_initial: 10_000,
        option_maintenance: 3_000,
        option_initial: 2_000,
        scan_maintenance: 800_000,
        scan_initial: 1_000_000,
    };
    for (index, slot) in market
        .expiries
        .iter_mut()
        .take(EXPIRY_DAYS.len())
        .enumerate()
    {
        *slot = smile(index);
    }
    let mut data = Market::ACCOUNT_DISCRIMINATOR.to_vec();
    data.extend_from_slice(bytemuck::bytes_of(&market));
    data
}

/// About 55 % volatility at the money, skewed to the downside.
fn smile(index: usize) -> ExpirySlot {
    let tenor = EXPIRY_DAYS[index] * 86_400;
    // 0.3 variance a year, in 1e-12
    let variance = 300_000_000_000 * EXPIRY_DAYS[index] / 365;
    ExpirySlot {
        time: expiry_time(index),
        posted_at: NOW,
        svi_a: variance / 2,
        svi_b: variance.unsigned_abs(),
        svi_rho: -300_000,
        svi_m: 50_000,
        svi_s: 500_000,
        reference_tenor: u32::try_from(tenor).expect("a year fits"),
        forward_basis: 1_000_000,
        rate: 40_000,
        ..bytemuck::Zeroable::zeroed()
    }
}

/// `count` options over the first `expiries` expiries, each with a strike of its own from 70,000 USD on, calls and puts,
/// long and short.
pub fn positions(count: usize, expiries: usize) -> Vec<u8> {
    let per_expiry = count.div_ceil(expiries);
    let records: Vec<PositionRecord> = (0..count)
        .map(|index| option(index / per_expiry, index % per_expiry))
        .collect();
    bytemuck::cast_slice(&records).to_vec()
}

fn option(expiry: usize, place: usize) -> PositionRecord {
    let strike = 100_000_000 * (70_000 + 500 * place as u64);
    let instrument = [Instrument::Call, Instrument::Put][place % 2];
    PositionRecord {
        instrument: instrument as u8,
        expiry: expiry_time(expiry),
        strike,
        ln_strike: ln_strike(Price::from_raw(strike)),
        quantity: if place.is_multiple_of(3) {
            -1_250_000
        } else {
            830_000
        },
        ..bytemuck::Zeroable::zeroed()
    }
}
