//! `post_vol_surface` on boards of several posters: the median in force, quorum and age, liars, the dead, and compute units.

use anchor_lang::prelude::Pubkey;
use portfolio_margin::error::MarginError;
use portfolio_margin::event::SurfacePosted;
use portfolio_margin_interface::args::SurfaceArgs;
use portfolio_margin_interface::state::market::MAX_EXPIRIES;
use portfolio_margin_interface::state::ExpirySlot;
use risk_core::market::{ExpirySource, MarketParams};
use risk_core::scenario::{MAJOR_GRID, MAJOR_SCENARIOS};
use risk_core::svi::SviSlice;
use sandbox::{
    call, crypto_smile, dollars, posters, rules_of, Market, Model, Trader, User, World,
    WorldBuilder, BASE, DAY, START, USDC,
};
use support::{assert_logged, assert_refused};

/// A market with a board of its own, and two traders.
struct Board {
    world: World,
    market: Market,
    posters: Vec<User>,
    week: i64,
    month: i64,
}

impl Board {
    fn new(count: usize) -> Self {
        Self::in_world(World::new(), count)
    }

    fn in_world(mut world: World, count: usize) -> Self {
        let posters = posters(count);
        let args = match world.settings().model {
            Model::Neutral => world.market_args("ETH", [7; 32], &MAJOR_GRID),
            Model::Whole => {
                let params = &MarketParams::BTC;
                world.whole_market_args("ETH", [7; 32], &MAJOR_SCENARIOS, params)
            }
        };
        let market = world.list_market_with(world.house, args, rules_of(&posters));
        world.set_price(&market, dollars(4_000));
        let (week, month) = (world.week, world.month);
        world.add_expiry(&market, week);
        world.add_expiry(&market, month);
        Self {
            world,
            market,
            posters,
            week,
            month,
        }
    }

    fn smile(&self, expiry: i64, volatility: u32) -> SurfaceArgs {
        crypto_smile(expiry, self.world.now(), volatility)
    }

    /// A post that must be stored; returns what the event says.
    #[track_caller]
    fn post(&mut self, poster: usize, args: SurfaceArgs) -> SurfacePosted {
        let (user, market, expiry) = (self.posters[poster], self.market, args.expiry);
        let stored = args.clone();
        let outcome = self.world.post_as(&user, &market, args).ok();
        let post = self.world.post_of(&user, &market, expiry).expect("a post");
        assert_eq!(
            (post.svi_a, post.forward_basis, post.posted_at),
            (stored.svi_a, stored.forward_basis, self.world.now())
        );
        let event = outcome.events::<SurfacePosted>().remove(0);
        assert_eq!((event.market, event.expiry), (market.key, expiry));
        assert_eq!(event.poster, user.key);
        let slot = self.world.expiry_slot(&market, expiry);
        assert_eq!(event.in_force_since, slot.posted_at);
        event
    }

    /// The usual smile of the week.
    #[track_caller]
    fn week(&mut self, poster: usize, volatility: u32) -> SurfacePosted {
        let args = self.smile(self.week, volatility);
        self.post(poster, args)
    }

    fn slot(&self) -> ExpirySlot {
        self.world.expiry_slot(&self.market, self.week)
    }

    /// Volatility in force for the week at so many deviations of 45 % from the forward, 1e-6.
    fn volatility(&self, deviations: i64) -> u32 {
        let tenor = self.week - self.world.now();
        let root = (tenor as f64 / 31_536_000.0).sqrt();
        let smile = SviSlice::new(&self.slot().expiry().svi.expect("a surface"), tenor);
        let k = 0.45 * root * deviations as f64 * 2f64.powi(40);
        (smile.std_dev(k as i64) as f64 / 2f64.powi(40) / root * 1e6).round() as u32
    }
}

const QUORUM: MarginError = MarginError::SurfaceQuorum;

#[test]
fn case_37_nothing_is_in_force_before_a_majority_has_posted() {
    for count in 2..=5 {
        let mut board = Board::new(count);
        let mut traders = ["alice", "bob"].map(|name| board.world.trader(name, 50_000 * USDC));
        for poster in 0..count / 2 {
            let event = board.week(poster, 450_000);
            assert_eq!(
                (event.refusal, event.in_force_since),
                (u32::from(QUORUM), 0)
            );
            assert_eq!(usize::from(event.fresh), poster + 1);
            // the same poster again is one poster still
            assert_eq!(board.week(poster, 450_000).refusal, u32::from(QUORUM));
            assert_eq!(board.slot().expiry().svi, None);
        }
        open(&mut board, &mut traders).refused(MarginError::SurfaceMissing);
        let event = board.week(count / 2, 450_000);
        assert_eq!((event.refusal, event.in_force_since), (0, START));
        open(&mut board, &mut traders).ok();
    }
}

