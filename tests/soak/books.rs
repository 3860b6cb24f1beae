//! Laws of the requirement, on the books that the soak has made and on books made of them.

use std::collections::BTreeMap;

use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::state::{CollateralBalance, PositionRecord};
use risk_core::margin::MarginReport;
use risk_core::tier::Tier;
use sandbox::native::{evaluate, Inputs};
use sandbox::{Scope, Trader};

use super::snapshot::Book;
use super::Soak;

impl Soak {
    /// What the engine says of a book that nobody holds.
    fn what_if(&self, book: &Book) -> MarginReport {
        margin_of(book, &self.inputs_of(book))
    }

    fn inputs_of(&self, book: &Book) -> Inputs {
        let scope = Scope::of(&book.header, &book.positions);
        self.world.inputs(&book.header.clearinghouse, &scope)
    }

    /// The same by the model alone. What profits are to forgive is no risk: it is a share of them up to what a market's losses are,
    /// so that of a larger book it is less.
    fn modelled(&self, book: &Book) -> MarginReport {
        let mut inputs = self.inputs_of(book);
        for (market, _) in inputs.markets.iter_mut() {
            market.perp_loss = 0;
        }
        margin_of(book, &inputs)
    }

    /// A book of the moment.
    fn any_book(&mut self) -> Book {
        let trader = match self.random.one_in(4) {
            true => self.keeper(),
            false => self.trader(),
        };
        self.last.books[&trader.account].clone()
    }

    /// Whether a leg at its price reduces the risk of an account on the side of that sign, also after the highest fee that
    /// either side may be asked for.
    pub fn is_reducing(&self, trader: &Trader, leg: &TradeLeg, sign: i64) -> bool {
        let book = &self.last.books[&trader.account];
        let mut after = book.clone();
        let quantity = leg.quantity * sign;
        let paid = (i128::from(leg.quantity) * i128::from(leg.price) / 100_000_000) as i64 * sign;
        let series = (leg.market, leg.expiry, leg.strike, leg.instrument);
        for record in after.positions.iter_mut().filter(|r| r.key() == series) {
            record.quantity += quantity;
            if leg.strike == 0 {
                record.cost += paid;
            }
        }
        if leg.strike > 0 {
            after.header.cash -= paid;
        }
        let market = self.markets.iter().find(|u| u.market.index == leg.market);
        let spot = market.map_or(0, |u| self.world.spot(&u.market.price).raw());
        let notional = leg.quantity.unsigned_abs() as u128 * u128::from(spot.max(leg.price));
        after.header.cash -= (notional / 100_000_000 * 500 / 1_000_000) as i64 + 1;
        if after.header.cash < 0 {
            return false; // it cannot be paid
        }
        after.positions.retain(|r| r.quantity != 0 || r.cost != 0);
        self.what_if(&after).reduces_risk_of(&self.what_if(book))
    }

    fn probed(&mut self, name: &'static str) {
        *self.coverage.probes.entry(name).or_default() += 1;
    }

    /// INV-08: "more cash never lowers health; scaling a book by k scales its requirement (to rounding); merging two accounts
    /// never needs more than their sum, beyond the stated contingencies."
    pub fn inv_08_books(&mut self) {
        let book = self.any_book();
        self.inv_08_more_cash(&book);
        let mut book = book;
        book.header.tier = Tier::Portfolio as u8;
        self.inv_08_scaled(&book);
        let mut other = self.any_book();
        other.header.tier = Tier::Portfolio as u8;
        self.inv_08_merged(&book, &other);
        if !book.positions.is_empty() && !other.positions.is_empty() {
            self.probed("inv_08");
        }
    }

    fn inv_08_more_cash(&mut self, book: &Book) {
        let before = self.modelled(book);
        let mut richer = book.clone();
        richer.header.cash += self.random.range(1, 1_000_000_000_000);
        let after = self.modelled(&richer);
        let rises = after.initial_health > before.initial_health
            && after.maintenance_health > before.maintenance_health;
        assert!(rises, "inv_08: more cash: {before:?} -> {after:?}");
    }

