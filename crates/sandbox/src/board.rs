//! Boards of several posters: who they are, and what each says.

use anchor_lang::prelude::Pubkey;
use portfolio_margin_interface::args::{MarketRulesArgs, SurfaceArgs};
use portfolio_margin_interface::state::{ExpirySlot, Market as MarketRecord, VolBoard};
use portfolio_margin_interface::{seeds, state::SurfacePost};

use crate::instructions;
use crate::keys::User;
use crate::listing::Market;
use crate::transaction::Outcome;
use crate::world::World;

/// Users who post surfaces.
pub fn posters(count: usize) -> Vec<User> {
    (0..count)
        .map(|place| User::named(&format!("poster {place}")))
        .collect()
}

/// Rules without limits, for a board of these posters.
pub fn rules_of(posters: &[User]) -> MarketRulesArgs {
    MarketRulesArgs {
        posters: posters.iter().map(|poster| poster.key).collect(),
        ..MarketRulesArgs::plain(Pubkey::default())
    }
}

impl World {
    /// Posts a surface as one of a board.
    #[track_caller]
    pub fn post_as(&mut self, poster: &User, market: &Market, args: SurfaceArgs) -> Outcome {
        let ix = instructions::post_vol_surface(&poster.key, market, args);
        self.send(&[ix], &[*poster])
    }

    /// The board of a market.
    #[track_caller]
    pub fn board(&self, market: &Market) -> VolBoard {
        self.read(&seeds::board(&market.key))
    }

    /// What a poster has stored for an expiry.
    #[track_caller]
    pub fn post_of(&self, poster: &User, market: &Market, expiry: i64) -> Option<SurfacePost> {
        let board = self.board(market);
        let place = board.place_of(&poster.key).expect("a poster of the board");
        board.posts[place]
            .iter()
            .find(|post| post.expiry == expiry)
            .copied()
    }

    /// The slot of a listed expiry.
    #[track_caller]
    pub fn slot(&self, market: &Market, expiry: i64) -> ExpirySlot {
        let record: MarketRecord = self.read(&market.key);
        let slot = record.expiries.iter().find(|slot| slot.time == expiry);
        *slot.expect("a listed expiry")
    }
}
