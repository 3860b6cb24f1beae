//! Properties of the loss index: whatever is lost, touched, paid in and taken out in between, balances are charged no less than
//! the losses, hardly more, and what is still due is never understated.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

extern crate std;

use std::vec::Vec;

use super::*;

const START: Losses = Losses {
    index: LOSS_INDEX_START,
    due: 0,
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

    /// Small ones as likely as large ones.
    fn amount(&mut self, bits: u64) -> u64 {
        let width = self.below(bits) + 1;
        self.bits() >> (64 - width)
    }
}

/// A clearing house of balances alone.
struct Model {
    losses: Losses,
    /// Recorded balance and the index that it was touched at.
    balances: Vec<(u64, u64)>,
    /// Losses so far, and what balances were charged for them.
    lost: u128,
    charged: u128,
    touches: u128,
}

impl Model {
    fn new(random: &mut Random, accounts: usize, bits: u64) -> Self {
        let balances = (0..accounts).map(|_| (random.amount(bits), LOSS_INDEX_START));
        Self {
            losses: START,
            balances: balances.collect(),
            lost: 0,
            charged: 0,
            touches: 0,
        }
    }

    fn recorded(&self) -> u64 {
        self.balances.iter().map(|(balance, _)| balance).sum()
    }

    fn charge_of(&self, at: usize) -> u64 {
        let (balance, from) = self.balances[at];
        self.losses.charge_ceil(balance, from)
    }

    fn touch(&mut self, at: usize) {
        let charge = self.charge_of(at);
        self.losses = self.losses.charged(charge);
        self.balances[at] = (self.balances[at].0 - charge, self.losses.index);
        self.charged += u128::from(charge);
        self.touches += 1;
    }

    fn lose(&mut self, loss: u64) -> bool {
        let recorded = self.recorded();
        let most = self.losses.most_floor(recorded);
        let spread = self.losses.spread(recorded, loss);
        assert_eq!(spread.is_some(), loss <= most);
        let Some(spread) = spread else { return false };
        assert!(spread.index <= self.losses.index && spread.index >= LOSS_INDEX_LEAST);
        assert!(spread.due >= self.losses.due + loss);
        self.losses = spread;
        self.lost += u128::from(loss);
        true
    }

    fn pending(&self) -> u128 {
        let all = (0..self.balances.len()).map(|at| u128::from(self.charge_of(at)));
        all.sum()
    }

    /// Both laws of the module.
    fn check(&self) {
        let pending = self.pending();
        assert!(
            self.charged + pending >= self.lost,
            "inv_16: {} lost, {} charged",
            self.lost,
            self.charged + pending
        );
        // exact values in 2^-24 of a unit, rounded up, so that the sum is no less than what they are worth
        let exact = self.balances.iter().map(|(balance, from)| {
            let product = u128::from(*balance) * u128::from(self.losses.index);
            (product << 24).div_ceil(u128::from((*from).max(1)))
        });
        let worth: u128 = exact.sum();
        let value = u128::from(self.losses.value_floor(self.recorded())) << 24;
        assert!(value <= worth, "{value} is more than {worth}");
        // what is due covers what will be charged, but for less than a unit of each account
        let rounding = self.balances.len() as u128;
        assert!(u128::from(self.losses.due) + rounding >= pending);
    }
}

#[test]
fn inv_16_balances_are_charged_the_loss_and_hardly_more() {
    let mut random = Random(16);
    for _ in 0..40 {
        let accounts = 1 + random.below(2_000) as usize;
        let mut model = Model::new(&mut random, accounts, 30);
        let mut losses = 0u128;
        for _ in 0..60 {
            let most = model.losses.most_floor(model.recorded());
            let loss = random.below(most / 20 + 2);
            losses += u128::from(model.lose(loss));
            for _ in 0..random.below(20) {
                let at = random.below(accounts as u64) as usize;
                model.touch(at);
                // what comes in after a loss bears none of it, what is worth something can be taken out
                let (balance, from) = model.balances[at];
                let change = random.amount(30);
                let balance = match random.below(2) {
                    0 => balance + change,
                    _ => balance - change.min(balance),
                };
                model.balances[at] = (balance, from);
            }
        }
        model.check();
        (0..accounts).for_each(|at| model.touch(at));
        model.check();
        assert_eq!(model.pending(), 0);
        let excess = model.charged - model.lost;
        // a unit of each touch, and of each loss what the index falls short by: sums here stay below 2e12
        assert!(excess <= 2 * model.touches + 8 * losses, "{excess}");
    }
}

