//! A network from start to stop, and the hands that tests have on it.

use std::net::TcpListener;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{unbounded, Sender};
use surfpool_types::ClockCommand;

use crate::chain::{spawn, Chain, HOST};
use crate::clock::NetworkClock;
use crate::error::Error;
use crate::feeder::{ask, Feeder, Task};
use crate::gateway::Gateway;
use crate::info::{Info, Place};
use crate::poster::Poster;
use crate::scenario::{Script, SYMBOLS};
use crate::settings::{check_clock_speed, Settings};
use crate::stage::Stage;
use crate::town::Town;

/// Blocks after which no recent blockhash is recent any more.
const BLOCKHASH_LIFE: usize = 151;
/// Times that ports may be lost to another process before giving up.
const PORT_RACES: usize = 5;
/// Pairs of free ports that are tried before giving up.
const PORT_TRIES: usize = 100;

/// A running network; it ends when dropped.
pub struct Network {
    /// What was made.
    pub info: Info,
    chain: Option<Chain>,
    gateway: Option<Gateway>,
    tasks: Option<Sender<Task>>,
    poster: Option<Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl Network {
    /// Builds a world and serves it. Returns once clients are answered: about a second, and two more for each thousand accounts.
    ///
    /// Refuses settings out of range, ports in use, and files that cannot be read or written.
    pub fn start(settings: Settings) -> Result<Self, Error> {
        let entrance = Entrance::of(&settings)?;
        let town = Town::build(&settings)?;
        Self::open(&town, &settings, entrance)
    }

    /// Serves a town that was built before: its settings decided about the population, these decide about everything else.
    pub fn start_from(town: &Town, settings: Settings) -> Result<Self, Error> {
        let entrance = Entrance::of(&settings)?;
        Self::open(town, &settings, entrance)
    }

    /// Opens; once more with other ports, or with the same ones if they were named, where somebody was faster at one.
    fn open(town: &Town, settings: &Settings, entrance: Entrance) -> Result<Self, Error> {
        let mut opened = Self::open_apart(town, settings, entrance);
        for _ in 1..PORT_RACES {
            if !matches!(opened, Err(Error::PortInUse(_))) {
                break;
            }
            let entrance = Entrance::of(settings)?;
            opened = Self::open_apart(town, settings, entrance);
        }
        opened
    }

    /// In a thread of its own: callers may be inside a runtime, which forbids waiting.
    fn open_apart(town: &Town, settings: &Settings, entrance: Entrance) -> Result<Self, Error> {
        let opened = std::thread::scope(|scope| {
            let thread = scope.spawn(|| Self::open_here(town, settings, entrance));
            thread.join()
        });
        opened.unwrap_or_else(|_| Err(Error::Chain("a panic while starting".into())))
    }

    fn open_here(town: &Town, settings: &Settings, entrance: Entrance) -> Result<Self, Error> {
        let Entrance { ports, script } = entrance;
        let stage = &town.stage;
        if let Some(folder) = &settings.keys {
            write_keys(stage, folder)?;
        }
        settings.say("opening the chain");
        let prepared = Chain::prepare(stage, settings.slot_ms)?;
        let clock = NetworkClock::start(settings.clock_speed);
        let hands = (prepared.locker.clone(), clock.clone());
        let mut feeder = Feeder::new(hands, stage, script, settings);
        feeder.tick();
        let (rpc_url, ws_url) = ports.urls();
        let slot = prepared.locker.get_latest_absolute_slot();
        let place = Place {
            rpc_url,
            ws_url,
            slot,
            time: clock.seconds(),
        };
        let info = Info::of(town, settings, place);
        let (chain, listener, inner_port) = {
            let _turn = port_turn();
            let (rpc_port, listener) = ports.release();
            let inner_port = free_port()?;
            let chain = prepared.open(rpc_port, inner_port)?;
            (chain, listener, inner_port)
        };
        let gateway = Gateway::start(listener, inner_port, chain.locker.clone())?;
        let (tasks, inbox) = unbounded();
        let feeding = spawn("feeder", move || feeder.run(&inbox))?;
        let poster = Poster::new(stage, settings, &info.rpc_url, clock);
        let (poster_lives, stop) = unbounded();
        let posting = spawn("poster", move || poster.run(&stop))?;
        Ok(Self {
            info,
            chain: Some(chain),
            gateway: Some(gateway),
            tasks: Some(tasks),
            poster: Some(poster_lives),
            threads: vec![feeding, posting],
        })
    }

    /// Where HTTP is answered.
    pub fn rpc_url(&self) -> &str {
        &self.info.rpc_url
    }

    /// Where WebSockets are.
    pub fn ws_url(&self) -> &str {
        &self.info.ws_url
    }

    /// Holds the price of BTC, SOL or ETH, 1e-8 USD, from now on, in place of the scenario's.
    pub fn set_price(&self, symbol: &str, price: u64) -> Result<(), Error> {
        let market = place_of(symbol)?;
        self.ask(move |feeder| feeder.pin(market, price))
    }

    /// Prices last published of BTC, SOL and ETH, 1e-8 USD.
    pub fn prices(&self) -> Result<[u64; 3], Error> {
        self.ask(|feeder| feeder.prices())
    }

    /// Publishes the prices of the crash's bottom, all at once, and stays there; forgets those that were set.
    pub fn crash_now(&self) -> Result<(), Error> {
        self.ask(Feeder::crash)
    }

    /// Lets price accounts grow old; the clock goes on.
    pub fn stop_feeder(&self) -> Result<(), Error> {
        self.ask(|feeder| feeder.feed(false))
    }

    /// Publishes again, at once.
    pub fn start_feeder(&self) -> Result<(), Error> {
        self.ask(|feeder| feeder.feed(true))
    }

    /// Lets the price account of BTC, SOL or ETH alone grow old.
    pub fn stop_feed(&self, symbol: &str) -> Result<(), Error> {
        let market = place_of(symbol)?;
        self.ask(move |feeder| feeder.feed_market(market, false))
    }

    /// Publishes it again, at once.
    pub fn start_feed(&self, symbol: &str) -> Result<(), Error> {
        let market = place_of(symbol)?;
        self.ask(move |feeder| feeder.feed_market(market, true))
    }

    /// Unix time by the network's clock, seconds.
    pub fn time(&self) -> Result<i64, Error> {
        self.ask(|feeder| feeder.time())
    }

    /// Moves the network's clock ahead at once; prices of that moment are published with it, unless the feeder is stopped.
    pub fn advance(&self, by: Duration) -> Result<(), Error> {
        self.ask(move |feeder| feeder.advance(by))
    }

    /// The same, and holds the price of BTC, SOL or ETH, 1e-8 USD, from that moment on.
    pub fn advance_with(&self, by: Duration, symbol: &str, price: u64) -> Result<(), Error> {
        let market = place_of(symbol)?;
        self.ask(move |feeder| feeder.advance_with(by, (market, price)))
    }

    /// Lets the network's clock run at this many seconds in one of the wall's from now on, 1 to 100.
    pub fn set_clock_speed(&self, speed: f64) -> Result<(), Error> {
        check_clock_speed(speed)?;
        self.ask(move |feeder| feeder.set_clock_speed(speed))
    }

    /// Milliseconds between two blocks from now on.
    pub fn set_slot_time(&self, millis: u64) -> Result<(), Error> {
        self.command(ClockCommand::UpdateSlotInterval(millis))
    }

    /// Makes no more blocks: transactions run, and are never confirmed.
    pub fn pause_blocks(&self) -> Result<(), Error> {
        self.command(ClockCommand::Pause)
    }

    /// Makes blocks again.
    pub fn resume_blocks(&self) -> Result<(), Error> {
        self.command(ClockCommand::Resume)
    }

    /// Makes as many blocks at once as every blockhash in use needs to expire.
    pub fn expire_blockhashes(&self) -> Result<(), Error> {
        self.ask(|feeder| feeder.skip_blocks(BLOCKHASH_LIFE))?
    }

    /// Ends it and waits until the ports are free.
    pub fn stop(mut self) -> Result<(), Error> {
        self.end()
    }

    fn ask<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut Feeder) -> T + Send + 'static,
    ) -> Result<T, Error> {
        ask(self.tasks.as_ref().ok_or(Error::Stopped)?, task)
    }

    fn command(&self, command: ClockCommand) -> Result<(), Error> {
        self.chain.as_ref().ok_or(Error::Stopped)?.command(command)
    }

    fn end(&mut self) -> Result<(), Error> {
        (self.tasks, self.poster) = (None, None);
        self.gateway = None;
        let stopped = self.chain.take().map_or(Ok(()), |chain| chain.stop());
        // the poster may be waiting for an answer, which it has once the server is closed
        for thread in self.threads.drain(..) {
            // one that panicked has ended too
            let _ = thread.join();
        }
        stopped
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // whoever wants to know whether the ports are free calls `stop`
        let _ = self.end();
    }
}

