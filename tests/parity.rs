//! INV-11: `view_margin` on chain and the engine off chain agree to the bit, for random accounts of every shape.
//!
//! Accounts are written into the VM whole, so that they reach shapes that no sequence of sensible trades would: 128
//! positions over two markets and both expiries, huge and tiny sizes, far strikes, stale profits, every collateral.

use portfolio_margin_interface::state::{MarginAccount, PositionRecord};
use portfolio_margin_interface::view::MarginView;
use portfolio_margin_interface::{AccountLayout, DISCRIMINATOR_LEN};
use risk_core::position::ln_strike;
use risk_core::Price;
use sandbox::{crypto_smile, perpetual, PriceFields, Trader, World};
use support::Random;

/// A positive number that is as likely small as large, in bits.
pub fn any_size(random: &mut Random, bits: i64) -> i64 {
    let width = random.range(1, bits + 1);
    (random.bits() >> (64 - width)) as i64 | 1
}

pub fn any_quantity(random: &mut Random, bits: i64) -> i64 {
    let size = any_size(random, bits);
    if random.one_in(2) {
        -size
    } else {
        size
    }
}

/// Up to `most` records in canonical order.
pub fn any_positions(random: &mut Random, world: &World, most: i64) -> Vec<PositionRecord> {
    let mut records: Vec<PositionRecord> = Vec::new();
    for _ in 0..random.range(0, most + 1) {
        let (market, spot) = if random.one_in(2) {
            (world.btc.index, world.spot(&world.btc.price).raw())
        } else {
            (world.sol.index, world.spot(&world.sol.price).raw())
        };
        let perpetual = random.one_in(16);
        let strike = if random.one_in(4) {
            any_size(random, 50) as u64
        } else {
            (u128::from(spot) * random.range(300, 3_000) as u128 / 1_000) as u64
        };
        let strike = if perpetual { 0 } else { strike };
        // sizes that keep an expiry inside the engine's range most of the time
        let bits = if random.one_in(8) { 40 } else { 28 };
        records.push(PositionRecord {
            market,
            instrument: if perpetual { 0 } else { random.pick(&[2, 3]) },
            padding: [0; 5],
            expiry: if perpetual {
                0
            } else {
                random.pick(&[world.week, world.month])
            },
            strike,
            ln_strike: if perpetual {
                0
            } else {
                ln_strike(Price::from_raw(strike))
            },
            quantity: any_quantity(random, bits),
            cost: if perpetual {
                any_quantity(random, 44)
            } else {
                0
            },
            reserved: [0; 2],
        });
    }
    records.sort_by_key(PositionRecord::key);
    records.dedup_by_key(|record| record.key());
    records
}

/// Replaces an account's contents.
pub fn write(
    world: &mut World,
    trader: &Trader,
    change: impl FnOnce(&mut MarginAccount),
    records: &[PositionRecord],
) {
    let mut account = world
        .svm
        .get_account(&trader.account)
        .expect("a margin account");
    let mut header: MarginAccount = world.read(&trader.account);
    header.position_count = records.len() as u16;
    change(&mut header);
    let (fixed, rest) = account.data.split_at_mut(MarginAccount::ACCOUNT_LEN);
    fixed[DISCRIMINATOR_LEN..].copy_from_slice(bytemuck::bytes_of(&header));
    rest.fill(0);
    let bytes: &[u8] = bytemuck::cast_slice(records);
    rest[..bytes.len()].copy_from_slice(bytes);
    world
        .svm
        .set_account(trader.account, account)
        .expect("writing the account");
}

/// New prices, confidences within the limit, and sometimes new surfaces.
pub fn shake(random: &mut Random, world: &mut World) {
    for (market, base) in [(world.btc, 110_000), (world.sol, 200)] {
        let price = base * random.range(200, 3_000) * 100_000 + random.range(0, 100_000);
        let fields = PriceFields {
            confidence: (price / 100) as u64,
            ..PriceFields::fresh(market.feed_id, price as u64, world.now())
        };
        world.set_price_update(market.price, fields);
        if random.one_in(4) {
            for expiry in [world.week, world.month] {
                let volatility = random.range(50_000, 3_000_000) as u32;
                let mut smile = crypto_smile(expiry, world.now(), volatility);
                smile.svi_rho = random.range(-900_000, 900_000) as i32;
                smile.forward_basis = random.range(-200_000_000, 200_000_000) as i32;
                smile.rate = random.range(-1_000_000, 1_000_000) as i32;
                // a skewed smile has less variance at its lowest point: keep it above the engine's bound
                smile.svi_m = random.range(-300_000, 300_000) as i32;
                // whatever the engine takes, also what no board would put into force
                world.write_surface(&market, &smile);
            }
        }
    }
}

/// Both computations of one account: the view where they agree, `None` where both refuse with the same words.
fn compare(world: &mut World, trader: &Trader, round: i32) -> Option<MarginView> {
    let native = match world.try_report(&trader.account) {
        Ok(native) => native,
        Err(error) => {
            let ix = world.view_margin_ix(&trader.account);
            let outcome = world.send(&[ix], &[]);
            assert!(
                outcome.error_code().is_some(),
                "the chain computed it: {error:?}"
            );
            let logged = format!("{error:?}");
            assert!(
                outcome.log_contains(&logged),
                "{logged}\n{}",
                outcome.logs.join("\n")
            );
            return None;
        }
    };
    let (view, _) = world.view_margin(&trader.account);
    assert_eq!(view.report(), native.margin, "round {round}");
    assert_eq!(usize::from(view.market_count), native.markets.len());
    for (seen, market) in view.markets.iter().zip(&native.markets) {
        let mut expected = MarginView::default();
        expected.push_market(market.market, &market.risk);
        assert_eq!(*seen, expected.markets[0], "round {round}");
    }
    // inv_07
    assert!(
        view.initial_health <= view.maintenance_health,
        "round {round}"
    );
    Some(view)
}

