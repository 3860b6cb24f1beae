//! Random accounts: several markets, up to 32 positions, expiries from past to two years, sizes from one native unit to the
//! limit, everything that the model has terms for.

use crate::params::{params, ratio, scenarios};
use crate::random::Random;
use risk_core::account::{Account, Book, HeldCollateral};
use risk_core::group::GroupParams;
use risk_core::margin::Collateral;
use risk_core::market::{Expiry, Market, MarketParams};
use risk_core::params::{AccountTerms, ConfidenceParams};
use risk_core::position::{Instrument, Position, QuotedPosition};
use risk_core::scenario::{Scenario, ScenarioTable, VolShock};
use risk_core::svi::Svi;
use risk_core::tier::StandardParams;
use risk_core::{Price, Quantity, Quote, Ratio};

pub const NOW: i64 = 1_760_000_000;
const YEAR: f64 = 31_536_000.0;

/// One market of a drawn account.
#[derive(Clone, Debug)]
pub struct DrawnBook {
    pub spot: i64,
    pub perp_price: i64,
    pub stable_price: Option<i64>,
    pub spot_confidence: Ratio,
    pub perp_confidence: Ratio,
    pub offset: i64,
    pub params: MarketParams,
    pub scenarios: Vec<Scenario>,
    pub table: ScenarioTable,
    pub expiries: Vec<Expiry>,
    pub positions: Vec<QuotedPosition>,
    pub group: Option<usize>,
}

/// A drawn account.
#[derive(Clone, Debug)]
pub struct Drawn {
    pub cash: Quote,
    pub terms: AccountTerms,
    pub collateral: Vec<HeldCollateral>,
    pub books: Vec<DrawnBook>,
    pub groups: Vec<GroupParams>,
}

fn price(raw: i64) -> Price {
    Price::from_raw(raw.unsigned_abs())
}

impl DrawnBook {
    pub fn book(&self) -> Book<'_, QuotedPosition, Expiry> {
        let set = self.table.set().unwrap();
        let market = Market::new(NOW, price(self.spot), set, &self.params, &self.expiries);
        Book {
            market: Market {
                perp_price: price(self.perp_price),
                stable_price: self.stable_price.map(price),
                spot_confidence: self.spot_confidence,
                perp_confidence: self.perp_confidence,
                offset: Quantity::from_raw(self.offset),
                ..market
            },
            positions: &self.positions,
            standard: StandardParams::MAJOR,
            group: self.group,
        }
    }
}

