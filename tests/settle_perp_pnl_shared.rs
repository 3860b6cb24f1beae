//! `settle_perp_pnl` while a market has losses to share: winners forgive in proportion, whoever comes when, and only when they say so.

use portfolio_margin::error::MarginError;
use portfolio_margin::event::PerpPnlSettled;
use portfolio_margin_interface::state::margin_account::{
    SCOPE_TRADE, STATUS_ACTIVE, STATUS_LIQUIDATING,
};
use portfolio_margin_interface::state::{MarginAccount, Market as MarketState};
use sandbox::bankruptcy::settle_perp_pnl_by;
use sandbox::{dollars, future, lifecycle, perpetual, settlement, Trader, World, BASE, USDC};
use support::{assert_conserved, assert_logged, assert_refused, rewrite, Defaults, Scene, OWED};

/// The pool and the losses of BTC's perpetual, dollars and 1e-6 of them.
fn sums(world: &World) -> (u64, u64) {
    let market: MarketState = world.read(&world.btc.key);
    (market.perp_pool, market.perp_loss)
}

/// Carol is long so much (1e-6 coins) from 100,000 at 140,000, dave has paid, and ten thousand of it cover a loss.
fn shared(profits: i64) -> Scene {
    let mut scene = Defaults {
        profits,
        ..Defaults::default()
    }
    .build();
    let debtor = scene.debtors[0];
    scene.world.resolve_bankruptcy(&debtor.account).ok();
    assert_conserved(&scene.world);
    scene
}

/// Settles an account's own profit; insists that its equity falls by what it forgives and by nothing else.
#[track_caller]
fn settle(world: &mut World, trader: &Trader) -> PerpPnlSettled {
    let btc = world.btc;
    let before = world.report(&trader.account).margin.equity.raw();
    let outcome = world.settle_own_perp_pnl(trader, &btc).ok();
    let event: PerpPnlSettled = outcome.events().remove(0);
    let after = world.report(&trader.account).margin.equity.raw();
    assert_eq!(before - after, event.forgiven as i64, "inv_17");
    assert_conserved(world);
    assert!(world.reconcile().is_exact());
    event
}

#[test]
fn inv_16_a_winner_receives_the_pools_share_and_forgives_the_losses() {
    let Scene {
        mut world,
        carol,
        dave,
        ..
    } = shared(BASE * 8 / 10);
    let thousand = 1_000 * USDC;
    assert_eq!(sums(&world), (22 * thousand, OWED));
    let event = settle(&mut world, &carol);
    assert_eq!(event.pnl, 32 * thousand as i64);
    assert_eq!(
        (event.paid, event.forgiven),
        (22 * thousand as i64, 10 * thousand)
    );
    assert_eq!(sums(&world), (0, 0));
    // the position stands, entered at today's price: nothing is left of the profit
    let (_, positions) = world.account(&carol.account);
    assert_eq!(positions[0].cost, 112_000 * USDC as i64);
    // from now on profits are paid whole, to whoever asks for whom
    let btc = world.btc;
    world.set_price(&btc, dollars(150_000));
    world.settle_perp_pnl(&dave, &btc).ok();
    let outcome = world.settle_perp_pnl(&carol, &btc).ok();
    let event: PerpPnlSettled = outcome.events().remove(0);
    assert_eq!((event.paid, event.forgiven), (8_000 * USDC as i64, 0));
    assert_conserved(&world);
}

#[test]
fn winners_share_in_proportion_in_either_order() {
    for alice_first in [true, false] {
        let mut scene = Defaults {
            profits: BASE / 2,
            ..Defaults::default()
        }
        .build();
        let (alice, carol, dave) = (scene.alice, scene.carol, scene.dave);
        let world = &mut scene.world;
        let btc = world.btc;
        world.refresh();
        let leg = perpetual(&btc, BASE / 4, dollars(140_000));
        world.trade(&alice, &dave, &[leg]).ok();
        world.set_price(&btc, dollars(160_000));
        world.settle_perp_pnl(&dave, &btc).ok();
        world.resolve_bankruptcy(&scene.debtors[0].account).ok();
        let thousand = 1_000 * USDC;
        assert_eq!(sums(world), (25 * thousand, OWED));
        // two sevenths of five and of thirty thousand
        let order = match alice_first {
            true => [alice, carol],
            false => [carol, alice],
        };
        let mut found = vec![];
        for trader in order {
            let event = settle(world, &trader);
            assert_eq!(event.paid + event.forgiven as i64, event.pnl);
            found.push((trader, event.pnl, event.forgiven));
        }
        assert_eq!(sums(world), (0, 0), "nothing is left over");
        for (trader, pnl, forgiven) in found {
            let profit = if trader == alice { 5 } else { 30 };
            assert_eq!(pnl, profit * thousand as i64);
            let exact = pnl as u64 * 2 / 7;
            assert!((exact..=exact + 1).contains(&forgiven), "{forgiven}");
        }
    }
}

