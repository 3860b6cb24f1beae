//! Sending: simulate, pay for what was used, send until it lands or cannot land any more, then again with a fresh blockhash.
//!
//! The order of things is what makes a repetition safe: a blockhash counts as expired only when the server shows a block height
//! beyond its last, and *then*, as of that slot or a later one, knows nothing of the signature. Anything less is
//! [`ClientError::Unknown`], which is never repeated here. That is the word of a server that tells the truth: one that lies about heights
//! and statuses gets as many signatures as there are [`TransactorConfig::attempts`], and can land them all. What must not happen twice
//! has one attempt, or asserts the account's sequence among its instructions.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use portfolio_margin_interface::Pubkey;
use solana_commitment_config::CommitmentLevel;
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_instruction::Instruction;
use solana_message::AddressLookupTableAccount;
use solana_signature::Signature;
use tokio::time::sleep;

use crate::blockhash::{of_life, RECENT_BLOCKHASHES};
use crate::error::{ClientError, Result};
use crate::failure::TransactionFailure;
use crate::fees::{priority_lamports, ComputePolicy, PriorityFee};
use crate::message::{written, AnySigner, Prepared, COMPUTE_LIMIT};
use crate::rpc::{Blockhash, Rpc, Simulation, Status};
use crate::tables::only;

/// Lamports per signature.
const LAMPORTS_PER_SIGNATURE: u64 = 5_000;
/// Most accounts that may be named when asking for recent fees.
const MOST_FEE_ACCOUNTS: usize = 128;
/// Signatures remembered: more than one key sends while a blockhash is the newest.
const REMEMBERED: usize = 1_024;
/// Block heights are asked for once in so many looks at the status.
const LOOKS_PER_HEIGHT: u32 = 5;

/// How transactions are sent.
#[derive(Clone, Debug)]
pub struct TransactorConfig {
    /// Limit of compute units.
    pub compute: ComputePolicy,
    /// Price of compute units.
    pub fee: PriorityFee,
    /// What counts as landed.
    pub commitment: CommitmentLevel,
    /// Time between two sendings of the same transaction.
    pub resend_every: Duration,
    /// Time between two looks at its status.
    pub poll_every: Duration,
    /// Blockhashes to try; at least one.
    pub attempts: u32,
    /// Longest time for one blockhash: beyond it the outcome is unknown. A blockhash lives for about a minute.
    pub patience: Duration,
    /// Blocks for which a transaction can land, where the cluster lists its recent blockhashes; `None`: for those of the newest, 150.
    /// Few mean that soon it either has landed or never will.
    pub life: Option<u64>,
}

impl Default for TransactorConfig {
    fn default() -> Self {
        Self {
            compute: ComputePolicy::default(),
            fee: PriorityFee::default(),
            commitment: CommitmentLevel::Confirmed,
            resend_every: Duration::from_secs(2),
            poll_every: Duration::from_millis(400),
            attempts: 3,
            patience: Duration::from_secs(150),
            life: None,
        }
    }
}

/// What a transaction is going to cost, after its simulation.
#[derive(Clone, Debug)]
pub struct Quoted {
    /// The instructions, compute budget first.
    pub instructions: Vec<Instruction>,
    /// The simulation.
    pub simulation: Simulation,
    /// Limit of compute units.
    pub limit: u32,
    /// Price, 1e-6 lamports per unit.
    pub price: u64,
    /// Lamports in all: signatures and priority.
    pub lamports: u64,
    /// Bytes on the wire.
    pub bytes: usize,
}

/// A transaction that landed and succeeded.
#[derive(Clone, Debug)]
pub struct Landed {
    /// Its signature.
    pub signature: Signature,
    /// Its slot.
    pub slot: u64,
    /// Blockhashes that it took.
    pub attempts: u32,
    /// What it cost, and what its simulation showed.
    pub quoted: Quoted,
}

/// Sends transactions that one key pays for. Cheap to clone; clones share what was sent lately.
#[derive(Clone)]
pub struct Transactor {
    rpc: Rpc,
    payer: Arc<AnySigner>,
    tables: Arc<Vec<AddressLookupTableAccount>>,
    config: TransactorConfig,
    /// The same instructions under the same blockhash are the same transaction, which happens once: who sends them twice means twice.
    sent: Arc<Mutex<VecDeque<Signature>>>,
}

