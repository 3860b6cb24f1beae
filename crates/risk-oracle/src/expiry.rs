//! One expiry of one market: its forward, discounts, values and deltas.

use crate::black76::{ln_ratio, Black76};
use crate::input::{Book, Kind, Leg, ListedExpiry, Shock};
use crate::vol::Shocks;
use crate::YEAR_SECONDS;

/// The settlement average is taken over the last 30 minutes.
const WINDOW_SECONDS: i128 = 1_800;

/// An expiry before any shock.
#[derive(Clone, Debug)]
pub struct Expiry<'a> {
    shocks: Shocks<'a>,
    listed: &'a ListedExpiry,
    /// Years left, at least zero.
    pub tau: f64,
    /// What of the forward follows the spot, whole 1e-8 USD.
    pub variable: f64,
    /// What is fixed of it.
    pub fixed: f64,
    /// `exp(-max(r, 0) tau)`.
    pub discount: f64,
    /// Its options.
    pub options: Vec<Leg>,
    /// Its futures.
    pub futures: Vec<Leg>,
}

impl<'a> Expiry<'a> {
    /// The expiry of index `index` with its legs.
    pub fn new(book: &'a Book, index: usize, listed: &'a ListedExpiry) -> Self {
        let seconds = listed.seconds.max(0);
        let of_kind = |wanted: &dyn Fn(Kind) -> bool| -> Vec<Leg> {
            let legs = book.legs.iter().copied();
            legs.filter(|leg| wanted(leg.kind)).collect()
        };
        let rate = listed.rate.max(0.0);
        let tau = seconds as f64 / YEAR_SECONDS;
        Self {
            shocks: Shocks {
                params: &book.params,
                seconds: seconds as f64,
            },
            listed,
            tau,
            variable: variable_forward(book.spot, listed) as f64,
            fixed: listed.fixed_forward as f64,
            discount: (-rate * tau).exp(),
            options: of_kind(&|kind| matches!(kind, Kind::Option(of, _) if of == index)),
            futures: of_kind(&|kind| kind == Kind::Future(index)),
        }
    }

    /// The forward.
    pub fn forward(&self) -> f64 {
        self.variable + self.fixed
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.options.is_empty() && self.futures.is_empty()
    }

    /// An option at unmoved spot, volatility unshocked.
    fn unshocked(&self, leg: &Leg) -> Black76 {
        self.option(leg, 1_000_000, Shock::None)
    }

    /// An option with the spot at `spot` millionths of itself.
    pub fn option(&self, leg: &Leg, spot: i64, shock: Shock) -> Black76 {
        let Kind::Option(_, option_type) = leg.kind else {
            unreachable!("only options are asked for");
        };
        let k = ln_ratio(leg.strike, self.forward());
        let own = leg.volatility;
        let smile = || self.listed.smile.map_or(0.0, |smile| smile.volatility(k));
        let volatility = own.unwrap_or_else(smile);
        let moved = self.forward() + self.variable * ((spot - 1_000_000) as f64 / 1e6);
        Black76 {
            option_type,
            forward: moved,
            strike: leg.strike,
            std_dev: self.shocks.shocked(volatility, k, shock) * self.tau.sqrt(),
            discount: self.discount,
        }
    }

    /// `V_e`: what the options are worth with the spot at `spot` millionths of itself, 1e-6 USD.
    pub fn value(&self, spot: i64, shock: Shock) -> f64 {
        let price = |leg: &Leg| leg.quantity * 1e-8 * self.option(leg, spot, shock).price();
        self.options.iter().map(price).sum()
    }

    /// Value of the futures that follows the spot.
    pub fn future_notional(&self) -> f64 {
        let size: f64 = self.futures.iter().map(|leg| leg.quantity).sum();
        size * 1e-8 * self.variable
    }

    /// `q (F - cost per unit)` of the futures.
    pub fn future_mark(&self) -> f64 {
        let mark = |leg: &Leg| leg.quantity * 1e-8 * self.forward() - leg.cost;
        self.futures.iter().map(mark).sum()
    }

    /// Static discounts `P` of a positive value and `N` of a negative one.
    pub fn static_discounts(&self) -> [f64; 2] {
        let params = self.shocks.params;
        let rate = self.listed.rate.max(0.0);
        let decay = |mult: f64, add: f64| (-self.tau * (rate * mult + add)).exp();
        let long = params.long_base * decay(params.long_mult, params.long_add);
        let short = params.short_base / decay(params.short_mult, params.short_add);
        [long, short.min(1.0 / self.discount)]
    }

    /// `V P - mark` or `V N - mark`; of a skew node minus its magnitude.
    pub fn pnl(&self, spot: i64, shock: Shock, mark: f64, [long, short]: [f64; 2]) -> f64 {
        let value = self.value(spot, shock);
        let factor = if value >= 0.0 { long } else { short };
        let change = value * factor - mark;
        match shock {
            Shock::SkewLinear | Shock::SkewAbs => -change.abs(),
            _ => change,
        }
    }

    /// Delta of each leg times the spot: `dV/dS S = q dV/dF F_variable`.
    pub fn cash_deltas(&self) -> Vec<f64> {
        let unit = |leg: &Leg| leg.quantity * 1e-8 * self.variable;
        let option = |leg: &Leg| unit(leg) * self.unshocked(leg).delta();
        let futures = self.futures.iter().map(unit);
        self.options.iter().map(option).chain(futures).collect()
    }

    /// Vega of the options per volatility point.
    pub fn vega(&self) -> f64 {
        let root = self.tau.sqrt();
        let vega = |leg: &Leg| leg.quantity * 1e-8 * self.unshocked(leg).vega(root) / 100.0;
        self.options.iter().map(vega).sum()
    }

    /// Least of the confidences that bear on the expiry but the spot's and the perpetual's.
    pub fn confidence(&self) -> f64 {
        self.listed.confidence
    }

    /// Sum of |quantity| times the larger of forward and strike.
    pub fn gross(&self) -> f64 {
        let legs = self.options.iter().chain(&self.futures);
        legs.map(|leg| leg.quantity.abs() * 1e-8 * leg.strike.max(self.forward()))
            .sum()
    }
}

/// The part of the forward that follows the spot, whole 1e-8 USD.
fn variable_forward(spot: i64, listed: &ListedExpiry) -> i128 {
    const ONE: i128 = 1_000_000_000;
    if let Some(total) = listed.forward_price {
        return i128::from(total - listed.fixed_forward);
    }
    let carried = i128::from(spot) * (ONE + i128::from(listed.forward_basis));
    let live = carried.div_euclid(ONE).max(1);
    let seconds = i128::from(listed.seconds.max(0));
    match (listed.fixed_forward, seconds) {
        (0, 0) => spot.into(), // expired: nothing is left to carry
        (0, _) => live,
        _ => live * seconds / WINDOW_SECONDS,
    }
}
