//! Laws of RISK.md under the whole model: what must hold for every book, and that nothing panics on garbage.

use crate::fixture::{log_between, one_in, Portfolio, Shape, NOW};
use crate::support::Random;
use crate::whole_exact::random_whole_book;
use risk_core::account::{Account, Book, HeldCollateral, Scope};
use risk_core::explain::{leg_contributions, Axis, Freed};
use risk_core::greeks::market_greeks;
use risk_core::group::GroupParams;
use risk_core::isolated::IsolatedParams;
use risk_core::margin::Collateral;
use risk_core::market::{Expiry, Market, MarketParams, Move};
use risk_core::params::{
    AccountTerms, BasisParams, ConcentrationParams, ConfidenceParams, MinDeltaParams, SkewParams,
    StaticDiscountParams,
};
use risk_core::position::{Instrument, Position, QuotedPosition};
use risk_core::scan::{scan_market, MarketRisk, ScenarioPnl};
use risk_core::scenario::{ScenarioTable, Witness, BASIS_WITNESS, FLOOR_WITNESS, MAX_SCENARIOS};
use risk_core::svi::Svi;
use risk_core::tier::{standard_market, StandardParams};
use risk_core::{Price, Quantity, Quote, Ratio};
use std::hint::black_box;

const BOOKS: usize = 2_000;

fn books(seed: u64, shape: Shape) -> impl Iterator<Item = (Random, Portfolio)> {
    let mut random = Random(seed);
    std::iter::repeat_with(move || {
        let book = random_whole_book(&mut random, &shape);
        (Random(random.bits()), book)
    })
    .filter(|(_, book)| book.try_evaluate().is_ok())
    .take(BOOKS)
}

#[test]
fn more_cash_raises_both_healths_by_as_much() {
    for (mut random, mut book) in books(401, Shape::USUAL) {
        let before = book.report();
        let more = (random.bits() % 1_000_000_000_000) as i64;
        book.cash = Quote::from_raw(more);
        let after = book.report();
        assert_eq!(
            after.initial_health.raw() - before.initial_health.raw(),
            more
        );
        assert_eq!(
            after.maintenance_health.raw() - before.maintenance_health.raw(),
            more
        );
    }
}

#[test]
fn removing_a_scenario_never_raises_the_requirement() {
    for (mut random, mut book) in books(402, Shape::ANY) {
        let full = book.evaluate();
        let gone = random.bits() as usize % book.scenarios.len();
        if gone == usize::from(book.table().base) {
            continue;
        }
        book.scenarios.remove(gone);
        let less = book.evaluate();
        // the basis floor's own error counts the reach of the set, which cannot grow
        assert!(less.risk.scan >= full.risk.scan, "{book:?}");
        assert!(less.report.initial_health >= full.report.initial_health);
        assert!(less.report.maintenance_health >= full.report.maintenance_health);
    }
}

#[test]
fn lower_confidence_and_a_farther_stable_price_never_raise_health() {
    for (mut random, book) in books(403, Shape::USUAL) {
        let mut worse = book.clone();
        let mut lower = |ratio: &mut Ratio| {
            *ratio = Ratio::from_raw((ratio.raw() as f64 * random.between(0.0, 1.0)) as i64);
        };
        lower(&mut worse.spot_confidence);
        lower(&mut worse.perp_confidence);
        worse
            .expiries
            .iter_mut()
            .for_each(|listed| lower(&mut listed.confidence));
        if let Some(stable) = &mut worse.stable_price {
            let away = stable.raw().abs_diff(book.spot.raw());
            *stable = Price::from_raw(if *stable > book.spot {
                stable.raw() + away
            } else {
                stable.raw().saturating_sub(away).max(1)
            });
        }
        let (before, after) = (book.report(), worse.report());
        assert!(after.initial_health <= before.initial_health);
        assert_eq!(after.maintenance_health, before.maintenance_health);
    }
}

