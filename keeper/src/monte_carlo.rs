//! The probability that an account fails within a horizon: the engine itself on random paths of the prices.
//!
//! Each market's spot follows a geometric Brownian motion without drift under the larger of two volatilities: at the money of the
//! nearest posted smile, and what the market's regime has measured. Markets of one correlation group share a factor: the shock of each
//! is `sqrt(rho) f + sqrt(1 - rho) e`, with the correlation that the regime has measured with the group's reference market, else the one
//! of the terms. Collateral follows the market of its feed, or else the one whose risk it offsets; what follows none stands still.
//!
//! All accounts see the same paths (common random numbers), so that their order is not a matter of luck, and the seed is fixed, so that it
//! does not change between two estimates of the same book. Paths come in pairs of opposite shocks. An account fails on a path if it
//! fails at any of its steps: with few steps this is a little less than on a path watched all the time. Time stands still along a
//! path, and so do surfaces, funding and stable prices: the horizon is minutes, and a smile of the horizon's end is not known.
//!
//! An account that is above its requirement at four points far out (all markets up or down by a number of standard deviations, and by
//! half of it) is not sampled, and its probability counts as zero. This is a heuristic and no bound: a book may fail between those points, or where
//! two markets part. It decides the order of work alone; whether an account fails is always decided at real prices.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use client_core::{Evaluator, Inputs, ReportError, ShownPrice};
use portfolio_margin_interface::state::{ExpirySlot, Market};
use portfolio_margin_interface::Pubkey;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use risk_core::market::ExpirySource;
use risk_core::svi::SviSlice;
use risk_core::Price;

use crate::model::{Counts, KnownAccount};

/// Seconds of a year of 365 days.
const YEAR: f64 = 31_536_000.0;
/// 1.0 of the engine's standard deviations.
const ONE_Q40: f64 = (1u64 << 40) as f64;
/// Fewest paths of an estimate, whatever the budget.
const LEAST_PATHS: u32 = 32;

/// How probabilities are estimated.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    /// Seconds ahead.
    pub horizon_seconds: f64,
    /// Paths, rounded up to pairs.
    pub paths: u32,
    /// Points of each path at which accounts are evaluated.
    pub steps: u32,
    /// What the paths are drawn from.
    pub seed: u64,
    /// Correlation within a group where none was measured, 0 to 1.
    pub correlation: f64,
    /// Annual volatility of a market that has neither a smile nor a measured one.
    pub volatility: f64,
    /// Standard deviations of the points that decide whether an account is sampled.
    pub screen_deviations: f64,
    /// Evaluations on paths at the most, beyond [`LEAST_PATHS`] for each account.
    pub evaluations: u64,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            horizon_seconds: 600.0,
            paths: 256,
            steps: 4,
            seed: 1,
            correlation: 0.8,
            volatility: 1.0,
            screen_deviations: 4.0,
            evaluations: 200_000,
        }
    }
}

/// Where a probability comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The account fails now.
    Failing,
    /// It does not fail far out: the heuristic of this module.
    Screened,
    /// So many paths.
    Sampled(u32),
}

/// An account's estimated probability to fail within the horizon.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The account.
    pub account: Pubkey,
    /// 0 to 1.
    pub probability: f64,
    /// Where it comes from.
    pub basis: Basis,
}

/// How one market's spot moves.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Law {
    /// Correlation group, counted from 1; zero: none.
    group: u8,
    /// Share of its variance that the group's factor explains.
    correlation: f64,
    /// Standard deviation of one step's log return.
    step: f64,
    /// The same of the whole horizon.
    horizon: f64,
}

/// Annual volatility of a market: the larger of the nearest smile's at the money and the measured one; `None` where there is neither.
pub fn volatility(market: &Market, now: i64) -> Option<f64> {
    let listed = market.expiries.iter();
    let nearest = listed.filter(|slot| slot.time > now && slot.posted_at != 0);
    let smile = nearest
        .min_by_key(|slot| slot.time)
        .and_then(|slot| at_the_money(slot, now));
    let regime = &market.regime;
    let variance = regime.variance_fast.max(regime.variance_slow);
    let measured = (regime.is_on() && variance > 0).then(|| (variance as f64 / 1e12).sqrt());
    match (smile, measured) {
        (Some(smile), Some(measured)) => Some(smile.max(measured)),
        (smile, measured) => smile.or(measured),
    }
}

fn at_the_money(slot: &ExpirySlot, now: i64) -> Option<f64> {
    let tenor = slot.time.saturating_sub(now);
    let svi = slot.expiry().svi?;
    let deviation = SviSlice::new(&svi, tenor).std_dev(0) as f64 / ONE_Q40;
    let annual = deviation / (tenor as f64 / YEAR).sqrt();
    annual.is_finite().then_some(annual)
}

