//! Layout of a market's board of volatility posters: who may post, and what each has posted last.

#[cfg(feature = "anchor")]
use anchor_lang::prelude::*;

#[cfg(not(feature = "anchor"))]
use crate::Pubkey;

use crate::state::market::MAX_EXPIRIES;

/// Posters that a market may have.
pub const MAX_POSTERS: usize = 5;

/// One poster's last post for one expiry.
#[cfg_attr(feature = "anchor", zero_copy)]
#[cfg_attr(
    not(feature = "anchor"),
    derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)
)]
#[derive(Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct SurfacePost {
    /// Unix time of the expiry; zero: unused.
    pub expiry: i64,
    /// Unix time of the post.
    pub posted_at: i64,
    /// SVI `a`, total variance at the reference tenor, 1e-12.
    pub svi_a: i64,
    /// SVI `b`, 1e-12.
    pub svi_b: u64,
    /// SVI `rho`, 1e-6.
    pub svi_rho: i32,
    /// SVI `m`, 1e-6.
    pub svi_m: i32,
    /// SVI `s`, 1e-6.
    pub svi_s: u32,
    /// Tenor for which the smile was fitted, seconds.
    pub reference_tenor: u32,
    /// Forward over spot less one, 1e-9.
    pub forward_basis: i32,
    /// Annual rate, 1e-6.
    pub rate: i32,
    /// Confidence in forward, rate and volatility, 1e-6.
    pub confidence: u32,
    /// Zero.
    pub padding: u32,
}

/// The posters of one market; PDA `[board, market]`.
#[cfg_attr(feature = "anchor", account(zero_copy))]
#[cfg_attr(
    not(feature = "anchor"),
    derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)
)]
#[derive(Debug)]
#[repr(C)]
pub struct VolBoard {
    /// Layout version.
    pub version: u8,
    /// Bump of this account's address.
    pub bump: u8,
    /// Posters in use.
    pub count: u8,
    /// Zero.
    pub padding: [u8; 5],
    /// The market.
    pub market: Pubkey,
    /// Who may post.
    pub posters: [Pubkey; MAX_POSTERS],
    /// Last posts, by poster; within one poster in no order.
    pub posts: [[SurfacePost; MAX_EXPIRIES]; MAX_POSTERS],
    /// Zero.
    pub reserved: [u64; 16],
}

impl crate::AccountLayout for VolBoard {
    const ACCOUNT_DISCRIMINATOR: [u8; 8] = [225, 142, 49, 147, 155, 90, 6, 185];
}

const _: () = assert!(core::mem::size_of::<SurfacePost>() == 64);
const _: () = assert!(core::mem::size_of::<VolBoard>() == 4_168);
