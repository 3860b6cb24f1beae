//! The evening of 2025-10-10: published hourly bars, and a stylised way through them in steps of five minutes.
//!
//! Only the opens, highs, lows and closes are data. How the price went from one to the next within the hour is made up:
//! open to high to low to close in legs of 20 minutes, each at a constant rate of return. Confidence and volatility
//! follow from the path by the two formulas below; they are made up as well, and the demo says so.

/// Where the figures of [`BARS`] come from.
pub const SOURCE: &str =
    "Binance spot hourly bars, BTCUSDT and SOLUSDT, 2025-10-10 20:00 to 24:00 UTC";
/// 2025-10-10 20:00 UTC.
pub const START: i64 = 1_760_126_400;
/// One step of the path.
pub const STEP_SECONDS: i64 = 300;

/// Steps from one published figure to the next.
const LEG_STEPS: usize = 4;
/// Steps per hour: open to high, high to low, low to close.
const HOUR_STEPS: usize = 3 * LEG_STEPS;
/// Confidence over price when nothing moves: two basis points.
const CALM_CONFIDENCE: f64 = 0.0002;
/// Share of the last step's move that is added to the confidence.
const CONFIDENCE_OF_MOVE: f64 = 0.2;
/// How much volatility rises, relatively, per unit of BTC drawdown: half for the present one, half for the deepest.
const VOLATILITY_OF_DRAWDOWN: f64 = 4.0;

/// One hour of trading, USD.
#[derive(Clone, Copy, Debug)]
pub struct Bar {
    pub open: f64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
}

const fn bar(open: f64, high: f64, low: f64, close: f64) -> Bar {
    Bar {
        open,
        high,
        low,
        close,
    }
}

/// Hours from 20:00 UTC; per hour BTC, then SOL.
pub const BARS: [[Bar; 2]; 4] = [
    [
        bar(116_661.5, 117_214.64, 113_039.0, 114_266.82),
        bar(205.31, 207.8, 193.0, 196.84),
    ],
    [
        bar(114_266.82, 115_112.69, 102_000.0, 113_451.86),
        bar(196.84, 199.15, 168.79, 193.41),
    ],
    [
        bar(113_451.87, 114_109.03, 110_879.69, 113_700.0),
        bar(193.41, 194.0, 182.26, 189.93),
    ],
    [
        bar(113_700.0, 114_807.41, 112_652.76, 112_774.5),
        bar(189.93, 197.11, 187.33, 188.43),
    ],
];

/// What the oracle says about one asset, in its own format: exponent -8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OraclePrice {
    /// 1e-8 USD.
    pub price: u64,
    /// 1e-8 USD.
    pub confidence: u64,
}

/// One step of the path.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Unix time.
    pub time: i64,
    /// Which published figure this is, if it is one.
    pub figure: Option<&'static str>,
    /// BTC, then SOL.
    pub prices: [OraclePrice; 2],
    /// Factor on the volatility of 20:00.
    pub volatility: f64,
}

impl Moment {
    /// `21:40`
    pub fn clock(&self) -> String {
        let minute = self.time.rem_euclid(86_400) / 60;
        format!("{:02}:{:02}", minute / 60, minute % 60)
    }

    /// The wider of the two confidences over their prices.
    pub fn widest_confidence(&self) -> f64 {
        let ratio = |p: &OraclePrice| p.confidence as f64 / p.price as f64;
        self.prices.iter().map(ratio).fold(0.0, f64::max)
    }
}

/// The whole path, from 20:00 to 24:00, both ends included.
pub fn moments() -> Vec<Moment> {
    let mut previous = [BARS[0][0].open, BARS[0][1].open];
    let mut deepest = 0.0f64;
    (0..=BARS.len() * HOUR_STEPS)
        .map(|step| {
            let spot = [spot_at(step, 0), spot_at(step, 1)];
            let drawdown = (1.0 - spot[0] / BARS[0][0].open).max(0.0);
            deepest = deepest.max(drawdown);
            let moment = Moment {
                time: START + step as i64 * STEP_SECONDS,
                figure: figure_at(step),
                prices: [0, 1].map(|asset| oracle_price(spot[asset], previous[asset])),
                volatility: 1.0 + VOLATILITY_OF_DRAWDOWN * (drawdown + deepest) / 2.0,
            };
            previous = spot;
            moment
        })
        .collect()
}

