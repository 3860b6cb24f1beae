//! Listing: clearing houses, banks, markets, expiries and volatility surfaces.

use anchor_lang::prelude::Pubkey;
use portfolio_margin_interface::args::{
    BankArgs, ClearinghouseArgs, MarketArgs, MarketParamsArgs, MarketRulesArgs, MarketTermsArgs,
    ScenarioArg, SurfaceArgs,
};
use portfolio_margin_interface::seeds;
use portfolio_margin_interface::state::Clearinghouse;
use risk_core::market::MarketParams;
use risk_core::scenario::Scenario;
use risk_core::YEAR_SECONDS;

use crate::instructions;
use crate::oracle::price_account;
use crate::transaction::Outcome;
use crate::world::World;

/// A collateral bank's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bank {
    /// The clearing house.
    pub house: Pubkey,
    /// The bank.
    pub key: Pubkey,
    /// Its place in the canonical order.
    pub index: u16,
    /// The mint.
    pub mint: Pubkey,
    /// The bank's token account.
    pub vault: Pubkey,
    /// Price account of its feed; unused for the quote bank.
    pub price: Pubkey,
    /// Pyth feed.
    pub feed_id: [u8; 32],
    /// The mint's token program.
    pub token_program: Pubkey,
    /// Whether its deposits are cash.
    pub is_quote: bool,
}

/// A market's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Market {
    /// The clearing house.
    pub house: Pubkey,
    /// The market.
    pub key: Pubkey,
    /// Its place in the canonical order.
    pub index: u16,
    /// Price account of its feed.
    pub price: Pubkey,
    /// Pyth feed.
    pub feed_id: [u8; 32],
}

/// Name of a market, padded.
pub fn symbol(name: &str) -> [u8; 16] {
    let mut padded = [0; 16];
    padded[..name.len()].copy_from_slice(name.as_bytes());
    padded
}

/// Scenarios as an instruction takes them.
pub fn scenario_args(scenarios: &[Scenario]) -> Vec<ScenarioArg> {
    scenarios
        .iter()
        .map(|scenario| ScenarioArg {
            vol: scenario.vol as u8,
            spot: scenario.spot,
            damping: scenario.damping,
        })
        .collect()
}

/// Parameters as an instruction takes them.
pub fn params_args(params: &MarketParams) -> MarketParamsArgs {
    let raw = |ratio: risk_core::Ratio| u32::try_from(ratio.raw()).expect("a valid parameter");
    MarketParamsArgs {
        vol_range_up: raw(params.vol.range_up),
        vol_range_down: raw(params.vol.range_down),
        vol_short_power: raw(params.vol.short_power),
        vol_long_power: raw(params.vol.long_power),
        vol_floor_seconds: u32::try_from(params.vol.floor_seconds).expect("a valid parameter"),
        vol_min_up: raw(params.vol.min_vol_up),
        perp_maintenance: raw(params.perp_maintenance),
        perp_initial: raw(params.perp_initial),
        option_maintenance: raw(params.option_maintenance),
        option_initial: raw(params.option_initial),
        scan_maintenance: raw(params.scan_maintenance),
        scan_initial: raw(params.scan_initial),
    }
}

/// Further terms as an instruction takes them.
pub fn terms_args(params: &MarketParams) -> MarketTermsArgs {
    let raw = |ratio: risk_core::Ratio| u32::try_from(ratio.raw()).expect("a valid parameter");
    let signed = |ratio: risk_core::Ratio| i32::try_from(ratio.raw()).expect("a valid parameter");
    MarketTermsArgs {
        skew_linear_base: raw(params.skew.linear_base),
        skew_linear_slope: signed(params.skew.linear_slope),
        skew_abs_base: raw(params.skew.abs_base),
        skew_abs_slope: signed(params.skew.abs_slope),
        skew_min_k: raw(params.skew.min_k),
        skew_width: raw(params.skew.width),
        skew_fixed: raw(params.skew.fixed),
        skew_scale: raw(params.skew.scale),
        discount_long_base: raw(params.discount.long_base),
        discount_long_multiplier: raw(params.discount.long_multiplier),
        discount_long_add: raw(params.discount.long_add),
        discount_short_base: raw(params.discount.short_base),
        discount_short_multiplier: raw(params.discount.short_multiplier),
        discount_short_add: raw(params.discount.short_add),
        basis_up: raw(params.basis.up),
        basis_down: raw(params.basis.down),
        basis_add: raw(params.basis.add),
        basis_multiplier: raw(params.basis.multiplier),
        min_delta_net: raw(params.min_delta.net),
        min_delta_hedged: raw(params.min_delta.hedged),
        confidence_threshold: raw(params.confidence.threshold),
        confidence_factor: raw(params.confidence.factor),
        concentration_delta_threshold: params.concentration_delta.threshold.raw(),
        concentration_delta_full: params.concentration_delta.full.raw(),
        concentration_vega_threshold: params.concentration_vega.threshold.raw(),
        concentration_vega_full: params.concentration_vega.full.raw(),
        concentration_delta_cap: raw(params.concentration_delta.cap),
        concentration_vega_cap: raw(params.concentration_vega.cap),
    }
}

