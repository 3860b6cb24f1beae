//! What `view_margin` returns.

use risk_core::contingency::Contingencies;
use risk_core::margin::MarginReport;
use risk_core::scan::MarketRisk;
use risk_core::{Quote, Ratio};

use super::{MAX_VIEW_BYTES, MAX_VIEW_MARKETS, VIEW_VERSION};

/// One market's part of the report, 1e-6 USD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct MarketView {
    /// Index of the market.
    pub market: u16,
    /// Index of the scenario with the largest loss, or 254 for the basis floor, 255 for the minimum-delta floor.
    pub worst_scenario: u8,
    /// Zero.
    pub padding: [u8; 5],
    /// Value of the positions.
    pub mark: i64,
    /// Loss in the worst scenario, at most zero.
    pub scan: i64,
    /// Contingencies in both requirements.
    pub contingency_maintenance: i64,
    /// Further contingencies in the initial requirement.
    pub contingency_initial: i64,
}

/// The contingencies, each apart, 1e-6 USD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct ContingencyView {
    /// Perpetuals, both requirements.
    pub perp_maintenance: i64,
    /// Perpetuals, initial only.
    pub perp_initial: i64,
    /// Naked shorts, both requirements.
    pub option_maintenance: i64,
    /// Naked shorts, initial only.
    pub option_initial: i64,
    /// Haircuts of collateral, both requirements.
    pub haircut_maintenance: i64,
    /// Haircuts of collateral, initial only.
    pub haircut_initial: i64,
    /// Uncertain inputs, initial only.
    pub confidence: i64,
    /// Distance to the stable price, initial only.
    pub stable_price: i64,
    /// Concentration of the net delta, initial only.
    pub concentration_delta: i64,
    /// Concentration of the net vega, initial only.
    pub concentration_vega: i64,
    /// Numerical cushion, both requirements.
    pub cushion: i64,
}

impl ContingencyView {
    /// The charges as a view carries them.
    pub fn new(charges: &Contingencies) -> Self {
        Self {
            perp_maintenance: charges.perp_maintenance.raw(),
            perp_initial: charges.perp_initial.raw(),
            option_maintenance: charges.option_maintenance.raw(),
            option_initial: charges.option_initial.raw(),
            haircut_maintenance: charges.haircut_maintenance.raw(),
            haircut_initial: charges.haircut_initial.raw(),
            confidence: charges.confidence.raw(),
            stable_price: charges.stable_price.raw(),
            concentration_delta: charges.concentration_delta.raw(),
            concentration_vega: charges.concentration_vega.raw(),
            cushion: charges.cushion.raw(),
        }
    }

    /// The charges that the engine computed on chain.
    pub fn contingencies(&self) -> Contingencies {
        Contingencies {
            perp_maintenance: Quote::from_raw(self.perp_maintenance),
            perp_initial: Quote::from_raw(self.perp_initial),
            option_maintenance: Quote::from_raw(self.option_maintenance),
            option_initial: Quote::from_raw(self.option_initial),
            haircut_maintenance: Quote::from_raw(self.haircut_maintenance),
            haircut_initial: Quote::from_raw(self.haircut_initial),
            confidence: Quote::from_raw(self.confidence),
            stable_price: Quote::from_raw(self.stable_price),
            concentration_delta: Quote::from_raw(self.concentration_delta),
            concentration_vega: Quote::from_raw(self.concentration_vega),
            cushion: Quote::from_raw(self.cushion),
        }
    }
}

/// An account's margin, 1e-6 USD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct MarginView {
    /// [`VIEW_VERSION`].
    pub version: u8,
    /// Markets described.
    pub market_count: u8,
    /// 1 where a trade of the legs as taker would pass the margin test: the account may be opened as it is shown, or the
    /// legs reduce its risk. Without legs: 1 where the account may be opened as it is. 0 otherwise.
    pub would_open: u8,
    /// Status of the account: 0 active, 1 in liquidation.
    pub status: u8,
    /// Margin tier of the account.
    pub tier: u8,
    /// Zero.
    pub padding: [u8; 3],
    /// Unix time of the evaluation.
    pub now: i64,
    /// Error code of the first reason why an opening does not accept the prices behind these numbers; 0 where it does.
    pub doubt: u32,
    /// Error code with which the margin test would refuse a trade of the legs; 0 where `would_open` is 1.
    pub refusal: u32,
    /// Signed headroom over the initial requirement.
    pub initial_health: i64,
    /// Signed headroom over the maintenance requirement.
    pub maintenance_health: i64,
    /// Marks plus cash plus collateral value.
    pub equity: i64,
    /// Value of all positions.
    pub mark: i64,
    /// Quote balance.
    pub cash: i64,
    /// Value of all collateral before haircuts.
    pub collateral: i64,
    /// Sum of the markets' worst losses.
    pub scan: i64,
    /// Contingencies in both requirements.
    pub contingency_maintenance: i64,
    /// Further contingencies in the initial requirement.
    pub contingency_initial: i64,
    /// Sizes without netting.
    pub gross_notional: i64,
    /// What the quote asset's price adds to the initial scan factors, 1e-6.
    pub peg_add: i64,
    /// The contingencies, each apart.
    pub contingencies: ContingencyView,
    /// Per market, in order; zero past `market_count`.
    pub markets: [MarketView; MAX_VIEW_MARKETS],
}

const _: () = assert!(core::mem::size_of::<MarginView>() <= MAX_VIEW_BYTES);

impl MarginView {
    /// Copies the totals.
    pub fn set_totals(&mut self, now: i64, report: &MarginReport) {
        self.version = VIEW_VERSION;
        self.now = now;
        self.initial_health = report.initial_health.raw();
        self.maintenance_health = report.maintenance_health.raw();
        self.equity = report.equity.raw();
        self.mark = report.mark.raw();
        self.cash = report.cash.raw();
        self.collateral = report.collateral.raw();
        self.scan = report.scan.raw();
        self.contingency_maintenance = report.contingency_maintenance.raw();
        self.contingency_initial = report.contingency_initial.raw();
        self.gross_notional = report.gross_notional.raw();
        self.peg_add = report.peg_add.raw();
        self.contingencies = ContingencyView::new(&report.contingencies);
    }

    /// Appends a market; those past [`MAX_VIEW_MARKETS`] are not described.
    pub fn push_market(&mut self, market: u16, risk: &MarketRisk) {
        if let Some(view) = self.markets.get_mut(usize::from(self.market_count)) {
            *view = MarketView {
                market,
                worst_scenario: risk.worst_scenario,
                padding: [0; 5],
                mark: risk.mark.raw(),
                scan: risk.scan.raw(),
                contingency_maintenance: risk.contingency_maintenance.raw(),
                contingency_initial: risk.contingency_initial.raw(),
            };
            self.market_count = self.market_count.saturating_add(1);
        }
    }

    /// The report that the engine computed on chain.
    pub fn report(&self) -> MarginReport {
        MarginReport {
            initial_health: Quote::from_raw(self.initial_health),
            maintenance_health: Quote::from_raw(self.maintenance_health),
            equity: Quote::from_raw(self.equity),
            mark: Quote::from_raw(self.mark),
            cash: Quote::from_raw(self.cash),
            collateral: Quote::from_raw(self.collateral),
            scan: Quote::from_raw(self.scan),
            contingency_maintenance: Quote::from_raw(self.contingency_maintenance),
            contingency_initial: Quote::from_raw(self.contingency_initial),
            gross_notional: Quote::from_raw(self.gross_notional),
            contingencies: self.contingencies.contingencies(),
            peg_add: Ratio::from_raw(self.peg_add),
        }
    }
}