impl Transactor {
    /// A transactor without lookup tables.
    pub fn new(rpc: Rpc, payer: Arc<AnySigner>, config: TransactorConfig) -> Self {
        Self {
            rpc,
            payer,
            tables: Arc::default(),
            config,
            sent: Arc::default(),
        }
    }

    /// The same with lookup tables; each transaction uses those that make it smaller, and of them `known` accounts alone:
    /// [`crate::tables::addresses`]. Others stand in the transaction itself.
    ///
    /// What a table names is the server's word, and a transaction names places in tables. With a server that lies, or a table whose
    /// owner is the thief, it is another account than its signer saw that stands in the place. The program ties what a house lists to
    /// the house and that to margin accounts; nothing ties a wallet to anything.
    #[must_use]
    pub fn with_tables(mut self, tables: Vec<AddressLookupTableAccount>, known: &[Pubkey]) -> Self {
        let tables = tables.into_iter().map(|table| only(table, known));
        self.tables = Arc::new(tables.collect());
        self
    }

    /// The same with another way of sending.
    #[must_use]
    pub fn with_config(mut self, config: TransactorConfig) -> Self {
        self.config = config;
        self
    }

    /// Who pays.
    pub fn payer(&self) -> Pubkey {
        self.payer.pubkey()
    }

    /// The server.
    pub fn rpc(&self) -> &Rpc {
        &self.rpc
    }

    /// How transactions are sent.
    pub fn config(&self) -> &TransactorConfig {
        &self.config
    }

    /// Runs instructions without sending them, under the highest limit; `accounts` are returned as they would be afterwards. A refusal
    /// is in the result, not an error.
    pub async fn simulate(
        &self,
        instructions: &[Instruction],
        accounts: &[Pubkey],
    ) -> Result<Simulation> {
        let all = self.with_budget(instructions, COMPUTE_LIMIT, 0);
        let prepared = Prepared::new(&self.payer(), &all, &self.tables, Default::default())?;
        self.rpc.simulate(&prepared.unsigned(), accounts).await
    }

    /// Simulates and sets limit and price. Costs nothing.
    ///
    /// Errors: [`ClientError::Refused`] with what the program said, [`ClientError::Compute`], [`ClientError::TooLarge`].
    pub async fn quote(&self, instructions: &[Instruction]) -> Result<Quoted> {
        let (simulation, recent) = tokio::join!(
            self.simulate(instructions, &[]),
            self.recent_fees(instructions)
        );
        let simulation = simulation?;
        if let Some(failure) = &simulation.failure {
            return Err(match failure.is_out_of_compute() {
                true => ClientError::Compute {
                    used: failure.units,
                    limit: COMPUTE_LIMIT,
                },
                false => ClientError::Refused(Box::new(failure.clone())),
            });
        }
        let limit = self.config.compute.limit(simulation.units);
        let price = self.config.fee.price(recent?, limit);
        let instructions = self.with_budget(instructions, limit, price);
        let prepared = Prepared::new(
            &self.payer(),
            &instructions,
            &self.tables,
            Default::default(),
        )?;
        let signatures = u64::try_from(prepared.signers().len()).unwrap_or(u64::MAX);
        let base = signatures.saturating_mul(LAMPORTS_PER_SIGNATURE);
        Ok(Quoted {
            bytes: prepared.size(),
            instructions,
            simulation,
            limit,
            price,
            lamports: base.saturating_add(priority_lamports(price, limit)),
        })
    }

