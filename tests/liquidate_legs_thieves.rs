//! `liquidate_legs` against those who would gain by it: friends of the owner, keepers who choose their moment or what they leave.

use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::LiquidationArgs;
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount};
use risk_core::liquidation::FRACTION_ONE;
use sandbox::{
    crypto_smile, share_of_legs, take_of, PriceFields, Trader, World, BTC_START, DAY, USDC,
};
use support::{
    assert_conserved, assert_open_interest, assert_refused, health, rewrite, total_equity, Book,
    Naked, Random, BOOKS,
};

/// An account as before anybody started.
fn never_started(header: &mut MarginAccount) {
    (header.status, header.liquidation_started_at) = (0, 0);
}

/// What is in the house for somebody: equity of its accounts.
fn wealth(world: &World, traders: &[Trader]) -> i64 {
    total_equity(world, &traders.iter().collect::<Vec<_>>())
}

#[test]
fn inv_04_an_owner_and_a_friend_gain_nothing_by_trading_legs_between_them() {
    // GIVEN alice in liquidation and a friend who takes whatever the program lets it, for the largest fee
    let mut scene = Naked::build(Book::Condor, 150, LiquidationArgs::STANDARD);
    let both = [scene.alice, scene.keeper];
    let fund = |world: &World| world.read::<Clearinghouse>(&world.house).insurance as i64;
    let (before, paid) = (wealth(&scene.world, &both), fund(&scene.world));
    for _ in 0..8 {
        let takes = scene.part(FRACTION_ONE / 10);
        let fee = scene.world.outlook(&scene.alice.account, &takes).most_fee();
        let ix = scene.ix(&takes, fee);
        scene.world.send(&[ix], &[scene.keeper.user]).ok();
    }
    // THEN together they are poorer by what the fund received
    let (after, paid) = (wealth(&scene.world, &both), fund(&scene.world) - paid);
    assert!(paid > 10 * USDC as i64);
    assert!(
        (before - paid - after).abs() <= 100,
        "{before} - {paid} = {after}"
    );
    // and there and back again there is no way: she is in liquidation, and takes no legs
    let (alice, keeper) = (scene.alice, scene.keeper);
    let args = scene.args(&scene.part(FRACTION_ONE / 10), 0);
    let ix = scene.world.legs_ix(&alice, &keeper.account, args);
    let error = MarginError::AccountLiquidating;
    assert_refused(&mut scene.world, &ix, &[alice.user], error);
    assert_conserved(&scene.world);
}

#[test]
fn no_account_pays_more_per_repair_than_the_slice_at_that_moment_would_cost() {
    // GIVEN the same account twice: one repaired by legs for the largest fee, one by a slice of the same improvement
    for book in BOOKS {
        let mut scene = Naked::steady(book, 130);
        let takes = scene.part(FRACTION_ONE / 4);
        let outlook = scene.world.outlook(&scene.alice.account, &takes);
        let before = outlook.before.margin;
        let ix = scene.ix(&takes, outlook.most_fee());
        scene.world.send(&[ix], &[scene.keeper.user]).ok();
        let legs = scene.world.report(&scene.alice.account).margin;

        let mut other = Naked::steady(book, 130);
        let (keeper, alice) = (other.keeper, other.alice.account);
        let witness = other.world.report(&alice).witness();
        other
            .world
            .bid(&keeper, &alice, &witness, FRACTION_ONE / 10)
            .ok();
        let slice = other.world.report(&alice).margin;
        // THEN equity given up per unit of health: legs <= slice, cross-multiplied
        let rate = |after: &risk_core::margin::MarginReport, own: i64| {
            let improved = after.maintenance_health.raw() - before.maintenance_health.raw();
            (i128::from(own), i128::from(improved))
        };
        let (fee, by_legs) = rate(&legs, before.equity.raw() - legs.equity.raw());
        // a tenth of the equity at 5 % off
        let (reward, by_slice) = rate(&slice, before.equity.raw() / 10 / 20);
        println!("{book:?}: legs {fee} for {by_legs}, slice {reward} for {by_slice}");
        assert!(fee * by_slice <= reward * by_legs + by_legs);
    }
}

#[test]
fn case_32_33_a_keeper_cannot_choose_an_old_mark() {
    // GIVEN a surface of low volatility that is in force, and a newer one that would make the short call dearer to take over
    let mut scene = Naked::steady(Book::Condor, 150);
    let (btc, month) = (scene.world.btc, scene.world.month);
    let takes = scene.part(FRACTION_ONE / 10);
    let before = scene.world.outlook(&scene.alice.account, &takes).prices[0];
    let now = scene.world.now();
    scene
        .world
        .post_surface(&btc, crypto_smile(month, now, 500_000));
    // THEN what is posted is the mark, whatever the keeper had in mind
    let outlook = scene.world.outlook(&scene.alice.account, &takes);
    assert_ne!(outlook.prices[0], before);
    // WHEN it shows an older price than the market has stored THEN it is refused
    scene.world.advance(30);
    scene.world.refresh_prices();
    scene.world.update_market(&btc).ok();
    let spot = scene.world.spot(&btc.price).raw();
    let old = PriceFields::fresh(btc.feed_id, spot - spot / 100, scene.world.now() - 20);
    scene.world.set_price_update(btc.price, old);
    let ix = scene.ix(&takes, 0);
    let outcome = scene.world.simulate(&[ix], &[scene.keeper.user]);
    assert!(
        outcome.error.is_some(),
        "an older price of the keeper's choice"
    );
    // WHEN nobody posts any more THEN no mark is good enough, however well it suits
    scene.world.advance(DAY);
    scene.world.refresh_prices();
    let ix = scene.ix(&takes, 0);
    scene.refuse(&ix, MarginError::SurfaceStale, &[]);
}

