//! A portfolio as plain numbers, in the units of the crate's documentation; shares and ratios are plain.

use crate::black76::OptionType;

/// What is held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A perpetual.
    Perpetual,
    /// A future of the expiry of this index.
    Future(usize),
    /// An option of the expiry of this index.
    Option(usize, OptionType),
}

/// One position.
#[derive(Clone, Copy, Debug)]
pub struct Leg {
    /// What it is.
    pub kind: Kind,
    /// Strike, whole 1e-8 USD; zero without one.
    pub strike: f64,
    /// Annual volatility of its own in place of the smile's.
    pub volatility: Option<f64>,
    /// Signed size, 1e-6 base units.
    pub quantity: f64,
    /// What a perpetual or future cost in sum, 1e-6 USD.
    pub cost: f64,
}

/// Raw SVI at its reference tenor, in the integers that describe it.
#[derive(Clone, Copy, Debug)]
pub struct Smile {
    /// Level of total variance, 1e-12.
    pub a: i64,
    /// Slope of the wings, 1e-12.
    pub b: i64,
    /// Skew, 1e-6.
    pub rho: i64,
    /// Log-moneyness of the turn, 1e-6.
    pub m: i64,
    /// Width of the turn, 1e-6.
    pub s: i64,
    /// Seconds to expiry at which the parameters hold.
    pub reference_seconds: i64,
}

/// A listed expiry.
#[derive(Clone, Copy, Debug)]
pub struct ListedExpiry {
    /// Seconds left; none or fewer after expiry.
    pub seconds: i64,
    /// Forward over spot less one, 1e-9.
    pub forward_basis: i64,
    /// The forward itself, whole 1e-8 USD, in place of the basis.
    pub forward_price: Option<i64>,
    /// What the settlement average has fixed of it.
    pub fixed_forward: i64,
    /// Annual rate.
    pub rate: f64,
    /// The smile.
    pub smile: Option<Smile>,
    /// Least of forward's, rate's and volatility's confidence.
    pub confidence: f64,
}

/// Volatility shock of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shock {
    /// Volatility rises.
    Up,
    /// It stays.
    None,
    /// It falls.
    Down,
    /// The smile tilts.
    SkewLinear,
    /// The wings lift.
    SkewAbs,
}

/// One scenario.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its volatility shock.
    pub vol: Shock,
    /// Spot multiplier, 1e-6.
    pub spot: i64,
    /// Share of the PnL that counts.
    pub damping: f64,
}

/// A shock that is zero to a threshold, then grows linearly to a cap.
#[derive(Clone, Copy, Debug)]
pub struct Concentration {
    /// Where it begins, 1e-6 USD.
    pub threshold: f64,
    /// Where it is at its cap.
    pub full: f64,
    /// Largest shock.
    pub cap: f64,
}

/// Parameters of a market, named as in the formulas.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)] // the formulas name them
pub struct Params {
    pub vol_range_up: f64,
    pub vol_range_down: f64,
    pub vol_short_power: f64,
    pub vol_long_power: f64,
    pub vol_floor_seconds: f64,
    pub min_vol_up: f64,
    pub skew_linear: [f64; 2],
    pub skew_abs: [f64; 2],
    pub skew_min_k: f64,
    pub skew_width: f64,
    pub skew_static: f64,
    pub skew_scale: f64,
    pub long_base: f64,
    pub long_mult: f64,
    pub long_add: f64,
    pub short_base: f64,
    pub short_mult: f64,
    pub short_add: f64,
    /// Spot multipliers of the basis, 1e-6, up and down.
    pub basis_spot: [i64; 2],
    pub basis_add: f64,
    pub basis_mult: f64,
    pub min_delta_net: f64,
    pub min_delta_hedged: f64,
    pub mm_perp: f64,
    pub im_perp: f64,
    pub mm_option: f64,
    pub im_option: f64,
    pub confidence_threshold: f64,
    pub confidence_factor: f64,
    pub concentration_delta: Concentration,
    pub concentration_vega: Concentration,
    pub f_mm: f64,
    pub f_im: f64,
}

/// One market and what is held in it.
#[derive(Clone, Debug)]
pub struct Book {
    /// Spot, whole 1e-8 USD.
    pub spot: i64,
    /// Mark of the perpetual.
    pub perp_price: i64,
    /// Delayed price.
    pub stable_price: Option<i64>,
    /// Confidence in the spot.
    pub spot_confidence: f64,
    /// Confidence in the perpetual's price.
    pub perp_confidence: f64,
    /// Collateral in the underlying that offsets risk, 1e-6 base units.
    pub offset: f64,
    /// Parameters.
    pub params: Params,
    /// The scenarios.
    pub scenarios: Vec<Scenario>,
    /// Listed expiries.
    pub expiries: Vec<ListedExpiry>,
    /// What is held.
    pub legs: Vec<Leg>,
    /// Index of its correlation group.
    pub group: Option<usize>,
}

/// Collateral other than quote.
#[derive(Clone, Copy, Debug)]
pub struct Collateral {
    /// Value, 1e-6 of the quote asset.
    pub value: f64,
    /// Share that counts in no health.
    pub mm_haircut: f64,
    /// Further share that counts in maintenance health only.
    pub im_haircut: f64,
    /// Confidence in its price.
    pub confidence: f64,
}

/// An account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Quote balance, 1e-6.
    pub cash: f64,
    /// Price of the quote asset in USD.
    pub quote_price: f64,
    /// Price under which the initial scan factor rises.
    pub peg_threshold: f64,
    /// Its rise per unit.
    pub peg_factor: f64,
    /// Confidence under which collateral is charged, and the factor.
    pub confidence: [f64; 2],
    /// Collateral.
    pub collateral: Vec<Collateral>,
    /// Markets.
    pub books: Vec<Book>,
    /// `kappa` and `offset_cap` of each group.
    pub groups: Vec<[f64; 2]>,
}
