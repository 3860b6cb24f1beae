//! The bytes that clients parse: how each account is recognised, and the offset of every field of it, of its records and of what
//! the views return; then how each instruction begins.
//!
//! `layouts.txt` is the contract. A difference is a change of the wire format: raise `LAYOUT_VERSION` and migrate.

#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use std::fmt::Write;

use portfolio_margin_interface::state::{
    Clearinghouse, CollateralBalance, CollateralBank, ExpirySlot, FundingRecord, GroupRecord,
    InterestRecord, LiquidationRecord, MarginAccount, Market, MarketParamsRecord,
    MarketTermsRecord, PositionRecord, QuoteNonces, QuoteSlot, RegimeRecord, RulesRecord,
    ScenarioRecord, SettlementRecord, StandardParamsRecord, SurfacePost, Venue, VolBoard,
};
use portfolio_margin_interface::view::{
    ContingencyView, GreeksRecord, GreeksRow, GreeksView, LegGreeksRow, LegGreeksView, MarginView,
    MarketView, NetGreeksRecord, RiskMatrixView,
};
use portfolio_margin_interface::AccountLayout;

/// Appends one line per field; insists that the fields are all there are, without padding between them.
macro_rules! layout {
    ($out:ident, $name:ident: $($field:ident)*) => {{
        writeln!($out, "{} {}", stringify!($name), size_of::<$name>()).unwrap();
        let mut end = 0;
        let zero: $name = bytemuck::Zeroable::zeroed();
        $(
            let offset = std::mem::offset_of!($name, $field);
            let size = size_of_val(&zero.$field);
            assert_eq!(offset, end, "a gap before {}.{}", stringify!($name), stringify!($field));
            end = offset + size;
            writeln!($out, "  {:>5} {:>5} {}", offset, size, stringify!($field)).unwrap();
        )*
        assert_eq!(end, size_of::<$name>(), "{} has more fields", stringify!($name));
        // never 16, as an i128 has on some hosts
        assert!(align_of::<$name>() <= 8, "{}", stringify!($name));
    }};
}

/// An account: the same, in front of it eight bytes by which it is recognised.
macro_rules! account {
    ($out:ident, $name:ident: $($field:ident)*) => {{
        layout!($out, $name: $($field)*);
        let discriminator = <$name as AccountLayout>::ACCOUNT_DISCRIMINATOR;
        assert_eq!($name::ACCOUNT_LEN, 8 + size_of::<$name>());
        writeln!($out, "  after {discriminator:02x?}, account {}", $name::ACCOUNT_LEN).unwrap();
    }};
}

/// The records behind a margin account.
fn trailing(out: &mut String) {
    let each = size_of::<PositionRecord>();
    for capacity in 0..=128 {
        let whole = MarginAccount::ACCOUNT_LEN + capacity * each;
        assert_eq!(MarginAccount::space(capacity), whole);
    }
    let at = MarginAccount::ACCOUNT_LEN;
    writeln!(
        out,
        "  from byte {at} of the account: PositionRecord, {each} each"
    )
    .unwrap();
}

fn accounts(out: &mut String) {
    account!(out, Clearinghouse:
        version bump id market_count bank_count governor quote_mint liquidation
        quote_feed_id quote_price quote_publish_time quote_max_age quote_max_confidence
        peg_threshold peg_factor collateral_confidence_threshold collateral_confidence_factor
        portfolio_minimum_equity groups sequence insurance fees insurance_share settlement_delay
        settlement_samples quote_oracle_kind padding interest proven_insolvency socialised reserved
    );
    layout!(out, GroupRecord: kappa offset_cap shape);
    account!(out, CollateralBank:
        version bump vault_bump is_quote decimals oracle_kind index clearinghouse mint vault feed_id
        oracle_max_age oracle_max_confidence haircut_maintenance haircut_initial deposit_cap total_deposits
        offset_market padding_offset sequence account_cap listed_at ramp_seconds withdrawal_window
        withdrawal_limit net_outflow outflow_at spot spot_publish_time outage_at reserved
    );
    account!(out, Market:
        version bump index oracle_max_age oracle_max_confidence surface_max_age clearinghouse
        feed_id symbol params scenarios expiries terms stable_price
        stable_updated_at spot_publish_time stable_rate group oracle_kind is_open padding standard spot
        sequence fees perp_open perp_pool rules funding regime listed_scenarios outage_at
        insurance_cap insurance_used perp_loss reserved
    );
    account!(out, MarginAccount:
        version bump status tier sub_account position_count clearinghouse owner sequence cash reserved_cash
        liquidation_started_at collateral delegate delegate_expires delegate_scope interest_index interest_due
        venues insolvent_at proven_deficit loss_index loss_market padding reserved
    );
    trailing(out);
    account!(out, VolBoard: version bump count padding market posters posts anchors reserved);
    account!(out, Venue: version bump is_listed padding clearinghouse program authority sequence reserved);
    account!(out, QuoteNonces: version bump padding margin_account slots least_nonce session sequence reserved);
}

