//! Scenario sets, witnesses, groups and the grid itself, of any bits.

use crate::{Bits, Random};
use risk_core::grid::{Discounts, ExpiryGrid, GridOption};
use risk_core::group::{Group, GroupParams};
use risk_core::market::{Expiry, Market};
use risk_core::scan::MarketRisk;
use risk_core::scenario::{Scenario, ScenarioSet, ScenarioTable, VolShock, Witness, MAX_SCENARIOS};
use risk_core::{Price, Quote};
use std::hint::black_box;

const ROUNDS: usize = 150_000;

const KINDS: [VolShock; 5] = [
    VolShock::Up,
    VolShock::None,
    VolShock::Down,
    VolShock::SkewLinear,
    VolShock::SkewAbs,
];

/// Arrays and bounds that no table made.
struct Parts {
    arrays: [Vec<i64>; 3],
    bounds: [u8; 6],
}

impl Parts {
    fn new(bits: &mut Bits) -> Self {
        let count = bits.below(MAX_SCENARIOS + 3);
        let mut array = || (0..count).map(|_| bits.0.any_signed()).collect();
        let arrays = [array(), array(), array()];
        let mut bounds = [0; 6].map(|_| bits.below(count.max(1) + 2) as u8);
        if bits.below(4) > 0 {
            // in order, as most garbage is not
            let [mut a, mut b, mut c] =
                [bounds[0], bounds[1], bounds[2]].map(|x| x.min(count as u8));
            if a > b {
                (a, b) = (b, a);
            }
            if b > c {
                (b, c) = (c, b);
            }
            if a > b {
                (a, b) = (b, a);
            }
            bounds = [
                a,
                b.saturating_add(1),
                b,
                1 + bounds[3] % 8,
                c.max(b + 1),
                count as u8,
            ];
        }
        Self { arrays, bounds }
    }

    fn set(&self) -> Option<ScenarioSet<'_>> {
        let [ln_spot, spot, damping] = &self.arrays;
        ScenarioSet::from_parts(Some(ln_spot), Some(spot), Some(damping), self.bounds).ok()
    }
}

fn option(bits: &mut Bits) -> GridOption {
    GridOption {
        moneyness: bits.0.any_signed(),
        std_dev: [0; 5].map(|_| bits.0.any_signed()),
        forward_weight: bits.0.any_signed(),
        strike_weight: bits.0.any_signed(),
    }
}

#[test]
fn tables_of_any_scenarios() {
    let mut bits = Bits(Random(811));
    let mut made = 0;
    for _ in 0..ROUNDS {
        let mut scenarios: Vec<Scenario> = (0..bits.below(45))
            .map(|_| Scenario {
                vol: KINDS[bits.below(5)],
                spot: bits.0.any() as u32,
                damping: bits.0.any() as u32,
            })
            .collect();
        if bits.below(2) > 0 {
            let clamp = |s: &mut Scenario| {
                s.spot = s.spot.clamp(10_000, 8_000_000);
                s.damping = s.damping.clamp(1, 1_000_000);
                if s.vol.is_skew() {
                    s.spot = 1_000_000;
                }
            };
            scenarios.iter_mut().for_each(clamp);
            scenarios.push(Scenario::new(VolShock::None, 1_000_000));
            scenarios.sort_by_key(|s| (s.vol, s.spot));
            scenarios.dedup_by_key(|s| (s.vol, s.spot));
        }
        if let Ok(table) = ScenarioTable::new(&scenarios) {
            made += 1;
            let _ = black_box(table.scaled(bits.ratio()));
            let regime = risk_core::Ratio::from_raw(1_000_000 + bits.below(3_000_001) as i64);
            assert!(table.scaled(regime).is_ok(), "{scenarios:?}");
            black_box((table.scenario(bits.below(50)), table.bounds()));
        }
    }
    assert!(made > ROUNDS / 10, "{made}");
}

#[test]
fn sets_witnesses_and_groups_of_any_bits() {
    let mut bits = Bits(Random(812));
    let mut sets = 0;
    for _ in 0..ROUNDS {
        let parts = Parts::new(&mut bits);
        let Some(set) = parts.set() else {
            continue;
        };
        sets += 1;
        let params = bits.params();
        for index in 0..set.count() + 3 {
            black_box((set.vol_shock(index), set.spot(index), set.damping(index)));
            let _ = black_box(Witness::new(&set, index).map(|witness| witness.set().is_ok()));
        }
        let named = Witness::named(&set, &params, bits.0.any() as u8);
        let _ = black_box(named.map(|witness| witness.set().is_ok()));
        let none: [Expiry; 0] = [];
        let market = Market::new(bits.0.any_signed(), Price::ZERO, set, &params, &none);
        let _ = black_box(market.check_listing(bits.0.any_signed()));
        let mut group = Group::EMPTY;
        for _ in 0..3 {
            let pnl = [0; MAX_SCENARIOS].map(|_| bits.0.any_signed() >> 8);
            let risk = MarketRisk {
                scan: Quote::from_raw(bits.0.any_signed() >> 8),
                ..MarketRisk::default()
            };
            let _ = black_box(group.add(&market, &risk, &pnl));
        }
        let _ = black_box(group.risk(&GroupParams {
            kappa: bits.ratio(),
            offset_cap: bits.ratio(),
        }));
        black_box((group.factors(), group.cushion()));
    }
    assert!(sets > ROUNDS / 10, "{sets}");
}

#[test]
fn a_grid_of_any_options() {
    let mut bits = Bits(Random(813));
    let mut valued = 0;
    for _ in 0..ROUNDS {
        let parts = Parts::new(&mut bits);
        let Some(set) = parts.set() else {
            continue;
        };
        let mut grid = ExpiryGrid::EMPTY;
        grid.load(&set);
        if bits.below(2) > 0 {
            grid.load_basis(&set, [bits.0.any() as u32, bits.0.any() as u32]);
        }
        if bits.below(2) > 0 {
            grid.split(bits.0.any_signed());
        }
        let _ = black_box(grid.open(bits.0.any()));
        for _ in 0..bits.below(5) {
            grid.add(&option(&mut bits), bits.below(2) > 0);
            black_box((grid.base_forward(), grid.shift()));
        }
        let mut pnl = [0; MAX_SCENARIOS].map(|_: i64| bits.0.any_signed());
        let discounts = Discounts {
            mark: bits.0.any_signed(),
            long: bits.0.any_signed(),
            short: bits.0.any_signed(),
        };
        let value = black_box(grid.close(&discounts, &mut pnl));
        valued += usize::from(value.mark != 0);
        // the grid is empty after it, whatever was in it
        assert_eq!(grid.close(&discounts, &mut pnl).mark, 0);
    }
    assert!(valued > ROUNDS / 20, "{valued}");
}
