//! Accounts without equity: scenes, bids on them, and what must hold after every step.

use portfolio_margin_interface::args::{BidArgs, LiquidationArgs};
use portfolio_margin_interface::state::margin_account::STATUS_LIQUIDATING;
use portfolio_margin_interface::state::{Clearinghouse, Market as MarketState};
use risk_core::liquidation::FRACTION_ONE;
use sandbox::{dollars, perpetual, Trader, World, WorldBuilder, BASE, BTC_START, USDC};
use solana_instruction::Instruction;

use super::{assert_conserved, start};

/// Where alice of [`broke_long`] has nothing left: her 30,000 dollars are lost.
pub const BROKE: u64 = BTC_START - dollars(30_000);

/// Alice long a coin on 30,000 dollars from 116,661.50, in liquidation since 102,000, when BTC stands at `price`. With her come bob, who
/// is short, and a keeper, both with 200,000.
pub fn broke_long(builder: WorldBuilder, price: u64) -> (World, Trader, Trader, Trader) {
    let mut world = builder.build();
    let alice = world.trader("alice", 30_000 * USDC);
    let bob = world.trader("bob", 200_000 * USDC);
    let keeper = world.trader("keeper", 200_000 * USDC);
    let btc = world.btc;
    world
        .trade(&alice, &bob, &[perpetual(&btc, BASE, BTC_START)])
        .ok();
    world.set_price(&btc, dollars(102_000));
    start(&mut world, &keeper, &alice);
    world.set_price(&btc, price);
    (world, alice, bob, keeper)
}

/// [`broke_long`] at 80,000 dollars, 6,661.50 short, proved insolvent, with an insurance fund. Auctions are over after twenty-five
/// minutes.
pub fn insolvent_long(fund: u64) -> (World, Trader, Trader, Trader) {
    let builder = WorldBuilder {
        liquidation: LiquidationArgs {
            slow_seconds: 600,
            ..LiquidationArgs::STANDARD
        },
        ..WorldBuilder::default()
    };
    let (mut world, alice, bob, keeper) = broke_long(builder, dollars(80_000));
    insure(&mut world, fund);
    world.prove_insolvency(&alice.account).ok();
    (world, alice, bob, keeper)
}

/// Gives to the insurance fund.
pub fn insure(world: &mut World, amount: u64) {
    if amount > 0 {
        let (giver, bank) = (world.user("giver"), world.usdc);
        world.fund(&giver, &bank, amount);
        world.give_insurance(&giver, amount).ok();
    }
}

/// A bid by the account's worst scenarios that takes whatever it brings.
pub fn bid_of(world: &World, account: &Trader, fraction: u64) -> BidArgs {
    BidArgs {
        witness: world.report(&account.account).witness(),
        fraction,
        minimum: 0,
        price_limit: i64::MAX,
    }
}

/// A bid for all of an insolvent account.
pub fn whole_bid(world: &World, keeper: &Trader, account: &Trader) -> Instruction {
    let bid = bid_of(world, account, FRACTION_ONE);
    world.bid_insolvent_ix(keeper, &account.account, bid)
}

/// Lets time pass with fresh prices.
pub fn pass(world: &mut World, seconds: i64) {
    world.advance(seconds);
    world.refresh();
}

/// The clearing house.
pub fn house(world: &World) -> Clearinghouse {
    world.read(&world.house)
}

/// What the fund has paid for losses of BTC.
pub fn used(world: &World) -> u64 {
    world.read::<MarketState>(&world.btc.key).insurance_used
}

/// Equity of an account, 1e-6 USD.
pub fn equity(world: &World, trader: &Trader) -> i64 {
    world.report(&trader.account).margin.equity.raw()
}

/// INV-16: the house's sum is that of the accounts' proofs, whoever is not in liquidation has none; and every unit is somewhere.
#[track_caller]
pub fn assert_proofs(world: &World) {
    let mut sum = 0;
    for key in world.margin_accounts(&world.house) {
        let (header, _) = world.account(&key);
        sum += header.proven_deficit;
        let is_clean = header.proven_deficit == 0 && header.insolvent_at == 0;
        assert!(
            is_clean || header.status == STATUS_LIQUIDATING,
            "inv_16: an active account is proved insolvent"
        );
    }
    assert_eq!(house(world).proven_insolvency, sum, "inv_16: proofs");
    assert_conserved(world);
    assert!(world.reconcile().is_exact(), "{:?}", world.reconcile());
}
