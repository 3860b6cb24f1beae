//! `update_bank`, `report_bank_outage`: what stands in for the dead feed of a bank that no market follows, so that one unit of it, which
//! anybody may deposit without a price, keeps no account from being repaired.

use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use portfolio_margin::event::{BankOutageReported, BankUpdated};
use portfolio_margin_interface::args::{BankArgs, BankRulesArgs};
use portfolio_margin_interface::state::{CollateralBank, MarginAccount};
use portfolio_margin_interface::view::MarginView;
use risk_core::liquidation::FRACTION_ONE;
use sandbox::oracle::price_address;
use sandbox::third::ETH_FEED;
use sandbox::{
    dollars, instructions, perpetual, Bank, PriceFields, Trader, User, World, WorldBuilder, BASE,
    BTC_START, SOL_START, START, USDC,
};
use solana_instruction::Instruction;
use support::insolvent::{bid_of, whole_bid};
use support::{assert_logged, assert_refused, failing_long, foreign_house, other_program_copy};
use support::{start, Bend};

/// What a unit of wrapped ETH is worth while its feed lives.
const ETH: u64 = dollars(4_000);

fn record(world: &World, bank: &Bank) -> CollateralBank {
    world.read(&bank.key)
}

/// Gives a trader native units of a bank and deposits them.
fn plant(world: &mut World, trader: &Trader, bank: &Bank, amount: u64) {
    let wallet = world.wallet(&trader.user, bank);
    if world.svm.get_account(&wallet).is_none() {
        world.create_token_account(wallet, bank.mint, trader.user.key);
    }
    world.fund(&trader.user, bank, amount);
    world.deposit(trader, bank, amount).ok();
}

/// Alice fails and holds one native unit of wrapped ETH, whose feed still lives.
struct Scene {
    world: World,
    alice: Trader,
    bob: Trader,
    keeper: Trader,
    bank: Bank,
}

impl Scene {
    fn new() -> Self {
        let (mut world, alice, bob, keeper) = failing_long();
        let bank = world.list_wrapped_eth(BankRulesArgs::PLAIN);
        world.set_wrapped_eth(ETH);
        plant(&mut world, &alice, &bank, 1);
        Self {
            world,
            alice,
            bob,
            keeper,
            bank,
        }
    }

    fn btc(&mut self, price: u64) {
        let btc = self.world.btc;
        self.world.set_price(&btc, price);
    }

    fn start(mut self) -> Self {
        start(&mut self.world, &self.keeper, &self.alice);
        self
    }

    fn proven(mut self) -> Self {
        self = self.start();
        self.btc(dollars(80_000));
        self.world.prove_insolvency(&self.alice.account).ok();
        self
    }

    /// The feed dies, is reported dead and stays dead for a second less than the hour.
    fn dies(&mut self, is_stored: bool) {
        let bank = self.bank;
        if is_stored {
            self.world.update_bank(&bank).ok();
            self.world.advance(600);
        } else {
            self.world.advance(61);
        }
        self.world.report_bank_outage(&bank).ok();
        self.world.advance(3_599);
    }
}

/// A repair that nothing but a dead feed stops: refused by the dead price, a second too early by the stand-in, and accepted then; with a
/// stored price and without one.
fn is_stopped_for_an_hour(
    scene: fn() -> Scene,
    price: u64,
    make: fn(&World, &Scene) -> (Instruction, Vec<User>),
) {
    for is_stored in [true, false] {
        let mut scene = scene();
        scene.dies(is_stored);
        scene.btc(price);
        let (dead, signers) = make(&scene.world, &scene);
        let world = &mut scene.world;
        assert_refused(world, &dead, &signers, MarginError::OracleStale);
        let ix = dead.replace(scene.bank.price, scene.bank.key);
        let outcome = assert_refused(world, &ix, &signers, MarginError::OutageMissing);
        assert_logged(&outcome, &["Left: 3599", "Right: 3600"]);
        world.advance(1);
        world.send_wide(&[ix], &signers).ok();
    }
}

#[test]
fn case_36_a_unit_of_a_dead_feed_stops_no_start() {
    is_stopped_for_an_hour(Scene::new, dollars(102_000), |world, scene| {
        let witness = world.report(&scene.alice.account).witness();
        let keeper = scene.keeper.user;
        let ix = world.start_liquidation_ix(&keeper, &scene.alice.account, &witness);
        (ix, vec![keeper])
    });
}

#[test]
fn case_36_61_a_unit_of_a_dead_feed_stops_no_bid() {
    let scene = || Scene::new().start();
    is_stopped_for_an_hour(scene, dollars(102_000), |world, scene| {
        let args = bid_of(world, &scene.alice, FRACTION_ONE);
        let ix = world.bid_ix(&scene.keeper, &scene.alice.account, args);
        (ix, vec![scene.keeper.user])
    });
}