fn oracle_price(spot: f64, previous: f64) -> OraclePrice {
    let confidence = spot * (CALM_CONFIDENCE + CONFIDENCE_OF_MOVE * (spot / previous).ln().abs());
    OraclePrice {
        price: cents(spot) * 1_000_000,
        confidence: cents(confidence).max(1) * 1_000_000,
    }
}

fn cents(usd: f64) -> u64 {
    (usd * 100.0).round() as u64
}

/// USD at a step of the path. An hour's first figure is the close before it: the published open differs by a cent.
fn spot_at(step: usize, asset: usize) -> f64 {
    let last = BARS.len() * HOUR_STEPS - 1;
    let hour = step.min(last) / HOUR_STEPS;
    let within = step - hour * HOUR_STEPS;
    let bar = BARS[hour][asset];
    let open = if hour == 0 {
        bar.open
    } else {
        BARS[hour - 1][asset].close
    };
    let figures = [open, bar.high, bar.low, bar.close];
    let leg = (within / LEG_STEPS).min(2);
    let share = (within - leg * LEG_STEPS) as f64 / LEG_STEPS as f64;
    figures[leg] * (figures[leg + 1] / figures[leg]).powf(share)
}

fn figure_at(step: usize) -> Option<&'static str> {
    match (step % HOUR_STEPS, step) {
        (0, 0) => Some("open"),
        (0, _) => Some("close"),
        (LEG_STEPS, _) => Some("high"),
        (within, _) if within == 2 * LEG_STEPS => Some("low"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(price: OraclePrice) -> f64 {
        price.price as f64 / 1e8
    }

    /// The low of the second hour.
    const DEEPEST: usize = HOUR_STEPS + 2 * LEG_STEPS;

    #[test]
    fn passes_through_every_published_figure() {
        let path = moments();
        for (hour, bars) in BARS.iter().enumerate() {
            for (asset, bar) in bars.iter().enumerate() {
                for (leg, figure) in [(1, bar.high), (2, bar.low), (3, bar.close)] {
                    let at = usd(path[hour * HOUR_STEPS + leg * LEG_STEPS].prices[asset]);
                    assert!((at - figure).abs() < 0.006, "{at} is not {figure}");
                }
            }
        }
        assert_eq!(usd(path[0].prices[0]), 116_661.5);
        assert_eq!(path.len(), 4 * HOUR_STEPS + 1);
        assert_eq!(path[4 * HOUR_STEPS].clock(), "00:00");
    }

    #[test]
    fn stays_inside_the_bars() {
        for (step, moment) in moments().iter().enumerate() {
            let hour = (step / HOUR_STEPS).min(3);
            for (asset, bar) in BARS[hour].iter().enumerate() {
                let spot = usd(moment.prices[asset]);
                let inside = spot >= bar.low - 0.006 && spot <= bar.high + 0.006;
                assert!(inside, "step {step}: {spot}");
            }
        }
    }

    #[test]
    fn legs_move_at_a_constant_rate() {
        let path = moments();
        // from the high of the second hour to its low, the fall
        let rates: Vec<f64> = (DEEPEST - LEG_STEPS + 1..=DEEPEST)
            .map(|step| usd(path[step].prices[0]) / usd(path[step - 1].prices[0]))
            .collect();
        assert!(rates.iter().all(|rate| (rate - rates[0]).abs() < 1e-6));
        assert!(rates[0] < 0.98);
    }

    #[test]
    fn confidence_and_volatility_widen_in_the_fall() {
        let path = moments();
        assert_eq!(path[0].volatility, 1.0);
        assert_eq!(path[0].prices[0].confidence, 2_333_000_000); // two basis points of 116,661.50
        assert!(path[DEEPEST].widest_confidence() > 5.0 * path[0].widest_confidence());
        let highest = path.iter().map(|m| m.volatility).fold(0.0, f64::max);
        assert_eq!(path[DEEPEST].volatility, highest);
        assert_eq!(path[DEEPEST].figure, Some("low"));
        assert_eq!(path[DEEPEST].clock(), "21:40");
    }

    #[test]
    fn hours_join_without_a_gap() {
        for hour in 1..BARS.len() {
            for (bar, before) in BARS[hour].iter().zip(&BARS[hour - 1]) {
                let gap = bar.open - before.close;
                assert!(gap.abs() < 0.011, "hour {hour}: {gap}");
            }
        }
    }
}
