//! Accounting: vaults against claims, series against each other, profit against loss. All exact to the native unit but where
//! the engine values positions, which rounds against the accounts.

use std::collections::BTreeMap;

use portfolio_margin_interface::state::{Clearinghouse, CollateralBank, Market};

use super::snapshot::{Book, Snapshot};
use sandbox::Bank;

use super::{Plan, Soak};

impl Soak {
    /// Keeps account of what the invariants need beside the state: tokens sent to vaults unasked, records settled.
    pub fn note(&mut self, plan: &Plan, before: &Snapshot) {
        for bank in &self.banks {
            let came = |state: &Snapshot| i128::from(state.tokens[&bank.vault].amount);
            if plan.name == "donate" {
                let sum = self.donations.entry(bank.vault).or_default();
                *sum += came(&self.last) - came(before);
            }
        }
        if plan.name == "settle expiry" {
            let records = |state: &Snapshot| -> i128 {
                let counts = state.books.values().map(|b| b.positions.len() as i128);
                counts.sum()
            };
            self.settled += records(before) - records(&self.last) + 1;
        }
    }

    fn donated(&self, bank: &Bank) -> i128 {
        self.donations.get(&bank.vault).copied().unwrap_or(0)
    }

    /// What the house keeps of the quote asset beside the accounts' cash: insurance, fees, what losers have paid and winners
    /// have not got, interest.
    fn kept(&self, state: &Snapshot) -> i128 {
        let house: &Clearinghouse = state.state(&self.world.house);
        let markets = self.markets.iter().map(|u| {
            let market: &Market = state.state(&u.market.key);
            i128::from(market.fees) + pools(market)
        });
        i128::from(house.insurance)
            + i128::from(house.fees)
            + i128::from(house.interest.pool)
            + markets.sum::<i128>()
    }

    /// INV-01: "tokens in a vault >= what it owes: balances + insurance + fees; equal up to stated dust. Quote: sum of cash +
    /// insurance + fees == vault, exactly."
    pub fn inv_01_ledger(&self, plan: &Plan) {
        let state = &self.last;
        let cash = state
            .books
            .values()
            .map(|book| i128::from(book.header.cash));
        let cash: i128 = cash.sum();
        for bank in &self.banks {
            let record: &CollateralBank = state.state(&bank.key);
            let claims: i128 = match record.is_quote {
                1 => cash + self.kept(state),
                _ => {
                    let held = state.books.values();
                    held.map(|book| i128::from(book.header.collateral_of(bank.index)))
                        .sum()
                }
            };
            let owed = i128::from(record.total_deposits);
            assert_eq!(owed, claims, "inv_01: {} bank {}", plan.name, bank.index);
            let vault = i128::from(state.tokens[&bank.vault].amount);
            let owed = owed + self.donated(bank);
            assert_eq!(vault, owed, "inv_01: {} vault {}", plan.name, bank.index);
        }
    }

    /// INV-02: "per market and series, signed quantities sum to zero; open interest counters agree."
    ///
    /// A series sums to zero until its expiry is settled. What the perpetual cost all accounts is what its losers have paid and
    /// its winners have not got, and what these will forgive.
    pub fn inv_02_series(&self, plan: &Plan) {
        let mut sums: BTreeMap<_, i128> = BTreeMap::new();
        let mut longs: BTreeMap<(u16, i64), [u64; 2]> = BTreeMap::new();
        let mut costs: BTreeMap<u16, i128> = BTreeMap::new();
        for record in self.last.books.values().flat_map(|book| &book.positions) {
            *sums.entry(record.key()).or_default() += i128::from(record.quantity);
            let open = longs.entry((record.market, record.expiry)).or_default();
            open[0] += record.quantity.max(0) as u64;
            open[1] += 1;
            if record.expiry == 0 {
                *costs.entry(record.market).or_default() += i128::from(record.cost);
            }
        }
        for underlying in &self.markets {
            let market: &Market = self.last.state(&underlying.market.key);
            let open = longs.remove(&(market.index, 0)).unwrap_or_default();
            assert_eq!(market.perp_open, open[0], "inv_02: {}", plan.name);
            let cost = costs.remove(&market.index).unwrap_or_default();
            let unpaid = i128::from(market.perp_pool) + i128::from(market.perp_loss);
            assert_eq!(cost + unpaid, 0, "inv_02: {}", plan.name);
            for slot in market.expiries.iter().filter(|slot| slot.time != 0) {
                let open = longs.remove(&(market.index, slot.time)).unwrap_or_default();
                let counted = [slot.settlement.open, slot.settlement.records.into()];
                assert_eq!(counted, open, "inv_02: {} {}", plan.name, slot.time);
                if slot.settlement.price != 0 {
                    sums.retain(|series, _| (series.0, series.1) != (market.index, slot.time));
                }
            }
        }
        assert!(longs.is_empty(), "inv_02: {longs:?} are not listed");
        for (series, sum) in sums {
            assert_eq!(sum, 0, "inv_02: {} {series:?}", plan.name);
        }
    }

