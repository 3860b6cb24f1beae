//! One connection: subscribe, then snapshot, then follow; on any doubt about it, an error.
//!
//! The subscription is in force before the snapshot is asked for, so a change is in the one or in the other, and slots decide between
//! the two ([`crate::book`]). Doubtful is an error, a close, silence, slots that stand still, a server that lies behind what is known.
//! Every minute a whole snapshot is compared with the book; what it shows that no notification has told is taken over and counted. A
//! node's program subscription does not tell that an account was closed: the snapshot does.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::sync::{Arc, RwLockReadGuard};
use std::time::Duration;

use client_core::clock::CLOCK;
use portfolio_margin_interface::Pubkey;
use tokio::task::JoinHandle;
use tokio::time::{interval, sleep_until, Instant};

use crate::book::Book;
use crate::model::{Applied, Origin, Signal, Update};
use crate::snapshot::{Snapshot, SnapshotError, Source};
use crate::subscribe::{Event, Session, SessionConfig, Topic};
use crate::watch::{read, write, Teller, Watch, WatchError};
use crate::wire::Kind;

/// One connection from its opening to its end.
pub(crate) struct Follower<'a> {
    watch: &'a Watch,
    source: Arc<Source>,
    tell: Teller,
    /// Price accounts that are subscribed to.
    followed: BTreeSet<Pubkey>,
    /// Something was listed since.
    is_listing_new: bool,
}

/// What a running snapshot is.
type Running = JoinHandle<Result<Snapshot, SnapshotError>>;

/// The next whole snapshot.
enum Safety {
    /// To be asked for at a time.
    Due(Instant),
    /// Asked for.
    Asked(Running),
    /// Answered; compared once its notifications have had time to arrive.
    Held(Instant, Snapshot),
    /// Accounts that it lacked, asked for by their addresses.
    Confirming(Running),
}

impl<'a> Follower<'a> {
    pub(crate) fn new(watch: &'a Watch, tell: Teller) -> Result<Self, WatchError> {
        let config = &watch.config;
        let source = Source::new(
            &config.rpc_url,
            config.house,
            config.commitment,
            config.silence,
        )?;
        Ok(Self {
            watch,
            source: Arc::new(source),
            tell,
            followed: BTreeSet::new(),
            is_listing_new: false,
        })
    }

    /// Follows the chain until that is over; returns why.
    pub(crate) async fn follow(&mut self) -> WatchError {
        let mut session = match self.load().await {
            Ok(session) => session,
            Err(error) => return error,
        };
        let mut generation = 0;
        self.watch.status.send_modify(|status| {
            status.generation = status.generation.saturating_add(1);
            generation = status.generation;
        });
        self.watch.work.is_following.store(true, Ordering::SeqCst);
        self.watch.work.add(|work| work.is_reloaded = true);
        let (slot, accounts) = {
            let book = self.book();
            (book.slot(), book.account_count())
        };
        tracing::info!(generation, slot, accounts, "following the chain");
        self.tell.tell(Signal::Reloaded { generation });
        match self.stay(&mut session).await {
            Ok(never) => match never {},
            Err(error) => error,
        }
    }

    /// Subscribes, then takes a whole snapshot.
    async fn load(&mut self) -> Result<Session, WatchError> {
        let config = &self.watch.config;
        let mut topics = vec![
            Topic::Slot,
            Topic::Account(CLOCK),
            Topic::Account(config.house),
        ];
        topics.extend(Kind::ALL.map(Topic::Program));
        let session = SessionConfig {
            url: config.ws_url.clone(),
            house: config.house,
            commitment: config.commitment,
            patience: config.silence,
        };
        let mut session = Session::open(session, &topics).await?;
        let source = Arc::clone(&self.source);
        let whole = async {
            let mut whole = source.accounts(&[config.house]).await?;
            whole.join(source.listing().await?);
            Ok::<_, SnapshotError>(whole)
        };
        let whole = session.meanwhile(whole).await??;
        let known = self.book().slot();
        let behind = known.saturating_sub(whole.slot);
        if behind > config.most_behind {
            let slot = whole.slot;
            return Err(WatchError::Behind { slot, behind });
        }
        let (_, lacking) = self.merge(&whole);
        if !lacking.is_empty() {
            let source = Arc::clone(&self.source);
            let confirmed = session.meanwhile(source.accounts(&lacking)).await??;
            self.merge(&confirmed);
        }
        if self.book().house().is_none() {
            return Err(WatchError::NoHouse(config.house));
        }
        self.follow_listing(&mut session).await?;
        self.watch.counts.snapshots.one();
        Ok(session)
    }

    /// Subscribes to the prices of what is listed, and reads them, and which token programs mints are of.
    async fn follow_listing(&mut self, session: &mut Session) -> Result<(), WatchError> {
        let (new, mints) = {
            let book = self.book();
            let new = book.price_keys().filter(|key| !self.followed.contains(key));
            (new.copied().collect::<Vec<_>>(), book.unknown_mints())
        };
        let topics: Vec<_> = new.iter().map(|key| Topic::Account(*key)).collect();
        session.subscribe(&topics).await?;
        let source = Arc::clone(&self.source);
        let read = async {
            let prices = source.accounts(&new).await?;
            Ok::<_, SnapshotError>((prices, source.owners(&mints).await?))
        };
        let (prices, owners) = session.meanwhile(read).await??;
        self.merge(&prices);
        for (mint, program) in owners {
            write(&self.watch.book).set_token_program(mint, program);
        }
        self.followed.extend(new);
        self.is_listing_new = false;
        Ok(())
    }

