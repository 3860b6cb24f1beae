//! Which messages the transaction's Ed25519 instructions prove to be signed, and by whom.
//!
//! The Ed25519 program verifies its instructions by the offsets in their data, and each offset may point into any
//! instruction of the transaction. What it verified is therefore known only by reading the offsets as it does. Here an
//! instruction counts when every one of its offsets points into itself; then what is read is what was verified, and no other
//! instruction's data has a say. A transaction in which one fails to verify fails as a whole.
//!
//! Sources of the layouts: `solana-instructions-sysvar` for the sysvar, `solana-ed25519-program` for the offsets.

use anchor_lang::prelude::*;

/// The program that verifies Ed25519 signatures.
pub const ED25519_PROGRAM: Pubkey = pubkey!("Ed25519SigVerify111111111111111111111111111");
/// The sysvar that shows a transaction's instructions.
pub const INSTRUCTIONS_SYSVAR: Pubkey = pubkey!("Sysvar1nstructions1111111111111111111111111");

/// Bytes of a key.
const KEY_LEN: usize = 32;
/// Bytes of a signature.
const SIGNATURE_LEN: usize = 64;
/// Flags and key of an account that an instruction names.
const ACCOUNT_LEN: usize = 1 + KEY_LEN;
/// Number of signatures and a byte that nobody reads.
const OFFSETS_START: usize = 2;
/// Seven numbers of two bytes for each signature.
const OFFSETS_LEN: usize = 14;
/// In place of an instruction's number: the instruction itself.
const ITSELF: u16 = u16::MAX;

/// Shows `accept` every signed message with its signer's key, in order, until it returns something.
pub fn find_signed<T>(
    sysvar: &[u8],
    mut accept: impl FnMut(&[u8], &[u8]) -> Option<T>,
) -> Option<T> {
    let count = number(sysvar, 0)?;
    (0..count).find_map(|index| {
        let (program, data) = instruction(sysvar, index)?;
        if program != ED25519_PROGRAM.as_ref() {
            return None;
        }
        let signatures = usize::from(*data.first()?);
        if !(0..signatures).all(|n| points_into_itself(data, n, index).unwrap_or(false)) {
            return None;
        }
        (0..signatures).find_map(|n| {
            let (key, message) = signed(data, n)?;
            accept(key, message)
        })
    })
}

/// Program and data of the transaction's instruction of that number.
fn instruction(sysvar: &[u8], index: u16) -> Option<(&[u8], &[u8])> {
    let entry = usize::from(index).checked_mul(2)?.checked_add(2)?;
    let start = usize::from(number(sysvar, entry)?);
    let accounts = usize::from(number(sysvar, start)?).checked_mul(ACCOUNT_LEN)?;
    let program = start.checked_add(2)?.checked_add(accounts)?;
    let length = program.checked_add(KEY_LEN)?;
    let data = length.checked_add(2)?;
    Some((
        slice(sysvar, program, KEY_LEN)?,
        slice(sysvar, data, number(sysvar, length)?.into())?,
    ))
}

/// Whether signature, key and message of an entry are all taken from the instruction itself.
fn points_into_itself(data: &[u8], entry: usize, index: u16) -> Option<bool> {
    let [_, signature, _, key, _, _, message] = offsets(data, entry)?;
    let is_itself = |number| number == ITSELF || number == index;
    Some(is_itself(signature) && is_itself(key) && is_itself(message))
}

/// Key and message of an entry that points into itself.
fn signed(data: &[u8], entry: usize) -> Option<(&[u8], &[u8])> {
    let [signature, _, key, _, message, length, _] = offsets(data, entry)?;
    slice(data, signature.into(), SIGNATURE_LEN)?;
    Some((
        slice(data, key.into(), KEY_LEN)?,
        slice(data, message.into(), length.into())?,
    ))
}

/// Signature's offset and instruction, key's, message's offset, length and instruction.
fn offsets(data: &[u8], entry: usize) -> Option<[u16; 7]> {
    let start = OFFSETS_START.checked_add(entry.checked_mul(OFFSETS_LEN)?)?;
    let mut numbers = [0; 7];
    for (n, slot) in numbers.iter_mut().enumerate() {
        *slot = number(data, start.checked_add(n.checked_mul(2)?)?)?;
    }
    Some(numbers)
}

