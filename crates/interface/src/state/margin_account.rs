//! Layout of a margin account: a fixed header, then position records up to the account's capacity.

#[cfg(feature = "anchor")]
use anchor_lang::prelude::*;

use risk_core::position::{Instrument, Position, PositionSource};
use risk_core::tier::Tier;
use risk_core::{Price, Quantity, Quote};

#[cfg(not(feature = "anchor"))]
use crate::Pubkey;
use crate::{AccountLayout, DISCRIMINATOR_LEN};

/// Collateral assets that one account may hold.
pub const MAX_COLLATERALS: usize = 8;
/// Positions that a new account has room for at the least.
pub const MIN_CAPACITY: usize = 16;
/// Positions that an account may have room for. How many it may hold is a matter of its size: [`crate::state::size`].
pub const MAX_CAPACITY: usize = 128;

/// Status: trades freely.
pub const STATUS_ACTIVE: u8 = 0;
/// Status: a maintenance breach was proved; only risk-reducing changes and deposits.
pub const STATUS_LIQUIDATING: u8 = 1;

/// Venues that one account may approve.
pub const MAX_VENUES: usize = 4;

/// A delegate's scope: trades and signed quotes.
pub const SCOPE_TRADE: u64 = 1;

/// Native units of one bank.
#[cfg_attr(feature = "anchor", zero_copy)]
#[cfg_attr(
    not(feature = "anchor"),
    derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)
)]
#[derive(Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct CollateralBalance {
    /// Index of the bank; meaningless where `amount` is zero.
    pub bank: u16,
    /// The bank's [`crate::state::CollateralBank::offset_market`], copied at the first deposit.
    pub offset_market: u16,
    /// Zero.
    pub padding: [u16; 2],
    /// Native units of the bank's mint.
    pub amount: u64,
}

/// The header of a margin account; PDA `[margin, clearinghouse, owner, sub_account]`.
///
/// Collateral is sorted by bank and packed to the front, positions by (market, expiry, strike, instrument): the
/// canonical order in which a margin check expects its accounts.
#[cfg_attr(feature = "anchor", account(zero_copy))]
#[cfg_attr(
    not(feature = "anchor"),
    derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)
)]
#[derive(Debug)]
#[repr(C)]
pub struct MarginAccount {
    /// Layout version.
    pub version: u8,
    /// Bump of this account's address.
    pub bump: u8,
    /// [`STATUS_ACTIVE`] or [`STATUS_LIQUIDATING`].
    pub status: u8,
    /// Code of [`Tier`].
    pub tier: u8,
    /// Number that tells an owner's accounts apart.
    pub sub_account: u16,
    /// Records in use.
    pub position_count: u16,
    /// The clearing house.
    pub clearinghouse: Pubkey,
    /// Who signs for the account.
    pub owner: Pubkey,
    /// Raised by every change.
    pub sequence: u64,
    /// Quote balance, 1e-6 USD.
    pub cash: i64,
    /// Part of `cash` that liquidators paid since liquidation started: not for sale in later slices.
    pub reserved_cash: i64,
    /// Unix time at which liquidation started; zero otherwise.
    pub liquidation_started_at: i64,
    /// Collateral other than quote.
    pub collateral: [CollateralBalance; MAX_COLLATERALS],
    /// Who else may sign, within `delegate_scope`, until `delegate_expires`; zero: nobody.
    pub delegate: Pubkey,
    /// Unix time from which the delegate may sign no more.
    pub delegate_expires: i64,
    /// Sum of [`SCOPE_TRADE`] and the like.
    pub delegate_scope: u64,
    /// Interest index at which `cash` was last charged or credited, 1e-12: the debts' where it is negative, else the balances'.
    pub interest_index: u64,
    /// Interest credited but not yet added to cash, 1e-6 USD: it is, when a change of the house is written.
    pub interest_due: u64,
    /// Programs of venues that may fill trades of this account; zero: free.
    pub venues: [Pubkey; MAX_VENUES],
    /// When the account was proved insolvent, Unix time: the clock of the insolvent phase; zero: it was not.
    pub insolvent_at: i64,
    /// What it was proved to lack, its part of [`crate::state::Clearinghouse::proven_insolvency`], 1e-6 USD.
    pub proven_deficit: u64,
    /// [`crate::state::InterestRecord::loss_index`] at which `cash` was last charged; zero: never.
    pub loss_index: u64,
    /// The market whose part of the insurance fund a loss of this account may use: its index plus 1; zero: none.
    pub loss_market: u16,
    /// Zero.
    pub padding: [u16; 3],
    /// Zero.
    pub reserved: [u64; 12],
}

