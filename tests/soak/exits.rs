//! INV-18: what must always work is tried, without being kept, whatever state the soak is in.

use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::{BidArgs, TradeLeg};
use portfolio_margin_interface::state::Clearinghouse;
use risk_core::liquidation::FRACTION_ONE;
use sandbox::{settlement, Outcome, Trader, User};
use solana_instruction::Instruction;

use super::Soak;

impl Soak {
    /// INV-18: "paused or reduce-only always still allows deposit, repay, risk-reducing close and liquidation; with no
    /// liabilities, exit needs no oracle."
    pub fn inv_18_exits(&mut self) {
        let cast = self.cast.clone();
        for trader in &cast {
            self.inv_18_deposit(trader);
            self.inv_18_liquidation(trader);
        }
        self.inv_18_settlement();
        self.inv_18_exit();
        self.inv_18_close();
    }

    /// Runs an instruction on a copy of the machine.
    fn trial(&mut self, mut instruction: Instruction, signers: &[User]) -> Outcome {
        let kept = self.world.svm.clone();
        self.write_house(std::slice::from_mut(&mut instruction));
        let outcome = self.world.send_wide(&[instruction], signers);
        self.world.svm = kept;
        outcome
    }

    fn tried(&mut self, name: &'static str) {
        *self.coverage.probes.entry(name).or_default() += 1;
    }

    /// A deposit of quote works in every state; it is also how a debt is repaid.
    fn inv_18_deposit(&mut self, trader: &Trader) {
        let usdc = self.world.usdc;
        let ix = self.world.deposit_ix(trader, &usdc, 1_000_000);
        self.trial(ix, &[trader.user]).ok();
        self.tried("deposit in any state");
    }

    /// An account that fails can be put into liquidation, one in liquidation is sold or released.
    fn inv_18_liquidation(&mut self, trader: &Trader) {
        let report = self.last.reports[&trader.account].clone();
        let witness = report.witness();
        // a keeper with money: one that fails itself buys nothing
        let keepers = self.cast.iter().filter(|keeper| {
            let margin = &self.last.reports[&keeper.account].margin;
            let idle = margin.equity.raw() / 4;
            !self.is_liquidating(keeper) && idle > 0 && margin.initial_health.raw() > idle
        });
        let Some(keeper) = keepers.max_by_key(|k| self.last.books[&k.account].header.cash) else {
            return;
        };
        let keeper = *keeper;
        let account = trader.account;
        if !self.is_liquidating(trader) {
            if report.margin.maintenance_health.raw() < 0 && self.prices_are_usable(trader) {
                let world = &self.world;
                let ix = world.start_liquidation_ix(&keeper.user, &account, &witness);
                self.trial(ix, &[keeper.user]).ok();
                self.tried("start in any state");
            }
            return;
        }
        let is_own = keeper.user == trader.user;
        if is_own || !self.prices_are_usable(trader) || !self.prices_are_usable(&keeper) {
            return;
        }
        let args = BidArgs {
            witness,
            fraction: FRACTION_ONE / 100,
            minimum: 0,
            price_limit: i64::MAX,
        };
        let ix = self.world.bid_ix(&keeper, &account, args);
        let bid = self.trial(ix, &[keeper.user]);
        let ix = self.world.stop_liquidation_ix(&keeper.user, &account);
        let stop = self.trial(ix, &[keeper.user]);
        // equity is gone: what insurance is for; or the keeper itself has no room for more
        let code = bid.error_code();
        let excused = [
            MarginError::AccountInsolvent,
            MarginError::InitialMarginBreached,
            MarginError::PortfolioMinimum,
            MarginError::CashNegative,
            MarginError::DebtLimit,
            MarginError::SliceTooSmall,
            MarginError::HealthNotImproved,
            MarginError::PositionsFull,
            MarginError::ScopeTooWide,
            MarginError::SurfaceStale, // of what the keeper alone holds: the account's own would be accepted
        ];
        let excused = excused.map(u32::from).into_iter().any(|e| code == Some(e));
        if code == Some(MarginError::AccountInsolvent.into()) {
            self.inv_18_insolvent(trader);
        }
        let works = bid.error.is_none() || stop.error.is_none();
        let log = [bid.logs, stop.logs].concat().join("\n");
        assert!(works || excused, "inv_18: neither bid nor stop: {log}");
        if works {
            self.tried("bid or stop in any state");
        }
    }

    /// Whether every price that a check of the account reads is one that a repair accepts: young, and within 10 %.
    fn prices_are_usable(&self, trader: &Trader) -> bool {
        let scope = self.world.scope(&trader.account);
        let now = self.world.now();
        let house = &trader.house;
        let banks = scope.banks.iter().map(|b| self.world.bank(house, *b).price);
        let markets = scope.markets.iter();
        let markets = markets.filter_map(|m| Some(self.world.market(house, *m)?.price));
        banks.chain(markets).all(|account| {
            let fields = self.world.price(&account);
            let wide = fields.confidence as i128 * 10 > i128::from(fields.price);
            let limit = i64::from(self.world.settings().oracle_max_age);
            let halted = fields.legacy_status == Some(0);
            !wide && !halted && now - fields.publish_time <= limit
        })
    }

