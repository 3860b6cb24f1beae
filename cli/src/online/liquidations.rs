//! `pm liquidations`: accounts below maintenance or in liquidation, worst first.

use client_core::{AccountData, Evaluator};
use portfolio_margin_interface::Pubkey;
use risk_core::margin::MarginReport;
use serde::Serialize;

use super::amount::{money, shown, QUOTE};
use super::desk::Desk;
use super::failure::Failure;
use super::margin::status_name;
use super::output::{table, write, Column, Progress, Shown};

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Liquidations {
    /// Slot of the accounts.
    pub slot: u64,
    /// Accounts that were looked at.
    pub accounts: usize,
    /// Of them below maintenance or in liquidation.
    pub failing: usize,
    /// Of them that cannot be judged now, for want of a price.
    pub unjudged: usize,
    /// Worst first.
    pub shown: Vec<Line>,
    #[serde(skip)]
    rows: Vec<Vec<String>>,
}

/// One account, USD.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// Address.
    pub account: String,
    /// `active` or `liquidating`.
    pub status: &'static str,
    /// Below zero: can be liquidated.
    pub maintenance_health: String,
    /// What is required.
    pub maintenance_margin: String,
    /// Below zero: insolvent.
    pub equity: String,
    /// Health over requirement, percent, for ranking and display.
    pub percent: f64,
}

struct Judged {
    key: Pubkey,
    status: u8,
    report: MarginReport,
}

impl Judged {
    fn required(&self) -> i128 {
        i128::from(self.report.equity.raw()) - i128::from(self.report.maintenance_health.raw())
    }

    /// Health over requirement, percent.
    fn percent(&self) -> f64 {
        let health = self.report.maintenance_health.raw() as f64;
        match self.required() {
            0 => f64::INFINITY,
            required => 100.0 * health / required as f64,
        }
    }

    fn is_failing(&self) -> bool {
        self.report.maintenance_health.raw() < 0 || self.status != 0
    }
}

/// `pm liquidations`.
pub async fn run(desk: &Desk, is_all: bool, limit: usize) -> Result<(), Failure> {
    let progress = Progress::new("reading all accounts");
    let (slot, accounts) = desk.accounts(None).await?;
    progress.say(format!("evaluating {} accounts", accounts.len()));
    let moment = desk.moment().await?;
    let evaluator = Evaluator::new(&moment.inputs);
    let holds = |data: &AccountData| {
        !data.positions.is_empty() || data.header.cash < 0 || data.header.status != 0
    };
    let (mut judged, mut unjudged) = (Vec::new(), 0);
    for (key, data) in accounts.iter().filter(|(_, data)| holds(data)) {
        match evaluator.margin(&data.header, &data.positions) {
            Ok(report) => judged.push(Judged {
                key: *key,
                status: data.header.status,
                report,
            }),
            Err(_) => unjudged += 1,
        }
    }
    drop(progress);
    let failing = judged.iter().filter(|account| account.is_failing()).count();
    judged.retain(|account| is_all || account.is_failing());
    judged.sort_by(|left, right| left.percent().total_cmp(&right.percent()));
    judged.truncate(limit);
    let found = Liquidations {
        slot,
        accounts: accounts.len(),
        failing,
        unjudged,
        rows: judged.iter().map(row).collect(),
        shown: judged.iter().map(line).collect(),
    };
    write(&found, desk.is_json)
}

fn line(account: &Judged) -> Line {
    Line {
        account: account.key.to_string(),
        status: status_name(account.status),
        maintenance_health: shown(account.report.maintenance_health.raw(), QUOTE),
        maintenance_margin: shown(account.required(), QUOTE),
        equity: shown(account.report.equity.raw(), QUOTE),
        percent: account.percent(),
    }
}

/// Whole cents, downwards: what is a unit below zero is not shown as zero.
fn cents(units: i64) -> String {
    money(units.div_euclid(10_000).saturating_mul(10_000))
}

/// A share for people: beyond ten times a requirement the figure says nothing.
fn share(percent: f64) -> String {
    match percent {
        percent if percent > 1_000.0 => "> 1000 %".to_owned(),
        percent => format!("{percent:.1} %"),
    }
}

fn row(account: &Judged) -> Vec<String> {
    vec![
        account.key.to_string(),
        status_name(account.status).to_owned(),
        cents(account.report.maintenance_health.raw()),
        cents(account.report.equity.raw()),
        share(account.percent()),
    ]
}

impl Shown for Liquidations {
    fn table(&self) -> String {
        let mut text = format!(
            "{} accounts, {} below maintenance or in liquidation",
            self.accounts, self.failing
        );
        if self.unjudged > 0 {
            text.push_str(&format!(
                ", {} that cannot be judged for want of a price",
                self.unjudged
            ));
        }
        if self.rows.is_empty() {
            return text;
        }
        let columns = [
            Column::Left("account"),
            Column::Left("status"),
            Column::Right("health"),
            Column::Right("equity"),
            Column::Right("of required"),
        ];
        format!("{text}\n\n{}", table(&columns, self.rows.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breach_of_one_unit_is_not_shown_as_none() {
        for (units, text) in [
            (-1, "-0.01"),
            (0, "0.00"),
            (9_999, "0.00"),
            (10_000, "0.01"),
            (-5_597_110_001, "-5,597.12"),
            (i64::MAX, "9,223,372,036,854.77"),
        ] {
            assert_eq!(cents(units), text, "{units}");
        }
        assert!(cents(i64::MIN).starts_with("-9,223,372,036,854.77"));
    }

    #[test]
    fn a_share_of_nearly_nothing_has_no_digits() {
        let shares = [-29.04, 1_000.0, 1_000.1, f64::INFINITY].map(share);
        assert_eq!(shares, ["-29.0 %", "1000.0 %", "> 1000 %", "> 1000 %"]);
    }
}
