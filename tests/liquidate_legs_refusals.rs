//! `liquidate_legs`: which legs, fees, prices and keepers are refused, and what is accepted one unit before.

use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::{LegTake, LiquidateLegsArgs, LiquidationArgs, MAX_LEGS};
use portfolio_margin_interface::state::{MarginAccount, Market};
use risk_core::liquidation::{buffer_health, FRACTION_ONE};
use risk_core::takeover::TAKER_ROUNDING;
use sandbox::{dollars, share_of_legs, take_of, PriceFields, World, BASE, USDC};
use support::{
    assert_logged, assert_refused, failing_long, health, liquidating_long, rewrite, set_cash,
    start, Book, Naked,
};

fn left_right(left: impl ToString, right: impl ToString) -> [String; 2] {
    [
        format!("Left: {}", left.to_string()),
        format!("Right: {}", right.to_string()),
    ]
}

#[test]
fn inv_13_refuses_the_hedge() {
    // GIVEN the long call 135 that covers a short one, WHEN a keeper wants any of it THEN the account would be worse
    let mut scene = Naked::steady(Book::Condor, 130);
    for share in [1_000, 1_000_000, FRACTION_ONE / 2, FRACTION_ONE] {
        let takes = share_of_legs(&[take_of(&scene.hedge, scene.hedge.quantity)], share);
        let before = health(&scene.world, &scene.alice);
        let after = scene.world.outlook(&scene.alice.account, &takes).unpaid;
        let ix = scene.ix(&takes, 0);
        let numbers = left_right(after.maintenance_health.raw(), before);
        scene.refuse(&ix, MarginError::HealthNotImproved, &numbers);
    }
    // nor does the naked leg along with it make up for the hedge of the others
    let takes = [
        scene.part(FRACTION_ONE / 10)[0].clone(),
        take_of(&scene.hedge, BASE),
    ];
    let ix = scene.ix(&takes, 0);
    scene.refuse(&ix, MarginError::HealthNotImproved, &[]);
}

#[test]
fn inv_09_a_leg_that_moves_the_worst_scenario_elsewhere_is_judged_by_the_whole_scan() {
    // GIVEN long calls under short ones after a crash: in the crash scenarios that the keeper names the longs only lose
    let mut scene = Naked::steady(Book::Spread, 130);
    let takes = [take_of(&scene.hedge, scene.hedge.quantity)];
    let outlook = scene.world.outlook(&scene.alice.account, &takes);
    let named = scene.world.report(&scene.alice.account).markets[0].clone();
    // WHEN both are taken THEN the worst is a rise, on the short calls that stay
    let ix = scene.ix(&takes, 0);
    let numbers = left_right(
        outlook.unpaid.maintenance_health.raw(),
        outlook.before.margin.maintenance_health.raw(),
    );
    scene.refuse(&ix, MarginError::HealthNotImproved, &numbers);
    // though in the scenario named the account would be better off: half of them, which leaves the worst there, improves it
    let half = share_of_legs(&takes, FRACTION_ONE / 2);
    let ix = scene.ix(&half, 0);
    scene.world.send(&[ix], &[scene.keeper.user]).ok();
    let now = scene.world.report(&scene.alice.account).markets[0].clone();
    assert_eq!(now.witness, named.witness);
}

#[test]
fn a_fee_one_unit_above_what_a_slice_earns_for_the_repair_is_refused() {
    for (book, move_of) in [
        (Book::Spread, 130),
        (Book::Condor, 150),
        (Book::Covered, 150),
    ] {
        let mut scene = Naked::steady(book, move_of);
        let takes = scene.part(FRACTION_ONE / 3);
        let outlook = scene.world.outlook(&scene.alice.account, &takes);
        let fee = outlook.most_fee();
        let most = outlook.takeover.notional.raw() as u64 / 200;
        assert!(fee > 0 && fee < most, "{fee} of {most}");
        let ix = scene.ix(&takes, fee);
        scene.accept(&ix);
        let ix = scene.ix(&takes, fee + 1);
        let reward = [format!("Left: {}", fee + 1)];
        scene.refuse(&ix, MarginError::LegsTooDear, &reward);
    }
}

