//! Sending: what goes into a transaction, and what comes back.

use std::collections::{BTreeMap, HashMap};

use anchor_lang::prelude::Pubkey;
use anchor_lang::{AnchorDeserialize, Discriminator};
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use litesvm::types::{FailedTransactionMetadata, TransactionMetadata};
use portfolio_margin::error::MarginError;
use portfolio_margin_interface::ID;
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_instruction::error::InstructionError;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_message::{Message, VersionedMessage};
use solana_transaction::versioned::VersionedTransaction;
use solana_transaction_error::TransactionError;

use crate::keys::User;
use crate::world::World;

/// Most bytes that a validator takes as one transaction.
pub const PACKET_SIZE: usize = 1_232;
/// The most compute units that a transaction may ask for; all of ours ask for it.
pub const COMPUTE_LIMIT: u32 = 1_400_000;

/// What a transaction did.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Compute units of the whole transaction.
    pub compute_units: u64,
    /// Compute units per instruction of the clearing house, by snake-case name, in order.
    pub instructions: Vec<(String, u64)>,
    /// The runtime's log.
    pub logs: Vec<String>,
    /// Return data of the last instruction that set any.
    pub return_data: Vec<u8>,
    /// Why it failed, where it did.
    pub error: Option<TransactionError>,
    /// Bytes on the wire.
    pub bytes: usize,
}

impl Outcome {
    /// Insists on success.
    #[track_caller]
    pub fn ok(self) -> Self {
        if let Some(error) = &self.error {
            panic!("transaction failed: {error:?}\n{}", self.logs.join("\n"));
        }
        self
    }

    /// The program's error code, where an instruction failed with one.
    pub fn error_code(&self) -> Option<u32> {
        match self.error {
            Some(TransactionError::InstructionError(_, InstructionError::Custom(code))) => {
                Some(code)
            }
            _ => None,
        }
    }

    /// Insists on this refusal, by code and by name in the log.
    #[track_caller]
    pub fn refused(self, error: MarginError) -> Self {
        let name = error.name();
        let code = u32::from(error);
        let named = self.log_contains(&format!("Error Code: {name}."));
        if self.error_code() != Some(code) || !named {
            panic!(
                "expected {name} ({code}), got {:?}\n{}",
                self.error,
                self.logs.join("\n")
            );
        }
        self
    }

    /// Whether a log line contains the text.
    pub fn log_contains(&self, text: &str) -> bool {
        self.logs.iter().any(|line| line.contains(text))
    }

    /// The events of a type that the transaction emitted, in order.
    pub fn events<E: AnchorDeserialize + Discriminator>(&self) -> Vec<E> {
        self.logs
            .iter()
            .filter_map(|line| line.strip_prefix("Program data: "))
            .filter_map(|text| STANDARD.decode(text).ok())
            .filter_map(|data| E::try_from_slice(data.strip_prefix(E::DISCRIMINATOR)?).ok())
            .collect()
    }

    /// Compute units of the one instruction of that name; the first if there are several.
    pub fn compute_units_of(&self, instruction: &str) -> Option<u64> {
        self.instructions
            .iter()
            .find(|(name, _)| name == instruction)
            .map(|(_, units)| *units)
    }

    fn new(meta: TransactionMetadata, error: Option<TransactionError>, bytes: usize) -> Self {
        Self {
            compute_units: meta.compute_units_consumed,
            instructions: instruction_units(&meta.logs),
            logs: meta.logs,
            return_data: meta.return_data.data,
            error,
            bytes,
        }
    }
}

/// Reads "Instruction: Name" and "consumed N of" of the top-level calls from the log.
fn instruction_units(logs: &[String]) -> Vec<(String, u64)> {
    let begin = format!("Program {ID} invoke [1]");
    let end = format!("Program {ID} consumed ");
    let mut found = Vec::new();
    let mut name: Option<String> = None;
    let mut inside = false;
    for line in logs {
        if *line == begin {
            (inside, name) = (true, None);
        } else if let Some(rest) = line.strip_prefix(&end) {
            let units = rest.split(' ').next().and_then(|text| text.parse().ok());
            if let (Some(name), Some(units)) = (name.take(), units) {
                found.push((name, units));
            }
            inside = false;
        } else if inside && name.is_none() {
            name = line
                .strip_prefix("Program log: Instruction: ")
                .map(snake_case);
        }
    }
    found
}

