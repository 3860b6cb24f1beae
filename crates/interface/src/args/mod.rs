//! Arguments of the instructions, in Borsh.

#[cfg(feature = "anchor")]
use anchor_lang::prelude::*;

use crate::state::clearinghouse::MAX_GROUPS;

/// Most legs of one trade.
pub const MAX_LEGS: usize = 16;

macro_rules! arguments {
    ($($(#[$meta:meta])* pub struct $name:ident { $($body:tt)* })*) => {$(
        $(#[$meta])*
        #[cfg_attr(feature = "anchor", derive(AnchorSerialize, AnchorDeserialize))]
        #[cfg_attr(not(feature = "anchor"), derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name { $($body)* }
    )*};
}

mod rules;
mod witness;

pub use rules::*;
pub use witness::*;

/// The rows that `view_greeks` returns.
#[cfg_attr(feature = "anchor", derive(AnchorSerialize, AnchorDeserialize))]
#[cfg_attr(
    not(feature = "anchor"),
    derive(borsh::BorshSerialize, borsh::BorshDeserialize)
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GreeksPage {
    /// The account by market.
    Account,
    /// A market by expiry.
    Market {
        /// Index of the market.
        market: u16,
        /// Number of the first row.
        first: u8,
    },
    /// A market by leg.
    Legs {
        /// Index of the market.
        market: u16,
        /// Number of the first row.
        first: u8,
    },
}

/// The figure that `assert_health` looks at.
#[cfg_attr(feature = "anchor", derive(AnchorSerialize, AnchorDeserialize))]
#[cfg_attr(
    not(feature = "anchor"),
    derive(borsh::BorshSerialize, borsh::BorshDeserialize)
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthKind {
    /// Headroom over the initial requirement.
    Initial,
    /// Headroom over the maintenance requirement.
    Maintenance,
    /// Value at the mark.
    Equity,
}

arguments! {
    /// `initialize_clearinghouse`.
    pub struct ClearinghouseArgs {
        /// Number that tells clearing houses apart.
        pub id: u16,
        /// Terms of liquidations.
        pub liquidation: LiquidationArgs,
        /// Quote asset, collateral, tiers and groups.
        pub terms: AccountTermsArgs,
        /// Interest, settlement, insurance.
        pub rules: HouseRulesArgs,
    }

    /// One correlation group of `initialize_clearinghouse`, 1e-6 each; bounds as in `risk_core::group::GroupParams`.
    pub struct GroupArgs {
        /// Share of a scenario's gains that counts against its losses.
        pub kappa: u32,
        /// Largest share of the plain sum that may be taken off.
        pub offset_cap: u32,
    }

    /// What holds for every account of a clearing house; bounds as in `risk_core::params::AccountTerms` and
    /// `risk_core::tier::PortfolioTerms`.
    pub struct AccountTermsArgs {
        /// Pyth feed of the quote asset in USD; zero: it counts as a dollar.
        pub quote_feed_id: [u8; 32],
        /// Largest age of its price, seconds; at most 3,600.
        pub quote_max_age: u32,
        /// Largest confidence over its price, 1e-6.
        pub quote_max_confidence: u32,
        /// Price of the quote asset below which the initial scan factor rises, 1e-6.
        pub peg_threshold: u32,
        /// Its rise per unit of price, 1e-6.
        pub peg_factor: u32,
        /// Confidence in a collateral's price below which a charge begins, 1e-6.
        pub collateral_confidence_threshold: u32,
        /// Share of its value charged at no confidence, 1e-6.
        pub collateral_confidence_factor: u32,
        /// Least equity of the Portfolio tier, 1e-6 USD.
        pub portfolio_minimum_equity: i64,
        /// Correlation groups.
        pub groups: [GroupArgs; MAX_GROUPS],
    }

    /// `initialize_bank`.
    pub struct BankArgs {
        /// Pyth feed of the asset in USD; zero for the quote mint.
        pub feed_id: [u8; 32],
        /// Largest age of a price, seconds.
        pub oracle_max_age: u32,
        /// Largest confidence over price, 1e-6.
        pub oracle_max_confidence: u32,
        /// Share of value that counts in neither health, 1e-6.
        pub haircut_maintenance: u32,
        /// Further share that does not count in initial health, 1e-6.
        pub haircut_initial: u32,
        /// Most native units that the bank accepts in sum.
        pub deposit_cap: u64,
        /// Oracle kind, ramp, limits.
        pub rules: BankRulesArgs,
    }

    /// One scenario of `initialize_market`.
    pub struct ScenarioArg {
        /// 0 volatility up, 1 unchanged, 2 down, 3 tilted, 4 lifted in the wings.
        pub vol: u8,
        /// Spot multiplier, 1e-6.
        pub spot: u32,
        /// Share of the PnL that counts, 1e-6.
        pub damping: u32,
    }

    /// Margin ratios of `initialize_market`, 1e-6 each; bounds as in `risk_core::market::MarketParams`.
    pub struct MarketParamsArgs {
        /// Relative rise of volatility at 30 days.
        pub vol_range_up: u32,
        /// Relative fall of volatility at 30 days.
        pub vol_range_down: u32,
        /// Exponent below 30 days.
        pub vol_short_power: u32,
        /// Exponent from 30 days on.
        pub vol_long_power: u32,
        /// Seconds below which the shock grows no more.
        pub vol_floor_seconds: u32,
        /// Least volatility after an upward shock.
        pub vol_min_up: u32,
        /// Share of perpetual notional in both requirements.
        pub perp_maintenance: u32,
        /// Further share in the initial requirement.
        pub perp_initial: u32,
        /// Share of spot per naked short in both requirements.
        pub option_maintenance: u32,
        /// Further share in the initial requirement.
        pub option_initial: u32,
        /// Factor on the scan loss in the maintenance requirement.
        pub scan_maintenance: u32,
        /// Factor on the scan loss in the initial requirement.
        pub scan_initial: u32,
    }

    /// Further terms of `initialize_market`, 1e-6 each but for amounts; meaning and bounds as in
    /// `risk_core::market::MarketParams`.
    pub struct MarketTermsArgs {
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

    /// Shares of notional of the Standard tier, 1e-6 each; bounds as in `risk_core::tier::StandardParams`.
    pub struct StandardParamsArgs {
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

    /// `initialize_market`.
    pub struct MarketArgs {
        /// Name, padded with zeros.
        pub symbol: [u8; 16],
        /// Pyth feed of the underlying in USD.
        pub feed_id: [u8; 32],
        /// Largest age of a price, seconds.
        pub oracle_max_age: u32,
        /// Largest confidence over price, 1e-6.
        pub oracle_max_confidence: u32,
        /// Largest age of a volatility surface, seconds.
        pub surface_max_age: u32,
        /// Kind of the price account.
        pub oracle_kind: u8,
        /// Margin ratios.
        pub params: MarketParamsArgs,
        /// Skew, discounts, floors and charges.
        pub terms: MarketTermsArgs,
        /// Shares of the Standard tier.
        pub standard: StandardParamsArgs,
        /// Share by which the stable price may move per hour, 1e-6; at most 1,000,000; zero: no stable price.
        pub stable_rate: u32,
        /// Correlation group by its place in the clearing house, counted from 1; zero: none.
        pub group: u8,
        /// The shocks, sorted by volatility shock and spot.
        pub scenarios: Vec<ScenarioArg>,
    }

    /// `post_vol_surface`.
    pub struct SurfaceArgs {
        /// Unix time of the expiry.
        pub expiry: i64,
        /// Forward over spot less one, 1e-9.
        pub forward_basis: i32,
        /// Annual rate, 1e-6.
        pub rate: i32,
        /// SVI `a`, total variance at the reference tenor, 1e-12.
        pub svi_a: i64,
        /// SVI `b`, 1e-12.
        pub svi_b: u64,
        /// SVI `rho`, 1e-6.
        pub svi_rho: i32,
        /// SVI `m`, 1e-6.
        pub svi_m: i32,
        /// SVI `s`, 1e-6.
        pub svi_s: u32,
        /// Tenor for which the smile was fitted, seconds.
        pub reference_tenor: u32,
        /// Confidence in forward, rate and volatility, 1e-6; at most 1,000,000.
        pub confidence: u32,
    }

    /// `open_margin_account`.
    pub struct MarginAccountArgs {
        /// Number that tells an owner's accounts apart.
        pub sub_account: u16,
        /// Positions the account has room for: 16 to 128.
        pub capacity: u16,
        /// How the account is margined: 0 Standard, 1 Portfolio.
        pub tier: u8,
    }

    /// One leg of `trade`, as the taker sees it.
    pub struct TradeLeg {
        /// Index of the market.
        pub market: u16,
        /// Code of the instrument: 0 perpetual, 1 future, 2 call, 3 put.
        pub instrument: u8,
        /// Unix time of expiry; zero for a perpetual.
        pub expiry: i64,
        /// Strike, 1e-8 USD; zero for a perpetual or a future.
        pub strike: u64,
        /// What the taker buys, 1e-6 base units; negative where it sells.
        pub quantity: i64,
        /// Price per base unit, 1e-8 USD.
        pub price: u64,
    }

    /// `start_liquidation`.
    pub struct StartLiquidationArgs {
        /// One scenario per market of the account's check, in order of market; empty for the Standard tier, which has none.
        #[cfg_attr(not(feature = "idl-build"), borsh(deserialize_with = "read_witness"))]
        pub witness: Vec<u8>,
    }

    /// `prove_insolvency`.
    pub struct ProveInsolvencyArgs {
        /// As in `start_liquidation`; the no-move scenario is enough where there is no equity.
        #[cfg_attr(not(feature = "idl-build"), borsh(deserialize_with = "read_witness"))]
        pub witness: Vec<u8>,
    }

    /// `bid_liquidation`.
    pub struct BidArgs {
        /// One scenario per market of the account's check, in order of market; empty for the Standard tier, which has none.
        #[cfg_attr(not(feature = "idl-build"), borsh(deserialize_with = "read_witness"))]
        pub witness: Vec<u8>,
        /// Largest part of the book that the bidder takes, 1e-9; clamped to what restores the buffer. A tiny book is sold
        /// whole.
        pub fraction: u64,
        /// Least part that the bidder wants after clamping, 1e-9; zero: any.
        pub minimum: u64,
        /// Most that the bidder pays for the slice, 1e-6 USD; its part of the account's cash comes with it.
        pub price_limit: i64,
    }

    /// `auto_deleverage`.
    pub struct DeleverageArgs {
        /// Largest part of every position that the counterparty is given, 1e-9; clamped to what relieves it most.
        pub fraction: u64,
        /// The market whose positions are given, all of them by the same part; none: those of every market.
        pub market: Option<u16>,
    }

    /// One leg of `liquidate_legs`.
    pub struct LegTake {
        /// Index of the market.
        pub market: u16,
        /// Code of the instrument: 0 perpetual, 1 future, 2 call, 3 put.
        pub instrument: u8,
        /// Unix time of expiry; zero for a perpetual.
        pub expiry: i64,
        /// Strike, 1e-8 USD; zero for a perpetual or a future.
        pub strike: u64,
        /// What the liquidator takes, 1e-6 base units, with the sign of the liquidatee's position; clamped to its size.
        pub quantity: i64,
    }

    /// `liquidate_legs`.
    pub struct LiquidateLegsArgs {
        /// One scenario per market of the liquidatee's check, in order of market; empty for the Standard tier, which has none.
        #[cfg_attr(not(feature = "idl-build"), borsh(deserialize_with = "read_witness"))]
        pub witness: Vec<u8>,
        /// What the liquidator takes over at its marks: each series once, at most [`MAX_LEGS`].
        pub legs: Vec<LegTake>,
        /// What it receives for that, 1e-6 USD; part of it goes to the insurance fund.
        pub fee: u64,
        /// Least part of each leg's quantity that it wants after clamping, 1e-9; zero: any.
        pub minimum: u64,
        /// Most that it pays for the legs in sum, less what it keeps of the fee, 1e-6 USD.
        pub price_limit: i64,
    }
}

impl AccountTermsArgs {
    /// The quote asset is a dollar, collateral is not charged, the Portfolio tier is open to all, groups offset nothing.
    pub const PLAIN: Self = Self {
        quote_feed_id: [0; 32],
        quote_max_age: 0,
        quote_max_confidence: 0,
        peg_threshold: 0,
        peg_factor: 0,
        collateral_confidence_threshold: 0,
        collateral_confidence_factor: 0,
        portfolio_minimum_equity: 0,
        groups: [GroupArgs::NONE; MAX_GROUPS],
    };
}

impl GroupArgs {
    /// No offset.
    pub const NONE: Self = Self {
        kappa: 0,
        offset_cap: 0,
    };
}

impl StandardParamsArgs {
    /// The default for every market, as `risk_core::tier::StandardParams::MAJOR`.
    pub const MAJOR: Self = Self {
        initial_short_share: 150_000,
        initial_short_floor: 100_000,
        initial_perp_share: 40_000,
        maintenance_short_share: 75_000,
        maintenance_short_floor: 75_000,
        maintenance_perp_share: 30_000,
    };
}
