//! `auto_deleverage` between random books: whoever is asked is better off in every market, to the unit, and nothing is made or lost.

use std::collections::BTreeMap;

use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::DeleverageArgs;
use portfolio_margin_interface::state::margin_account::{STATUS_ACTIVE, STATUS_LIQUIDATING};
use portfolio_margin_interface::state::{
    Clearinghouse, MarginAccount, Market as MarketState, PositionRecord,
};
use risk_core::liquidation::FRACTION_ONE;
use risk_core::tier::Tier;
use sandbox::{dollars, Market, Trader, World, WorldBuilder, BASE};
use support::deleverage::assert_better_off;
use support::{record, rewrite, write_book, Random};

/// A market, and what `record` calls a series of it.
type Series = (Market, (u8, i64, u64));

fn all_series(world: &World) -> Vec<Series> {
    let mut all = vec![];
    for (market, spot, step) in [(world.btc, 116_000, 4_000), (world.sol, 205, 10)] {
        all.push((market, (0, 0, 0)));
        for expiry in [world.week, world.month] {
            all.push((market, (1, expiry, 0)));
            for n in 0..7 {
                let strike = dollars(spot + step * n - 3 * step);
                all.push((market, (2, expiry, strike)));
                all.push((market, (3, expiry, strike)));
            }
        }
    }
    all
}

/// One coin of BTC, 500 of SOL.
fn unit(world: &World, market: &Market) -> i64 {
    match market.index == world.btc.index {
        true => BASE,
        false => 500 * BASE,
    }
}

/// Sizes by what records are sorted by.
type Sizes = BTreeMap<(u16, i64, u64, u8), i64>;

/// A book by series; the sizes in thousandths of the market's unit.
type Book = BTreeMap<usize, i64>;

fn random_book(random: &mut Random, series: &[Series], most: i64) -> Book {
    let count = random.range(1, most);
    let legs = (0..count).map(|_| {
        let place = match random.one_in(3) {
            true => random.pick(&[0, series.len() / 2]), // a perpetual
            false => random.range(0, series.len() as i64) as usize,
        };
        (place, random.range(-2_000, 2_001))
    });
    legs.filter(|(_, size)| *size != 0).collect()
}

/// The other side of a part of a book, with something else beside it: hedges, noise, or nothing.
fn opposite(random: &mut Random, book: &Book, series: &[Series]) -> Book {
    let share = random.range(200, 2_000);
    let mut other: Book = book
        .iter()
        .filter(|_| !random.one_in(6))
        .map(|(place, size)| (*place, -size * share / 1_000))
        .collect();
    for (place, size) in random_book(random, series, 4) {
        let damped = size / random.pick(&[1, 4, 20]);
        *other.entry(place).or_default() += damped;
    }
    other.retain(|_, size| *size != 0);
    other
}

fn records(world: &World, random: &mut Random, book: &Book, all: &[Series]) -> Vec<PositionRecord> {
    let mut records: Vec<PositionRecord> = book
        .iter()
        .map(|(place, size)| {
            let (market, series) = all[*place];
            let quantity = size * unit(world, &market) / 1_000;
            let cost = match series.0 {
                0 | 1 => {
                    let price = world.spot(&market.price).raw() as i128;
                    let paid = i128::from(quantity) * price / 100_000_000;
                    (paid * i128::from(random.range(600, 1_400)) / 1_000) as i64
                }
                _ => 0,
            };
            record(&market, series, quantity, cost)
        })
        .collect();
    records.sort_by_key(PositionRecord::key);
    records
}

/// What two accounts and the pools hold together: cash and pools, and per series size and cost.
fn together(world: &World, pair: [&Trader; 2]) -> (i128, Sizes) {
    let pools = [world.btc, world.sol].map(|market| {
        let state: MarketState = world.read(&market.key);
        i128::from(state.perp_pool)
    });
    let mut cash: i128 = pools.iter().sum();
    let mut sizes = BTreeMap::new();
    for trader in pair {
        let (header, positions) = world.account(&trader.account);
        cash += i128::from(header.cash);
        for held in positions {
            *sizes.entry(held.key()).or_default() += held.quantity;
        }
    }
    sizes.retain(|_, size| *size != 0);
    (cash, sizes)
}

/// Costs of both accounts and what the pools received, per market and instrument.
fn costs(world: &World, pair: [&Trader; 2]) -> i128 {
    let records = pair.map(|trader| world.account(&trader.account).1).concat();
    let costs: i128 = records.iter().map(|held| i128::from(held.cost)).sum();
    let pools = [world.btc, world.sol].map(|market| {
        let state: MarketState = world.read(&market.key);
        i128::from(state.perp_pool)
    });
    costs + pools.iter().sum::<i128>()
}

