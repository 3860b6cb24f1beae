//! The table of grades and actions, cell by cell, and both sides of each limit that parts two grades.

use portfolio_margin::error::MarginError;
use portfolio_margin::instructions::auto_deleverage::PRICE_PATIENCE;
use portfolio_margin::oracle::outage::{OUTAGE_DELAY, OUTAGE_LEAST_AGE};
use portfolio_margin::oracle::policy::{Action, Grade, ACCEPTED, MAX_LAG};
use portfolio_margin_interface::args::DeleverageArgs;
use portfolio_margin_interface::state::margin_account::STATUS_LIQUIDATING;
use portfolio_margin_interface::state::{MarginAccount, Market as MarketRecord};
use risk_core::liquidation::FRACTION_ONE;
use sandbox::{dollars, instructions, perpetual, PriceFields, Trader, User, World, WorldBuilder};
use sandbox::{BASE, BTC_START, USDC};
use solana_instruction::Instruction;
use support::{assert_logged, assert_refused, rewrite, Bend};

/// Share of the stable price, 1e-6.
const BAND: u32 = 50_000;

/// Alice fails by far against bob, carol and dave are well and can both reduce; the market has stored its price.
struct Scene {
    world: World,
    alice: Trader,
    bob: Trader,
    carol: Trader,
    dave: Trader,
    keeper: Trader,
}

fn scene() -> Scene {
    let mut builder = WorldBuilder::whole(0);
    builder.market_rules.stable_band = BAND;
    let mut world = builder.build();
    let [alice, bob, carol, dave, keeper] =
        ["alice", "bob", "carol", "dave", "keeper"].map(|name| world.trader(name, 500_000 * USDC));
    let btc = world.btc;
    for (taker, maker) in [(alice, bob), (carol, dave)] {
        let leg = [perpetual(&btc, BASE, BTC_START)];
        world.trade(&taker, &maker, &leg).ok();
    }
    rewrite::<MarginAccount>(&mut world, &alice.account, |header| {
        header.cash = 10_000_000
    });
    world.update_market(&btc).ok();
    Scene {
        world,
        alice,
        bob,
        carol,
        dave,
        keeper,
    }
}

impl Scene {
    /// Brings the price of BTC into a grade.
    fn set(&mut self, grade: Grade) {
        let btc = self.world.btc;
        let world = &mut self.world;
        let good = world.price(&btc.price);
        match grade {
            Grade::Valid => {}
            Grade::Stale => {
                world.advance(OUTAGE_LEAST_AGE);
                world.send(&[instructions::report_outage(&btc)], &[]).ok();
                world.advance(OUTAGE_DELAY);
                let house = world.house;
                world.set_quote_price(dollars(1));
                world.update_quote_price(&house).ok();
            }
            Grade::Uncertain => {
                let confidence = good.price as u64 / 20;
                world.set_price_update(btc.price, PriceFields { confidence, ..good });
            }
            // up, which does not heal alice
            Grade::Volatile => world.set_price(&btc, BTC_START / 100 * 106),
            Grade::Invalid => {
                let confidence = good.price as u64 / 2;
                world.set_price_update(btc.price, PriceFields { confidence, ..good });
            }
        }
    }

