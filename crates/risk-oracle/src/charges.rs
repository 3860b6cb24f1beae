//! The contingencies of one market.

use crate::black76::OptionType;
use crate::expiry::Expiry;
use crate::input::{Book, Concentration, Kind, Leg};

impl Concentration {
    /// `shock(x) x`.
    pub fn charge(&self, x: f64) -> f64 {
        if x <= self.threshold {
            return 0.0;
        }
        let shock = self.cap * ((x - self.threshold) / (self.full - self.threshold)).min(1.0);
        shock * x
    }
}

/// `(1 - confidence) factor notional` where confidence is below the threshold.
pub(crate) fn doubt([threshold, factor]: [f64; 2], confidence: f64, notional: f64) -> f64 {
    if confidence < threshold {
        (1.0 - confidence) * factor * notional.abs()
    } else {
        0.0
    }
}

/// Shorts less opposite longs per strike, calls and puts pooled, 1e-6 base units.
fn naked(options: &[Leg]) -> f64 {
    let mut strikes: Vec<f64> = options.iter().map(|leg| leg.strike).collect();
    strikes.sort_by(f64::total_cmp);
    strikes.dedup();
    let at = |strike: &f64| {
        let held = options.iter().filter(|leg| leg.strike == *strike);
        let net: f64 = held.map(|leg| leg.quantity).sum();
        (-net).max(0.0)
    };
    strikes.iter().map(at).sum()
}

/// The contingencies of a market, 1e-6 USD, each at least zero.
#[derive(Clone, Copy, Debug, Default)]
pub struct Charges {
    /// Perpetuals, both requirements.
    pub perp_mm: f64,
    /// Perpetuals, initial only.
    pub perp_im: f64,
    /// Naked shorts, both requirements.
    pub option_mm: f64,
    /// Naked shorts, initial only.
    pub option_im: f64,
    /// Uncertain inputs, initial only.
    pub confidence: f64,
    /// Distance to the stable price on the net delta, initial only.
    pub stable: f64,
    /// Concentration of the net delta, initial only.
    pub delta: f64,
    /// Concentration of the net vega, initial only.
    pub vega: f64,
}

impl Charges {
    /// What depends on notional alone.
    pub(crate) fn of_notional(book: &Book, expiries: &[Expiry<'_>]) -> Self {
        let params = &book.params;
        let spot = book.spot as f64 * 1e-8;
        let perps = book.legs.iter().filter(|leg| leg.kind == Kind::Perpetual);
        let perp = perps.map(|leg| leg.quantity).sum::<f64>().abs() * spot;
        let shorts: f64 = expiries.iter().map(|expiry| naked(&expiry.options)).sum();
        let naked = shorts * spot;
        let limits = [params.confidence_threshold, params.confidence_factor];
        let of_perp = book.spot_confidence.min(book.perp_confidence);
        let mut confidence = doubt(limits, of_perp, perp);
        for expiry in expiries {
            let legs = expiry.options.iter().chain(&expiry.futures);
            let size: f64 = legs.map(|leg| leg.quantity.abs()).sum();
            let of_market = if perp == 0.0 {
                book.spot_confidence
            } else {
                of_perp
            };
            let least = of_market.min(expiry.confidence());
            confidence += doubt(limits, least, size * spot);
        }
        Self {
            perp_mm: perp * params.mm_perp,
            perp_im: perp * params.im_perp,
            option_mm: naked * params.mm_option,
            option_im: naked * params.im_option,
            confidence,
            ..Self::default()
        }
    }

    /// Adds what depends on net delta (as cash at spot) and net vega (per volatility point).
    pub(crate) fn with_greeks(self, book: &Book, net_delta: f64, net_vega: f64) -> Self {
        let params = &book.params;
        let stable = book.stable_price.map_or(0.0, |stable| {
            net_delta.abs() * ((book.spot - stable).abs() as f64 / book.spot as f64)
        });
        Self {
            stable,
            delta: params.concentration_delta.charge(net_delta.abs()),
            vega: params.concentration_vega.charge(net_vega.abs()),
            ..self
        }
    }

    /// `C_mm`.
    pub fn maintenance(&self) -> f64 {
        self.perp_mm + self.option_mm
    }

    /// `C_im`.
    pub fn initial(&self) -> f64 {
        let notional = self.perp_im + self.option_im + self.confidence;
        notional + self.stable + self.delta + self.vega
    }
}

/// Whether a book holds long options and nothing else.
pub(crate) fn is_long_options_only(book: &Book) -> bool {
    let is_long = |leg: &Leg| {
        let is_option = matches!(
            leg.kind,
            Kind::Option(_, OptionType::Call | OptionType::Put)
        );
        is_option && leg.quantity >= 0.0
    };
    book.offset == 0.0 && book.legs.iter().all(is_long)
}
