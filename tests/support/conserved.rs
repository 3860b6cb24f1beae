//! Where every unit of the quote asset is, every position has another side, and every loss somebody who bears it: recomputed from
//! all accounts.

use std::collections::BTreeMap;

use clearing_core::settlement::value_floor;
use portfolio_margin_interface::state::{
    Clearinghouse, CollateralBank, MarginAccount, Market as MarketState, PositionRecord,
};
use risk_core::position::PositionSource;
use risk_core::Price;
use sandbox::World;

/// Insists on the ledger identity to the unit, on counters of open interest and records, on costs that sum to zero with the
/// perpetual's pool and the losses of its profits, on settlement pools that hold what is owed and at most a unit more for each record
/// there ever was, on the exact sum of balances, on losses that are due, and on proofs of insolvency.
#[track_caller]
pub fn assert_conserved(world: &World) {
    let house: Clearinghouse = world.read(&world.house);
    let bank: CollateralBank = world.read(&world.usdc.key);
    let mut owed = i128::from(house.insurance) + i128::from(house.fees);
    owed += i128::from(house.interest.pool);
    let (mut records, mut headers) = (vec![], vec![]);
    for key in world.margin_accounts(&world.house) {
        let (header, positions) = world.account(&key);
        owed += i128::from(header.cash);
        records.extend(positions);
        headers.push(header);
    }
    let mut of_markets = 0;
    for meta in world.all_markets(&world.house) {
        let market: MarketState = world.read(&meta.pubkey);
        of_markets += market.quote_held().expect("in range");
        assert_market(&market, &records);
    }
    owed += i128::from(of_markets);
    assert_eq!(i128::from(bank.total_deposits), owed, "inv_01: ledger");
    assert_losses(&house, &headers, of_markets);
    assert!(world.token_balance(&world.usdc.vault) >= bank.total_deposits);
}

/// INV-16: balances sum to what the house computes, to the unit; what they are worth is at least what the next loss would be spread over;
/// what is due covers what they will be charged, but for less than a unit each; proofs sum to the house's.
pub fn assert_losses(house: &Clearinghouse, accounts: &[MarginAccount], of_markets: u64) {
    let interest = &house.interest;
    let balances: u64 = accounts.iter().map(|a| a.cash.max(0).unsigned_abs()).sum();
    let computed = interest.balances_with(of_markets);
    assert_eq!(computed, Some(balances), "inv_16: balances");
    // in 2^-20 of a unit, rounded up
    let worth = |account: &MarginAccount| {
        let balance = u128::from(account.cash.max(0).unsigned_abs());
        match account.loss_index {
            0 => balance << 20,
            from => ((balance * u128::from(interest.loss_index)) << 20).div_ceil(from.into()),
        }
    };
    let worth: u128 = accounts.iter().map(worth).sum();
    let value = u128::from(interest.losses().value_floor(balances)) << 20;
    assert!(value <= worth, "inv_16: {value} is more than {worth}");
    let pending: u64 = accounts.iter().map(|a| interest.loss_ceil(a)).sum();
    let rounding = accounts.len() as u64;
    assert!(interest.loss_due + rounding >= pending, "inv_16: due");
    let proven: u64 = accounts.iter().map(|a| a.proven_deficit).sum();
    assert_eq!(house.proven_insolvency, proven, "inv_16: proofs");
}

fn assert_market(market: &MarketState, all: &[PositionRecord]) {
    let here = |expiry| {
        let records = all.iter().filter(move |held| held.market == market.index);
        records.filter(move |held| held.expiry == expiry)
    };
    let cost: i128 = here(0).map(|held| i128::from(held.cost)).sum();
    let unpaid = i128::from(market.perp_pool) + i128::from(market.perp_loss);
    assert_eq!(cost + unpaid, 0, "inv_03: perp costs");
    assert!(market.insurance_used <= market.insurance_cap, "inv_16: cap");
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
