//! `auto_deleverage`: who is never asked, and when nobody is. Every refusal leaves every account byte for byte as it was.

use portfolio_margin::error::MarginError;
use portfolio_margin::instructions::auto_deleverage::PRICE_PATIENCE;
use portfolio_margin_interface::args::{DeleverageArgs, LiquidationArgs, TradeLeg};
use portfolio_margin_interface::state::MarginAccount;
use risk_core::liquidation::{FRACTION_ONE, LEAST_FRACTION};
use sandbox::{
    call, dollars, future, perpetual, PriceFields, Trader, World, BASE, BTC_START, USDC,
};
use solana_instruction::Instruction;
use support::deleverage::{assert_better_off, insolvent_long, with_legs, EVERYTHING};
use support::{
    assert_logged, assert_refused, foreign_account, foreign_house, rewrite, start, Bend,
};

fn ask(world: &World, alice: &Trader, counterparty: &Trader) -> Instruction {
    let keeper = world.payer;
    let sides = [&alice.account, &counterparty.account];
    world.auto_deleverage_ix(&keeper, sides[0], sides[1], EVERYTHING)
}

/// Insists that a trader with these legs is refused with `error`, of all of alice's long and of the smallest part of it.
#[track_caller]
fn assert_never_asked(name: &str, legs: &[TradeLeg], error: MarginError) {
    let mut trader = None;
    let (mut world, alice, _) = insolvent_long(|world, _, bob| {
        trader = Some(with_legs(world, name, 150_000, bob, legs));
    });
    let trader = trader.expect("a trader");
    let keeper = world.payer;
    for fraction in [FRACTION_ONE, LEAST_FRACTION] {
        let args = DeleverageArgs {
            fraction,
            ..EVERYTHING
        };
        let sides = [&alice.account, &trader.account];
        let ix = world.auto_deleverage_ix(&keeper, sides[0], sides[1], args);
        assert_refused(&mut world, &ix, &[keeper], error);
    }
}

const NOT_OPPOSITE: MarginError = MarginError::RiskNotOpposite;

/// The world's month, before there is a world.
fn month() -> (sandbox::Market, i64) {
    let world = World::new();
    (world.btc, world.month)
}

#[test]
fn case_76_a_hedged_book_is_never_left_with_a_naked_leg() {
    let (btc, month) = month();
    let perp = |size| perpetual(&btc, size, BTC_START);
    let later = |size| future(&btc, month, size, BTC_START);
    let calls = |strike, size, price| call(&btc, month, dollars(strike), size, dollars(price));
    // short the perpetual, which is opposite to alice's, and long the future
    assert_never_asked("reverse basis", &[perp(-BASE), later(BASE)], NOT_OPPOSITE);
    // short a future against a call so deep in the money that it moves with it, and more calls than that
    let deep = [later(-BASE), calls(40_000, BASE, 77_000)];
    assert_never_asked("deep call", &deep, NOT_OPPOSITE);
    let covered = [perp(BASE), calls(80_000, -BASE, 38_000)];
    assert_never_asked("covered call", &covered, NOT_OPPOSITE);
    let spread = [calls(78_000, BASE, 40_000), calls(82_000, -BASE, 36_500)];
    assert_never_asked("bull spread", &spread, NOT_OPPOSITE);
}

#[test]
fn a_hedge_that_is_not_quite_one_is_made_one_and_no_leg_is_taken() {
    // GIVEN a basis trade of equal sizes: the future lies half a percent above the spot, so it is short by that
    let mut carol = None;
    let (mut world, alice, _) = insolvent_long(|world, _, bob| {
        let (btc, month) = (world.btc, world.month);
        let legs = [
            perpetual(&btc, BASE, BTC_START),
            future(&btc, month, -BASE, BTC_START),
        ];
        carol = Some(with_legs(world, "carol", 150_000, bob, &legs));
    });
    let (carol, keeper) = (carol.expect("carol"), world.payer);
    let before = world.report(&carol.account);
    let ix = ask(&world, &alice, &carol);
    world.send(std::slice::from_ref(&ix), &[keeper]).ok();
    let after = world.report(&carol.account);
    assert_better_off(&before, &after);
    assert!(after.margin.scan.raw() > before.margin.scan.raw() / 10);
    let records = world.account(&carol.account).1;
    let sizes = [records[0].quantity, records[1].quantity];
    assert!(sizes[0] > BASE && sizes[0] < BASE / 100 * 101 && sizes[1] == -BASE);
    // and now that it is one, it is left alone
    world.svm.expire_blockhash();
    let refused = world.send(&[ix], &[keeper]);
    let codes = [NOT_OPPOSITE, MarginError::SliceTooSmall].map(u32::from);
    assert!(codes.contains(&refused.error_code().expect("refused")));
}

