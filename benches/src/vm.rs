//! An embedded VM: runs one instruction of one program, returns its compute units and what it returned.

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
/// Accounts of the kernel program: a market and its positions, or cases and their outputs.
const FIRST: Address = Address::new_from_array([11; 32]);
const SECOND: Address = Address::new_from_array([12; 32]);
/// Most that a transaction may use.
const UNIT_LIMIT: u32 = 1_400_000;

/// One program in a VM. Keys are fixed: compute units may depend on them.
struct Vm {
    svm: LiteSVM,
    payer: Keypair,
}

/// What a transaction left.
struct Done {
    units: u64,
    returned: [u8; 8],
}

impl Vm {
    /// Loads `NAME.so` from `deploy`.
    fn new(deploy: &Path, name: &str) -> Result<Self, String> {
        let path = deploy.join(name).with_extension("so");
        let program =
            std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut svm = LiteSVM::new().with_transaction_history(0);
        let payer = Keypair::new_from_array([7; 32]);
        svm.add_program(PROGRAM, &program)
            .map_err(|error| format!("{error:?}"))?;
        svm.airdrop(&payer.pubkey(), 1_000_000_000_000)
            .map_err(|error| format!("{:?}", error.err))?;
        Ok(Self { svm, payer })
    }

    /// Gives the program an account.
    fn set(&mut self, key: Address, data: Vec<u8>) -> Result<(), String> {
        let account = Account {
            lamports: self.svm.minimum_balance_for_rent_exemption(data.len()),
            data,
            owner: PROGRAM,
            executable: false,
            rent_epoch: u64::MAX,
        };
        self.svm
            .set_account(key, account)
            .map_err(|error| format!("{error:?}"))
    }

    /// Calls the program.
    fn call(&mut self, accounts: Vec<AccountMeta>, data: Vec<u8>) -> Result<Done, String> {
        let instructions = [
            ComputeBudgetInstruction::set_compute_unit_limit(UNIT_LIMIT),
            Instruction {
                program_id: PROGRAM,
                accounts,
                data,
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
            .map_err(|failed| format!("{:?} {:#?}", failed.err, failed.meta.logs))?;
        // The same call again would be the same transaction, which is refused.
        self.svm.expire_blockhash();
        let mut returned = [0; 8]; // the runtime cuts trailing zeros
        for (byte, given) in returned.iter_mut().zip(&done.return_data.data) {
            *byte = *given;
        }
        Ok(Done {
            units: done.compute_units_consumed,
            returned,
        })
    }
}

/// Fails where the checksum that a program returned is not that of the same code run natively.
fn same(what: &dyn std::fmt::Debug, done: &Done, expected: u64) -> Result<u64, String> {
    let returned = u64::from_le_bytes(done.returned);
    if returned != expected {
        return Err(format!(
            "{what:?}: the VM computed {returned:x}, natively it is {expected:x}"
        ));
    }
    Ok(done.units)
}

/// The kernel program on one market and one book.
pub struct KernelVm {
    vm: Vm,
    market: Vec<u8>,
    positions: Vec<u8>,
}

impl KernelVm {
    /// Loads `kernel_bench.so` from `deploy`.
    pub fn new(deploy: &Path, market: Vec<u8>, positions: Vec<u8>) -> Result<Self, String> {
        let mut vm = Vm::new(deploy, "kernel_bench")?;
        vm.set(FIRST, market.clone())?;
        vm.set(SECOND, positions.clone())?;
        Ok(Self {
            vm,
            market,
            positions,
        })
    }

    /// Compute units of a request. Fails where the VM's result is not the native one, to the bit.
    pub fn units(&mut self, request: Request) -> Result<u64, String> {
        let accounts =
            Accounts::read(&self.market, &self.positions).ok_or("accounts cannot be read")?;
        let expected = run(&request, &accounts).ok_or(format!("{request:?} is refused"))?;
        let metas = vec![
            AccountMeta::new_readonly(FIRST, false),
            AccountMeta::new_readonly(SECOND, false),
        ];
        let done = self
            .vm
            .call(metas, request.to_bytes())
            .map_err(|error| format!("{request:?}: {error}"))?;
        same(&request, &done, expected)
    }
}

/// The peer's program.
pub struct PeerVm(Vm);

impl PeerVm {
    /// Loads `peer_bench.so` from `deploy`.
    pub fn new(deploy: &Path) -> Result<Self, String> {
        Vm::new(deploy, "peer_bench").map(Self)
    }

    /// Compute units of a request, its results checked against the same crate run natively.
    pub fn units(&mut self, request: peer_bench::Request) -> Result<u64, String> {
        let expected = peer_bench::run(&request).ok_or(format!("{request:?} is refused"))?;
        let done = self
            .0
            .call(Vec::new(), request.to_bytes())
            .map_err(|error| format!("{request:?}: {error}"))?;
        same(&request, &done, expected)
    }
}

/// The kernel program on cases of the parity file.
pub struct ParityVm(Vm);

impl ParityVm {
    /// Loads `kernel_bench.so` from `deploy`.
    pub fn new(deploy: &Path) -> Result<Self, String> {
        Vm::new(deploy, "kernel_bench").map(Self)
    }

    /// Evaluates a batch in the VM: the `length` words that the program wrote; see [`parity::evaluate_batch`].
    pub fn evaluate(&mut self, cases: &[i64], length: usize) -> Result<Vec<i64>, String> {
        self.0.set(FIRST, bytemuck::cast_slice(cases).to_vec())?;
        self.0.set(SECOND, vec![0; length * size_of::<i64>()])?;
        let metas = vec![
            AccountMeta::new_readonly(FIRST, false),
            AccountMeta::new(SECOND, false),
        ];
        self.0.call(metas, Vec::new())?;
        let written = self.0.svm.get_account(&SECOND).ok_or("no outputs")?;
        let (words, _) = written.data.as_chunks();
        Ok(words.iter().copied().map(i64::from_le_bytes).collect())
    }
}
