//! `liquidate_legs`: a keeper closes the naked leg and leaves the spread. What is refused is in `liquidate_legs_refusals.rs`, what
//! thieves try in `liquidate_legs_thieves.rs`.

use clearing_core::funding::entry_cost;
use portfolio_margin::event::LegsLiquidated;
use portfolio_margin_interface::args::{LiquidateLegsArgs, LiquidationArgs};
use portfolio_margin_interface::state::Clearinghouse;
use risk_core::liquidation::{plan_slice, Wanted, FRACTION_ONE};
use risk_core::takeover::TAKER_ROUNDING;
use risk_core::tier::Tier;
use risk_core::{Quantity, Quote};
use sandbox::{
    call, dollars, future, perpetual, put, take_of, World, WorldBuilder, BASE, BTC_START, USDC,
};
use support::{
    assert_conserved, assert_open_interest, health, held, naked, pair_with, start, total_equity,
    Book, Naked, BOOKS,
};

#[test]
fn only_the_naked_leg_is_closed_and_the_spread_stays() {
    // by how much BTC moves so that without the naked leg alice is just below her buffer
    for (book, move_of) in [
        (Book::Spread, 187),
        (Book::Condor, 150),
        (Book::Covered, 130),
    ] {
        // GIVEN one market and one expiry, and an account far below maintenance
        let mut scene = Naked::steady(book, move_of);
        let before = scene.world.account(&scene.alice.account);
        let failing = health(&scene.world, &scene.alice);
        let missing = scene.buffer_health();
        let outlook = scene.world.outlook(&scene.alice.account, &[scene.whole()]);
        let fee = outlook.most_fee();
        // WHEN a keeper takes the whole naked leg for the largest fee
        let ix = scene.ix(&[scene.whole()], fee);
        scene.world.send(&[ix], &[scene.keeper.user]).ok();
        // THEN every other record is as it was to the last bit, and the leg is the keeper's
        let after = scene.world.account(&scene.alice.account);
        let others = before.1.iter().filter(|p| p.key() != scene.naked.key());
        assert!(others.eq(after.1.iter()), "{book:?}");
        let taken = scene.world.account(&scene.keeper.account).1;
        assert_eq!(taken.len(), 1);
        assert_eq!(
            (taken[0].key(), taken[0].quantity),
            (scene.naked.key(), scene.naked.quantity)
        );
        // THEN nine tenths of what was missing is repaired, and the account is not past its buffer
        let (now, left) = (health(&scene.world, &scene.alice), scene.buffer_health());
        println!(
            "{book:?}: fee {fee}, health {failing} -> {now}, to the buffer {missing} -> {left}"
        );
        assert!(left <= 0 && left * 10 > missing && now > failing);
        assert_eq!(after.0.sequence, before.0.sequence + 1);
        assert_conserved(&scene.world);
        assert_open_interest(&scene.world);
    }
}

