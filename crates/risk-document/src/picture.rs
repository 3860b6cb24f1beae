//! The risk matrix and the payoff curves of a market, arranged for whoever draws them.

use risk_core::market::{Expiry, Market};
use risk_core::position::QuotedPosition;
use risk_core::scan::{MarketRisk, ScenarioPnl, Worst};
use risk_core::scenario::{VolShock, ONE_Q30};

use crate::curve::Curve;
use crate::document::Document;
use crate::evaluate::Outcome;
use crate::failure::Failure;
use crate::refusal::refused;
use crate::report::millionths;
use crate::words::{headline, in_words, shown};

/// 1.0 in millionths.
pub(crate) const ONE: i64 = 1_000_000;

/// One scenario as it is shown; shares in 1e-6, amounts in 1e-6 USD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// What happens to volatility.
    pub shock: VolShock,
    /// Spot multiplier.
    pub spot: i64,
    /// The share of the profit or loss that counts.
    pub damping: i64,
    /// Damped profit or loss.
    pub pnl: i64,
    /// Whether it sets the scan.
    pub is_worst: bool,
}

impl Node {
    pub(crate) fn is_damped(&self) -> bool {
        self.damping != ONE
    }
}

/// A market and what is held in it, as the engine reads both: of a document, or of accounts of the program.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The market's name.
    pub name: &'a str,
    /// Prices, parameters, scenarios, offsetting collateral.
    pub market: Market<'a, Expiry>,
    /// Sorted by expiry.
    pub positions: &'a [QuotedPosition],
}

/// What is shown of a market.
#[derive(Clone, Debug)]
pub struct Picture {
    /// The market's name.
    pub name: String,
    /// Spot, 1e-8 USD.
    pub spot: u64,
    /// Value of the positions, 1e-6 USD.
    pub mark: i64,
    /// Loss that counts, 1e-6 USD, at most 0.
    pub scan: i64,
    /// The worst case in words.
    pub worst: String,
    /// The same with the market's name, the size of each shock and the loss.
    pub headline: String,
    /// In the engine's order.
    pub nodes: Vec<Node>,
    /// Gains over spot.
    pub curve: Curve,
}

/// One row of a matrix: a shock and its nodes by column.
pub struct Row<'a> {
    /// Its label.
    pub shock: &'static str,
    /// One per column; `None` where the set has no such node.
    pub nodes: Vec<Option<&'a Node>>,
}

impl Picture {
    /// All markets that hold something.
    pub fn all(document: &Document, outcome: &Outcome) -> Result<Vec<Self>, Failure> {
        let markets = document.markets.iter().zip(&outcome.markets);
        markets
            .filter(|(market, _)| !market.positions.is_empty() || market.offset.raw() != 0)
            .map(|(market, outcome)| {
                let subject = Subject {
                    name: &market.name,
                    market: market.engine(document.now).map_err(refused)?,
                    positions: &market.positions,
                };
                Self::of(&subject, &outcome.risk, &outcome.pnl)
            })
            .collect()
    }

    /// One market, with what the engine said of it. Refused where the curve leaves what the engine prices.
    pub fn of(
        subject: &Subject<'_>,
        risk: &MarketRisk,
        pnl: &ScenarioPnl,
    ) -> Result<Self, Failure> {
        let named = match risk.worst() {
            Worst::Scenario(index) => Some(usize::from(index)),
            _ => None,
        };
        let set = &subject.market.scenarios;
        let nodes: Vec<Node> = (0..set.count())
            .map(|index| Node {
                shock: set.vol_shock(index),
                spot: millionths(set.spot(index).unwrap_or(ONE_Q30)),
                damping: millionths(set.damping(index).unwrap_or(ONE_Q30)),
                pnl: pnl.get(index).copied().unwrap_or_default(),
                is_worst: named == Some(index),
            })
            .collect();
        let node = named.and_then(|index| nodes.get(index));
        let worst = match risk.worst() {
            Worst::Nothing => "no scenario loses anything".to_owned(),
            Worst::Basis => "forwards move away from spot: the basis floor".to_owned(),
            Worst::MinDelta => "the least margin for the delta that is held".to_owned(),
            Worst::Scenario(_) => node.map_or(String::new(), in_words),
        };
        Ok(Self {
            name: subject.name.to_owned(),
            spot: subject.market.spot.raw(),
            mark: risk.mark.raw(),
            scan: risk.scan.raw(),
            worst,
            headline: headline(subject, risk.worst(), node, risk.scan.raw()),
            nodes,
            curve: Curve::of(subject).map_err(refused)?,
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
