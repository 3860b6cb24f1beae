//! `post_vol_surface`: who may post, for what, and within which bounds.

use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::SurfaceArgs;
use portfolio_margin_interface::state::Market;
use sandbox::{crypto_smile, instructions, World, DAY, START};
use support::{assert_logged, assert_refused, Bend};

fn good(world: &World) -> SurfaceArgs {
    crypto_smile(world.week, world.now(), 600_000)
}

#[test]
fn stores_what_was_posted_and_when() {
    let mut world = World::new();
    let btc = world.btc;
    world.advance(60);
    let args = good(&world);
    world.post_surface(&btc, args.clone());
    let slot = world.read::<Market>(&btc.key).expiries[0];
    assert_eq!((slot.time, slot.posted_at), (world.week, START + 60));
    assert_eq!(
        (slot.forward_basis, slot.rate),
        (args.forward_basis, args.rate)
    );
    assert_eq!(
        (slot.svi_a, slot.svi_b, slot.svi_rho),
        (args.svi_a, args.svi_b, args.svi_rho)
    );
    assert_eq!((slot.svi_m, slot.svi_s), (args.svi_m, args.svi_s));
    assert_eq!(slot.reference_tenor, args.reference_tenor);
    let other = world.read::<Market>(&btc.key).expiries[1];
    assert_eq!((other.time, other.posted_at), (world.month, START));
}

#[test]
fn refuses_anybody_but_the_surface_authority() {
    let mut world = World::new();
    let (btc, args) = (world.btc, good(&world));
    let (governor, authority, mallory) = (
        world.governor,
        world.surface_authority,
        world.user("mallory"),
    );
    for signer in [mallory, governor] {
        let ix = instructions::post_vol_surface(&signer.key, &btc, args.clone());
        let outcome = assert_refused(&mut world, &ix, &[signer], MarginError::NotPoster);
        assert_logged(&outcome, &[&btc.key.to_string(), &signer.key.to_string()]);
    }
    let ix = instructions::post_vol_surface(&authority.key, &btc, args).unsigned(authority.key);
    assert_refused(&mut world, &ix, &[], ErrorCode::AccountNotSigner);
}

#[test]
fn case_37_refuses_an_expiry_that_is_not_listed() {
    let mut world = World::new();
    let (btc, authority) = (world.btc, world.surface_authority);
    // zero is the time of every unused slot
    for expiry in [START + DAY, 0, -1] {
        let args = SurfaceArgs {
            expiry,
            ..good(&world)
        };
        let ix = instructions::post_vol_surface(&authority.key, &btc, args);
        let outcome = assert_refused(&mut world, &ix, &[authority], MarginError::ExpiryNotListed);
        assert_logged(&outcome, &[&format!("Left: {expiry}")]);
    }
}

#[test]
fn case_66_refuses_an_expiry_that_has_passed() {
    let mut world = World::new();
    let (btc, authority, week) = (world.btc, world.surface_authority, world.week);
    let args = good(&world);
    world.set_time(week - 1);
    let ix = instructions::post_vol_surface(&authority.key, &btc, args.clone());
    world.send(&[ix], &[authority]).ok();
    world.set_time(week);
    let ix = instructions::post_vol_surface(&authority.key, &btc, args);
    assert_refused(&mut world, &ix, &[authority], MarginError::Expired);
}

