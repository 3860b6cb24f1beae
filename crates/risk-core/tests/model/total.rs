//! No input panics: every field of a book over the full range of its type, with overflow checks on.

use crate::fixture::{one_in, random_scenarios, NOW};
use crate::support::Random;
use risk_core::greeks::net_greeks;
use risk_core::isolated::{isolated_margin, IsolatedParams};
use risk_core::liquidation::{buffer_health, plan_slice, LiquidationTerms, Wanted};
use risk_core::margin::{Collateral, MarginCheck, MarginReport};
use risk_core::market::{Expiry, Market, MarketParams, VolShockParams};
use risk_core::position::{Instrument, Position};
use risk_core::scan::{MarketRisk, ScenarioPnl};
use risk_core::scenario::{Scenario, ScenarioSet, ScenarioTable, VolShock, Witness, MAX_SCENARIOS};
use risk_core::svi::Svi;
use risk_core::{Price, Quantity, Quote, Ratio, RiskError};
use std::hint::black_box;

const ROUNDS: usize = 60_000;

/// Each function draws a value from the full range of its type, or a plausible one as often: garbage that is refused at the
/// first check tests nothing behind it.
struct Garbage(Random);

impl Garbage {
    fn pick(&mut self, sane: i64) -> i64 {
        match self.0.bits() % 4 {
            0 => self.0.any_signed(),
            _ => sane,
        }
    }

    fn below(&mut self, most: u64) -> i64 {
        (self.0.bits() % most) as i64
    }

    fn ratio(&mut self) -> Ratio {
        let sane = self.below(1_000_001);
        Ratio::from_raw(self.pick(sane))
    }

    fn quote(&mut self) -> Quote {
        let sane = self.below(1 << 40) - (1 << 39);
        Quote::from_raw(self.pick(sane))
    }

    fn price(&mut self) -> Price {
        let sane = self.below(1 << 45);
        Price::from_raw(self.pick(sane) as u64)
    }

    fn svi(&mut self) -> Svi {
        let sane = self.below(10_000_000_000_000);
        Svi {
            a: self.pick(sane),
            b: self.pick(sane / 2) as u64,
            rho: self.pick(sane % 2_000_000 - 1_000_000) as i32,
            m: self.pick(sane % 8_000_000 - 4_000_000) as i32,
            s: self.pick(sane % 4_000_000) as u32,
            reference_tenor: self.pick(sane % 100_000_000) as u32,
        }
    }

    fn expiry(&mut self) -> Expiry {
        let sane = self.below(130_000_000);
        let svi = self.svi();
        Expiry {
            time: self.pick(NOW + sane),
            forward_basis: self.pick(sane % 500_000_000) as i32,
            rate: self.pick(sane % 1_000_000) as i32,
            svi: (!one_in(&mut self.0, 16)).then_some(svi),
            ..Expiry::PLAIN
        }
    }

    fn position(&mut self, expiries: &[Expiry]) -> Position {
        let listed = expiries.get(self.0.bits() as usize % expiries.len().max(1));
        let instruments = [Instrument::Perpetual, Instrument::Call, Instrument::Put];
        let strike = self.price();
        let mut position = Position::option(
            instruments[self.0.bits() as usize % 3],
            listed.map_or(0, |e| e.time),
            strike,
            Quantity::from_raw(self.0.any_signed() >> 8),
        );
        position.quantity = Quantity::from_raw(self.pick(position.quantity.raw()));
        position.expiry = if one_in(&mut self.0, 16) {
            self.0.any_signed()
        } else {
            position.expiry
        };
        position.ln_strike = self.pick(position.ln_strike);
        position.cost = self.quote();
        position
    }

    fn params(&mut self) -> MarketParams {
        let floor = self.below(2_592_000);
        MarketParams {
            vol: VolShockParams {
                range_up: self.ratio(),
                range_down: self.ratio(),
                short_power: self.ratio(),
                long_power: self.ratio(),
                floor_seconds: self.pick(floor),
                min_vol_up: self.ratio(),
            },
            perp_maintenance: self.ratio(),
            perp_initial: self.ratio(),
            option_maintenance: self.ratio(),
            option_initial: self.ratio(),
            scan_maintenance: self.ratio(),
            scan_initial: self.ratio(),
            ..MarketParams::MAJOR
        }
    }

    fn scenarios(&mut self) -> Vec<Scenario> {
        let count = self.0.bits() % 45;
        let scenario = |g: &mut Self| Scenario {
            vol: [VolShock::Up, VolShock::None, VolShock::Down][g.0.bits() as usize % 3],
            spot: g.0.any() as u32,
            damping: g.0.any() as u32,
        };
        (0..count).map(|_| scenario(self)).collect()
    }

