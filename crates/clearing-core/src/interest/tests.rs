//! Properties of interest: the curve, steps, and that no sequence of changes credits more than it charges.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::*;

const CURVE: Curve = Curve {
    base: 10_000,
    kink_rate: 80_000,
    full: 1_000_000,
    kink: 800_000,
};

const START: Interest = Interest {
    debt_index: INDEX_ONE,
    balance_index: INDEX_ONE,
    balance_fraction: 0,
    updated_at: 1_760_000_000,
    debts: 0,
    balances: 0,
    house_due: 0,
};

struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.bits() % n
    }
}

#[test]
fn the_curve_passes_its_three_points_and_rises_between() {
    assert!(CURVE.is_valid());
    for (used, rate) in [
        (0, 10_000),
        (400_000, 45_000),
        (800_000, 80_000),
        (900_000, 540_000),
        (1_000_000, 1_000_000),
        (u32::MAX, 1_000_000),
    ] {
        assert_eq!(CURVE.rate_ceil(used), rate, "{used}");
    }
    // rounded up
    assert_eq!(CURVE.rate_ceil(1), 10_001);
    let mut last = 0;
    for used in (0..=1_000_000).step_by(997) {
        let rate = CURVE.rate_ceil(used);
        assert!(rate >= last);
        last = rate;
    }
}

#[test]
fn curves_that_fall_or_have_no_kink_are_refused() {
    let none = Curve {
        base: 0,
        kink_rate: 0,
        full: 0,
        kink: 0,
    };
    assert!(none.is_valid());
    assert_eq!(none.rate_ceil(1_000_000), 0);
    let bad = [
        Curve { kink: 0, ..CURVE },
        Curve {
            kink: 1_000_000,
            ..CURVE
        },
        Curve {
            base: 80_001,
            ..CURVE
        },
        Curve {
            kink_rate: 1_000_001,
            ..CURVE
        },
        Curve {
            full: 1_000_001,
            ..CURVE
        },
    ];
    for curve in bad {
        assert!(!curve.is_valid(), "{curve:?}");
    }
}

#[test]
fn a_year_at_a_rate_compounds_debts_and_not_balances() {
    // 500 of 1,000 lent at a flat 10 %, a tenth of it for the house
    let flat = Curve {
        base: 100_000,
        kink_rate: 100_000,
        full: 100_000,
        kink: 500_000,
    };
    let start = Interest {
        debts: 500_000_000,
        balances: 1_000_000_000,
        ..START
    };
    let year = start.at(&flat, 100_000, START.updated_at + YEAR as i64);
    // exp(0.1) = 1.105170918075647624811...
    let above = year.debt_index - 1_105_170_918_075;
    assert!((1..=13).contains(&above), "13 steps, each up: {above}");
    // 0.1 x 0.5 x 0.9
    assert_eq!(year.balance_index, 1_044_999_999_999, "down");
    assert_eq!(year.house_due, 4_999_989, "13 steps, some down");
    assert_eq!(year.charge_ceil(500_000_000, INDEX_ONE), 52_585_460);
    assert_eq!(year.credit_floor(1_000_000_000, INDEX_ONE), 44_999_999);
}

#[test]
fn without_debts_nothing_moves_but_the_time() {
    let start = Interest {
        balances: 1 << 50,
        ..START
    };
    let later = start.at(&CURVE, 0, START.updated_at + 1_000_000);
    let want = Interest {
        updated_at: START.updated_at + 1_000_000,
        ..start
    };
    assert_eq!(later, want);
    // and time never runs backwards
    assert_eq!(later.at(&CURVE, 0, START.updated_at), later);
}

#[test]
fn case_65_one_long_step_is_many_small_ones_within_dust() {
    let mut random = Random(1);
    for _ in 0..200 {
        let balances = 1 + random.below(1 << 50);
        let start = Interest {
            debts: 1 + random.below(balances),
            balances,
            debt_index: INDEX_ONE + random.below(INDEX_ONE),
            balance_index: INDEX_ONE + random.below(INDEX_ONE),
            ..START
        };
        let mut small = start;
        let (mut now, mut steps) = (START.updated_at, 0);
        for _ in 0..300 {
            now += 1 + random.below(5_000) as i64;
            small = small.at(&CURVE, 50_000, now);
            steps += 1;
        }
        let long = start.at(&CURVE, 50_000, now);
        // up by less than 1e-12 a step; the index is below 3.0, so its growth multiplies what was rounded by little
        let charged = small.debt_index - long.debt_index;
        assert!(charged <= 2 * steps, "{charged}");
        let credited = i128::from(long.balance_index) - i128::from(small.balance_index);
        assert!((0..=1).contains(&credited), "{credited}");
        assert!(long.house_due - small.house_due <= steps);
        // never less than a continuous charge: the long step itself is rounded up
        let rate = f64::from(CURVE.rate_ceil(start.utilisation_ceil())) / 1e6;
        let years = (now - START.updated_at) as f64 / YEAR as f64;
        let exact = start.debt_index as f64 * (rate * years).exp();
        assert!((long.debt_index as f64 / exact - 1.0).abs() < 1e-11);
    }
}

