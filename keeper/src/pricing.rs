//! What accounts of a book are measured with: listed banks and markets, each with its price as the program would judge it now.

use client_core::oracle::outage::{stand_in, StandIn};
use client_core::oracle::{Priced, RawAccount, ShownPrice};
use client_core::{price_address, Evaluator, Inputs, NativeReport, ReportError, Scope, Unlisted};
use portfolio_margin_interface::{AccountLayout, Pubkey, ID};

use crate::book::Book;
use crate::model::Applied;

/// Why a book does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    /// Nothing is known yet.
    #[error("the clearing house is not known yet: wait until the keeper is ready")]
    NotLoaded,
    /// A bank or a market is not known.
    #[error(transparent)]
    Unlisted(#[from] Unlisted),
    /// There is no such account.
    #[error("there is no margin account {0} of this house")]
    NoAccount(Pubkey),
    /// The account cannot be evaluated.
    #[error(transparent)]
    Report(#[from] ReportError),
}

impl Book {
    /// What accounts within a scope are measured with now. A price that no action accepts is among them, with its refusal: plans and
    /// views refuse where the program does.
    pub fn inputs(&self, scope: &Scope) -> Result<Inputs, BookError> {
        let house = self.house().ok_or(BookError::NotLoaded)?;
        let now = self.now();
        let mut inputs = Inputs::new(*house, now);
        for index in &scope.banks {
            let bank = self.bank(*index).ok_or(Unlisted::Bank(*index))?;
            let shown = self.shown(Priced::Bank(bank), now)?;
            inputs.banks.push((*bank, shown));
        }
        for index in &scope.markets {
            let market = self.market(*index).ok_or(Unlisted::Market(*index))?;
            let shown = self.shown(Priced::Market(market), now)?;
            inputs.markets.push((*market, shown));
        }
        Ok(inputs)
    }

    /// An account's report at the present prices, whatever is to be said against them.
    pub fn evaluate(&self, key: &Pubkey) -> Result<NativeReport, BookError> {
        let known = self.account(key).ok_or(BookError::NoAccount(*key))?;
        let scope = Scope::of(&known.header, &known.positions);
        let inputs = self.inputs(&scope)?;
        Ok(Evaluator::new(&inputs).report(&known.header, &known.positions)?)
    }

    /// Everything that has a price which a repair accepts, and how many banks and markets have none; whoever holds something of those
    /// cannot be judged now. `None` before the clearing house is known.
    pub fn priced(&self) -> Option<(Inputs, usize)> {
        let now = self.now();
        let mut inputs = Inputs::new(*self.house()?, now);
        let mut unpriced = 0usize;
        let usable = |priced: Priced<'_>| {
            let shown = self.shown(priced, now).ok();
            shown.filter(|shown| shown.refusal.is_none())
        };
        for bank in self.banks().filter(|bank| bank.is_quote == 0) {
            match usable(Priced::Bank(bank)) {
                Some(shown) => inputs.banks.push((*bank, shown)),
                None => unpriced = unpriced.saturating_add(1),
            }
        }
        for market in self.markets() {
            match usable(Priced::Market(market)) {
                Some(shown) => inputs.markets.push((*market, shown)),
                None => unpriced = unpriced.saturating_add(1),
            }
        }
        Some((inputs, unpriced))
    }

    /// A bank's or a market's price as the account that the directory names shows it.
    fn shown(&self, priced: Priced<'_>, now: i64) -> Result<ShownPrice, Unlisted> {
        let key = match priced {
            Priced::Bank(bank) => self.directory().bank(bank.index)?.price,
            Priced::Market(market) => self.directory().market(market.index)?.price,
        };
        let house = self.directory().house;
        if let Some(data) = self.listing_bytes(&key) {
            let account = RawAccount {
                owner: ID,
                data: &data,
            };
            return Ok(ShownPrice::read(&key, &account, &house, now, priced));
        }
        let account = self.price_bytes(&key).map(|price| RawAccount {
            owner: price.owner,
            data: &price.data,
        });
        let account = account.unwrap_or(RawAccount::EMPTY);
        Ok(ShownPrice::read(&key, &account, &house, now, priced))
    }

    /// The bytes of a market or a bank, which in an outage stands in the place of a price account.
    fn listing_bytes(&self, key: &Pubkey) -> Option<Vec<u8>> {
        let markets = self.directory().markets.values();
        if let Some(listed) = markets.into_iter().find(|listed| listed.key == *key) {
            return self.market(listed.index).map(whole_bytes);
        }
        let mut banks = self.directory().banks.values();
        let listed = banks.find(|listed| listed.key == *key)?;
        self.bank(listed.index).map(whole_bytes)
    }

    /// Shows what stands in for each feed whose price account no action accepts, and the price account again once one does.
    pub fn review_outages(&mut self) {
        let now = self.now();
        let feeds = self
            .markets()
            .map(|market| (market.oracle_kind, market.feed_id));
        let priced_banks = self.banks().filter(|bank| bank.is_quote == 0);
        let feeds = feeds.chain(priced_banks.map(|bank| (bank.oracle_kind, bank.feed_id)));
        let mut changes = vec![];
        for (kind, feed) in feeds {
            let own = price_address(kind, &feed);
            let shown = match stand_in(&feed, self.markets(), self.banks(), now) {
                Some(instead) if !self.is_alive(&own, kind, &feed, now) => match instead {
                    StandIn::Market(index) => {
                        self.directory().market(index).map(|listed| listed.key)
                    }
                    StandIn::Bank(index) => self.directory().bank(index).map(|listed| listed.key),
                },
                _ => Ok(own),
            };
            let Ok(shown) = shown else { continue };
            if self.directory().price(kind, &feed) != shown {
                changes.push((feed, shown));
            }
        }
        for (feed, shown) in changes {
            self.show(feed, shown);
        }
    }

    /// Whether a price account shows a price that some action accepts, of any bank or market of the feed.
    fn is_alive(&self, own: &Pubkey, kind: u8, feed: &[u8; 32], now: i64) -> bool {
        let house = self.directory().house;
        let account = self.price_bytes(own).map(|price| RawAccount {
            owner: price.owner,
            data: &price.data,
        });
        let account = account.unwrap_or(RawAccount::EMPTY);
        let is_good = |priced: Priced<'_>| {
            let shown = ShownPrice::read(own, &account, &house, now, priced);
            shown.refusal.is_none()
        };
        let mut markets = self.markets();
        let is_of = |other: (u8, [u8; 32])| other == (kind, *feed);
        markets.any(|market| {
            is_of((market.oracle_kind, market.feed_id)) && is_good(Priced::Market(market))
        }) || self
            .banks()
            .any(|bank| is_of((bank.oracle_kind, bank.feed_id)) && is_good(Priced::Bank(bank)))
    }

    /// The banks and markets whose value a change touches.
    pub fn touched_by(&self, applied: &Applied, key: &Pubkey) -> Scope {
        let mut touched = Scope::default();
        match applied {
            Applied::Bank(index, _) => {
                touched.banks.insert(*index);
            }
            Applied::Market(index, _) => {
                touched.markets.insert(*index);
            }
            Applied::Price => {
                let banks = self.directory().banks.values();
                let banks = banks.filter(|bank| !bank.is_quote && bank.price == *key);
                touched.banks.extend(banks.map(|bank| bank.index));
                let markets = self.directory().markets.values();
                let markets = markets.filter(|market| market.price == *key);
                touched.markets.extend(markets.map(|market| market.index));
            }
            _ => {}
        }
        touched
    }
}

/// An account of the program as it is on chain.
fn whole_bytes<T: AccountLayout>(state: &T) -> Vec<u8> {
    let mut bytes = T::ACCOUNT_DISCRIMINATOR.to_vec();
    bytes.extend_from_slice(bytemuck::bytes_of(state));
    bytes
}
