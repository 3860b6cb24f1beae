//! Arguments that set the rules of a clearing house, a bank, a market: limits, fees, interest, funding, regime.

#[cfg(feature = "anchor")]
use anchor_lang::prelude::*;

#[cfg(not(feature = "anchor"))]
use crate::Pubkey;

arguments! {
    /// Interest, settlement and insurance of `initialize_clearinghouse`.
    pub struct HouseRulesArgs {
        /// Kind of the quote asset's price account.
        pub quote_oracle_kind: u8,
        /// Share of fees that goes to the insurance fund, 1e-6.
        pub insurance_share: u32,
        /// Seconds after an expiry in which its samples may still be corrected.
        pub settlement_delay: u32,
        /// Least samples of a settlement average, 1 to 30.
        pub settlement_samples: u32,
        /// Largest debt of one account, 1e-6 USD; zero: no debts.
        pub debt_account_limit: u64,
        /// Largest sum of all debts, 1e-6 USD.
        pub debt_limit: u64,
        /// Annual rate at no utilisation, 1e-6.
        pub rate_base: u32,
        /// Annual rate at the kink, 1e-6.
        pub rate_kink: u32,
        /// Annual rate at full utilisation, 1e-6.
        pub rate_full: u32,
        /// Utilisation of the kink, 1e-6.
        pub kink: u32,
        /// Share of interest that stays with the house, 1e-6.
        pub house_share: u32,
    }

    /// Terms of liquidations of `initialize_clearinghouse`; bounds as in `risk_core::auction::AuctionTerms`.
    pub struct LiquidationArgs {
        /// Share off equity at which an auction begins, 1e-6.
        pub discount_start: u32,
        /// Share off equity at the end of its fast phase, 1e-6.
        pub discount_fast: u32,
        /// Length of the fast phase, seconds.
        pub fast_seconds: u32,
        /// Length of the slow phase, in which the discount grows to 1.0, seconds.
        pub slow_seconds: u32,
        /// Length of the insolvent phase, in which the payout grows to the maintenance deficit, seconds.
        pub insolvent_seconds: u32,
        /// Share of the maintenance requirement restored as a buffer, 1e-6; 10,000 to 1,000,000.
        pub buffer: u32,
        /// Largest fee for chosen legs, share of their notional, 1e-6.
        pub legs_fee: u32,
        /// Share of a liquidator's reward that goes to the insurance fund, 1e-6.
        pub fund_share: u32,
    }

    /// Oracle kind, ramp and limits of `initialize_bank`.
    pub struct BankRulesArgs {
        /// Kind of the price account.
        pub oracle_kind: u8,
        /// Most native units that one account may hold; zero: any.
        pub account_cap: u64,
        /// Seconds in which the bank's weight grows from zero to whole; zero: whole at once.
        pub ramp_seconds: u32,
        /// Most native units that may leave per window in net; zero: any.
        pub withdrawal_limit: u64,
        /// Length of that window, seconds.
        pub withdrawal_window: u32,
    }

    /// `open_market`: the rules of trading.
    pub struct MarketRulesArgs {
        /// Who may post volatility surfaces: 1 to 5, each once.
        pub posters: Vec<Pubkey>,
        /// Taker's fee over notional, 1e-6.
        pub fee_taker: u32,
        /// Maker's fee over notional, 1e-6.
        pub fee_maker: u32,
        /// Largest fee of an option over its premium, 1e-6.
        pub fee_premium_cap: u32,
        /// How far a perpetual or a future may trade from its mark, share of mark, 1e-6; zero: any price.
        pub band_linear: u32,
        /// How far an option may trade from its mark, share of spot, 1e-6; zero: any price.
        pub band_option: u32,
        /// Largest distance between spot and stable price for an opening, share of the stable price, 1e-6; zero: any.
        pub stable_band: u32,
        /// Largest magnitude of one position, 1e-6 base units; zero: any.
        pub position_limit: u64,
        /// Largest open interest of the perpetual, 1e-6 base units of long positions; zero: any.
        pub perp_limit: u64,
        /// Largest open interest of one expiry, over all series; zero: any.
        pub expiry_limit: u64,
        /// Most that the insurance fund may ever pay for losses of this market, 1e-6 USD.
        pub insurance_cap: u64,
        /// Largest magnitude of premium and funding rate per day, 1e-9; zero: no funding.
        pub funding_cap: u32,
        /// Size at which the mean premium counts in full, 1e-6 base units.
        pub funding_depth: u64,
        /// The regime.
        pub regime: RegimeArgs,
    }

    /// The regime of `open_market`.
    pub struct RegimeArgs {
        /// Least seconds between samples; zero: no regime, and every other field is zero.
        pub interval: u32,
        /// Largest move of one sample that counts, 1e-6.
        pub move_cap: u32,
        /// Half-life of the fast variance, seconds.
        pub fast_half_life: u32,
        /// Half-life of the slow variance, seconds.
        pub slow_half_life: u32,
        /// Annual volatility that the listed scenarios were made for, 1e-6.
        pub reference_volatility: u32,
        /// Largest factor, 1e-6.
        pub factor_most: u32,
        /// Rise of the maintenance factor per hour, 1e-6.
        pub factor_rise: u32,
        /// Fall of both factors per hour, 1e-6.
        pub factor_fall: u32,
        /// Correlation with the reference market below which the offset shrinks, 1e-6.
        pub correlation_least: u32,
        /// Market that the covariance is measured with: its index plus 1; zero: none.
        pub reference_market: u16,
    }
}