#[test]
fn a_fee_one_unit_above_its_share_of_the_notional_is_refused() {
    let terms = LiquidationArgs {
        legs_fee: 1_000,
        ..LiquidationArgs::steady(50_000, 100_000)
    };
    let mut scene = Naked::build(Book::Condor, 150, terms);
    let takes = scene.part(FRACTION_ONE / 3);
    let outlook = scene.world.outlook(&scene.alice.account, &takes);
    let most = outlook.takeover.notional.raw() / 1_000;
    assert_eq!(outlook.most_fee(), most as u64);
    let ix = scene.ix(&takes, most as u64);
    scene.accept(&ix);
    for fee in [most as u64 + 1, 10_000 * USDC] {
        let ix = scene.ix(&takes, fee);
        scene.refuse(&ix, MarginError::LegsFeeTooHigh, &left_right(fee, most));
    }
    let ix = scene.ix(&takes, i64::MAX as u64 + 1);
    scene.refuse(&ix, MarginError::AmountOverflow, &[]);
}

#[test]
fn case_74_75_an_account_without_equity_pays_no_fee() {
    // GIVEN less than nothing
    let mut scene = Naked::steady(Book::Spread, 200);
    let takes = scene.part(FRACTION_ONE / 10);
    let ix = scene.ix(&takes, 1);
    scene.refuse(&ix, MarginError::LegsFeeTooHigh, &left_right(1, 0));
    let ix = scene.ix(&takes, 0);
    scene.accept(&ix);
    // GIVEN a few dollars of equity, nearly all of which a bidder gets who waited for a week
    scene.world.advance(600_000);
    scene.world.refresh();
    let equity = scene.world.report(&scene.alice.account).margin.equity.raw();
    scene.deposit((5 * USDC as i64 - equity) as u64);
    let takes = scene.part(FRACTION_ONE / 10 * 9);
    let outlook = scene.world.outlook(&scene.alice.account, &takes);
    let equity = outlook.before.margin.equity.raw();
    assert_eq!(equity, 5 * USDC as i64);
    // THEN the fee is most of it and never reaches it
    let fee = outlook.most_fee();
    assert!(fee > 2 * USDC && fee < 5 * USDC, "{fee}");
    let ix = scene.ix(&takes, fee);
    scene.accept(&ix);
    let ix = scene.ix(&takes, fee + 1);
    scene.refuse(&ix, MarginError::LegsTooDear, &[]);
    // beyond what is left there is no fee at all: the legs leave a few units more than there were
    let left = outlook.unpaid.equity.raw() as u64;
    let ix = scene.ix(&takes, left);
    scene.refuse(&ix, MarginError::LegsTooDear, &[]);
    let ix = scene.ix(&takes, left + 1);
    scene.refuse(
        &ix,
        MarginError::LegsFeeTooHigh,
        &left_right(left + 1, left),
    );
}

#[test]
fn inv_13_one_unit_past_the_buffer_is_refused() {
    for book in [Book::Condor, Book::Covered] {
        let mut scene = Naked::steady(book, 160);
        let takes = [scene.whole()];
        let outlook = scene.world.outlook(&scene.alice.account, &takes);
        let left = buffer_health(&outlook.unpaid, outlook.terms.buffer)
            .unwrap()
            .raw();
        assert!(left < 0);
        // GIVEN a deposit after which the legs end at exactly the whole buffer
        scene.deposit((-left) as u64);
        let ix = scene.ix(&takes, 0);
        scene.accept(&ix);
        // WHEN there is a unit more THEN they end past it
        scene.deposit(1);
        let ix = scene.ix(&takes, 0);
        scene.refuse(&ix, MarginError::PastBuffer, &left_right(1, 0));
        // and a fee of that unit is none of the account's to keep
        let ix = scene.ix(&takes, 1);
        scene.accept(&ix);
    }
}

#[test]
fn inv_12_case_70_71_refuses_accounts_that_nobody_may_touch() {
    // not in liquidation
    let (mut world, alice, _, keeper) = failing_long();
    let leg = |world: &World| take_of(&world.account(&alice.account).1[0], BASE / 100);
    let args = LiquidateLegsArgs {
        witness: world.report(&alice.account).witness(),
        legs: vec![leg(&world)],
        fee: 0,
        minimum: 0,
        price_limit: i64::MAX,
    };
    let ix = world.legs_ix(&keeper, &alice.account, args.clone());
    assert_refused(&mut world, &ix, &[keeper.user], MarginError::NotLiquidating);
    // in liquidation, with the buffer back
    start(&mut world, &keeper, &alice);
    let requirement = world
        .report(&alice.account)
        .margin
        .maintenance_margin()
        .raw();
    let whole = (requirement + 9) / 10;
    set_cash(&mut world, &alice, whole);
    let outcome = assert_refused(&mut world, &ix, &[keeper.user], MarginError::AccountHealthy);
    assert_logged(&outcome, &["Left: 0", "Right: 0"]);
    // a scenario that the account covers; one that is none; too few
    let (mut world, alice, _, keeper) = liquidating_long();
    for (witness, error) in [
        (vec![20], MarginError::AccountHealthy),
        (vec![31], MarginError::ScenarioSetInvalid),
        (vec![], MarginError::WitnessLength),
        (vec![2, 2], MarginError::WitnessLength),
        (vec![2; 300], MarginError::WitnessLength),
    ] {
        let args = LiquidateLegsArgs {
            witness,
            ..args.clone()
        };
        let ix = world.legs_ix(&keeper, &alice.account, args);
        assert_refused(&mut world, &ix, &[keeper.user], error);
    }
}

