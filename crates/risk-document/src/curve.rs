//! What a market's positions gain as spot moves: today, and when the first of them expires.

use risk_core::greeks::market_greeks;
use risk_core::market::{Expiry, Market, Move};
use risk_core::units::RATIO_ONE;
use risk_core::{Quote, Ratio, RiskError};

use crate::picture::Subject;

/// Points of a curve.
pub const POINTS: usize = 121;
/// The range that is always shown, and the one that strikes may stretch it to; spot multipliers, 1e-6.
const SHOWN: (i64, i64) = (700_000, 1_300_000);
const WIDEST: (i64, i64) = (200_000, 3_000_000);

/// Gains in 1e-6 USD over spot multipliers in 1e-6, evenly spaced.
#[derive(Clone, Debug)]
pub struct Curve {
    /// Where: ascending.
    pub spots: Vec<i64>,
    /// With time and volatility as they are.
    pub now: Vec<i64>,
    /// At the first expiry that is held; `None` where nothing expires.
    pub later: Option<Vec<i64>>,
    /// When that is.
    pub expiry: Option<i64>,
}

impl Curve {
    pub(crate) fn of(subject: &Subject<'_>) -> Result<Self, RiskError> {
        let (least, most) = range(subject);
        let step = |index: usize| {
            let index = i64::try_from(index).unwrap_or(0);
            least + (most - least) * index / (POINTS as i64 - 1)
        };
        let spots: Vec<i64> = (0..POINTS).map(step).collect();
        let (engine, now) = (subject.market, subject.market.now);
        let base = worth(subject, &engine, RATIO_ONE)?;
        let gains = |engine: &Market<'_, Expiry>| -> Result<Vec<i64>, RiskError> {
            let gain = |spot: &i64| {
                worth(subject, engine, *spot)?
                    .checked_sub(base)
                    .map(Quote::raw)
            };
            spots.iter().map(gain).collect()
        };
        let expiries = subject.positions.iter().map(|held| held.position.expiry);
        let expiry = expiries.filter(|expiry| *expiry > now).min();
        let later = match expiry {
            None => None,
            Some(first) => {
                let listed = settled(&engine, first);
                let engine = Market {
                    now: first,
                    expiries: &listed,
                    ..engine
                };
                Some(gains(&engine)?)
            }
        };
        let now = gains(&engine)?;
        Ok(Self {
            spots,
            now,
            later,
            expiry,
        })
    }

    /// Least and largest gain on either curve, zero among them.
    pub fn bounds(&self) -> (i64, i64) {
        let later = self.later.iter().flatten();
        let all = self.now.iter().chain(later).copied();
        all.fold((0, 0), |(least, most), gain| {
            (least.min(gain), most.max(gain))
        })
    }
}

/// Spot multipliers that show every strike with a tenth to spare.
fn range(subject: &Subject<'_>) -> (i64, i64) {
    let spot = i128::from(subject.market.spot.raw().max(1));
    let (mut least, mut most) = SHOWN;
    for held in subject.positions {
        if held.position.instrument.is_option() {
            let strike = i128::from(held.position.strike.raw()) * 1_000_000 / spot;
            let strike = i64::try_from(strike)
                .unwrap_or(i64::MAX)
                .clamp(WIDEST.0, WIDEST.1);
            least = least.min(strike - strike / 10);
            most = most.max(strike + strike / 10);
        }
    }
    // whole percents
    let (least, most) = (least / 10_000 * 10_000, (most + 9_999) / 10_000 * 10_000);
    (least.max(WIDEST.0), most.min(WIDEST.1))
}

/// The market's expiries when `first` expires: what expires is worth its intrinsic value at spot.
fn settled(market: &Market<'_, Expiry>, first: i64) -> Vec<Expiry> {
    let at_spot = |listed: &Expiry| match listed.time <= first {
        true => Expiry {
            forward_price: None,
            ..*listed
        },
        false => *listed,
    };
    market.expiries.iter().map(at_spot).collect()
}

/// Marks of all positions, and the collateral that offsets them, with spot at a multiple.
fn worth(
    subject: &Subject<'_>,
    engine: &Market<'_, Expiry>,
    spot: i64,
) -> Result<Quote, RiskError> {
    let moved = engine.moved(Move {
        spot: Ratio::from_raw(spot),
        ..Move::NONE
    })?;
    let (greeks, _) = market_greeks(&moved, subject.positions, &mut [], &mut [])?;
    greeks
        .net
        .mark
        .checked_add(engine.offset.notional(moved.spot)?)
}