#[test]
fn who_is_on_the_same_side_is_not_asked() {
    let (btc, month) = month();
    let perp = |size| [perpetual(&btc, size, BTC_START)];
    assert_never_asked("long", &perp(BASE), NOT_OPPOSITE);
    assert_never_asked("long a little", &perp(1), NOT_OPPOSITE);
    let calls = [call(&btc, month, dollars(90_000), BASE, dollars(28_000))];
    assert_never_asked("long calls", &calls, NOT_OPPOSITE);
    // holds nothing, or nothing there
    assert_never_asked("idle", &[future(&btc, month, 1, BTC_START)], NOT_OPPOSITE);
    let (mut world, alice, _) = insolvent_long(|_, _, _| ());
    let carol = world.trader("carol", 100_000 * USDC);
    let ix = ask(&world, &alice, &carol);
    let keeper = world.payer;
    let outcome = assert_refused(&mut world, &ix, &[keeper], NOT_OPPOSITE);
    assert_logged(&outcome, &["Left: 0", "Right: 500000"]);
}

#[test]
fn a_counterparty_too_small_for_the_least_slice_is_not_asked() {
    // GIVEN shorts of just under and just over a thousandth of alice's long
    for (size, is_asked) in [(BASE / 1_000 - 2, false), (BASE / 1_000 + 2, true)] {
        let mut carol = None;
        let (mut world, alice, _) = insolvent_long(|world, _, bob| {
            let legs = [perpetual(&world.btc, -size, BTC_START)];
            carol = Some(with_legs(world, "carol", 1_000, bob, &legs));
        });
        let ix = ask(&world, &alice, &carol.expect("carol"));
        let keeper = world.payer;
        match is_asked {
            true => drop(world.send(&[ix], &[keeper]).ok()),
            false => drop(assert_refused(
                &mut world,
                &ix,
                &[keeper],
                MarginError::SliceTooSmall,
            )),
        }
    }
    // and a caller may not name less either
    let (mut world, alice, bob) = insolvent_long(|_, _, _| ());
    let keeper = world.payer;
    for fraction in [0, 1, LEAST_FRACTION - 1, LEAST_FRACTION] {
        let args = DeleverageArgs {
            fraction,
            ..EVERYTHING
        };
        let ix = world.auto_deleverage_ix(&keeper, &alice.account, &bob.account, args);
        match fraction == LEAST_FRACTION {
            true => drop(world.send(&[ix], &[keeper]).ok()),
            false => drop(assert_refused(
                &mut world,
                &ix,
                &[keeper],
                MarginError::SliceTooSmall,
            )),
        }
    }
}

#[test]
fn a_market_where_the_counterparty_would_need_more_is_refused_whole() {
    // GIVEN alice, long BTC and SOL, and carol, short BTC alone
    let mut carol = None;
    let (mut world, alice, _) = insolvent_long(|world, alice, bob| {
        let (sol, price) = (world.sol, world.settings().sol_price);
        world
            .trade(alice, bob, &[perpetual(&sol, 10 * BASE, price)])
            .ok();
        let legs = [perpetual(&world.btc, -BASE, BTC_START)];
        carol = Some(with_legs(world, "carol", 100_000, bob, &legs));
    });
    let carol = carol.expect("carol");
    let ix = ask(&world, &alice, &carol);
    let keeper = world.payer;
    assert_refused(&mut world, &ix, &[keeper], NOT_OPPOSITE);
    // a market that alice does not hold moves nothing
    for market in [world.sol.index, 77] {
        let args = DeleverageArgs {
            market: Some(market),
            ..EVERYTHING
        };
        let ix = world.auto_deleverage_ix(&keeper, &alice.account, &carol.account, args);
        assert_refused(&mut world, &ix, &[keeper], NOT_OPPOSITE);
    }
}

