//! A venue on top of the clearing house, as small as an honest one can be: the worked example for integrators.
//!
//! Makers place resting orders, one account each. Takers take part or all of one. A take trades both margin accounts by
//! `venue_fill` of the clearing house, which then checks everything that it checks of any trade: both accounts' margin, price
//! bands, limits, fees. The venue holds no collateral, no positions and no authority over either account but this one: to
//! trade for those who approved it. What it adds is what the clearing house leaves to venues, how two sides find each other.
//!
//! # What an integrator does
//!
//! 1. The governor lists the program: `list_venue`. That fixes the venue's *authority*, the address derived from this
//!    program and the seeds `[b"venue", clearing house]`. Only this program can sign for it.
//! 2. The owner of a margin account approves the program: `approve_venue`. It may revoke that at any time, and the governor may
//!    delist the venue; from then on its fills are refused.
//! 3. To fill, the program calls `venue_fill` and signs with that address. See [`instructions::take_order`], the only file
//!    here that knows the clearing house:
//!    - the remaining accounts of the take are those of a trade (markets of the legs, then the margin accounts of taker and
//!      maker), built by the client and passed on untouched: the venue need not understand them;
//!    - accounts are passed on with the privileges with which they came. Above all the clearing house stays writable where the
//!      client made it so, which it does when a debt of either side changes;
//!    - the call changes both margin accounts, so what the venue has read of them before is old after it.
//!
//! # What a venue must check itself
//!
//! The clearing house takes the venue's word that both sides agree: **it does not ask for their signatures.** A venue that forgets to
//! is a hole in every account that approved it. Here an order is placed with the owner's signature, and a take is signed by
//! whoever may trade for the taker's account. The order's terms are fixed when it is placed, it shrinks with each take, ends with
//! its time, and the maker can cancel it at any moment. A take names what its taker means to trade, price and all: the maker could
//! put another order in the old one's place while the take is on its way.
//!
//! # What a venue can do to those who approved it, and what it cannot
//!
//! It can trade for them at any price within the market's bands, down to their initial margin. It can neither withdraw nor
//! change who signs. But whoever *signs* a transaction of a hostile program lends it that signature: a wallet that wants to be safe from
//! that too lets a delegate with the trading scope sign its takes.

#![deny(clippy::or_fun_call)]

use anchor_lang::prelude::*;

#[cfg(target_arch = "bpf")]
use solana_compiler_builtins as _;

pub mod instructions;
pub mod order;

use instructions::*;
pub use order::{Order, OrderArgs};
use portfolio_margin_interface::args::TradeLeg;

declare_id!("7mAHLdW8ZZttc51bf9pCAYPhTu94QksgQwHMxt1uPTbb");

#[program]
pub mod example_venue {
    use super::*;

    /// Places an order of the signer's margin account, which must have approved this venue. Authority: the account's owner.
    ///
    /// Errors: `NotOwner`, `NotApproved`, `ZeroQuantity`, `OrderExpired`.
    pub fn place_order(ctx: Context<PlaceOrder>, args: OrderArgs) -> Result<()> {
        place_order::handler(ctx, args)
    }

    /// Removes an order; its rent goes back to the owner. Authority: the owner, after the order's time anybody.
    ///
    /// Errors: `NotOwner`.
    pub fn cancel_order(ctx: Context<CancelOrder>) -> Result<()> {
        cancel_order::handler(ctx)
    }

    /// Takes up to `wanted` of an order, or what is left of it: the leg as its taker sees it, which must be of the order's series
    /// and price. Authority: the owner or delegate of the taker's margin account, which must have approved this venue.
    ///
    /// Remaining accounts: those of a trade between the two. Errors: `NotTaker`, `OrderExpired`, `OrderChanged`, the clearing
    /// house's.
    pub fn take_order<'info>(
        ctx: Context<'info, TakeOrder<'info>>,
        wanted: TradeLeg,
    ) -> Result<()> {
        take_order::handler(ctx, wanted)
    }
}

/// What the venue itself refuses.
#[error_code]
pub enum VenueError {
    #[msg("Signer does not own the margin account")]
    NotOwner,
    #[msg("Signer may not trade for the taker's margin account")]
    NotTaker,
    #[msg("Margin account has not approved this venue")]
    NotApproved,
    #[msg("Quantity is zero")]
    ZeroQuantity,
    #[msg("Order has expired")]
    OrderExpired,
    #[msg("Order has another side, series or price than the taker wants")]
    OrderChanged,
}