#[test]
fn case_36_a_unit_of_a_dead_feed_stops_no_proof_of_insolvency() {
    let scene = || Scene::new().start();
    is_stopped_for_an_hour(scene, dollars(80_000), |world, scene| {
        let witness = world.report(&scene.alice.account).witness();
        let ix = world.prove_insolvency_ix(&scene.alice.account, &witness);
        (ix, vec![])
    });
}

#[test]
fn case_36_a_unit_of_a_dead_feed_stops_no_insolvent_bid() {
    let scene = || Scene::new().proven();
    is_stopped_for_an_hour(scene, dollars(80_000), |world, scene| {
        let ix = whole_bid(world, &scene.keeper, &scene.alice);
        (ix, vec![scene.keeper.user])
    });
}

#[test]
fn case_36_a_unit_of_a_dead_feed_stops_no_reduction() {
    is_stopped_for_an_hour(Scene::new, dollars(102_000), |world, scene| {
        let legs = [perpetual(&world.btc, -BASE / 2, dollars(102_000))];
        let ix = world.trade_ix(&scene.alice, &scene.bob, &legs);
        (ix, vec![scene.alice.user, scene.bob.user])
    });
}

#[test]
fn case_36_openings_and_withdrawals_stay_refused_but_for_the_dead_collateral_itself() {
    for is_stored in [true, false] {
        let mut scene = Scene::new();
        scene.dies(is_stored);
        scene.world.advance(1);
        scene.btc(BTC_START);
        let (bank, alice, bob) = (scene.bank, scene.alice, scene.bob);
        let world = &mut scene.world;
        let (btc, usdc) = (world.btc, world.usdc);
        let stale = MarginError::OracleStale;
        let ix = world.withdraw_ix(&alice, &usdc, 1);
        let ix = ix.replace(bank.price, bank.key);
        assert_refused(world, &ix, &[alice.user], stale);
        let legs = [perpetual(&btc, 1_000, BTC_START)];
        let ix = world.trade_ix(&alice, &bob, &legs);
        let ix = ix.replace(bank.price, bank.key);
        assert_refused(world, &ix, &[alice.user, bob.user], stale);
        // who takes all of it out is rid of the feed
        world.withdraw(&alice, &bank, 1).ok();
        world.withdraw(&alice, &usdc, 1).ok();
    }
}

#[test]
fn what_stands_in_is_the_stored_price_or_nothing() {
    for (is_stored, worth) in [(true, 4_000_000_000), (false, 0)] {
        let mut scene = Scene::new();
        let alice = scene.alice;
        plant(&mut scene.world, &alice, &scene.bank, 999_999_999);
        scene.dies(is_stored);
        scene.world.advance(1);
        scene.btc(dollars(102_000));
        // the price account goes on showing what nobody may use any more
        let ix = scene.world.view_margin_ix(&alice.account);
        let ix = ix.replace(scene.bank.price, scene.bank.key);
        let view: MarginView = scene.world.send(&[ix], &[]).ok().view();
        let cash = scene.world.read::<MarginAccount>(&alice.account).cash;
        let lost = 14_661_500_000;
        assert_eq!(view.equity, cash - lost + worth, "{is_stored}");
        assert_eq!(view.doubt, u32::from(MarginError::OracleStale));
        assert_eq!(view.would_open, 0);
    }
}

#[test]
fn is_reported_ten_minutes_after_the_last_stored_price_and_once() {
    let mut scene = Scene::new();
    let bank = scene.bank;
    let world = &mut scene.world;
    let outcome = world.update_bank(&bank).ok();
    let stored = record(world, &bank);
    assert_eq!((stored.spot, stored.spot_publish_time), (ETH, START));
    let event = &outcome.events::<BankUpdated>()[0];
    assert_eq!((event.bank, event.spot), (bank.key, ETH));
    assert_eq!(
        (event.publish_time, event.sequence),
        (START, stored.sequence)
    );
    world.advance(599);
    let ix = instructions::report_bank_outage(&bank);
    let refused = MarginError::OutageRefused;
    let outcome = assert_refused(world, &ix, &[], refused);
    assert_logged(&outcome, &["Left: 599", "Right: 600"]);
    world.advance(1);
    let outcome = world.report_bank_outage(&bank).ok();
    let after = record(world, &bank);
    assert_eq!(
        (after.outage_at, after.sequence),
        (START + 600, stored.sequence + 1)
    );
    let event = &outcome.events::<BankOutageReported>()[0];
    assert_eq!(
        (event.bank, event.spot, event.publish_time),
        (bank.key, ETH, START)
    );
    assert_eq!(
        (event.outage_at, event.sequence),
        (START + 600, after.sequence)
    );
    // a second report would begin the wait anew
    world.advance(10);
    assert_refused(world, &ix, &[], refused);
    // one that never stored a price has none that could be too young
    let never = world.sol_bank;
    world.report_bank_outage(&never).ok();
    assert_eq!(record(world, &never).outage_at, START + 610);
}