#[test]
fn only_when_nobody_bid_in_the_whole_insolvent_phase() {
    let mut world = World::new();
    let [alice, bob] =
        [("alice", 30_000), ("bob", 200_000)].map(|(name, usdc)| world.trader(name, usdc * USDC));
    let (btc, keeper) = (world.btc, world.payer);
    let legs = [perpetual(&btc, BASE, BTC_START)];
    world.trade(&alice, &bob, &legs).ok();
    world.set_price(&btc, dollars(80_000));
    // healthy or not, an account that nobody put into liquidation is left alone
    let ix = ask(&world, &alice, &bob);
    assert_refused(&mut world, &ix, &[keeper], MarginError::NotLiquidating);
    start(&mut world, &bob, &alice);
    assert_refused(&mut world, &ix, &[keeper], MarginError::InsolvencyUnproven);
    world.prove_insolvency(&alice.account).ok();
    let phase = i64::from(LiquidationArgs::STANDARD.insolvent_seconds);
    world.advance(phase - 1);
    world.refresh();
    let outcome = assert_refused(&mut world, &ix, &[keeper], MarginError::PayoutRunning);
    assert_logged(&outcome, &["Left: 3599", "Right: 3600"]);
    world.advance(1);
    world.refresh();
    world.send(&[ix], &[keeper]).ok();
}

#[test]
fn inv_12_an_account_with_equity_again_is_left_alone() {
    let (mut world, alice, bob) = insolvent_long(|_, _, _| ());
    let keeper = world.payer;
    let equity = world.report(&alice.account).margin.equity.raw();
    // one unit of equity, then none
    rewrite::<MarginAccount>(&mut world, &alice.account, |header| {
        header.cash += 1 - equity
    });
    let ix = ask(&world, &alice, &bob);
    let outcome = assert_refused(&mut world, &ix, &[keeper], MarginError::AccountSolvent);
    assert_logged(&outcome, &["Left: 1", "Right: 0"]);
    rewrite::<MarginAccount>(&mut world, &alice.account, |header| header.cash -= 1);
    world.send(&[ix], &[keeper]).ok();
}

#[test]
fn case_61_nobody_is_forced_into_a_trade_at_a_doubtful_price() {
    let (mut world, alice, bob) = insolvent_long(|_, _, _| ());
    let (btc, keeper) = (world.btc, world.payer);
    let good = world.price(&btc.price);
    let wide = PriceFields {
        confidence: good.price as u64 / 20,
        ..good
    };
    world.set_price_update(btc.price, wide);
    let ix = ask(&world, &alice, &bob);
    let error = MarginError::OracleConfidenceTooWide;
    assert_refused(&mut world, &ix, &[keeper], error);
    // nor after any time: the caller would choose among wide prices
    world.advance(PRICE_PATIENCE);
    let now = world.now();
    let again = PriceFields {
        publish_time: now,
        ..wide
    };
    world.set_price_update(btc.price, again);
    assert_refused(&mut world, &ix, &[keeper], error);
    world.set_price_update(
        btc.price,
        PriceFields {
            publish_time: now,
            ..good
        },
    );
    world.send(&[ix], &[keeper]).ok();
}

