//! The clearing house over RPC: its directory, its accounts, and one moment of both in one round trip.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::mem::offset_of;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use client_core::account::read;
use client_core::clock::{unix_time, CLOCK};
use client_core::oracle::{stand_in, StandIn};
use client_core::{AccountData, Directory, Inputs, InputsError, Scope};
use portfolio_margin_interface::state::{Clearinghouse, CollateralBank, MarginAccount, Market};
use portfolio_margin_interface::{seeds, AccountLayout, Pubkey, DISCRIMINATOR_LEN, ID};
use solana_commitment_config::CommitmentLevel;
use tokio::time::sleep;

use crate::build::TOKEN_PROGRAMS;
use crate::decode::Fetched;
use crate::error::{ClientError, Listed, Result};
use crate::loaded::{Loaded, Moment};
use crate::rpc::{Filter, Rpc, Snapshot, MOST_ACCOUNTS};

/// Where a bank names its clearing house, a margin account its own, and its owner.
const BANK_HOUSE_AT: usize = DISCRIMINATOR_LEN + offset_of!(CollateralBank, clearinghouse);
const HOUSE_AT: usize = DISCRIMINATOR_LEN + offset_of!(MarginAccount, clearinghouse);
const OWNER_AT: usize = DISCRIMINATOR_LEN + offset_of!(MarginAccount, owner);
/// Round trips of one load before it gives up; one is the rule, two where an account came into another market.
const ATTEMPTS: u32 = 4;
/// Waits for a server that has not yet seen a transaction that landed.
const CATCH_UP: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(150),
    Duration::from_millis(400),
    Duration::from_millis(400),
];
/// Accounts whose scopes are remembered.
const MOST_SCOPES: usize = 100_000;

/// Where a clearing house is, and how it is read.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// RPC URL.
    pub url: String,
    /// Address of the clearing house.
    pub house: Pubkey,
    /// Commitment of reads.
    pub commitment: CommitmentLevel,
    /// Longest time for one request.
    pub timeout: Duration,
    /// How many slots an answer may be behind an earlier one: nodes behind one address differ by a few.
    pub slots_behind: u64,
    /// Price accounts other than the network's own, by feed.
    pub prices: BTreeMap<[u8; 32], Pubkey>,
}

impl ClientConfig {
    /// A house at a URL, read at `confirmed` within 20 s a request, from nodes at most 32 slots behind.
    pub fn new(url: impl Into<String>, house: Pubkey) -> Self {
        Self {
            url: url.into(),
            house,
            commitment: CommitmentLevel::Confirmed,
            timeout: Duration::from_secs(20),
            slots_behind: 32,
            prices: BTreeMap::new(),
        }
    }
}

/// A clearing house over RPC. Cheap to clone; clones share the directory.
#[derive(Clone)]
pub struct Client {
    rpc: Rpc,
    house: Pubkey,
    prices: Arc<BTreeMap<[u8; 32], Pubkey>>,
    directory: Arc<RwLock<Arc<Directory>>>,
    scopes: Arc<Mutex<HashMap<Pubkey, Scope>>>,
}

impl Client {
    /// Connects and reads the directory: four requests, once.
    pub async fn connect(config: ClientConfig) -> Result<Self> {
        let (timeout, behind) = (config.timeout, config.slots_behind);
        let rpc = Rpc::new(&config.url, config.commitment, timeout, behind)?;
        Self::over(rpc, config.house, config.prices).await
    }

    /// The same over an RPC that is there already.
    pub async fn over(rpc: Rpc, house: Pubkey, prices: BTreeMap<[u8; 32], Pubkey>) -> Result<Self> {
        let client = Self {
            rpc,
            house,
            prices: Arc::new(prices),
            directory: Arc::default(),
            scopes: Arc::default(),
        };
        client.refresh().await?;
        Ok(client)
    }

    /// The server.
    pub fn rpc(&self) -> &Rpc {
        &self.rpc
    }

    /// Address of the clearing house.
    pub fn house(&self) -> Pubkey {
        self.house
    }

