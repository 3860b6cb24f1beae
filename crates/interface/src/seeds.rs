//! Seeds of the program's derived addresses.

use crate::{Pubkey, ID};

/// `[CLEARINGHOUSE, id u16 LE]`
pub const CLEARINGHOUSE: &[u8] = b"clearinghouse";
/// `[BANK, clearinghouse, mint]`
pub const BANK: &[u8] = b"bank";
/// `[VAULT, bank]`: token account whose authority is the bank.
pub const VAULT: &[u8] = b"vault";
/// `[MARKET, clearinghouse, index u16 LE]`
pub const MARKET: &[u8] = b"market";
/// `[MARGIN, clearinghouse, owner, sub_account u16 LE]`
pub const MARGIN: &[u8] = b"margin";

/// `[BOARD, market]`
pub const BOARD: &[u8] = b"board";
/// `[VENUE, clearinghouse, program]`; a venue signs with `[VENUE, clearinghouse]` of its own program.
pub const VENUE: &[u8] = b"venue";
/// `[QUOTES, margin account]`
pub const QUOTES: &[u8] = b"quotes";

/// Address of a clearing house.
pub fn clearinghouse(id: u16) -> Pubkey {
    derive(&[CLEARINGHOUSE, &id.to_le_bytes()])
}

/// Address of a collateral bank.
pub fn bank(clearinghouse: &Pubkey, mint: &Pubkey) -> Pubkey {
    derive(&[BANK, clearinghouse.as_ref(), mint.as_ref()])
}

/// Address of a bank's token account.
pub fn vault(bank: &Pubkey) -> Pubkey {
    derive(&[VAULT, bank.as_ref()])
}

/// Address of a market.
pub fn market(clearinghouse: &Pubkey, index: u16) -> Pubkey {
    derive(&[MARKET, clearinghouse.as_ref(), &index.to_le_bytes()])
}

/// Address of a margin account.
pub fn margin_account(clearinghouse: &Pubkey, owner: &Pubkey, sub_account: u16) -> Pubkey {
    derive(&[
        MARGIN,
        clearinghouse.as_ref(),
        owner.as_ref(),
        &sub_account.to_le_bytes(),
    ])
}

/// Address of a market's board of volatility posters.
pub fn board(market: &Pubkey) -> Pubkey {
    derive(&[BOARD, market.as_ref()])
}

/// Address of a listed venue.
pub fn venue(clearinghouse: &Pubkey, program: &Pubkey) -> Pubkey {
    derive(&[VENUE, clearinghouse.as_ref(), program.as_ref()])
}

/// Address of a venue's signer, derived from the venue's program.
pub fn venue_authority(clearinghouse: &Pubkey, program: &Pubkey) -> Pubkey {
    Pubkey::find_program_address(&[VENUE, clearinghouse.as_ref()], program).0
}

/// Address of an account's quote nonces.
pub fn quotes(margin_account: &Pubkey) -> Pubkey {
    derive(&[QUOTES, margin_account.as_ref()])
}

fn derive(seeds: &[&[u8]]) -> Pubkey {
    Pubkey::find_program_address(seeds, &ID).0
}
