//! Accounts from deposit through a crash and a liquidation to withdrawal, and the sandbox beside them.

use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::{BidArgs, TradeLeg};
use portfolio_margin_interface::state::margin_account::{STATUS_ACTIVE, STATUS_LIQUIDATING};
use portfolio_margin_interface::state::MarginAccount;
use portfolio_margin_interface::DISCRIMINATOR_LEN;
use risk_core::liquidation::FRACTION_ONE;
use sandbox::{
    call, dollars, instructions, perpetual, put, Market, Trader, World, BASE, BTC_START, USDC,
};
use solana_program_test::tokio;

use crate::house::House;

const CRASH: u64 = dollars(85_000);
const DEPOSITS: [(&str, u64); 3] = [
    ("alice", 60_000 * USDC),
    ("bob", 300_000 * USDC),
    ("keeper", 300_000 * USDC),
];

/// What alice takes and bob makes: a long perpetual and short options on both sides.
fn legs(btc: &Market, week: i64) -> [TradeLeg; 3] {
    [
        perpetual(btc, BASE, BTC_START),
        call(btc, week, dollars(120_000), -BASE / 2, dollars(1_500)),
        put(btc, week, dollars(110_000), -BASE / 2, dollars(1_200)),
    ]
}

/// The three traders with what they deposited.
async fn open_accounts() -> (House, [Trader; 3]) {
    let mut house = House::open(&DEPOSITS.map(|(name, _)| name)).await;
    let mut traders = Vec::new();
    for (name, usdc) in DEPOSITS {
        traders.push(house.trader(name, usdc).await);
    }
    (house, traders.try_into().expect("three traders"))
}

/// The program and the engine, run natively on the same bytes, say the same of an account, number by number.
async fn assert_view_is_native(house: &mut House, trader: &Trader) {
    let (view, _) = house.view(&trader.account).await;
    let native = house.report(&trader.account).await;
    assert_eq!(view.report(), native.margin);
    let seen: Vec<_> = view.markets[..view.market_count.into()]
        .iter()
        .map(|m| (m.market, m.worst_scenario, m.mark, m.scan))
        .collect();
    let expected: Vec<_> = native
        .markets
        .iter()
        .map(|m| {
            let risk = &m.risk;
            (
                m.market,
                risk.worst_scenario,
                risk.mark.raw(),
                risk.scan.raw(),
            )
        })
        .collect();
    assert_eq!(seen, expected);
}

/// The vault holds what the accounts claim, to the native unit.
async fn assert_vault_is_cash(house: &mut House, traders: &[Trader]) -> u64 {
    let mut cash = 0;
    for trader in traders {
        cash += house.margin_account(&trader.account).await.0.cash;
    }
    let vault = house.tokens(house.usdc.vault).await;
    assert_eq!(i64::try_from(vault), Ok(cash));
    vault
}

#[tokio::test]
async fn a_whole_life_from_deposit_through_a_crash_and_liquidation_to_withdrawal() {
    let (mut house, traders) = open_accounts().await;
    let [alice, bob, keeper] = traders;
    let deposited: u64 = DEPOSITS.iter().map(|(_, usdc)| usdc).sum();
    assert_eq!(assert_vault_is_cash(&mut house, &traders).await, deposited);

    let trade = house
        .trade_ix([&alice, &bob], &legs(&house.btc, house.week))
        .await;
    let trade = house
        .bank
        .send(&[trade], &[alice.user, bob.user])
        .await
        .ok();
    for trader in &traders {
        assert_view_is_native(&mut house, trader).await;
    }
    let (view, viewed) = house.view(&alice.account).await;
    assert!(view.initial_health > 0);
    println!("trade of 3 legs: {} compute units", trade.compute_units);
    println!("view_margin: {} compute units", viewed.compute_units);

    house.set_price(house.btc.feed_id, CRASH).await;
    assert_view_is_native(&mut house, &alice).await;
    liquidate(&mut house, &alice, &keeper).await;
    for trader in &traders {
        assert_view_is_native(&mut house, trader).await;
    }

    // who has free collateral takes it out, and not a unit more
    let mut withdrawn = 0;
    for trader in [bob, keeper] {
        let (view, _) = house.view(&trader.account).await;
        let free = u64::try_from(view.initial_health.min(view.cash)).expect("free collateral");
        let more = house.withdraw_ix(&trader, free + 1).await;
        let more = house.bank.send(&[more], &[trader.user]).await;
        more.refused(if view.cash < view.initial_health {
            MarginError::BalanceInsufficient
        } else {
            MarginError::InitialMarginBreached
        });
        let all = house.withdraw_ix(&trader, free).await;
        house.bank.send(&[all], &[trader.user]).await.ok();
        let wallet = house.wallet(&trader.user, &house.usdc);
        assert_eq!(house.tokens(wallet).await, free);
        withdrawn += free;
    }
    let rest = assert_vault_is_cash(&mut house, &traders).await;
    assert_eq!(rest + withdrawn, deposited);
}

