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