    /// The instructions of an action, with who signs.
    fn instructions(&mut self, action: Action) -> Vec<(Instruction, Vec<User>)> {
        let (carol, dave, keeper) = (self.carol, self.dave, self.keeper);
        let (btc, usdc) = (self.world.btc, self.world.usdc);
        let both = vec![carol.user, dave.user];
        let trade = |world: &World, size| {
            world.trade_ix(&carol, &dave, &[perpetual(&btc, size, BTC_START)])
        };
        let world = &mut self.world;
        match action {
            Action::Open => vec![
                (trade(world, 1), both),
                (world.withdraw_ix(&carol, &usdc, 1), vec![carol.user]),
            ],
            Action::Store => vec![(instructions::update_market(&btc), vec![])],
            Action::Repair => {
                let witness = world.report(&self.alice.account).witness();
                let ix = world.start_liquidation_ix(&keeper.user, &self.alice.account, &witness);
                vec![(ix, vec![keeper.user])]
            }
            Action::Reduce => vec![(trade(world, -BASE / 2), both)],
            Action::Deposit => {
                world.fund(&carol.user, &usdc, 1);
                vec![(world.deposit_ix(&carol, &usdc, 1), vec![carol.user])]
            }
            Action::Deleverage => {
                // for as long as a deleverage waits for better prices
                let (alice, bob) = (self.alice, self.bob);
                let phase = i64::from(world.settings().liquidation.insolvent_seconds);
                let proved_at = world.now() - phase - PRICE_PATIENCE;
                rewrite::<MarginAccount>(world, &alice.account, |header| {
                    header.status = STATUS_LIQUIDATING;
                    header.insolvent_at = proved_at;
                    header.cash = -100_000_000_000;
                });
                let args = DeleverageArgs {
                    fraction: FRACTION_ONE,
                    market: None,
                };
                let sides = [alice.account, bob.account];
                let ix = world.auto_deleverage_ix(&keeper.user, &sides[0], &sides[1], args);
                vec![(ix, vec![keeper.user])]
            }
        }
    }
}

/// Why an action refuses a grade that it does not accept.
fn reason(grade: Grade) -> MarginError {
    match grade {
        Grade::Valid => panic!("every action accepts it"),
        Grade::Stale => MarginError::OracleStale,
        Grade::Uncertain | Grade::Invalid => MarginError::OracleConfidenceTooWide,
        Grade::Volatile => MarginError::OracleVolatile,
    }
}

#[test]
fn each_action_accepts_the_grades_of_its_row_and_no_other() {
    let grades = [
        Grade::Valid,
        Grade::Stale,
        Grade::Uncertain,
        Grade::Volatile,
        Grade::Invalid,
    ];
    let mut cells = 0;
    for grade in grades {
        for (action, worst) in ACCEPTED {
            let mut scene = scene();
            scene.set(grade);
            let btc = scene.world.btc;
            for (mut ix, signers) in scene.instructions(action) {
                // the market stands in for its dead feed; what stores a price reads the feed itself
                let stands_in = ix.accounts.iter().any(|meta| meta.pubkey == btc.price);
                if grade == Grade::Stale && action != Action::Store && stands_in {
                    ix = ix.replace(btc.price, btc.key);
                }
                // a price is Volatile against the stable price, which storing it is to move
                let is_ungraded = grade == Grade::Volatile && action == Action::Store;
                if grade <= worst || is_ungraded {
                    let outcome = scene.world.send(&[ix], &signers);
                    assert!(
                        outcome.error.is_none(),
                        "{grade:?} {action:?}: {}",
                        outcome.logs.join("\n")
                    );
                } else {
                    assert_refused(&mut scene.world, &ix, &signers, reason(grade));
                }
            }
            cells += 1;
        }
    }
    assert_eq!(cells, 30);
}

#[test]
fn case_34_openings_stop_one_unit_beyond_the_band_and_repairs_go_on() {
    let Scene {
        mut world,
        carol,
        dave,
        ..
    } = scene();
    let (btc, usdc) = (world.btc, world.usdc);
    let stable = world.read::<MarketRecord>(&btc.key).stable_price;
    assert_eq!(stable, BTC_START);
    let width = stable / 20;
    let both = [carol.user, dave.user];
    for (price, is_near) in [
        (stable + width, true),
        (stable + width + 1, false),
        (stable - width, true),
        (stable - width - 1, false),
    ] {
        world.set_price(&btc, price);
        let withdraw = world.withdraw_ix(&carol, &usdc, 1);
        let open = world.trade_ix(&carol, &dave, &[perpetual(&btc, 1, price)]);
        if is_near {
            world.send(&[withdraw], &[carol.user]).ok();
            world.send(&[open], &both).ok();
        } else {
            let error = MarginError::OracleVolatile;
            let outcome = assert_refused(&mut world, &withdraw, &[carol.user], error);
            let allowed = u128::from(stable) * u128::from(BAND);
            let found = u128::from(price.abs_diff(stable)) * 1_000_000;
            let values = [format!("Left: {allowed}"), format!("Right: {found}")];
            assert_logged(&outcome, &values.each_ref().map(String::as_str));
            assert_refused(&mut world, &open, &both, error);
            let view = world.view_margin(&carol.account).0;
            assert_eq!((view.doubt, view.would_open), (error.into(), 0));
        }
        // both reduce either way
        world
            .trade(&carol, &dave, &[perpetual(&btc, -1, price)])
            .ok();
    }
}

