//! How prices move: calm, a random walk, a crash, or a file.
//!
//! Prices are simulated in floating point, and rounded to 1e-8 USD when they are published.

use std::path::{Path, PathBuf};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sandbox::{BTC_START, ETH_START, SOL_START};

use crate::error::Error;

/// Symbols of the markets, in their order.
pub const SYMBOLS: [&str; 3] = ["BTC", "SOL", "ETH"];
/// Prices at which every scenario but a file starts, 1e-8 USD.
pub const START_PRICES: [u64; 3] = [BTC_START, SOL_START, ETH_START];
/// A year's standard deviation of each, for the walk.
const VOLATILITIES: [f64; 3] = [0.45, 0.75, 0.60];
/// Half of the tick that calm prices move about, as a share of the price.
const CALM_NOISE: f64 = 0.000_05;
/// Seconds before the crash begins.
pub const CRASH_AFTER: f64 = 20.0;
/// Seconds that it takes.
pub const CRASH_SECONDS: f64 = 3.0;
/// What each price has lost at the bottom, per cent.
pub const CRASH_DEPTHS: [u64; 3] = [15, 25, 20];
const YEAR: f64 = 365.0 * 86_400.0;
/// The longest file that is read, bytes.
const MOST_BYTES: u64 = 16 << 20;

/// Which way prices move.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scenario {
    /// About where they start.
    #[default]
    Calm,
    /// A geometric random walk with each market's own volatility.
    Walk,
    /// Calm for [`CRASH_AFTER`] seconds, down by [`CRASH_DEPTHS`] within [`CRASH_SECONDS`], and no further.
    Crash,
    /// The rows of a file, each until the next; the last for ever.
    File(PathBuf),
}

impl std::str::FromStr for Scenario {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "calm" => Ok(Self::Calm),
            "walk" => Ok(Self::Walk),
            "crash" => Ok(Self::Crash),
            _ if text.ends_with(".csv") => Ok(Self::File(text.into())),
            _ => Err(Error::Scenario(
                text.into(),
                "there is calm, walk, crash, or a file that ends with .csv".into(),
            )),
        }
    }
}

impl std::fmt::Display for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Calm => f.write_str("calm"),
            Self::Walk => f.write_str("walk"),
            Self::Crash => f.write_str("crash"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// The prices at the bottom of the crash, 1e-8 USD.
pub fn bottom() -> [u64; 3] {
    let mut prices = START_PRICES;
    for (price, depth) in prices.iter_mut().zip(CRASH_DEPTHS) {
        *price = *price / 100 * (100 - depth);
    }
    prices
}

/// A scenario under way.
#[derive(Clone, Debug)]
pub struct Script {
    kind: Kind,
    rng: ChaCha8Rng,
}

#[derive(Clone, Debug)]
enum Kind {
    Calm,
    Walk { at: f64, prices: [f64; 3] },
    Crash { after: f64, from: [u64; 3] },
    Rows(Vec<Row>),
}

/// Prices from a second on.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Row {
    seconds: f64,
    prices: [u64; 3],
}

impl Script {
    /// Prepares a scenario; reads its file, where it has one.
    pub fn new(scenario: &Scenario, seed: u64) -> Result<Self, Error> {
        let kind = match scenario {
            Scenario::Calm => Kind::Calm,
            Scenario::Walk => Kind::Walk {
                at: 0.0,
                prices: START_PRICES.map(|price| price as f64),
            },
            Scenario::Crash => Kind::Crash {
                after: CRASH_AFTER,
                from: START_PRICES,
            },
            Scenario::File(path) => Kind::Rows(read_rows(path)?),
        };
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Ok(Self { kind, rng })
    }

    /// A crash that is over.
    pub fn crashed() -> Self {
        Self {
            kind: Kind::Crash {
                after: -CRASH_SECONDS,
                from: START_PRICES,
            },
            rng: ChaCha8Rng::seed_from_u64(0),
        }
    }

    /// Prices so many seconds after the start, 1e-8 USD, in the order of [`SYMBOLS`]. Seconds never go back.
    pub fn prices(&mut self, seconds: f64) -> [u64; 3] {
        match &mut self.kind {
            Kind::Calm => noisy(START_PRICES, &mut self.rng),
            Kind::Walk { at, prices } => {
                let years = (seconds - *at).max(0.0) / YEAR;
                *at = seconds;
                for (price, volatility) in prices.iter_mut().zip(VOLATILITIES) {
                    let drift = -volatility * volatility / 2.0 * years;
                    *price *= (drift + volatility * years.sqrt() * normal(&mut self.rng)).exp();
                }
                prices.map(|price| (price as u64).max(1))
            }
            Kind::Crash { after, from } if seconds < *after => noisy(*from, &mut self.rng),
            Kind::Crash { after, from } => {
                let share = ((seconds - *after) / CRASH_SECONDS).min(1.0);
                let mut prices = bottom();
                for (price, from) in prices.iter_mut().zip(*from) {
                    let missing = (from as f64 - *price as f64) * (1.0 - share);
                    *price = (*price as f64 + missing) as u64;
                }
                if share < 1.0 {
                    prices
                } else {
                    bottom()
                }
            }
            Kind::Rows(rows) => {
                let past = rows.partition_point(|row| row.seconds <= seconds);
                let row = rows.get(past.saturating_sub(1));
                row.map_or(START_PRICES, |row| row.prices)
            }
        }
    }
}