#[test]
fn moves_the_leg_at_its_mark_and_the_fee_to_the_unit() {
    let mut scene = Naked::build(Book::Condor, 150, LiquidationArgs::STANDARD);
    let (alice, keeper) = (scene.alice, scene.keeper);
    let takes = scene.part(FRACTION_ONE / 2);
    let outlook = scene.world.outlook(&alice.account, &takes);
    let fee = outlook.most_fee();
    assert!(fee > 100 * USDC);
    let before = [&alice, &keeper].map(|t| scene.world.account(&t.account).0);
    let fund = scene.world.read::<Clearinghouse>(&scene.world.house);
    let reports = scene.world.report(&alice.account);
    let equity = total_equity(&scene.world, &[&alice, &keeper]);
    let ix = scene.ix(&takes, fee);
    let outcome = scene.world.send(&[ix], &[keeper.user]).ok();

    // the keeper is paid the mark for taking a short, rounded against it, and a tenth of its fee is the fund's
    let (fee, fund_fee) = (fee as i64, fee as i64 / 10);
    let paid = outlook.price + TAKER_ROUNDING;
    assert!(paid < 0);
    let after = [&alice, &keeper].map(|t| scene.world.account(&t.account).0);
    assert_eq!(after[0].cash, before[0].cash + paid - fee);
    assert_eq!(after[1].cash, before[1].cash - paid + fee - fund_fee);
    let house = scene.world.read::<Clearinghouse>(&scene.world.house);
    assert_eq!(house.insurance, fund.insurance + fund_fee as u64);
    assert_eq!(house.interest.funds, fund.interest.funds - fund_fee);
    // what the account loses is the fee and less than a thousandth of a dollar of rounding in its favour
    let left = scene.world.report(&alice.account).margin;
    let lost = reports.margin.equity.raw() - left.equity.raw();
    assert!((fee - 1_000..=fee).contains(&lost), "{lost} {fee}");
    let gone = equity - total_equity(&scene.world, &[&alice, &keeper]);
    assert!((gone - fund_fee).abs() <= 10, "{gone}");

    let event = &outcome.events::<LegsLiquidated>()[0];
    assert_eq!(
        (event.liquidatee, event.liquidator),
        (alice.account, keeper.account)
    );
    assert_eq!((event.fee, event.fund_fee), (fee, fund_fee));
    assert_eq!(event.health_before, reports.margin.maintenance_health.raw());
    assert_eq!(event.health_after, left.maintenance_health.raw());
    assert_eq!(
        (event.liquidatee_sequence, event.liquidator_sequence),
        (after[0].sequence, after[1].sequence)
    );
    let leg = &event.legs[0];
    assert_eq!(
        (leg.quantity, leg.price),
        (scene.naked.quantity / 2, outlook.prices[0])
    );
    assert_conserved(&scene.world);
}

#[test]
fn perpetuals_and_futures_leave_their_profit_and_loss_behind() {
    // GIVEN funding that runs, and alice long a perpetual and a future from a higher price
    let (mut world, alice, bob) = pair_with(60_000, |rules| {
        (rules.funding_cap, rules.funding_depth) = (50_000_000, 1_000_000);
    });
    let (btc, month, bank) = (world.btc, world.month, world.usdc);
    let keeper = world.trader("keeper", 1_000_000 * USDC);
    let fund = world.wallet(&bob.user, &bank);
    assert_eq!(world.token_balance(&fund), 0);
    world.fund(&bob.user, &bank, 1_000_000 * USDC);
    world.deposit(&bob, &bank, 1_000_000 * USDC).ok();
    let at = BTC_START + BTC_START / 100;
    let legs = [
        perpetual(&btc, BASE, at),
        future(&btc, month, BASE, BTC_START),
    ];
    world.trade(&alice, &bob, &legs).ok();
    world.advance(7_200);
    world.refresh();
    world.set_price(&btc, dollars(100_000));
    start(&mut world, &keeper, &alice);
    let before = world.account(&alice.account);
    let takes: Vec<_> = before
        .1
        .iter()
        .map(|p| take_of(p, p.quantity / 5))
        .collect();
    let outlook = world.outlook(&alice.account, &takes);
    let index = {
        let market: portfolio_margin_interface::state::Market = world.read(&btc.key);
        market.funding.index_at(world.now())
    };
    assert_ne!(index, 0);
    // WHEN a fifth of both is taken
    world
        .take_legs(&keeper, &alice.account, &takes, outlook.most_fee())
        .ok();
    // THEN no cash moves but the fee: each record gives up what its part costs at the mark, and the keeper has no profit or loss
    let after = world.account(&alice.account);
    let fee = outlook.most_fee() as i64;
    assert_eq!(after.0.cash, before.0.cash - fee);
    assert_eq!(after.0.reserved_cash, 0);
    let size = Quantity::from_raw(BASE / 5);
    let price = |at: usize| risk_core::Price::from_raw(outlook.prices[at]);
    let costs = [
        entry_cost(size, price(0), index).unwrap().raw() + TAKER_ROUNDING,
        size.notional(price(1)).unwrap().raw() + TAKER_ROUNDING,
    ];
    let taken = world.account(&keeper.account);
    for (at, cost) in costs.into_iter().enumerate() {
        assert_eq!(after.1[at].quantity, BASE - BASE / 5);
        assert_eq!(after.1[at].cost, before.1[at].cost - cost);
        assert_eq!((taken.1[at].quantity, taken.1[at].cost), (BASE / 5, cost));
    }
    let mark = world.report(&keeper.account).margin.mark.raw();
    assert!((-10..=0).contains(&mark), "{mark}");
    assert_conserved(&world);
}

