//! What `view_margin` returns: plain little-endian data with a version, through return data.

use risk_core::margin::MarginReport;
use risk_core::scan::MarketRisk;
use risk_core::Quote;

/// Version of [`MarginView`].
pub const VIEW_VERSION: u8 = 1;
/// Most markets that one view describes.
pub const MAX_VIEW_MARKETS: usize = 8;

/// One market's part of the report, 1e-6 USD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct MarketView {
    /// Index of the market.
    pub market: u16,
    /// Index of the scenario with the largest loss.
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

/// An account's margin, 1e-6 USD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct MarginView {
    /// [`VIEW_VERSION`].
    pub version: u8,
    /// Markets described.
    pub market_count: u8,
    /// Zero.
    pub padding: [u8; 6],
    /// Unix time of the evaluation.
    pub now: i64,
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
    /// Per market, in order; zero past `market_count`.
    pub markets: [MarketView; MAX_VIEW_MARKETS],
}

// Return data holds 1,024 bytes.
const _: () = assert!(core::mem::size_of::<MarginView>() <= 1_024);

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
        }
    }
}
