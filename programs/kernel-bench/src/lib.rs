//! Runs the risk engine's kernels a given number of times, so that their compute units can be counted in the VM, and the
//! cases of the parity file, so that their bits can be compared.
//!
//! Never deployed: `scripts/bench` loads it into an embedded VM and takes the difference between two counts, in which
//! the cost of the call drops out. Inputs come from instruction data and accounts, so nothing is folded by the
//! compiler; results go to return data as a checksum, which the benchmark compares with a native run of this code.

#[cfg(target_arch = "bpf")]
use solana_compiler_builtins as _;

mod kernels;
mod raw;

pub use kernels::{run, Accounts, Kernel, Request};
pub use raw::RawOption;

#[cfg(target_os = "solana")]
mod entrypoint {
    use super::{run, Accounts, Request};
    use portfolio_margin_interface::Pubkey;
    use solana_account_info::AccountInfo;
    use solana_define_syscall::definitions::sol_set_return_data;
    use solana_program_entrypoint::{entrypoint, ProgramResult};
    use solana_program_error::ProgramError;

    entrypoint!(process);

    /// Instruction data is one [`Request`] and accounts are a market and an array of position records; or it is empty, and
    /// accounts are the cases of [`parity::evaluate_batch`] and, writable, where their outputs go.
    fn process(_: &Pubkey, accounts: &[AccountInfo<'_>], data: &[u8]) -> ProgramResult {
        if data.is_empty() {
            return evaluate(accounts);
        }
        let [market, positions] = accounts else {
            return Err(ProgramError::NotEnoughAccountKeys);
        };
        let (market, positions) = (market.try_borrow_data()?, positions.try_borrow_data()?);
        let checksum = Request::read(data)
            .zip(Accounts::read(&market, &positions))
            .and_then(|(request, accounts)| run(&request, &accounts))
            .ok_or(ProgramError::InvalidInstructionData)?
            .to_le_bytes();
        // SAFETY: pointer and length are those of an array that outlives the call.
        unsafe { sol_set_return_data(checksum.as_ptr(), checksum.len() as u64) };
        Ok(())
    }

    fn evaluate(accounts: &[AccountInfo<'_>]) -> ProgramResult {
        let [cases, outputs] = accounts else {
            return Err(ProgramError::NotEnoughAccountKeys);
        };
        let (cases, mut outputs) = (cases.try_borrow_data()?, outputs.try_borrow_mut_data()?);
        bytemuck::try_cast_slice(&cases)
            .ok()
            .zip(bytemuck::try_cast_slice_mut(&mut outputs).ok())
            .and_then(|(cases, outputs)| parity::evaluate_batch(cases, outputs))
            .ok_or(ProgramError::InvalidInstructionData)
    }
}
