//! Units, parameters, reports, charges, liquidation and groups of any bits.

use crate::{Bits, Random};
use risk_core::contingency::Contingencies;
use risk_core::group::GroupParams;
use risk_core::liquidation::{buffer_health, plan_slice, LiquidationTerms, Wanted};
use risk_core::margin::{Collateral, MarginCheck, MarginReport};
use risk_core::market::Move;
use risk_core::position::{ln_strike, Instrument};
use risk_core::scan::MarketRisk;
use risk_core::scenario::VolShock;
use risk_core::svi::SviSlice;
use risk_core::tier::{PortfolioTerms, StandardParams, Tier};
use risk_core::{isolated::IsolatedParams, Price};
use std::hint::black_box;

const ROUNDS: usize = 200_000;

fn contingencies(bits: &mut Bits) -> Contingencies {
    Contingencies {
        perp_maintenance: bits.quote(),
        perp_initial: bits.quote(),
        option_maintenance: bits.quote(),
        option_initial: bits.quote(),
        haircut_maintenance: bits.quote(),
        haircut_initial: bits.quote(),
        confidence: bits.quote(),
        stable_price: bits.quote(),
        concentration_delta: bits.quote(),
        concentration_vega: bits.quote(),
        cushion: bits.quote(),
    }
}

fn report(bits: &mut Bits) -> MarginReport {
    MarginReport {
        initial_health: bits.quote(),
        maintenance_health: bits.quote(),
        equity: bits.quote(),
        mark: bits.quote(),
        cash: bits.quote(),
        collateral: bits.quote(),
        scan: bits.quote(),
        contingency_maintenance: bits.quote(),
        contingency_initial: bits.quote(),
        gross_notional: bits.quote(),
        contingencies: contingencies(bits),
        peg_add: bits.ratio(),
    }
}

fn risk(bits: &mut Bits) -> MarketRisk {
    MarketRisk {
        mark: bits.quote(),
        scan: bits.quote(),
        worst_scenario: bits.0.any() as u8,
        contingency_maintenance: bits.quote(),
        contingency_initial: bits.quote(),
        gross_notional: bits.quote(),
        basis_floor: bits.quote(),
        min_delta_floor: bits.quote(),
        net_delta: bits.quote(),
        contingencies: contingencies(bits),
    }
}

fn shares(bits: &mut Bits) -> IsolatedParams {
    IsolatedParams {
        short_share: bits.ratio(),
        short_floor: bits.ratio(),
        perp_share: bits.ratio(),
    }
}

#[test]
fn units_of_any_bits() {
    let mut bits = Bits(Random(801));
    for _ in 0..ROUNDS {
        let (a, b, ratio) = (bits.quote(), bits.quote(), bits.ratio());
        let (size, price) = (bits.quantity(), bits.price());
        let (n, d) = (bits.0.any(), bits.0.any());
        let _ = black_box((a.checked_add(b), a.checked_sub(b), a.saturating_abs()));
        let (floor, ceil) = (a.mul_ratio_floor(ratio), a.mul_ratio_ceil(ratio));
        if let (Ok(floor), Ok(ceil)) = (floor, ceil) {
            assert!(floor <= ceil && ceil.raw() - floor.raw() <= 1);
        }
        let _ = black_box((size.notional(price), size.checked_add(bits.quantity())));
        let (toward, away) = (
            size.scale_toward_zero(n, d),
            size.scale_away_from_zero(n, d),
        );
        if let (Ok(toward), Ok(away)) = (toward, away) {
            assert!(toward.raw().unsigned_abs() <= away.raw().unsigned_abs());
        }
        let _ = black_box((a.scale_toward_zero(n, d), Price::checked(n)));
        let _ = black_box((ln_strike(price), Instrument::from_code(n as u8)));
        let _ = black_box((
            Tier::from_code(n as u8),
            SviSlice::new(&bits.svi(), a.raw()),
        ));
    }
}

#[test]
fn parameters_of_any_bits() {
    let mut bits = Bits(Random(802));
    for _ in 0..ROUNDS {
        let (params, terms, expiry) = (bits.params(), bits.terms(), bits.expiry());
        let kind = [VolShock::Up, VolShock::SkewLinear, VolShock::SkewAbs][bits.below(3)];
        let _ = black_box((
            params.validate(),
            params.check_skew(kind, bits.0.any_signed()),
        ));
        let _ = black_box((
            terms.validate(),
            terms.peg_add(),
            terms.in_quote(bits.quote()),
        ));
        let _ = black_box((expiry.validate(), expiry.forward(bits.price())));
        let confidence = bits.confidence();
        let _ = black_box(confidence.charge(bits.ratio(), bits.quote()));
        let _ = black_box(bits.concentration().charge(bits.quote()));
        let (spot, vol) = (bits.ratio(), bits.ratio());
        let shift = Move { spot, vol };
        let _ = black_box((shift.validate(), shift.price(bits.price())));
        let group = GroupParams {
            kappa: bits.ratio(),
            offset_cap: bits.ratio(),
        };
        let standard = StandardParams {
            initial: shares(&mut bits),
            maintenance: shares(&mut bits),
        };
        let minimum_equity = bits.quote();
        let portfolio = PortfolioTerms { minimum_equity };
        let _ = black_box((group.validate(), standard.validate(), portfolio.validate()));
        black_box(portfolio.admits(&report(&mut bits)));
    }
}

#[test]
fn reports_of_any_bits() {
    let mut bits = Bits(Random(803));
    let mut planned = 0;
    for _ in 0..ROUNDS {
        let (before, after) = (report(&mut bits), report(&mut bits));
        black_box((
            before.initial_margin(),
            before.maintenance_margin(),
            before.is_openable(),
        ));
        black_box(after.reduces_risk_of(&before));
        let _ = black_box(after.contingencies.checked_add(&before.contingencies));
        let _ = black_box((
            after.contingencies.maintenance(),
            after.contingencies.initial(),
        ));
        let terms = LiquidationTerms {
            discount: bits.ratio(),
            buffer: bits.ratio(),
            ..LiquidationTerms::PLAIN
        };
        let _ = black_box((terms.validate(), terms.is_restored(&before)));
        let _ = black_box(buffer_health(&before, bits.ratio()));
        let plan = plan_slice(&before, &terms, bits.quote(), Wanted::at_most(bits.0.any()));
        planned += usize::from(plan.is_ok());
    }
    assert!(planned > 0, "no slice was planned");
}

#[test]
fn a_check_of_any_amounts() {
    let mut bits = Bits(Random(804));
    let mut added = 0;
    for _ in 0..ROUNDS {
        let terms = bits.terms();
        let check = MarginCheck::with_terms(bits.quote(), &terms);
        let mut check = check.unwrap_or_else(|_| MarginCheck::new(bits.quote()));
        let _ = black_box(check.add_collateral(&Collateral {
            value: bits.quote(),
            haircut_maintenance: bits.ratio(),
            haircut_initial: bits.ratio(),
            confidence: bits.ratio(),
        }));
        let (params, risk) = (bits.params(), risk(&mut bits));
        black_box(risk.worst());
        added += usize::from(check.add_risk(&params, &risk).is_ok());
        let _ = black_box(check.add_grouped_risk(&risk));
        let report = check.finish();
        black_box((report.initial_margin(), report.maintenance_margin()));
    }
    assert!(added > 0, "nothing was added");
}