/// One series held by an account; follows the header.
#[cfg_attr(feature = "anchor", zero_copy)]
#[cfg_attr(
    not(feature = "anchor"),
    derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)
)]
#[derive(Debug, PartialEq, Eq)]
#[repr(C)]
pub struct PositionRecord {
    /// Index of the market.
    pub market: u16,
    /// Code of [`Instrument`].
    pub instrument: u8,
    /// Zero.
    pub padding: [u8; 5],
    /// Unix time of expiry; zero for a perpetual.
    pub expiry: i64,
    /// Strike, 1e-8 USD; zero for a perpetual or a future.
    pub strike: u64,
    /// ln of the raw strike, Q40, computed when the record was made.
    pub ln_strike: i64,
    /// Signed size, 1e-6 base units.
    pub quantity: i64,
    /// Perpetual, future: quote paid for it in sum, 1e-6 USD; costs of all accounts sum to zero. Options: zero.
    pub cost: i64,
    /// Zero; room for the funding index.
    pub reserved: [u64; 2],
}

impl CollateralBalance {
    /// The market whose risk this collateral offsets: in every check that covers the collateral, also without positions
    /// there.
    pub fn offset_market(&self) -> Option<u16> {
        self.offset_market.checked_sub(1)
    }
}

impl PositionRecord {
    /// What positions are sorted by.
    pub fn key(&self) -> (u16, i64, u64, u8) {
        (self.market, self.expiry, self.strike, self.instrument)
    }
}

impl PositionSource for PositionRecord {
    #[inline]
    fn position(&self) -> Position {
        Position {
            // Records are only written with a valid code.
            instrument: Instrument::from_code(self.instrument).unwrap_or(Instrument::Perpetual),
            expiry: self.expiry,
            strike: Price::from_raw(self.strike),
            ln_strike: self.ln_strike,
            quantity: Quantity::from_raw(self.quantity),
            cost: Quote::from_raw(self.cost),
        }
    }
}

impl MarginAccount {
    /// Length of an account with room for `capacity` positions.
    pub const fn space(capacity: usize) -> usize {
        let records = capacity.saturating_mul(core::mem::size_of::<PositionRecord>());
        Self::ACCOUNT_LEN.saturating_add(records)
    }

    /// How the account is margined.
    pub fn tier(&self) -> Tier {
        // Accounts are only written with a valid code.
        Tier::from_code(self.tier).unwrap_or_default()
    }

    /// Collateral in use.
    pub fn used_collateral(&self) -> impl Iterator<Item = &CollateralBalance> {
        self.collateral.iter().filter(|balance| balance.amount > 0)
    }

    /// Native units held of a bank.
    pub fn collateral_of(&self, bank: u16) -> u64 {
        self.used_collateral()
            .find(|balance| balance.bank == bank)
            .map_or(0, |balance| balance.amount)
    }

    /// Splits an account's data into header and records in use; `None` for another account or a broken one.
    pub fn read_with_positions(data: &[u8]) -> Option<(&Self, &[PositionRecord])> {
        let header = Self::read(data)?;
        let records = data.get(Self::ACCOUNT_LEN..)?;
        let records: &[PositionRecord] = bytemuck::try_cast_slice(records).ok()?;
        Some((header, records.get(..header.position_count.into())?))
    }
}

impl AccountLayout for MarginAccount {
    const ACCOUNT_DISCRIMINATOR: [u8; 8] = [133, 220, 173, 213, 179, 211, 43, 238];
}

const _: () = assert!(core::mem::size_of::<PositionRecord>() == 64);
const _: () = assert!(core::mem::size_of::<MarginAccount>() == 552);
const _: () = assert!(DISCRIMINATOR_LEN == 8);
// Anybody can create an account with the most positions in one instruction: the runtime's limit is 10 KiB.
const _: () = assert!(MarginAccount::space(MAX_CAPACITY) <= 10_240);