#[test]
fn a_doubt_about_another_market_shelters_nobody() {
    // GIVEN bob with a lot of SOL perpetuals, whose price is too wide to open on
    let (mut world, alice, bob) = insolvent_long(|world, _, bob| {
        let legs = [perpetual(&world.sol, 1, world.settings().sol_price)];
        with_legs(world, "carol", 1_000, bob, &legs);
    });
    let sol = world.sol;
    let good = world.price(&sol.price);
    let wide = PriceFields {
        confidence: good.price as u64 / 20,
        ..good
    };
    world.set_price_update(sol.price, wide);
    let ix = ask(&world, &alice, &bob);
    let keeper = world.payer;
    world.send(&[ix], &[keeper]).ok();
}

#[test]
fn a_dead_feed_blocks_a_deleverage_for_a_day_and_not_for_ever() {
    for (waited, is_done) in [(PRICE_PATIENCE - 1, false), (PRICE_PATIENCE, true)] {
        let (mut world, alice, bob) = insolvent_long(|_, _, _| ());
        let (btc, keeper) = (world.btc, world.payer);
        world.update_market(&btc).ok();
        world.advance(600);
        let report = sandbox::instructions::report_outage(&btc);
        world.send(&[report], &[]).ok();
        // nobody published since
        world.advance(waited - 600);
        let mut ix = ask(&world, &alice, &bob);
        for meta in ix.accounts.iter_mut().filter(|m| m.pubkey == btc.price) {
            meta.pubkey = btc.key;
            meta.is_writable = true;
        }
        match is_done {
            true => drop(world.send(&[ix], &[keeper]).ok()),
            false => drop(assert_refused(
                &mut world,
                &ix,
                &[keeper],
                MarginError::OracleStale,
            )),
        }
    }
}

#[test]
fn case_63_who_has_no_room_is_not_asked_and_another_is() {
    // GIVEN alice, short a call beside her long, and carol, whose sixteen records are full
    let (mut carol, mut dave) = (None, None);
    let (mut world, alice, _) = insolvent_long(|world, alice, bob| {
        let (btc, week, month) = (world.btc, world.week, world.month);
        let small = [call(
            &btc,
            month,
            dollars(150_000),
            -BASE / 100,
            dollars(300),
        )];
        world.trade(alice, bob, &small).ok();
        let short = [perpetual(&btc, -BASE, BTC_START)];
        let calls =
            (0..15u64).map(|n| call(&btc, week, dollars(160_000 + n * 1_000), 1_000, dollars(1)));
        let calls: Vec<TradeLeg> = calls.collect();
        for (trader, name) in [(&mut carol, "carol"), (&mut dave, "dave")] {
            let opened = with_legs(world, name, 150_000, bob, &short);
            if name == "carol" {
                let maker = world.trader("maker", 500_000 * USDC);
                world.trade(&opened, &maker, &calls).ok();
            }
            *trader = Some(opened);
        }
    });
    let (carol, dave) = (carol.expect("carol"), dave.expect("dave"));
    assert_eq!(world.account(&carol.account).1.len(), 16);
    let keeper = world.payer;
    let ix = ask(&world, &alice, &carol);
    assert_refused(&mut world, &ix, &[keeper], MarginError::PositionsFull);
    let before = world.report(&dave.account);
    let ix = ask(&world, &alice, &dave);
    world.send(&[ix], &[keeper]).ok();
    assert_better_off(&before, &world.report(&dave.account));
}

#[test]
fn case_09_accounts_that_are_no_counterparty() {
    let (mut world, alice, bob) = insolvent_long(|_, _, _| ());
    let keeper = world.payer;
    // herself
    let ix = ask(&world, &alice, &alice);
    assert_refused(&mut world, &ix, &[keeper], MarginError::SelfLiquidation);
    // of another house
    let (house, ..) = foreign_house(&mut world);
    let foreign = foreign_account(&mut world, &bob, &house);
    let ix = ask(&world, &alice, &bob).replace(bob.account, foreign);
    assert_refused(
        &mut world,
        &ix,
        &[keeper],
        MarginError::ClearinghouseMismatch,
    );
    // in liquidation itself
    rewrite::<MarginAccount>(&mut world, &bob.account, |header| header.status = 1);
    let ix = ask(&world, &alice, &bob);
    assert_refused(&mut world, &ix, &[keeper], MarginError::AccountLiquidating);
}