    fn collateral(&mut self) -> Collateral {
        Collateral {
            value: self.quote(),
            haircut_maintenance: self.ratio(),
            haircut_initial: self.ratio(),
            confidence: self.ratio(),
        }
    }
}

/// Everything that can be asked about a market's positions; `true` if the margin check accepted them.
fn ask_everything(
    market: &Market<'_, Expiry>,
    positions: &[Position],
    garbage: &mut Garbage,
) -> bool {
    let mut pnl: ScenarioPnl = [0; MAX_SCENARIOS];
    let mut check = MarginCheck::new(garbage.quote());
    let _ = black_box(check.add_collateral(&garbage.collateral()));
    let accepted = check.add_market(market, positions, &mut pnl).is_ok();
    let report = check.finish();
    black_box((report.initial_margin(), report.maintenance_margin()));
    let _ = black_box(net_greeks(market, positions));
    let _ = black_box(isolated_margin(market, positions, &IsolatedParams::INITIAL));
    accepted
}

#[test]
fn a_margin_check_of_any_book_under_any_validated_set() {
    let mut garbage = Garbage(Random(71));
    let mut accepted = 0;
    for _ in 0..ROUNDS {
        let set = random_scenarios(&mut garbage.0);
        let table = ScenarioTable::new(&set).unwrap();
        let expiries: Vec<Expiry> = (0..1 + garbage.below(4))
            .map(|_| garbage.expiry())
            .collect();
        let held = 1 + garbage.below(6);
        let mut positions: Vec<Position> = (0..held).map(|_| garbage.position(&expiries)).collect();
        if !one_in(&mut garbage.0, 8) {
            positions.sort_by_key(|p| (p.expiry, p.strike, p.instrument));
        }
        let params = garbage.params();
        let (now, spot, perp_price) = (garbage.pick(NOW), garbage.price(), garbage.price());
        let _ = black_box((params.validate(), expiries[0].validate()));
        let market = Market {
            perp_price,
            ..Market::new(now, spot, table.set().unwrap(), &params, &expiries)
        };
        accepted += usize::from(ask_everything(&market, &positions, &mut garbage));
        // a witness of any node, or of none
        let index = garbage.0.bits() as usize % 45;
        if let Ok(witness) = Witness::new(&market.scenarios, index) {
            let scenarios = witness.set().unwrap();
            ask_everything(
                &Market {
                    scenarios,
                    ..market
                },
                &positions,
                &mut garbage,
            );
        }
    }
    // THEN nothing panicked, and enough of it was priced to mean something
    println!("{accepted} of {ROUNDS} accepted");
    assert!(accepted > ROUNDS / 20, "{accepted}");
}

#[test]
fn a_margin_check_under_a_scenario_set_of_garbage() {
    let mut garbage = Garbage(Random(72));
    let (mut sets, mut accepted) = (0, 0);
    for _ in 0..ROUNDS {
        // GIVEN parts that no table produced
        let arrays: [[i64; 44]; 3] =
            std::array::from_fn(|_| std::array::from_fn(|_| garbage.0.any_signed()));
        let count = garbage.0.bits() as usize % 44;
        let bounds: [u8; 4] = std::array::from_fn(|_| (garbage.0.bits() % 42) as u8);
        let [none, down, base] = [bounds[0], bounds[1], bounds[2]];
        let bounds = if one_in(&mut garbage.0, 2) {
            let down = down.max(base);
            let [linear, abs] =
                [bounds[3] & 1, bounds[3] >> 1 & 1].map(|n| count as u8 - n.min(count as u8));
            let skew = [linear.min(abs), abs.max(linear)];
            [
                none.min(base),
                down,
                base,
                1 + bounds[3] % 8,
                skew[0],
                skew[1],
            ]
        } else {
            std::array::from_fn(|i| bounds[i % 4])
        };
        let [ln_spot, spot, damping] = [0, 1, 2].map(|i| arrays[i].get(..count));
        let Ok(set) = ScenarioSet::from_parts(ln_spot, spot, damping, bounds) else {
            continue;
        };
        sets += 1;
        let expiries = [garbage.expiry()];
        let positions = [garbage.position(&expiries)];
        let (spot, perp_price) = (garbage.price(), garbage.price());
        let market = Market {
            perp_price,
            ..Market::new(NOW, spot, set, &MarketParams::BTC, &expiries)
        };
        // WHEN asked THEN there is an answer
        accepted += usize::from(ask_everything(&market, &positions, &mut garbage));
        for index in 0..count + 2 {
            black_box((set.vol_shock(index), set.spot(index), set.damping(index)));
            let _ = black_box(Witness::new(&set, index).map(|w| w.set().is_ok()));
        }
    }
    println!("{sets} sets, {accepted} accepted");
    assert!(sets > ROUNDS / 20 && accepted > ROUNDS / 50);
}