impl Law {
    fn of(market: &Market, now: i64, terms: &Terms) -> Self {
        let annual = volatility(market, now).unwrap_or(terms.volatility);
        let steps = f64::from(terms.steps.max(1));
        let horizon = annual * (terms.horizon_seconds / YEAR).sqrt();
        let correlation = match market.group {
            0 => 0.0,
            _ => measured_correlation(market).unwrap_or(terms.correlation),
        };
        Self {
            group: market.group,
            correlation: correlation.clamp(0.0, 1.0),
            step: horizon / steps.sqrt(),
            horizon,
        }
    }
}

/// Correlation with the group's reference market over the fast half-life; negative ones count as none.
fn measured_correlation(market: &Market) -> Option<f64> {
    let regime = &market.regime;
    let product = regime.variance_fast as f64 * regime.reference_variance as f64;
    (regime.is_on() && product > 0.0).then(|| regime.covariance as f64 / product.sqrt())
}

/// Draws and evaluates; one of it lives for one estimate.
struct Sampler<'a> {
    base: &'a Inputs,
    moved: Inputs,
    laws: Vec<Law>,
    /// For each bank the place of the market that it follows.
    follows: Vec<Option<usize>>,
}

impl<'a> Sampler<'a> {
    fn new(base: &'a Inputs, terms: &Terms) -> Self {
        let laws = base.markets.iter();
        let laws = laws.map(|(market, _)| Law::of(market, base.now, terms));
        let follows = base.banks.iter().map(|(bank, _)| {
            let is_feed = |market: &Market| {
                market.oracle_kind == bank.oracle_kind && market.feed_id == bank.feed_id
            };
            let is_offset =
                |market: &Market| bank.offset_market.checked_sub(1) == Some(market.index);
            let mut markets = base.markets.iter();
            let by_feed = markets.position(|(market, _)| is_feed(market));
            by_feed.or_else(|| {
                base.markets
                    .iter()
                    .position(|(market, _)| is_offset(market))
            })
        });
        Self {
            base,
            moved: base.clone(),
            laws: laws.collect(),
            follows: follows.collect(),
        }
    }

    /// Sets every price to its present one times `exp(log)` of its market.
    fn move_to(&mut self, logs: &[f64]) {
        let factor = |at: usize| logs.get(at).map_or(1.0, |log| log.exp());
        let markets = self.moved.markets.iter_mut().zip(&self.base.markets);
        for (at, ((_, moved), (_, shown))) in markets.enumerate() {
            *moved = scaled(shown, factor(at));
        }
        let banks = self.moved.banks.iter_mut().zip(&self.base.banks);
        for (((_, moved), (_, shown)), follows) in banks.zip(&self.follows) {
            *moved = scaled(shown, follows.map_or(1.0, factor));
        }
    }

    /// Which of the accounts fail at the prices moved to. What the engine refuses to evaluate there counts as failing.
    fn failing(&self, accounts: &[&KnownAccount], has_failed: &mut [bool]) -> u64 {
        let evaluator = Evaluator::new(&self.moved);
        let mut evaluated = 0u64;
        for (account, has_failed) in accounts.iter().zip(has_failed) {
            if !*has_failed {
                evaluated = evaluated.saturating_add(1);
                *has_failed = fails(&evaluator, account).unwrap_or(true);
            }
        }
        evaluated
    }
}

fn fails(evaluator: &Evaluator<'_>, account: &KnownAccount) -> Result<bool, ReportError> {
    let margin = evaluator.margin(&account.header, &account.positions)?;
    Ok(margin.maintenance_health.raw() < 0)
}

/// A price times a factor, as certain as before; one beyond the range stays at its end.
fn scaled(shown: &ShownPrice, factor: f64) -> ShownPrice {
    let raw = shown.price.raw() as f64 * factor;
    let raw = (raw.round() as u64).clamp(1, Price::MOST); // the cast saturates
    ShownPrice {
        price: Price::checked(raw).unwrap_or(shown.price),
        ..*shown
    }
}

/// Two independent standard normals.
fn normals(random: &mut ChaCha8Rng) -> (f64, f64) {
    // in (0, 1], whose logarithm is finite
    let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
    let angle = core::f64::consts::TAU * random.random::<f64>();
    (radius * angle.cos(), radius * angle.sin())
}

/// Log returns of each step: those of one path; its partner's shocks are the opposite.
struct Pair {
    /// Shocks by step and market, with a standard deviation of one.
    shocks: Vec<Vec<f64>>,
}

