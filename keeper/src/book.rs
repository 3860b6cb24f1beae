//! Everything that is known of one clearing house, kept equal to the chain by updates in any order.
//!
//! The order of updates is their slot. A notification replaces what is known from its slot or an earlier one; an answer to a
//! question only what is known from an earlier slot, since a notification of the same slot tells what the slot ended with. A margin
//! account's sequence number, which every change raises, decides within one slot. An account that was closed leaves its slot behind,
//! so that a notification which was on its way does not bring it back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, RwLock};

use client_core::clock::{unix_time, CLOCK};
use client_core::{account, price_address, AccountData, Directory, Scope};
use portfolio_margin_interface::state::{
    Clearinghouse, CollateralBank, MarginAccount, Market, LAYOUT_VERSION,
};
use portfolio_margin_interface::{seeds, AccountLayout, Pubkey, ID};
use tokio::time::Instant;

use crate::model::{Applied, KnownAccount, Origin, Update};
use crate::snapshot::Listed;

/// Closed accounts that are remembered, slots: longer than any notification is on its way.
const REMEMBERED_SLOTS: u64 = 1_500;
/// The cluster's clock is carried on by this machine's for so long, seconds; then it stands, and prices age no further.
const CARRIED_SECONDS: u64 = 60;

/// A book that both halves of the keeper read. Hold the lock for microseconds and never over an await.
pub type SharedBook = Arc<RwLock<Book>>;

/// Something and the slot at which it was so.
#[derive(Clone, Debug)]
struct Seen<T> {
    value: T,
    slot: u64,
}

/// A price account's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceBytes {
    /// The program that owns it.
    pub owner: Pubkey,
    /// What it holds.
    pub data: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct ClockSeen {
    unix_time: i64,
    slot: u64,
    at: Instant,
}

/// One clearing house as it is known.
#[derive(Debug)]
pub struct Book {
    directory: Directory,
    house: Option<Seen<Box<Clearinghouse>>>,
    banks: BTreeMap<u16, Seen<Arc<CollateralBank>>>,
    markets: BTreeMap<u16, Seen<Arc<Market>>>,
    /// Token programs by mint; a mint's never changes.
    token_programs: BTreeMap<Pubkey, Pubkey>,
    prices: BTreeMap<Pubkey, Seen<PriceBytes>>,
    /// Price accounts of everything listed.
    followed: BTreeSet<Pubkey>,
    accounts: BTreeMap<Pubkey, Arc<KnownAccount>>,
    /// Slot and sequence number with which accounts were closed.
    closed: BTreeMap<Pubkey, (u64, u64)>,
    clock: Option<ClockSeen>,
    slot: u64,
}

impl Book {
    /// Of a clearing house of which nothing is known yet.
    pub fn new(house: Pubkey) -> Self {
        let mut directory = Directory::default();
        directory.house = house;
        Self {
            directory,
            house: None,
            banks: BTreeMap::new(),
            markets: BTreeMap::new(),
            token_programs: BTreeMap::new(),
            prices: BTreeMap::new(),
            followed: BTreeSet::new(),
            accounts: BTreeMap::new(),
            closed: BTreeMap::new(),
            clock: None,
            slot: 0,
        }
    }

    /// What is listed, with addresses.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The clearing house.
    pub fn house(&self) -> Option<&Clearinghouse> {
        self.house.as_ref().map(|seen| seen.value.as_ref())
    }

    /// A market by index.
    pub fn market(&self, index: u16) -> Option<&Market> {
        self.markets.get(&index).map(|seen| seen.value.as_ref())
    }

    /// Every market, by index.
    pub fn markets(&self) -> impl Iterator<Item = &Market> {
        self.markets.values().map(|seen| seen.value.as_ref())
    }

    /// A bank by index.
    pub fn bank(&self, index: u16) -> Option<&CollateralBank> {
        self.banks.get(&index).map(|seen| seen.value.as_ref())
    }

    /// Every bank, by index.
    pub fn banks(&self) -> impl Iterator<Item = &CollateralBank> {
        self.banks.values().map(|seen| seen.value.as_ref())
    }

    /// A margin account.
    pub fn account(&self, key: &Pubkey) -> Option<Arc<KnownAccount>> {
        self.accounts.get(key).cloned()
    }

    /// Every margin account, by address.
    pub fn accounts(&self) -> impl Iterator<Item = &Arc<KnownAccount>> {
        self.accounts.values()
    }

    /// How many margin accounts are known.
    pub fn account_count(&self) -> usize {
        self.accounts.len()
    }

    /// The bytes of a price account.
    pub fn price_bytes(&self, key: &Pubkey) -> Option<&PriceBytes> {
        self.prices.get(key).map(|seen| &seen.value)
    }

    /// The cluster's clock, Unix time: as it was last told, carried on by this machine's clock for a minute at the most; 0 before the
    /// first. Instructions measure the age of prices by it.
    pub fn now(&self) -> i64 {
        let Some(clock) = self.clock else {
            return 0;
        };
        let passed = clock.at.elapsed().as_secs().min(CARRIED_SECONDS);
        clock.unix_time.saturating_add_unsigned(passed)
    }