#[test]
fn case_38_refuses_parameters_beyond_their_bounds() {
    type Change = fn(&mut SurfaceArgs);
    let cases: [(Change, &str); 17] = [
        (|a| a.forward_basis = 500_000_001, "ForwardBasis"),
        (|a| a.forward_basis = i32::MIN, "ForwardBasis"),
        (|a| a.rate = 1_000_001, "Rate"),
        (|a| a.rate = -1_000_001, "Rate"),
        (|a| a.svi_b = 4_000_000_000_001, "field: B"),
        (|a| a.svi_b = u64::MAX, "field: B"),
        (|a| a.svi_rho = 999_001, "field: Rho"),
        (|a| a.svi_rho = i32::MIN, "field: Rho"),
        (|a| a.svi_m = 4_000_001, "field: M"),
        (|a| a.svi_s = 99, "field: S"),
        (|a| a.svi_s = u32::MAX, "field: S"),
        (|a| a.svi_a = i64::MAX, "field: A"),
        (|a| a.svi_a = i64::MIN, "field: A"),
        (|a| (a.svi_a, a.svi_b) = (0, 0), "MinimumVariance"),
        (|a| a.svi_a *= -10, "MinimumVariance"),
        (|a| a.reference_tenor = 0, "ReferenceTenor"),
        (|a| a.reference_tenor = u32::MAX, "ReferenceTenor"),
    ];
    let mut world = World::new();
    let (btc, authority) = (world.btc, world.surface_authority);
    for (change, field) in cases {
        let mut args = good(&world);
        change(&mut args);
        let ix = instructions::post_vol_surface(&authority.key, &btc, args);
        let error = MarginError::ParameterOutOfRange;
        let outcome = assert_refused(&mut world, &ix, &[authority], error);
        assert_logged(&outcome, &[field]);
    }
}

#[test]
fn case_05_refuses_a_bank_in_place_of_the_market() {
    let mut world = World::new();
    let authority = world.surface_authority;
    let ix = instructions::post_vol_surface(&authority.key, &world.btc, good(&world));
    let ix = ix.replace(world.btc.key, world.usdc.key);
    assert_refused(
        &mut world,
        &ix,
        &[authority],
        ErrorCode::AccountDiscriminatorMismatch,
    );
}

/// A flat smile.
fn flat(world: &World, expiry: i64, volatility: u32) -> SurfaceArgs {
    let tenor = expiry - world.now();
    let variance = u128::from(volatility).pow(2) * tenor as u128 / 31_536_000; // 1e-12
    SurfaceArgs {
        svi_a: variance as i64,
        svi_b: 0,
        reference_tenor: tenor as u32,
        ..crypto_smile(expiry, world.now(), volatility)
    }
}

#[test]
fn refuses_smiles_with_butterflies() {
    let mut world = World::new();
    let (btc, authority) = (world.btc, world.surface_authority);
    let least = good(&world);
    let sharp = |b: u64| SurfaceArgs {
        svi_a: 5_000_000_000,
        svi_b: b,
        svi_rho: 0,
        svi_m: 0,
        svi_s: 10_000,
        ..least.clone()
    };
    let wing = SurfaceArgs {
        svi_a: 30_000_000_000_000,
        svi_b: 1_600_000_000_001,
        svi_s: 1_000_000,
        reference_tenor: 126_144_000,
        ..least.clone()
    };
    for (args, logged) in [
        (sharp(200_000_000_000), "Butterfly { k: "),
        (wing, "Wing { slope: 2000000000002, most: 2000000000000 }"),
    ] {
        let ix = instructions::post_vol_surface(&authority.key, &btc, args);
        let error = MarginError::ButterflyArbitrage;
        let outcome = assert_refused(&mut world, &ix, &[authority], error);
        assert_logged(&outcome, &[logged]);
    }
    world.advance(600);
    world.post_surface(&btc, sharp(50_000_000_000));
}

#[test]
fn refuses_calendar_arbitrage_on_both_sides_of_both_neighbours() {
    let mut world = World::new();
    let (btc, authority) = (world.btc, world.surface_authority);
    let (week, month, middle) = (world.week, world.month, START + 14 * DAY);
    world.advance(1_800); // room for steps
    for (expiry, volatility) in [(month, 500_000), (week, 500_000)] {
        let args = flat(&world, expiry, volatility);
        world.post_surface(&btc, args);
    }
    world.add_expiry(&btc, middle);
    // variance of a week at 50 % is that of two weeks at 35.4 %, of a month that of two weeks at 70.7 %
    for (volatility, fits) in [
        (353_000, false),
        (708_000, false),
        (354_500, true),
        (706_500, true),
    ] {
        let args = flat(&world, middle, volatility);
        let ix = instructions::post_vol_surface(&authority.key, &btc, args);
        if fits {
            // each as the first of its expiry
            assert!(world.simulate(&[ix], &[authority]).error.is_none());
            continue;
        }
        let error = MarginError::CalendarArbitrage;
        let outcome = assert_refused(&mut world, &ix, &[authority], error);
        assert_logged(&outcome, &["Calendar { k: "]);
    }
    // WHEN the neighbours are too old to open on, THEN they have no say
    world.advance(3_601);
    let args = flat(&world, middle, 708_000);
    world.post_surface(&btc, args);
}

