//! `pm matrix`: the risk matrix and the payoff curve of each market, as text and as a picture.

mod curve;
pub mod svg;
pub mod terminal;

use risk_core::scan::Worst;
use risk_core::scenario::{VolShock, ONE_Q30};

use crate::document::market::MarketInput;
use crate::document::Document;
use crate::evaluate::{MarketOutcome, Outcome};
use crate::failure::Failure;
use crate::report::millionths;
use curve::Curve;

/// 1.0 in millionths.
const ONE: i64 = 1_000_000;
/// Below this amount, 1e-6 USD, cents are shown.
pub const SMALL: u64 = 1_000_000_000;

/// One scenario as it is shown; shares in 1e-6, amounts in 1e-6 USD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    pub shock: VolShock,
    pub spot: i64,
    pub damping: i64,
    pub pnl: i64,
    pub is_worst: bool,
}

impl Node {
    fn is_damped(&self) -> bool {
        self.damping != ONE
    }
}

/// What is shown of a market.
#[derive(Clone, Debug)]
pub struct Picture {
    pub name: String,
    /// Spot in 1e-8 USD, scan and mark in 1e-6 USD.
    pub spot: u64,
    pub mark: i64,
    pub scan: i64,
    /// The worst case as a sentence.
    pub worst: String,
    pub nodes: Vec<Node>,
    pub curve: Curve,
}

/// One row of a matrix: a shock and its nodes by column.
pub struct Row<'a> {
    pub shock: &'static str,
    pub nodes: Vec<Option<&'a Node>>,
}

impl Picture {
    /// All markets that hold something.
    pub fn all(document: &Document, outcome: &Outcome) -> Result<Vec<Self>, Failure> {
        let markets = document.markets.iter().zip(&outcome.markets);
        markets
            .filter(|(market, _)| !market.positions.is_empty() || market.offset.raw() != 0)
            .map(|(market, outcome)| Self::of(market, outcome, document.now))
            .collect()
    }

    fn of(market: &MarketInput, outcome: &MarketOutcome, now: i64) -> Result<Self, Failure> {
        let risk = &outcome.risk;
        let named = match risk.worst() {
            Worst::Scenario(index) => Some(usize::from(index)),
            _ => None,
        };
        let set = market
            .scenarios
            .table
            .set()
            .map_err(crate::refusal::refused)?;
        let nodes: Vec<Node> = (0..set.count())
            .map(|index| Node {
                shock: set.vol_shock(index),
                spot: millionths(set.spot(index).unwrap_or(ONE_Q30)),
                damping: millionths(set.damping(index).unwrap_or(ONE_Q30)),
                pnl: outcome.pnl.get(index).copied().unwrap_or_default(),
                is_worst: named == Some(index),
            })
            .collect();
        let worst = match risk.worst() {
            Worst::Nothing => "no scenario loses anything".to_owned(),
            Worst::Basis => "forwards move away from spot: the basis floor".to_owned(),
            Worst::MinDelta => "the least margin for the delta that is held".to_owned(),
            Worst::Scenario(index) => nodes
                .get(usize::from(index))
                .map_or(String::new(), in_words),
        };
        Ok(Self {
            name: market.name.clone(),
            spot: market.spot.raw(),
            mark: risk.mark.raw(),
            scan: risk.scan.raw(),
            worst,
            nodes,
            curve: Curve::of(market, now)?,
        })
    }

    /// Spot multipliers of the undamped nodes, ascending: the columns.
    pub fn columns(&self) -> Vec<i64> {
        let grid = self
            .nodes
            .iter()
            .filter(|node| !node.is_damped() && !node.shock.is_skew());
        let mut columns: Vec<i64> = grid.map(|node| node.spot).collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// The rows under those columns.
    pub fn rows(&self, columns: &[i64]) -> Vec<Row<'_>> {
        let shocks = [
            ("vol up", VolShock::Up),
            ("vol same", VolShock::None),
            ("vol down", VolShock::Down),
        ];
        let at = |shock: VolShock, spot: i64| {
            let mut nodes = self.nodes.iter().filter(|node| !node.is_damped());
            nodes.find(|node| node.shock == shock && node.spot == spot)
        };
        shocks
            .into_iter()
            .map(|(name, shock)| Row {
                shock: name,
                nodes: columns.iter().map(|spot| at(shock, *spot)).collect(),
            })
            .filter(|row| row.nodes.iter().any(Option::is_some))
            .collect()
    }

    /// Nodes beside the matrix: damped tails, then skew nodes, each with its label.
    pub fn others(&self) -> Vec<(String, &Node)> {
        let tails = self
            .nodes
            .iter()
            .filter(|node| node.is_damped() && !node.shock.is_skew());
        let skews = self.nodes.iter().filter(|node| node.shock.is_skew());
        tails.chain(skews).map(|node| (label(node), node)).collect()
    }

    /// The largest magnitude among the nodes.
    pub fn scale(&self) -> u64 {
        let sizes = self.nodes.iter().map(|node| node.pnl.unsigned_abs());
        sizes.max().unwrap_or(0).max(1)
    }
}

fn label(node: &Node) -> String {
    match node.shock {
        VolShock::SkewLinear => "skew tilts".to_owned(),
        VolShock::SkewAbs => "wings lift".to_owned(),
        _ => format!("x{} at {}%", shown(node.spot, 6), shown(node.damping, 4)),
    }
}

/// A number without trailing zeros.
fn shown(raw: i64, decimals: u32) -> String {
    crate::decimal::Decimal::new(raw.into(), decimals).to_string()
}

/// `-13.5%` for a multiplier of 0.865.
pub fn move_label(spot: i64) -> String {
    let change = spot - ONE;
    let sign = if change > 0 { "+" } else { "" };
    format!("{sign}{}%", shown(change, 4))
}

/// A scenario as a sentence.
fn in_words(node: &Node) -> String {
    let spot = match node.spot - ONE {
        0 => "spot stays".to_owned(),
        change if change < 0 => format!("spot falls {} %", shown(-change, 4)),
        change => format!("spot rises {} %", shown(change, 4)),
    };
    let vol = match node.shock {
        VolShock::Up => "volatility rises",
        VolShock::None => "volatility stays",
        VolShock::Down => "volatility falls",
        VolShock::SkewLinear => "the smile tilts",
        VolShock::SkewAbs => "the wings of the smile lift",
    };
    if node.is_damped() {
        return format!(
            "{spot}, {vol}; a tail of which {} % counts",
            shown(node.damping, 4)
        );
    }
    format!("{spot}, {vol}")
}

/// An amount in 1e-6 USD as people read it: whole dollars in groups of three, with cents where `cents` says so.
pub fn dollars(raw: i64, cents: bool) -> String {
    let unit: u64 = if cents { 10_000 } else { 1_000_000 };
    let units = (raw.unsigned_abs() + unit / 2) / unit;
    let (whole, part) = if cents {
        (units / 100, format!(".{:02}", units % 100))
    } else {
        (units, String::new())
    };
    let digits = whole.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    let sign = if raw < 0 && units > 0 { "-" } else { "" };
    format!("{sign}{text}{part}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_well() {
        assert_eq!(dollars(-1_234_567_500_000, false), "-1,234,568");
        assert_eq!(dollars(-400_000, false), "0");
        assert_eq!(dollars(999_995_000, true), "1,000.00");
        assert_eq!(dollars(-4_999, true), "0.00");
        assert_eq!(move_label(865_000), "-13.5%");
        assert_eq!(move_label(1_000_000), "0%");
        assert_eq!(move_label(1_180_000), "+18%");
    }
}
