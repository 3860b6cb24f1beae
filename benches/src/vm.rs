//! An embedded VM with the kernel program: runs a request, returns its compute units, checks its result.

use std::path::Path;

use kernel_bench::{run, Accounts, Request};
use litesvm::LiteSVM;
use solana_account::Account;
use solana_address::Address;
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_instruction::{AccountMeta, Instruction};
use solana_keypair::Keypair;
use solana_message::{Message, VersionedMessage};
use solana_signer::Signer;
use solana_transaction::versioned::VersionedTransaction;

const PROGRAM: Address = Address::from_str_const("HSL6h3w81UNfnTkm5Ei1wSjndPGPrc4qMqP4e4Mi1dGq");
/// Most that a transaction may use.
const UNIT_LIMIT: u32 = 1_400_000;

/// The kernel program on one market and one book. Keys are fixed: compute units may depend on them.
pub struct KernelVm {
    svm: LiteSVM,
    payer: Keypair,
    market: Vec<u8>,
    positions: Vec<u8>,
}

impl KernelVm {
    /// Loads `kernel_bench.so` from `deploy`.
    pub fn new(deploy: &Path, market: Vec<u8>, positions: Vec<u8>) -> Result<Self, String> {
        let path = deploy.join("kernel_bench.so");
        let program =
            std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut svm = LiteSVM::new().with_transaction_history(0);
        let payer = Keypair::new_from_array([7; 32]);
        svm.add_program(PROGRAM, &program)
            .map_err(|error| format!("{error:?}"))?;
        svm.airdrop(&payer.pubkey(), 1_000_000_000_000)
            .map_err(|error| format!("{:?}", error.err))?;
        for (key, data) in [(MARKET, &market), (POSITIONS, &positions)] {
            let account = Account {
                lamports: svm.minimum_balance_for_rent_exemption(data.len()),
                data: data.clone(),
                owner: PROGRAM,
                executable: false,
                rent_epoch: u64::MAX,
            };
            svm.set_account(key, account)
                .map_err(|error| format!("{error:?}"))?;
        }
        Ok(Self {
            svm,
            payer,
            market,
            positions,
        })
    }

    /// Compute units of a request. Fails where the VM's result is not the native one, to the bit.
    pub fn units(&mut self, request: Request) -> Result<u64, String> {
        let accounts =
            Accounts::read(&self.market, &self.positions).ok_or("accounts cannot be read")?;
        let expected = run(&request, &accounts).ok_or(format!("{request:?} is refused"))?;
        let instructions = [
            ComputeBudgetInstruction::set_compute_unit_limit(UNIT_LIMIT),
            Instruction {
                program_id: PROGRAM,
                accounts: vec![
                    AccountMeta::new_readonly(MARKET, false),
                    AccountMeta::new_readonly(POSITIONS, false),
                ],
                data: request.to_bytes(),
            },
        ];
        let blockhash = self.svm.latest_blockhash();
        let payer = self.payer.pubkey();
        let message = Message::new_with_blockhash(&instructions, Some(&payer), &blockhash);
        let transaction =
            VersionedTransaction::try_new(VersionedMessage::Legacy(message), &[&self.payer])
                .map_err(|error| error.to_string())?;
        let done = self
            .svm
            .send_transaction(transaction)
            .map_err(|failed| format!("{request:?}: {:?} {:#?}", failed.err, failed.meta.logs))?;
        let mut returned = done.return_data.data;
        returned.resize(8, 0); // the runtime cuts trailing zeros
        if returned != expected.to_le_bytes() {
            return Err(format!(
                "{request:?}: the VM computed {returned:x?}, natively it is {:x?}",
                expected.to_le_bytes()
            ));
        }
        Ok(done.compute_units_consumed)
    }
}

const MARKET: Address = Address::new_from_array([11; 32]);
const POSITIONS: Address = Address::new_from_array([12; 32]);
