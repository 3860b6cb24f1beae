//! What a bid brings after everything that it costs, and when an auction will have made it enough. Whole numbers throughout.
//!
//! `profit = reward - fund share - value of the fees`; the reward is the discount on what the slice is worth. Fees are lamports,
//! valued at the price of a SOL and rounded up: a doubt counts against acting.

use risk_core::auction::AuctionTerms;

/// Lamports of a SOL.
pub const LAMPORTS_PER_SOL: u64 = 1_000_000_000;
/// Lamports of each signature of a transaction.
pub const BASE_FEE: u64 = 5_000;
/// 1.0 of a share.
const ONE: i64 = 1_000_000;

/// What a transaction pays, in lamports: its signatures, and its price per compute unit (micro-lamports) times its limit of units,
/// rounded up as the runtime does.
pub fn fee_ceil(signatures: u64, unit_price: u64, unit_limit: u32) -> u64 {
    let micro = u128::from(unit_price).saturating_mul(unit_limit.into());
    let priority = u64::try_from(micro.div_ceil(1_000_000)).unwrap_or(u64::MAX);
    signatures.saturating_mul(BASE_FEE).saturating_add(priority)
}

/// What lamports are worth at a price of a SOL in 1e-6 USD; 1e-6 USD, rounded up.
pub fn value_of_lamports_ceil(lamports: u64, sol_price: i64) -> i64 {
    let price = u128::from(sol_price.max(0).unsigned_abs());
    let value = u128::from(lamports)
        .saturating_mul(price)
        .div_ceil(LAMPORTS_PER_SOL.into());
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// What a bid comes to, 1e-6 USD each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Profit {
    /// What the slice is worth beyond its price, or what is paid for it.
    pub reward: i64,
    /// What of that the insurance fund takes.
    pub fund_share: i64,
    /// What all transactions cost.
    pub fees: i64,
}

impl Profit {
    /// What is left.
    pub fn net(&self) -> i64 {
        self.reward
            .saturating_sub(self.fund_share)
            .saturating_sub(self.fees)
    }

    /// The least reward that leaves `least` after the fund's share (of 1e-6) and fees, rounded up.
    pub fn least_reward_ceil(least: i64, fees: i64, fund_share: i64) -> i64 {
        let wanted = i128::from(least.saturating_add(fees).max(0));
        let kept = i128::from(ONE.saturating_sub(fund_share).max(1)); // at most half is the fund's
        let reward = wanted
            .saturating_mul(ONE.into())
            .saturating_add(kept.saturating_sub(1))
            .div_euclid(kept);
        i64::try_from(reward).unwrap_or(i64::MAX)
    }
}

/// An auction of a book, as far as waiting for its discount goes.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    /// What all of the book is worth that is for sale, 1e-6 USD: equity less what is reserved.
    pub for_sale: i64,
    /// The part that would be taken, of 1e9.
    pub fraction: u64,
    /// Whether the account is above maintenance, where the discount stays in its fast phase.
    pub is_maintained: bool,
    /// Seconds since the auction began.
    pub elapsed: i64,
}

impl Offer {
    /// The reward at a discount (1e-6), rounded down.
    fn reward_floor(&self, discount: i64) -> i64 {
        let part = i128::from(self.for_sale.max(0))
            .saturating_mul(self.fraction.into())
            .div_euclid(1_000_000_000);
        let reward = part.saturating_mul(discount.into()).div_euclid(ONE.into());
        i64::try_from(reward).unwrap_or(i64::MAX)
    }

