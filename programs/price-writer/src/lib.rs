//! Stands for the price oracle on a test validator, where nobody else may write an account that the oracle's program owns.
//!
//! Loaded at the oracle's address by `tests/validator`, and deployed nowhere else: one fixed key, which everybody can derive, may
//! write anything. Accounts: the key, which signs, and the account to write. Instruction data: what the account is to begin with.

#[cfg(target_arch = "bpf")]
use solana_compiler_builtins as _;

/// Who may write, the test wallet "price writer".
pub const WRITER: [u8; 32] = [
    117, 106, 179, 17, 193, 235, 85, 145, 193, 184, 58, 171, 209, 77, 8, 199, 62, 113, 214, 13, 24,
    44, 0, 127, 178, 72, 202, 212, 49, 161, 174, 141,
];

#[cfg(target_os = "solana")]
mod entrypoint {
    use solana_account_info::AccountInfo;
    use solana_address::Address;
    use solana_program_entrypoint::{entrypoint, ProgramResult};
    use solana_program_error::ProgramError;

    entrypoint!(process);

    fn process(_: &Address, accounts: &[AccountInfo<'_>], data: &[u8]) -> ProgramResult {
        let [writer, account, ..] = accounts else {
            return Err(ProgramError::NotEnoughAccountKeys);
        };
        if !writer.is_signer || writer.key.to_bytes() != super::WRITER {
            return Err(ProgramError::MissingRequiredSignature);
        }
        let mut target = account.try_borrow_mut_data()?;
        let start = target.get_mut(..data.len());
        start
            .ok_or(ProgramError::AccountDataTooSmall)?
            .copy_from_slice(data);
        Ok(())
    }
}