    /// Simulates, signs, sends and waits until the transaction has landed. The payer signs; `signers` are the others.
    ///
    /// Errors: as [`Transactor::quote`]; [`ClientError::Refused`] also for a failure in a block, [`ClientError::Expired`],
    /// [`ClientError::Unknown`].
    pub async fn send(
        &self,
        instructions: &[Instruction],
        signers: &[&AnySigner],
    ) -> Result<Landed> {
        let attempts = self.config.attempts.max(1);
        let mut attempt = 1;
        loop {
            let quoted = self.quote(instructions).await?;
            match self.send_quoted(quoted, signers).await {
                Err(ClientError::Expired { .. }) if attempt < attempts => {
                    attempt = attempt.saturating_add(1);
                }
                Err(ClientError::Expired { signature, .. }) => {
                    let attempts = attempt;
                    return Err(ClientError::Expired {
                        signature,
                        attempts,
                    });
                }
                Ok(landed) => {
                    return Ok(Landed {
                        attempts: attempt,
                        ..landed
                    })
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends what was quoted under one blockhash, without simulating it again.
    pub async fn send_quoted(&self, quoted: Quoted, signers: &[&AnySigner]) -> Result<Landed> {
        let (signature, bytes, blockhash) = self.sign_anew(&quoted.instructions, signers).await?;
        let flight = Flight {
            transactor: self,
            signature,
            bytes,
            blockhash,
            started: Instant::now(),
        };
        let slot = flight.land().await?;
        self.rpc.expect_slot(slot);
        Ok(Landed {
            signature,
            slot,
            attempts: 1,
            quoted,
        })
    }

    /// The newest blockhash, or an older one where transactions are to live for fewer blocks. A server that does not tell the older ones
    /// keeps nobody from sending.
    async fn blockhash(&self) -> Result<Blockhash> {
        let Some(life) = self.config.life else {
            return self.rpc.latest_blockhash().await;
        };
        let sysvar = [RECENT_BLOCKHASHES];
        let (newest, listed) =
            tokio::join!(self.rpc.latest_blockhash(), self.rpc.accounts(&sysvar));
        let newest = newest?;
        let listed = listed.map(|found| found.accounts.into_iter().flatten().next());
        let older = listed.ok().flatten();
        let older = older.and_then(|account| of_life(newest, &account.data, life));
        Ok(older.unwrap_or(newest))
    }

    /// Signs under a recent blockhash; waits for a newer one where this very transaction was sent before.
    async fn sign_anew(
        &self,
        instructions: &[Instruction],
        signers: &[&AnySigner],
    ) -> Result<(Signature, Vec<u8>, Blockhash)> {
        let payer: &AnySigner = self.payer.as_ref();
        let all: Vec<&AnySigner> = [payer].into_iter().chain(signers.iter().copied()).collect();
        let started = Instant::now();
        loop {
            let blockhash = self.blockhash().await?;
            let (payer, hash) = (self.payer(), blockhash.hash);
            let prepared = Prepared::new(&payer, instructions, &self.tables, hash)?;
            let (signature, bytes) = prepared.sign(&all)?;
            if self.note_new(signature) {
                return Ok((signature, bytes, blockhash));
            }
            if started.elapsed() > self.config.patience {
                return Err(ClientError::Unknown {
                    signature,
                    seconds: started.elapsed().as_secs(),
                    last: "it was sent before, and there is no newer blockhash".into(),
                });
            }
            sleep(self.config.poll_every).await;
        }
    }

    /// Notes a signature; returns whether it was not sent before.
    fn note_new(&self, signature: Signature) -> bool {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.contains(&signature) {
            return false;
        }
        if sent.len() >= REMEMBERED {
            sent.pop_front();
        }
        sent.push_back(signature);
        true
    }

    /// Recent fees of what would be written; none where the policy does not ask.
    async fn recent_fees(&self, instructions: &[Instruction]) -> Result<Vec<u64>> {
        if !self.config.fee.needs_recent() {
            return Ok(vec![]);
        }
        let mut keys = written(&self.payer(), instructions);
        keys.truncate(MOST_FEE_ACCOUNTS);
        self.rpc.prioritization_fees(&keys).await
    }

    /// With a limit, and with a price where the policy may set one: the simulation then has the same instructions.
    fn with_budget(
        &self,
        instructions: &[Instruction],
        limit: u32,
        price: u64,
    ) -> Vec<Instruction> {
        let mut all = vec![ComputeBudgetInstruction::set_compute_unit_limit(limit)];
        if self.config.fee != PriorityFee::None {
            all.push(ComputeBudgetInstruction::set_compute_unit_price(price));
        }
        all.extend_from_slice(instructions);
        all
    }
}

/// One signed transaction on its way.
struct Flight<'a> {
    transactor: &'a Transactor,
    signature: Signature,
    bytes: Vec<u8>,
    blockhash: Blockhash,
    started: Instant,
}

impl Flight<'_> {
    /// Sends and looks until it has landed, has expired, or patience ends; returns its slot.
    async fn land(&self) -> Result<u64> {
        let config = &self.transactor.config;
        let mut trouble = String::from("no status");
        let (mut sent_at, mut looks) = (None::<Instant>, 0u32);
        while self.started.elapsed() < config.patience {
            if sent_at.is_none_or(|at| at.elapsed() >= config.resend_every) {
                let is_first = sent_at.is_none();
                sent_at = Some(Instant::now());
                if let Err(error) = self.transactor.rpc.send(&self.bytes).await {
                    trouble = self.heed(error, is_first)?;
                }
            }
            match self
                .look(looks % LOOKS_PER_HEIGHT == LOOKS_PER_HEIGHT.saturating_sub(1))
                .await
            {
                Ok(Some(slot)) => return Ok(slot),
                Ok(None) => {}
                Err(error @ (ClientError::Refused(_) | ClientError::Expired { .. })) => {
                    return Err(error)
                }
                Err(error) => trouble = error.to_string(),
            }
            looks = looks.wrapping_add(1);
            sleep(config.poll_every).await;
        }
        Err(ClientError::Unknown {
            signature: self.signature,
            seconds: self.started.elapsed().as_secs(),
            last: trouble,
        })
    }

    /// What a refused sending means. A server that says no to the very first one has passed nothing on; later ones may be refused
    /// because an earlier one landed or its blockhash is over, which the status tells better.
    fn heed(&self, error: ClientError, is_first: bool) -> Result<String> {
        let ClientError::Rpc(failure) = &error else {
            return Ok(error.to_string());
        };
        let name = failure.refusal.as_ref().map(|refusal| refusal.name.clone());
        let is_decided_later = matches!(
            name.as_deref(),
            Some("BlockhashNotFound" | "AlreadyProcessed")
        );
        let is_definite = failure.code.is_some() && !failure.is_transient();
        match (
            &failure.refusal,
            is_first && is_definite && !is_decided_later,
        ) {
            (Some(refusal), true) => Err(ClientError::Refused(refusal.clone())),
            (None, true) => Err(error),
            (_, false) => Ok(error.to_string()),
        }
    }

    /// Looks at the status once; `Ok(None)`: not yet. With `is_height_asked` also whether the blockhash is over.
    async fn look(&self, is_height_asked: bool) -> Result<Option<u64>> {
        let rpc = &self.transactor.rpc;
        let (_, status) = rpc.status(&self.signature, false).await?;
        if let Some(status) = status {
            return self.judge(status).await;
        }
        if !is_height_asked {
            return Ok(None);
        }
        let (slot, height) = rpc.slot_and_height().await?;
        if height <= self.blockhash.last_valid_height {
            return Ok(None);
        }
        let (as_of, status) = rpc.status(&self.signature, true).await?;
        match status {
            Some(status) => self.judge(status).await,
            None if as_of >= slot => Err(ClientError::Expired {
                signature: self.signature,
                attempts: 1,
            }),
            None => Ok(None),
        }
    }

    async fn judge(&self, status: Status) -> Result<Option<u64>> {
        let wanted = self.transactor.config.commitment;
        if rank(status.level) < rank(wanted) {
            return Ok(None);
        }
        let Some(error) = status.error else {
            return Ok(Some(status.slot));
        };
        // the log is worth a request, but not a failure: the outcome is known without it
        let log = self.transactor.rpc.log(&self.signature).await;
        let (logs, units) = log.ok().flatten().unwrap_or_default();
        Err(ClientError::Refused(Box::new(TransactionFailure {
            landed: Some((self.signature, status.slot)),
            ..TransactionFailure::read(&error, logs, units)
        })))
    }
}

fn rank(level: CommitmentLevel) -> u8 {
    match level {
        CommitmentLevel::Processed => 0,
        CommitmentLevel::Confirmed => 1,
        CommitmentLevel::Finalized => 2,
    }
}
