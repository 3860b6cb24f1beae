//! `pm margin --account`: an account's margin as the program computes it, and what sets it.

use portfolio_margin_interface::errors::ErrorCode;
use portfolio_margin_interface::view::MarginView;
use risk_core::margin::MarginReport;
use risk_core::scan::Worst;
use risk_core::Quote;
use risk_document::move_label;
use serde::Serialize;

use super::amount::{money, regrouped, shown, QUOTE};
use super::calendar::readable;
use super::output::{pairs, table, Column, Shown};
use super::series::Names;

/// An account's margin; amounts in USD as decimal strings.
#[derive(Clone, Debug, Serialize)]
pub struct Margin {
    /// `portfolio` or `standard`.
    pub tier: &'static str,
    /// `active` or `liquidating`.
    pub status: &'static str,
    /// Slot of the accounts that it was computed from.
    pub slot: u64,
    /// Unix time of the evaluation.
    pub time: i64,
    /// Equity, requirements, health.
    #[serde(flatten)]
    pub figures: Figures,
    /// Whether the account may be opened at these prices.
    pub would_open: bool,
    /// Why an opening does not accept the prices behind these numbers.
    pub doubt: Option<String>,
    /// Each market that is held.
    pub markets: Vec<MarketMargin>,
    #[serde(skip)]
    rows: Vec<Vec<String>>,
}

/// One market's part.
#[derive(Clone, Debug, Serialize)]
pub struct MarketMargin {
    /// Its symbol.
    pub market: String,
    /// Value of the positions.
    pub mark: String,
    /// Loss in the worst scenario.
    pub scan: String,
    /// What sets it.
    pub worst: String,
    /// Contingencies in both requirements.
    pub contingency_maintenance: String,
    /// Further contingencies in the initial one.
    pub contingency_initial: String,
}

/// The words for a tier's code.
pub fn tier_name(tier: u8) -> &'static str {
    match tier {
        0 => "standard",
        1 => "portfolio",
        _ => "unknown",
    }
}

/// The words for a status' code.
pub fn status_name(status: u8) -> &'static str {
    match status {
        0 => "active",
        1 => "liquidating",
        _ => "unknown",
    }
}

/// A code of the program as its name and text; `None` for zero.
pub fn error_words(code: u32) -> Option<String> {
    match (code, ErrorCode::from_code(code)) {
        (0, _) => None,
        (_, Some(error)) => Some(error.to_string()),
        (code, None) => Some(format!("error {code}, unknown to this version")),
    }
}

impl Margin {
    /// Of the view, with each market's spot multipliers by scenario (1e-6) for the words.
    pub fn new(
        account: String,
        slot: u64,
        view: &MarginView,
        names: &Names,
        moves: &dyn Fn(u16, u8) -> Option<i64>,
    ) -> Self {
        let usd = |raw: i64| shown(raw, QUOTE);
        let count = usize::from(view.market_count).min(view.markets.len());
        let held = view.markets.iter().take(count);
        let worst = |market: u16, scenario: u8, scan: i64| {
            let risk = risk_core::scan::MarketRisk {
                scan: risk_core::Quote::from_raw(scan),
                worst_scenario: scenario,
                ..Default::default()
            };
            match risk.worst() {
                Worst::Nothing => "nothing".to_owned(),
                Worst::Basis => "basis floor".to_owned(),
                Worst::MinDelta => "least-delta floor".to_owned(),
                Worst::Scenario(index) => match moves(market, index) {
                    Some(spot) => format!("scenario {index}: spot {}", move_label(spot)),
                    None => format!("scenario {index}"),
                },
            }
        };
        let markets: Vec<MarketMargin> = held
            .clone()
            .map(|market| MarketMargin {
                market: names.of(market.market),
                mark: usd(market.mark),
                scan: usd(market.scan),
                worst: worst(market.market, market.worst_scenario, market.scan),
                contingency_maintenance: usd(market.contingency_maintenance),
                contingency_initial: usd(market.contingency_initial),
            })
            .collect();
        let rows = held.zip(&markets).map(|(raw, market)| {
            let [mark, scan] = [raw.mark, raw.scan].map(money);
            let further = [raw.contingency_maintenance, raw.contingency_initial].map(money);
            let [maintenance, initial] = further;
            vec![
                market.market.clone(),
                mark,
                scan,
                market.worst.clone(),
                maintenance,
                initial,
            ]
        });
        Self {
            tier: tier_name(view.tier),
            status: status_name(view.status),
            slot,
            time: view.now,
            figures: Figures::new(account, &view.report()),
            would_open: view.would_open == 1,
            doubt: error_words(view.doubt),
            rows: rows.collect(),
            markets,
        }
    }
}

