//! Where every unit of the quote asset is, and every position has another side: recomputed from all accounts.

use std::collections::BTreeMap;

use clearing_core::settlement::value_floor;
use portfolio_margin_interface::state::{
    Clearinghouse, CollateralBank, Market as MarketState, PositionRecord,
};
use risk_core::position::PositionSource;
use risk_core::Price;
use sandbox::World;

/// Insists on the ledger identity to the unit, on counters of open interest and records, on costs that sum to zero with the
/// perpetual's pool, and on settlement pools that hold what is owed and at most a unit more for each record there ever was.
#[track_caller]
pub fn assert_conserved(world: &World) {
    let house: Clearinghouse = world.read(&world.house);
    let bank: CollateralBank = world.read(&world.usdc.key);
    let mut owed = i128::from(house.insurance) + i128::from(house.fees);
    owed += i128::from(house.interest.pool);
    let mut records = vec![];
    for key in world.margin_accounts(&world.house) {
        let (header, positions) = world.account(&key);
        owed += i128::from(header.cash);
        records.extend(positions);
    }
    for listed in [world.btc, world.sol] {
        let market: MarketState = world.read(&listed.key);
        owed += i128::from(market.fees) + i128::from(market.perp_pool);
        let pools = market.expiries.iter().map(|slot| slot.settlement.pool);
        owed += pools.map(i128::from).sum::<i128>();
        assert_market(&market, &records);
    }
    assert_eq!(i128::from(bank.total_deposits), owed, "inv_01: ledger");
    assert!(world.token_balance(&world.usdc.vault) >= bank.total_deposits);
}

fn assert_market(market: &MarketState, all: &[PositionRecord]) {
    let here = |expiry| {
        let records = all.iter().filter(move |held| held.market == market.index);
        records.filter(move |held| held.expiry == expiry)
    };
    let cost: i128 = here(0).map(|held| i128::from(held.cost)).sum();
    assert_eq!(cost + i128::from(market.perp_pool), 0, "inv_03: perp costs");
    assert_eq!(longs(here(0)), market.perp_open, "inv_02: open interest");
    assert_eq!(shorts(here(0)), market.perp_open, "inv_02: open interest");
    for slot in market.expiries.iter().filter(|slot| slot.time != 0) {
        let settlement = &slot.settlement;
        let count = u32::try_from(here(slot.time).count()).unwrap();
        assert_eq!(count, settlement.records, "inv_02: records");
        assert_eq!(
            longs(here(slot.time)),
            settlement.open,
            "inv_02: open interest"
        );
        if settlement.price == 0 {
            let mut sums = BTreeMap::new();
            for held in here(slot.time) {
                let sum: &mut (i128, i128) = sums.entry(held.key()).or_default();
                *sum = (
                    sum.0 + i128::from(held.quantity),
                    sum.1 + i128::from(held.cost),
                );
            }
            assert!(sums.values().all(|sum| *sum == (0, 0)), "inv_02: {sums:?}");
            assert_eq!(settlement.pool, 0);
            continue;
        }
        let values = here(slot.time).map(|held| i128::from(value(held, settlement.price)));
        let dust = i128::from(settlement.pool) - values.sum::<i128>();
        assert!((0..256).contains(&dust), "inv_03: {dust} in the pool");
        assert!(count > 0 || settlement.pool == 0);
    }
}

/// What a record is worth at its final price.
pub fn value(held: &PositionRecord, price: u64) -> i64 {
    let position = held.position();
    let value = value_floor(
        position.instrument,
        position.strike,
        position.quantity,
        position.cost,
        Price::from_raw(price),
    );
    value.expect("a value in range").raw()
}

fn longs<'a>(records: impl Iterator<Item = &'a PositionRecord>) -> u64 {
    records
        .map(|held| held.quantity.max(0).unsigned_abs())
        .sum()
}

fn shorts<'a>(records: impl Iterator<Item = &'a PositionRecord>) -> u64 {
    records
        .map(|held| held.quantity.min(0).unsigned_abs())
        .sum()
}