#[test]
fn case_72_73_clamps_to_what_is_held() {
    for (named, minimum) in [(2, FRACTION_ONE / 2), (1_000, 0), (4, FRACTION_ONE / 4)] {
        let mut scene = Naked::steady(Book::Condor, 160);
        let more = take_of(&scene.naked, scene.naked.quantity * named);
        let args = LiquidateLegsArgs {
            minimum,
            ..scene.args(&[more], 0)
        };
        let ix = scene
            .world
            .legs_ix(&scene.keeper, &scene.alice.account, args);
        scene.world.send(&[ix], &[scene.keeper.user]).ok();
        assert_eq!(held(&scene.world, &scene.alice, &scene.naked), 0);
        assert_eq!(held(&scene.world, &scene.keeper, &scene.naked), -BASE);
    }
    // a leg that the owner has closed in part in between is taken as far as it is there
    let mut scene = Naked::steady(Book::Condor, 160);
    let ix = scene.ix(&[scene.whole()], 0);
    let (btc, month) = (scene.world.btc, scene.world.month);
    let close = [call(
        &btc,
        month,
        scene.naked.strike,
        BASE / 10,
        dollars(16_000),
    )];
    scene.world.trade(&scene.alice, &scene.bob, &close).ok();
    scene.world.send(&[ix], &[scene.keeper.user]).ok();
    assert_eq!(held(&scene.world, &scene.alice, &scene.naked), 0);
    assert_eq!(
        held(&scene.world, &scene.keeper, &scene.naked),
        -BASE * 9 / 10
    );
    assert_open_interest(&scene.world);
}

#[test]
fn case_73_deposits_in_front_block_neither_the_legs_nor_the_slice() {
    // GIVEN legs that a keeper sized for 95 % of the buffer
    let mut scene = Naked::steady(Book::Condor, 100);
    let (world, alice) = (&scene.world, scene.alice.account);
    let (sized, fee) = world.sized(&alice, &[scene.whole()], 950_000);
    let ix = scene.ix(&sized, fee);
    // WHEN the owner deposits a unit, and then some dollars, in front
    scene.deposit(1);
    scene.deposit(20 * USDC);
    // THEN they go through, and end the liquidation
    scene.world.send(&[ix], &[scene.keeper.user]).ok();
    assert!(scene.buffer_health() <= 0);
    let keeper = scene.keeper;
    scene.world.stop_liquidation(&keeper.user, &alice).ok();
    assert_conserved(&scene.world);
}

#[test]
fn inv_13_15_sized_legs_end_a_liquidation_in_one_step() {
    for book in BOOKS {
        for move_of in [70, 100] {
            let mut scene = Naked::steady(book, move_of);
            let (alice, keeper) = (scene.alice, scene.keeper);
            let takes = [scene.whole()];
            let (sized, fee) = scene.world.sized(&alice.account, &takes, 990_000);
            scene
                .world
                .take_legs(&keeper, &alice.account, &sized, fee)
                .ok();
            assert!(scene.buffer_health() <= 0, "{book:?} {move_of}");
            assert_ne!(held(&scene.world, &alice, &scene.naked), 0);
            scene
                .world
                .stop_liquidation(&keeper.user, &alice.account)
                .ok();
        }
    }
}