#[test]
fn inv_11_view_margin_is_the_native_report_to_the_bit() {
    let mut random = Random::new(11);
    let mut world = World::new();
    let alice = world.user("alice");
    let alice = world.open(&alice, 128);
    let (mut computed, mut refused, mut positions, mut negative) = (0, 0, 0, 0);
    for round in 0..500 {
        if round % 5 == 0 {
            world.advance(random.range(0, 1_000));
            world.write_surfaces();
            shake(&mut random, &mut world);
        }
        let most = random.pick(&[0, 3, 16, 64, 128]);
        let records = any_positions(&mut random, &world, most);
        let cash = any_quantity(&mut random, 50);
        let sol = if random.one_in(2) {
            any_size(&mut random, 55) as u64
        } else {
            0
        };
        let bank = world.sol_bank.index;
        let fill = |header: &mut MarginAccount| {
            header.cash = cash;
            (header.collateral[0].bank, header.collateral[0].amount) = (bank, sol);
        };
        write(&mut world, &alice, fill, &records);
        match compare(&mut world, &alice, round) {
            Some(view) => {
                computed += 1;
                positions += records.len();
                negative += i32::from(view.initial_health < 0);
            }
            None => refused += 1,
        }
    }
    println!("{computed} agree ({positions} positions, {negative} short of initial health), {refused} refused by both");
    assert!(
        computed >= 300 && refused >= 5 && negative >= 50,
        "{computed} {refused} {negative}"
    );
}

/// 128 small positions in both markets and expiries, the first of them a perpetual.
pub fn full_book(random: &mut Random, world: &World, perpetual: i64) -> Vec<PositionRecord> {
    loop {
        let mut records = any_positions(random, world, 400);
        records.iter_mut().for_each(|record| {
            record.quantity %= 1_000_000;
            record.cost = 0;
        });
        let first = records.first().map(|record| record.instrument);
        if records.len() >= 128 && first == Some(0) {
            records.truncate(128);
            let spot = i128::from(world.spot(&world.btc.price).raw());
            let cost = i128::from(perpetual) * spot / 100_000_000;
            (records[0].quantity, records[0].cost) = (perpetual, cost as i64);
            return records;
        }
    }
}

/// Two accounts of 128 positions without initial health, one the mirror image of the other.
fn full_pair(world: &mut World) -> [Trader; 2] {
    let mut random = Random::new(48);
    let records = full_book(&mut random, world, 1_000_000_000);
    let mirrored: Vec<_> = records
        .iter()
        .map(|record| PositionRecord {
            quantity: -record.quantity,
            cost: -record.cost,
            ..*record
        })
        .collect();
    [("alice", records), ("bob", mirrored)].map(|(name, records)| {
        let user = world.user(name);
        let trader = world.open(&user, 128);
        write(world, &trader, |header| header.cash = 1, &records);
        trader
    })
}

#[test]
fn case_48_77_the_largest_account_fits_one_transaction() {
    let mut world = World::new();
    let [alice, _] = full_pair(&mut world);
    let records = world.account(&alice.account).1;
    write(
        &mut world,
        &alice,
        |header| header.cash = -(1 << 50),
        &records,
    );
    let (view, outcome) = world.view_margin(&alice.account);
    assert_eq!(view.report(), world.report(&alice.account).margin);
    println!(
        "view_margin, 128 positions, 31 scenarios: {} CU",
        outcome.compute_units
    );
    assert!(outcome.compute_units < 400_000, "{}", outcome.compute_units);
    // the witness costs little more than reading the account
    let bob = world.user("bob");
    let witness = world.report(&alice.account).witness();
    let started = world.start_liquidation(&bob, &alice.account, &witness).ok();
    println!("start_liquidation: {} CU", started.compute_units);
    assert!(started.compute_units < 200_000, "{}", started.compute_units);
}

#[test]
fn case_48_two_large_accounts_reduce_together() {
    let mut world = World::new();
    let [alice, bob] = full_pair(&mut world);
    let btc = world.btc;
    let spot = world.spot(&btc.price).raw();
    let legs = [perpetual(&btc, -100_000_000, spot)];
    for trader in [&alice, &bob] {
        assert!(world.report(&trader.account).margin.initial_health.raw() < 0);
    }
    let outcome = world.trade(&alice, &bob, &legs).ok();
    println!(
        "trade that reduces, 128 positions a side: {} CU",
        outcome.compute_units
    );
    assert!(outcome.compute_units < 1_300_000);
    // and with one market's surfaces too old, which is found when the other has been evaluated
    world.advance(world.settings().surface_max_age.into());
    let volatility = world.settings().btc_volatility;
    world.post_surfaces(&btc, volatility);
    world.advance(1);
    world.refresh_prices();
    let outcome = world.trade(&alice, &bob, &legs).ok();
    println!(
        "the same after a refused check: {} CU",
        outcome.compute_units
    );
    assert!(outcome.compute_units < 1_300_000);
}