    /// Seconds until the discount makes the reward at least `least`: zero where it does now, `None` where it never will.
    ///
    /// The fraction is taken to stay what it is, though a larger discount needs a larger one: what is found is never too early by
    /// more than that, and the plan is made anew then. The discount never falls with time, so halving finds the first second.
    pub fn wait_for(&self, least: i64, auction: &AuctionTerms) -> Option<i64> {
        let is_enough = |seconds: i64| {
            let elapsed = self.elapsed.saturating_add(seconds);
            let discount = auction.discount_floor(elapsed, self.is_maintained).raw();
            self.reward_floor(discount) >= least
        };
        let longest = auction
            .fast_seconds
            .saturating_add(auction.slow_seconds)
            .max(0);
        if !is_enough(longest) {
            return None;
        }
        let (mut early, mut late) = (-1, longest);
        while late.saturating_sub(early) > 1 {
            let middle = early.saturating_add(late).div_euclid(2);
            match is_enough(middle) {
                true => late = middle,
                false => early = middle,
            }
        }
        Some(late)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use risk_core::liquidation::{plan_slice, LiquidationTerms, Wanted};
    use risk_core::margin::MarginReport;
    use risk_core::{Quote, Ratio};

    /// From 5 % to 30 % in 15 minutes, to all in 4 hours more.
    const AUCTION: AuctionTerms = AuctionTerms {
        discount_start: Ratio::from_raw(50_000),
        discount_fast: Ratio::from_raw(300_000),
        fast_seconds: 900,
        slow_seconds: 14_400,
        insolvent_seconds: 3_600,
    };

    /// The worked example of the operators' guide, to the unit.
    #[test]
    fn an_account_that_lacks_a_fifth_of_its_requirement_brings_51_dollars() {
        let usd = |dollars: i64| Quote::from_raw(dollars * 1_000_000);
        let report = MarginReport {
            equity: usd(4_000),
            cash: usd(4_000),
            maintenance_health: usd(-1_000),
            ..MarginReport::default()
        };
        let terms = LiquidationTerms {
            discount: Ratio::from_raw(50_000),
            buffer: Ratio::from_raw(100_000),
            legs_fee: Ratio::from_raw(5_000),
            fund_share: Ratio::from_raw(100_000),
        };
        let all = Wanted::at_most(1_000_000_000);
        let plan = plan_slice(&report, &terms, Quote::ZERO, all).unwrap();
        assert_eq!(plan.fraction, 283_018_867);
        assert_eq!(plan.price.raw(), 1_075_471_695);
        let offer = Offer {
            for_sale: 4_000_000_000,
            fraction: plan.fraction,
            is_maintained: false,
            elapsed: 0,
        };
        let profit = Profit {
            reward: offer.reward_floor(50_000),
            fund_share: plan.fund_fee.raw(),
            fees: value_of_lamports_ceil(fee_ceil(1, 0, 400_000), 200_000_000),
        };
        assert_eq!(
            (profit.reward, profit.fund_share, profit.fees),
            (56_603_773, 5_660_377, 1_000)
        );
        assert_eq!(profit.net(), 50_942_396);
        // who wants 150 USD waits until the discount is 15 %: six minutes
        let wanted = Profit::least_reward_ceil(150_000_000, profit.fees, 100_000);
        assert_eq!(wanted, 166_667_778);
        assert_eq!(offer.wait_for(wanted, &AUCTION), Some(351));
    }

    #[test]
    fn fees_round_up_and_never_wrap() {
        assert_eq!(fee_ceil(1, 0, 400_000), 5_000);
        assert_eq!(fee_ceil(1, 1_000, 400_000), 5_400);
        assert_eq!(fee_ceil(2, 1, 1), 10_001);
        assert_eq!(fee_ceil(u64::MAX, u64::MAX, u32::MAX), u64::MAX);
        // 5,400 lamports at 200 USD: 0.00108 USD
        assert_eq!(value_of_lamports_ceil(5_400, 200_000_000), 1_080);
        assert_eq!(value_of_lamports_ceil(1, 200_000_000), 1);
        assert_eq!(value_of_lamports_ceil(0, 200_000_000), 0);
        assert_eq!(value_of_lamports_ceil(9, -1), 0);
        assert_eq!(value_of_lamports_ceil(u64::MAX, i64::MAX), i64::MAX);
    }

    #[test]
    fn profit_is_what_the_fund_and_the_cluster_leave() {
        let profit = Profit {
            reward: 50_000_000,
            fund_share: 5_000_000,
            fees: 1_080,
        };
        assert_eq!(profit.net(), 44_998_920);
        let dear = Profit {
            fees: i64::MAX,
            ..profit
        };
        assert!(dear.net() < 0);
    }

    #[test]
    fn the_least_reward_is_the_first_that_is_enough() {
        for (least, fees, share) in [
            (1_000_000, 1_080, 100_000),
            (0, 0, 0),
            (1, 0, 500_000),
            (7, 3, 333_333),
        ] {
            let reward = Profit::least_reward_ceil(least, fees, share);
            let net = |reward: i64| {
                let fund_share = (i128::from(reward) * i128::from(share) / 1_000_000) as i64;
                let profit = Profit {
                    reward,
                    fund_share,
                    fees,
                };
                profit.net()
            };
            assert!(net(reward) >= least, "{least} {fees} {share}");
            assert!(
                reward == 0 || net(reward - 2) < least,
                "{least} {fees} {share}"
            );
        }
        assert_eq!(Profit::least_reward_ceil(i64::MAX, 1, 0), i64::MAX);
    }

    #[test]
    fn waiting_ends_at_the_first_second_that_pays_enough() {
        let offer = Offer {
            for_sale: 1_000_000_000,
            fraction: 500_000_000,
            is_maintained: false,
            elapsed: 0,
        };
        // 500 USD for sale: 5 % are 25 USD
        assert_eq!(offer.wait_for(25_000_000, &AUCTION), Some(0));
        assert_eq!(offer.wait_for(i64::MIN, &AUCTION), Some(0));
        // 100 USD are 20 %, which is 9 minutes in
        assert_eq!(offer.wait_for(100_000_000, &AUCTION), Some(540));
        let later = Offer {
            elapsed: 500,
            ..offer
        };
        assert_eq!(later.wait_for(100_000_000, &AUCTION), Some(40));
        assert_eq!(
            Offer {
                elapsed: 541,
                ..offer
            }
            .wait_for(100_000_000, &AUCTION),
            Some(0)
        );
        // all of it, at the very end; one unit more never
        assert_eq!(offer.wait_for(500_000_000, &AUCTION), Some(15_300));
        assert_eq!(offer.wait_for(500_000_001, &AUCTION), None);
    }

    #[test]
    fn above_maintenance_the_discount_ends_at_the_fast_phase() {
        let offer = Offer {
            for_sale: 1_000_000_000,
            fraction: 1_000_000_000,
            is_maintained: true,
            elapsed: 0,
        };
        assert_eq!(offer.wait_for(300_000_000, &AUCTION), Some(900));
        assert_eq!(offer.wait_for(300_000_001, &AUCTION), None);
    }
}