    /// What the house lists, as last read.
    pub fn directory(&self) -> Arc<Directory> {
        let directory = self.directory.read();
        directory.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the directory again: what was listed since becomes known.
    pub async fn refresh(&self) -> Result<Arc<Directory>> {
        let house: Clearinghouse = self.required(&self.house, "a clearing house").await?;
        if seeds::clearinghouse(house.id) != self.house {
            return Err(foreign(
                &self.house,
                "a clearing house",
                "another one's bytes",
            ));
        }
        let (banks, markets) = tokio::join!(self.banks(), self.markets(house.market_count));
        let (banks, markets) = (banks?, markets?);
        let mints: Vec<Pubkey> = banks.iter().map(|bank| bank.mint).collect();
        let programs = self.rpc.accounts(&mints).await?.accounts;
        let mut directory = Directory::new(self.house, &house);
        for (feed, price) in self.prices.iter() {
            directory.set_price(*feed, *price);
        }
        for (bank, mint) in banks.iter().zip(programs) {
            let mint = mint.ok_or(ClientError::Missing(bank.mint))?;
            if !TOKEN_PROGRAMS.contains(&mint.owner) {
                let found = format!("it belongs to {}", mint.owner);
                return Err(foreign(&bank.mint, "a mint", &found));
            }
            directory.list_bank(bank, mint.owner);
        }
        for market in &markets {
            directory.list_market(market);
        }
        let directory = Arc::new(directory);
        let slot = self.directory.write();
        *slot.unwrap_or_else(PoisonError::into_inner) = directory.clone();
        Ok(directory)
    }

    async fn banks(&self) -> Result<Vec<CollateralBank>> {
        const EXPECTED: &str = "a bank of this clearing house";
        let found = self
            .rpc
            .program_accounts(&ID, &self.of_house::<CollateralBank>(BANK_HOUSE_AT))
            .await?;
        let banks = found.accounts.iter().map(|(key, account)| {
            let bank: CollateralBank = layout(key, account, EXPECTED)?;
            let is_ours = bank.clearinghouse == self.house;
            match is_ours && seeds::bank(&self.house, &bank.mint) == *key {
                true => Ok(bank),
                false => Err(foreign(key, EXPECTED, "another one's bytes")),
            }
        });
        banks.collect()
    }

    async fn markets(&self, count: u16) -> Result<Vec<Market>> {
        const EXPECTED: &str = "a market of this clearing house";
        let keys: Vec<Pubkey> = (0..count)
            .map(|index| seeds::market(&self.house, index))
            .collect();
        let snapshot = self.rpc.accounts(&keys).await?;
        let found = keys.iter().zip(snapshot.accounts).zip(0u16..);
        let markets = found.map(|((key, account), index)| {
            let account = account.ok_or(ClientError::Missing(*key))?;
            let market: Market = layout(key, &account, EXPECTED)?;
            match market.clearinghouse == self.house && market.index == index {
                true => Ok(market),
                false => Err(foreign(key, EXPECTED, "another one's bytes")),
            }
        });
        markets.collect()
    }

    fn of_house<T: AccountLayout>(&self, house_at: usize) -> Vec<Filter> {
        vec![
            Filter::Bytes(0, T::ACCOUNT_DISCRIMINATOR.to_vec()),
            Filter::Bytes(house_at, self.house.to_bytes().to_vec()),
        ]
    }

    /// One account of the program by its layout; `None` where there is none.
    ///
    /// Errors: [`ClientError::NotAnAccount`] for another account.
    pub async fn fetch<T: AccountLayout>(&self, key: &Pubkey) -> Result<Option<T>> {
        let snapshot = self.rpc.accounts(std::slice::from_ref(key)).await?;
        let account = snapshot.accounts.first().and_then(Option::as_ref);
        let read = account.map(|account| layout(key, account, "that account of the program"));
        read.transpose()
    }

    async fn required<T: AccountLayout>(&self, key: &Pubkey, expected: &'static str) -> Result<T> {
        let snapshot = self.rpc.accounts(std::slice::from_ref(key)).await?;
        let account = snapshot.accounts.first().and_then(Option::as_ref);
        layout(key, account.ok_or(ClientError::Missing(*key))?, expected)
    }

    /// All margin accounts of the house, or those of one owner, of one slot. Some servers limit this search.
    pub async fn margin_accounts(
        &self,
        owner: Option<&Pubkey>,
    ) -> Result<(u64, Vec<(Pubkey, AccountData)>)> {
        let mut filters = self.of_house::<MarginAccount>(HOUSE_AT);
        filters.extend(owner.map(|owner| Filter::Bytes(OWNER_AT, owner.to_bytes().to_vec())));
        let found = self.rpc.program_accounts(&ID, &filters).await?;
        let accounts = found.accounts.iter().map(|(key, account)| {
            let account = self.margin_account(key, account)?;
            Ok((*key, account))
        });
        Ok((found.slot, accounts.collect::<Result<_>>()?))
    }

    /// Everything that the house lists with its prices, of one slot, in one round trip.
    pub async fn moment(&self) -> Result<Moment> {
        self.moment_of(&whole(&self.directory())).await
    }

    /// The banks and markets of a scope with their prices, of one slot, in one round trip.
    pub async fn moment_of(&self, scope: &Scope) -> Result<Moment> {
        let (moment, _) = self.gather(&[], scope).await?;
        Ok(moment)
    }

    /// Loads a margin account with all that its margin needs, in one round trip. A second one is needed where the account has come
    /// into a bank or market since it was last loaded; and at the first load from a house that lists too much for one request.
    ///
    /// Errors: [`ClientError::Missing`], [`ClientError::NotAnAccount`], [`ClientError::Unlisted`], [`ClientError::ScopeChanged`],
    /// [`ClientError::Behind`], those of the request.
    pub async fn load(&self, key: &Pubkey) -> Result<Loaded> {
        let mut loaded = self
            .load_all(std::slice::from_ref(key), &Scope::default())
            .await?;
        loaded.pop().ok_or(ClientError::Missing(*key))
    }

    /// Loads several margin accounts of one moment, and the banks and markets of `beside`: those of the legs of a trade.
    pub async fn load_all(&self, keys: &[Pubkey], beside: &Scope) -> Result<Vec<Loaded>> {
        let mut waits = CATCH_UP.iter();
        loop {
            match (self.gather(keys, beside).await, waits.next()) {
                (Ok((moment, accounts)), _) => {
                    let loaded = keys.iter().zip(accounts);
                    let loaded = loaded.map(|(key, account)| Loaded {
                        key: *key,
                        account,
                        moment: moment.clone(),
                    });
                    return Ok(loaded.collect());
                }
                (Err(ClientError::Behind { .. }), Some(wait)) => sleep(*wait).await,
                (Err(error), _) => return Err(error),
            }
        }
    }

    async fn gather(&self, keys: &[Pubkey], beside: &Scope) -> Result<(Moment, Vec<AccountData>)> {
        for _ in 0..ATTEMPTS {
            let directory = self.directory();
            let guess = self.guess(keys, beside, &directory);
            let Ok(listed) = directory.keys(&guess) else {
                self.refresh_for(&guess).await?;
                continue;
            };
            let wanted = distinct(keys, &[self.house, CLOCK], &listed);
            let snapshot = self.rpc.accounts(&wanted).await?;
            let slot = snapshot.slot;
            let found = Found::new(&wanted, &snapshot);
            let accounts = keys.iter().map(|key| {
                let account = found.get(key).ok_or(ClientError::Missing(*key))?;
                self.margin_account(key, account)
            });
            let accounts: Vec<AccountData> = accounts.collect::<Result<_>>()?;
            let scope = self.remember(keys, &accounts).union(beside);
            if !guess.covers(&scope) {
                continue;
            }
            let moment = self.read_moment(directory, &guess, &found, slot)?;
            return Ok((moment, accounts));
        }
        Err(ClientError::ScopeChanged {
            account: keys.first().copied().unwrap_or(self.house),
            attempts: ATTEMPTS,
        })
    }

    /// What accounts probably hold: what they held when last loaded; of new ones everything that is listed, where one request has
    /// room for it.
    fn guess(&self, keys: &[Pubkey], beside: &Scope, directory: &Directory) -> Scope {
        let scopes = self.scopes.lock().unwrap_or_else(PoisonError::into_inner);
        let known = keys.iter().filter_map(|key| scopes.get(key));
        let mut guess = known.fold(beside.clone(), |all, scope| all.union(scope));
        if keys.iter().any(|key| !scopes.contains_key(key)) {
            let everything = whole(directory).union(&guess);
            let listed = directory.keys(&everything).unwrap_or_default();
            if distinct(keys, &[self.house, CLOCK], &listed).len() <= MOST_ACCOUNTS {
                guess = everything;
            }
        }
        guess
    }

    /// Remembers what accounts hold; returns all of it.
    fn remember(&self, keys: &[Pubkey], accounts: &[AccountData]) -> Scope {
        let mut scopes = self.scopes.lock().unwrap_or_else(PoisonError::into_inner);
        if scopes.len() > MOST_SCOPES {
            scopes.clear();
        }
        let mut all = Scope::default();
        for (key, account) in keys.iter().zip(accounts) {
            let scope = account.scope();
            all = all.union(&scope);
            scopes.insert(*key, scope);
        }
        all
    }

    /// Reads the directory again because it lacks something.
    ///
    /// Errors: [`ClientError::Unlisted`] where it still does.
    async fn refresh_for(&self, scope: &Scope) -> Result<()> {
        let directory = self.refresh().await?;
        let lacking = |kind, index: Option<&u16>, count: usize| {
            let count = u16::try_from(count).unwrap_or(u16::MAX);
            index.map(|index| ClientError::Unlisted {
                kind,
                index: *index,
                count,
            })
        };
        let bank = scope.banks.iter();
        let bank = bank.clone().find(|i| directory.bank(**i).is_err());
        let market = scope.markets.iter();
        let market = market.clone().find(|i| directory.market(**i).is_err());
        let error = lacking(Listed::Bank, bank, directory.banks.len())
            .or_else(|| lacking(Listed::Market, market, directory.markets.len()));
        match error {
            // what an account claims to hold must not be asked for for ever
            Some(error) => {
                let mut scopes = self.scopes.lock().unwrap_or_else(PoisonError::into_inner);
                scopes.retain(|_, known| !scope.covers(known));
                Err(error)
            }
            None => Ok(()),
        }
    }

    fn read_moment(
        &self,
        directory: Arc<Directory>,
        scope: &Scope,
        found: &Found<'_>,
        slot: u64,
    ) -> Result<Moment> {
        let clock = found.get(&CLOCK).ok_or(ClientError::Missing(CLOCK))?;
        let now = unix_time(&clock.data);
        let now = now.ok_or_else(|| foreign(&CLOCK, "the clock", "cut short"))?;
        let find = |key: &Pubkey| found.get(key).map(Fetched::borrowed);
        let gather = |directory: &Directory| {
            let inputs = Inputs::gather(directory, scope, now, find);
            inputs.map_err(|error| match error {
                InputsError::Missing(key) => ClientError::Missing(key),
                InputsError::Foreign(key) => {
                    foreign(&key, "what the directory lists there", "another account")
                }
                InputsError::Unlisted(what) => ClientError::Invalid(what.to_string()),
            })
        };
        let mut inputs = gather(&directory)?;
        let mut directory = directory;
        if let Some(standing_in) = with_stand_ins(&directory, &inputs) {
            inputs = gather(&standing_in)?;
            directory = Arc::new(standing_in);
        }
        if seeds::clearinghouse(inputs.house.id) != self.house {
            return Err(foreign(
                &self.house,
                "a clearing house",
                "another one's bytes",
            ));
        }
        Ok(Moment {
            slot,
            directory,
            inputs: Arc::new(inputs),
        })
    }

    /// Reads a margin account: of this house, and the one of that address, not another's bytes.
    fn margin_account(&self, key: &Pubkey, account: &Fetched) -> Result<AccountData> {
        const EXPECTED: &str = "a margin account of this clearing house";
        if account.owner != ID {
            let found = format!("it belongs to {}", account.owner);
            return Err(foreign(key, EXPECTED, &found));
        }
        let read = AccountData::read(&account.data);
        let read = read.ok_or_else(|| {
            let found = format!("{} bytes of another kind or cut short", account.data.len());
            foreign(key, EXPECTED, &found)
        })?;
        let header = &read.header;
        if header.clearinghouse != self.house {
            let found = format!("it is of house {}", header.clearinghouse);
            return Err(foreign(key, EXPECTED, &found));
        }
        match seeds::margin_account(&self.house, &header.owner, header.sub_account) == *key {
            true => Ok(read),
            false => Err(foreign(key, EXPECTED, "another one's bytes")),
        }
    }
}

/// Accounts of a snapshot by key.
struct Found<'a>(HashMap<Pubkey, &'a Fetched>);