#[test]
fn a_market_that_doubles_is_posted_from_the_long_end_and_back_from_the_short_end() {
    let mut world = World::new();
    let (btc, authority) = (world.btc, world.surface_authority);
    world.advance(3_600);
    let post = |world: &mut World, expiry, volatility| {
        let args = flat(world, expiry, volatility);
        let ix = instructions::post_vol_surface(&authority.key, &btc, args);
        world.send(&[ix], &[authority])
    };
    let (week, month) = (world.week, world.month);
    post(&mut world, month, 450_000).ok();
    post(&mut world, week, 450_000).ok();
    world.advance(3_600);
    // a week at 91 % has more variance than a month at 45 %
    post(&mut world, week, 920_000).refused(MarginError::CalendarArbitrage);
    post(&mut world, month, 920_000).ok();
    post(&mut world, week, 920_000).ok();
    world.advance(3_600);
    post(&mut world, month, 450_000).refused(MarginError::CalendarArbitrage);
    post(&mut world, week, 450_000).ok();
    post(&mut world, month, 450_000).ok();
}

#[test]
fn case_38_a_surface_moves_by_bounded_steps_that_chaining_does_not_widen() {
    let mut world = World::new();
    let (btc, authority, month) = (world.btc, world.surface_authority, world.month);
    let post = |world: &mut World, change: &dyn Fn(&mut SurfaceArgs), volatility| {
        let mut args = flat(world, month, volatility);
        change(&mut args);
        let ix = instructions::post_vol_surface(&authority.key, &btc, args);
        world.send(&[ix], &[authority])
    };
    let plain: &dyn Fn(&mut SurfaceArgs) = &|_| ();
    world.advance(86_400);
    post(&mut world, plain, 450_000).ok();
    let basis = flat(&world, month, 450_000).forward_basis;
    // half of it and ten points at once, and no further however often
    post(&mut world, plain, 775_100).refused(MarginError::SurfaceStep);
    post(&mut world, plain, 774_900).ok();
    post(&mut world, plain, 776_000).refused(MarginError::SurfaceStep);
    post(&mut world, plain, 774_900).ok();
    for change in [1i32, -1] {
        let by =
            move |by: i32| move |args: &mut SurfaceArgs| args.forward_basis = basis + change * by;
        let outcome = post(&mut world, &by(20_000_001), 774_900);
        outcome.refused(MarginError::SurfaceStep);
        post(&mut world, &by(20_000_000), 774_900).ok();
        let by = move |by: i32| move |args: &mut SurfaceArgs| args.rate += change * by;
        let outcome = post(&mut world, &by(100_001), 774_900);
        outcome.refused(MarginError::SurfaceStep);
        post(&mut world, &by(100_000), 774_900).ok();
    }
    // a second before the window is over the anchor still holds; then a step, from where it has come to another
    world.advance(599);
    post(&mut world, plain, 776_000).refused(MarginError::SurfaceStep);
    world.advance(1);
    post(&mut world, plain, 774_900).ok();
    post(&mut world, plain, 1_262_000).ok();
    // WHEN nobody has posted for an hour, THEN there is room for six steps, but for the week's variance below
    world.advance(3_600);
    post(&mut world, plain, 5_240_000).refused(MarginError::SurfaceStep);
    post(&mut world, plain, 3_600_000).ok();
}

#[test]
fn refuses_the_board_of_another_market() {
    let mut world = World::new();
    let (btc, sol, authority) = (world.btc, world.sol, world.surface_authority);
    let ix = instructions::post_vol_surface(&authority.key, &btc, good(&world));
    let ix = ix.replace(
        portfolio_margin_interface::seeds::board(&btc.key),
        portfolio_margin_interface::seeds::board(&sol.key),
    );
    assert_refused(&mut world, &ix, &[authority], MarginError::MarketMismatch);
}
