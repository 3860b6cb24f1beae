//! The same books without portfolio margin: every position a small account of its own, with its share of the account's equity.
//!
//! The model, which is the friendliest that such a venue can be:
//! - A long option is paid in full from the account's equity, needs no more, and is never liquidated.
//! - What equity is left is split over the other positions in proportion to their isolated initial margins, once, at the
//!   beginning; collateral in SOL is split with it, and its part moves with SOL.
//! - A position is liquidated, whole, when its part of the equity falls below its isolated maintenance margin: at the prices of the
//!   moment in which the first keeper would have acted, at the mark, without a fee or a discount, by somebody with any capital.
//! - What a position lacks then is the venue's loss: the positions next to it do not pay for it.
//!
//! An account whose equity is below the sum of its isolated initial margins could not have been opened on such a venue. Both answers
//! are computed: the same equity all the same, with positions that may fail at the first look, and the equity that is asked for.

use anchor_lang::prelude::Pubkey;
use portfolio_margin_interface::state::{Market as MarketState, PositionRecord};
use risk_core::isolated::{isolated_margin, IsolatedParams};
use risk_core::position::PositionSource;
use risk_core::unit_mark::UnitMarks;
use sandbox::World;

use super::books::{market_of, Scene};

/// One position on its own.
#[derive(Clone, Debug)]
struct Part {
    account: usize,
    record: PositionRecord,
    /// Its part of equity less its value, when it began, 1e-6 USD.
    base: i128,
    /// Its SOL, 1e-9.
    sol: i128,
    /// When it is liquidated, Unix time.
    due: Option<i64>,
    is_done: bool,
}

/// What the accounts bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Equity {
    /// What they have.
    Same,
    /// The isolated initial margins, where they have less.
    ToppedUp,
}

impl Equity {
    pub const BOTH: [Self; 2] = [Self::Same, Self::ToppedUp];
}

/// All books.
#[derive(Clone, Debug, Default)]
pub struct Isolated {
    parts: Vec<Part>,
    delay: i64,
    /// Accounts that lost at least one position.
    pub accounts: std::collections::BTreeSet<usize>,
    /// Positions that were liquidated.
    pub positions: usize,
    /// What positions lacked, 1e-6 USD.
    pub deficit: i128,
    /// Accounts whose equity does not reach their isolated initial margins.
    pub unaffordable: usize,
    /// What they would have had to bring, 1e-6 USD.
    pub missing: i128,
}

/// What a position is worth and needs: value and margin, 1e-6 USD.
fn measure(world: &World, record: &PositionRecord, params: &IsolatedParams) -> (i128, i128) {
    let market = market_of(world, record.market);
    let state: MarketState = world.read(&market.key);
    let (terms, scenarios) = (state.params(), state.scenarios.set().expect("a set"));
    let engine = state.input(world.now(), world.spot(&market.price), scenarios, &terms);
    let position = record.position();
    let unit = UnitMarks::new(&engine).of(&position).expect("a mark").raw();
    let value = i128::from(record.quantity) * i128::from(unit) / 100_000_000;
    let margin = isolated_margin(&engine, &[position], params).expect("a margin");
    (value - i128::from(record.cost), margin.raw().into())
}

/// SOL in 1e-6 USD.
fn sol_value(world: &World, amount: i128) -> i128 {
    amount * i128::from(world.spot(&world.sol.price).raw()) / 100_000_000_000
}

fn is_paid(record: &PositionRecord) -> bool {
    record.strike != 0 && record.quantity > 0
}

impl Isolated {
    /// Splits the accounts of a scene.
    pub fn new(scene: &Scene, delay: i64, equity: Equity) -> Self {
        let mut isolated = Self {
            delay,
            ..Self::default()
        };
        for (number, trader) in scene.cast.iter().enumerate() {
            isolated.split(&scene.world, number, &trader.account, equity);
        }
        isolated
    }

    fn split(&mut self, world: &World, account: usize, key: &Pubkey, brings: Equity) {
        let (header, positions) = world.account(key);
        let sol: u64 = header.used_collateral().map(|held| held.amount).sum();
        let equity = i128::from(world.report(key).margin.equity.raw());
        let measured = positions
            .iter()
            .map(|record| (record, measure(world, record, &IsolatedParams::INITIAL)));
        let (paid, rest): (Vec<_>, Vec<_>) = measured.partition(|(record, _)| is_paid(record));
        let mut free = equity - paid.iter().map(|(_, (value, _))| value).sum::<i128>();
        let needed: i128 = rest.iter().map(|(_, (_, margin))| margin).sum();
        if free < needed {
            self.unaffordable += 1;
            self.missing += needed - free;
            if brings == Equity::ToppedUp {
                free = needed;
            }
        }
        for (record, (value, margin)) in rest {
            let part = free * margin / needed.max(1);
            let coins = i128::from(sol) * margin / needed.max(1);
            self.parts.push(Part {
                account,
                record: *record,
                base: part - value - sol_value(world, coins),
                sol: coins,
                due: None,
                is_done: false,
            });
        }
    }

    /// Looks at all positions at the prices of the moment, which stand for `step` seconds.
    pub fn look(&mut self, world: &World, step: i64) {
        let now = world.now();
        for part in self.parts.iter_mut().filter(|part| !part.is_done) {
            let (value, margin) = measure(world, &part.record, &IsolatedParams::MAINTENANCE);
            let equity = part.base + value + sol_value(world, part.sol);
            if equity < margin && part.due.is_none() {
                part.due = Some(now + self.delay);
            }
            if part.due.is_some_and(|due| due < now + step) {
                part.is_done = true;
                self.accounts.insert(part.account);
                self.positions += 1;
                self.deficit += (-equity).max(0);
            }
        }
    }
}
