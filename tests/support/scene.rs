//! Scenes that many tests begin with.

use anchor_lang::prelude::Pubkey;
use portfolio_margin_interface::args::{
    AccountTermsArgs, ClearinghouseArgs, HouseRulesArgs, LiquidationArgs, MarginAccountArgs,
};
use portfolio_margin_interface::seeds;
use sandbox::{
    dollars, perpetual, Bank, Market, Trader, World, WorldBuilder, BASE, BTC_START, USDC,
};
use solana_account::Account;

/// A world with two traders who hold `usdc` dollars each.
pub fn pair(usdc: u64) -> (World, Trader, Trader) {
    let mut world = World::new();
    let alice = world.trader("alice", usdc * USDC);
    let bob = world.trader("bob", usdc * USDC);
    (world, alice, bob)
}

/// A world in which alice is below her maintenance requirement with equity left: long one BTC perpetual on 30,000 USDC
/// from 116,661.50 while BTC fell to 102,000. With her come bob, who is short, and a keeper, both with 200,000 USDC.
pub fn failing_long() -> (World, Trader, Trader, Trader) {
    failing_long_in(WorldBuilder::default())
}

/// The same in a world with other settings.
pub fn failing_long_in(builder: WorldBuilder) -> (World, Trader, Trader, Trader) {
    let mut world = builder.build();
    let alice = world.trader("alice", 30_000 * USDC);
    let bob = world.trader("bob", 200_000 * USDC);
    let keeper = world.trader("keeper", 200_000 * USDC);
    let btc = world.btc;
    world
        .trade(&alice, &bob, &[perpetual(&btc, BASE, BTC_START)])
        .ok();
    world.set_price(&btc, dollars(102_000));
    (world, alice, bob, keeper)
}

/// [`failing_long`] with alice in liquidation.
pub fn liquidating_long() -> (World, Trader, Trader, Trader) {
    let (mut world, alice, bob, keeper) = failing_long();
    start(&mut world, &keeper, &alice);
    (world, alice, bob, keeper)
}

/// [`liquidating_long`] in an auction by the standard terms: 5 % to 30 % in 15 minutes, to all of it in 4 hours, a tenth of each reward
/// to the insurance fund.
pub fn auctioned_long() -> (World, Trader, Trader, Trader) {
    let builder = WorldBuilder {
        liquidation: LiquidationArgs::STANDARD,
        ..WorldBuilder::default()
    };
    let (mut world, alice, bob, keeper) = failing_long_in(builder);
    start(&mut world, &keeper, &alice);
    (world, alice, bob, keeper)
}

/// Starts the liquidation of an account that fails.
pub fn start(world: &mut World, keeper: &Trader, account: &Trader) {
    let witness = world.report(&account.account).witness();
    world
        .start_liquidation(&keeper.user, &account.account, &witness)
        .ok();
}

/// An account's maintenance health, quote units.
pub fn health(world: &World, account: &Trader) -> i64 {
    world
        .report(&account.account)
        .margin
        .maintenance_health
        .raw()
}

/// Deposits what brings maintenance health to exactly `target` quote units; perpetuals and cash only.
pub fn set_cash(world: &mut World, trader: &Trader, target: i64) {
    let amount = target - health(world, trader);
    let amount = u64::try_from(amount).expect("a target above today's health");
    let bank = world.usdc;
    world.fund(&trader.user, &bank, amount);
    world.deposit(trader, &bank, amount).ok();
    assert_eq!(health(world, trader), target);
}

/// A second clearing house with a SOL bank and a BTC and a SOL market of the same indexes.
pub fn foreign_house(world: &mut World) -> (Pubkey, Bank, [Market; 2]) {
    use risk_core::scenario::{MAJOR_GRID, WIDE_GRID};
    let args = ClearinghouseArgs {
        id: 2,
        liquidation: LiquidationArgs::steady(50_000, 100_000),
        terms: AccountTermsArgs::PLAIN,
        rules: HouseRulesArgs::PLAIN,
    };
    let house = world.create_clearinghouse(args);
    let quote = world.usdc_mint();
    world.list_bank(house, quote, world.usdc_bank_args());
    let bank = world.list_bank(house, world.sol_bank.mint, world.sol_bank_args());
    let btc = world.list_market(
        house,
        world.market_args("BTC", world.btc.feed_id, &MAJOR_GRID),
    );
    let sol = world.list_market(
        house,
        world.market_args("SOL", world.sol.feed_id, &WIDE_GRID),
    );
    (house, bank, [btc, sol])
}

/// A margin account of a trader in another house.
pub fn foreign_account(world: &mut World, trader: &Trader, house: &Pubkey) -> Pubkey {
    let args = MarginAccountArgs {
        sub_account: 0,
        capacity: 16,
        tier: 0,
    };
    let ix = sandbox::instructions::open_margin_account(&trader.user.key, house, args);
    world.send(&[ix], &[trader.user]).ok();
    seeds::margin_account(house, &trader.user.key, 0)
}

/// An account of another program with the same bytes.
pub fn other_program_copy(world: &mut World, key: &Pubkey) -> Pubkey {
    let copy = sandbox::User::named("copy of an account").key;
    let original = world.svm.get_account(key).expect("an account");
    let account = Account {
        owner: sandbox::User::named("another program").key,
        ..original
    };
    world
        .svm
        .set_account(copy, account)
        .expect("writing an account");
    copy
}

/// Rules with debts: up to half a million each and two millions in sum, at 1 % a year, 8 % where 80 % are lent, 100 % where all
/// is; a tenth of the interest is the house's, a fifth of its income the insurance fund's.
pub fn debts() -> HouseRulesArgs {
    HouseRulesArgs {
        insurance_share: 200_000,
        debt_account_limit: 500_000 * USDC,
        debt_limit: 2_000_000 * USDC,
        rate_base: 10_000,
        rate_kink: 80_000,
        rate_full: 1_000_000,
        kink: 800_000,
        house_share: 100_000,
        ..HouseRulesArgs::PLAIN
    }
}
