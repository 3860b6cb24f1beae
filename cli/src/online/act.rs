//! Doing something: simulate, or sign, send and wait; and what is shown of it.

use client_core::{AccountData, Scope};
use portfolio_margin_client::{ClientError, TransactorConfig};
use portfolio_margin_interface::Pubkey;
use serde::Serialize;
use solana_instruction::Instruction;
use solana_keypair::Keypair;

use super::desk::Desk;
use super::failure::Failure;
use super::margin::Figures;
use super::output::{pairs, write, Progress, Shown};
use super::refusal;

/// Something to do.
pub struct Act<'a> {
    /// In words: `deposit 100 USDC`.
    pub what: String,
    /// In order.
    pub instructions: Vec<Instruction>,
    /// Keys beside that of the settings.
    pub signers: Vec<&'a Keypair>,
    /// Accounts whose margin a trial shows afterwards.
    pub accounts: Vec<Pubkey>,
    /// What they may hold afterwards beside what they hold.
    pub scope: Scope,
    /// Signed under one blockhash and never again.
    pub is_once: bool,
}

/// What was done.
#[derive(Clone, Debug, Serialize)]
pub struct Done {
    /// In words.
    pub what: String,
    /// In base 58.
    pub signature: String,
    /// Where it landed.
    pub slot: u64,
    /// What its simulation used.
    pub compute_units: u64,
    /// Signatures and priority.
    pub fee_lamports: u64,
}

/// What would be done.
#[derive(Clone, Debug, Serialize)]
pub struct Tried {
    /// In words.
    pub what: String,
    /// Always true: nothing was signed or sent.
    pub dry_run: bool,
    /// What it would use.
    pub compute_units: u64,
    /// Each account's margin afterwards.
    pub after: Vec<Figures>,
}

impl<'a> Act<'a> {
    /// One instruction.
    pub fn plain(what: impl Into<String>, instruction: Instruction) -> Self {
        Self::new(what, vec![instruction])
    }

    /// Of which a trial shows no margin.
    pub fn new(what: impl Into<String>, instructions: Vec<Instruction>) -> Self {
        Self {
            what: what.into(),
            instructions,
            signers: vec![],
            accounts: vec![],
            scope: Scope::default(),
            is_once: false,
        }
    }

    /// The same, signed under one blockhash alone. That a blockhash is over is the server's word: with one that lies, a trade that is
    /// signed anew happens twice, and whoever is on its other side may own the server.
    pub fn once(mut self) -> Self {
        self.is_once = true;
        self
    }

    /// The same, whose trial shows an account's margin afterwards.
    pub fn showing(mut self, account: Pubkey) -> Self {
        self.accounts.push(account);
        self
    }

    /// The same, after which accounts may hold what is in a scope, too.
    pub fn beside(mut self, scope: &Scope) -> Self {
        self.scope = self.scope.union(scope);
        self
    }

    /// Simulates where `--dry-run` says so, else sends; writes the result.
    pub async fn carry_out(mut self, desk: &Desk) -> Result<(), Failure> {
        if desk.is_dry {
            let tried = self.tried(desk).await?;
            return write(&tried, desk.is_json);
        }
        let progress = Progress::new(format!("{}: simulating, sending, waiting", self.what));
        let landed = match self.send(desk).await {
            Err(error) if refusal::wants_house(&error) => {
                make_writable(&mut self.instructions, &desk.settings.house);
                progress.say(format!("{}: with the house writable", self.what));
                self.send(desk).await
            }
            landed => landed,
        };
        drop(progress);
        let landed = landed.map_err(refusal::of_client)?;
        let done = Done {
            what: self.what,
            signature: landed.signature.to_string(),
            slot: landed.slot,
            compute_units: landed.quoted.simulation.units,
            fee_lamports: landed.quoted.lamports,
        };
        write(&done, desk.is_json)
    }

    async fn send(&self, desk: &Desk) -> Result<portfolio_margin_client::Landed, ClientError> {
        let transactor = desk
            .transactor()
            .map_err(|failure| ClientError::Invalid(failure.to_string()))?;
        let transactor = match self.is_once {
            true => {
                let config = TransactorConfig {
                    attempts: 1,
                    ..transactor.config().clone()
                };
                transactor.with_config(config)
            }
            false => transactor,
        };
        let signers: Vec<&(dyn solana_signer::Signer + Send + Sync)> =
            self.signers.iter().map(|signer| *signer as _).collect();
        transactor.send(&self.instructions, &signers).await
    }

    async fn tried(&mut self, desk: &Desk) -> Result<Tried, Failure> {
        let progress = Progress::new(format!("{}: simulating", self.what));
        let transactor = desk.transactor()?;
        let simulate = |instructions: Vec<Instruction>| {
            let (transactor, accounts) = (&transactor, &self.accounts);
            async move {
                transactor
                    .simulate(&instructions, accounts)
                    .await
                    .map_err(refusal::of_client)
            }
        };
        let mut simulation = simulate(self.instructions.clone()).await?;
        let wants_house = |failure: &portfolio_margin_client::TransactionFailure| {
            refusal::wants_house(&ClientError::Refused(Box::new(failure.clone())))
        };
        if simulation.failure.as_ref().is_some_and(wants_house) {
            make_writable(&mut self.instructions, &desk.settings.house);
            simulation = simulate(self.instructions.clone()).await?;
        }
        if let Some(failure) = &simulation.failure {
            return Err(refusal::of_transaction(failure));
        }
        progress.say("computing the margin afterwards");
        let mut after = Vec::new();
        for (key, account) in self.accounts.iter().zip(&simulation.accounts) {
            let data = account
                .as_ref()
                .and_then(|account| AccountData::read(&account.data));
            if let Some(data) = data {
                after.push(self.figures(desk, key, &data).await?);
            }
        }
        Ok(Tried {
            what: self.what.clone(),
            dry_run: true,
            compute_units: simulation.units,
            after,
        })
    }

    async fn figures(
        &self,
        desk: &Desk,
        key: &Pubkey,
        data: &AccountData,
    ) -> Result<Figures, Failure> {
        let beside = data.scope().union(&self.scope);
        let loaded = desk
            .client
            .load_all(&[*key], &beside)
            .await
            .map_err(refusal::of_client)?;
        let missing = || Failure::not_found(format!("there is no account {key}"));
        let after = loaded.first().ok_or_else(missing)?.with(data.clone());
        let view = after.view().map_err(refusal::of_client)?;
        Ok(Figures::new(key.to_string(), &view.report()))
    }
}

/// The house writable in every instruction that names it.
fn make_writable(instructions: &mut [Instruction], house: &Pubkey) {
    let metas = instructions
        .iter_mut()
        .flat_map(|instruction| &mut instruction.accounts);
    for meta in metas.filter(|meta| meta.pubkey == *house) {
        meta.is_writable = true;
    }
}

impl Shown for Done {
    fn table(&self) -> String {
        let cost = format!(
            "{} lamports, {} compute units",
            self.fee_lamports, self.compute_units
        );
        pairs(&[
            ("done", self.what.clone()),
            ("signature", self.signature.clone()),
            ("slot", self.slot.to_string()),
            ("cost", cost),
        ])
    }
}

impl Shown for Tried {
    fn table(&self) -> String {
        let units = format!(
            "{} compute units; nothing was signed or sent",
            self.compute_units
        );
        let mut text = pairs(&[("would pass", self.what.clone()), ("cost", units)]);
        for figures in &self.after {
            text.push_str(&format!(
                "\n\n{} afterwards\n{}",
                figures.account,
                pairs(&figures.lines())
            ));
        }
        text
    }
}