/// A call of the week that one sells to the other.
fn open(board: &mut Board, [alice, bob]: &mut [Trader; 2]) -> sandbox::Outcome {
    let leg = call(&board.market, board.week, dollars(4_400), BASE, dollars(40));
    board.world.trade(alice, bob, &[leg])
}

#[test]
fn the_median_of_five_is_in_force() {
    let mut board = Board::new(5);
    let smile = board.smile(board.week, 450_000);
    for (poster, (volatility, basis, rate, confidence)) in [
        (470_000, 1_000_000, 10_000, 900_000),
        (430_000, 5_000_000, 50_000, 500_000),
        (450_000, 3_000_000, 40_000, 700_000),
        (900_000, -9_000_000, 90_000, 0),
        (440_000, 2_000_000, -9_000, 1_000_000),
    ]
    .into_iter()
    .enumerate()
    {
        board.world.advance(10);
        let args = SurfaceArgs {
            forward_basis: basis,
            rate,
            confidence,
            ..crypto_smile(board.week, START, volatility)
        };
        board.post(poster, args);
    }
    let slot = board.slot();
    assert_eq!(
        (slot.svi_a, slot.svi_b, slot.svi_s),
        (smile.svi_a, smile.svi_b, smile.svi_s)
    );
    assert_eq!((slot.forward_basis, slot.rate), (2_000_000, 40_000));
    assert_eq!((slot.confidence, slot.max_age), (700_000, 3_600));
    // the third of five has posted for the last time at 30 s: since then a majority vouches
    assert_eq!(slot.posted_at, START + 30);
}

#[test]
fn a_poster_who_dies_does_not_stop_the_others() {
    for (count, dead) in [(3, 1), (4, 1), (5, 2)] {
        let mut board = Board::new(count);
        for poster in 0..count {
            board.week(poster, 450_000);
        }
        // the dead ones' posts count until they are too old, and are outvoted until then
        for minute in 1..=70 {
            board.world.advance(60);
            for poster in dead..count {
                let event = board.week(poster, 460_000 + minute * 1_000);
                assert_eq!(event.refusal, 0);
                let fresh = if minute <= 60 { count } else { count - dead };
                assert_eq!(usize::from(event.fresh), fresh);
            }
            assert_eq!(board.slot().posted_at, board.world.now());
        }
        assert!(board.volatility(0).abs_diff(530_000) < 2_000);
    }
}

#[test]
fn one_alive_of_five_does_not_look_like_five() {
    // GIVEN a board of five, and an account that is short a call
    let mut board = Board::in_world(WorldBuilder::whole(0).build(), 5);
    let mut traders = ["alice", "bob"].map(|name| board.world.trader(name, 50_000 * USDC));
    for poster in 0..5 {
        board.week(poster, 450_000);
    }
    open(&mut board, &mut traders).ok();
    // WHEN one goes on alone, THEN what is in force grows as old as the third last word
    let confidence = |board: &Board| {
        let slot = board.slot();
        slot.expiry_at(board.world.now()).confidence.raw()
    };
    for (age, left, opens) in [
        (1_800, 1_000_000, true),
        (2_700, 500_000, true),
        (3_600, 0, true),
        (3_601, 0, false),
    ] {
        board.world.set_time(START + age);
        board.world.refresh_prices();
        let (house, market) = (board.world.house, board.market);
        board.world.set_price(&market, dollars(4_000));
        board.world.set_quote_price(dollars(1));
        board.world.update_quote_price(&house).ok();
        let event = board.week(0, 450_000);
        assert_eq!(board.slot().posted_at, START, "{age}");
        let refusal = if opens { 0 } else { u32::from(QUORUM) };
        assert_eq!(event.refusal, refusal, "{age}");
        assert_eq!(confidence(&board), left, "{age}");
        // the charge begins below 55 %
        let [_, short] = &traders;
        let charge = board.world.report(&short.account).margin.contingencies;
        assert_eq!(charge.confidence.raw() > 0, left < 550_000, "{age}");
        if opens {
            open(&mut board, &mut traders).ok();
        } else {
            open(&mut board, &mut traders).refused(MarginError::SurfaceStale);
        }
    }
    // the position can be closed all the same
    let [alice, bob] = traders;
    let leg = call(
        &board.market,
        board.week,
        dollars(4_400),
        -BASE,
        dollars(40),
    );
    board.world.trade(&alice, &bob, &[leg]).ok();
    // WHEN two more come back, THEN it is a majority that vouches
    board.week(1, 450_000);
    let event = board.week(2, 450_000);
    assert_eq!(
        (event.refusal, event.in_force_since),
        (0, board.world.now())
    );
    assert_eq!(confidence(&board), 1_000_000);
}