/// The figures that decide, USD.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Address of the margin account.
    pub account: String,
    /// Marks, cash and collateral.
    pub equity: String,
    /// Quote balance.
    pub cash: String,
    /// Collateral before haircuts.
    pub collateral: String,
    /// Value of the positions.
    pub mark: String,
    /// What must be there to open.
    pub initial_margin: String,
    /// What must be there.
    pub maintenance_margin: String,
    /// Equity less the initial margin: free to trade and to withdraw.
    pub initial_health: String,
    /// Equity less the maintenance margin: below zero the account can be liquidated.
    pub maintenance_health: String,
    /// Loss of the worst scenarios.
    pub scan: String,
}

impl Figures {
    /// Of the engine's report.
    pub fn new(account: String, report: &MarginReport) -> Self {
        let usd = |value: Quote| shown(value.raw(), QUOTE);
        let required = |health: Quote| {
            let margin = i128::from(report.equity.raw()) - i128::from(health.raw());
            shown(margin, QUOTE)
        };
        Self {
            account,
            equity: usd(report.equity),
            cash: usd(report.cash),
            collateral: usd(report.collateral),
            mark: usd(report.mark),
            initial_margin: required(report.initial_health),
            maintenance_margin: required(report.maintenance_health),
            initial_health: usd(report.initial_health),
            maintenance_health: usd(report.maintenance_health),
            scan: usd(report.scan),
        }
    }

    /// For people.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = vec![
            ("equity", regrouped(&self.equity)),
            ("  cash", regrouped(&self.cash)),
            ("  collateral", regrouped(&self.collateral)),
            ("  positions", regrouped(&self.mark)),
            ("initial margin", regrouped(&self.initial_margin)),
            ("maintenance margin", regrouped(&self.maintenance_margin)),
            ("initial health", regrouped(&self.initial_health)),
            ("maintenance health", regrouped(&self.maintenance_health)),
        ];
        let width = lines
            .iter()
            .map(|(_, value)| value.len())
            .max()
            .unwrap_or(0);
        for (_, value) in &mut lines {
            *value = format!("{value:>width$}");
        }
        lines
    }
}

impl Shown for Margin {
    fn table(&self) -> String {
        let at = format!("slot {}, {}", self.slot, readable(self.time));
        let mut text = format!(
            "{}  {}, {}  {at}\n\n",
            self.figures.account, self.tier, self.status
        );
        text.push_str(&pairs(&self.figures.lines()));
        if let Some(doubt) = &self.doubt {
            text.push_str(&format!(
                "\n\nNothing can be opened at these prices: {doubt}"
            ));
        }
        if self.rows.is_empty() {
            return text;
        }
        let columns = [
            Column::Left("market"),
            Column::Right("mark"),
            Column::Right("scan"),
            Column::Left("worst case"),
            Column::Right("charges"),
            Column::Right("further initial"),
        ];
        text.push_str(&format!("\n\n{}", table(&columns, self.rows.clone())));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;

    fn view() -> MarginView {
        let mut view = MarginView {
            market_count: 2,
            tier: 1,
            now: 1_795_766_400,
            equity: 1_000_000_000,
            cash: 900_000_000,
            mark: 100_000_000,
            initial_health: -250_000_001,
            maintenance_health: 500_000_000,
            doubt: ErrorCode::SurfaceStale.code(),
            ..MarginView::zeroed()
        };
        view.markets[0].scan = -400_000_000;
        view.markets[0].worst_scenario = 3;
        view.markets[1].market = 1;
        view.markets[1].scan = -1;
        view.markets[1].worst_scenario = 255;
        view
    }

    #[test]
    fn requirements_are_what_equity_lacks_to_health() {
        let names = Names::new([(0, b"BTC\0\0\0\0\0\0\0\0\0\0\0\0\0")]);
        let margin = Margin::new("KEY".to_owned(), 7, &view(), &names, &|_, _| Some(820_000));
        assert_eq!(margin.figures.initial_margin, "1250.000001");
        assert_eq!(margin.figures.maintenance_margin, "500");
        assert_eq!(margin.figures.initial_health, "-250.000001");
        assert_eq!(margin.markets[0].worst, "scenario 3: spot -18%");
        assert_eq!(margin.markets[1].worst, "least-delta floor");
        assert_eq!(margin.markets[1].market, "@1");
        let text = margin.table();
        for line in [
            "initial margin      1,250.000001",
            "initial health       -250.000001",
            "SurfaceStale",
        ] {
            assert!(text.contains(line), "{line}:\n{text}");
        }
    }

    #[test]
    fn codes_have_words_and_zero_has_none() {
        assert_eq!(error_words(0), None);
        assert!(error_words(6_000).is_some_and(|words| words.starts_with("NotGovernor")));
        assert!(error_words(99).is_some_and(|words| words.contains("99")));
    }
}