#[test]
fn start_and_legs_in_one_transaction_are_paid_as_at_the_start_of_an_auction() {
    let mut scene = Naked::build(Book::Condor, 150, LiquidationArgs::STANDARD);
    let takes = scene.part(FRACTION_ONE / 10);
    let fee = scene.world.outlook(&scene.alice.account, &takes).most_fee();
    let (alice, keeper) = (scene.alice.account, scene.keeper);
    // GIVEN the account before anybody has started
    rewrite(&mut scene.world, &alice, never_started);
    let witness = scene.world.report(&alice).witness();
    let start = scene
        .world
        .start_liquidation_ix(&keeper.user, &alice, &witness);
    let [dear, fair] = [fee + 1, fee].map(|fee| scene.ix(&takes, fee));
    let stop = scene.world.stop_liquidation_ix(&keeper.user, &alice);
    let batch = [start.clone(), dear];
    let outcome = scene.world.simulate(&batch, &[keeper.user]);
    assert_eq!(outcome.error_code(), Some(MarginError::LegsTooDear.into()));
    scene.world.send(&[start, fair], &[keeper.user]).ok();
    // a stop that is not due fails
    scene.refuse(&stop, MarginError::BufferMissing, &[]);
}

#[test]
fn a_healthy_account_cannot_be_made_to_fail_for_its_legs() {
    // GIVEN alice healthy: WHEN a keeper starts, takes and stops in one transaction THEN nothing of it happens
    let mut scene = Naked::steady(Book::Condor, 100);
    let (btc, alice, keeper) = (scene.world.btc, scene.alice.account, scene.keeper);
    let takes = scene.part(FRACTION_ONE / 10);
    let witness = scene.world.report(&alice).witness();
    scene.world.set_price(&btc, BTC_START);
    rewrite(&mut scene.world, &alice, never_started);
    let start = scene
        .world
        .start_liquidation_ix(&keeper.user, &alice, &witness);
    let legs = scene.ix(&takes, 0);
    let outcome = scene.world.simulate(&[start, legs], &[keeper.user]);
    assert_eq!(
        outcome.error_code(),
        Some(MarginError::AccountHealthy.into())
    );
}

#[test]
fn inv_13_15_whatever_legs_are_taken_the_rest_is_sold_and_resolved() {
    let mut random = Random::new(7);
    for book in BOOKS {
        for round in 0..6 {
            // GIVEN keepers who take any legs that the program lets them, for the largest fee, in any order
            let mut scene = Naked::steady(book, 110);
            let (alice, keeper) = (scene.alice, scene.keeper);
            let mut taken = 0;
            for _ in 0..12 {
                let held = scene.world.account(&alice.account).1;
                let pick = held[random.range(0, held.len() as i64) as usize];
                let share = [FRACTION_ONE, FRACTION_ONE / 3, FRACTION_ONE / 7];
                let share = random.pick(&share);
                let takes = share_of_legs(&[take_of(&pick, pick.quantity)], share);
                if takes.is_empty() || scene.buffer_health() >= 0 {
                    continue;
                }
                let before = health(&scene.world, &alice);
                let fee = scene.world.outlook(&alice.account, &takes).most_fee();
                let ix = scene.ix(&takes, fee);
                if scene.world.send(&[ix], &[keeper.user]).error.is_none() {
                    // THEN each step improves the account and none passes the buffer
                    taken += 1;
                    assert!(health(&scene.world, &alice) > before, "{book:?} {round}");
                    assert!(scene.buffer_health() <= 0, "{book:?} {round}");
                }
            }
            // THEN slices still repair what is left
            let mut bids = 0;
            while scene.buffer_health() < 0 {
                let witness = scene.world.report(&alice.account).witness();
                let bid = scene
                    .world
                    .bid(&keeper, &alice.account, &witness, FRACTION_ONE);
                match bid.error {
                    None => bids += 1,
                    Some(_) => break,
                }
                assert!(bids < 10, "{book:?} {round}");
            }
            println!("{book:?} {round}: {taken} legs, {bids} bids");
            scene
                .world
                .stop_liquidation(&keeper.user, &alice.account)
                .ok();
            assert_conserved(&scene.world);
            assert_open_interest(&scene.world);
        }
    }
}