impl Pair {
    fn draw(laws: &[Law], steps: u32, random: &mut ChaCha8Rng) -> Self {
        let groups = laws.iter().map(|law| usize::from(law.group)).max();
        let count = laws.len().saturating_add(groups.unwrap_or(0));
        let shocks = (0..steps).map(|_| {
            let pairs = (0..count.div_ceil(2)).map(|_| normals(random));
            let drawn: Vec<f64> = pairs.flat_map(|(one, other)| [one, other]).collect();
            let (own, factors) = drawn.split_at(laws.len());
            let shock = |(law, own): (&Law, &f64)| {
                let place = usize::from(law.group).checked_sub(1);
                let factor = place.and_then(|place| factors.get(place)).unwrap_or(&0.0);
                law.correlation.sqrt() * factor + (1.0 - law.correlation).sqrt() * own
            };
            laws.iter().zip(own).map(shock).collect()
        });
        Self {
            shocks: shocks.collect(),
        }
    }
}

/// Estimates each account's probability to fail. Accounts that cannot be evaluated at the present prices get none. Stops early, with
/// nothing, once `stop` is set.
pub fn estimate(
    inputs: &Inputs,
    accounts: &[Arc<KnownAccount>],
    terms: &Terms,
    counts: &Counts,
    stop: &AtomicBool,
) -> Vec<Estimate> {
    let mut sampler = Sampler::new(inputs, terms);
    let evaluator = Evaluator::new(inputs);
    let mut estimates = vec![];
    let mut living: Vec<&KnownAccount> = vec![];
    for account in accounts {
        let found = match fails(&evaluator, account) {
            Ok(true) => (1.0, Basis::Failing),
            Ok(false) => {
                living.push(account);
                continue;
            }
            Err(_) => continue,
        };
        estimates.push(estimated(account, found));
    }
    let mut is_near = vec![false; living.len()];
    for deviations in [1.0, -1.0, 0.5, -0.5].map(|part| part * terms.screen_deviations) {
        let logs: Vec<f64> = sampler
            .laws
            .iter()
            .map(|law| deviations * law.horizon)
            .collect();
        sampler.move_to(&logs);
        sampler.failing(&living, &mut is_near);
    }
    let mut near = vec![];
    for (account, is_near) in living.iter().zip(is_near) {
        match is_near {
            true => near.push(*account),
            false => estimates.push(estimated(account, (0.0, Basis::Screened))),
        }
    }
    match sample(&mut sampler, &near, terms, counts, stop) {
        Some(sampled) => estimates.extend(sampled),
        None => return vec![],
    }
    estimates
}

fn estimated(account: &KnownAccount, (probability, basis): (f64, Basis)) -> Estimate {
    Estimate {
        account: account.key,
        probability,
        basis,
    }
}

fn sample(
    sampler: &mut Sampler<'_>,
    accounts: &[&KnownAccount],
    terms: &Terms,
    counts: &Counts,
    stop: &AtomicBool,
) -> Option<Vec<Estimate>> {
    if accounts.is_empty() {
        return Some(vec![]);
    }
    let mut random = ChaCha8Rng::seed_from_u64(terms.seed);
    let mut failed = vec![0u32; accounts.len()];
    let (mut paths, mut evaluations) = (0u32, 0u64);
    while paths < terms.paths && (paths < LEAST_PATHS || evaluations < terms.evaluations) {
        let pair = Pair::draw(&sampler.laws, terms.steps.max(1), &mut random);
        for sign in [1.0, -1.0] {
            if stop.load(Ordering::Relaxed) {
                return None;
            }
            let mut has_failed = vec![false; accounts.len()];
            let mut logs = vec![0.0; sampler.laws.len()];
            for shocks in &pair.shocks {
                for ((log, law), shock) in logs.iter_mut().zip(&sampler.laws).zip(shocks) {
                    *log += law.step * (sign * shock - law.step / 2.0);
                }
                sampler.move_to(&logs);
                let evaluated = sampler.failing(accounts, &mut has_failed);
                evaluations = evaluations.saturating_add(evaluated);
            }
            for (count, has_failed) in failed.iter_mut().zip(has_failed) {
                *count = count.saturating_add(u32::from(has_failed));
            }
            paths = paths.saturating_add(1);
            counts.paths.one();
        }
    }
    let of = |(account, failed): (&&KnownAccount, u32)| {
        let share = f64::from(failed) / f64::from(paths);
        estimated(account, (share, Basis::Sampled(paths)))
    };
    Some(accounts.iter().zip(failed).map(of).collect())
}

#[cfg(test)]
mod tests;
