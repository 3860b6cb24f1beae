//! Boards of several posters: who they are, and what each says.

use anchor_lang::prelude::Pubkey;
use portfolio_margin_interface::args::{MarketRulesArgs, SurfaceArgs};
use portfolio_margin_interface::state::{
    ExpirySlot, Market as MarketRecord, SurfacePost, VolBoard,
};
use portfolio_margin_interface::{seeds, DISCRIMINATOR_LEN};

use crate::instructions;
use crate::keys::User;
use crate::listing::{crypto_smile, Market};
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

    /// Writes a surface into its slot, past every check: how tests show the engine what no board would put into force.
    #[track_caller]
    pub fn write_surface(&mut self, market: &Market, args: &SurfaceArgs) {
        let now = self.now();
        self.change_market(market, |record| {
            let max_age = record.surface_max_age;
            let slot = record.expiries.iter_mut();
            let slot = slot.into_iter().find(|slot| slot.time == args.expiry);
            let slot = slot.expect("a listed expiry");
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
        });
    }

    /// [`World::refresh`] past every check of surfaces.
    #[track_caller]
    pub fn write_surfaces(&mut self) {
        self.refresh_prices();
        let now = self.now();
        let settings = self.settings();
        let volatilities = [settings.btc_volatility, settings.sol_volatility];
        for (market, volatility) in [self.btc, self.sol].into_iter().zip(volatilities) {
            for expiry in [self.week, self.month] {
                if expiry > now {
                    self.write_surface(&market, &crypto_smile(expiry, now, volatility));
                }
            }
        }
    }

    /// Rewrites a market's account.
    #[track_caller]
    pub fn change_market(&mut self, market: &Market, change: impl FnOnce(&mut MarketRecord)) {
        let mut record: MarketRecord = self.read(&market.key);
        change(&mut record);
        let mut account = self.svm.get_account(&market.key).expect("a market");
        let bytes = bytemuck::bytes_of(&record);
        account.data[DISCRIMINATOR_LEN..][..bytes.len()].copy_from_slice(bytes);
        self.svm
            .set_account(market.key, account)
            .expect("writing a market");
    }

    /// The slot of a listed expiry.
    #[track_caller]
    pub fn expiry_slot(&self, market: &Market, expiry: i64) -> ExpirySlot {
        let record: MarketRecord = self.read(&market.key);
        let slot = record.expiries.iter().find(|slot| slot.time == expiry);
        *slot.expect("a listed expiry")
    }
}