/// A little-endian number of two bytes.
fn number(data: &[u8], at: usize) -> Option<u16> {
    let bytes = slice(data, at, 2)?;
    Some(u16::from_le_bytes(bytes.try_into().ok()?))
}

fn slice(data: &[u8], at: usize, length: usize) -> Option<&[u8]> {
    data.get(at..at.checked_add(length)?)
}

#[cfg(test)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]
mod tests {
    use super::*;
    use anchor_lang::solana_program::sysvar::instructions::{
        construct_instructions_data, BorrowedAccountMeta, BorrowedInstruction,
    };

    /// An instruction with one signature: offsets, key, signature, message.
    fn signature(key: u8, message: &[u8], indexes: [u16; 3]) -> Vec<u8> {
        let [signature, own, text] = indexes;
        let mut data = vec![1, 0];
        let length = message.len() as u16;
        for number in [48, signature, 16, own, 112, length, text] {
            data.extend_from_slice(&number.to_le_bytes());
        }
        data.extend_from_slice(&[key; 32]);
        data.extend_from_slice(&[0; 64]);
        data.extend_from_slice(message);
        data
    }

    /// The sysvar of a transaction with these instructions, each naming two accounts.
    fn sysvar(instructions: &[(Pubkey, Vec<u8>)]) -> Vec<u8> {
        let account = Pubkey::new_from_array([9; 32]);
        let meta = || BorrowedAccountMeta {
            pubkey: &account,
            is_signer: true,
            is_writable: false,
        };
        let borrowed: Vec<_> = instructions
            .iter()
            .map(|(program_id, data)| BorrowedInstruction {
                program_id,
                accounts: vec![meta(), meta()],
                data,
            })
            .collect();
        construct_instructions_data(&borrowed)
    }

    fn all(sysvar: &[u8]) -> Vec<(u8, Vec<u8>)> {
        let mut found = Vec::new();
        find_signed(sysvar, |key, message| {
            found.push((key[0], message.to_vec()));
            None::<()>
        });
        found
    }

    #[test]
    fn shows_what_stands_in_the_instruction_that_is_verified() {
        let other = Pubkey::new_from_array([1; 32]);
        let itself = [ITSELF; 3];
        let data = sysvar(&[
            (other, signature(1, b"another program's", itself)),
            (ED25519_PROGRAM, signature(2, b"one", itself)),
            (ED25519_PROGRAM, signature(3, b"two", [2; 3])),
            (
                ED25519_PROGRAM,
                signature(4, b"elsewhere", [1, ITSELF, ITSELF]),
            ),
            (
                ED25519_PROGRAM,
                signature(5, b"elsewhere", [ITSELF, 1, ITSELF]),
            ),
            (
                ED25519_PROGRAM,
                signature(6, b"elsewhere", [ITSELF, ITSELF, 1]),
            ),
            (ED25519_PROGRAM, vec![0, 0]),
            (ED25519_PROGRAM, vec![]),
        ]);
        assert_eq!(all(&data), [(2, b"one".to_vec()), (3, b"two".to_vec())]);
        let first = find_signed(&data, |key, _| Some(key[0]));
        assert_eq!(first, Some(2));
    }

    #[test]
    fn what_is_cut_short_or_made_up_is_passed_over() {
        let good = signature(2, b"message", [ITSELF; 3]);
        for end in 0..good.len() {
            let cut = sysvar(&[(ED25519_PROGRAM, good[..end].to_vec())]);
            assert!(all(&cut).is_empty(), "{end}");
        }
        let whole = sysvar(&[(ED25519_PROGRAM, good)]);
        for end in 0..whole.len() {
            all(&whole[..end]); // total: no panic
        }
        // any three bytes changed
        let mut bits = 1u64;
        for _ in 0..20_000 {
            let mut bent = whole.clone();
            for _ in 0..3 {
                bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let at = (bits >> 33) as usize % bent.len();
                bent[at] = (bits >> 24) as u8;
            }
            all(&bent);
        }
    }
}
