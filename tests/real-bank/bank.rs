//! solana-program-test's bank with the program in its genesis block: sending, reading, time.
//!
//! Everything but prices, which Pyth publishes, is made by transactions.

use std::sync::Once;
use std::time::Duration;

use anchor_lang::prelude::Pubkey;
use sandbox::transaction::{COMPUTE_LIMIT, PACKET_SIZE};
use sandbox::{Outcome, User, START};
use solana_account::Account;
use solana_clock::Clock;
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_hash::Hash;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_message::{AddressLookupTableAccount, Message, VersionedMessage};
use solana_program_test::{tokio, ProgramTest, ProgramTestContext};
use solana_transaction::versioned::VersionedTransaction;
use solana_transaction_error::TransactionError;

/// Lamports of every wallet at genesis.
const LAMPORTS: u64 = 100_000_000_000;

/// A bank, its clock at [`START`].
pub struct RealBank {
    /// The runtime.
    pub context: ProgramTestContext,
    /// Pays every fee.
    pub payer: User,
}

impl RealBank {
    /// A bank with the program deployed and lamports in these wallets.
    pub async fn start(wallets: &[User]) -> Self {
        let path = sandbox::world::program_path();
        assert!(
            path.exists(),
            "there is no program at {}: build it with scripts/build",
            path.display()
        );
        set_environment(&path);
        let mut test = ProgramTest::default();
        test.prefer_bpf(true);
        let name = path.file_stem().and_then(|name| name.to_str());
        let name = name.expect("a readable file name").to_owned();
        test.add_upgradeable_program_to_genesis(name.leak(), &portfolio_margin_interface::ID);
        let payer = User::named("payer");
        for wallet in wallets.iter().chain([&payer]) {
            let account = Account {
                lamports: LAMPORTS,
                ..Default::default()
            };
            test.add_account(wallet.key, account);
        }
        let context = test.start_with_context().await;
        let mut bank = Self { context, payer };
        bank.set_time(START).await;
        bank
    }

    /// The clock.
    pub async fn clock(&mut self) -> Clock {
        let clock = self.context.banks_client.get_sysvar::<Clock>().await;
        clock.expect("a clock")
    }

    /// Sets unix time; the slot stays.
    pub async fn set_time(&mut self, unix_timestamp: i64) {
        let clock = Clock {
            unix_timestamp,
            ..self.clock().await
        };
        self.context.set_sysvar(&clock);
    }

    /// Ends the slot, after which new lookup tables serve, and sets unix time back to what it was.
    pub async fn next_slot(&mut self) {
        let clock = self.clock().await;
        self.context
            .warp_to_slot(clock.slot + 1)
            .expect("a later slot");
        self.set_time(clock.unix_timestamp).await;
    }

    /// Writes an account that no transaction of ours could write.
    pub async fn write(&mut self, key: Pubkey, owner: Pubkey, data: Vec<u8>) {
        let account = Account {
            lamports: self.rent(data.len()).await,
            data,
            owner,
            executable: false,
            rent_epoch: u64::MAX,
        };
        self.context.set_account(&key, &account.into());
    }

    /// Lamports that free an account of this length from rent.
    pub async fn rent(&mut self, length: usize) -> u64 {
        let rent = self.context.banks_client.get_rent().await;
        rent.expect("the rent sysvar").minimum_balance(length)
    }

    /// An account; `None` where there is none.
    pub async fn account(&mut self, key: Pubkey) -> Option<Account> {
        let account = self.context.banks_client.get_account(key).await;
        account.expect("an answer of the bank")
    }

    /// An account's bytes.
    pub async fn data(&mut self, key: Pubkey) -> Vec<u8> {
        match self.account(key).await {
            Some(account) => account.data,
            None => panic!("there is no account {key}"),
        }
    }

    /// Every account that the instructions name but the payer, whose lamports a refused transaction takes too.
    pub async fn snapshot(
        &mut self,
        instructions: &[Instruction],
    ) -> Vec<(Pubkey, Option<Account>)> {
        let mut found = Vec::new();
        let metas = instructions.iter().flat_map(|ix| &ix.accounts);
        for key in metas.map(|meta| meta.pubkey) {
            if key != self.payer.key {
                found.push((key, self.account(key).await));
            }
        }
        found
    }

    /// Sends instructions in one transaction that may use all the compute units there are.
    pub async fn send(&mut self, instructions: &[Instruction], signers: &[User]) -> Outcome {
        self.send_limited(COMPUTE_LIMIT, instructions, signers)
            .await
    }