#[test]
fn a_live_price_within_the_hour_or_after_it_ends_the_outage() {
    for late in [0, 1] {
        let mut scene = Scene::new();
        scene.dies(true);
        scene.world.advance(late);
        let bank = scene.bank;
        scene.world.set_wrapped_eth(ETH / 2);
        scene.world.update_bank(&bank).ok();
        let after = record(&scene.world, &bank);
        assert_eq!((after.spot, after.outage_at), (ETH / 2, 0));
        scene.world.advance(1);
        scene.btc(dollars(102_000));
        let witness = scene.world.report(&scene.alice.account).witness();
        let keeper = scene.keeper.user;
        let good = scene
            .world
            .start_liquidation_ix(&keeper, &scene.alice.account, &witness);
        let ix = good.clone().replace(bank.price, bank.key);
        let missing = MarginError::OutageMissing;
        let outcome = assert_refused(&mut scene.world, &ix, &[keeper], missing);
        assert_logged(&outcome, &["Left: 0", "Right: 3600"]);
        scene.world.send(&[good], &[keeper]).ok();
    }
}

#[test]
fn case_32_stores_no_older_price_and_none_that_is_uncertain_old_or_of_another_feed() {
    let mut scene = Scene::new();
    let bank = scene.bank;
    let world = &mut scene.world;
    let account = price_address(&ETH_FEED);
    let fields = |price: u64, time: i64| PriceFields::fresh(ETH_FEED, price, time);
    world.advance(30);
    world.set_wrapped_eth(ETH);
    world.update_bank(&bank).ok();
    let ix = instructions::update_bank(&bank);
    world.set_price_update(account, fields(ETH / 2, START + 29));
    assert_refused(world, &ix, &[], MarginError::OracleOutdated);
    // of the same second: whoever stores last
    world.set_price_update(account, fields(ETH / 2, START + 30));
    world.update_bank(&bank).ok();
    assert_eq!(record(world, &bank).spot, ETH / 2);
    world.advance(61);
    assert_refused(world, &ix, &[], MarginError::OracleStale);
    let sol = ix.clone().replace(bank.price, world.sol_bank.price);
    assert_refused(world, &sol, &[], MarginError::OracleFeedMismatch);
    // 10 %: too wide to store
    let wide = |confidence: u64, now: i64| PriceFields {
        confidence,
        ..fields(ETH, now)
    };
    let now = world.now();
    world.set_price_update(account, wide(ETH / 10, now));
    assert_refused(world, &ix, &[], MarginError::OracleConfidenceTooWide);
    // and the sign of a feed that lives; wider still it is none
    world.advance(600);
    world.report_bank_outage(&bank).ok();
    let now = world.now();
    world.set_price_update(account, wide(ETH / 10 + 1, now));
    assert_refused(world, &ix, &[], MarginError::OracleConfidenceTooWide);
    world.set_price_update(account, wide(ETH / 10, now));
    let outcome = world.update_bank(&bank).ok();
    let after = record(world, &bank);
    assert_eq!(
        (after.spot, after.spot_publish_time, after.outage_at),
        (ETH / 2, START + 30, 0)
    );
    let event = &outcome.events::<BankUpdated>()[0];
    assert_eq!(
        (event.spot, event.publish_time, event.sequence),
        (ETH / 2, START + 30, after.sequence)
    );
}

#[test]
fn refuses_the_quote_bank_those_that_a_market_follows_and_what_is_no_bank() {
    let mut world = WorldBuilder::whole(0).build();
    let (usdc, sol_bank) = (world.usdc, world.sol_bank);
    assert_ne!(record(&world, &sol_bank).offset_market, 0);
    for bank in [usdc, sol_bank] {
        for ix in [
            instructions::update_bank(&bank),
            instructions::report_bank_outage(&bank),
        ] {
            assert_refused(&mut world, &ix, &[], MarginError::BankMismatch);
        }
    }
    let mut world = World::new();
    let bank = world.sol_bank;
    let ix = instructions::report_bank_outage(&bank);
    let copy = other_program_copy(&mut world, &bank.key);
    let copied = ix.clone().replace(bank.key, copy);
    let error = ErrorCode::AccountOwnedByWrongProgram;
    assert_refused(&mut world, &copied, &[], error);
    let cosplay = ix.replace(bank.key, world.sol.key);
    let error = ErrorCode::AccountDiscriminatorMismatch;
    assert_refused(&mut world, &cosplay, &[], error);
}

