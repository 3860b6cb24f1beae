//! The market and positions that the kernels are measured on: BTC at 100,000 USD under the whole model, four expiries, a
//! realistic smile.

use portfolio_margin_interface::state::{
    ExpirySlot, Market, MarketParamsRecord, MarketTermsRecord, PositionRecord,
};
use portfolio_margin_interface::AccountLayout;
use risk_core::market::MarketParams;
use risk_core::position::{ln_strike, Instrument};
use risk_core::scenario::{Scenario, ScenarioTable, MAJOR_GRID, MAJOR_SCENARIOS};
use risk_core::{Price, Ratio};

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

/// The 33 scenarios that the targets are written for, or without the two skew nodes the 31 of the grid alone.
pub fn scenarios(with_skew: bool) -> Vec<Scenario> {
    if with_skew {
        MAJOR_SCENARIOS.to_vec()
    } else {
        MAJOR_GRID.to_vec()
    }
}

/// A market account's data: the shipped parameters of BTC.
pub fn market(scenarios: &[Scenario]) -> Vec<u8> {
    let mut market: Market = bytemuck::Zeroable::zeroed();
    let table = ScenarioTable::new(scenarios).expect("the default scenarios are valid");
    market.scenarios.write(&table);
    market.params = ratios(&MarketParams::BTC);
    market.terms = terms(&MarketParams::BTC);
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

/// A parameter as an account stores it.
fn raw(ratio: Ratio) -> u32 {
    u32::try_from(ratio.raw()).expect("a valid parameter")
}

fn ratios(params: &MarketParams) -> MarketParamsRecord {
    let vol = &params.vol;
    MarketParamsRecord {
        vol_range_up: raw(vol.range_up),
        vol_range_down: raw(vol.range_down),
        vol_short_power: raw(vol.short_power),
        vol_long_power: raw(vol.long_power),
        vol_floor_seconds: u32::try_from(vol.floor_seconds).expect("at most 30 days"),
        vol_min_up: raw(vol.min_vol_up),
        perp_maintenance: raw(params.perp_maintenance),
        perp_initial: raw(params.perp_initial),
        option_maintenance: raw(params.option_maintenance),
        option_initial: raw(params.option_initial),
        scan_maintenance: raw(params.scan_maintenance),
        scan_initial: raw(params.scan_initial),
    }
}

fn terms(params: &MarketParams) -> MarketTermsRecord {
    let signed = |ratio: Ratio| i32::try_from(ratio.raw()).expect("a valid parameter");
    let (skew, discount, basis) = (&params.skew, &params.discount, &params.basis);
    let (delta, vega) = (&params.concentration_delta, &params.concentration_vega);
    MarketTermsRecord {
        skew_linear_base: raw(skew.linear_base),
        skew_linear_slope: signed(skew.linear_slope),
        skew_abs_base: raw(skew.abs_base),
        skew_abs_slope: signed(skew.abs_slope),
        skew_min_k: raw(skew.min_k),
        skew_width: raw(skew.width),
        skew_fixed: raw(skew.fixed),
        skew_scale: raw(skew.scale),
        discount_long_base: raw(discount.long_base),
        discount_long_multiplier: raw(discount.long_multiplier),
        discount_long_add: raw(discount.long_add),
        discount_short_base: raw(discount.short_base),
        discount_short_multiplier: raw(discount.short_multiplier),
        discount_short_add: raw(discount.short_add),
        basis_up: raw(basis.up),
        basis_down: raw(basis.down),
        basis_add: raw(basis.add),
        basis_multiplier: raw(basis.multiplier),
        min_delta_net: raw(params.min_delta.net),
        min_delta_hedged: raw(params.min_delta.hedged),
        confidence_threshold: raw(params.confidence.threshold),
        confidence_factor: raw(params.confidence.factor),
        concentration_delta_threshold: delta.threshold.raw(),
        concentration_delta_full: delta.full.raw(),
        concentration_delta_cap: raw(delta.cap),
        concentration_vega_threshold: vega.threshold.raw(),
        concentration_vega_full: vega.full.raw(),
        concentration_vega_cap: raw(vega.cap),
    }
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
