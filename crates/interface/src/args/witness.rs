//! Reads a witness: a length and bytes on the wire, of which no more are kept than any account could need.

#[cfg(feature = "anchor")]
use anchor_lang::prelude::borsh;

use borsh::io::{Error, ErrorKind, Read, Result};

/// Most bytes of a witness that are kept: more than an account can have markets, so that a longer one is refused by its length
/// wherever it is used.
pub const WITNESS_KEPT: usize = 256;

/// Reads a Borsh `Vec<u8>` of any length without memory for all of it: the program's heap is smaller than what Borsh sets aside for
/// a length that somebody made up, and an allocation that fails ends a transaction without a name.
///
/// A description of the interface knows no such attribute, and needs none: the bytes on the wire are those of a `Vec<u8>`.
///
/// Errors: `InvalidData` where there are fewer bytes than the length says.
pub fn read_witness<R: Read>(reader: &mut R) -> Result<Vec<u8>> {
    let mut length = [0; 4];
    read_exact(reader, &mut length)?;
    let mut left = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    let mut kept = vec![0; left.min(WITNESS_KEPT)];
    read_exact(reader, &mut kept)?;
    left = left.saturating_sub(kept.len());
    let mut dropped = [0; 64];
    while left > 0 {
        let next = dropped.len().min(left);
        read_exact(reader, dropped.get_mut(..next).unwrap_or_default())?;
        left = left.saturating_sub(next);
    }
    Ok(kept)
}

/// Fills a buffer, or says that the input is too short.
fn read_exact<R: Read>(reader: &mut R, buffer: &mut [u8]) -> Result<()> {
    let short = |_| Error::from(ErrorKind::InvalidData);
    reader.read_exact(buffer).map_err(short)
}