    /// Newest slot that anything was told of.
    pub fn slot(&self) -> u64 {
        self.slot
    }

    /// A slot has passed.
    pub fn see_slot(&mut self, slot: u64) {
        self.slot = self.slot.max(slot);
    }

    /// Every price account.
    pub fn price_keys(&self) -> impl Iterator<Item = &Pubkey> {
        self.followed.iter()
    }

    /// Mints whose token program is not known.
    pub fn unknown_mints(&self) -> Vec<Pubkey> {
        let mints = self.banks().map(|bank| bank.mint);
        mints
            .filter(|mint| !self.token_programs.contains_key(mint))
            .collect()
    }

    /// Takes which token program a mint is of.
    pub fn set_token_program(&mut self, mint: Pubkey, program: Pubkey) {
        self.token_programs.insert(mint, program);
        let bank = self.banks.values().find(|bank| bank.value.mint == mint);
        if let Some(bank) = bank {
            let bank = Arc::clone(&bank.value);
            self.directory.list_bank(&bank, program);
        }
    }

    /// Takes an update, unless something newer is known.
    pub fn apply(&mut self, update: &Update) -> Applied {
        self.slot = self.slot.max(update.slot);
        if update.key == CLOCK {
            return self.apply_clock(update);
        }
        if update.key == self.directory.house {
            return self.apply_house(update);
        }
        if self.followed.contains(&update.key) {
            return self.apply_price(update);
        }
        let is_gone = update.lamports == 0 || update.owner != ID;
        if is_gone {
            return self.close(&update.key, update.slot);
        }
        let data = &update.data;
        if let Some(account) = AccountData::read(data) {
            return self.apply_account(update, account);
        }
        if let Some(market) = account::read::<Market>(data) {
            return self.apply_market(update, &market);
        }
        match account::read::<CollateralBank>(data) {
            Some(bank) => self.apply_bank(update, &bank),
            None => Applied::Foreign,
        }
    }

    fn apply_clock(&mut self, update: &Update) -> Applied {
        let Some(unix_time) = unix_time(&update.data) else {
            return Applied::Foreign;
        };
        match self.clock {
            Some(known) if !is_newer(update, known.slot) => Applied::Stale,
            Some(known) if known.unix_time == unix_time => Applied::Same,
            _ => {
                self.clock = Some(ClockSeen {
                    unix_time,
                    slot: update.slot,
                    at: Instant::now(),
                });
                Applied::Clock
            }
        }
    }

    fn apply_house(&mut self, update: &Update) -> Applied {
        let house: Option<Clearinghouse> = match update.owner == ID {
            true => account::read(&update.data),
            false => None,
        };
        let Some(house) = house.filter(|house| house.version == LAYOUT_VERSION) else {
            return Applied::Foreign;
        };
        match &mut self.house {
            Some(known) if !is_newer(update, known.slot) => return Applied::Stale,
            Some(known) if bytes_of(known.value.as_ref()) == bytes_of(&house) => {
                known.slot = update.slot;
                return Applied::Same;
            }
            Some(_) => {}
            // the quote asset's feed never changes
            None => self.list_all(Directory::new(self.directory.house, &house)),
        }
        self.house = Some(Seen {
            value: Box::new(house),
            slot: update.slot,
        });
        Applied::House
    }

    /// Lists what is known in a new directory.
    fn list_all(&mut self, directory: Directory) {
        self.directory = directory;
        for bank in self.banks.values() {
            let program = self.token_programs.get(&bank.value.mint);
            let program = program.copied().unwrap_or_default();
            self.directory.list_bank(&bank.value, program);
        }
        for market in self.markets.values() {
            self.directory.list_market(&market.value);
        }
        self.follow();
    }

    /// Finds the price accounts of what is listed: those of the feeds, also while something stands in for one.
    fn follow(&mut self) {
        let banks = self.directory.banks.values().filter(|bank| !bank.is_quote);
        let banks = banks.map(|bank| price_address(bank.oracle_kind, &bank.feed_id));
        let markets = self.directory.markets.values();
        let markets = markets.map(|market| price_address(market.oracle_kind, &market.feed_id));
        let all = banks.chain(markets).chain(self.directory.quote_price);
        self.followed = all.collect();
    }

    /// Shows another account for a feed.
    pub(crate) fn show(&mut self, feed: [u8; 32], account: Pubkey) {
        self.directory.set_price(feed, account);
    }

    fn apply_price(&mut self, update: &Update) -> Applied {
        let value = PriceBytes {
            owner: update.owner,
            data: update.data.clone(),
        };
        let slot = update.slot;
        match self.prices.get_mut(&update.key) {
            Some(known) if !is_newer(update, known.slot) => Applied::Stale,
            Some(known) if known.value == value => {
                known.slot = slot;
                Applied::Same
            }
            _ => {
                self.prices.insert(update.key, Seen { value, slot });
                Applied::Price
            }
        }
    }