#[test]
fn stands_in_for_collateral_of_its_own_feed_and_house_alone() {
    let mut scene = Scene::new();
    let (_, foreign, _) = foreign_house(&mut scene.world);
    let (alice, eth) = (scene.alice, scene.bank);
    let sol = scene.world.sol_bank;
    plant(&mut scene.world, &alice, &sol, 1);
    scene.world.advance(61);
    for bank in [foreign, sol, eth] {
        scene.world.report_bank_outage(&bank).ok();
    }
    scene.world.advance(3_600);
    scene.btc(dollars(102_000));
    let world = &mut scene.world;
    let view = world.view_margin_ix(&alice.account);
    let good = view.replace(sol.price, sol.key).replace(eth.price, eth.key);
    world.send(std::slice::from_ref(&good), &[]).ok();
    // of the two pairs of SOL and wrapped ETH in front the prices
    for (place, stand_in, error) in [
        (3, foreign.key, MarginError::ClearinghouseMismatch),
        (3, eth.key, MarginError::OracleFeedMismatch),
        (5, sol.key, MarginError::OracleFeedMismatch),
        (5, world.usdc.key, MarginError::OracleFeedMismatch),
        (5, world.house, MarginError::OracleOwner),
        (5, alice.account, MarginError::OracleOwner),
        // a bank prices no market
        (7, sol.key, MarginError::OracleOwner),
    ] {
        let ix = good.clone().replace_at(place, stand_in);
        assert_refused(world, &ix, &[], error);
    }
    // nor does anything that stores a price read it
    let ix = instructions::update_bank(&eth).replace(eth.price, eth.key);
    assert_refused(world, &ix, &[], MarginError::OracleOwner);
}

#[test]
fn case_32_of_two_banks_of_one_feed_the_newer_price_stands_in_for_both() {
    let mut scene = Scene::new();
    let alice = scene.alice;
    let world = &mut scene.world;
    let (house, mint) = (world.house, world.create_mint("another wrapped ETH", 9));
    let args = BankArgs {
        feed_id: ETH_FEED,
        ..world.sol_bank_args()
    };
    let (first, second) = (scene.bank, world.list_bank(house, mint, args));
    plant(world, &alice, &second, 1);
    world.update_bank(&first).ok();
    world.advance(1);
    world.set_wrapped_eth(ETH / 2);
    world.update_bank(&second).ok();
    world.advance(600);
    world.report_bank_outage(&second).ok();
    world.advance(3_600);
    let btc = world.btc;
    let view = |world: &mut World, stand_in: &Bank| {
        world.set_price(&btc, dollars(102_000));
        world
            .view_margin_ix(&alice.account)
            .replace(first.price, stand_in.key)
    };
    // of the other bank nobody has said that its feed is dead
    let ix = view(world, &second);
    assert_refused(world, &ix, &[], MarginError::OutageMissing);
    world.report_bank_outage(&first).ok();
    world.advance(3_600);
    let ix = view(world, &first);
    assert_refused(world, &ix, &[], MarginError::OracleOutdated);
    let ix = view(world, &second);
    world.send(&[ix], &[]).ok();
}

#[test]
fn a_market_of_the_feed_still_stands_in_for_a_bank_that_was_never_reported() {
    let mut scene = Scene::new();
    let (alice, bank) = (scene.alice, scene.world.sol_bank);
    plant(&mut scene.world, &alice, &bank, 1_000_000_000);
    let world = &mut scene.world;
    let (btc, sol) = (world.btc, world.sol);
    world.update_market(&sol).ok();
    world.advance(600);
    world.send(&[instructions::report_outage(&sol)], &[]).ok();
    world.advance(3_600);
    world.set_price(&btc, dollars(102_000));
    world.set_wrapped_eth(ETH);
    let ix = world.view_margin_ix(&alice.account);
    let by_market = ix.clone().replace(bank.price, sol.key);
    let by_bank = ix.replace(bank.price, bank.key);
    let view: MarginView = world
        .send(std::slice::from_ref(&by_market), &[])
        .ok()
        .view();
    let with_market = view.equity;
    assert_refused(world, &by_bank, &[], MarginError::OutageMissing);
    // with an outage of its own either will do: the bank stored nothing, which counts for nothing
    world.report_bank_outage(&bank).ok();
    world.advance(3_600);
    world.set_price(&btc, dollars(102_000));
    world.set_wrapped_eth(ETH);
    let view: MarginView = world.send(&[by_market], &[]).ok().view();
    assert_eq!(view.equity, with_market);
    let view: MarginView = world.send(&[by_bank], &[]).ok().view();
    let worth = (SOL_START / 100) as i64;
    assert_eq!(with_market - view.equity, worth);
    assert!(worth > 100 * USDC as i64);
}