#[test]
fn what_legs_bring_is_not_for_sale_and_slices_go_on() {
    // GIVEN alice long a call under a long perpetual: the call pays, and is worth less with every dollar that BTC falls
    let mut world = World::new();
    let (btc, month, bank) = (world.btc, world.month, world.usdc);
    let alice = world.trader("alice", 200_000 * USDC);
    let [bob, keeper] = ["bob", "keeper"].map(|name| world.trader(name, 1_000_000 * USDC));
    let legs = [
        perpetual(&btc, BASE, BTC_START),
        call(&btc, month, dollars(100_000), BASE, dollars(18_000)),
    ];
    world.trade(&alice, &bob, &legs).ok();
    let free = world.report(&alice.account).margin.initial_health.raw();
    world.withdraw(&alice, &bank, free as u64).ok();
    world.set_price(&btc, BTC_START * 87 / 100);
    start(&mut world, &keeper, &alice);
    let (_, held) = world.account(&alice.account);
    let takes = [take_of(&held[1], held[1].quantity / 4)];
    let outlook = world.outlook(&alice.account, &takes);
    let fee = outlook.most_fee();
    let before = world.account(&alice.account).0;
    // WHEN a quarter of the call is taken
    world.take_legs(&keeper, &alice.account, &takes, fee).ok();
    // THEN what it brought, less the fee, is reserved
    let after = world.account(&alice.account).0;
    let gained = outlook.price + TAKER_ROUNDING - fee as i64;
    assert!(gained > 0);
    assert_eq!(
        (after.cash - before.cash, after.reserved_cash),
        (gained, gained)
    );
    // THEN a slice follows the closed form with that, and improves the account
    let report = world.report(&alice.account);
    let terms = world.terms_now(&after, false);
    let slice = plan_slice(
        &report.margin,
        &terms,
        Quote::from_raw(gained),
        Wanted {
            fraction: FRACTION_ONE / 10,
            minimum: 0,
        },
    );
    let slice = slice.expect("a slice");
    let witness = report.witness();
    world
        .bid(&keeper, &alice.account, &witness, FRACTION_ONE / 10)
        .ok();
    let sold = world.account(&alice.account).0;
    assert_eq!(sold.reserved_cash, slice.reserved.raw() + slice.price.raw());
    assert!(health(&world, &alice) > report.margin.maintenance_health.raw());
    // a short that is closed costs cash, and leaves the reserve as it is
    assert_conserved(&world);
}

#[test]
fn the_fee_grows_with_the_auction_and_no_faster_than_the_slice() {
    let terms = LiquidationArgs {
        legs_fee: 50_000,
        ..LiquidationArgs::STANDARD
    };
    let mut scene = Naked::build(Book::Condor, 150, terms);
    let takes = scene.part(FRACTION_ONE / 20);
    let mut fees = vec![];
    for _ in 0..4 {
        let outlook = scene.world.outlook(&scene.alice.account, &takes);
        fees.push((outlook.terms.discount.raw(), outlook.most_fee()));
        let ix = scene.ix(&takes, outlook.most_fee());
        let outcome = scene.world.simulate(&[ix], &[scene.keeper.user]);
        assert!(outcome.error.is_none(), "{:?}", outcome.logs);
        scene.world.advance(300);
        scene.world.refresh();
    }
    assert_eq!(
        fees.iter()
            .map(|(discount, _)| *discount)
            .collect::<Vec<_>>(),
        [50_000, 133_333, 216_666, 300_000]
    );
    assert!(
        fees.windows(2).all(|pair| pair[0].1 < pair[1].1),
        "{fees:?}"
    );
}

#[test]
fn case_75_legs_of_an_insolvent_account_go_at_their_marks() {
    // GIVEN alice with less than nothing
    let mut scene = Naked::steady(Book::Spread, 200);
    let before = scene.world.report(&scene.alice.account).margin;
    assert!(before.equity.raw() < 0);
    // WHEN the naked put goes without a fee
    let ix = scene.ix(&scene.part(FRACTION_ONE / 2), 0);
    scene.world.send(&[ix], &[scene.keeper.user]).ok();
    // THEN nothing more is missing than before, and less may be
    let after = scene.world.report(&scene.alice.account).margin;
    assert!(after.equity >= before.equity && after.maintenance_health > before.maintenance_health);
    assert_conserved(&scene.world);
}