fn records(out: &mut String) {
    layout!(out, MarketParamsRecord:
        vol_range_up vol_range_down vol_short_power vol_long_power vol_floor_seconds vol_min_up
        perp_maintenance perp_initial option_maintenance option_initial scan_maintenance scan_initial
    );
    layout!(out, MarketTermsRecord:
        skew_linear_base skew_linear_slope skew_abs_base skew_abs_slope skew_min_k skew_width
        skew_fixed skew_scale discount_long_base discount_long_multiplier discount_long_add
        discount_short_base discount_short_multiplier discount_short_add basis_up basis_down
        basis_add basis_multiplier min_delta_net min_delta_hedged confidence_threshold
        confidence_factor concentration_delta_threshold concentration_delta_full
        concentration_vega_threshold concentration_vega_full concentration_delta_cap
        concentration_vega_cap
    );
    layout!(out, StandardParamsRecord:
        initial_short_share initial_short_floor initial_perp_share maintenance_short_share
        maintenance_short_floor maintenance_perp_share
    );
    layout!(out, ScenarioRecord:
        count none_start down_start base reach linear_start abs_start padding ln_spot spot damping
    );
    layout!(out, ExpirySlot:
        time posted_at svi_a svi_b svi_rho svi_m svi_s reference_tenor forward_basis rate confidence max_age
        settlement reserved
    );
    life_records(out);
    layout!(out, CollateralBalance:
        bank offset_market padding amount
    );
    layout!(out, PositionRecord:
        market instrument padding expiry strike ln_strike quantity cost reserved
    );
}

fn life_records(out: &mut String) {
    layout!(out, SettlementRecord:
         price sum pool open records count changed_at late_price late_seconds padding samples seconds
    );
    layout!(out, RulesRecord:
        fee_taker fee_maker fee_premium_cap band_linear band_option stable_band position_limit perp_limit
        expiry_limit
    );
    layout!(out, FundingRecord:
        index period_start daily reference premium_sum premium_size depth rate cap
    );
    layout!(out, RegimeRecord:
        sample reference_sample sampled_at variance_fast variance_slow kurtosis reference_variance
        covariance factor_initial factor_maintenance factor_at offset_share interval move_cap fast_half_life
        slow_half_life reference_volatility factor_most factor_rise factor_fall correlation_least
        factor_applied reference_market padding
    );
    layout!(out, InterestRecord:
        debt_index balance_index updated_at debts pool funds house_due account_limit limit
        rate_base rate_kink rate_full kink house_share balance_fraction loss_index loss_due
    );
    layout!(out, LiquidationRecord:
        discount_start discount_fast fast_seconds slow_seconds insolvent_seconds buffer legs_fee fund_share
    );
    layout!(out, SurfacePost:
        expiry posted_at svi_a svi_b svi_rho svi_m svi_s reference_tenor forward_basis rate confidence padding
    );
    layout!(out, QuoteSlot: generation filled);
}

fn views(out: &mut String) {
    layout!(out, MarketView:
        market worst_scenario padding mark scan contingency_maintenance contingency_initial
    );
    layout!(out, ContingencyView:
        perp_maintenance perp_initial option_maintenance option_initial haircut_maintenance haircut_initial
        confidence stable_price concentration_delta concentration_vega cushion
    );
    layout!(out, MarginView:
        version market_count would_open status tier padding now doubt refusal initial_health
        maintenance_health equity mark cash collateral scan contingency_maintenance contingency_initial
        gross_notional peg_add contingencies markets
    );
    layout!(out, GreeksRecord:
        mark delta gamma vega theta rho
    );
    layout!(out, NetGreeksRecord:
        net gross
    );
    layout!(out, GreeksRow:
        key spot greeks
    );
    layout!(out, GreeksView:
        version count first total market padding doubt now sum rows
    );
    layout!(out, LegGreeksRow:
        instrument padding expiry strike quantity greeks
    );
    layout!(out, LegGreeksView:
        version count first total market padding doubt now spot rows
    );
    layout!(out, RiskMatrixView:
        version count base worst_scenario status tier market doubt padding now spot mark scan basis_floor
        min_delta_floor net_delta gross_notional contingency_maintenance contingency_initial
        contingencies pnl
    );
}

/// How the data of each instruction begins.
#[cfg(feature = "client")]
fn instructions(out: &mut String) {
    writeln!(out, "instructions").unwrap();
    for (name, discriminator) in portfolio_margin_interface::instructions::ALL {
        writeln!(out, "  {discriminator:02x?} {name}").unwrap();
    }
}

#[test]
fn offsets_and_discriminators_are_those_on_file() {
    let mut out = String::new();
    writeln!(out, "# offset, size, field; written by layouts.rs").unwrap();
    accounts(&mut out);
    records(&mut out);
    views(&mut out);
    let on_file = include_str!("layouts.txt");
    #[cfg(feature = "client")]
    instructions(&mut out);
    #[cfg(not(feature = "client"))]
    let on_file = on_file.split_inclusive("\ninstructions").next().unwrap();
    #[cfg(not(feature = "client"))]
    let on_file = on_file.strip_suffix("instructions").unwrap();
    if out != on_file {
        if cfg!(feature = "client") && std::env::var_os("WRITE_LAYOUTS").is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/layouts.txt");
            std::fs::write(path, &out).unwrap();
        }
        let mut lines = out.lines().zip(on_file.lines());
        let line = lines.find(|(now, then)| now != then);
        panic!("layouts.txt says otherwise; first difference (now, on file): {line:?}");
    }
}

/// Every layout that the crate has is on file: one that is added to its sources is added here.
#[test]
fn no_layout_of_the_crate_is_missing() {
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    let on_file = include_str!("layouts.txt");
    let mut found = 0;
    for folder in ["state", "view"] {
        for file in std::fs::read_dir(format!("{sources}/{folder}")).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for part in text.split("#[repr(C)]").skip(1) {
                let (_, name) = part.split_once("pub struct ").unwrap();
                let end = name.find(|c: char| !c.is_alphanumeric()).unwrap();
                let line = format!("\n{} ", &name[..end]);
                assert!(on_file.contains(&line), "no{line}in layouts.txt");
                found += 1;
            }
        }
    }
    assert!(found > 20, "only {found} layouts in the sources");
}