#[test]
fn a_table_of_any_scenarios() {
    let mut garbage = Garbage(Random(73));
    for _ in 0..ROUNDS {
        let scenarios = garbage.scenarios();
        if let Ok(table) = ScenarioTable::new(&scenarios) {
            assert!(table.set().is_ok());
        }
    }
}

#[test]
fn an_empty_book_is_fine_and_an_empty_market_is_too() {
    let set = random_scenarios(&mut Random(74));
    let table = ScenarioTable::new(&set).unwrap();
    let (params, none) = (&MarketParams::MAJOR, &[] as &[Expiry]);
    let market = Market::new(NOW, Price::ZERO, table.set().unwrap(), params, none);
    let mut pnl = [7; MAX_SCENARIOS];
    let mut check = MarginCheck::new(Quote::from_raw(9));
    let risk = check.add_market(&market, &[] as &[Position], &mut pnl);
    assert_eq!(risk, Ok(MarketRisk::default()));
    assert_eq!(pnl, [0; MAX_SCENARIOS]);
    assert_eq!(
        check.finish(),
        MarginCheck::new(Quote::from_raw(9)).finish()
    );
}

#[test]
fn reports_slices_and_units_of_any_amount() {
    let mut garbage = Garbage(Random(75));
    let mut planned = 0;
    for _ in 0..10 * ROUNDS {
        let before = MarginReport {
            equity: garbage.quote(),
            initial_health: garbage.quote(),
            ..MarginReport::default()
        };
        let report = MarginReport {
            equity: garbage.quote(),
            gross_notional: garbage.quote(),
            maintenance_health: garbage.quote(),
            initial_health: garbage.quote(),
            ..MarginReport::default()
        };
        black_box((report.is_openable(), report.reduces_risk_of(&before)));
        let terms = LiquidationTerms {
            discount: garbage.ratio(),
            buffer: garbage.ratio(),
            ..LiquidationTerms::PLAIN
        };
        let valid = terms.validate().is_ok();
        let reserved = garbage.quote();
        let plan = plan_slice(
            &report,
            &terms,
            reserved,
            Wanted {
                fraction: garbage.0.any(),
                minimum: garbage.0.any(),
            },
        );
        if let (true, Ok(plan)) = (valid && reserved.raw() >= 0, plan) {
            assert!((1..=1_000_000_000).contains(&plan.fraction) && plan.price.raw() >= 0);
            assert!(plan.fund_fee.raw() >= 0);
            planned += 1;
        }
        let _ = black_box((
            buffer_health(&report, terms.buffer),
            terms.is_restored(&report),
        ));
        let (a, b) = (garbage.quote(), garbage.quote());
        black_box((
            report.initial_margin(),
            report.maintenance_margin(),
            a.saturating_abs(),
        ));
        let _ = black_box((a.checked_add(b), a.checked_sub(b)));
        let _ = black_box((
            a.mul_ratio_floor(terms.buffer),
            a.mul_ratio_ceil(terms.buffer),
        ));
        let quantity = Quantity::from_raw(garbage.0.any_signed());
        let (n, d) = (garbage.0.any(), garbage.0.any());
        let _ = black_box((quantity.scale_toward_zero(n, d), a.scale_toward_zero(n, d)));
        let _ = black_box(quantity.notional(Price::from_raw(n)));
    }
    assert!(planned > ROUNDS / 10, "{planned}");
}

#[test]
fn a_risk_of_any_amounts_is_added_or_refused() {
    let mut garbage = Garbage(Random(76));
    let (mut added, mut refused) = (0, 0);
    for _ in 0..ROUNDS {
        let mut check = MarginCheck::new(garbage.quote());
        let risk = MarketRisk {
            mark: garbage.quote(),
            scan: garbage.quote(),
            worst_scenario: garbage.0.any() as u8,
            contingency_maintenance: garbage.quote(),
            contingency_initial: garbage.quote(),
            gross_notional: garbage.quote(),
            ..MarketRisk::default()
        };
        match check.add_risk(&garbage.params(), &risk) {
            Ok(()) => added += 1,
            Err(error) => {
                assert!(matches!(error, RiskError::Overflow(_)), "{error:?}");
                refused += 1;
            }
        }
    }
    assert!(added > 0 && refused > 0, "{added} {refused}");
}