#[test]
fn a_book_scaled_by_k_needs_k_times_as_much_where_size_does_not_count() {
    let mut compared = 0;
    for (mut random, mut book) in books(404, Shape::USUAL) {
        book.params.concentration_delta = ConcentrationParams::NONE;
        book.params.concentration_vega = ConcentrationParams::NONE;
        let k = 2 + (random.bits() % 50) as i64;
        let mut large = book.clone();
        large.offset = Quantity::from_raw(large.offset.raw() * k);
        for leg in &mut large.positions {
            leg.quantity = Quantity::from_raw(leg.quantity.raw() * k);
            leg.cost = Quote::from_raw(leg.cost.raw() * k);
        }
        let (Ok(small), Ok(large)) = (book.try_evaluate(), large.try_evaluate()) else {
            continue;
        };
        compared += 1;
        let cushions =
            k * small.risk.contingencies.cushion.raw() + large.risk.contingencies.cushion.raw();
        let slack = 20 * cushions + (small.risk.gross_notional.raw() >> 12) / 1_000 * k + 1_000 * k;
        for (small, large) in [
            (small.risk.mark, large.risk.mark),
            (small.risk.scan, large.risk.scan),
            (small.report.initial_health, large.report.initial_health),
        ] {
            let off = (large.raw() - k * small.raw()).abs();
            assert!(off <= slack, "{off} > {slack}: {book:?}");
        }
    }
    assert!(compared > BOOKS / 2, "{compared}");
}

#[test]
fn inv_09_a_witness_has_the_bits_of_its_node_and_floors_have_witnesses() {
    let mut floors = [0; 2];
    for (_, book) in books(405, Shape::USUAL).take(600) {
        let (table, full) = (book.table(), book.evaluate());
        let set = table.set().unwrap();
        for index in (0..set.count()).chain([BASIS_WITNESS.into(), FLOOR_WITNESS.into()]) {
            let Ok(witness) = Witness::named(&set, &book.params, index as u8) else {
                assert!(index >= set.count());
                continue;
            };
            let named = witness.set().unwrap();
            let alone = book.try_evaluate_under(named).unwrap();
            assert_eq!(alone.risk.mark, full.risk.mark);
            assert!(alone.risk.scan >= full.risk.scan, "{index} {book:?}");
            assert!(alone.report.maintenance_health >= full.report.maintenance_health);
            if index < set.count() {
                let at = (0..named.count())
                    .find(|at| *at != named.base())
                    .unwrap_or(named.base());
                assert_eq!(alone.pnl[at], full.pnl[index], "{index} {book:?}");
                assert_eq!(named.vol_shock(at), set.vol_shock(index));
            }
        }
        // THEN what binds proves exactly the full scan's health
        let worst = full.risk.worst_scenario;
        floors[0] += usize::from(worst == BASIS_WITNESS);
        floors[1] += usize::from(worst == FLOOR_WITNESS);
        let proof = Witness::named(&set, &book.params, worst).unwrap();
        let proof = book.try_evaluate_under(proof.set().unwrap()).unwrap();
        let maintenance = |report: risk_core::margin::MarginReport| {
            (report.maintenance_health, report.scan, report.equity)
        };
        assert_eq!(
            maintenance(proof.report),
            maintenance(full.report),
            "{worst} {book:?}"
        );
    }
    assert!(floors.iter().all(|count| *count > 10), "{floors:?}");
}

#[test]
fn inv_10_a_long_option_book_needs_at_most_its_mark_under_the_whole_model() {
    for (_, mut book) in books(406, Shape::USUAL) {
        book.positions.retain(|leg| leg.instrument.is_option());
        book.positions
            .iter_mut()
            .for_each(|leg| leg.quantity = Quantity::from_raw(leg.quantity.raw().abs()));
        book.offset = Quantity::ZERO;
        book.params.scan_initial = Ratio::from_raw(1_000_000);
        let engine = book.evaluate();
        let cushion = engine.risk.contingencies.cushion.raw();
        assert!(-engine.risk.scan.raw() <= engine.risk.mark.raw().max(0) + 2 * cushion);
        assert!(engine.report.maintenance_health.raw() >= -2 * cushion);
    }
}

#[test]
fn a_higher_term_never_raises_health() {
    for (mut random, book) in books(407, Shape::USUAL) {
        let mut harsher = book.clone();
        let params = &mut harsher.params;
        let up = |ratio: &mut Ratio, most: i64, random: &mut Random| {
            let room = (most - ratio.raw()).max(0) as f64;
            *ratio = Ratio::from_raw(ratio.raw() + (room * random.between(0.0, 1.0)) as i64);
        };
        match random.bits() % 6 {
            0 => up(&mut params.discount.long_add, 2_000_000, &mut random),
            1 => up(&mut params.discount.short_base, 2_000_000, &mut random),
            2 => up(&mut params.basis.add, 4_000_000, &mut random),
            3 => up(&mut params.min_delta.hedged, 1_000_000, &mut random),
            4 => up(&mut params.confidence.factor, 2_000_000, &mut random),
            _ => up(&mut params.concentration_delta.cap, 1_000_000, &mut random),
        }
        // a skew node counts both signs, so that a discount may bring its loss nearer to zero: out of this comparison
        let without_skew = |mut book: Portfolio| {
            book.scenarios.retain(|node| !node.vol.is_skew());
            book.report()
        };
        let (before, after) = (without_skew(book.clone()), without_skew(harsher));
        assert!(after.initial_health <= before.initial_health, "{book:?}");
        assert!(after.maintenance_health <= before.maintenance_health);
    }
}

