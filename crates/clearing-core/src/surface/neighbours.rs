//! What a surface must show to come into force: against the expiries around it, and against where it was.
//!
//! **Calendar.** Total variance at one log-moneyness must not fall with tenor. Compared is what the engine would price with now,
//! at the forward and one and two standard deviations of the shorter expiry to each side. Further out, fits of single expiries to
//! real markets cross (2.45 deviations on Deribit's BTC options of 2026-01-21, third against fourth expiry), because nothing trades
//! there that would pull them straight; a rule that such markets break would stop the market, not the arbitrage.
//!
//! **Step.** Against the anchor, a surface that was in force some time ago. Within one [`STEP_WINDOW`] the volatility at each of the
//! same five nodes may move by half of the smaller one and ten points, the forward by 2 % of spot, the rate by ten points; the room
//! grows with the time since the anchor. Whoever puts a surface into force makes it the anchor once the old anchor is a window
//! old: chaining posts gains nothing. So a board that lies needs many minutes to take a volatility from 50 % to where it empties
//! accounts, and a real crisis is followed: from 45 % one may go to 77 % at once, to 126 % after ten minutes, to 199 %
//! after twenty.

// Ranges are stated at each product.
#![allow(clippy::arithmetic_side_effects)]

use risk_core::fixed::sqrt::sqrt_tenor;
use risk_core::svi::SviSlice;

use super::{parts_of, quotient, Moved, Surface, SurfaceFault};

/// Seconds in which a surface may move by one step.
pub const STEP_WINDOW: i64 = 600;
/// Largest move of an annual volatility per window on top of half of the smaller one, 1e-6: ten points.
pub const STEP_VOLATILITY: i64 = 100_000;
/// Largest move of the forward per window, share of spot, 1e-9: 2 %.
pub const STEP_FORWARD_BASIS: i64 = 20_000_000;
/// Largest move of the rate per window, 1e-6: ten points.
pub const STEP_RATE: i64 = 100_000;

/// Longest time that adds room, seconds: a day, in which every bound is passed.
const MOST_ELAPSED: i64 = 86_400;

/// The nodes: standard deviations from the forward.
const DEVIATIONS: [i64; 5] = [-2, -1, 0, 1, 2];

/// Refuses two surfaces whose total variance falls with tenor, each at its tenor of the moment.
///
/// # Errors
///
/// [`SurfaceFault::Calendar`] with the first node that fails.
pub fn check_calendar(shorter: &SviSlice, longer: &SviSlice) -> Result<(), SurfaceFault> {
    let unit = deviation(shorter, 0);
    for times in DEVIATIONS {
        let k = times * unit; // below 2^45
        let (near, far) = (deviation(shorter, k), deviation(longer, k));
        if far < near {
            return Err(SurfaceFault::Calendar {
                k: parts_of(1_000_000, k),
                shorter: parts_of(1_000_000_000, near),
                longer: parts_of(1_000_000_000, far),
            });
        }
    }
    Ok(())
}

/// Refuses a surface that is too far from its anchor, which was in force `elapsed` seconds ago; `tenor` is what is left, seconds,
/// and `smile` the next surface's with it.
///
/// # Errors
///
/// [`SurfaceFault::Step`] with what moved, by how much, and the bound.
pub fn check_step(
    anchor: &Surface,
    (next, smile): (&Surface, &SviSlice),
    tenor: i64,
    elapsed: i64,
) -> Result<(), SurfaceFault> {
    let elapsed = elapsed.clamp(STEP_WINDOW, MOST_ELAPSED);
    check_move(
        Moved::ForwardBasis,
        i64::from(next.forward_basis) - i64::from(anchor.forward_basis),
        per_window(STEP_FORWARD_BASIS, elapsed),
    )?;
    check_move(
        Moved::Rate,
        i64::from(next.rate) - i64::from(anchor.rate),
        per_window(STEP_RATE, elapsed),
    )?;
    check_volatility(&SviSlice::new(&anchor.svi, tenor), smile, tenor, elapsed)
}

fn check_move(what: Moved, by: i64, most: i64) -> Result<(), SurfaceFault> {
    let found = by.abs();
    match found <= most {
        true => Ok(()),
        false => Err(SurfaceFault::Step { what, found, most }),
    }
}

/// A step's room after so many seconds, 600 to 86,400; `step` below 2^46.
fn per_window(step: i64, elapsed: i64) -> i64 {
    quotient(step * elapsed, STEP_WINDOW.unsigned_abs())
}

/// The same tenor on both sides: standard deviations move as volatilities do.
fn check_volatility(
    old: &SviSlice,
    new: &SviSlice,
    tenor: i64,
    elapsed: i64,
) -> Result<(), SurfaceFault> {
    let root = i64::try_from(sqrt_tenor(tenor)).unwrap_or(i64::MAX >> 24) << 2; // Q40, below 2^42
    let points = quotient(root * STEP_VOLATILITY, 1_000_000); // the product below 2^59
    let unit = deviation(old, 0);
    for times in DEVIATIONS {
        let k = times * unit;
        let (from, to) = (deviation(old, k), deviation(new, k));
        // below 2^44, times at most 144
        let most = per_window((from.min(to) >> 1) + points, elapsed);
        let found = (to - from).abs();
        if found > most {
            let annual = |value: i64| {
                let volatility = i128::from(value) * 1_000_000 / i128::from(root.max(1));
                i64::try_from(volatility).unwrap_or(i64::MAX)
            };
            return Err(SurfaceFault::Step {
                what: Moved::Volatility,
                found: annual(found).saturating_add(1),
                most: annual(most),
            });
        }
    }
    Ok(())
}

/// A smile's standard deviation, Q40, below 2^44.
fn deviation(smile: &SviSlice, k: i64) -> i64 {
    i64::try_from(smile.std_dev(k)).unwrap_or(i64::MAX >> 20)
}
