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