    /// Sends instructions in one transaction with a limit on compute units.
    pub async fn send_limited(
        &mut self,
        limit: u32,
        instructions: &[Instruction],
        signers: &[User],
    ) -> Outcome {
        let message = self.message(limit, instructions, None).await;
        let transaction = self.sign(message, signers);
        self.process(transaction).await
    }

    /// A message with a limit on compute units: version 0 with a lookup table, else legacy.
    pub async fn message(
        &mut self,
        limit: u32,
        instructions: &[Instruction],
        table: Option<&AddressLookupTableAccount>,
    ) -> VersionedMessage {
        let mut all = vec![ComputeBudgetInstruction::set_compute_unit_limit(limit)];
        all.extend_from_slice(instructions);
        let blockhash = self.new_blockhash().await;
        match table {
            None => VersionedMessage::Legacy(Message::new_with_blockhash(
                &all,
                Some(&self.payer.key),
                &blockhash,
            )),
            Some(table) => VersionedMessage::V0(
                solana_message::v0::Message::try_compile(
                    &self.payer.key,
                    &all,
                    std::slice::from_ref(table),
                    blockhash,
                )
                .expect("a message that compiles"),
            ),
        }
    }

    /// A blockhash that no earlier message has, so that equal messages are different transactions. The bank makes one
    /// every 6.4 ms; its own helper looks every 200 ms.
    async fn new_blockhash(&mut self) -> Hash {
        for _ in 0..5_000 {
            let latest = self.context.banks_client.get_latest_blockhash().await;
            let latest = latest.expect("an answer of the bank");
            if latest != self.context.last_blockhash {
                self.context.last_blockhash = latest;
                return latest;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("no new blockhash in five seconds");
    }

    /// Signs by the payer and these users: exactly who must sign.
    pub fn sign(&self, message: VersionedMessage, signers: &[User]) -> VersionedTransaction {
        let keypairs: Vec<Keypair> = signers
            .iter()
            .chain([&self.payer])
            .map(User::keypair)
            .collect();
        let keypairs: Vec<&Keypair> = keypairs.iter().collect();
        VersionedTransaction::try_new(message, &keypairs).expect("all signatures")
    }

    /// Compute units of a transaction that is not kept.
    pub async fn simulate(&mut self, instructions: &[Instruction], signers: &[User]) -> u64 {
        let message = self.message(COMPUTE_LIMIT, instructions, None).await;
        let transaction = self.sign(message, signers);
        let banks = &mut self.context.banks_client;
        let done = banks.simulate_transaction(transaction).await;
        let done = done.expect("an answer of the bank");
        assert_eq!(done.result, Some(Ok(())));
        done.simulation_details.expect("details").units_consumed
    }

    /// Runs a transaction and reads what it did. This way into the bank does not verify signatures;
    /// [`RealBank::process_verified`] does.
    pub async fn process(&mut self, transaction: VersionedTransaction) -> Outcome {
        let bytes = wire_size(&transaction);
        assert!(bytes <= PACKET_SIZE, "{bytes} bytes are no packet");
        let banks = &mut self.context.banks_client;
        let done = banks.process_transaction_with_metadata(transaction).await;
        let done = done.expect("an answer of the bank");
        let mut outcome = Outcome {
            compute_units: 0,
            instructions: vec![], // only the sandbox reads them from its log
            logs: vec![],
            return_data: vec![],
            error: done.result.err(),
            bytes,
        };
        // none where the transaction was refused before it ran
        if let Some(ran) = done.metadata {
            outcome.compute_units = ran.compute_units_consumed;
            outcome.logs = ran.log_messages;
            outcome.return_data = ran.return_data.map_or(vec![], |returned| returned.data);
        }
        outcome
    }

    /// Runs a transaction as a validator takes it from a client: signatures first.
    pub async fn process_verified(
        &mut self,
        transaction: VersionedTransaction,
    ) -> Result<(), TransactionError> {
        let banks = &mut self.context.banks_client;
        let done = banks.process_transaction(transaction).await;
        done.map_err(|error| error.unwrap())
    }
}

/// Bytes on the wire.
pub fn wire_size(transaction: &VersionedTransaction) -> usize {
    1 + 64 * transaction.signatures.len() + transaction.message.serialize().len()
}

/// Where solana-program-test finds the program, and quiet unless the user asks for its log.
fn set_environment(program: &std::path::Path) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::env::remove_var("BPF_OUT_DIR"); // it would win
        std::env::set_var("SBF_OUT_DIR", program.parent().expect("a folder"));
        if std::env::var_os("RUST_LOG").is_none() {
            std::env::set_var("RUST_LOG", "error");
        }
    });
}