#[test]
fn nothing_overflows_in_decades_or_at_the_ends_of_the_types() {
    let full = Interest {
        debts: u64::MAX,
        balances: 0,
        ..START
    };
    let mut state = full;
    for year in 1..=60 {
        state = state.at(&CURVE, 0, START.updated_at + year * YEAR as i64);
        assert!(state.debt_index >= INDEX_ONE);
    }
    assert_eq!(state.debt_index, u64::MAX, "it stops there");
    assert_eq!(state.charge_ceil(u64::MAX, INDEX_ONE), i64::MAX);
    assert_eq!(state.credit_floor(u64::MAX, 0), i64::MAX);
    let sixteen = full.at(&CURVE, 0, START.updated_at + 4 * YEAR as i64);
    let growth = sixteen.debt_index as f64 / INDEX_ONE as f64;
    assert!((growth / 4f64.exp() - 1.0).abs() < 1e-9, "{growth}");
    // longer than four years and a month in one call counts as that
    let ages = full.at(&CURVE, 0, i64::MAX);
    assert_eq!(ages.updated_at, i64::MAX);
    assert!(ages.debt_index > sixteen.debt_index && ages.debt_index < 60 * INDEX_ONE);
    let mut last = Interest {
        balance_index: u64::MAX,
        balance_fraction: u32::MAX,
        ..full
    };
    last = last.at(&CURVE, 0, i64::MAX);
    assert_eq!(
        (last.balance_index, last.balance_start()),
        (u64::MAX, u64::MAX)
    );
}

/// An account of the model: cash, and the index it begins at.
#[derive(Clone, Copy, Default)]
struct Holder {
    cash: i64,
    from: u64,
    due: u64,
}

/// A clearing house of accounts, with a vault that holds what they paid in.
struct House {
    interest: Interest,
    holders: [Holder; 12],
    vault: i64,
    pool: i64,
    share: u32,
}

impl House {
    /// Charges or credits an account up to now.
    fn touch(&mut self, at: usize, now: i64) {
        self.interest = self.interest.at(&CURVE, self.share, now);
        let holder = &mut self.holders[at];
        if holder.cash < 0 {
            let charge = self
                .interest
                .charge_ceil(holder.cash.unsigned_abs(), holder.from);
            holder.cash -= charge;
            self.pool += charge;
        } else {
            let credit = self
                .interest
                .credit_floor(holder.cash.unsigned_abs(), holder.from);
            holder.due += credit as u64;
            // booked at once: it earns from now on
            let booked = holder.due as i64;
            holder.cash += booked;
            self.pool -= booked;
            holder.due = 0;
        }
        self.stamp(at);
    }

    /// Brings the sums and the account's index up to date after a change of its cash.
    fn stamp(&mut self, at: usize) {
        let interest = self.interest;
        let holder = &mut self.holders[at];
        holder.from = match holder.cash < 0 {
            true => interest.debt_index,
            false => interest.balance_start(),
        };
        let debts: i64 = self.holders.iter().map(|h| h.cash.min(0)).sum();
        self.interest.debts = debts.unsigned_abs();
        self.interest.balances = (self.vault - debts - self.pool).max(0).unsigned_abs();
        let positive: i64 = self.holders.iter().map(|h| h.cash.max(0)).sum();
        assert!(self.interest.balances >= positive.unsigned_abs());
        let cash: i64 = self.holders.iter().map(|h| h.cash).sum();
        assert_eq!(cash + self.pool, self.vault, "the ledger, exactly");
    }
}

#[test]
fn no_sequence_credits_more_than_it_charges() {
    for seed in 0..60 {
        let mut random = Random(seed);
        let mut house = House {
            interest: START,
            holders: [Holder::default(); 12],
            vault: 0,
            pool: 0,
            share: [0, 1, 100_000, 999_999, 1_000_000][seed as usize % 5],
        };
        // from dust to billions of dollars
        let most = 10u64.pow(1 + (seed % 15) as u32);
        let mut now = START.updated_at;
        for _ in 0..400 {
            now += match random.below(40) {
                0 => 40 * 86_400,
                n => [0, 1, 60, 86_400][n as usize % 4],
            };
            let (a, b) = (random.below(12) as usize, random.below(12) as usize);
            house.touch(a, now);
            match random.below(3) {
                // in
                0 => {
                    let amount = random.below(most) as i64;
                    house.holders[a].cash += amount;
                    house.vault += amount;
                }
                // out, into debt as far as the vault goes
                1 => {
                    let amount = (random.below(most) as i64).min(house.vault);
                    house.holders[a].cash -= amount;
                    house.vault -= amount;
                }
                _ => {
                    house.touch(b, now);
                    let amount = random.below(most) as i64;
                    house.holders[a].cash -= amount;
                    house.holders[b].cash += amount;
                    house.stamp(b);
                }
            }
            house.stamp(a);
        }
        // WHEN everybody is charged and credited THEN the house can pay what it is due, and nothing is missing
        now += 1_000;
        for at in 0..12 {
            house.touch(at, now);
        }
        let due = house.interest.house_due as i64;
        assert!(house.pool >= due, "seed {seed}: {} of {due}", house.pool);
    }
}

#[test]
fn a_balance_that_begins_between_two_units_is_not_credited_the_first() {
    let state = Interest {
        balance_fraction: 1,
        ..START
    };
    assert_eq!(state.balance_start(), INDEX_ONE + 1);
    let next = Interest {
        balance_index: INDEX_ONE + 1,
        ..START
    };
    assert_eq!(next.credit_floor(u64::MAX, state.balance_start()), 0);
    // and what begins above the index is not owed by it
    assert_eq!(START.credit_floor(u64::MAX, state.balance_start()), 0);
}
