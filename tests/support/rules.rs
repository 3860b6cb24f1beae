//! Worlds with rules of trading, and the count of what is open.

use std::collections::BTreeMap;

use portfolio_margin_interface::args::MarketRulesArgs;
use portfolio_margin_interface::state::Market as MarketState;
use sandbox::{Trader, World, WorldBuilder, USDC};

/// A world with these rules in both markets and two traders who hold `usdc` dollars each.
pub fn pair_with(usdc: u64, change: impl FnOnce(&mut MarketRulesArgs)) -> (World, Trader, Trader) {
    let mut builder = WorldBuilder::default();
    change(&mut builder.market_rules);
    let mut world = builder.build();
    let alice = world.trader("alice", usdc * USDC);
    let bob = world.trader("bob", usdc * USDC);
    (world, alice, bob)
}

/// Open interest and records of one perpetual or expiry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Open {
    /// Long quantities, 1e-6 base units.
    pub long: u64,
    /// Records; of perpetuals the markets count none.
    pub records: u32,
}

/// What all accounts of the house hold, by market and expiry (zero: perpetual), recounted.
pub fn held(world: &World) -> BTreeMap<(u16, i64), Open> {
    let mut held: BTreeMap<(u16, i64), Open> = BTreeMap::new();
    for key in world.margin_accounts(&world.house) {
        for record in world.account(&key).1 {
            let open = held.entry((record.market, record.expiry)).or_default();
            open.long += u64::try_from(record.quantity.max(0)).expect("not negative");
            open.records += u32::from(record.expiry != 0);
        }
    }
    held.retain(|_, open| *open != Open::default());
    held
}

/// What the markets have counted.
pub fn counted(world: &World) -> BTreeMap<(u16, i64), Open> {
    let mut counted = BTreeMap::new();
    for market in [world.btc, world.sol] {
        let state: MarketState = world.read(&market.key);
        let perp = Open {
            long: state.perp_open,
            records: 0,
        };
        counted.insert((market.index, 0), perp);
        for slot in state.expiries.iter().filter(|slot| slot.time != 0) {
            let open = Open {
                long: slot.settlement.open,
                records: slot.settlement.records,
            };
            counted.insert((market.index, slot.time), open);
        }
    }
    counted.retain(|_, open| *open != Open::default());
    counted
}

/// INV-02: the markets' counts are what the accounts hold.
#[track_caller]
pub fn assert_open_interest(world: &World) {
    assert_eq!(counted(world), held(world));
}
