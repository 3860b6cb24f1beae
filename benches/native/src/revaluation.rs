//! A keeper's sweep over a million accounts: bytes in memory to margins, by the path that the keeper takes after every price.
//!
//! Every account holds 16 options of its own choice in one market: series, sides and sizes differ. What they share is computed once
//! ([`Evaluator`]); for each account the header and the records are read from its bytes and evaluated under all 33 scenarios, with
//! smiles, volatility shocks, contingencies and floors.

use std::thread;
use std::time::{Duration, Instant};

use client_core::account::read;
use client_core::{AccountData, Evaluator, Inputs, ShownPrice};
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount, Market, PositionRecord};
use portfolio_margin_interface::AccountLayout;
use risk_core::margin::MarginReport;
use risk_core::position::{ln_strike, Instrument};
use risk_core::tier::Tier;
use risk_core::Price;

use crate::book;

/// Accounts of the sweep.
pub const ACCOUNTS: usize = 1_000_000;
/// Options of each.
pub const OPTIONS: usize = 16;
/// Threads, one a core.
pub const THREADS: usize = 2;
/// Strikes that a market lists, 1,000 USD apart.
const STRIKES: u64 = 64;

/// Accounts as bytes, one behind the other.
pub struct Population {
    data: Vec<u8>,
}

/// Bytes of an account.
const STRIDE: usize = MarginAccount::space(OPTIONS);

impl Population {
    /// So many accounts, each with a book of its own; equal numbers make equal accounts.
    pub fn new(count: usize) -> Self {
        let mut data = vec![0; count * STRIDE];
        let part = count.div_ceil(THREADS).max(1);
        thread::scope(|scope| {
            for (number, chunk) in data.chunks_mut(part * STRIDE).enumerate() {
                scope.spawn(move || {
                    for (place, account) in chunk.chunks_exact_mut(STRIDE).enumerate() {
                        write_account((number * part + place) as u64, account);
                    }
                });
            }
        });
        Self { data }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.data.len() / STRIDE
    }

    /// The bytes of one.
    pub fn account(&self, number: usize) -> &[u8] {
        &self.data[number * STRIDE..][..STRIDE]
    }

    /// Maintenance health of every account, 1e-6 USD, in order; and how long it took.
    pub fn revalue(&self, inputs: &Inputs) -> (Vec<i64>, Duration) {
        let start = Instant::now();
        let evaluator = Evaluator::new(inputs);
        let mut health = vec![0; self.count()];
        let part = self.count().div_ceil(THREADS).max(1);
        thread::scope(|scope| {
            let (evaluator, parts) = (&evaluator, self.data.chunks(part * STRIDE));
            for (accounts, health) in parts.zip(health.chunks_mut(part)) {
                scope.spawn(move || {
                    for (account, health) in accounts.chunks_exact(STRIDE).zip(health) {
                        *health = margin(evaluator, account).maintenance_health.raw();
                    }
                });
            }
        });
        (health, start.elapsed())
    }
}

/// One account's margin from its bytes.
pub fn margin(evaluator: &Evaluator<'_>, account: &[u8]) -> MarginReport {
    let account = AccountData::read(account).expect("a margin account");
    let margin = evaluator.margin(&account.header, &account.positions);
    margin.expect("a book in range")
}

/// The market of [`book`] under 33 scenarios, with a price and surfaces that are certain.
pub fn inputs() -> Inputs {
    let data = book::market(&book::scenarios(true));
    let mut market: Market = read(&data).expect("a market");
    market.oracle_max_confidence = 10_000;
    market.surface_max_age = 3_600;
    for slot in market.expiries.iter_mut().filter(|slot| slot.time > 0) {
        (slot.confidence, slot.max_age) = (1_000_000, 3_600);
    }
    let house: Clearinghouse = bytemuck::Zeroable::zeroed();
    let mut inputs = Inputs::new(house, book::NOW);
    let spot = Price::from_raw(book::SPOT.unsigned_abs());
    inputs.markets.push((market, ShownPrice::supposed(spot)));
    inputs
}

/// Splitmix64.
fn bits(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// An account with a book of its own, in one to four expiries.
fn write_account(number: u64, account: &mut [u8]) {
    let mut state = number;
    let expiries = bits(&mut state) % 4 + 1;
    let mut records = [(); OPTIONS].map(|()| any_option(&mut state, expiries));
    records.sort_by_key(PositionRecord::key);
    for at in 1..OPTIONS {
        // a series is held once: the next strike that is free
        if records[at].key() <= records[at - 1].key() {
            let (before, record) = (records[at - 1], &mut records[at]);
            (record.expiry, record.instrument) = (before.expiry, before.instrument);
            set_strike(record, before.strike + 50_000_000_000);
        }
    }
    let header = MarginAccount {
        tier: Tier::Portfolio as u8,
        position_count: OPTIONS as u16,
        cash: (bits(&mut state) % 400_000_000_000) as i64,
        ..bytemuck::Zeroable::zeroed()
    };
    let (discriminator, rest) = account.split_at_mut(8);
    discriminator.copy_from_slice(&MarginAccount::ACCOUNT_DISCRIMINATOR);
    let (fixed, held) = rest.split_at_mut(size_of::<MarginAccount>());
    fixed.copy_from_slice(bytemuck::bytes_of(&header));
    held.copy_from_slice(bytemuck::cast_slice(&records));
}

/// An option on up to two coins, long or short.
fn any_option(state: &mut u64, expiries: u64) -> PositionRecord {
    let (series, size) = (bits(state), bits(state));
    let mut record = PositionRecord {
        instrument: [Instrument::Call, Instrument::Put][(series >> 40) as usize % 2] as u8,
        expiry: book::expiry_time((series >> 20) as usize % expiries as usize),
        quantity: (size % 4_000_000) as i64 - 2_000_000,
        ..bytemuck::Zeroable::zeroed()
    };
    set_strike(
        &mut record,
        (70_000 + 1_000 * (series % STRIKES)) * 100_000_000,
    );
    record
}

fn set_strike(record: &mut PositionRecord, strike: u64) {
    record.strike = strike;
    record.ln_strike = ln_strike(Price::from_raw(strike));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_margin_of_the_sweep_is_the_ordinary_one_to_the_bit() {
        let (population, inputs) = (Population::new(3_001), inputs());
        let (health, _) = population.revalue(&inputs);
        let evaluator = Evaluator::new(&inputs);
        let mut failing = 0;
        for (number, health) in health.into_iter().enumerate() {
            let bytes = population.account(number);
            let account = AccountData::read(bytes).unwrap();
            assert_eq!(account.positions.len(), OPTIONS);
            let ordinary =
                client_core::evaluate(&account.header, &account.positions, &inputs).unwrap();
            assert_eq!(margin(&evaluator, bytes), ordinary.margin);
            assert_eq!(health, ordinary.margin.maintenance_health.raw());
            assert_eq!(ordinary.markets[0].pnl.len(), 33);
            failing += usize::from(health < 0);
        }
        assert!(failing > 100 && failing < 2_900, "{failing}");
    }

    #[test]
    fn no_two_accounts_hold_the_same_and_equal_numbers_make_equal_accounts() {
        let (many, few) = (Population::new(2_000), Population::new(500));
        let mut books: Vec<_> = (0..many.count()).map(|n| many.account(n)).collect();
        for (number, account) in books.iter().take(500).enumerate() {
            assert_eq!(*account, few.account(number));
        }
        books.sort_unstable();
        books.dedup();
        assert_eq!(books.len(), 2_000);
    }
}