/// Tries random pairs; returns how many were done and how many refused, by error.
fn try_books(mut world: World, seed: u64, tries: usize) -> (usize, BTreeMap<u32, usize>) {
    let all = all_series(&world);
    let mut random = Random::new(seed);
    let [alice, bob] = ["alice", "bob"].map(|name| {
        let user = world.user(name);
        world.open(&user, 64)
    });
    // as if others owed: what is planted below was never borrowed
    let house = world.house;
    rewrite::<Clearinghouse>(&mut world, &house, |house| house.interest.debts = 1 << 50);
    let keeper = world.payer;
    let (mut done, mut refused) = (0, BTreeMap::new());
    for turn in 0..tries {
        let book = random_book(&mut random, &all, 8);
        let other = match random.one_in(4) {
            true => random_book(&mut random, &all, 8),
            false => opposite(&mut random, &book, &all),
        };
        if book.is_empty() {
            continue;
        }
        let theirs = records(&world, &mut random, &book, &all);
        let ours = records(&world, &mut random, &other, &all);
        let tier = [Tier::Portfolio, Tier::Standard][usize::from(random.one_in(5))];
        let now = world.now();
        let fill = |world: &mut World, trader: &Trader, status: u8, tier: Tier, book: &[_]| {
            let cash = |header: &mut MarginAccount| {
                (header.cash, header.interest_index) = (0, 0);
                (header.status, header.tier) = (status, tier as u8);
                header.insolvent_at = now - 3_600;
            };
            write_book(world, trader, cash, book);
        };
        fill(
            &mut world,
            &alice,
            STATUS_LIQUIDATING,
            Tier::Portfolio,
            &theirs,
        );
        fill(&mut world, &bob, STATUS_ACTIVE, tier, &ours);
        let lacks = random.range(0, 1_000_000_000);
        let equity = world.report(&alice.account).margin.equity.raw();
        set(&mut world, &alice, -equity - lacks, &theirs);
        set(&mut world, &bob, 5_000_000_000_000, &ours);
        let args = DeleverageArgs {
            fraction: random.pick(&[FRACTION_ONE, FRACTION_ONE / 3, 10_000_000]),
            market: random.pick(&[None, Some(world.btc.index), Some(world.sol.index)]),
        };
        let pair = [&alice, &bob];
        let before = pair.map(|trader| world.report(&trader.account));
        let held = (together(&world, pair), costs(&world, pair));
        let ix = world.auto_deleverage_ix(&keeper, &alice.account, &bob.account, args);
        let bytes = pair.map(|trader| world.data(&trader.account));
        let outcome = world.send(&[ix], &[keeper]);
        if let Some(code) = outcome.error_code() {
            *refused.entry(code).or_default() += 1;
            assert_eq!(bytes, pair.map(|trader| world.data(&trader.account)));
            continue;
        }
        outcome.ok();
        done += 1;
        let after = pair.map(|trader| world.report(&trader.account));
        assert_better_off(&before[1], &after[1]);
        assert!(after[0].margin.maintenance_health > before[0].margin.maintenance_health);
        // what the counterparty keeps to the unit the other side pays, but for marks that are floored market by market
        let moved = after[0].margin.equity.raw() - before[0].margin.equity.raw();
        assert!(
            moved.abs() <= 2 * theirs.len() as i64 + 4,
            "turn {turn}: {moved}"
        );
        assert_eq!(
            together(&world, pair),
            held.0,
            "turn {turn}: cash and sizes"
        );
        assert_eq!(costs(&world, pair), held.1, "turn {turn}: costs");
    }
    (done, refused)
}

fn set(world: &mut World, trader: &Trader, cash: i64, records: &[PositionRecord]) {
    write_book(world, trader, |header| header.cash = cash, records);
}

#[test]
fn case_78_inv_17_random_books_are_better_off_in_every_market_or_untouched() {
    let builders = [WorldBuilder::default(), WorldBuilder::whole(0)];
    let mut sums = (0, BTreeMap::new());
    for (seed, builder) in (1..).zip(builders) {
        let (done, refused) = try_books(builder.build(), seed, 400);
        assert!(done >= 150, "{done} done, {refused:?}");
        sums.0 += done;
        for (code, count) in refused {
            *sums.1.entry(code).or_insert(0) += count;
        }
    }
    println!(
        "{} random deleverages, refusals by error: {:?}",
        sums.0, sums.1
    );
    let known = [
        MarginError::RiskNotOpposite,
        MarginError::RiskNotReduced,
        MarginError::SliceTooSmall,
        MarginError::HealthNotImproved,
    ]
    .map(u32::from);
    assert!(sums.1.keys().all(|code| known.contains(code)), "{sums:?}");
}