    /// Whatever an account without equity holds, its insolvency can be proved.
    fn inv_18_insolvent(&mut self, trader: &Trader) {
        let witness = self.last.reports[&trader.account].witness();
        let ix = self.world.prove_insolvency_ix(&trader.account, &witness);
        self.trial(ix, &[]).ok();
        self.tried("prove in any state");
    }

    /// What has a final price can be settled for every account that holds it, whatever its status and the oracles'.
    fn inv_18_settlement(&mut self) {
        let now = self.world.now();
        for trader in self.cast.clone() {
            let held = &self.last.books[&trader.account].positions;
            let passed = held.iter().find(|r| r.expiry != 0 && r.expiry <= now);
            let Some((market, expiry)) = passed.map(|r| (r.market, r.expiry)) else {
                continue;
            };
            let market = self.world.market(&trader.house, market).expect("a market");
            let finalize = settlement::finalize_settlement(&market, expiry);
            if self.trial(finalize, &[]).error.is_some() {
                continue; // not final yet
            }
            let ix = settlement::settle_expiry(&trader.account, &market, expiry);
            let outcome = self.trial(ix, &[]);
            let paid = outcome.error_code() == Some(MarginError::NothingToSettle.into());
            assert!(
                paid || outcome.error.is_none(),
                "inv_18: {:?}",
                outcome.logs
            );
            self.tried("settle in any state");
        }
    }

    /// An account without positions leaves with everything, whatever the oracles say; but quote tokens wait while withdrawals are
    /// paused.
    fn inv_18_exit(&mut self) {
        let free = |trader: &&Trader| {
            let book = &self.last.books[&trader.account];
            book.positions.is_empty() && book.header.cash >= 0 && !self.is_liquidating(trader)
        };
        let Some(trader) = self.cast.iter().find(free).copied() else {
            return;
        };
        for bank in self.banks.clone() {
            let mut held = self.world.balance(&trader, &bank);
            if bank.is_quote {
                // less what the balance bears of losses and has not been charged yet
                let worth = self.world.cash_value(&trader.account);
                held = held.min(i64::try_from(worth).expect("in range"));
            }
            if held > 0 {
                let ix = self.world.withdraw_ix(&trader, &bank, held as u64);
                let outcome = self.trial(ix, &[trader.user]);
                let limited = outcome.error_code() == Some(MarginError::WithdrawalLimit.into());
                // nobody leaves before a loss that is proved and not covered
                let house: &Clearinghouse = self.last.state(&self.world.house);
                let paused = bank.is_quote && house.proven_insolvency > house.insurance;
                let is_pause = outcome.error_code() == Some(MarginError::WithdrawalsPaused.into());
                assert_eq!(is_pause, paused, "inv_18: {:?}", outcome.logs);
                assert!(
                    limited || paused || outcome.error.is_none(),
                    "inv_18: {:?}",
                    outcome.logs
                );
                self.tried("exit without positions");
            }
        }
    }

    /// Two accounts on opposite sides of a series can close against each other where that reduces the risk of both, also on
    /// doubtful prices and old surfaces.
    fn inv_18_close(&mut self) {
        let [a, b] = self.two();
        let [ours, theirs] = [&a, &b].map(|t| self.last.books[&t.account].positions.clone());
        let now = self.world.now();
        for record in ours.iter().filter(|r| r.expiry == 0 || r.expiry > now) {
            let opposite = theirs.iter().find(|r| r.key() == record.key());
            let other = opposite.map_or(0, |r| r.quantity);
            if record.quantity.signum() * other.signum() >= 0 {
                continue;
            }
            let size = record.quantity.abs().min(other.abs());
            let leg = TradeLeg {
                market: record.market,
                instrument: record.instrument,
                expiry: record.expiry,
                strike: record.strike,
                quantity: -size * record.quantity.signum(),
                price: 1,
            };
            let Some(mark) = self.mark_of(&leg) else {
                continue;
            };
            let leg = TradeLeg {
                price: mark.max(1),
                ..leg
            };
            self.inv_18_close_leg(&a, &b, leg);
            return;
        }
    }

    fn inv_18_close_leg(&mut self, a: &Trader, b: &Trader, leg: TradeLeg) {
        if !self.prices_are_usable(a) || !self.prices_are_usable(b) {
            return;
        }
        if !self.is_reducing(a, &leg, 1) || !self.is_reducing(b, &leg, -1) {
            return;
        }
        let ix = self.world.trade_ix(a, b, &[leg]);
        self.trial(ix, &[a.user, b.user]).ok();
        self.tried("close in any state");
    }
}