impl Drawn {
    /// Calls `use_it` with the account as the engine takes it.
    pub fn with<R>(&self, use_it: impl FnOnce(&Account<'_, QuotedPosition, Expiry>) -> R) -> R {
        let books: Vec<_> = self.books.iter().map(DrawnBook::book).collect();
        use_it(&Account {
            cash: self.cash,
            terms: self.terms,
            collateral: &self.collateral,
            books: &books,
            groups: &self.groups,
        })
    }

    pub fn any(random: &mut Random) -> Self {
        let markets = [1, 1, 1, 2, 2, 3][random.below(6)];
        let mut legs = random.below(33);
        let gross = size_of_account(random);
        let mut books = Vec::new();
        for left in (1..=markets).rev() {
            let held = if left == 1 {
                legs
            } else {
                random.below(legs + 1)
            };
            legs -= held;
            books.push(book(random, held, gross / markets as f64));
        }
        let mut groups = Vec::new();
        if markets > 1 && random.one_in(2) {
            groups.push(GroupParams {
                kappa: ratio(random.with_ends(0.0, 1.0)),
                offset_cap: ratio(random.with_ends(0.0, 1.0)),
            });
            let shape = books[0].scenarios.clone();
            for book in &mut books {
                book.group = Some(0);
                book.scenarios = of_shape(random, &shape);
                book.table = ScenarioTable::new(&book.scenarios).unwrap();
            }
        }
        let held = random.below(3);
        Self {
            cash: Quote::from_raw((gross * 1e6 * random.between(-1.0, 1.0)) as i64),
            terms: terms(random),
            collateral: (0..held).map(|_| collateral(random, gross)).collect(),
            books,
            groups,
        }
    }
}

/// A set that may stand in a group with `shape`: the same kinds in the same order, one time in three with other dampings.
fn of_shape(random: &mut Random, shape: &[Scenario]) -> Vec<Scenario> {
    let mut set = shape.to_vec();
    if random.one_in(3) {
        let is_base = |node: &Scenario| node.vol == VolShock::None && node.spot == 1_000_000;
        for node in set.iter_mut().filter(|node| !is_base(node)) {
            node.damping = (random.with_ends(1e-6, 1.0) * 1e6) as u32;
        }
    }
    set
}

/// Gross notional to aim at, USD: cents to the limit of what can be opened, and a little beyond.
fn size_of_account(random: &mut Random) -> f64 {
    match random.below(10) {
        0 => random.log_between(1e-6, 1e-2),
        1 => random.log_between(1e8, 3e10),
        _ => random.log_between(1.0, 1e8),
    }
}

fn terms(random: &mut Random) -> AccountTerms {
    let mut terms = AccountTerms::MAJOR;
    terms.quote_price = price((random.with_ends(0.9, 1.02) * 1e8) as i64);
    if random.one_in(3) {
        terms = AccountTerms {
            quote_price: price((random.log_between(0.01, 100.0) * 1e8) as i64),
            peg_threshold: ratio(random.with_ends(0.0, 2.0)),
            peg_factor: ratio(random.with_ends(0.0, 100.0)),
            confidence: ConfidenceParams {
                threshold: ratio(random.with_ends(0.0, 1.0)),
                factor: ratio(random.with_ends(0.0, 2.0)),
            },
        };
    }
    terms.validate().unwrap();
    terms
}

fn collateral(random: &mut Random, gross: f64) -> HeldCollateral {
    HeldCollateral {
        collateral: Collateral {
            value: Quote::from_raw((gross * 1e6 * random.log_between(1e-3, 3.0)) as i64),
            haircut_maintenance: ratio(random.with_ends(0.0, 0.5)),
            haircut_initial: ratio(random.with_ends(0.0, 0.5)),
            confidence: ratio(random.with_ends(0.0, 1.0)),
        },
        underlying: None,
    }
}

fn book(random: &mut Random, legs: usize, gross: f64) -> DrawnBook {
    let spot = (random.log_between(1e-3, 2e5) * 1e8) as i64;
    let near = |random: &mut Random, least: f64, most: f64| {
        ((spot as f64 * random.between(least, most)) as i64).max(1)
    };
    let scenarios = scenarios(random);
    let mut book = DrawnBook {
        spot,
        perp_price: near(random, 0.9, 1.1),
        stable_price: random.one_in(2).then(|| near(random, 0.5, 2.0)),
        spot_confidence: ratio(random.with_ends(0.3, 1.0)),
        perp_confidence: ratio(random.with_ends(0.0, 1.0)),
        offset: 0,
        params: params(random, gross),
        table: ScenarioTable::new(&scenarios).unwrap(),
        scenarios,
        expiries: Vec::new(),
        positions: Vec::new(),
        group: None,
    };
    for _ in 0..1 + random.below(5) {
        let listed = expiry(random, spot);
        if book.expiries.iter().all(|other| other.time != listed.time) {
            book.expiries.push(listed);
        }
    }
    let unit = gross / legs.max(1) as f64 * 1e14 / spot as f64;
    if random.one_in(6) {
        book.offset = (unit * random.log_between(1e-3, 4.0)) as i64;
    }
    // nothing but long options one time in eight
    let long_only = random.one_in(8);
    if long_only {
        book.offset = 0;
    }
    for _ in 0..legs {
        let leg = leg(random, &book, unit, long_only);
        book.positions.push(leg);
    }
    sort(&mut book.positions);
    book
}

/// Sorts and keeps one position per series.
fn sort(positions: &mut Vec<QuotedPosition>) {
    let series = |leg: &QuotedPosition| {
        let leg = &leg.position;
        (leg.expiry, leg.strike, leg.instrument)
    };
    positions.sort_by_key(series);
    positions.dedup_by_key(|leg| series(leg));
}

fn expiry(random: &mut Random, spot: i64) -> Expiry {
    let seconds = match random.below(12) {
        0 => -(random.below(3_000) as i64),
        1 => 0,
        2 | 3 => 1 + random.below(1_800) as i64,
        _ => random.log_between(1.0, 2.0 * YEAR) as i64,
    };
    let mut expiry = Expiry {
        time: NOW + seconds,
        forward_basis: (random.with_ends(-0.3, 0.3) * 1e9) as i32,
        rate: (random.with_ends(-0.2, 0.5) * 1e6) as i32,
        svi: Some(smile(random, seconds)),
        confidence: ratio(random.with_ends(0.0, 1.0)),
        ..Expiry::PLAIN
    };
    if random.one_in(3) {
        let explicit = (spot as f64 * random.log_between(0.3, 3.0)) as u64;
        expiry.forward_price = Some(Price::from_raw(explicit.max(2)));
    }
    if seconds <= 1_800 && random.one_in(2) {
        let live = expiry.forward(price(spot)).unwrap().raw() as f64;
        let share = random.with_ends(0.001, 0.999);
        expiry.fixed_forward = Price::from_raw(((live * share) as u64).max(1));
    }
    expiry.validate().unwrap();
    expiry
}

/// Flat, or any valid raw SVI near a volatility of 5 % to 400 %.
fn smile(random: &mut Random, seconds: i64) -> Svi {
    let vol = random.log_between(0.05, 4.0);
    let reference = seconds.max(60) + random.below(86_400) as i64;
    let variance = (vol * vol * reference as f64 / YEAR).max(2e-8);
    let flat = Svi {
        a: (variance * 1e12) as i64,
        b: 0,
        rho: 0,
        m: 0,
        s: 100_000,
        reference_tenor: reference as u32,
    };
    if random.one_in(4) {
        return flat;
    }
    let s = random.log_between(1e-3, 1.0);
    let turn = random.with_ends(0.05, 1.5) * variance;
    let b = turn / s;
    let rho = random.with_ends(-0.95, 0.95);
    let curved = Svi {
        a: ((variance - turn) * 1e12) as i64,
        b: (b * 1e12) as u64,
        rho: (rho * 1e6) as i32,
        m: (random.between(-0.3, 0.3) * 1e6) as i32,
        s: (s * 1e6) as u32,
        reference_tenor: flat.reference_tenor,
    };
    let listed = Expiry {
        svi: Some(curved),
        ..Expiry::PLAIN
    };
    match listed.validate() {
        Ok(()) => curved,
        Err(_) => flat,
    }
}

fn leg(random: &mut Random, book: &DrawnBook, unit: f64, long_only: bool) -> QuotedPosition {
    let quantity = match random.below(12) {
        0 => 1.0,
        1 => unit * random.log_between(1e-6, 1e-2),
        _ => unit * random.log_between(0.02, 2.0),
    };
    let sign = if long_only || random.one_in(2) { 1 } else { -1 };
    let quantity = Quantity::from_raw((quantity as i64).clamp(1, 1 << 52) * sign);
    let cost = |at: i64, random: &mut Random| {
        let paid = quantity.raw() as f64 * at as f64 * 1e-8;
        Quote::from_raw((paid * random.between(0.5, 1.5)) as i64)
    };
    let kind = if long_only { 9 } else { random.below(10) };
    let listed = book.expiries[random.below(book.expiries.len())];
    let mut volatility = None;
    let position = match kind {
        0 => Position::perpetual(quantity, cost(book.perp_price, random)),
        1 => Position::future(listed.time, quantity, cost(book.spot, random)),
        _ => {
            if random.one_in(5) {
                let percent = random.with_ends(0.0, 3.0);
                volatility = Some((percent * 1e9) as u64);
            }
            let instrument = [Instrument::Call, Instrument::Put][random.below(2)];
            Position::option(
                instrument,
                listed.time,
                strike(random, book, &listed),
                quantity,
            )
        }
    };
    QuotedPosition {
        position,
        volatility,
    }
}

/// Shared with another leg, at the money, within three standard deviations, or anywhere up to `exp(+-9)` of the spot.
fn strike(random: &mut Random, book: &DrawnBook, listed: &Expiry) -> Price {
    let forward = listed.forward(price(book.spot)).unwrap().raw() as f64;
    let same = |leg: &&QuotedPosition| {
        leg.position.expiry == listed.time && leg.position.instrument.is_option()
    };
    let shared = book.positions.iter().rfind(same);
    if let Some(leg) = shared.filter(|_| random.one_in(3)) {
        return leg.position.strike;
    }
    let seconds = (listed.time - NOW).max(0) as f64;
    let svi = listed.svi.unwrap();
    let variance = svi.a as f64 / 1e12 + svi.b as f64 * f64::from(svi.s) / 1e18;
    let std_dev = (variance * seconds / f64::from(svi.reference_tenor)).sqrt();
    let k = match random.below(10) {
        0 => 0.0,
        1 => random.between(-9.0, 9.0),
        2 => random.between(-0.5, 0.5),
        _ => random.between(-3.0, 3.0) * std_dev,
    };
    let strike = (forward * k.clamp(-9.0, 9.0).exp()).round();
    Price::from_raw(strike.clamp(1.0, 9e15) as u64)
}