#[test]
fn inv_09_a_lenient_witness_earns_no_more() {
    let mut scene = Naked::steady(Book::Condor, 150);
    let takes = scene.part(FRACTION_ONE / 10 * 9);
    let report = scene.world.report(&scene.alice.account);
    let fee = scene.world.outlook(&scene.alice.account, &takes).most_fee();
    let worst = report.markets[0].witness;
    let mut failing = 0;
    for (index, _) in report.markets[0].pnl.iter().enumerate() {
        let with = |fee| LiquidateLegsArgs {
            witness: vec![index as u8],
            ..scene.args(&takes, fee)
        };
        let account = scene.alice.account;
        let dear = scene.world.legs_ix(&scene.keeper, &account, with(fee + 1));
        let fair = scene.world.legs_ix(&scene.keeper, &account, with(fee));
        let outcome = scene.world.simulate(&[dear], &[scene.keeper.user]);
        assert!(outcome.error.is_some(), "scenario {index}");
        let outcome = scene.world.simulate(&[fair], &[scene.keeper.user]);
        assert_eq!(
            outcome.error.is_none(),
            index as u8 == worst,
            "scenario {index}"
        );
        failing += usize::from(outcome.error_code() == Some(MarginError::LegsTooDear.into()));
    }
    assert!(failing > 3, "{failing} scenarios breach too");
}

#[test]
fn case_47_refuses_legs_that_are_none() {
    let mut scene = Naked::steady(Book::Condor, 130);
    let now = scene.world.now();
    let whole = scene.whole();
    let turned = take_of(&scene.naked, BASE);
    let leg = |change: &dyn Fn(&mut LegTake)| {
        let mut leg = whole.clone();
        change(&mut leg);
        leg
    };
    let unheld = leg(&|leg| leg.strike = dollars(121_000));
    let expired = leg(&|leg| leg.expiry = now);
    let nothing = leg(&|leg| leg.quantity = 0);
    let unknown = leg(&|leg| leg.instrument = 4);
    let strikeless = leg(&|leg| leg.strike = 0);
    let error = MarginError::LegNotHeld;
    for (legs, error) in [
        (vec![], MarginError::LegCount),
        (vec![whole.clone(); MAX_LEGS + 1], MarginError::LegCount),
        (vec![nothing], MarginError::ZeroAmount),
        (vec![turned], error),
        (vec![unheld], error),
        (vec![whole.clone(), whole.clone()], error),
        (vec![expired], MarginError::Expired),
        (vec![unknown], MarginError::InstrumentUnknown),
        (vec![strikeless], MarginError::InstrumentUnknown),
    ] {
        let ix = scene.with(|args| args.legs = legs);
        scene.refuse(&ix, error, &[]);
    }
    let ix = scene.with(|args| args.legs = vec![take_of(&scene.naked, BASE)]);
    scene.refuse(&ix, error, &left_right(BASE, -BASE));
    // a position of the largest size, and the least
    for quantity in [i64::MAX, i64::MIN + 1, i64::MIN] {
        let leg = take_of(&scene.naked, quantity);
        let ix = scene.with(|args| args.legs = vec![leg]);
        let error = match quantity > 0 {
            true => MarginError::LegNotHeld,
            false => MarginError::PastBuffer, // clamped to all of it
        };
        scene.refuse(&ix, error, &[]);
    }
}

#[test]
fn case_72_refuses_less_than_the_keeper_wants() {
    let mut scene = Naked::steady(Book::Condor, 160);
    let twice = vec![take_of(&scene.naked, 2 * scene.naked.quantity)];
    for (minimum, is_refused) in [
        (FRACTION_ONE / 2, false),
        (FRACTION_ONE / 2 + 1, true),
        (u64::MAX, true),
    ] {
        let ix = scene.with(|args| (args.legs, args.minimum) = (twice.clone(), minimum));
        match is_refused {
            true => scene.refuse(
                &ix,
                MarginError::SliceBelowMinimum,
                &left_right(BASE, 2 * BASE),
            ),
            false => scene.accept(&ix),
        }
    }
    // what is not clamped is never too little
    let ix = scene.with(|args| args.minimum = u64::MAX);
    scene.accept(&ix);
}

