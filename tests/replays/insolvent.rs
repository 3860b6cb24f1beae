//! What the keepers do with an account that has no equity left: prove it, take it over once the payout is worth it, and have
//! covered what it then still owes.

use anchor_lang::prelude::Pubkey;
use portfolio_margin::event::{BankruptcyResolved, InsolvencyProven, InsolventBid};
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount, Market};
use risk_core::liquidation::{
    plan_insolvent_slice, InsolventOffer, InsolventSlice, Wanted, FRACTION_ONE,
};
use risk_core::Quote;
use sandbox::{NativeReport, Outcome, Trader};

use super::keepers::{is_too_much, Turn, LEAST_BID};
use super::run::Replay;

impl Replay {
    /// Proves, bids, resolves, as far as each is due.
    pub fn act_on_insolvent(&mut self, turn: &Turn, key: &Pubkey) {
        if self.is_bare(key) {
            return self.resolve(key);
        }
        self.prove(key);
        let is_too_much = self.too_much.contains(&[turn.keeper.account, *key]);
        if !is_too_much && self.is_worth_it(turn.order, key) {
            self.bid_insolvent(&turn.keeper, key);
        }
        if self.is_bare(key) {
            self.resolve(key);
        }
    }

    /// Whether an account has nothing left but a quote balance.
    pub fn is_bare(&self, key: &Pubkey) -> bool {
        let (header, positions) = self.scene.world.account(key);
        positions.is_empty() && header.used_collateral().next().is_none()
    }

    /// Tells the clearing house what the account lacks, where it says otherwise.
    fn prove(&mut self, key: &Pubkey) {
        let world = &mut self.scene.world;
        let header: MarginAccount = world.read(key);
        let lacks = (-world.report(key).margin.equity.raw()).max(0) as u64;
        if header.insolvent_at != 0 && header.proven_deficit == lacks {
            return;
        }
        let outcome = world.prove_insolvency(key).ok();
        let proofs = outcome.events::<InsolvencyProven>();
        assert_eq!(proofs.len(), 1);
        assert_eq!(
            proofs[0].deficit, lacks,
            "inv_16: what is proved is what lacks"
        );
        self.tally.insolvent.insert(*key);
    }

    /// What a bid for the whole book would bring now, and the margin of the account.
    fn offer(&self, key: &Pubkey) -> (InsolventSlice, NativeReport) {
        let world = &self.scene.world;
        let house: Clearinghouse = world.read(&world.house);
        let header: MarginAccount = world.read(key);
        let report = world.report(key);
        let elapsed = world.now() - header.insolvent_at;
        let deficit = Quote::from_raw(-report.margin.maintenance_health.raw());
        let offer = InsolventOffer {
            payout: house.liquidation.auction().payout_floor(deficit, elapsed),
            insurance: Quote::from_raw(self.insurance_left(key) as i64),
        };
        let wanted = Wanted {
            fraction: FRACTION_ONE,
            minimum: 0,
        };
        let slice = plan_insolvent_slice(&report.margin, &offer, wanted);
        (slice.expect("a slice"), report)
    }

    /// What the fund may still pay for an account's losses.
    fn insurance_left(&self, key: &Pubkey) -> u64 {
        let world = &self.scene.world;
        let house: Clearinghouse = world.read(&world.house);
        let market = world.loss_market(key);
        let left = market.map_or(u64::MAX, |market| {
            world.read::<Market>(&market).insurance_left()
        });
        left.min(house.insurance)
    }

    /// A keeper takes over a book for a premium over its worth, or, once all is on offer, for nothing.
    fn is_worth_it(&self, order: i64, key: &Pubkey) -> bool {
        let world = &self.scene.world;
        let (slice, report) = self.offer(key);
        let gain = slice.insurance.raw() + slice.debt.raw() + report.margin.equity.raw();
        let share = self.policy.premium * (order + 1);
        let margin = i128::from(report.margin.maintenance_margin().raw());
        let house: Clearinghouse = world.read(&world.house);
        let header: MarginAccount = world.read(key);
        let auction = house.liquidation.auction();
        i128::from(gain) * 1_000_000 >= margin * i128::from(share)
            || auction.is_payout_whole(world.now() - header.insolvent_at)
    }

    fn bid_insolvent(&mut self, keeper: &Trader, key: &Pubkey) {
        let (_, before) = self.offer(key);
        let left = self.insurance_left(key);
        let mut fraction = FRACTION_ONE;
        while fraction >= LEAST_BID {
            let outcome = self.scene.world.bid_insolvent(keeper, key, fraction);
            if outcome.error.is_none() {
                return self.count_insolvent(&outcome, &before, left);
            }
            if !is_too_much(&outcome) {
                return self.refused("bid_insolvent", &outcome);
            }
            fraction /= 2;
        }
        self.too_much.insert([keeper.account, *key]);
    }

    /// INV-16: the fund pays first, and no more than it may; bad debt is what the slice lacks and never more.
    fn count_insolvent(&mut self, outcome: &Outcome, before: &NativeReport, left: u64) {
        let bids = outcome.events::<InsolventBid>();
        let [bid] = &bids[..] else {
            panic!("one event of one bid");
        };
        let equity = i128::from(before.margin.equity.raw());
        let part = |amount: i128| amount * i128::from(bid.fraction) / i128::from(FRACTION_ONE);
        let lacks = part(-equity).max(0);
        assert!(bid.insurance <= left, "inv_16: the fund's cap");
        if bid.debt > 0 {
            assert_eq!(bid.insurance, left, "inv_16: the fund pays first");
            let sum = i128::from(bid.insurance) + i128::from(bid.debt);
            assert!(sum <= lacks, "inv_16: bad debt is no incentive");
        }
        self.tally.insolvent_bids += 1;
        self.tally.deficit += lacks;
        self.tally.fund_for_bids += i128::from(bid.insurance);
    }

    /// INV-16: what is charged is the debt, to the unit, in this order: the fund, the market's profits, quote balances.
    pub fn resolve(&mut self, key: &Pubkey) {
        let world = &self.scene.world;
        let (header, _) = world.account(key);
        if header.cash >= 0 {
            return;
        }
        let debt = header.cash.unsigned_abs();
        let pool = world.loss_market(key);
        let pool = pool.map_or(0, |market| world.read::<Market>(&market).perp_pool);
        let insurance = debt.min(self.insurance_left(key));
        let profits = (debt - insurance).min(pool);
        let outcome = self.scene.world.resolve_bankruptcy(key).ok();
        let resolved = outcome.events::<BankruptcyResolved>();
        let [resolved] = &resolved[..] else {
            panic!("one event of one bankruptcy");
        };
        let charged = resolved.insurance + resolved.profits + resolved.balances;
        assert_eq!(charged, resolved.loss, "inv_16: charged is covered");
        assert_eq!(charged + resolved.uncovered, debt, "inv_16: bad debt");
        assert_eq!(resolved.insurance, insurance, "inv_16: the fund first");
        assert_eq!(resolved.profits, profits, "inv_16: then profits");
        let header: MarginAccount = self.scene.world.read(key);
        assert_eq!(
            header.cash,
            -(resolved.uncovered as i64),
            "inv_16: the rest stays"
        );
        self.tally.bankruptcies += 1;
        self.tally.debt += i128::from(debt);
        self.tally.fund_for_debts += i128::from(resolved.insurance);
        self.tally.profits += i128::from(resolved.profits);
        self.tally.balances += i128::from(resolved.balances);
    }
}
