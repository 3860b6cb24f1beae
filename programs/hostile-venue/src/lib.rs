//! Passes on whatever it is told, signed with any address of its own: what tests call in place of a hostile venue.
//!
//! Never deployed. It checks nothing and has no id of its own, so that one build stands for any number of venues.
//! Instruction data: how often to call (1 byte), the length of a seed (1 byte), the seed, a second seed (32 bytes), and the data
//! of the call. Accounts: the program to call, then the accounts of the call, which keep the privileges with which they came;
//! the address derived from this program and the two seeds signs wherever it stands.

#[cfg(target_arch = "bpf")]
use solana_compiler_builtins as _;

#[cfg(target_os = "solana")]
mod entrypoint {
    use solana_account_info::AccountInfo;
    use solana_address::Address;
    use solana_cpi::invoke_signed;
    use solana_instruction::{AccountMeta, Instruction};
    use solana_program_entrypoint::{entrypoint, ProgramResult};
    use solana_program_error::ProgramError;

    entrypoint!(process);

    /// Bytes of the second seed.
    const HOUSE_LEN: usize = 32;

    fn process(id: &Address, accounts: &[AccountInfo<'_>], data: &[u8]) -> ProgramResult {
        let (times, seed, house, data) = parse(data).ok_or(ProgramError::InvalidInstructionData)?;
        let (program, accounts) = accounts
            .split_first()
            .ok_or(ProgramError::NotEnoughAccountKeys)?;
        let (authority, bump) = Address::find_program_address(&[seed, house], id);
        let metas = accounts.iter().map(|info| AccountMeta {
            pubkey: *info.key,
            is_signer: info.is_signer || *info.key == authority,
            is_writable: info.is_writable,
        });
        let instruction = Instruction {
            program_id: *program.key,
            accounts: metas.collect(),
            data: data.to_vec(),
        };
        (0..times)
            .try_for_each(|_| invoke_signed(&instruction, accounts, &[&[seed, house, &[bump]]]))
    }

    /// How often, both seeds, the data of the call.
    fn parse(data: &[u8]) -> Option<(u8, &[u8], &[u8], &[u8])> {
        let (times, rest) = data.split_first()?;
        let (length, rest) = rest.split_first()?;
        let (seed, rest) = rest.split_at_checked(usize::from(*length))?;
        let (house, rest) = rest.split_at_checked(HOUSE_LEN)?;
        Some((*times, seed, house, rest))
    }
}