/// Prices with a tick of noise.
fn noisy(prices: [u64; 3], rng: &mut ChaCha8Rng) -> [u64; 3] {
    prices.map(|price| {
        let noise = rng.random_range(-CALM_NOISE..=CALM_NOISE);
        (price as f64 * (1.0 + noise)) as u64
    })
}

/// A standard normal by Box and Muller's transform.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

/// Reads a file: a heading `seconds,BTC,SOL,ETH`, then rows of it; seconds from 0, growing; prices in USD with at most 8 decimals.
/// Lines that are empty or begin with `#` say nothing.
fn read_rows(path: &Path) -> Result<Vec<Row>, Error> {
    let fail = |error| Error::File(path.to_path_buf(), error);
    let length = std::fs::metadata(path).map_err(fail)?.len();
    let name = path.display().to_string();
    if length > MOST_BYTES {
        let reason = format!("{length} bytes; a scenario has at most {MOST_BYTES}");
        return Err(Error::Scenario(name, reason));
    }
    let text = std::fs::read_to_string(path).map_err(fail)?;
    parse_rows(&text).map_err(|reason| Error::Scenario(name, reason))
}

fn parse_rows(text: &str) -> Result<Vec<Row>, String> {
    let lines = text.lines().enumerate();
    let lines = lines.map(|(number, line)| (number + 1, line.trim()));
    let mut lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let (number, heading) = lines.next().ok_or("the file is empty")?;
    let wanted = format!("seconds,{}", SYMBOLS.join(","));
    if heading.replace(' ', "") != wanted {
        return Err(format!("line {number}: the heading is {wanted}"));
    }
    let mut rows: Vec<Row> = vec![];
    for (number, line) in lines {
        let row = parse_row(line).map_err(|reason| format!("line {number}: {reason}"))?;
        let is_next = match rows.last() {
            None => row.seconds == 0.0,
            Some(last) => row.seconds > last.seconds,
        };
        if !is_next {
            return Err(format!(
                "line {number}: seconds begin with 0 and grow from row to row"
            ));
        }
        rows.push(row);
    }
    match rows.is_empty() {
        true => Err("there is no row below the heading".into()),
        false => Ok(rows),
    }
}

fn parse_row(line: &str) -> Result<Row, String> {
    let fields: Vec<&str> = line.split(',').map(str::trim).collect();
    let [seconds, btc, sol, eth] = fields[..] else {
        return Err(format!("4 fields are needed, there are {}", fields.len()));
    };
    let seconds: f64 = seconds
        .parse()
        .map_err(|_| format!("{seconds:?} are no seconds"))?;
    if !seconds.is_finite() {
        return Err("seconds are finite".into());
    }
    let prices = [parse_price(btc)?, parse_price(sol)?, parse_price(eth)?];
    Ok(Row { seconds, prices })
}

