//! What `view_risk_matrix` returns: one market's PnL under each scenario, and what becomes of it.

use risk_core::scan::{MarketRisk, ScenarioPnl};
use risk_core::scenario::MAX_SCENARIOS;
use risk_core::Quote;

use super::{ContingencyView, MAX_VIEW_BYTES};

/// One market of an account under the portfolio model, 1e-6 USD.
///
/// Scenario `i` is entry `i` of the market account's scenario set, which says its spot multiplier, its volatility shock and
/// its damping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct RiskMatrixView {
    /// [`super::VIEW_VERSION`].
    pub version: u8,
    /// Scenarios.
    pub count: u8,
    /// Index of the scenario without a move.
    pub base: u8,
    /// Index of the scenario with the largest loss, or 254 for the basis floor, 255 for the minimum-delta floor;
    /// meaningless where `scan` is zero.
    pub worst_scenario: u8,
    /// Status of the account: 0 active, 1 in liquidation.
    pub status: u8,
    /// Margin tier of the account; this matrix is that of the portfolio tier in any case.
    pub tier: u8,
    /// Index of the market.
    pub market: u16,
    /// Error code of the first reason why an opening does not accept the prices behind these numbers; 0 where it does.
    pub doubt: u32,
    /// Zero.
    pub padding: u32,
    /// Unix time of the evaluation.
    pub now: i64,
    /// Spot, 1e-8 USD.
    pub spot: u64,
    /// Value of the positions without a move, floored.
    pub mark: i64,
    /// The largest loss over scenarios and floors, at most zero.
    pub scan: i64,
    /// The basis floor, at most zero.
    pub basis_floor: i64,
    /// The minimum-delta floor, at most zero.
    pub min_delta_floor: i64,
    /// Net delta times spot.
    pub net_delta: i64,
    /// Sizes without netting.
    pub gross_notional: i64,
    /// Charge in both requirements.
    pub contingency_maintenance: i64,
    /// Further charge in the initial requirement.
    pub contingency_initial: i64,
    /// The charges, each apart.
    pub contingencies: ContingencyView,
    /// PnL under each scenario, damped; zero past `count`.
    pub pnl: [i64; MAX_SCENARIOS],
}

impl RiskMatrixView {
    /// Copies what the engine computed.
    pub fn set_risk(&mut self, risk: &MarketRisk, pnl: &ScenarioPnl) {
        self.worst_scenario = risk.worst_scenario;
        self.mark = risk.mark.raw();
        self.scan = risk.scan.raw();
        self.basis_floor = risk.basis_floor.raw();
        self.min_delta_floor = risk.min_delta_floor.raw();
        self.net_delta = risk.net_delta.raw();
        self.gross_notional = risk.gross_notional.raw();
        self.contingency_maintenance = risk.contingency_maintenance.raw();
        self.contingency_initial = risk.contingency_initial.raw();
        self.contingencies = ContingencyView::new(&risk.contingencies);
        self.pnl = *pnl;
    }

    /// What the engine computed.
    pub fn risk(&self) -> MarketRisk {
        MarketRisk {
            mark: Quote::from_raw(self.mark),
            scan: Quote::from_raw(self.scan),
            worst_scenario: self.worst_scenario,
            contingency_maintenance: Quote::from_raw(self.contingency_maintenance),
            contingency_initial: Quote::from_raw(self.contingency_initial),
            gross_notional: Quote::from_raw(self.gross_notional),
            basis_floor: Quote::from_raw(self.basis_floor),
            min_delta_floor: Quote::from_raw(self.min_delta_floor),
            net_delta: Quote::from_raw(self.net_delta),
            contingencies: self.contingencies.contingencies(),
        }
    }
}

const _: () = assert!(core::mem::size_of::<RiskMatrixView>() <= MAX_VIEW_BYTES);
