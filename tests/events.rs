//! What the program tells the world: one event per change, with the figures that the accounts then hold.

use portfolio_margin::event::{
    BankInitialized, ClearinghouseInitialized, CollateralDeposited, CollateralWithdrawn,
    ExpiryAdded, LiquidationBid, LiquidationStarted, LiquidationStopped, MarginAccountOpened,
    MarketInitialized, SurfacePosted, Traded,
};
use portfolio_margin_interface::args::{
    AccountTermsArgs, ClearinghouseArgs, HouseRulesArgs, MarginAccountArgs,
};
use portfolio_margin_interface::seeds;
use risk_core::liquidation::FRACTION_ONE;
use risk_core::scenario::MAJOR_GRID;
use sandbox::{
    call, crypto_smile, dollars, instructions, perpetual, World, BASE, BTC_START, DAY, START,
};
use support::{assert_refused, failing_long, health, pair};

#[test]
fn listings() {
    let mut world = World::new();
    let (governor, authority) = (world.governor, world.surface_authority);
    let (house, btc, time) = (seeds::clearinghouse(7), world.btc, START + 90 * DAY);
    let mint = world.create_mint("a mint", 9);
    let args = ClearinghouseArgs {
        id: 7,
        liquidation_discount: 0,
        liquidation_buffer: 10_000,
        terms: AccountTermsArgs::PLAIN,
        rules: HouseRulesArgs::PLAIN,
    };
    let market = world.market_args("ETH", [7; 32], &MAJOR_GRID);
    let outcome = world
        .send(
            &[instructions::initialize_clearinghouse(
                &governor.key,
                &world.usdc_mint(),
                args,
            )],
            &[governor],
        )
        .ok();
    let event = &outcome.events::<ClearinghouseInitialized>()[0];
    assert_eq!(
        (event.clearinghouse, event.governor, event.id),
        (house, governor.key, 7)
    );

    let ix = instructions::initialize_bank(&governor.key, &house, &mint, world.sol_bank_args());
    let event = &world
        .send(&[ix], &[governor])
        .ok()
        .events::<BankInitialized>()[0];
    assert_eq!(
        (event.bank, event.mint, event.index),
        (seeds::bank(&house, &mint), mint, 0)
    );

    let ix = instructions::initialize_market(&governor.key, &house, 0, market);
    let event = &world
        .send(&[ix], &[governor])
        .ok()
        .events::<MarketInitialized>()[0];
    assert_eq!(
        (event.market, event.index, event.scenarios),
        (seeds::market(&house, 0), 0, 31)
    );

    let ix = instructions::add_expiry(&governor.key, &btc, time);
    let event = &world.send(&[ix], &[governor]).ok().events::<ExpiryAdded>()[0];
    assert_eq!((event.market, event.time), (btc.key, time));
    let listed = event.sequence;

    let ix =
        instructions::post_vol_surface(&authority.key, &btc, crypto_smile(time, START, 500_000));
    let event = &world
        .send(&[ix], &[authority])
        .ok()
        .events::<SurfacePosted>()[0];
    assert_eq!(
        (event.market, event.expiry, event.posted_at),
        (btc.key, time, START)
    );
    assert_eq!((event.poster, event.fresh), (authority.key, 1));
    assert_eq!((event.refusal, event.in_force_since), (0, START));
    assert_eq!(event.sequence, listed + 1);
}

#[test]
fn accounts_and_trades() {
    let (mut world, alice, bob) = pair(50_000);
    let (bank, btc, week) = (world.usdc, world.btc, world.week);
    let args = MarginAccountArgs {
        sub_account: 3,
        capacity: 20,
        tier: 1,
    };
    let ix = instructions::open_margin_account(&alice.user.key, &world.house, args);
    let event = &world
        .send(&[ix], &[alice.user])
        .ok()
        .events::<MarginAccountOpened>()[0];
    assert_eq!(
        (event.owner, event.sub_account, event.capacity),
        (alice.user.key, 3, 20)
    );

    world.fund(&alice.user, &bank, 5);
    let event = &world
        .deposit(&alice, &bank, 5)
        .ok()
        .events::<CollateralDeposited>()[0];
    assert_eq!(
        (event.margin_account, event.bank),
        (alice.account, bank.key)
    );
    let first = event.sequence - 2; // of opening
    assert_eq!((event.amount, first), (5, world.slot() << 20));
    let event = &world
        .withdraw(&alice, &bank, 4)
        .ok()
        .events::<CollateralWithdrawn>()[0];
    assert_eq!((event.amount, event.sequence), (4, first + 3));

    let legs = [
        perpetual(&btc, BASE / 10, BTC_START),
        call(&btc, week, dollars(120_000), -BASE / 10, dollars(900)),
    ];
    let event = &world.trade(&alice, &bob, &legs).ok().events::<Traded>()[0];
    assert_eq!((event.taker, event.maker), (alice.account, bob.account));
    assert_eq!(
        (event.taker_sequence, event.maker_sequence),
        (first + 4, first + 2)
    );
    assert_eq!(event.legs, legs);
}

#[test]
fn liquidation_from_start_to_stop() {
    let (mut world, alice, _, keeper) = failing_long();
    let report = world.report(&alice.account);
    let witness = report.witness();
    let outcome = world
        .start_liquidation(&keeper.user, &alice.account, &witness)
        .ok();
    let event = &outcome.events::<LiquidationStarted>()[0];
    assert_eq!(
        (event.margin_account, event.caller),
        (alice.account, keeper.user.key)
    );
    assert_eq!(
        event.maintenance_health,
        report.margin.maintenance_health.raw()
    );
    assert_eq!(
        (event.equity, &event.witness),
        (report.margin.equity.raw(), &witness)
    );

    let before = world.balance(&alice, &world.usdc);
    let outcome = world
        .bid(&keeper, &alice.account, &witness, FRACTION_ONE)
        .ok();
    let event = &outcome.events::<LiquidationBid>()[0];
    assert_eq!(
        (event.liquidatee, event.liquidator),
        (alice.account, keeper.account)
    );
    assert_eq!(
        event.maintenance_health,
        report.margin.maintenance_health.raw()
    );
    let sold = (i128::from(before) * i128::from(event.fraction) / i128::from(FRACTION_ONE)) as i64;
    assert_eq!(
        world.balance(&alice, &world.usdc),
        before - sold + event.price
    );
    let [from, to] = [&alice, &keeper].map(|trader| world.account(&trader.account).0.sequence);
    assert_eq!(
        (event.liquidatee_sequence, event.liquidator_sequence),
        (from, to)
    );

    let outcome = world.stop_liquidation(&keeper.user, &alice.account).ok();
    let event = &outcome.events::<LiquidationStopped>()[0];
    assert_eq!(event.maintenance_health, health(&world, &alice));
    assert_eq!(event.sequence, from + 1);
}

#[test]
fn a_refusal_emits_nothing() {
    let (mut world, alice, _, keeper) = failing_long();
    let ix = world.start_liquidation_ix(&keeper.user, &alice.account, &[20]);
    let error = portfolio_margin::error::MarginError::AccountHealthy;
    let outcome = assert_refused(&mut world, &ix, &[keeper.user], error);
    assert!(!outcome.log_contains("Program data: "));
}