fn snake_case(camel: &str) -> String {
    let mut name = String::with_capacity(camel.len() + 4);
    for c in camel.chars() {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

impl World {
    /// Sends instructions in one transaction. The world's payer pays the fee and signs as well.
    ///
    /// Panics where the transaction would not fit a packet or a needed signer is missing: no cluster would take it.
    #[track_caller]
    pub fn send(&mut self, instructions: &[Instruction], signers: &[User]) -> Outcome {
        self.send_within(instructions, signers, PACKET_SIZE)
    }

    /// The same for a transaction that names its accounts by a lookup table: of any size.
    #[track_caller]
    pub fn send_wide(&mut self, instructions: &[Instruction], signers: &[User]) -> Outcome {
        self.send_within(instructions, signers, usize::MAX)
    }

    #[track_caller]
    fn send_within(
        &mut self,
        instructions: &[Instruction],
        signers: &[User],
        most: usize,
    ) -> Outcome {
        let (transaction, bytes) = self.transaction(instructions, signers, most);
        self.deliver(transaction, bytes)
    }

    /// Executes a signed transaction of that many bytes, and notes what its instructions cost.
    pub(crate) fn deliver(&mut self, transaction: VersionedTransaction, bytes: usize) -> Outcome {
        let outcome = match self.svm.send_transaction(transaction) {
            Ok(meta) => Outcome::new(meta, None, bytes),
            Err(FailedTransactionMetadata { err, meta }) => Outcome::new(meta, Some(err), bytes),
        };
        if outcome.error.is_none() {
            for (name, units) in &outcome.instructions {
                self.compute_units
                    .entry(name.clone())
                    .or_default()
                    .push(*units);
            }
        }
        outcome
    }

    /// Runs instructions without keeping what they change.
    #[track_caller]
    pub fn simulate(&mut self, instructions: &[Instruction], signers: &[User]) -> Outcome {
        let (transaction, bytes) = self.transaction(instructions, signers, PACKET_SIZE);
        match self.svm.simulate_transaction(transaction) {
            Ok(info) => Outcome::new(info.meta, None, bytes),
            Err(FailedTransactionMetadata { err, meta }) => Outcome::new(meta, Some(err), bytes),
        }
    }

    /// Compute units of every instruction that succeeded so far, by name.
    pub fn compute_units(&self) -> &BTreeMap<String, Vec<u64>> {
        &self.compute_units
    }

    #[track_caller]
    fn transaction(
        &mut self,
        instructions: &[Instruction],
        signers: &[User],
        most: usize,
    ) -> (VersionedTransaction, usize) {
        let mut all = vec![ComputeBudgetInstruction::set_compute_unit_limit(
            COMPUTE_LIMIT,
        )];
        all.extend_from_slice(instructions);
        self.svm.expire_blockhash();
        let message =
            Message::new_with_blockhash(&all, Some(&self.payer.key), &self.svm.latest_blockhash());
        self.sign(VersionedMessage::Legacy(message), signers, most)
    }

    /// Signs a message; panics where it is longer than `most` bytes with its signatures, or a signer is missing.
    #[track_caller]
    pub(crate) fn sign(
        &self,
        message: VersionedMessage,
        signers: &[User],
        most: usize,
    ) -> (VersionedTransaction, usize) {
        let by_key: HashMap<Pubkey, User> = signers
            .iter()
            .chain([&self.payer])
            .map(|user| (user.key, *user))
            .collect();
        let count = usize::from(message.header().num_required_signatures);
        let keypairs: Vec<Keypair> = message.static_account_keys()[..count]
            .iter()
            .map(|key| match by_key.get(key) {
                Some(user) => user.keypair(),
                None => panic!("nobody was passed who signs for {key}"),
            })
            .collect();
        let bytes = 1 + 64 * count + message.serialize().len();
        assert!(bytes <= most, "{bytes} bytes do not fit a packet of {most}");
        let signers: Vec<&Keypair> = keypairs.iter().collect();
        let transaction =
            VersionedTransaction::try_new(message, &signers).expect("all signers are there");
        (transaction, bytes)
    }
}
