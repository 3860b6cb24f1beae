//! The risk matrix: profit and loss of a market's positions per scenario, as numbers on a coloured ground.

use risk_core::scan::ScenarioPnl;
use risk_core::scenario::{ScenarioSet, VolShock, ONE_Q30};
use risk_core::witness::{BASIS_WITNESS, FLOOR_WITNESS};

use super::format::kilo;
use super::Colour;

/// Columns of a cell and of the row labels: nine cells and a label fill 80.
const CELL: usize = 8;
const LABEL: usize = 8;

/// One scenario as it is shown.
#[derive(Clone, Copy, Debug)]
struct Node {
    vol: VolShock,
    spot: i64,
    damping: i64,
    pnl: i64,
    worst: bool,
}

/// A market's matrix.
pub struct HeatMap {
    nodes: Vec<Node>,
}

impl Node {
    fn is_skew(&self) -> bool {
        matches!(self.vol, VolShock::SkewLinear | VolShock::SkewAbs)
    }

    /// In the part of the map with spot across and volatility down.
    fn is_near(&self) -> bool {
        self.damping == ONE_Q30 && !self.is_skew()
    }
}

impl HeatMap {
    /// `pnl` as the scan left it; `worst` as the scan named it.
    pub fn new(set: &ScenarioSet<'_>, pnl: &ScenarioPnl, worst: u8) -> Self {
        let nodes = (0..set.count()).zip(pnl).filter_map(|(index, pnl)| {
            Some(Node {
                vol: set.vol_shock(index),
                spot: set.spot(index)?,
                damping: set.damping(index)?,
                pnl: *pnl,
                worst: index == usize::from(worst) && *pnl < 0,
            })
        });
        Self {
            nodes: nodes.collect(),
        }
    }

    /// Header and one row per volatility shock; then the damped tails.
    ///
    /// The colour is at its strongest for amounts of `scale` (1e-6 USD) and more: maps shown together share one scale.
    pub fn lines(&self, colour: Colour, scale: u64) -> Vec<String> {
        let ink = Ink { colour, scale };
        let mut lines = self.grid(ink);
        lines.extend(self.skews(ink));
        lines.extend(self.tails(ink));
        lines
    }

    fn grid(&self, ink: Ink) -> Vec<String> {
        let near = || self.nodes.iter().filter(|node| node.is_near());
        let mut spots: Vec<i64> = near().map(|node| node.spot).collect();
        spots.sort_unstable();
        spots.dedup();
        let moves = spots.iter().map(|spot| move_label(*spot));
        let mut lines = vec![row("spot", moves.map(|text| plain_cell(&text)))];
        for (vol, label) in [
            (VolShock::Up, "vol up"),
            (VolShock::None, "vol same"),
            (VolShock::Down, "vol down"),
        ] {
            let cells = spots.iter().map(|spot| {
                let found = near().find(|node| node.vol == vol && node.spot == *spot);
                found.map_or_else(|| plain_cell("."), |node| cell(node, ink))
            });
            lines.push(row(label, cells));
        }
        lines
    }

    /// The smile tilted and its wings lifted, at unmoved spot.
    fn skews(&self, ink: Ink) -> Option<String> {
        let skews: Vec<&Node> = self.nodes.iter().filter(|node| node.is_skew()).collect();
        if skews.is_empty() {
            return None;
        }
        let cells = skews.into_iter().flat_map(|node| {
            let name = match node.vol {
                VolShock::SkewLinear => "tilted",
                _ => "lifted",
            };
            [plain_cell(name), cell(node, ink)]
        });
        Some(row("smile", cells))
    }

    fn tails(&self, ink: Ink) -> Vec<String> {
        let tails: Vec<&Node> = self.nodes.iter().filter(|n| n.damping != ONE_Q30).collect();
        if tails.is_empty() {
            return Vec::new();
        }
        let labels = tails.iter().map(|node| {
            let spot = node.spot as f64 / ONE_Q30 as f64;
            plain_cell(&format!("x{spot:.2}"))
        });
        let counted = tails.iter().map(|node| {
            let share = 100.0 * node.damping as f64 / ONE_Q30 as f64;
            plain_cell(&format!("{share:.0} %"))
        });
        vec![
            row("tails", labels),
            row("counted", counted),
            row("vol up", tails.iter().map(|node| cell(node, ink))),
        ]
    }
}

/// How cells are painted.
#[derive(Clone, Copy, Debug)]
struct Ink {
    colour: Colour,
    scale: u64,
}

/// The value, with a star at the worst; the colour says the same again.
fn cell(node: &Node, ink: Ink) -> String {
    let mark = if node.worst { '*' } else { ' ' };
    let text = format!("{:>width$}{mark}", kilo(node.pnl), width = CELL - 1);
    // Square root: small losses remain visible beside a large one.
    let share = node.pnl.unsigned_abs() as f64 / ink.scale.max(1) as f64;
    paint(&text, node.pnl < 0, share.min(1.0).sqrt(), ink.colour)
}

fn row(label: &str, cells: impl Iterator<Item = String>) -> String {
    let cells: String = cells.collect();
    format!("{label:<LABEL$}{cells}").trim_end().to_owned()
}

fn plain_cell(text: &str) -> String {
    format!("{text:>width$} ", width = CELL - 1)
}

/// `-13.5%` for a multiplier of 0.865 in Q30.
fn move_label(spot: i64) -> String {
    let percent = 100.0 * (spot as f64 / ONE_Q30 as f64 - 1.0);
    let text = format!("{percent:+.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.trim_start_matches(['+', '-']) == "0" {
        return "0%".to_owned();
    }
    format!("{text}%")
}