#[test]
fn a_market_without_a_band_or_a_stable_price_doubts_no_move() {
    // without a band
    let mut world = WorldBuilder::whole(0).build();
    let carol = world.trader("carol", 500_000 * USDC);
    let dave = world.trader("dave", 500_000 * USDC);
    let (btc, usdc) = (world.btc, world.usdc);
    world
        .trade(&carol, &dave, &[perpetual(&btc, BASE, BTC_START)])
        .ok();
    world.update_market(&btc).ok();
    world.set_price(&btc, BTC_START / 2 * 3);
    world.withdraw(&carol, &usdc, 1).ok();
    // before the first update
    let mut builder = WorldBuilder::whole(0);
    builder.market_rules.stable_band = 1;
    let mut world = builder.build();
    let carol = world.trader("carol", 500_000 * USDC);
    let dave = world.trader("dave", 500_000 * USDC);
    let btc = world.btc;
    world
        .trade(&carol, &dave, &[perpetual(&btc, BASE, BTC_START)])
        .ok();
}

#[test]
fn case_32_openings_refuse_a_price_ten_seconds_behind_the_newest_that_was_stored() {
    let Scene {
        mut world,
        alice,
        carol,
        dave,
        keeper,
        ..
    } = scene();
    let (btc, usdc) = (world.btc, world.usdc);
    // a newer update is stored; two older ones are still young enough
    world.advance(40);
    let house = world.house;
    world.set_quote_price(dollars(1));
    world.update_quote_price(&house).ok();
    let now = world.now();
    world.set_price(&btc, BTC_START);
    world.update_market(&btc).ok();
    let at = |publish_time| PriceFields {
        publish_time,
        ..PriceFields::fresh(btc.feed_id, BTC_START / 100 * 101, now)
    };
    world.set_price_update(btc.price, at(now - MAX_LAG));
    world.withdraw(&carol, &usdc, 1).ok();
    world.set_price_update(btc.price, at(now - MAX_LAG - 1));
    let error = MarginError::OracleOutdated;
    let ix = world.withdraw_ix(&carol, &usdc, 1);
    let outcome = assert_refused(&mut world, &ix, &[carol.user], error);
    assert_logged(&outcome, &["Left: 10", "Right: 11"]);
    let ix = world.trade_ix(&carol, &dave, &[perpetual(&btc, 1, BTC_START)]);
    assert_refused(&mut world, &ix, &[carol.user, dave.user], error);
    // a repair and a reduction take it: whoever stores newer prices must not be able to hold them up
    world
        .trade(&carol, &dave, &[perpetual(&btc, -1, BTC_START)])
        .ok();
    let witness = world.report(&alice.account).witness();
    world
        .start_liquidation(&keeper.user, &alice.account, &witness)
        .ok();
}

#[test]
fn case_33_a_newer_update_between_two_trades_yields_the_move_of_the_price_and_no_more() {
    // GIVEN a thief with two accounts who holds back a younger update, 0.5 % higher
    let Scene {
        mut world,
        carol,
        dave,
        ..
    } = scene();
    let btc = world.btc;
    let equity =
        |world: &mut World| [carol, dave].map(|trader| world.view_margin(&trader.account).0.equity);
    let before = equity(&mut world);
    // WHEN it opens, the price is updated, and it closes
    let leg = |size, price| [perpetual(&btc, size, price)];
    world.trade(&carol, &dave, &leg(BASE, BTC_START)).ok();
    world.advance(5);
    let after_move = BTC_START / 200 * 201;
    world.set_price(&btc, after_move);
    world.update_market(&btc).ok();
    world.trade(&carol, &dave, &leg(-BASE, after_move)).ok();
    // THEN what one has won the other has lost: nothing comes from the house
    let after = equity(&mut world);
    let won = after[0] - before[0];
    assert_eq!(won + (after[1] - before[1]), 0);
    assert!(won > 0);
}