/// Place of a market by its symbol.
fn place_of(symbol: &str) -> Result<usize, Error> {
    let place = SYMBOLS.iter().position(|known| *known == symbol);
    let unknown = || Error::Setting("symbol", format!("{symbol} is none of {SYMBOLS:?}"));
    place.ok_or_else(unknown)
}

/// What may be refused before anything is built.
struct Entrance {
    ports: Ports,
    script: Script,
}

impl Entrance {
    fn of(settings: &Settings) -> Result<Self, Error> {
        settings.check()?;
        Ok(Self {
            script: Script::new(&settings.scenario, settings.seed)?,
            ports: Ports::choose(settings.port)?,
        })
    }
}

/// Ports are chosen and bound one network at a time: between the two they are free for a moment, which another one would use.
fn port_turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    // whoever panicked left nothing behind
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Two ports that nobody else has; held until they are released to the servers.
struct Ports {
    rpc: TcpListener,
    ws: TcpListener,
    numbers: (u16, u16),
}

impl Ports {
    /// The port and its next one; 0: the first free pair.
    fn choose(port: u16) -> Result<Self, Error> {
        let _turn = port_turn();
        if port != 0 {
            return Self::pair(listen(port)?, port);
        }
        let mut last = Error::PortInUse(0);
        for _ in 0..PORT_TRIES {
            let rpc = listen(0)?;
            let address = rpc.local_addr().map_err(|error| Error::Bind(0, error))?;
            match Self::pair(rpc, address.port()) {
                Ok(ports) => return Ok(ports),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn pair(rpc: TcpListener, port: u16) -> Result<Self, Error> {
        let next = port.checked_add(1).ok_or(Error::NoNextPort(port))?;
        let ws = listen(next)?;
        Ok(Self {
            rpc,
            ws,
            numbers: (port, next),
        })
    }

    fn urls(&self) -> (String, String) {
        let (rpc, ws) = self.numbers;
        (format!("http://{HOST}:{rpc}"), format!("ws://{HOST}:{ws}"))
    }

    /// Frees the port of the RPC server, which binds it itself.
    fn release(self) -> (u16, TcpListener) {
        drop(self.rpc);
        (self.numbers.0, self.ws)
    }
}

/// A port that nobody uses, for the server behind the gateway.
fn free_port() -> Result<u16, Error> {
    let address = listen(0)?.local_addr();
    address
        .map(|address| address.port())
        .map_err(|error| Error::Bind(0, error))
}

fn listen(port: u16) -> Result<TcpListener, Error> {
    TcpListener::bind((HOST, port)).map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => Error::PortInUse(port),
        _ => Error::Bind(port, error),
    })
}

/// Writes the named users' keypairs as the Solana tools read them. The keys are public: they are made from the names.
pub(crate) fn write_keys(stage: &Stage, folder: &Path) -> Result<(), Error> {
    let fail = |path: &Path| {
        let path = path.to_path_buf();
        move |error| Error::File(path, error)
    };
    std::fs::create_dir_all(folder).map_err(fail(folder))?;
    for person in &stage.people {
        let path = folder.join(format!("{}.json", person.name));
        let bytes = person.user.keypair().to_bytes();
        std::fs::write(&path, format!("{bytes:?}\n")).map_err(fail(&path))?;
    }
    Ok(())
}