/// A smile of crypto's usual shape around an at-the-money volatility (1e-6): a quarter of the variance at the
/// money is level, the rest is the turn of a hyperbola about 1.6 standard deviations wide, skewed to the downside.
/// Fitted for one hour at the least: closer to expiry the engine keeps the volatility and scales the variance.
pub fn crypto_smile(expiry: i64, now: i64, volatility: u32) -> SurfaceArgs {
    let tenor = u32::try_from(expiry - now).expect("an expiry to come");
    let reference_tenor = tenor.max(3_600);
    let vol = u64::from(volatility);
    let variance = vol * vol / u64::from(YEAR_SECONDS as u32) * u64::from(reference_tenor); // 1e-12
    let width = (16 * variance.isqrt() / 10).max(100); // 1e-6
    SurfaceArgs {
        expiry,
        // 8 % a year over spot, 4 % to discount
        forward_basis: i32::try_from(80_000_000 * i64::from(tenor) / YEAR_SECONDS)
            .expect("a tenor below four years"),
        rate: 40_000,
        svi_a: i64::try_from(variance / 4).expect("a volatility below 1,000 %"),
        svi_b: 3 * variance / 4 * 1_000_000 / width,
        svi_rho: -250_000,
        svi_m: 0,
        svi_s: u32::try_from(width).expect("a volatility below 1,000 %"),
        reference_tenor,
        confidence: 1_000_000,
    }
}

impl World {
    /// Creates a clearing house for the world's USDC; the governor signs.
    pub fn create_clearinghouse(&mut self, args: ClearinghouseArgs) -> Pubkey {
        let house = seeds::clearinghouse(args.id);
        let governor = self.governor;
        let ix = instructions::initialize_clearinghouse(&governor.key, &self.usdc_mint(), args);
        self.send(&[ix], &[governor]).ok();
        house
    }

    /// Lists a collateral mint.
    pub fn list_bank(&mut self, house: Pubkey, mint: Pubkey, args: BankArgs) -> Bank {
        self.list_offset_bank(house, mint, args, None)
    }

    /// Lists a collateral mint, for an asset that offsets the risk of a market where one is named.
    pub fn list_offset_bank(
        &mut self,
        house: Pubkey,
        mint: Pubkey,
        args: BankArgs,
        offset_market: Option<&Market>,
    ) -> Bank {
        let index = self.read::<Clearinghouse>(&house).bank_count;
        let key = seeds::bank(&house, &mint);
        let bank = Bank {
            house,
            key,
            index,
            mint,
            vault: seeds::vault(&key),
            price: price_account(args.rules.oracle_kind, &args.feed_id),
            feed_id: args.feed_id,
            token_program: self.token_program(&mint),
            is_quote: self.read::<Clearinghouse>(&house).quote_mint == mint,
        };
        let governor = self.governor;
        let offset_market = offset_market.map(|market| market.key);
        let ix =
            instructions::initialize_offset_bank(&governor.key, &house, &mint, args, offset_market);
        let ix = instructions::with_token_program(ix, &bank.token_program);
        self.send(&[ix], &[governor]).ok();
        self.banks.push(bank);
        bank
    }

    /// Lists an underlying and opens it with this world's rules of trading.
    pub fn list_market(&mut self, house: Pubkey, args: MarketArgs) -> Market {
        let rules = self.builder.market_rules.clone();
        self.list_market_with(house, args, rules)
    }

    /// Lists an underlying and opens it.
    pub fn list_market_with(
        &mut self,
        house: Pubkey,
        args: MarketArgs,
        rules: MarketRulesArgs,
    ) -> Market {
        let index = self.read::<Clearinghouse>(&house).market_count;
        let market = Market {
            house,
            key: seeds::market(&house, index),
            index,
            price: price_account(args.oracle_kind, &args.feed_id),
            feed_id: args.feed_id,
        };
        let governor = self.governor;
        let list = [
            instructions::initialize_market(&governor.key, &house, index, args),
            instructions::open_market(&governor.key, &market, rules),
        ];
        for ix in list {
            self.send(&[ix], &[governor]).ok();
        }
        self.markets.push(market);
        market
    }

    /// Lists an expiry.
    pub fn add_expiry(&mut self, market: &Market, time: i64) {
        let governor = self.governor;
        let ix = instructions::add_expiry(&governor.key, market, time);
        self.send(&[ix], &[governor]).ok();
    }

    /// Stores the quote asset's price; anybody may.
    #[track_caller]
    pub fn update_quote_price(&mut self, house: &Pubkey) -> Outcome {
        let record = self.read::<Clearinghouse>(house);
        let price = price_account(record.quote_oracle_kind, &record.quote_feed_id);
        let ix = instructions::update_quote_price(house, &price);
        self.send(&[ix], &[])
    }

    /// Moves a market's stable price; anybody may.
    #[track_caller]
    pub fn update_market(&mut self, market: &Market) -> Outcome {
        self.send(&[instructions::update_market(market)], &[])
    }

    /// Stores a bank's price; anybody may.
    #[track_caller]
    pub fn update_bank(&mut self, bank: &Bank) -> Outcome {
        self.send(&[instructions::update_bank(bank)], &[])
    }

    /// Claims that a bank's feed is dead; anybody may.
    #[track_caller]
    pub fn report_bank_outage(&mut self, bank: &Bank) -> Outcome {
        self.send(&[instructions::report_bank_outage(bank)], &[])
    }

    /// Posts a volatility surface.
    pub fn post_surface(&mut self, market: &Market, args: SurfaceArgs) {
        let authority = self.surface_authority;
        let ix = instructions::post_vol_surface(&authority.key, market, args);
        self.send(&[ix], &[authority]).ok();
    }
}