/// White on red for losses, on green for gains, stronger with `strength` from 0 to 1.
fn paint(text: &str, loss: bool, strength: f64, colour: Colour) -> String {
    match colour {
        Colour::Plain => text.to_owned(),
        Colour::Palette => {
            let ramp: [u8; 4] = if loss {
                [52, 88, 124, 160]
            } else {
                [22, 22, 28, 28]
            };
            let ground = ramp[((strength * 3.99) as usize).min(3)];
            format!("\x1b[38;5;231;48;5;{ground}m{text}\x1b[0m")
        }
        Colour::True => {
            let level = |least: f64, most: f64| (least + (most - least) * strength) as u8;
            let (red, green, blue) = if loss {
                (level(50.0, 200.0), level(35.0, 20.0), level(40.0, 30.0))
            } else {
                (level(30.0, 10.0), level(55.0, 130.0), level(45.0, 60.0))
            };
            format!("\x1b[38;2;255;255;255;48;2;{red};{green};{blue}m{text}\x1b[0m")
        }
    }
}

/// A scenario in words: `BTC falls 18 % and volatility rises`.
pub fn in_words(symbol: &str, set: &ScenarioSet<'_>, index: u8) -> String {
    match index {
        BASIS_WITNESS => return format!("forwards of {symbol} leave its spot (a floor)"),
        FLOOR_WITNESS => return format!("the least share of the delta in {symbol} (a floor)"),
        _ => {}
    }
    let index = usize::from(index);
    let spot = set.spot(index).unwrap_or(ONE_Q30);
    let damping = set.damping(index).unwrap_or(ONE_Q30);
    let percent = 100.0 * (spot as f64 / ONE_Q30 as f64 - 1.0);
    let amount = format!("{:.2}", percent.abs());
    let amount = amount.trim_end_matches('0').trim_end_matches('.');
    let spot = match percent {
        p if p.abs() < 0.005 => "stays".to_owned(),
        p if p < 0.0 => format!("falls {amount} %"),
        _ => format!("rises {amount} %"),
    };
    let vol = match set.vol_shock(index) {
        VolShock::Up => "volatility rises",
        VolShock::None => "volatility stays",
        VolShock::Down => "volatility falls",
        VolShock::SkewLinear => "the smile tilts",
        VolShock::SkewAbs => "the wings lift",
    };
    let share = 100.0 * damping as f64 / ONE_Q30 as f64;
    let tail = if damping == ONE_Q30 {
        String::new()
    } else {
        format!(" (tail, {share:.0} % counts)")
    };
    format!("{symbol} {spot}, {vol}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use risk_core::scenario::{ScenarioTable, MAJOR_SCENARIOS, MAX_SCENARIOS};

    const SCALE: u64 = 120_000_000_000;

    fn pnl() -> ScenarioPnl {
        let mut pnl = [0; MAX_SCENARIOS];
        for (index, value) in pnl.iter_mut().enumerate() {
            *value = (index as i64 - 20) * 6_000_000_000;
        }
        pnl
    }

    #[test]
    fn every_scenario_is_shown_once_and_fits() {
        let table = ScenarioTable::new(&MAJOR_SCENARIOS).unwrap();
        let map = HeatMap::new(&table.set().unwrap(), &pnl(), 0);
        let lines = map.lines(Colour::Plain, SCALE);
        assert!(lines
            .iter()
            .all(|line| line.chars().count() <= super::super::WIDTH));
        let shown: usize = lines
            .iter()
            .map(|line| line.matches(['k', 'M']).count())
            .sum();
        // the no-move node shows 0
        assert_eq!(
            shown,
            MAJOR_SCENARIOS.len() - 1 - usize::from(lines[0].contains('k'))
        );
        assert_eq!(
            lines[0].split_whitespace().collect::<Vec<_>>()[1..4],
            ["-18%", "-13.5%", "-9%"]
        );
    }

    #[test]
    fn the_worst_is_starred_without_colour() {
        let table = ScenarioTable::new(&MAJOR_SCENARIOS).unwrap();
        let map = HeatMap::new(&table.set().unwrap(), &pnl(), 2);
        let text = map.lines(Colour::Plain, SCALE).join("\n");
        assert_eq!(text.matches('*').count(), 1);
        assert!(text.contains("-108k*"));
        assert!(!text.contains('\x1b'));
        assert!(map.lines(Colour::True, SCALE).join("").contains("48;2;"));
        assert!(map.lines(Colour::Palette, SCALE).join("").contains("48;5;"));
    }

    #[test]
    fn one_scale_makes_maps_comparable() {
        let table = ScenarioTable::new(&MAJOR_SCENARIOS).unwrap();
        let map = HeatMap::new(&table.set().unwrap(), &pnl(), 0);
        let (near, far) = (
            map.lines(Colour::True, SCALE),
            map.lines(Colour::True, 100 * SCALE),
        );
        let strongest = "48;2;200;20;30m"; // paint() at strength 1
        assert!(near.join("").contains(strongest));
        assert!(!far.join("").contains(strongest));
    }

    #[test]
    fn scenarios_read_as_sentences() {
        let table = ScenarioTable::new(&MAJOR_SCENARIOS).unwrap();
        let set = table.set().unwrap();
        assert_eq!(in_words("BTC", &set, 2), "BTC falls 18 %, volatility rises");
        assert_eq!(in_words("BTC", &set, 20), "BTC stays, volatility stays");
        assert_eq!(
            in_words("BTC", &set, 28),
            "BTC rises 4.5 %, volatility falls"
        );
        assert_eq!(
            in_words("BTC", &set, 16),
            "BTC rises 500 %, volatility rises (tail, 3 % counts)"
        );
        assert_eq!(move_label(ONE_Q30), "0%");
    }
}