    /// INV-03: "realised + unrealised PnL over all accounts == -(fees + socialised loss); rounding goes to the protocol."
    ///
    /// Of what came in from wallets, whatever is not in cash and marks is with the house. Nothing here is paid: what is paid is
    /// exact (inv_01); only the valuation of each position may be wrong by less than a unit.
    pub fn inv_03_pnl(&self, plan: &Plan) {
        self.inv_03_pnl_now(plan.name);
    }

    pub fn inv_03_pnl_now(&self, what: &str) {
        let state = &self.last;
        let came_in = self.supply - self.quote_in_wallets(state) - self.donated(&self.world.usdc);
        let worth = |key, book: &Book| {
            let mark = state.reports[key].margin.mark.raw();
            i128::from(book.header.cash) + i128::from(mark)
        };
        let worth: i128 = state.books.iter().map(|(key, book)| worth(key, book)).sum();
        let house: &Clearinghouse = state.state(&self.world.house);
        let markets = self.markets.iter();
        let fees: i128 = markets
            .map(|u| i128::from(state.state::<Market>(&u.market.key).fees))
            .sum();
        let fees = fees
            + i128::from(house.fees)
            + i128::from(house.insurance)
            + i128::from(house.interest.pool);
        // profits still count what their owners will forgive
        let shared: i128 = self
            .markets
            .iter()
            .map(|u| i128::from(state.state::<Market>(&u.market.key).perp_loss))
            .sum();
        let missing = came_in - fees - worth + shared;
        let dust = self.dust();
        assert!(
            missing.abs() <= dust,
            "inv_03: {what}: {came_in} came in, accounts are worth {worth}, fees {fees}: {missing}"
        );
    }

    /// INV-03 for interest: what all balances are still to receive, less what they will be charged for losses, is no more than what
    /// debtors have paid or owe, and what is left covers the house's share.
    pub fn inv_03_interest(&self, plan: &Plan) {
        let state = &self.last;
        let house: &Clearinghouse = state.state(&self.world.house);
        let interest = house.interest.at(self.world.now());
        let pending = state.books.values().map(|book| {
            i128::from(interest.value_floor(&book.header)) - i128::from(book.header.cash)
        });
        let pending: i128 = pending.sum();
        let left = i128::from(interest.pool) - pending - i128::from(interest.house_due);
        assert!(left >= 0, "inv_03: {}: interest lacks {left}", plan.name);
        let debts = state
            .books
            .values()
            .map(|b| -i128::from(b.header.cash.min(0)));
        let debts: i128 = debts.sum();
        assert_eq!(i128::from(interest.debts), debts, "inv_03: {}", plan.name);
    }

    /// INV-16: "loss order: account, insurance, socialised; charged == bad debt." What balances are charged is never less than what they
    /// bear, and proofs are those of the accounts.
    pub fn inv_16_losses(&self, plan: &Plan, before: &Snapshot) {
        let state = &self.last;
        let of_markets = |state: &Snapshot| {
            let markets = self.markets.iter();
            let held = markets.map(|u| state.state::<Market>(&u.market.key).quote_held());
            held.map(|sum| sum.expect("in range")).sum::<u64>()
        };
        let [was, is]: [&Clearinghouse; 2] =
            [before, state].map(|state| state.state(&self.world.house));
        let headers: Vec<_> = state.books.values().map(|book| book.header).collect();
        support::assert_losses(is, &headers, of_markets(state));
        let borne = is.socialised - was.socialised;
        assert!(
            borne == 0 || plan.name == "resolve",
            "inv_16: {} cost balances {borne}",
            plan.name
        );
        if plan.name == "resolve" {
            self.inv_16_resolved(before, [was, is]);
        }
    }

