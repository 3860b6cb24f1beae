//! What time brings: samples, final prices, settlements in any order, perpetual PnL against what was paid.

use portfolio_margin_interface::state::{Market as MarketState, PositionRecord};
use sandbox::settlement;
use sandbox::Market;

use super::super::{Plan, Soak};

impl Soak {
    /// Most often settles somebody where an expiry has passed; else a perpetual, a sample, a final price.
    pub fn settle(&mut self) -> Plan {
        match self.random.range(0, 10) {
            0..=5 => self.settle_expiry(),
            6 | 7 => self.settle_perp(),
            8 => self.record(),
            _ => self.finalize(),
        }
    }

    /// A market and one of its expiries, one that has passed where there is one.
    fn passed(&mut self) -> (Market, i64) {
        let now = self.world.now();
        let mut found = Vec::new();
        for underlying in &self.markets {
            let market: &MarketState = self.last.state(&underlying.market.key);
            let passed = market
                .expiries
                .iter()
                .filter(|s| s.time != 0 && s.time <= now);
            let open = passed.filter(|slot| slot.settlement.records > 0);
            found.extend(open.map(|slot| (underlying.market, slot.time)));
        }
        match found.is_empty() {
            false => self.random.pick(&found),
            true => {
                let market = self.underlying().market;
                let listed = self.world.expiries(&market);
                (market, self.random.pick(&listed))
            }
        }
    }

    fn settle_expiry(&mut self) -> Plan {
        let (market, expiry) = self.passed();
        let holds = |key: &&sandbox::Trader| {
            let held = &self.last.books[&key.account].positions;
            held.iter()
                .any(|r| (r.market, r.expiry) == (market.index, expiry))
        };
        let holders: Vec<_> = self.cast.iter().filter(holds).copied().collect();
        let trader = match holders.is_empty() || self.random.one_in(30) {
            true => self.trader(),
            false => self.random.pick(&holders),
        };
        // writing the price moves what minutes without a sample were marked at: a step of its own, so that settling moves nothing
        if self.world.settlement(&market, expiry).price == 0 {
            let ix = settlement::finalize_settlement(&market, expiry);
            return Plan::new("finalize", ix);
        }
        let ix = settlement::settle_expiry(&trader.account, &market, expiry);
        Plan::new("settle expiry", ix)
    }

    fn settle_perp(&mut self) -> Plan {
        let (mut market, mut trader) = (self.underlying().market, self.trader());
        // first of all for whoever has closed his position and waits for his PnL
        let waits = |r: &PositionRecord| r.expiry == 0 && r.quantity == 0;
        let waiting = self.cast.iter().find_map(|trader| {
            let held = &self.last.books[&trader.account].positions;
            Some((*trader, held.iter().find(|r| waits(r))?.market))
        });
        if let (Some((found, index)), true) = (waiting, self.random.one_in(2)) {
            let listed = self.world.market(&found.house, index);
            (market, trader) = (listed.expect("a market"), found);
        }
        // of losses to share its owner says so, most often
        let ix = match self.random.one_in(10) {
            true => settlement::settle_perp_pnl(&trader.account, &market),
            false => self.world.settle_perp_pnl_ix(&trader, &market),
        };
        Plan::new("settle perpetual", ix)
    }

    /// Covers what a bankrupt account owes, where there is one; now and then without the markets, or of an account that is none.
    pub fn resolve(&mut self) -> Option<Plan> {
        let is_bankrupt = |trader: &&sandbox::Trader| {
            let book = &self.last.books[&trader.account];
            let held = book.header.used_collateral().count();
            let is_closed = book.positions.iter().all(|record| record.quantity == 0);
            let equity = self.last.reports[&trader.account].margin.equity.raw();
            is_closed && held == 0 && equity < 0
        };
        let found = self.cast.iter().find(is_bankrupt).copied();
        let trader = match found {
            Some(trader) => trader,
            None if self.random.one_in(60) => self.trader(),
            None => return None,
        };
        let mut ix = self.world.resolve_bankruptcy_ix(&trader.account);
        if self.random.one_in(8) {
            ix.accounts.truncate(3);
        }
        Some(Plan::new("resolve", ix))
    }

    fn record(&mut self) -> Plan {
        let (mut market, mut expiry) = self.passed();
        let now = self.world.now();
        for underlying in &self.markets {
            let mut listed = self.world.expiries(&underlying.market).into_iter();
            if let Some(time) = listed.find(|time| (*time - 1_800..*time + 600).contains(&now)) {
                (market, expiry) = (underlying.market, time);
            }
        }
        Plan::new("record", settlement::record_settlement(&market, expiry))
    }

    fn finalize(&mut self) -> Plan {
        let (market, expiry) = self.passed();
        Plan::new("finalize", settlement::finalize_settlement(&market, expiry))
    }

    /// Whether any expiry is in its averaging window, or has just left it.
    pub fn is_averaging(&self) -> bool {
        let now = self.world.now();
        let window = |time: &i64| (*time - 1_800..*time + 60).contains(&now);
        let market = &self.markets[0].market;
        self.world.expiries(market).iter().any(window)
    }

    /// The crank of a quiet house: shows the price of the moment to every average that takes it.
    pub fn sample(&mut self) {
        let now = self.world.now();
        for underlying in self.markets.clone() {
            for expiry in self.world.expiries(&underlying.market) {
                if (expiry - 1_800..expiry + 900).contains(&now) {
                    let ix = settlement::record_settlement(&underlying.market, expiry);
                    self.world.send(&[ix], &[]); // refused where there is one already, or a doubt
                }
            }
        }
    }
}