#[test]
fn inv_17_only_the_owner_forgives_and_no_delegate() {
    let Scene {
        mut world,
        carol,
        dave,
        alice,
        ..
    } = shared(BASE * 8 / 10);
    let btc = world.btc;
    let friend = world.user("friend");
    let refuse = |world: &mut World, by: Option<&sandbox::User>| {
        let ix = match by {
            Some(by) => {
                let remaining = world.margin_metas(&carol.account);
                settle_perp_pnl_by(&by.key, &carol.account, &btc, remaining)
            }
            None => settlement::settle_perp_pnl(&carol.account, &btc),
        };
        let signers: Vec<_> = by.into_iter().copied().collect();
        let outcome = assert_refused(world, &ix, &signers, MarginError::ProfitShared);
        assert_logged(&outcome, &["Left: 32000000000", "Right: 10000000000"]);
    };
    refuse(&mut world, None);
    refuse(&mut world, Some(&friend));
    refuse(&mut world, Some(&dave.user));
    refuse(&mut world, Some(&alice.user));
    // who may trade may not give a profit up
    let now = world.now();
    let ix = lifecycle::set_delegate(&carol, friend.key, SCOPE_TRADE, now + 100);
    world.send(&[ix], &[carol.user]).ok();
    refuse(&mut world, Some(&friend));
    let outcome = world.settle_own_perp_pnl(&carol, &btc).ok();
    assert_eq!(outcome.events::<PerpPnlSettled>()[0].forgiven, OWED);
    assert_conserved(&world);
}

#[test]
fn inv_06_whoever_forgives_carries_on_with_initial_margin() {
    // GIVEN a winner whose perpetual hedges a future
    let Scene {
        mut world,
        carol,
        dave,
        ..
    } = shared(BASE * 8 / 10);
    let btc = world.btc;
    let leg = future(&btc, world.month, -BASE * 2, dollars(140_000));
    world.trade(&carol, &dave, &[leg]).ok();
    // what it has to spare afterwards
    let mut rich = world.clone();
    rich.settle_own_perp_pnl(&carol, &btc).ok();
    let spare = rich.report(&carol.account).margin.initial_health.raw();
    assert!(spare > 0);
    let with_cash = |less: i64| {
        let mut world = world.clone();
        rewrite(&mut world, &carol.account, |account: &mut MarginAccount| {
            account.cash -= less;
        });
        world
    };
    // WHEN it has exactly nothing, or one unit less
    let mut exact = with_cash(spare);
    exact.settle_own_perp_pnl(&carol, &btc).ok();
    let left = exact.report(&carol.account).margin.initial_health.raw();
    assert_eq!(left, 0);
    let mut short = with_cash(spare + 1);
    let remaining = short.margin_metas(&carol.account);
    let ix = settle_perp_pnl_by(&carol.user.key, &carol.account, &btc, remaining);
    let refusal = MarginError::InitialMarginBreached;
    assert_refused(&mut short, &ix, &[carol.user], refusal);
    // nor without the accounts that show it
    let ix = settle_perp_pnl_by(&carol.user.key, &carol.account, &btc, vec![]);
    let refusal = MarginError::RemainingAccountMissing;
    assert_refused(&mut with_cash(0), &ix, &[carol.user], refusal);
}

#[test]
fn losers_pay_by_anybodys_hand_as_before() {
    let Scene {
        mut world,
        carol,
        dave,
        ..
    } = shared(BASE / 2);
    let btc = world.btc;
    world.set_price(&btc, dollars(144_000));
    // dave lost two thousand more; nobody signs
    let outcome = world.settle_perp_pnl(&dave, &btc).ok();
    let event: PerpPnlSettled = outcome.events().remove(0);
    let lost = 2_000 * USDC as i64;
    assert_eq!((event.paid, event.forgiven), (-lost, 0));
    assert_conserved(&world);
    // which raises what she receives: 12 of 22 thousand, where it was 10 of 20
    let thousand = 1_000 * USDC;
    assert_eq!(sums(&world), (12 * thousand, OWED));
    let event = settle(&mut world, &carol);
    assert_eq!(
        (event.paid, event.forgiven),
        (12 * thousand as i64, 10 * thousand)
    );
}