impl<'a> Found<'a> {
    fn new(keys: &[Pubkey], snapshot: &'a Snapshot) -> Self {
        let pairs = keys.iter().zip(&snapshot.accounts);
        let present = pairs.filter_map(|(key, account)| Some((*key, account.as_ref()?)));
        Self(present.collect())
    }

    fn get(&self, key: &Pubkey) -> Option<&'a Fetched> {
        self.0.get(key).copied()
    }
}

/// In an outage that is in force the directory with what stands in for dead feeds, as instructions then take it too; `None` where
/// every price account serves.
fn with_stand_ins(directory: &Directory, inputs: &Inputs) -> Option<Directory> {
    let of_markets = inputs.markets.iter();
    let of_markets =
        of_markets.filter_map(|(market, shown)| Some((market.feed_id, shown.refusal?)));
    let of_banks = inputs.banks.iter();
    let of_banks = of_banks.filter_map(|(bank, shown)| Some((bank.feed_id, shown.refusal?)));
    let mut changed = None;
    for (feed, _) in of_markets.chain(of_banks) {
        let markets = inputs.markets.iter().map(|(market, _)| market);
        let banks = inputs.banks.iter().map(|(bank, _)| bank);
        let key = match stand_in(&feed, markets, banks, inputs.now) {
            Some(StandIn::Market(index)) => directory.market(index).ok()?.key,
            Some(StandIn::Bank(index)) => directory.bank(index).ok()?.key,
            None => continue,
        };
        changed
            .get_or_insert_with(|| directory.clone())
            .set_price(feed, key);
    }
    changed
}

/// Everything that is listed.
fn whole(directory: &Directory) -> Scope {
    Scope {
        banks: directory.banks.keys().copied().collect(),
        markets: directory.markets.keys().copied().collect(),
    }
}

/// All keys once, in order of their first place.
fn distinct(keys: &[Pubkey], fixed: &[Pubkey], listed: &[Pubkey]) -> Vec<Pubkey> {
    let mut seen = BTreeSet::new();
    let all = keys.iter().chain(fixed).chain(listed);
    all.filter(|key| seen.insert(**key)).copied().collect()
}

fn layout<T: AccountLayout>(key: &Pubkey, account: &Fetched, expected: &'static str) -> Result<T> {
    if account.owner != ID {
        let found = format!("it belongs to {}", account.owner);
        return Err(foreign(key, expected, &found));
    }
    let read = read(&account.data);
    read.ok_or_else(|| {
        let found = format!("{} bytes of another kind or cut short", account.data.len());
        foreign(key, expected, &found)
    })
}

fn foreign(key: &Pubkey, expected: &'static str, found: &str) -> ClientError {
    ClientError::NotAnAccount {
        key: *key,
        expected,
        found: found.to_owned(),
    }
}