/// Draws from the full range of a type, or a plausible value as often.
struct Garbage(Random);

impl Garbage {
    fn raw(&mut self, sane: i64) -> i64 {
        match self.0.bits() % 5 {
            0 => self.0.any_signed(),
            _ => (self.0.bits() % (sane.unsigned_abs() + 1)) as i64,
        }
    }

    fn ratio(&mut self) -> Ratio {
        Ratio::from_raw(self.raw(1_500_000))
    }

    fn quote(&mut self) -> Quote {
        Quote::from_raw(self.raw(1 << 40))
    }

    fn price(&mut self) -> Price {
        Price::from_raw(self.raw(1 << 44) as u64)
    }

    fn concentration(&mut self) -> ConcentrationParams {
        let threshold = self.quote();
        ConcentrationParams {
            threshold,
            full: self.quote(),
            cap: self.ratio(),
        }
    }

    fn params(&mut self) -> MarketParams {
        let mut ratios: [Ratio; 22] = std::array::from_fn(|_| self.ratio());
        let mut next = ratios.iter_mut().map(|ratio| *ratio);
        let mut take = || next.next().unwrap();
        let terms = MarketParams {
            skew: SkewParams {
                linear_base: take(),
                linear_slope: take(),
                abs_base: take(),
                abs_slope: take(),
                min_k: take(),
                width: take(),
                fixed: take(),
                scale: take(),
            },
            discount: StaticDiscountParams {
                long_base: take(),
                long_multiplier: take(),
                long_add: take(),
                short_base: take(),
                short_multiplier: take(),
                short_add: take(),
            },
            basis: BasisParams {
                up: take(),
                down: take(),
                add: take(),
                multiplier: take(),
            },
            min_delta: MinDeltaParams {
                net: take(),
                hedged: take(),
            },
            confidence: ConfidenceParams {
                threshold: take(),
                factor: take(),
            },
            ..MarketParams::BTC
        };
        MarketParams {
            concentration_delta: self.concentration(),
            concentration_vega: self.concentration(),
            ..terms
        }
    }

    fn expiry(&mut self) -> Expiry {
        let seconds = log_between(&mut self.0, 1.0, 2e8) as i64;
        let svi = Svi {
            a: self.raw(10_000_000_000_000),
            b: self.raw(1_000_000_000_000) as u64,
            rho: self.raw(900_000) as i32,
            m: self.raw(1_000_000) as i32,
            s: self.raw(1_000_000) as u32,
            reference_tenor: self.raw(100_000_000) as u32,
        };
        Expiry {
            time: NOW + self.raw(seconds) % 200_000_000,
            forward_basis: self.raw(400_000_000) as i32,
            rate: self.raw(500_000) as i32,
            svi: (!one_in(&mut self.0, 8)).then_some(svi),
            forward_price: one_in(&mut self.0, 4).then(|| self.price()),
            fixed_forward: if one_in(&mut self.0, 4) {
                self.price()
            } else {
                Price::ZERO
            },
            open_seconds: None,
            confidence: self.ratio(),
        }
    }

    fn position(&mut self, expiries: &[Expiry]) -> QuotedPosition {
        let kinds = [
            Instrument::Perpetual,
            Instrument::Future,
            Instrument::Call,
            Instrument::Put,
        ];
        let instrument = kinds[self.0.bits() as usize % 4];
        let listed = expiries[self.0.bits() as usize % expiries.len()];
        let strike = self.price();
        let mut position = Position::option(
            instrument,
            listed.time,
            strike,
            Quantity::from_raw(self.0.any_signed() >> 10),
        );
        if !instrument.is_option() && !one_in(&mut self.0, 8) {
            position.strike = Price::ZERO;
        }
        if instrument == Instrument::Perpetual {
            position.expiry = 0;
        }
        position.ln_strike = if one_in(&mut self.0, 16) {
            self.0.any_signed()
        } else {
            position.ln_strike
        };
        position.cost = self.quote();
        let volatility = one_in(&mut self.0, 3).then(|| self.raw(3_000_000_000) as u64);
        QuotedPosition {
            position,
            volatility,
        }
    }
}

