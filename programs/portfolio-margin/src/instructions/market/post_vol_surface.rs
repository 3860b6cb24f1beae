//! Posts forward, rate and smile of an expiry, and puts the median of the board's fresh posts into force.
//!
//! Two kinds of checks. What a post must show by itself (bounds, no butterfly) is an error: nobody else can cause it. What the
//! median must show to come into force (a quorum, no calendar arbitrage against the expiries around it, a bounded step) may
//! fail through others: the post is stored all the same, the surface in force stays and grows old, and the event says why.
//! On a board of one nobody else is there: what cannot come into force is refused by name.

use anchor_lang::prelude::*;
use clearing_core::surface::butterfly::check_butterfly;
use clearing_core::surface::median::{in_force, MOST_POSTS};
use clearing_core::surface::neighbours::{check_calendar, check_step};
use clearing_core::surface::{Surface, SurfaceFault};
use portfolio_margin_interface::args::SurfaceArgs;
use portfolio_margin_interface::state::board::SurfacePost;
use portfolio_margin_interface::state::{ExpirySlot, Market, VolBoard};
use risk_core::market::{Expiry, ExpirySource};
use risk_core::svi::{Svi, SviSlice};
use risk_core::Ratio;

use crate::error::{overflow, risk_error, surface_error, MarginError};
use crate::event::SurfacePosted;

#[derive(Accounts)]
pub struct PostVolSurface<'info> {
    pub poster: Signer<'info>,
    #[account(mut)]
    pub market: AccountLoader<'info, Market>,
    #[account(mut)]
    pub board: AccountLoader<'info, VolBoard>,
}

impl PostVolSurface<'_> {
    /// Returns the poster's place on the board.
    fn validate(&self, args: &SurfaceArgs, now: i64) -> Result<usize> {
        // market, board: owner and discriminator checked by their loaders; the board is the market's
        let board = self.board.load()?;
        require_keys_eq!(board.market, self.market.key(), MarginError::MarketMismatch);
        // poster: signs, and is on the board
        let place = board.place_of(&self.poster.key()).ok_or_else(|| {
            error!(MarginError::NotPoster).with_pubkeys((self.poster.key(), self.market.key()))
        })?;
        let market = self.market.load()?;
        let is_listed = market.expiries.iter().any(|slot| slot.time == args.expiry);
        if args.expiry == 0 || !is_listed {
            return Err(error!(MarginError::ExpiryNotListed).with_values((args.expiry, now)));
        }
        require_gt!(args.expiry, now, MarginError::Expired);
        check_post(args, now)?;
        Ok(place)
    }
}

/// What a post must show by itself.
fn check_post(args: &SurfaceArgs, now: i64) -> Result<()> {
    let svi = svi(args);
    Expiry {
        time: args.expiry,
        forward_basis: args.forward_basis,
        rate: args.rate,
        svi: Some(svi),
        confidence: Ratio::from_raw(args.confidence.into()),
        ..Expiry::PLAIN
    }
    .validate()
    .map_err(risk_error)?;
    check_butterfly(&svi, args.expiry.saturating_sub(now))
        .map_err(|fault| surface_error(&fault).into())
}

fn svi(args: &SurfaceArgs) -> Svi {
    Svi {
        a: args.svi_a,
        b: args.svi_b,
        rho: args.svi_rho,
        m: args.svi_m,
        s: args.svi_s,
        reference_tenor: args.reference_tenor,
    }
}

fn surface(args: &SurfaceArgs, now: i64) -> Surface {
    Surface {
        svi: svi(args),
        forward_basis: args.forward_basis,
        rate: args.rate,
        confidence: args.confidence,
        posted_at: now,
    }
}

/// The median of the board's fresh posts, and how many there are. On the heap: five surfaces are 280 bytes.
#[inline(never)]
fn candidate(board: &VolBoard, market: &Market, expiry: i64, now: i64) -> (usize, Option<Surface>) {
    let mut posts = Vec::with_capacity(MOST_POSTS);
    let fresh = board.fresh(expiry, now, market.surface_max_age);
    posts.extend(fresh.map(SurfacePost::surface));
    let tenor = expiry.saturating_sub(now);
    (posts.len(), in_force(&posts, board.quorum(), tenor))
}