    async fn stay(&mut self, session: &mut Session) -> Result<Infallible, WatchError> {
        let config = Arc::clone(&self.watch.config);
        let mut second = interval(Duration::from_secs(1));
        let mut safety = Safety::Due(Instant::now() + config.snapshot_every);
        let (mut newest, mut moved_at) = (0, Instant::now());
        loop {
            tokio::select! {
                event = session.next() => match event? {
                    Event::Update(update) => self.take(&update),
                    Event::Garbage => self.watch.counts.garbage.one(),
                    Event::Slot(slot) if slot > newest => {
                        (newest, moved_at) = (slot, Instant::now());
                        write(&self.watch.book).see_slot(slot);
                    }
                    Event::Slot(_) => {}
                },
                _ = second.tick() => {
                    if moved_at.elapsed() > config.silence {
                        return Err(WatchError::Stuck { slot: newest, silence: config.silence });
                    }
                    self.tick();
                }
                next = self.next_safety(&mut safety) => safety = next?,
            }
            if self.is_listing_new {
                self.follow_listing(session).await?;
            }
        }
    }

    /// Waits for the next step of the safety net and takes it. May be dropped while it waits.
    async fn next_safety(&self, safety: &mut Safety) -> Result<Safety, WatchError> {
        let config = &self.watch.config;
        match safety {
            Safety::Due(at) => {
                sleep_until(*at).await;
                let source = Arc::clone(&self.source);
                let prices: Vec<_> = self.book().price_keys().copied().collect();
                let keys: Vec<_> = prices.into_iter().chain([config.house]).collect();
                Ok(Safety::Asked(tokio::spawn(async move {
                    let mut whole = source.listing().await?;
                    whole.join(source.accounts(&keys).await?);
                    Ok(whole)
                })))
            }
            Safety::Asked(running) => {
                let whole = running.await.map_err(|_| WatchError::Interrupted)??;
                Ok(Safety::Held(Instant::now() + config.grace, whole))
            }
            Safety::Held(until, whole) => {
                sleep_until(*until).await;
                let (slot, known) = (whole.slot, self.book().slot());
                let behind = slot.saturating_sub(known).max(known.saturating_sub(slot));
                if behind > config.most_behind {
                    return Err(WatchError::Behind { slot, behind });
                }
                let (missed, lacking) = self.merge(whole);
                self.watch.counts.missed.add(missed);
                self.watch.counts.snapshots.one();
                if missed > 0 {
                    tracing::warn!(missed, "a snapshot shows what no notification has told");
                }
                if lacking.is_empty() {
                    return Ok(Safety::Due(Instant::now() + config.snapshot_every));
                }
                let source = Arc::clone(&self.source);
                let confirm = async move { source.accounts(&lacking).await };
                Ok(Safety::Confirming(tokio::spawn(confirm)))
            }
            Safety::Confirming(running) => {
                let confirmed = running.await.map_err(|_| WatchError::Interrupted)??;
                self.merge(&confirmed);
                Ok(Safety::Due(Instant::now() + config.snapshot_every))
            }
        }
    }

    fn book(&self) -> RwLockReadGuard<'_, Book> {
        read(&self.watch.book)
    }

    /// Takes a snapshot over; returns how many accounts it changed, and those that it lacks.
    fn merge(&self, whole: &Snapshot) -> (u64, Vec<Pubkey>) {
        let mut changed = 0u64;
        self.watch.counts.garbage.add(whole.garbage);
        for update in &whole.updates {
            changed = changed.saturating_add(u64::from(self.apply(update)));
        }
        let lacking = whole
            .listed
            .as_ref()
            .map(|listed| self.book().unlisted(listed));
        (changed, lacking.unwrap_or_default())
    }

    fn take(&mut self, update: &Update) {
        let before = self.listed();
        self.apply(update);
        self.is_listing_new |= self.listed() != before;
    }

    fn listed(&self) -> usize {
        let book = self.book();
        let listed = book.directory();
        listed.banks.len().saturating_add(listed.markets.len())
    }

    /// Takes an update over and notes what is to be evaluated; whether it changed the book.
    fn apply(&self, update: &Update) -> bool {
        let (applied, touched) = {
            let mut book = write(&self.watch.book);
            let applied = book.apply(update);
            (applied, book.touched_by(&applied, &update.key))
        };
        let counts = &self.watch.counts;
        let is_change = match applied {
            Applied::Stale | Applied::Same => {
                counts.stale.one();
                return false;
            }
            Applied::Foreign => {
                counts.garbage.one();
                return false;
            }
            Applied::Closed if update.origin == Origin::Snapshot => {
                counts.closed.one();
                false // a close is not told
            }
            // time passes by itself
            Applied::Clock => false,
            _ => true,
        };
        counts.applied.one();
        self.watch.work.add(|work| match applied {
            Applied::Account => {
                work.changed.insert(update.key);
            }
            Applied::Closed => work.gone.push(update.key),
            Applied::House => work.is_house_changed = true,
            _ => work.touch(&touched),
        });
        is_change
    }

    fn tick(&self) {
        let (slot, now, accounts) = {
            let mut book = write(&self.watch.book);
            book.review_outages();
            (book.slot(), book.now(), book.account_count())
        };
        self.watch.status.send_modify(|status| {
            (status.slot, status.now, status.accounts) = (slot, now, accounts);
        });
        self.tell.tell(Signal::Tick { slot, now });
    }
}

#[cfg(test)]
mod tests;
