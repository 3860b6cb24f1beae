//! Layout of the interest on negative quote balances: indices, curve, limits.

#[cfg(feature = "anchor")]
use anchor_lang::prelude::*;

/// 1.0 of an interest index.
pub const INDEX_ONE: u64 = 1_000_000_000_000;

/// Interest of a clearing house: debts pay by a curve of their utilisation, balances receive it.
#[cfg_attr(feature = "anchor", zero_copy)]
#[cfg_attr(
    not(feature = "anchor"),
    derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)
)]
#[derive(Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct InterestRecord {
    /// What a debt of 1.0 has grown to, 1e-12.
    pub debt_index: u64,
    /// What a balance of 1.0 has grown to, 1e-12.
    pub balance_index: u64,
    /// When both last moved, Unix time.
    pub updated_at: i64,
    /// Sum of all debts with their interest, 1e-6 USD; rounded down, so that no more is paid out than comes in.
    pub debts: u64,
    /// Interest that debtors were charged less what was credited to balances, 1e-6 USD; negative while debtors' interest is
    /// not charged yet.
    pub pool: i64,
    /// Largest debt of one account, 1e-6 USD; zero: no debts.
    pub account_limit: u64,
    /// Largest sum of all debts, 1e-6 USD.
    pub limit: u64,
    /// Annual rate at no utilisation, 1e-6.
    pub rate_base: u32,
    /// Annual rate at the kink, 1e-6.
    pub rate_kink: u32,
    /// Annual rate at full utilisation, 1e-6.
    pub rate_full: u32,
    /// Utilisation of the kink, 1e-6.
    pub kink: u32,
    /// Share of interest that stays with the house, 1e-6.
    pub house_share: u32,
    /// Zero.
    pub padding: u32,
}

const _: () = assert!(core::mem::size_of::<InterestRecord>() == 80);
