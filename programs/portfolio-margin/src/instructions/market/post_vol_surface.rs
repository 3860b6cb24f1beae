//! Posts forward, rate and smile of an expiry, and how far they are to be trusted.

use anchor_lang::prelude::*;
use portfolio_margin_interface::args::SurfaceArgs;
use portfolio_margin_interface::state::{Market, VolBoard};
use risk_core::market::Expiry;
use risk_core::svi::Svi;
use risk_core::Ratio;

use crate::error::{risk_error, MarginError};
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
    fn validate(&self, args: &SurfaceArgs) -> Result<()> {
        // market, board: owner and discriminator checked by their loaders; the board is the market's
        let board = self.board.load()?;
        require_keys_eq!(board.market, self.market.key(), MarginError::MarketMismatch);
        // poster: signs, and is on the board
        let posters = board.posters.iter().take(board.count.into());
        let is_poster = posters.into_iter().any(|key| *key == self.poster.key());
        if !is_poster {
            return Err(
                error!(MarginError::NotPoster).with_pubkeys((self.poster.key(), self.market.key()))
            );
        }
        Expiry {
            time: args.expiry,
            forward_basis: args.forward_basis,
            rate: args.rate,
            svi: Some(Svi {
                a: args.svi_a,
                b: args.svi_b,
                rho: args.svi_rho,
                m: args.svi_m,
                s: args.svi_s,
                reference_tenor: args.reference_tenor,
            }),
            confidence: Ratio::from_raw(args.confidence.into()),
            ..Expiry::PLAIN
        }
        .validate()
        .map_err(risk_error)
    }
}

pub fn handler(ctx: Context<PostVolSurface>, args: SurfaceArgs) -> Result<()> {
    ctx.accounts.validate(&args)?;
    let now = Clock::get()?.unix_timestamp;
    let mut market = ctx.accounts.market.load_mut()?;
    let max_age = market.surface_max_age;
    let slot = market
        .expiries
        .iter_mut()
        .find(|slot| slot.time == args.expiry && slot.time != 0)
        .ok_or_else(|| error!(MarginError::ExpiryNotListed).with_values((args.expiry, now)))?;
    require_gt!(args.expiry, now, MarginError::Expired);
    slot.posted_at = now;
    slot.forward_basis = args.forward_basis;
    slot.rate = args.rate;
    slot.svi_a = args.svi_a;
    slot.svi_b = args.svi_b;
    slot.svi_rho = args.svi_rho;
    slot.svi_m = args.svi_m;
    slot.svi_s = args.svi_s;
    slot.reference_tenor = args.reference_tenor;
    slot.confidence = args.confidence;
    slot.max_age = max_age;
    emit!(SurfacePosted {
        market: ctx.accounts.market.key(),
        expiry: args.expiry,
        posted_at: now,
    });
    Ok(())
}
