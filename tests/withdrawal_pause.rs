//! While more insolvency is proven than the insurance fund holds, quote tokens stay where they are; everything else goes on.

use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::MarketRulesArgs;
use portfolio_margin_interface::state::Clearinghouse;
use sandbox::{
    dollars, instructions, perpetual, Trader, User, World, WorldBuilder, BASE, SOL, USDC,
};
use support::{
    assert_conserved, assert_logged, assert_refused, failing_long, give_insurance, prove, rewrite,
    start, Defaults, Scene, OWED,
};

const PAUSED: MarginError = MarginError::WithdrawalsPaused;

/// A debtor proven to lack ten thousand dollars, and a fund that holds so many units.
fn proven(insurance: u64) -> Scene {
    let mut scene = Defaults {
        insurance,
        ..Defaults::default()
    }
    .build();
    prove(&mut scene.world, &scene.debtors[0]).ok();
    scene
}

#[track_caller]
fn refuse_withdrawal(world: &mut World, trader: &Trader, logged: [u64; 2]) {
    let usdc = world.usdc;
    let ix = world.withdraw_ix(trader, &usdc, 1);
    let outcome = assert_refused(world, &ix, &[trader.user], PAUSED);
    let [proven, fund] = logged;
    assert_logged(
        &outcome,
        &[&format!("Left: {proven}"), &format!("Right: {fund}")],
    );
}

#[test]
fn pauses_above_the_fund_and_not_at_it() {
    for (insurance, is_paused) in [(OWED - 1, true), (OWED, false), (OWED + 1, false)] {
        let Scene {
            mut world, alice, ..
        } = proven(insurance);
        let usdc = world.usdc;
        match is_paused {
            true => refuse_withdrawal(&mut world, &alice, [OWED, insurance]),
            false => {
                world.withdraw(&alice, &usdc, 1).ok();
            }
        }
    }
}

#[test]
fn the_governors_fees_stay_as_well() {
    let mut world = WorldBuilder {
        market_rules: MarketRulesArgs {
            fee_taker: 500,
            fee_maker: 200,
            ..MarketRulesArgs::plain(User::named("surface authority").key)
        },
        ..WorldBuilder::default()
    }
    .build();
    let [alice, bob] = ["alice", "bob"].map(|name| world.trader(name, 100_000 * USDC));
    let (btc, usdc) = (world.btc, world.usdc);
    let price = world.settings().btc_price;
    world
        .trade(&alice, &bob, &[perpetual(&btc, BASE, price)])
        .ok();
    world.collect_fees(&btc).ok();
    let house = world.house;
    let fund = world.read::<Clearinghouse>(&house).insurance;
    let to = world.wallet(&alice.user, &usdc);
    let governor = world.governor;
    let ix = instructions::withdraw_fees(&governor.key, &usdc, &to, 1);
    let lacks = |world: &mut World, amount| {
        rewrite(world, &house, |house: &mut Clearinghouse| {
            house.proven_insolvency = amount;
        });
    };
    lacks(&mut world, fund + 1);
    let outcome = assert_refused(&mut world, &ix, &[governor], PAUSED);
    let logged = [format!("Left: {}", fund + 1), format!("Right: {fund}")];
    assert_logged(&outcome, &[&logged[0], &logged[1]]);
    lacks(&mut world, fund);
    world.send(&[ix], &[governor]).ok();
}