#[test]
fn several_keepers_share_a_leg_in_one_slot() {
    let mut scene = Naked::steady(Book::Condor, 150);
    let second = scene.world.trader("second", 1_000_000 * USDC);
    let takes = scene.part(FRACTION_ONE / 10 * 6);
    let args = scene.args(&takes, 0);
    let ixs = [&scene.keeper, &second]
        .map(|who| scene.world.legs_ix(who, &scene.alice.account, args.clone()));
    let signers = [scene.keeper.user, second.user];
    for (ix, signer) in ixs.into_iter().zip(signers) {
        scene.world.send(&[ix], &[signer]).ok();
    }
    let [first, second] = [&scene.keeper, &second].map(|who| held(&scene.world, who, &scene.naked));
    assert_eq!((first, second), (-BASE * 6 / 10, -BASE * 4 / 10));
    assert_eq!(held(&scene.world, &scene.alice, &scene.naked), 0);
    assert_open_interest(&scene.world);
}

#[test]
fn a_stale_market_elsewhere_does_not_block_the_legs() {
    // GIVEN a condor in BTC, and a little SOL whose surface nobody has posted for too long
    let mut scene = Naked::steady(Book::Condor, 100);
    let (sol, week) = (scene.world.sol, scene.world.week);
    let mut world = WorldBuilder::default().build();
    let alice = world.trader("alice", 300_000 * USDC);
    let [bob, keeper] = ["bob", "keeper"].map(|name| world.trader(name, 3_000_000 * USDC));
    let mut legs = naked::legs(Book::Condor, &world);
    legs.push(call(&sol, week, dollars(250), BASE, dollars(5)));
    world.trade(&alice, &bob, &legs).ok();
    let (btc, bank) = (world.btc, world.usdc);
    let free = world.report(&alice.account).margin.initial_health.raw();
    world.withdraw(&alice, &bank, free as u64).ok();
    world.advance(i64::from(world.settings().surface_max_age) + 1);
    world.refresh_prices();
    let volatility = world.settings().btc_volatility;
    world.post_surfaces(&btc, volatility);
    world.set_price(&btc, BTC_START * 11 / 10);
    start(&mut world, &keeper, &alice);
    (scene.world, scene.alice, scene.keeper) = (world, alice, keeper);
    // WHEN the naked call is taken THEN nobody asks for SOL's surface
    let ix = scene.ix(&scene.part(FRACTION_ONE / 10), 0);
    scene.world.send(&[ix], &[scene.keeper.user]).ok();
    assert_eq!(held(&scene.world, &scene.keeper, &scene.naked), -BASE / 10);
}

#[test]
fn an_account_of_the_standard_tier_gives_its_dearest_leg() {
    let mut world = World::new();
    let (btc, month, bank) = (world.btc, world.month, world.usdc);
    let user = world.user("alice");
    let alice = world.open_in_tier(&user, 0, 16, Tier::Standard);
    world.fund(&user, &bank, 60_000 * USDC);
    world.deposit(&alice, &bank, 60_000 * USDC).ok();
    let [bob, keeper] = ["bob", "keeper"].map(|name| world.trader(name, 1_000_000 * USDC));
    let legs = [
        call(&btc, month, dollars(125_000), -BASE, dollars(3_000)),
        call(&btc, month, dollars(135_000), BASE, dollars(1_000)),
        put(&btc, month, dollars(115_000), -BASE, dollars(4_500)),
    ];
    world.trade(&alice, &bob, &legs).ok();
    let free = world.report(&alice.account).margin.initial_health.raw();
    world.withdraw(&alice, &bank, free as u64).ok();
    world.set_price(&btc, BTC_START * 4 / 5);
    start(&mut world, &keeper, &alice);
    let (_, positions) = world.account(&alice.account);
    let naked = *positions
        .iter()
        .find(|p| p.strike == dollars(115_000))
        .unwrap();
    let takes = [take_of(&naked, naked.quantity)];
    let (sized, fee) = world.sized(&alice.account, &takes, 950_000);
    let outlook = world.outlook(&alice.account, &sized);
    assert!(outlook.before.witness().is_empty() && fee > 0);
    world.take_legs(&keeper, &alice.account, &sized, fee).ok();
    world.stop_liquidation(&keeper.user, &alice.account).ok();
    assert_conserved(&world);
}