/// Whether a surface may come into force.
#[inline(never)]
fn check_candidate(
    market: &Market,
    anchor: Option<&SurfacePost>,
    expiry: i64,
    next: &Surface,
    now: i64,
) -> core::result::Result<(), SurfaceFault> {
    let tenor = expiry.saturating_sub(now);
    let smile = SviSlice::new(&next.svi, tenor);
    if let Some(anchor) = anchor {
        let elapsed = now.saturating_sub(anchor.posted_at);
        check_step(&anchor.surface(), (next, &smile), tenor, elapsed)?;
    }
    // Sorted by time. What is too old to open on has no say: else an expiry that nobody posts any more would stop the rest.
    let is_fresh = |slot: &&ExpirySlot| {
        let age = now.saturating_sub(slot.posted_at);
        slot.time > now && slot.posted_at != 0 && age <= i64::from(market.surface_max_age)
    };
    let slots = market.expiries.iter().filter(is_fresh);
    if let Some(shorter) = slots.clone().rfind(|slot| slot.time < expiry) {
        check_calendar(&smile_of(shorter, now), &smile)?;
    }
    if let Some(longer) = slots.clone().find(|slot| slot.time > expiry) {
        check_calendar(&smile, &smile_of(longer, now))?;
    }
    Ok(())
}

/// What the engine prices a listed expiry with.
fn smile_of(slot: &ExpirySlot, now: i64) -> SviSlice {
    let svi = SurfacePost::default().surface().svi;
    let svi = slot.expiry().svi.unwrap_or(svi);
    SviSlice::new(&svi, slot.time.saturating_sub(now))
}

fn put_in_force(slot: &mut ExpirySlot, next: &Surface, max_age: u32) {
    slot.posted_at = next.posted_at;
    slot.forward_basis = next.forward_basis;
    slot.rate = next.rate;
    slot.svi_a = next.svi.a;
    slot.svi_b = next.svi.b;
    slot.svi_rho = next.svi.rho;
    slot.svi_m = next.svi.m;
    slot.svi_s = next.svi.s;
    slot.reference_tenor = next.svi.reference_tenor;
    slot.confidence = next.confidence;
    slot.max_age = max_age;
}

/// Puts the median into force where it may come; returns the number of fresh posts and why it may not.
fn settle(
    market: &mut Market,
    board: &mut VolBoard,
    expiry: i64,
    now: i64,
) -> (usize, Option<MarginError>) {
    let (fresh, next) = candidate(board, market, expiry, now);
    let Some(next) = next else {
        return (fresh, Some(MarginError::SurfaceQuorum));
    };
    if let Err(fault) = check_candidate(market, board.anchor(expiry), expiry, &next, now) {
        return (fresh, Some(surface_error(&fault)));
    }
    board.anchor_at(expiry, &next, now);
    let max_age = market.surface_max_age;
    if let Some(slot) = market.expiries.iter_mut().find(|slot| slot.time == expiry) {
        put_in_force(slot, &next, max_age);
    }
    (fresh, None)
}

pub fn handler(ctx: Context<PostVolSurface>, args: SurfaceArgs) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let place = ctx.accounts.validate(&args, now)?;
    let mut market = ctx.accounts.market.load_mut()?;
    let mut board = ctx.accounts.board.load_mut()?;
    let post = SurfacePost::new(args.expiry, &surface(&args, now));
    board.store(place, post, now);
    let (fresh, refusal) = settle(&mut market, &mut board, args.expiry, now);
    let refusal = match refusal {
        Some(refusal) if board.count == 1 => return Err(refusal.into()),
        Some(refusal) => refusal.into(),
        None => 0,
    };
    market.sequence = market.sequence.checked_add(1).ok_or_else(overflow)?;
    let listed = market.expiries.iter().find(|slot| slot.time == args.expiry);
    emit!(SurfacePosted {
        market: ctx.accounts.market.key(),
        expiry: args.expiry,
        poster: ctx.accounts.poster.key(),
        posted_at: now,
        fresh: u8::try_from(fresh).map_err(|_| overflow())?,
        refusal,
        in_force_since: listed.map_or(0, |slot| slot.posted_at),
        sequence: market.sequence,
    });
    Ok(())
}