#[test]
fn a_liar_moves_nothing_out_of_the_honest_range() {
    for count in 3..=5 {
        let mut board = Board::new(count);
        for poster in 1..count {
            board.week(poster, 440_000 + 5_000 * poster as u32);
        }
        // from 44.5 % in steps of half a point
        let honest = 444_900..=435_000 + 5_000 * count as u32;
        let profile = [-4, -2, 2, 4].map(|deviations| board.volatility(deviations));
        let middle = board.smile(board.week, 450_000);
        let lies = [
            board.smile(board.week, 5_000_000),
            board.smile(board.week, 50_000),
            // the middle at the money, and wings of his own
            SurfaceArgs {
                svi_b: 3 * middle.svi_b,
                svi_a: -3 * middle.svi_a,
                ..middle.clone()
            },
            SurfaceArgs {
                svi_rho: -990_000,
                ..middle.clone()
            },
            SurfaceArgs {
                svi_rho: 990_000,
                forward_basis: 500_000_000,
                rate: 1_000_000,
                confidence: 0,
                ..middle.clone()
            },
        ];
        for lie in lies {
            board.post(0, lie);
            for poster in 1..count {
                let event = board.week(poster, 440_000 + 5_000 * poster as u32);
                assert_eq!(event.refusal, 0);
                let slot = board.slot();
                assert!(
                    honest.contains(&board.volatility(0)),
                    "{}",
                    board.volatility(0)
                );
                for (deviations, before) in [-4, -2, 2, 4].into_iter().zip(profile) {
                    let now = board.volatility(deviations);
                    assert!(
                        now.abs_diff(before) < before / 20,
                        "{deviations}: {now} {before}"
                    );
                }
                assert_eq!(
                    (slot.forward_basis, slot.rate),
                    (middle.forward_basis, 40_000)
                );
                assert_eq!(slot.confidence, 1_000_000);
            }
        }
    }
}

#[test]
fn a_liar_cannot_make_the_others_calendars_bad() {
    let mut board = Board::new(3);
    for expiry in [board.month, board.week] {
        for poster in 0..3 {
            let args = board.smile(expiry, 450_000);
            board.post(poster, args);
        }
    }
    // poster 0 says a month has less variance than a week, in vain
    let lie = board.smile(board.month, 100_000);
    assert_eq!(board.post(0, lie).refusal, 0);
    for poster in 1..3 {
        assert_eq!(board.week(poster, 500_000).refusal, 0);
    }
    // a lie without a majority stays a post
    let lie = board.smile(board.week, 950_000);
    assert_eq!(board.post(0, lie).refusal, 0);
    assert!(board.volatility(0).abs_diff(500_000) < 2_000);
}

#[test]
fn what_cannot_come_into_force_yet_is_kept_and_the_old_grows_old() {
    let mut board = Board::new(3);
    for expiry in [board.month, board.week] {
        for poster in 0..3 {
            let args = board.smile(expiry, 450_000);
            board.post(poster, args);
        }
    }
    // GIVEN a market that triples within a minute
    board.world.advance(60);
    let market = board.market;
    let before = board.slot();
    let args = board.smile(board.week, 850_000);
    assert_eq!(board.post(0, args.clone()).refusal, 0); // outvoted
    let event = board.post(1, args);
    assert_eq!(event.refusal, u32::from(MarginError::SurfaceStep));
    assert_eq!(board.slot().svi_a, before.svi_a);
    assert_eq!(event.in_force_since, START);
    let event = board.week(2, 850_000);
    assert_eq!(event.refusal, u32::from(MarginError::SurfaceStep));
    assert_eq!(event.in_force_since, START);
    // WHEN there is room for it, THEN the next post of anybody brings it into force
    board.world.advance(1_200);
    assert_eq!(board.week(0, 850_000).refusal, 0);
    assert!(board.volatility(0).abs_diff(850_000) < 3_000);
    // calendars likewise: a week cannot have more variance than the month in force
    board.world.advance(1_200);
    for poster in 0..2 {
        let args = board.smile(board.week, 1_100_000);
        let event = board.post(poster, args);
        let refusal = [0, u32::from(MarginError::CalendarArbitrage)][poster];
        assert_eq!(event.refusal, refusal);
    }
    for poster in 0..2 {
        let args = board.smile(board.month, 750_000);
        assert_eq!(board.post(poster, args).refusal, 0);
    }
    assert_eq!(board.week(2, 1_100_000).refusal, 0);
    assert_eq!(
        board.world.expiry_slot(&market, board.week).posted_at,
        board.world.now()
    );
}