#[test]
fn refuses_legs_above_the_keepers_limit() {
    let mut scene = Naked::build(Book::Condor, 150, LiquidationArgs::STANDARD);
    let takes = scene.part(FRACTION_ONE / 10);
    let outlook = scene.world.outlook(&scene.alice.account, &takes);
    let fee = outlook.most_fee() as i64;
    // it is paid for the short, and keeps nine tenths of the fee
    let price = outlook.price - (fee - fee / 10);
    assert!(price < 0);
    for (limit, is_refused) in [(price, false), (price - 1, true), (i64::MIN, true)] {
        let args = LiquidateLegsArgs {
            price_limit: limit,
            ..scene.args(&takes, fee as u64)
        };
        let ix = scene
            .world
            .legs_ix(&scene.keeper, &scene.alice.account, args);
        match is_refused {
            true => scene.refuse(&ix, MarginError::PriceAboveLimit, &left_right(limit, price)),
            false => scene.accept(&ix),
        }
    }
}

#[test]
fn case_25_27_refuses_marks_from_prices_that_no_opening_accepts() {
    // an old surface of the leg's own market
    let mut scene = Naked::steady(Book::Condor, 150);
    let ix = scene.ix(&scene.part(FRACTION_ONE / 10), 0);
    let age = i64::from(scene.world.settings().surface_max_age);
    scene.world.advance(age);
    scene.world.refresh_prices();
    scene.accept(&ix);
    scene.world.advance(1);
    scene.world.refresh_prices();
    scene.refuse(&ix, MarginError::SurfaceStale, &[]);
    // a slice of the same account goes
    let (keeper, alice) = (scene.keeper, scene.alice.account);
    let witness = scene.world.report(&alice).witness();
    scene
        .world
        .bid(&keeper, &alice, &witness, FRACTION_ONE / 100)
        .ok();

    // a wide price of the leg's own market: good enough for a slice, not for a mark
    let mut scene = Naked::steady(Book::Condor, 150);
    let ix = scene.ix(&scene.part(FRACTION_ONE / 10), 0);
    let btc = scene.world.btc;
    let price = scene.world.spot(&btc.price).raw();
    let fields = PriceFields {
        confidence: price / 50,
        ..PriceFields::fresh(btc.feed_id, price, scene.world.now())
    };
    scene.world.set_price_update(btc.price, fields);
    scene.refuse(&ix, MarginError::OracleConfidenceTooWide, &[]);
}

#[test]
fn refuses_what_the_account_has_no_cash_for() {
    // GIVEN all value in long calls: the short put costs more to close than there is cash
    let mut scene = Naked::steady(Book::Spread, 187);
    let cash = scene.world.account(&scene.alice.account).0.cash;
    let outlook = scene.world.outlook(&scene.alice.account, &[scene.whole()]);
    assert!(-outlook.price < cash);
    let ix = scene.ix(&[scene.whole()], 0);
    scene.accept(&ix);
    // with a unit more than what is left of the cash elsewhere
    let over = cash + outlook.price + TAKER_ROUNDING + 1;
    for (account, sign) in [(scene.alice.account, -1), (scene.bob.account, 1)] {
        let change = |header: &mut MarginAccount| header.cash += sign * over;
        rewrite(&mut scene.world, &account, change);
    }
    let ix = scene.ix(&[scene.whole()], 0);
    scene.refuse(&ix, MarginError::CashNegative, &left_right(-1, 0));
    // less of it is within reach
    let ix = scene.ix(&scene.part(FRACTION_ONE / 10 * 9), 0);
    scene.accept(&ix);
}

#[test]
fn case_63_the_keepers_position_limit_holds_and_open_interest_blocks_nothing() {
    let mut scene = Naked::steady(Book::Condor, 150);
    let btc = scene.world.btc;
    rewrite(&mut scene.world, &btc.key, |market: &mut Market| {
        (market.rules.perp_limit, market.rules.expiry_limit) = (1, 1);
        market.rules.position_limit = BASE.unsigned_abs() / 10;
    });
    let ix = scene.with(|_| ());
    scene.accept(&ix);
    let more = take_of(&scene.naked, -BASE / 10 - 1);
    let ix = scene.with(|args| args.legs = vec![more]);
    scene.refuse(
        &ix,
        MarginError::PositionLimit,
        &left_right(BASE / 10 + 1, BASE / 10),
    );
}