    /// Concentration is charged progressively: it is stated apart, and left out on both sides.
    fn inv_08_scaled(&mut self, book: &Book) {
        let k = self.random.pick(&[2, 3, 7]);
        let mut scaled = book.clone();
        scaled.header.cash *= k;
        for held in scaled.header.collateral.iter_mut() {
            held.amount *= k as u64;
        }
        for record in scaled.positions.iter_mut() {
            (record.quantity, record.cost) = (record.quantity * k, record.cost * k);
        }
        let [one, many] = [self.modelled(book), self.modelled(&scaled)];
        let [one_cushion, cushion] = [&one, &many].map(|r| r.contingencies.cushion.raw());
        let dust = (k + 1) * rounding(book) + 4 * (k * one_cushion + cushion);
        for (one, many) in requirements(&one).into_iter().zip(requirements(&many)) {
            let error = many - k * one;
            assert!(
                error.abs() <= dust,
                "inv_08: {k} x {one} and {many}: {error}"
            );
        }
    }

    fn inv_08_merged(&mut self, a: &Book, b: &Book) {
        let merged = merge(a, b);
        let [a_report, b_report] = [self.modelled(a), self.modelled(b)];
        let merged = self.modelled(&merged);
        // what the engine's own error on the gross may be
        let cushion = merged.contingencies.cushion.raw();
        let whole = requirements(&merged);
        let parts = requirements(&a_report)
            .into_iter()
            .zip(requirements(&b_report));
        for (whole, (a_part, b_part)) in whole.into_iter().zip(parts) {
            let more = whole - a_part - b_part;
            let dust = rounding(a) + rounding(b) + cushion;
            assert!(more <= dust, "inv_08: merged needs {more} more, of {dust}");
        }
    }

    /// INV-10: "a long-option-only book needs no more than its mark", and what is charged for doubtful, distant or
    /// concentrated inputs and for a quote asset off its peg.
    pub fn inv_10_long_options(&mut self) {
        let mut book = self.any_book();
        book.positions
            .retain(|record| record.strike > 0 && record.quantity > 0);
        book.header.collateral = Default::default();
        (book.header.cash, book.header.tier) = (0, Tier::Portfolio as u8);
        if book.positions.is_empty() {
            return;
        }
        let report = self.modelled(&book);
        let dust = rounding(&book);
        let mark = report.mark.raw();
        let charges = report.contingencies;
        let cushion = charges.cushion.raw();
        let maintenance = report.maintenance_margin().raw();
        let most = mark + cushion + dust;
        assert!(
            maintenance <= most,
            "inv_10: maintenance {maintenance} {report:?}"
        );
        let initial = report.initial_margin().raw();
        let off_peg = (i128::from(mark) * i128::from(report.peg_add.raw()) / 1_000_000) as i64;
        let charged = charges.confidence.raw()
            + charges.stable_price.raw()
            + charges.concentration_delta.raw()
            + charges.concentration_vega.raw();
        let most = most + charged + off_peg;
        assert!(initial <= most, "inv_10: initial {initial} {report:?}");
        self.probed("inv_10");
    }
}

fn margin_of(book: &Book, inputs: &Inputs) -> MarginReport {
    let report = evaluate(&book.header, &book.positions, inputs);
    report.expect("a book that can be evaluated").margin
}

/// Initial and maintenance requirement, without the charge on concentration.
fn requirements(report: &MarginReport) -> [i64; 2] {
    let charges = &report.contingencies;
    let concentrated = charges.concentration_delta.raw() + charges.concentration_vega.raw();
    let equity = report.equity.raw();
    [
        equity - report.initial_health.raw() - concentrated,
        equity - report.maintenance_health.raw(),
    ]
}

/// What rounding may add up to in a book, 1e-6 USD.
fn rounding(book: &Book) -> i64 {
    40 + 20 * book.positions.len() as i64
}

/// Both books in one account.
fn merge(a: &Book, b: &Book) -> Book {
    let mut header = a.header;
    header.cash += b.header.cash;
    let mut banks: BTreeMap<u16, CollateralBalance> = BTreeMap::new();
    let held = a.header.used_collateral().chain(b.header.used_collateral());
    for balance in held {
        let sum = banks.entry(balance.bank).or_insert(CollateralBalance {
            amount: 0,
            ..*balance
        });
        sum.amount += balance.amount;
    }
    header.collateral = Default::default();
    for (slot, balance) in header.collateral.iter_mut().zip(banks.into_values()) {
        *slot = balance;
    }
    let mut records: BTreeMap<_, PositionRecord> = BTreeMap::new();
    for record in a.positions.iter().chain(&b.positions) {
        let sum = records.entry(record.key()).or_insert(PositionRecord {
            quantity: 0,
            cost: 0,
            ..*record
        });
        sum.quantity += record.quantity;
        sum.cost += record.cost;
    }
    let positions = records.into_values().collect();
    Book { header, positions }
}