#[test]
fn refuses_a_bad_smile_from_any_poster() {
    let mut board = Board::new(5);
    let (market, user) = (board.market, board.posters[3]);
    let args = SurfaceArgs {
        svi_a: 5_000_000_000,
        svi_b: 200_000_000_000,
        svi_s: 10_000,
        ..board.smile(board.week, 450_000)
    };
    let ix = sandbox::instructions::post_vol_surface(&user.key, &market, args);
    let error = MarginError::ButterflyArbitrage;
    let outcome = assert_refused(&mut board.world, &ix, &[user], error);
    assert_logged(&outcome, &["Butterfly {"]);
    // and anything from the authority of another market
    let other = board.world.surface_authority;
    let args = board.smile(board.week, 450_000);
    let ix = sandbox::instructions::post_vol_surface(&other.key, &market, args);
    let error = MarginError::NotPoster;
    let outcome = assert_refused(&mut board.world, &ix, &[other], error);
    assert_logged(&outcome, &[&other.key.to_string()]);
}

#[test]
fn posts_for_what_is_over_make_room() {
    let mut board = Board::new(1);
    let market = board.market;
    let later: Vec<_> = (0..20).map(|n| START + (30 + n) * DAY).collect();
    for expiry in &later[..MAX_EXPIRIES - 2] {
        board.world.add_expiry(&market, *expiry);
    }
    let listed = |board: &Board| {
        let record: portfolio_margin_interface::state::Market = board.world.read(&market.key);
        record.expiries.map(|slot| slot.time)
    };
    for expiry in listed(&board) {
        let args = board.smile(expiry, 450_000);
        assert_eq!(board.post(0, args).refusal, 0);
    }
    // WHEN the first six are over and others are listed in their place, THEN all twelve can be posted again
    board.world.set_time(later[3]);
    for expiry in &later[MAX_EXPIRIES - 2..MAX_EXPIRIES + 4] {
        board.world.add_expiry(&market, *expiry);
    }
    let expiries = listed(&board);
    assert_eq!((expiries[0], expiries[11]), (later[4], later[15]));
    for expiry in expiries {
        let args = board.smile(expiry, 450_000);
        assert_eq!(board.post(0, args).refusal, 0);
    }
    let board = board.world.board(&market);
    for (place, records) in [board.posts[0], board.anchors].into_iter().enumerate() {
        let mut held = records.map(|post| post.expiry);
        held.sort_unstable();
        assert_eq!(held, expiries, "{place}");
    }
    assert_eq!(board.posters[1], Pubkey::default());
}

#[test]
fn case_48_a_post_with_five_posters_and_twelve_expiries_costs_little() {
    let mut board = Board::new(5);
    let market = board.market;
    for n in 0..MAX_EXPIRIES as i64 - 2 {
        board.world.add_expiry(&market, START + (30 + 30 * n) * DAY);
    }
    let record: portfolio_margin_interface::state::Market = board.world.read(&market.key);
    let mut most = 0;
    for _ in 0..2 {
        for slot in record.expiries {
            for poster in 0..5 {
                let volatility = 450_000 + 4_000 * poster as u32;
                let args = board.smile(slot.time, volatility);
                let user = board.posters[poster];
                let outcome = board.world.post_as(&user, &market, args).ok();
                let units = outcome.compute_units_of("post_vol_surface");
                most = most.max(units.expect("a post"));
            }
        }
    }
    println!("post_vol_surface, 5 posters, 12 expiries: {most} CU");
    assert!(most < 60_000, "{most}");
}
