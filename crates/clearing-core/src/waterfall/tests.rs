//! Properties of the waterfall: who is charged sums to the loss, each source is empty before the next is asked; and profits that
//! share losses settle to the unit, whoever comes when.

#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

extern crate std;

use super::*;

struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Ends of the range, and small ones as likely as large ones.
    fn amount(&mut self) -> u64 {
        match self.bits() % 8 {
            0 => 0,
            1 => u64::MAX,
            _ => self.bits() >> (self.bits() % 64),
        }
    }
}

#[test]
fn inv_16_who_is_charged_sums_to_the_loss_in_order() {
    let mut random = Random(16);
    for _ in 0..100_000 {
        let sources = Sources {
            insurance: random.amount(),
            cap_left: random.amount(),
            pool: random.amount(),
            balances: random.amount(),
        };
        let loss = random.amount();
        let cover = cover(loss, &sources);
        let parts = [
            cover.insurance,
            cover.profits,
            cover.balances,
            cover.uncovered,
        ];
        let sum: u128 = parts.into_iter().map(u128::from).sum();
        assert_eq!(sum, u128::from(loss));
        assert_eq!(cover.sum(), loss - cover.uncovered);
        let fund = sources.insurance.min(sources.cap_left);
        assert!(cover.insurance <= fund);
        assert!(cover.profits <= sources.pool && cover.balances <= sources.balances);
        // nobody is asked before those above have given all
        assert!(cover.profits == 0 || cover.insurance == fund);
        assert!(cover.balances == 0 || cover.profits == sources.pool);
        assert!(cover.uncovered == 0 || cover.balances == sources.balances);
    }
}

#[test]
fn a_profit_without_losses_is_paid_as_far_as_the_pool_goes() {
    let mut random = Random(2);
    for _ in 0..10_000 {
        let (profit, pool) = (random.amount(), random.amount());
        let share = share_profit(profit, pool, 0);
        assert_eq!((share.paid, share.forgiven), (profit.min(pool), 0));
    }
}

#[test]
fn a_share_is_within_profit_pool_and_losses_and_rounds_to_the_losses() {
    let mut random = Random(3);
    for _ in 0..100_000 {
        let (profit, pool, losses) = (random.amount(), random.amount(), random.amount());
        let share = share_profit(profit, pool, losses);
        let whole = u128::from(pool) + u128::from(losses);
        let settled = u128::from(profit).min(whole);
        assert_eq!(u128::from(share.paid) + u128::from(share.forgiven), settled);
        assert!(share.paid <= pool && share.forgiven <= losses);
        // forgiven / settled >= losses / whole, by less than a unit
        let (forgiven, losses) = (u128::from(share.forgiven), u128::from(losses));
        let exact = settled.saturating_mul(losses);
        if exact < u128::MAX {
            assert!(forgiven.saturating_mul(whole) >= exact);
            assert!(forgiven == 0 || (forgiven - 1).saturating_mul(whole) < exact);
        }
    }
}

#[test]
fn profits_that_settle_one_after_the_other_share_a_loss_to_the_unit() {
    let mut random = Random(4);
    for _ in 0..2_000 {
        let mut profits: std::vec::Vec<u64> = (0..1 + random.bits() % 9)
            .map(|_| random.bits() % 1_000_000_000)
            .collect();
        let all: u64 = profits.iter().sum();
        let mut losses = random.bits() % (all + 1);
        let mut pool = all - losses;
        let (pool_at_first, losses_at_first) = (pool, losses);
        let (mut paid, mut forgiven) = (0, 0);
        for profit in &mut profits {
            // in two halves, which must not be better than the whole by more than a unit
            for part in [*profit / 2, *profit - *profit / 2] {
                let share = share_profit(part, pool, losses);
                assert_eq!(share.sum(), part);
                (pool, losses) = (pool - share.paid, losses - share.forgiven);
                (paid, forgiven) = (paid + share.paid, forgiven + share.forgiven);
            }
        }
        assert_eq!((pool, losses), (0, 0));
        assert_eq!((paid, forgiven), (pool_at_first, losses_at_first));
    }
}