#[test]
fn what_is_due_is_never_understated_down_to_the_lowest_index() {
    let mut random = Random(61);
    for round in 0..400 {
        let accounts = 1 + random.below(12) as usize;
        let bits = 1 + random.below(58);
        let mut model = Model::new(&mut random, accounts, bits);
        for _ in 0..40 {
            let most = model.losses.most_floor(model.recorded());
            let loss = match random.below(4) {
                0 => most,
                1 => most.saturating_add(1),
                2 => random.amount(63),
                _ => random.below(most.max(1)),
            };
            model.lose(loss);
            model.check();
            if random.below(3) > 0 {
                model.touch(random.below(accounts as u64) as usize);
                model.check();
            }
        }
        assert!(model.losses.index >= LOSS_INDEX_LEAST, "{round}");
    }
}

#[test]
fn one_loss_takes_the_same_share_of_every_balance() {
    let losses = START.spread(1_000_000, 250_000).unwrap();
    assert_eq!((losses.index, losses.due), (750_000_000_000, 250_000));
    assert_eq!(losses.charge_ceil(600_000, LOSS_INDEX_START), 150_000);
    assert_eq!(losses.charge_ceil(400_000, LOSS_INDEX_START), 100_000);
    // rounded up, also to the whole of one unit
    assert_eq!(losses.charge_ceil(1, LOSS_INDEX_START), 1);
    assert_eq!(losses.charge_ceil(3, LOSS_INDEX_START), 1);
    assert_eq!(losses.charge_ceil(0, LOSS_INDEX_START), 0);
    // who was touched at this index, or never, owes nothing
    assert_eq!(losses.charge_ceil(600_000, losses.index), 0);
    assert_eq!(losses.charge_ceil(600_000, 0), 0);
    // a second loss of the same share of what is left
    let again = losses.spread(1_000_000, 187_500).unwrap();
    assert_eq!((again.index, again.due), (562_500_000_000, 437_500));
    assert_eq!(again.charge_ceil(600_000, LOSS_INDEX_START), 262_500);
    assert_eq!(again.charge_ceil(450_000, losses.index), 112_500);
}

#[test]
fn a_loss_of_nothing_and_one_unit_above_the_most() {
    assert_eq!(START.spread(1_000, 0), Some(START));
    assert_eq!(START.spread(0, 0), Some(START));
    assert_eq!(START.spread(0, 1), None);
    // a millionth stays: 1,000 units of a billion
    let most = START.most_floor(1_000_000_000);
    assert_eq!(most, 999_999_000);
    assert_eq!(START.spread(1_000_000_000, most + 1), None);
    let left = START.spread(1_000_000_000, most).unwrap();
    assert_eq!((left.index, left.due), (LOSS_INDEX_LEAST, most));
    // below that the index bears nothing, until it is far enough above again: it never is
    assert_eq!(left.most_floor(1_000_000_000), 0);
    assert_eq!(left.most_floor(2_000_000_000), 0);
    assert_eq!(left.spread(2_000_000_000, 1), None);
}

#[test]
fn the_extremes_of_the_types_are_no_panic() {
    let ends = [
        0,
        1,
        2,
        LOSS_INDEX_LEAST,
        LOSS_INDEX_START,
        u64::MAX - 1,
        u64::MAX,
    ];
    for index in ends {
        for due in ends {
            let losses = Losses { index, due };
            for a in ends {
                assert!(losses.most_floor(a) <= a);
                for b in ends {
                    if let Some(spread) = losses.spread(a, b) {
                        assert!(spread.index <= index);
                    }
                    assert!(losses.charge_ceil(a, b) <= a);
                    assert!(losses.charged(a).due <= due);
                }
            }
        }
    }
}
