//! The chain: surfpool's VM with the world copied into it, its RPC and WebSocket servers, its blocks.

use std::time::{Duration, Instant};

use crossbeam_channel::{unbounded, Receiver, RecvTimeoutError, Sender};
use solana_account::{Account, ReadableAccount};
use surfpool_core::surfnet::locker::SurfnetSvmLocker;
use surfpool_core::surfnet::svm::{SurfnetSvm, SurfnetSvmConfig};
use surfpool_core::surfnet::GeyserEvent;
use surfpool_types::{
    BlockProductionMode, ClockCommand, RpcConfig, SimnetCommand, SimnetConfig, SimnetEvent,
    SurfpoolConfig,
};

use crate::error::Error;
use crate::stage::Stage;

/// Where servers listen: this machine alone.
pub(crate) const HOST: &str = "127.0.0.1";
/// For the servers to open, or to close.
const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes of log that a transaction keeps: as much as any of ours writes.
const LOG_BYTES: usize = 100_000;

/// What the chain tells of itself.
enum Milestone {
    Started,
    Aborted(String),
    ServerClosed,
}

/// A running chain.
pub(crate) struct Chain {
    pub locker: SurfnetSvmLocker,
    commands: Sender<SimnetCommand>,
    milestones: Receiver<Milestone>,
}

impl Chain {
    /// Copies a world into a new chain; nothing runs yet.
    pub fn prepare(stage: &Stage, slot_ms: u64) -> Result<Prepared, Error> {
        let config = SurfnetSvmConfig {
            slot_time: slot_ms,
            instruction_profiling_enabled: false,
            log_bytes_limit: Some(LOG_BYTES),
            ..SurfnetSvmConfig::default()
        };
        let failed = |error: &dyn std::fmt::Display| Error::Chain(error.to_string());
        let (mut svm, events, geyser) = SurfnetSvm::new(config).map_err(|error| failed(&error))?;
        let (report, milestones) = unbounded();
        watch(events, report.clone())?;
        begin_at(&mut svm, stage.world.slot() + 1);
        copy(stage, &mut svm).map_err(|error| failed(&error))?;
        Ok(Prepared {
            locker: SurfnetSvmLocker::new(svm),
            geyser,
            report,
            milestones,
            slot_ms,
        })
    }

    /// Ends blocks and servers, and waits until the ports are free.
    pub fn stop(&self) -> Result<(), Error> {
        let sent = self.commands.send(SimnetCommand::Terminate(None));
        if sent.is_err() {
            return Ok(());
        }
        let until = Instant::now() + PATIENCE;
        let mut open = 2;
        while open > 0 {
            match self.milestones.recv_deadline(until) {
                Ok(Milestone::ServerClosed) => open -= 1,
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {
                    return Err(Error::Chain(format!("{open} of 2 servers did not close")))
                }
            }
        }
        Ok(())
    }

    /// Tells the clock of blocks something.
    pub fn command(&self, command: ClockCommand) -> Result<(), Error> {
        let command = SimnetCommand::CommandClock(None, command);
        self.commands.send(command).map_err(|_| Error::Stopped)
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        // it may have ended already
        let _ = self.commands.send(SimnetCommand::Terminate(None));
    }
}

/// A chain whose servers are not open yet.
pub(crate) struct Prepared {
    pub locker: SurfnetSvmLocker,
    geyser: Receiver<GeyserEvent>,
    report: Sender<Milestone>,
    milestones: Receiver<Milestone>,
    slot_ms: u64,
}

impl Prepared {
    /// Opens the servers and begins to make blocks.
    pub fn open(self, rpc_port: u16, ws_port: u16) -> Result<Chain, Error> {
        let config = SurfpoolConfig {
            simnets: vec![SimnetConfig {
                offline_mode: true,
                remote_rpc_url: None,
                slot_time: self.slot_ms,
                block_production_mode: BlockProductionMode::Clock,
                instruction_profiling_enabled: false,
                log_bytes_limit: Some(LOG_BYTES),
                ..SimnetConfig::default()
            }],
            rpc: RpcConfig {
                bind_host: HOST.into(),
                bind_port: rpc_port,
                ws_port,
                ..RpcConfig::default()
            },
            ..SurfpoolConfig::default()
        };
        let (commands, inbox) = unbounded();
        let (locker, report) = (self.locker.clone(), self.report);
        let (own_commands, geyser) = (commands.clone(), self.geyser);
        let run = move || {
            let run = surfpool_core::runloops::start_local_surfnet_runloop(
                locker,
                config,
                own_commands,
                inbox,
                geyser,
            );
            if let Err(error) = hiro_system_kit::nestable_block_on(run) {
                // nobody may be waiting any more
                let _ = report.send(Milestone::Aborted(error.to_string()));
            }
        };
        spawn("blocks", run)?;
        let chain = Chain {
            locker: self.locker,
            commands,
            milestones: self.milestones,
        };
        match chain.milestones.recv_timeout(PATIENCE) {
            Ok(Milestone::Started) => Ok(chain),
            Ok(Milestone::Aborted(reason)) if reason.contains("in use") => {
                Err(Error::PortInUse(rpc_port))
            }
            Ok(Milestone::Aborted(reason)) => Err(Error::Chain(reason)),
            Ok(Milestone::ServerClosed) => Err(Error::Chain("a server closed at once".into())),
            Err(error) => Err(Error::Chain(format!("it did not start: {error}"))),
        }
    }
}

/// A thread with a name.
pub(crate) fn spawn(
    name: &str,
    run: impl FnOnce() + Send + 'static,
) -> Result<std::thread::JoinHandle<()>, Error> {
    let builder = std::thread::Builder::new().name(name.into());
    builder
        .spawn(run)
        .map_err(|error| Error::Chain(format!("no thread: {error}")))
}

/// Empties the chain's channel of events, which would stop it once full, and reports the few that matter.
fn watch(events: Receiver<SimnetEvent>, report: Sender<Milestone>) -> Result<(), Error> {
    let run = move || {
        for event in events {
            let milestone = match event {
                SimnetEvent::CoreStarted(_) => Milestone::Started,
                SimnetEvent::Aborted(reason) => Milestone::Aborted(reason),
                SimnetEvent::Shutdown => Milestone::ServerClosed,
                _ => continue,
            };
            // nobody may be waiting any more
            let _ = report.send(milestone);
        }
    };
    spawn("chain events", run).map(drop)
}

/// Sets the first slot: sequence numbers of accounts begin with the slot that made them, so slots must not fall back.
fn begin_at(svm: &mut SurfnetSvm, slot: u64) {
    let mut epoch = svm.latest_epoch_info();
    epoch.absolute_slot = slot;
    epoch.epoch = slot / epoch.slots_in_epoch;
    epoch.slot_index = slot % epoch.slots_in_epoch;
    let schedule = svm.inner.get_sysvar();
    svm.initialize(epoch, schedule);
}

/// Copies every account that the new chain does not have itself; programs come last, after what they are loaded from.
fn copy(stage: &Stage, svm: &mut SurfnetSvm) -> Result<(), surfpool_core::error::SurfpoolError> {
    let own = [stage.world.svm.airdrop_pubkey()];
    let accounts = stage.world.svm.accounts_db().inner.iter();
    let (programs, data): (Vec<_>, Vec<_>) = accounts
        .filter(|(key, _)| {
            !own.contains(key) && !svm.inner.svm.accounts_db().inner.contains_key(*key)
        })
        .partition(|(_, account)| account.executable());
    for (key, account) in data.into_iter().chain(programs) {
        svm.set_account(key, Account::from(account.clone()))?;
    }
    Ok(())
}
