//! Tokens: which mints a bank may hold, how its vault is made, and transfers checked by what the vault holds afterwards.
//!
//! Both token programs are served. Of a Token-2022 mint every extension must be on a list, since most of them let somebody
//! take, freeze, shrink or hide what a vault holds. What may stand beside a mint without touching a transfer is allowed: pointers
//! to metadata and groups, and the metadata and groups themselves. Everything else is refused by its number, also what no
//! program knows yet. A mint takes no other extension after its creation, so the check at listing holds for good.

use anchor_lang::prelude::*;
use anchor_lang::system_program;
use anchor_spl::token_interface::spl_token_2022::extension::ExtensionType;
use anchor_spl::token_interface::{
    self, InitializeAccount3, Mint, TokenAccount, TokenInterface, TransferChecked,
};
use portfolio_margin_interface::seeds;

use crate::error::MarginError;

/// Extensions that change nothing about a transfer.
const ALLOWED: [ExtensionType; 6] = [
    ExtensionType::MetadataPointer,
    ExtensionType::TokenMetadata,
    ExtensionType::GroupPointer,
    ExtensionType::TokenGroup,
    ExtensionType::GroupMemberPointer,
    ExtensionType::TokenGroupMember,
];
/// Where the extensions of a Token-2022 mint begin: after the length of a token account and the type of the account.
const EXTENSIONS_START: usize = 166;
/// Length of a token account without extensions.
const VAULT_LEN: usize = 165;

/// The accounts of a transfer.
pub struct Transfer<'a, 'info> {
    /// Paid from.
    pub from: &'a InterfaceAccount<'info, TokenAccount>,
    /// Paid to.
    pub to: &'a InterfaceAccount<'info, TokenAccount>,
    /// The mint of both.
    pub mint: &'a InterfaceAccount<'info, Mint>,
    /// Who may spend `from`.
    pub authority: AccountInfo<'info>,
    /// The mint's token program.
    pub program: &'a Interface<'info, TokenInterface>,
}

impl<'info> Transfer<'_, 'info> {
    fn context(&self) -> CpiContext<'_, '_, '_, 'info, TransferChecked<'info>> {
        CpiContext::new(
            self.program.key(),
            TransferChecked {
                from: self.from.to_account_info(),
                mint: self.mint.to_account_info(),
                to: self.to.to_account_info(),
                authority: self.authority.clone(),
            },
        )
    }
}

/// Moves tokens from a user into the vault; the vault must grow by exactly `amount`.
pub fn pull(transfer: Transfer<'_, '_>, amount: u64) -> Result<()> {
    let before = transfer.to.amount;
    token_interface::transfer_checked(transfer.context(), amount, transfer.mint.decimals)?;
    require_delta(before, balance_of(transfer.to)?, amount)
}

/// Moves tokens out of the vault, signed by the bank; the vault must shrink by exactly `amount`.
pub fn push(transfer: Transfer<'_, '_>, amount: u64, bank_seeds: &[&[&[u8]]]) -> Result<()> {
    let before = transfer.from.amount;
    token_interface::transfer_checked(
        transfer.context().with_signer(bank_seeds),
        amount,
        transfer.mint.decimals,
    )?;
    require_delta(balance_of(transfer.from)?, before, amount)
}

/// Seeds by which a bank signs, without its bump.
pub fn bank_seeds<'a>(clearinghouse: &'a Pubkey, mint: &'a Pubkey) -> [&'a [u8]; 3] {
    [seeds::BANK, clearinghouse.as_ref(), mint.as_ref()]
}

/// Refuses a token program that is not the mint's.
pub fn require_program_of(
    mint: &InterfaceAccount<'_, Mint>,
    program: &Interface<'_, TokenInterface>,
) -> Result<()> {
    let owner = *mint.to_account_info().owner;
    require_keys_eq!(owner, program.key(), MarginError::TokenProgramMismatch);
    Ok(())
}

/// Refuses a mint with an extension that is not on the list.
///
/// Errors: `MintExtension` with the number of the first such extension.
pub fn require_plain_mint(mint: &InterfaceAccount<'_, Mint>) -> Result<()> {
    let info = mint.to_account_info();
    let data = info.try_borrow_data()?;
    match first_refused(data.get(EXTENSIONS_START..).unwrap_or_default()) {
        None => Ok(()),
        Some(number) => Err(error!(MarginError::MintExtension).with_values((number, 0))),
    }
}