/// Dollars with at most 8 decimals, exactly, in 1e-8 USD; above zero and below 1e9 USD.
fn parse_price(text: &str) -> Result<u64, String> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let price = match is_number(whole) && is_number(decimals) && decimals.len() <= 8 {
        true => format!("{whole}{decimals:0<8}").parse::<u64>().ok(),
        false => None,
    };
    match price {
        Some(price) if (1..100_000_000_000_000_000).contains(&price) && !whole.is_empty() => {
            Ok(price)
        }
        _ => Err(format!(
            "{text:?} is no price: dollars above 0 and below 1e9, with at most 8 decimals"
        )),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn script(scenario: Scenario) -> Script {
        Script::new(&scenario, 7).unwrap()
    }

    #[test]
    fn calm_prices_stay_within_a_tick() {
        let mut script = script(Scenario::Calm);
        let mut seen = vec![];
        for second in 0..1_000 {
            let prices = script.prices(f64::from(second));
            for (price, start) in prices.into_iter().zip(START_PRICES) {
                assert!(price.abs_diff(start) <= start / 20_000);
            }
            seen.push(prices);
        }
        seen.dedup();
        assert!(seen.len() > 990, "prices move");
    }

    #[test]
    fn a_walk_repeats_with_its_seed_and_spreads_as_its_volatility_says() {
        let walk = |seed| {
            let mut script = Script::new(&Scenario::Walk, seed).unwrap();
            (0..100)
                .map(|at| script.prices(f64::from(at) * 3_600.0))
                .collect::<Vec<_>>()
        };
        assert_eq!(walk(1), walk(1));
        assert_ne!(walk(1), walk(2));
        // 2,000 walks of a year: the deviation of ln(price) is the volatility within a few standard errors of 1.6 %
        let mut squares = [0.0; 3];
        for seed in 0..2_000 {
            let prices = Script::new(&Scenario::Walk, seed).unwrap().prices(YEAR);
            for at in 0..3 {
                let drift = -VOLATILITIES[at] * VOLATILITIES[at] / 2.0;
                let log = (prices[at] as f64 / START_PRICES[at] as f64).ln() - drift;
                squares[at] += log * log / 2_000.0;
            }
        }
        for at in 0..3 {
            let found = squares[at].sqrt();
            assert!((found / VOLATILITIES[at] - 1.0).abs() < 0.06, "{found}");
        }
    }

    #[test]
    fn the_crash_waits_falls_and_stays() {
        let mut script = script(Scenario::Crash);
        let before = script.prices(CRASH_AFTER - 0.001);
        let during = script.prices(CRASH_AFTER + CRASH_SECONDS / 2.0);
        for at in 0..3 {
            assert!(before[at].abs_diff(START_PRICES[at]) <= START_PRICES[at] / 20_000);
            assert!(during[at] < before[at] && during[at] > bottom()[at]);
        }
        assert_eq!(script.prices(CRASH_AFTER + CRASH_SECONDS), bottom());
        assert_eq!(script.prices(1e9), bottom());
        assert_eq!(Script::crashed().prices(0.0), bottom());
        assert_eq!(bottom()[0], START_PRICES[0] / 100 * 85);
    }

    #[test]
    fn rows_hold_until_the_next() {
        let rows = parse_rows("# a comment\n seconds, BTC,SOL,ETH\n0,1,2,3\n\n1.5,0.00000001,2.5,999999999.99999999\n");
        let rows = rows.unwrap();
        assert_eq!(rows[0].prices, [100_000_000, 200_000_000, 300_000_000]);
        assert_eq!(rows[1].prices, [1, 250_000_000, 99_999_999_999_999_999]);
        let mut script = script(Scenario::Calm);
        script.kind = Kind::Rows(rows.clone());
        assert_eq!(script.prices(1.499), rows[0].prices);
        assert_eq!(script.prices(1.5), rows[1].prices);
        assert_eq!(script.prices(1e12), rows[1].prices);
    }

    #[test]
    fn files_that_are_wrong_say_where() {
        let head = "seconds,BTC,SOL,ETH\n";
        let cases = [
            (String::new(), "the file is empty"),
            (
                "time,BTC,SOL,ETH\n".into(),
                "line 1: the heading is seconds,BTC,SOL,ETH",
            ),
            (head.into(), "there is no row below the heading"),
            (
                format!("{head}1,1,1,1\n"),
                "line 2: seconds begin with 0 and grow from row to row",
            ),
            (
                format!("{head}0,1,1,1\n0,1,1,1\n"),
                "line 3: seconds begin with 0",
            ),
            (
                format!("{head}0,1,1\n"),
                "line 2: 4 fields are needed, there are 3",
            ),
            (format!("{head}x,1,1,1\n"), "line 2: \"x\" are no seconds"),
            (format!("{head}inf,1,1,1\n"), "line 2: seconds are finite"),
            (format!("{head}NaN,1,1,1\n"), "line 2: seconds are finite"),
            (format!("{head}0,0,1,1\n"), "line 2: \"0\" is no price"),
            (format!("{head}0,-1,1,1\n"), "line 2: \"-1\" is no price"),
            (format!("{head}0,1e3,1,1\n"), "line 2: \"1e3\" is no price"),
            (
                format!("{head}0,1.123456789,1,1\n"),
                "line 2: \"1.123456789\" is no price",
            ),
            (
                format!("{head}0,1000000000,1,1\n"),
                "line 2: \"1000000000\" is no price",
            ),
            (format!("{head}0,,1,1\n"), "line 2: \"\" is no price"),
        ];
        for (text, reason) in cases {
            let refused = parse_rows(&text).unwrap_err();
            assert!(refused.starts_with(reason), "{refused}");
        }
    }

    #[test]
    fn names_are_read_and_written() {
        for name in ["calm", "walk", "crash", "folder/path.csv"] {
            assert_eq!(name.parse::<Scenario>().unwrap().to_string(), name);
        }
        assert!("crush".parse::<Scenario>().is_err());
        let gone = Scenario::File("no/such/file.csv".into());
        let refused = Script::new(&gone, 1).unwrap_err().to_string();
        assert!(refused.starts_with("no/such/file.csv: "), "{refused}");
    }
}