#[test]
fn nothing_panics_whatever_the_whole_model_is_given() {
    let mut garbage = Garbage(Random(408));
    let (mut accepted, rounds) = (0, 20_000);
    for _ in 0..rounds {
        let set = crate::whole_exact::random_whole_scenarios(&mut garbage.0);
        let table = ScenarioTable::new(&set).unwrap();
        let _ = black_box(table.scaled(garbage.ratio()));
        let expiries: Vec<Expiry> = (0..1 + garbage.0.bits() % 3)
            .map(|_| garbage.expiry())
            .collect();
        let mut legs: Vec<QuotedPosition> = (0..garbage.0.bits() % 6)
            .map(|_| garbage.position(&expiries))
            .collect();
        legs.sort_by_key(|leg| {
            (
                leg.position.expiry,
                leg.position.strike,
                leg.position.instrument,
            )
        });
        let params = garbage.params();
        let _ = black_box((params.validate(), expiries[0].validate()));
        let (spot, perp_price) = (garbage.price(), garbage.price());
        let market = Market {
            perp_price,
            stable_price: one_in(&mut garbage.0, 2).then(|| garbage.price()),
            spot_confidence: garbage.ratio(),
            perp_confidence: garbage.ratio(),
            offset: Quantity::from_raw(garbage.raw(1 << 30)),
            shift: Move {
                spot: garbage.ratio(),
                vol: garbage.ratio(),
            },
            ..Market::new(NOW, spot, table.set().unwrap(), &params, &expiries)
        };
        let mut pnl: ScenarioPnl = [0; MAX_SCENARIOS];
        let mut parts = [Quote::ZERO; 8];
        if let Ok(risk) = scan_market(&market, &legs, &mut pnl) {
            accepted += 1;
            let losses = risk.scan.raw() <= 0 && risk.contingency_initial.raw() >= 0;
            assert!(losses || params.validate().is_err());
            let _ = black_box(leg_contributions(&market, &legs, &risk, &mut parts));
        }
        let any = MarketRisk {
            scan: Quote::from_raw(-1),
            worst_scenario: garbage.0.any() as u8,
            ..MarketRisk::default()
        };
        let _ = black_box(leg_contributions(&market, &legs, &any, &mut parts));
        let _ = black_box(market_greeks(&market, &legs, &mut [], &mut []));
        let shares = IsolatedParams {
            short_share: garbage.ratio(),
            short_floor: garbage.ratio(),
            perp_share: garbage.ratio(),
        };
        let standard = StandardParams {
            initial: shares,
            maintenance: IsolatedParams::MAINTENANCE,
        };
        let _ = black_box((
            standard.validate(),
            standard_market(&market, &legs, &standard),
        ));
        let held = HeldCollateral {
            collateral: Collateral {
                value: garbage.quote(),
                haircut_maintenance: garbage.ratio(),
                haircut_initial: garbage.ratio(),
                confidence: garbage.ratio(),
            },
            underlying: Some(0),
        };
        let book = Book {
            market,
            positions: &legs,
            standard,
            group: one_in(&mut garbage.0, 2).then_some(0),
        };
        let account = Account {
            cash: garbage.quote(),
            terms: AccountTerms {
                quote_price: garbage.price(),
                peg_threshold: garbage.ratio(),
                peg_factor: garbage.ratio(),
                confidence: params.confidence,
            },
            collateral: &[held],
            books: &[book, book],
            groups: &[GroupParams {
                kappa: garbage.ratio(),
                offset_cap: garbage.ratio(),
            }],
        };
        let _ = black_box((
            account.terms.validate(),
            account.terms.in_quote(garbage.quote()),
        ));
        let _ = black_box((
            account.portfolio(&mut [], &mut []),
            account.standard(),
            account.greeks(),
        ));
        if one_in(&mut garbage.0, 64) {
            let _ = black_box(account.distance(Axis::SpotDown, Scope::ALL));
            let blank = QuotedPosition {
                position: Position::perpetual(Quantity::ZERO, Quote::ZERO),
                volatility: None,
            };
            let (mut scratch, mut freed) = ([blank; 8], [Freed::default(); 8]);
            let _ = black_box(account.closing_frees(1, &mut scratch, &mut freed));
        }
    }
    println!("{accepted} of {rounds} accepted");
    assert!(accepted > rounds / 20, "{accepted}");
}