#[test]
fn a_profit_that_nobody_has_paid_waits_and_forgives_nothing_yet() {
    let Scene {
        mut world, carol, ..
    } = shared(BASE / 2);
    let btc = world.btc;
    world.set_price(&btc, dollars(150_000));
    // of 25,000 ten are in the pool and ten are lost: five wait for dave
    let event = settle(&mut world, &carol);
    let thousand = 1_000 * USDC as i64;
    assert_eq!(
        (event.pnl, event.paid, event.forgiven),
        (25 * thousand, 10 * thousand, OWED)
    );
    let report = world.report(&carol.account).margin;
    assert_eq!(report.mark.raw(), 5 * thousand);
    let none = settlement::settle_perp_pnl(&carol.account, &btc);
    assert_refused(&mut world, &none, &[], MarginError::NothingToSettle);
}

#[test]
fn a_share_of_nothing_is_forgiven_only_by_whoever_has_closed() {
    // a pool of four thousand that goes into the loss whole
    let Scene {
        mut world,
        carol,
        dave,
        ..
    } = shared(BASE / 10);
    let (btc, thousand) = (world.btc, 1_000 * USDC);
    assert_eq!(sums(&world), (0, 4 * thousand));
    let remaining = world.margin_metas(&carol.account);
    let own = settle_perp_pnl_by(&carol.user.key, &carol.account, &btc, remaining);
    let nothing = MarginError::NothingToSettle;
    assert_refused(&mut world, &own, &[carol.user], nothing);
    world.refresh();
    let leg = perpetual(&btc, BASE / 10, dollars(140_000));
    world.trade(&dave, &carol, &[leg]).ok();
    let (_, positions) = world.account(&carol.account);
    assert_eq!(
        (positions.len(), positions[0].quantity, positions[0].cost),
        (1, 0, -4_000_000_000)
    );
    // the record keeps her account open until she gives it up
    let event = settle(&mut world, &carol);
    assert_eq!((event.paid, event.forgiven), (0, 4 * thousand));
    assert_eq!(world.account(&carol.account).1.len(), 0);
    assert_eq!(sums(&world), (0, 0));
    let usdc = world.usdc;
    let left = world.cash_value(&carol.account) as u64;
    world.withdraw(&carol, &usdc, left).ok();
    world.advance(1);
    let close = lifecycle::close_margin_account(&carol);
    world.send(&[close], &[carol.user]).ok();
    assert_conserved(&world);
}

#[test]
fn inv_15_what_an_insolvent_account_has_closed_waits_for_no_owner() {
    let mut scene = shared(BASE / 2);
    let (carol, dave) = (scene.carol, scene.dave);
    let world = &mut scene.world;
    let btc = world.btc;
    world.refresh();
    let mark = |world: &mut World, status, insolvent_at| {
        rewrite(world, &carol.account, |account: &mut MarginAccount| {
            (account.status, account.insolvent_at) = (status, insolvent_at);
        });
    };
    let shared = MarginError::ProfitShared;
    let ix = settlement::settle_perp_pnl(&carol.account, &btc);
    // a position that stands is its owner's to settle, also then
    mark(world, STATUS_LIQUIDATING, 1);
    assert_refused(world, &ix, &[], shared);
    mark(world, STATUS_ACTIVE, 0);
    let leg = perpetual(&btc, BASE / 2, dollars(140_000));
    world.trade(&dave, &carol, &[leg]).ok();
    // closed, but active; or in liquidation, and not proved insolvent
    for status in [STATUS_ACTIVE, STATUS_LIQUIDATING] {
        mark(world, status, 0);
        assert_refused(world, &ix, &[], shared);
    }
    mark(world, STATUS_LIQUIDATING, 1);
    let event: PerpPnlSettled = world.send(&[ix], &[]).ok().events().remove(0);
    let thousand = 1_000 * USDC;
    assert_eq!(
        (event.paid, event.forgiven),
        (10 * thousand as i64, 10 * thousand)
    );
    assert_eq!(world.account(&carol.account).1.len(), 0);
    assert_conserved(world);
}
