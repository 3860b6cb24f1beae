//! Layout of a market's further terms: skew, static discounts, floors and charges; shares of the Standard tier.

#[cfg(feature = "anchor")]
use anchor_lang::prelude::*;

use risk_core::isolated::IsolatedParams;
use risk_core::params::{
    BasisParams, ConcentrationParams, ConfidenceParams, MinDeltaParams, SkewParams,
    StaticDiscountParams,
};
use risk_core::tier::StandardParams;
use risk_core::{Quote, Ratio};

use crate::args::{MarketTermsArgs, StandardParamsArgs};

/// Terms of a market, 1e-6 each but for amounts; see [`risk_core::market::MarketParams`] for meaning and bounds.
#[cfg_attr(feature = "anchor", zero_copy)]
#[cfg_attr(
    not(feature = "anchor"),
    derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)
)]
#[derive(Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct MarketTermsRecord {
    /// Cap of the linear skew node at no tenor.
    pub skew_linear_base: u32,
    /// Its slope per root of a year.
    pub skew_linear_slope: i32,
    /// Cap of the abs skew node at no tenor.
    pub skew_abs_base: u32,
    /// Its slope per root of a year.
    pub skew_abs_slope: i32,
    /// Least log-moneyness of the caps.
    pub skew_min_k: u32,
    /// Factor of the skew width.
    pub skew_width: u32,
    /// Constant part of the skew width.
    pub skew_fixed: u32,
    /// Part of the skew width that grows with the root of the tenor.
    pub skew_scale: u32,
    /// Share of a positive value.
    pub discount_long_base: u32,
    /// Multiple of the rate for it.
    pub discount_long_multiplier: u32,
    /// Addition to the rate for it.
    pub discount_long_add: u32,
    /// Multiple of a negative value.
    pub discount_short_base: u32,
    /// Multiple of the rate for it.
    pub discount_short_multiplier: u32,
    /// Addition to the rate for it.
    pub discount_short_add: u32,
    /// Forward multiplier of the basis floor upwards.
    pub basis_up: u32,
    /// Forward multiplier of the basis floor downwards.
    pub basis_down: u32,
    /// Constant share of the basis loss.
    pub basis_add: u32,
    /// Share of the basis loss per year.
    pub basis_multiplier: u32,
    /// Least share of the net delta.
    pub min_delta_net: u32,
    /// Least share of the hedged delta.
    pub min_delta_hedged: u32,
    /// Confidence below which a charge begins.
    pub confidence_threshold: u32,
    /// Share of notional charged at no confidence.
    pub confidence_factor: u32,
    /// Cash delta at which a charge begins, 1e-6 USD.
    pub concentration_delta_threshold: i64,
    /// Cash delta from which its shock is the cap, 1e-6 USD.
    pub concentration_delta_full: i64,
    /// Vega per point at which a charge begins, 1e-6 USD.
    pub concentration_vega_threshold: i64,
    /// Vega per point from which its shock is the cap, 1e-6 USD.
    pub concentration_vega_full: i64,
    /// Largest shock of the charge on delta.
    pub concentration_delta_cap: u32,
    /// Largest shock of the charge on vega, volatility points.
    pub concentration_vega_cap: u32,
}

impl MarketTermsRecord {
    /// The terms as an instruction states them.
    pub fn from_args(args: &MarketTermsArgs) -> Self {
        Self {
            skew_linear_base: args.skew_linear_base,
            skew_linear_slope: args.skew_linear_slope,
            skew_abs_base: args.skew_abs_base,
            skew_abs_slope: args.skew_abs_slope,
            skew_min_k: args.skew_min_k,
            skew_width: args.skew_width,
            skew_fixed: args.skew_fixed,
            skew_scale: args.skew_scale,
            discount_long_base: args.discount_long_base,
            discount_long_multiplier: args.discount_long_multiplier,
            discount_long_add: args.discount_long_add,
            discount_short_base: args.discount_short_base,
            discount_short_multiplier: args.discount_short_multiplier,
            discount_short_add: args.discount_short_add,
            basis_up: args.basis_up,
            basis_down: args.basis_down,
            basis_add: args.basis_add,
            basis_multiplier: args.basis_multiplier,
            min_delta_net: args.min_delta_net,
            min_delta_hedged: args.min_delta_hedged,
            confidence_threshold: args.confidence_threshold,
            confidence_factor: args.confidence_factor,
            concentration_delta_threshold: args.concentration_delta_threshold,
            concentration_delta_full: args.concentration_delta_full,
            concentration_vega_threshold: args.concentration_vega_threshold,
            concentration_vega_full: args.concentration_vega_full,
            concentration_delta_cap: args.concentration_delta_cap,
            concentration_vega_cap: args.concentration_vega_cap,
        }
    }

