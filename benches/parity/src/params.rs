//! A market's parameters as integers, in the order of the engine's fields.
//!
//! ```text
//! range_up range_down short_power long_power floor_seconds min_vol_up                          volatility shocks
//! perp_maintenance perp_initial option_maintenance option_initial scan_maintenance scan_initial
//! linear_base linear_slope abs_base abs_slope min_k width fixed scale                          skew nodes
//! long_base long_multiplier long_add short_base short_multiplier short_add                     static discounts
//! up down add multiplier                                                                       basis floor
//! net hedged                                                                                   minimum delta
//! threshold factor                                                                             confidence
//! threshold full cap  threshold full cap                                                       concentration: delta, vega
//! ```

use risk_core::market::{MarketParams, VolShockParams};
use risk_core::params::{
    BasisParams, ConcentrationParams, ConfidenceParams, MinDeltaParams, SkewParams,
    StaticDiscountParams,
};
use risk_core::{Quote, Ratio};

/// How many words a market's parameters take.
pub const PARAMS: usize = 40;

/// Takes words one by one.
struct Words<'a>(core::slice::Iter<'a, i64>);

impl Words<'_> {
    fn raw(&mut self) -> i64 {
        self.0.next().copied().unwrap_or(0)
    }

    fn ratio(&mut self) -> Ratio {
        Ratio::from_raw(self.raw())
    }

    fn concentration(&mut self) -> ConcentrationParams {
        ConcentrationParams {
            threshold: Quote::from_raw(self.raw()),
            full: Quote::from_raw(self.raw()),
            cap: self.ratio(),
        }
    }
}

/// From words; fields are read in the order in which they stand here.
#[must_use]
pub fn params(words: &[i64; PARAMS]) -> MarketParams {
    let mut next = Words(words.iter());
    MarketParams {
        vol: VolShockParams {
            range_up: next.ratio(),
            range_down: next.ratio(),
            short_power: next.ratio(),
            long_power: next.ratio(),
            floor_seconds: next.raw(),
            min_vol_up: next.ratio(),
        },
        perp_maintenance: next.ratio(),
        perp_initial: next.ratio(),
        option_maintenance: next.ratio(),
        option_initial: next.ratio(),
        scan_maintenance: next.ratio(),
        scan_initial: next.ratio(),
        skew: SkewParams {
            linear_base: next.ratio(),
            linear_slope: next.ratio(),
            abs_base: next.ratio(),
            abs_slope: next.ratio(),
            min_k: next.ratio(),
            width: next.ratio(),
            fixed: next.ratio(),
            scale: next.ratio(),
        },
        discount: StaticDiscountParams {
            long_base: next.ratio(),
            long_multiplier: next.ratio(),
            long_add: next.ratio(),
            short_base: next.ratio(),
            short_multiplier: next.ratio(),
            short_add: next.ratio(),
        },
        basis: BasisParams {
            up: next.ratio(),
            down: next.ratio(),
            add: next.ratio(),
            multiplier: next.ratio(),
        },
        min_delta: MinDeltaParams {
            net: next.ratio(),
            hedged: next.ratio(),
        },
        confidence: ConfidenceParams {
            threshold: next.ratio(),
            factor: next.ratio(),
        },
        concentration_delta: next.concentration(),
        concentration_vega: next.concentration(),
    }
}

/// To words: the inverse of [`params`].
#[must_use]
pub fn params_words(params: &MarketParams) -> [i64; PARAMS] {
    let (vol, skew, discount) = (&params.vol, &params.skew, &params.discount);
    let (basis, delta, vega) = (
        &params.basis,
        &params.concentration_delta,
        &params.concentration_vega,
    );
    [
        vol.range_up.raw(),
        vol.range_down.raw(),
        vol.short_power.raw(),
        vol.long_power.raw(),
        vol.floor_seconds,
        vol.min_vol_up.raw(),
        params.perp_maintenance.raw(),
        params.perp_initial.raw(),
        params.option_maintenance.raw(),
        params.option_initial.raw(),
        params.scan_maintenance.raw(),
        params.scan_initial.raw(),
        skew.linear_base.raw(),
        skew.linear_slope.raw(),
        skew.abs_base.raw(),
        skew.abs_slope.raw(),
        skew.min_k.raw(),
        skew.width.raw(),
        skew.fixed.raw(),
        skew.scale.raw(),
        discount.long_base.raw(),
        discount.long_multiplier.raw(),
        discount.long_add.raw(),
        discount.short_base.raw(),
        discount.short_multiplier.raw(),
        discount.short_add.raw(),
        basis.up.raw(),
        basis.down.raw(),
        basis.add.raw(),
        basis.multiplier.raw(),
        params.min_delta.net.raw(),
        params.min_delta.hedged.raw(),
        params.confidence.threshold.raw(),
        params.confidence.factor.raw(),
        delta.threshold.raw(),
        delta.full.raw(),
        delta.cap.raw(),
        vega.threshold.raw(),
        vega.full.raw(),
        vega.cap.raw(),
    ]
}