    /// What the account owed and owes no more is what the fund, profits and balances bear, each empty before the next is asked.
    fn inv_16_resolved(&self, before: &Snapshot, [was, is]: [&Clearinghouse; 2]) {
        let changed = before.changed_books(&self.last);
        assert_eq!(changed.len(), 1, "inv_16: one account is resolved");
        let interest = was.interest.at(self.world.now());
        let owed = |state: &Snapshot| -> i128 {
            let header = &state.books[&changed[0]].header;
            -i128::from(interest.value_floor(header))
        };
        let insurance = i128::from(was.insurance) - i128::from(is.insurance);
        let balances = i128::from(is.socialised) - i128::from(was.socialised);
        let mut profits = 0;
        for underlying in &self.markets {
            let states = [before, &self.last].map(|s| s.state::<Market>(&underlying.market.key));
            let [old, new] = states.map(|market| i128::from(market.perp_loss));
            let [pool, left] = states.map(|market| i128::from(market.perp_pool));
            assert_eq!(new - old, pool - left, "inv_16: profits");
            assert!(balances == 0 || new == old || left == 0, "inv_16: order");
            profits += new - old;
        }
        let left = -i128::from(self.last.books[&changed[0]].header.cash);
        assert_eq!(
            owed(before) - left,
            insurance + profits + balances,
            "inv_16"
        );
        assert!(insurance + profits + balances > 0, "inv_16");
        let equity = self.last.reports[&changed[0]].margin.equity.raw();
        assert!(equity <= 0, "inv_16: an account was given {equity}");
    }

    /// Counts what bears losses.
    pub fn probe_losses(&mut self, before: &Snapshot) {
        let socialised =
            |state: &Snapshot| state.state::<Clearinghouse>(&self.world.house).socialised;
        let shared = |state: &Snapshot| {
            let markets = self.markets.iter();
            let losses = markets.map(|u| state.state::<Market>(&u.market.key).perp_loss);
            losses.sum::<u64>()
        };
        let seen = [
            (
                "inv_16 balances bear a loss",
                socialised(&self.last) > socialised(before),
            ),
            (
                "inv_16 profits bear a loss",
                shared(&self.last) > shared(before),
            ),
            (
                "inv_16 a winner forgives",
                shared(&self.last) < shared(before),
            ),
        ];
        for (name, _) in seen.into_iter().filter(|(_, seen)| *seen) {
            *self.coverage.probes.entry(name).or_default() += 1;
        }
    }

    /// INV-05: "funding sums to <= 0 over users." In every market the marks of all accounts, with what each has paid or
    /// received in funding, sum to what losers have paid and winners have not got: never to more.
    pub fn inv_05_marks(&mut self, plan: &Plan) {
        let now = self.world.now();
        let paying = self.markets.iter().filter(|u| {
            let market: &Market = self.last.state(&u.market.key);
            market.funding.index_at(now) != 0 && market.perp_open > 0
        });
        if paying.count() > 0 {
            *self
                .coverage
                .probes
                .entry("inv_05 with funding")
                .or_default() += 1;
        }
        for underlying in &self.markets {
            let index = underlying.market.index;
            let market: &Market = self.last.state(&underlying.market.key);
            let reports = self.last.reports.values();
            let markets = reports.flat_map(|report| &report.markets);
            let marks = markets.filter(|shown| shown.market == index);
            let sum: i128 = marks.map(|shown| i128::from(shown.risk.mark.raw())).sum();
            // profits still count what their owners will forgive
            let missing = pools(market) + i128::from(market.perp_loss) - sum;
            let dust = self.dust();
            assert!(
                missing.abs() <= dust,
                "inv_05: {}: market {index} is worth {missing} less than was paid",
                plan.name
            );
        }
    }

    /// What the valuation of all positions may be wrong by: half a unit each, and the engine's own error on their notional.
    fn dust(&self) -> i128 {
        let books = self.last.books.values();
        let positions: usize = books.map(|book| book.positions.len()).sum();
        let reports = self.last.reports.values();
        let gross: i128 = reports
            .map(|r| i128::from(r.margin.gross_notional.raw()))
            .sum();
        positions as i128 + (gross >> 36) + self.settled
    }
}

/// What losers of a market have paid and winners have not received.
fn pools(market: &Market) -> i128 {
    let settled = market.expiries.iter();
    let settled: i128 = settled.map(|slot| i128::from(slot.settlement.pool)).sum();
    settled + i128::from(market.perp_pool)
}
