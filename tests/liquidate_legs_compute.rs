//! What sixteen legs cost in compute units, bytes and heap, taken from a large account.

use portfolio_margin_interface::args::LiquidateLegsArgs;
use portfolio_margin_interface::state::PositionRecord;
use risk_core::liquidation::FRACTION_ONE;
use sandbox::{
    call, dollars, perpetual, put, share_of_legs, take_of, Outcome, Trader, World, BASE, BTC_START,
    SOL, SOL_START, USDC,
};
use support::{assert_conserved, assert_open_interest, start};

/// Alice with options on `strikes` strikes of four expiries in two markets, half of them naked, beside two perpetuals and SOL.
fn large(strikes: u64) -> (World, Trader, Trader) {
    let mut world = World::new();
    let (btc, sol, week, month) = (world.btc, world.sol, world.week, world.month);
    let [alice, bob, keeper] = ["alice", "bob", "keeper"].map(|name| {
        let user = world.user(name);
        let trader = world.open(&user, 128);
        let bank = world.usdc;
        world.fund(&user, &bank, 4_000_000 * USDC);
        world.deposit(&trader, &bank, 4_000_000 * USDC).ok();
        trader
    });
    let bank = world.sol_bank;
    world.fund(&alice.user, &bank, 100 * SOL);
    world.deposit(&alice, &bank, 100 * SOL).ok();
    for expiry in [week, month] {
        for n in 0..strikes {
            let sign = if n % 4 == 0 { 1 } else { -1 };
            let (far, near) = (dollars(118_000 + 2_000 * n), dollars(180 + 4 * n));
            let legs = [
                call(&btc, expiry, far, sign * BASE, dollars(3_000)),
                put(&sol, expiry, near, -sign * 100 * BASE, dollars(10)),
            ];
            world.trade(&alice, &bob, &legs).ok();
        }
    }
    let legs = [
        perpetual(&btc, -BASE, BTC_START),
        perpetual(&sol, 100 * BASE, SOL_START),
    ];
    world.trade(&alice, &bob, &legs).ok();
    let (free, bank) = (
        world.report(&alice.account).margin.initial_health.raw(),
        world.usdc,
    );
    world.withdraw(&alice, &bank, free as u64).ok();
    world.set_price(&btc, BTC_START * 112 / 100);
    start(&mut world, &keeper, &alice);
    (world, alice, keeper)
}

/// Sixteen short options, at most fourteen of them calls on BTC, the others puts on SOL.
fn sixteen(world: &World, alice: &Trader) -> Vec<PositionRecord> {
    let (_, positions) = world.account(&alice.account);
    let short = positions
        .into_iter()
        .filter(|p| p.quantity < 0 && p.strike > 0);
    let [mut btc, mut sol]: [Vec<_>; 2] = {
        let (btc, sol) = short.partition(|p| p.market == world.btc.index);
        [btc, sol]
    };
    btc.truncate(14);
    sol.truncate(16usize.saturating_sub(btc.len()));
    [btc, sol].concat()
}

fn measured(strikes: u64) -> (Outcome, usize) {
    let (mut world, alice, keeper) = large(strikes);
    let records = sixteen(&world, &alice);
    let takes: Vec<_> = records.iter().map(|p| take_of(p, p.quantity)).collect();
    let takes = share_of_legs(&takes, FRACTION_ONE / 10);
    assert_eq!(takes.len(), 16);
    let outlook = world.outlook(&alice.account, &takes);
    let args = LiquidateLegsArgs {
        witness: outlook.before.witness(),
        legs: takes,
        fee: outlook.most_fee(),
        minimum: FRACTION_ONE,
        price_limit: i64::MAX,
    };
    assert!(args.fee > 0);
    let ix = world.legs_ix(&keeper, &alice.account, args);
    let outcome = world.send_tabled(&[ix], &[keeper.user], 1_400_000).ok();
    assert_conserved(&world);
    assert_open_interest(&world);
    (outcome, world.account(&alice.account).1.len())
}

#[test]
fn case_77_sixteen_legs_of_a_large_account_fit_one_transaction() {
    // the second is as large as accounts grow
    for (strikes, most) in [(8, 400_000), (9, 400_000)] {
        let (outcome, positions) = measured(strikes);
        println!(
            "16 legs of {positions} positions in 2 markets and 4 expiries: {} CU, {} bytes",
            outcome.compute_units, outcome.bytes
        );
        assert!(outcome.compute_units < most, "{}", outcome.compute_units);
        assert!(outcome.bytes <= 1_232);
    }
}
