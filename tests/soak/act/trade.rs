//! Trades: near the mark, off it, undoing what is held, and there and back.

use portfolio_margin_interface::args::{HealthKind, TradeLeg};
use portfolio_margin_interface::state::{MarginAccount, PositionRecord};
use risk_core::tier::Tier;
use sandbox::native::evaluate;
use sandbox::{call, future, lifecycle, perpetual, put, Market, Scope, Trader, BASE};

use super::super::{Plan, Soak};
use support::record;

impl Soak {
    /// What one unit is worth by the engine, 1e-8 USD; `None` where it cannot be said.
    pub fn mark_of(&self, leg: &TradeLeg) -> Option<u64> {
        let market = self.markets.iter().map(|u| u.market);
        let market = market.into_iter().find(|m| m.index == leg.market)?;
        let unit = record(&market, (leg.instrument, leg.expiry, leg.strike), BASE, 0);
        let mut header: MarginAccount = bytemuck::Zeroable::zeroed();
        (header.clearinghouse, header.tier) = (self.world.house, Tier::Portfolio as u8);
        let scope = Scope::of(&header, &[unit]);
        let inputs = self.world.inputs(&self.world.house, &scope);
        let report = evaluate(&header, &[unit], &inputs).ok()?;
        Some(report.margin.mark.raw().max(0) as u64 * 100)
    }

    /// A leg of any series, some ten thousand dollars of it, priced about its mark.
    fn leg(&mut self) -> TradeLeg {
        let underlying = self.underlying();
        let market = underlying.market;
        let spot = self.world.spot(&market.price).raw();
        let quantity =
            underlying.size * self.random.range(-100, 101) / 100 + self.random.range(-9, 10);
        let leg = if self.random.one_in(3) {
            perpetual(&market, quantity, spot)
        } else {
            let expiry = self.expiry(&market);
            if self.random.one_in(5) {
                future(&market, expiry, quantity, spot)
            } else {
                let strike = underlying.start / 20 * self.random.pick(&[15, 18, 20, 22, 26]);
                let option = if self.random.one_in(2) { call } else { put };
                option(&market, expiry, strike, quantity / 2, spot / 50)
            }
        };
        self.priced(leg)
    }

    /// A listed expiry, now and then one that has passed.
    fn expiry(&mut self, market: &Market) -> i64 {
        let (listed, now) = (self.world.expiries(market), self.world.now());
        let ahead: Vec<i64> = listed.iter().copied().filter(|time| *time > now).collect();
        match ahead.is_empty() || self.random.one_in(40) {
            true => self.random.pick(&listed),
            false => self.random.pick(&ahead),
        }
    }

    /// The leg at its mark, give or take; now and then far off.
    fn priced(&mut self, leg: TradeLeg) -> TradeLeg {
        let mark = self.mark_of(&leg).unwrap_or(leg.price) as i64;
        let reach = if self.random.one_in(12) { 5_000 } else { 100 };
        let price = mark * (10_000 + self.random.range(-reach, reach + 1)) / 10_000;
        TradeLeg {
            price: price.max(1) as u64,
            ..leg
        }
    }

    /// A leg that undoes a record, or part of it.
    fn undoing(&mut self, record: &PositionRecord) -> TradeLeg {
        let part = self.random.pick(&[1, 1, 1, 2, 3]);
        let quantity = match record.quantity / part {
            0 => record.quantity,
            quantity => quantity,
        };
        let leg = self.undoing_all(record);
        TradeLeg {
            quantity: -quantity,
            ..leg
        }
    }

    /// A leg that undoes a whole record.
    fn undoing_all(&mut self, record: &PositionRecord) -> TradeLeg {
        let leg = TradeLeg {
            market: record.market,
            instrument: record.instrument,
            expiry: record.expiry,
            strike: record.strike,
            quantity: -record.quantity,
            price: 1,
        };
        self.priced(leg)
    }

    /// Legs between two accounts; a third of the time the taker undoes something.
    pub fn legs(&mut self, taker: &Trader) -> Vec<TradeLeg> {
        let held = &self.last.books[&taker.account].positions;
        let held: Vec<_> = held.iter().filter(|r| r.quantity != 0).copied().collect();
        // the fuller the book, the more it undoes
        let full = held.len() as i64 * 2 / 3;
        let leaves = self.is_visitor(taker) && !held.is_empty();
        if leaves {
            let record = self.random.pick(&held);
            return vec![self.undoing_all(&record)];
        }
        if !held.is_empty() && (self.random.one_in(3) || self.random.range(0, 24) < full) {
            let record = self.random.pick(&held);
            return vec![self.undoing(&record)];
        }
        (0..self.random.range(1, 4)).map(|_| self.leg()).collect()
    }

    pub fn trade(&mut self) -> Plan {
        let [taker, maker] = self.two();
        let legs = self.legs(&taker);
        let ix = self.world.trade_ix(&taker, &maker, &legs);
        Plan::new("trade", self.delegated(ix, &[taker, maker]))
    }

    /// A trade followed by what its taker insists on: his health, and that nothing came between.
    pub fn guarded_trade(&mut self) -> Plan {
        let [taker, maker] = self.two();
        let legs = self.legs(&taker);
        let ix = self.world.trade_ix(&taker, &maker, &legs);
        let mut plan = Plan::new("guarded trade", ix);
        let sequence = self.last.books[&taker.account].header.sequence;
        let late = u64::from(self.random.one_in(8));
        let (least, most) = (sequence + late, sequence + 2);
        let guard = lifecycle::assert_sequence(&taker.account, least, most);
        plan.instructions.insert(0, guard);
        let health = self.last.reports[&taker.account].margin.maintenance_health;
        let least = health.raw() - self.random.range(-5, 50) * 1_000_000_000;
        let scope = self.world.scope(&taker.account).with_legs(&legs);
        let metas = self.world.metas(&taker.house, &scope);
        let kind = HealthKind::Maintenance;
        let guard = lifecycle::assert_health(&taker.house, &taker.account, (kind, least), metas);
        plan.instructions.push(guard);
        plan
    }

    /// A trade and its reverse at the same prices, in one transaction.
    pub fn round_trip(&mut self) -> Plan {
        let [taker, maker] = self.two();
        let legs = self.legs(&taker);
        let mut back = legs.clone();
        back.iter_mut().for_each(|leg| leg.quantity = -leg.quantity);
        let there = self.world.trade_ix(&taker, &maker, &legs);
        let mut plan = Plan::new("round trip", there);
        let mut back = self.world.trade_ix(&taker, &maker, &back);
        // the second check covers what the first trade brought
        back.accounts = plan.instructions[0].accounts.clone();
        plan.instructions.push(back);
        plan
    }
}