/// Proves the breach with one scenario, bids until the buffer is back, stops.
async fn liquidate(house: &mut House, alice: &Trader, keeper: &Trader) {
    let start = |witness, metas| {
        instructions::start_liquidation(
            &alice.house,
            &keeper.user.key,
            &alice.account,
            witness,
            metas,
        )
    };
    let metas = house.margin_metas(&alice.account).await;
    let witness = house.report(&alice.account).await.witness();
    let started = house
        .bank
        .send(&[start(witness, metas)], &[keeper.user])
        .await
        .ok();
    println!("start_liquidation: {} compute units", started.compute_units);
    let (header, _) = house.margin_account(&alice.account).await;
    assert_eq!(header.status, STATUS_LIQUIDATING);

    // a tenth first: until the buffer is back, the liquidation does not end
    for fraction in [FRACTION_ONE / 10, FRACTION_ONE] {
        let metas = house.margin_metas(&alice.account).await;
        let stop =
            instructions::stop_liquidation(&house.house, &keeper.user.key, &alice.account, metas);
        let refused = house.bank.send(&[stop], &[keeper.user]).await;
        refused.refused(MarginError::BufferMissing);
        let args = BidArgs {
            witness: house.report(&alice.account).await.witness(),
            fraction,
            minimum: 0,
            price_limit: i64::MAX,
        };
        let bid = house.bid_ix(keeper, &alice.account, args).await;
        let bid = house.bank.send(&[bid], &[keeper.user]).await.ok();
        println!("bid_liquidation: {} compute units", bid.compute_units);
    }
    let metas = house.margin_metas(&alice.account).await;
    let stop =
        instructions::stop_liquidation(&house.house, &keeper.user.key, &alice.account, metas);
    house.bank.send(&[stop], &[keeper.user]).await.ok();
    let (header, _) = house.margin_account(&alice.account).await;
    assert_eq!(header.status, STATUS_ACTIVE);
}

/// A margin account's data as if it had been opened in slot zero: sequences begin with the slot, which the two count apart.
fn without_slot(mut data: Vec<u8>) -> Vec<u8> {
    if let Some((header, _)) = MarginAccount::read_with_positions(&data) {
        let changes = header.sequence & ((1 << 20) - 1);
        let at = DISCRIMINATOR_LEN + std::mem::offset_of!(MarginAccount, sequence);
        data[at..at + 8].copy_from_slice(&changes.to_le_bytes());
    }
    data
}

#[tokio::test]
async fn the_sandbox_and_the_bank_come_to_the_same_bytes_and_compute_units() {
    let (mut house, [alice, bob, keeper]) = open_accounts().await;
    let mut world = World::new();
    let others = DEPOSITS.map(|(name, usdc)| world.trader(name, usdc));
    assert_eq!(others, [alice, bob, keeper]);

    let legs = legs(&house.btc, house.week);
    let trade = house.trade_ix([&alice, &bob], &legs).await;
    assert_eq!(trade, world.trade_ix(&alice, &bob, &legs));
    let here = house
        .bank
        .send(&[trade], &[alice.user, bob.user])
        .await
        .ok();
    let there = world.trade(&alice, &bob, &legs).ok();
    assert_eq!(here.compute_units, there.compute_units);
    assert_eq!(here.bytes, there.bytes);

    let btc = world.btc;
    world.set_price(&btc, CRASH);
    house.set_price(house.btc.feed_id, CRASH).await;
    liquidate(&mut house, &alice, &keeper).await;
    let witness = |world: &World| world.report(&alice.account).witness();
    let breach = witness(&world);
    world
        .start_liquidation(&keeper.user, &alice.account, &breach)
        .ok();
    for fraction in [FRACTION_ONE / 10, FRACTION_ONE] {
        let worst = witness(&world);
        world.bid(&keeper, &alice.account, &worst, fraction).ok();
    }
    world.stop_liquidation(&keeper.user, &alice.account).ok();

    let shared = [house.house, house.usdc.key, house.btc.key, house.sol.key];
    let accounts = [alice, bob, keeper].map(|trader| trader.account);
    for key in shared.into_iter().chain(accounts) {
        let [here, there] = [house.bank.data(key).await, world.data(&key)].map(without_slot);
        assert_eq!(here, there, "{key}");
    }
    for trader in [alice, bob, keeper] {
        let (view, here) = house.view(&trader.account).await;
        let (expected, there) = world.view_margin(&trader.account);
        assert_eq!(view, expected);
        assert_eq!(here.compute_units, there.compute_units);
    }
}