/// The number of the first extension that is not allowed, in a mint's list of type, length and value (two bytes each, then
/// as many as the length says). A list that ends within an entry, or has anything after its end, is refused as type 0.
fn first_refused(mut list: &[u8]) -> Option<u16> {
    let malformed = Some(0);
    while let Some((head, rest)) = list.split_at_checked(4) {
        let [a, b, c, d] = head else {
            return malformed;
        };
        let (number, length) = (u16::from_le_bytes([*a, *b]), u16::from_le_bytes([*c, *d]));
        if number == 0 {
            break;
        }
        if !ALLOWED.iter().any(|kind| u16::from(*kind) == number) {
            return Some(number);
        }
        let Some(others) = rest.get(length.into()..) else {
            return malformed;
        };
        list = others;
    }
    // the end is nothing, or zeros
    match list.iter().all(|byte| *byte == 0) {
        true => None,
        false => malformed,
    }
}

/// The accounts from which a vault is made.
pub struct NewVault<'a, 'info> {
    /// Pays the rent.
    pub payer: AccountInfo<'info>,
    /// The vault's address, which may hold lamports already.
    pub vault: AccountInfo<'info>,
    /// Its mint.
    pub mint: &'a InterfaceAccount<'info, Mint>,
    /// Who may spend it: the bank.
    pub authority: AccountInfo<'info>,
    /// The mint's token program.
    pub program: &'a Interface<'info, TokenInterface>,
}

/// Makes a vault: a token account that only the bank spends, without a delegate or another who may close it.
pub fn create_vault(accounts: NewVault<'_, '_>, vault_seeds: &[&[u8]]) -> Result<()> {
    let system = system_program::ID;
    let signer: &[&[&[u8]]] = &[vault_seeds];
    let rent = Rent::get()?.minimum_balance(VAULT_LEN);
    let missing = rent.saturating_sub(accounts.vault.lamports());
    if missing > 0 {
        let payment = system_program::Transfer {
            from: accounts.payer,
            to: accounts.vault.clone(),
        };
        system_program::transfer(CpiContext::new(system, payment), missing)?;
    }
    let allocation = system_program::Allocate {
        account_to_allocate: accounts.vault.clone(),
    };
    let space = u64::try_from(VAULT_LEN).unwrap_or(u64::MAX);
    system_program::allocate(
        CpiContext::new_with_signer(system, allocation, signer),
        space,
    )?;
    let assignment = system_program::Assign {
        account_to_assign: accounts.vault.clone(),
    };
    system_program::assign(
        CpiContext::new_with_signer(system, assignment, signer),
        accounts.program.key,
    )?;
    let vault = InitializeAccount3 {
        account: accounts.vault,
        mint: accounts.mint.to_account_info(),
        authority: accounts.authority,
    };
    token_interface::initialize_account3(CpiContext::new(accounts.program.key(), vault))
}

/// The balance after a transfer, read from the account's data.
fn balance_of(account: &InterfaceAccount<'_, TokenAccount>) -> Result<u64> {
    let info = account.to_account_info();
    let data = info.try_borrow_data()?;
    Ok(TokenAccount::try_deserialize_unchecked(&mut &data[..])?.amount)
}

fn require_delta(low: u64, high: u64, amount: u64) -> Result<()> {
    let delta = high.checked_sub(low);
    if delta != Some(amount) {
        return Err(
            error!(MarginError::VaultDeltaMismatch).with_values((delta.unwrap_or(0), amount))
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len()).expect("a short value");
        [&number.to_le_bytes(), &length.to_le_bytes(), value].concat()
    }

    #[test]
    fn only_what_leaves_transfers_alone_is_allowed() {
        for number in 0..u16::MAX {
            let list = entry(number, &[7; 9]);
            let want = match number {
                18..=23 => None,
                number => Some(number),
            };
            assert_eq!(first_refused(&list), want, "{number}");
        }
    }

    #[test]
    fn the_list_is_read_to_its_end_and_must_be_whole() {
        assert_eq!(first_refused(&[]), None);
        assert_eq!(first_refused(&[0; 100]), None);
        let both = [entry(18, &[1; 64]), entry(19, &[2; 100])].concat();
        assert_eq!(first_refused(&both), None);
        assert_eq!(first_refused(&[both.clone(), vec![0; 3]].concat()), None);
        // a hook behind metadata
        let hooked = [both.clone(), entry(14, &[0; 64])].concat();
        assert_eq!(first_refused(&hooked), Some(14));
        // one behind what looks like the end
        let hidden = [both.clone(), vec![0; 4], entry(14, &[0; 64])].concat();
        assert_eq!(first_refused(&hidden), Some(0));
        // cut within a value, and within a head
        let cut = both.get(..both.len() - 1).expect("a shorter list");
        assert_eq!(first_refused(cut), Some(0));
        assert_eq!(first_refused(&[18, 0, 0]), Some(0));
    }
}