    /// Skew nodes.
    #[inline(always)]
    pub fn skew(&self) -> SkewParams {
        SkewParams {
            linear_base: ratio(self.skew_linear_base),
            linear_slope: Ratio::from_raw(self.skew_linear_slope.into()),
            abs_base: ratio(self.skew_abs_base),
            abs_slope: Ratio::from_raw(self.skew_abs_slope.into()),
            min_k: ratio(self.skew_min_k),
            width: ratio(self.skew_width),
            fixed: ratio(self.skew_fixed),
            scale: ratio(self.skew_scale),
        }
    }

    /// Static discounts.
    #[inline(always)]
    pub fn discount(&self) -> StaticDiscountParams {
        StaticDiscountParams {
            long_base: ratio(self.discount_long_base),
            long_multiplier: ratio(self.discount_long_multiplier),
            long_add: ratio(self.discount_long_add),
            short_base: ratio(self.discount_short_base),
            short_multiplier: ratio(self.discount_short_multiplier),
            short_add: ratio(self.discount_short_add),
        }
    }

    /// Basis floor.
    #[inline(always)]
    pub fn basis(&self) -> BasisParams {
        BasisParams {
            up: ratio(self.basis_up),
            down: ratio(self.basis_down),
            add: ratio(self.basis_add),
            multiplier: ratio(self.basis_multiplier),
        }
    }

    /// Minimum-delta floor.
    #[inline(always)]
    pub fn min_delta(&self) -> MinDeltaParams {
        MinDeltaParams {
            net: ratio(self.min_delta_net),
            hedged: ratio(self.min_delta_hedged),
        }
    }

    /// Charge for uncertain inputs.
    #[inline(always)]
    pub fn confidence(&self) -> ConfidenceParams {
        ConfidenceParams {
            threshold: ratio(self.confidence_threshold),
            factor: ratio(self.confidence_factor),
        }
    }

    /// Charge on concentrated delta.
    #[inline(always)]
    pub fn concentration_delta(&self) -> ConcentrationParams {
        ConcentrationParams {
            threshold: Quote::from_raw(self.concentration_delta_threshold),
            full: Quote::from_raw(self.concentration_delta_full),
            cap: ratio(self.concentration_delta_cap),
        }
    }

    /// Charge on concentrated vega.
    #[inline(always)]
    pub fn concentration_vega(&self) -> ConcentrationParams {
        ConcentrationParams {
            threshold: Quote::from_raw(self.concentration_vega_threshold),
            full: Quote::from_raw(self.concentration_vega_full),
            cap: ratio(self.concentration_vega_cap),
        }
    }
}

/// 1e-6 as the engine reads it.
#[inline(always)]
fn ratio(raw: u32) -> Ratio {
    Ratio::from_raw(raw.into())
}

/// Shares of notional of the Standard tier, 1e-6; see [`StandardParams`] for meaning and bounds.
#[cfg_attr(feature = "anchor", zero_copy)]
#[cfg_attr(
    not(feature = "anchor"),
    derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)
)]
#[derive(Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct StandardParamsRecord {
    /// Initial share of spot per short option, before what it is out of the money.
    pub initial_short_share: u32,
    /// Initial least share of spot per short option.
    pub initial_short_floor: u32,
    /// Initial share of a perpetual or future.
    pub initial_perp_share: u32,
    /// Maintenance share of spot per short option, before what it is out of the money.
    pub maintenance_short_share: u32,
    /// Maintenance least share of spot per short option.
    pub maintenance_short_floor: u32,
    /// Maintenance share of a perpetual or future.
    pub maintenance_perp_share: u32,
}

impl StandardParamsRecord {
    /// The shares as an instruction states them.
    pub fn from_args(args: &StandardParamsArgs) -> Self {
        Self {
            initial_short_share: args.initial_short_share,
            initial_short_floor: args.initial_short_floor,
            initial_perp_share: args.initial_perp_share,
            maintenance_short_share: args.maintenance_short_share,
            maintenance_short_floor: args.maintenance_short_floor,
            maintenance_perp_share: args.maintenance_perp_share,
        }
    }

    /// The shares as the engine reads them.
    pub fn params(&self) -> StandardParams {
        StandardParams {
            initial: IsolatedParams {
                short_share: ratio(self.initial_short_share),
                short_floor: ratio(self.initial_short_floor),
                perp_share: ratio(self.initial_perp_share),
            },
            maintenance: IsolatedParams {
                short_share: ratio(self.maintenance_short_share),
                short_floor: ratio(self.maintenance_short_floor),
                perp_share: ratio(self.maintenance_perp_share),
            },
        }
    }
}

const _: () = assert!(core::mem::size_of::<MarketTermsRecord>() == 128);
const _: () = assert!(core::mem::size_of::<StandardParamsRecord>() == 24);