impl HouseRulesArgs {
    /// No debts, no insurance share, settlement final after ten minutes with ten samples.
    pub const PLAIN: Self = Self {
        quote_oracle_kind: 0,
        insurance_share: 0,
        settlement_delay: 600,
        settlement_samples: 10,
        debt_account_limit: 0,
        debt_limit: 0,
        rate_base: 0,
        rate_kink: 0,
        rate_full: 0,
        kink: 0,
        house_share: 0,
    };
}

impl LiquidationArgs {
    /// From 5 % to 30 % in 15 minutes, to all of it in 4 hours more; the fund pays within an hour; a tenth above maintenance; at
    /// most 0.5 % of notional for legs; a tenth of each reward to the fund.
    pub const STANDARD: Self = Self {
        discount_start: 50_000,
        discount_fast: 300_000,
        fast_seconds: 900,
        slow_seconds: 14_400,
        insolvent_seconds: 3_600,
        buffer: 100_000,
        legs_fee: 5_000,
        fund_share: 100_000,
    };

    /// One discount for a quarter of an hour, then a week until it is whole; nothing for the fund.
    pub const fn steady(discount: u32, buffer: u32) -> Self {
        Self {
            discount_start: discount,
            discount_fast: discount,
            slow_seconds: 604_800,
            buffer,
            fund_share: 0,
            ..Self::STANDARD
        }
    }
}

impl BankRulesArgs {
    /// Pyth's pull oracle, no ramp, no limits.
    pub const PLAIN: Self = Self {
        oracle_kind: 0,
        account_cap: 0,
        ramp_seconds: 0,
        withdrawal_limit: 0,
        withdrawal_window: 0,
    };
}

impl RegimeArgs {
    /// No regime.
    pub const NONE: Self = Self {
        interval: 0,
        move_cap: 0,
        fast_half_life: 0,
        slow_half_life: 0,
        reference_volatility: 0,
        factor_most: 0,
        factor_rise: 0,
        factor_fall: 0,
        correlation_least: 0,
        reference_market: 0,
    };
}

impl MarketRulesArgs {
    /// One poster; no fees, bands, limits, funding or regime.
    pub fn plain(poster: Pubkey) -> Self {
        Self {
            posters: vec![poster],
            fee_taker: 0,
            fee_maker: 0,
            fee_premium_cap: 0,
            band_linear: 0,
            band_option: 0,
            stable_band: 0,
            position_limit: 0,
            perp_limit: 0,
            expiry_limit: 0,
            insurance_cap: u64::MAX,
            funding_cap: 0,
            funding_depth: 0,
            regime: RegimeArgs::NONE,
        }
    }
}