#[test]
fn inv_18_other_collateral_leaves_and_deposits_trades_and_settlements_go_on() {
    let Scene {
        mut world,
        alice,
        carol,
        dave,
        ..
    } = proven(0);
    let (usdc, sol, btc) = (world.usdc, world.sol_bank, world.btc);
    refuse_withdrawal(&mut world, &alice, [OWED, 0]);
    // SOL comes and goes
    world.fund(&alice.user, &sol, 5 * SOL);
    world.deposit(&alice, &sol, 5 * SOL).ok();
    world.withdraw(&alice, &sol, 5 * SOL).ok();
    world.fund(&alice.user, &usdc, 7);
    world.deposit(&alice, &usdc, 7).ok();
    // new positions, and their closing
    world.refresh();
    let price = world.spot(&btc.price).raw();
    world
        .trade(&carol, &dave, &[perpetual(&btc, BASE, price)])
        .ok();
    world.set_price(&btc, price + price / 100);
    world.settle_perp_pnl(&dave, &btc).ok();
    world.settle_perp_pnl(&carol, &btc).ok();
    let price = price + price / 100;
    world
        .trade(&dave, &carol, &[perpetual(&btc, BASE, price)])
        .ok();
    world.update_interest().ok();
    assert_conserved(&world);
    refuse_withdrawal(&mut world, &carol, [OWED, 0]);
}

#[test]
fn inv_18_repairs_go_on() {
    let (mut world, alice, bob, keeper) = failing_long();
    let house = world.house;
    rewrite(&mut world, &house, |house: &mut Clearinghouse| {
        house.proven_insolvency = 1;
    });
    refuse_withdrawal(&mut world, &bob, [1, 0]);
    start(&mut world, &keeper, &alice);
    let witness = world.report(&alice.account).witness();
    world
        .bid(&keeper, &alice.account, &witness, 1_000_000_000)
        .ok();
    world.stop_liquidation(&keeper.user, &alice.account).ok();
    // and closing what is open
    let leg = perpetual(&world.btc, -BASE / 100, dollars(102_000));
    world.trade(&alice, &bob, &[leg]).ok();
}

#[test]
fn it_ends_when_the_fund_grows_when_the_loss_is_covered_and_when_the_proof_is_taken_back() {
    let paused = || {
        let mut scene = proven(OWED - 1);
        let alice = scene.alice;
        refuse_withdrawal(&mut scene.world, &alice, [OWED, OWED - 1]);
        scene
    };
    let free = |scene: &mut Scene| {
        let usdc = scene.world.usdc;
        scene.world.withdraw(&scene.alice, &usdc, 1).ok();
        assert_conserved(&scene.world);
    };
    let mut grown = paused();
    give_insurance(&mut grown.world, 1);
    free(&mut grown);

    let mut covered = paused();
    let debtor = covered.debtors[0];
    covered.world.resolve_bankruptcy(&debtor.account).ok();
    free(&mut covered);

    let mut repaid = paused();
    let usdc = repaid.world.usdc;
    repaid.world.fund(&debtor.user, &usdc, OWED);
    repaid.world.deposit(&debtor, &usdc, OWED).ok();
    let alice = repaid.alice;
    refuse_withdrawal(&mut repaid.world, &alice, [OWED, OWED - 1]); // anybody may say so
    prove(&mut repaid.world, &debtor).ok();
    free(&mut repaid);
}

#[test]
fn whoever_leaves_before_the_proof_bears_nothing_and_whoever_waits_bears_it() {
    let Scene {
        mut world,
        alice,
        carol,
        dave,
        debtors,
    } = Defaults::default().build();
    let usdc = world.usdc;
    world.withdraw(&alice, &usdc, 1_000_000 * USDC).ok();
    // from the proof on nobody else can
    prove(&mut world, &debtors[0]).ok();
    for trader in [alice, carol, dave] {
        refuse_withdrawal(&mut world, &trader, [OWED, 0]);
    }
    world.resolve_bankruptcy(&debtors[0].account).ok();
    assert_conserved(&world);
    let bore =
        |trader: &Trader, had: u64| had as i128 * 1_000_000 - world.cash_value(&trader.account);
    let shares =
        [(alice, 40_000), (carol, 1_000_000), (dave, 1_000_000)].map(|(t, had)| bore(&t, had));
    let whole: i128 = shares.iter().sum();
    assert!((0..=6).contains(&(whole - i128::from(OWED))), "{shares:?}");
    let exact = i128::from(OWED) / 51; // 40,000 of 2,040,000
    assert!((0..=2).contains(&(shares[0] - exact)), "{shares:?}");
}
