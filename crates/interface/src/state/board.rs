//! Layout of a market's board of volatility posters: who may post, what each has posted last, and where each surface stood when
//! its step was last measured anew.

#[cfg(feature = "anchor")]
use anchor_lang::prelude::*;

#[cfg(not(feature = "anchor"))]
use crate::Pubkey;

use clearing_core::surface::median::quorum;
use clearing_core::surface::neighbours::STEP_WINDOW;
use clearing_core::surface::Surface;
use risk_core::svi::Svi;

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
    /// By expiry in no order: the surface from which steps are measured, with the time at which it came into force.
    pub anchors: [SurfacePost; MAX_EXPIRIES],
    /// Zero.
    pub reserved: [u64; 16],
}

impl SurfacePost {
    /// A record of a surface.
    pub fn new(expiry: i64, surface: &Surface) -> Self {
        Self {
            expiry,
            posted_at: surface.posted_at,
            svi_a: surface.svi.a,
            svi_b: surface.svi.b,
            svi_rho: surface.svi.rho,
            svi_m: surface.svi.m,
            svi_s: surface.svi.s,
            reference_tenor: surface.svi.reference_tenor,
            forward_basis: surface.forward_basis,
            rate: surface.rate,
            confidence: surface.confidence,
            padding: 0,
        }
    }

    /// The surface.
    pub fn surface(&self) -> Surface {
        Surface {
            svi: Svi {
                a: self.svi_a,
                b: self.svi_b,
                rho: self.svi_rho,
                m: self.svi_m,
                s: self.svi_s,
                reference_tenor: self.reference_tenor,
            },
            forward_basis: self.forward_basis,
            rate: self.rate,
            confidence: self.confidence,
            posted_at: self.posted_at,
        }
    }
}

impl VolBoard {
    /// Place of a poster; `None` for anybody else.
    pub fn place_of(&self, poster: &Pubkey) -> Option<usize> {
        let posters = self.posters.iter().take(self.count.into());
        posters.into_iter().position(|key| key == poster)
    }

    /// How many fresh posts put a surface into force: more than half of the board.
    pub fn quorum(&self) -> usize {
        quorum(self.count.into())
    }

    /// Stores what a poster says in place of what it said before. Posts for what is over make room: a market lists no more
    /// expiries to come than a poster has posts.
    pub fn store(&mut self, poster: usize, post: SurfacePost, now: i64) {
        let posts = self.posts.get_mut(poster);
        if let Some(slot) = posts.and_then(|posts| slot_for(posts, post.expiry, now)) {
            *slot = post;
        }
    }

    /// The posts for an expiry that are at most `max_age` seconds old, by place of their posters.
    pub fn fresh(
        &self,
        expiry: i64,
        now: i64,
        max_age: u32,
    ) -> impl Iterator<Item = &SurfacePost> + '_ {
        let boards = self.posts.iter().take(self.count.into());
        let posts = boards.filter_map(move |posts| posts.iter().find(|post| post.expiry == expiry));
        posts.filter(move |post| now.saturating_sub(post.posted_at) <= i64::from(max_age))
    }

    /// The surface from which the steps of an expiry are measured; `None` before the first.
    pub fn anchor(&self, expiry: i64) -> Option<&SurfacePost> {
        self.anchors.iter().find(|anchor| anchor.expiry == expiry)
    }

    /// Tells that a surface came into force now: it is the next anchor where the last is a window old.
    pub fn anchor_at(&mut self, expiry: i64, surface: &Surface, now: i64) {
        if let Some(slot) = slot_for(&mut self.anchors, expiry, now) {
            if slot.expiry != expiry || now.saturating_sub(slot.posted_at) >= STEP_WINDOW {
                *slot = SurfacePost {
                    posted_at: now,
                    ..SurfacePost::new(expiry, surface)
                };
            }
        }
    }
}

/// The record of an expiry, else one of what is over.
fn slot_for(records: &mut [SurfacePost], expiry: i64, now: i64) -> Option<&mut SurfacePost> {
    let same = records.iter().position(|record| record.expiry == expiry);
    let place = same.or_else(|| records.iter().position(|record| record.expiry <= now))?;
    records.get_mut(place)
}

impl crate::AccountLayout for VolBoard {
    const ACCOUNT_DISCRIMINATOR: [u8; 8] = [225, 142, 49, 147, 155, 90, 6, 185];
}

const _: () = assert!(core::mem::size_of::<SurfacePost>() == 64);
const _: () = assert!(core::mem::size_of::<VolBoard>() == 4_936);