    fn apply_market(&mut self, update: &Update, market: &Market) -> Applied {
        let house = self.directory.house;
        if market.clearinghouse != house || market.version != LAYOUT_VERSION {
            return Applied::Foreign;
        }
        let index = market.index;
        let is_new = !self.markets.contains_key(&index);
        let address = match self.directory.markets.get(&index) {
            Some(listed) => listed.key,
            None => seeds::market(&house, index),
        };
        if address != update.key {
            return Applied::Foreign;
        }
        if let Some(known) = self.markets.get_mut(&index) {
            if !is_newer(update, known.slot) {
                return Applied::Stale;
            }
            if bytes_of(known.value.as_ref()) == bytes_of(market) {
                known.slot = update.slot;
                return Applied::Same;
            }
        }
        let seen = Seen {
            value: Arc::new(*market),
            slot: update.slot,
        };
        self.markets.insert(index, seen);
        if is_new {
            self.directory.list_market(market);
            self.follow();
        }
        Applied::Market(index, is_new)
    }

    fn apply_bank(&mut self, update: &Update, bank: &CollateralBank) -> Applied {
        let house = self.directory.house;
        if bank.clearinghouse != house || bank.version != LAYOUT_VERSION {
            return Applied::Foreign;
        }
        let index = bank.index;
        let is_new = !self.banks.contains_key(&index);
        let address = match self.directory.banks.get(&index) {
            Some(listed) => listed.key,
            None => seeds::bank(&house, &bank.mint),
        };
        if address != update.key {
            return Applied::Foreign;
        }
        if let Some(known) = self.banks.get_mut(&index) {
            if !is_newer(update, known.slot) {
                return Applied::Stale;
            }
            if bytes_of(known.value.as_ref()) == bytes_of(bank) {
                known.slot = update.slot;
                return Applied::Same;
            }
        }
        let seen = Seen {
            value: Arc::new(*bank),
            slot: update.slot,
        };
        self.banks.insert(index, seen);
        if is_new {
            let program = self.token_programs.get(&bank.mint).copied();
            self.directory.list_bank(bank, program.unwrap_or_default());
            self.follow();
        }
        Applied::Bank(index, is_new)
    }

    fn apply_account(&mut self, update: &Update, read: AccountData) -> Applied {
        let AccountData { header, positions } = read;
        if header.clearinghouse != self.directory.house || header.version != LAYOUT_VERSION {
            return Applied::Foreign;
        }
        // opened again within the slot it was closed in, it has a higher number
        let closed = self.closed.get(&update.key);
        if closed.is_some_and(|closed| (update.slot, header.sequence) <= *closed) {
            return Applied::Stale;
        }
        let known = KnownAccount {
            key: update.key,
            header,
            positions,
            slot: update.slot,
        };
        if let Some(before) = self.accounts.get(&update.key) {
            let is_older = before.slot == update.slot && header.sequence < before.header.sequence;
            if !is_newer(update, before.slot) || is_older {
                return Applied::Stale;
            }
            if is_same(before, &known) {
                self.accounts.insert(update.key, Arc::new(known));
                return Applied::Same;
            }
        }
        self.closed.remove(&update.key);
        self.accounts.insert(update.key, Arc::new(known));
        Applied::Account
    }

    /// Removes an account that is gone at a slot, unless it is known from that slot or a later one by a sequence of its own.
    fn close(&mut self, key: &Pubkey, slot: u64) -> Applied {
        let Some(known) = self.accounts.get(key) else {
            return match self.closed.contains_key(key) {
                true => Applied::Stale,
                false => Applied::Foreign,
            };
        };
        if known.slot > slot {
            return Applied::Stale;
        }
        self.closed.insert(*key, (slot, known.header.sequence));
        self.accounts.remove(key);
        let horizon = self.slot.saturating_sub(REMEMBERED_SLOTS);
        self.closed
            .retain(|_, (closed_at, _)| *closed_at >= horizon);
        Applied::Closed
    }

    /// The accounts that a list of all of them lacks, but for those that are known from its slot or a later one.
    pub fn unlisted(&self, listed: &Listed) -> Vec<Pubkey> {
        let known = self.accounts.values();
        let lacking =
            known.filter(|known| known.slot < listed.slot && !listed.keys.contains(&known.key));
        lacking.map(|known| known.key).collect()
    }

    /// What a check of an account covers.
    pub fn scope(&self, key: &Pubkey) -> Option<Scope> {
        let known = self.accounts.get(key)?;
        Some(Scope::of(&known.header, &known.positions))
    }
}

/// Whether an update replaces what is known from `slot`.
fn is_newer(update: &Update, slot: u64) -> bool {
    match update.origin {
        Origin::Subscription => update.slot >= slot,
        Origin::Snapshot => update.slot > slot,
    }
}

fn is_same(one: &KnownAccount, other: &KnownAccount) -> bool {
    bytes_of(&one.header) == bytes_of(&other.header) && one.positions == other.positions
}

fn bytes_of<T: AccountLayout>(state: &T) -> &[u8] {
    bytemuck::bytes_of(state)
}

const _: () = assert!(MarginAccount::ACCOUNT_LEN < crate::wire::MAX_ACCOUNT_BYTES);
const _: () = assert!(Market::ACCOUNT_LEN < crate::wire::MAX_ACCOUNT_BYTES);

#[cfg(test)]
mod tests;
