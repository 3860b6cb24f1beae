//! The whole model on chain: what `view_margin` computes from accounts is the engine's own account, to the bit (INV-11), for
//! random books under every term at once; and each term does there what it says.

use portfolio_margin_interface::state::{Clearinghouse, MarginAccount, PositionRecord};
use risk_core::scan::Worst;
use risk_core::tier::Tier;
use sandbox::native::NativeReport;
use sandbox::{crypto_smile, dollars, PriceFields, Trader, World, WorldBuilder, SOL, USDC};
use support::{record, rewrite, write_book, Random};

/// Random books of both tiers.
const ROUNDS: u32 = 400;

/// How often a term showed.
#[derive(Debug, Default)]
struct Seen {
    standard: u32,
    peg: u32,
    expiry_confidence: u32,
    stable: u32,
    concentration: u32,
    haircut: u32,
    basis: u32,
    min_delta: u32,
    skew: u32,
    group_offset: u32,
    offset_capped: u32,
    futures: u32,
    doubtful: u32,
}

impl Seen {
    fn note(&mut self, native: &NativeReport, records: &[PositionRecord]) {
        let charges = &native.margin.contingencies;
        let count = |is: bool| u32::from(is);
        self.standard += count(native.tier == Tier::Standard);
        self.peg += count(native.margin.peg_add.raw() > 0);
        self.expiry_confidence += count(charges.confidence.raw() > 0);
        self.stable += count(charges.stable_price.raw() > 0);
        self.concentration += count(charges.concentration_delta.raw() > 0);
        self.haircut += count(charges.haircut_maintenance.raw() > 0);
        self.futures += count(records.iter().any(|record| record.instrument == 1));
        for market in &native.markets {
            match market.risk.worst() {
                Worst::Basis => self.basis += 1,
                Worst::MinDelta => self.min_delta += 1,
                Worst::Scenario(31 | 32) => self.skew += 1,
                _ => {}
            }
        }
        let plain: i64 = native.markets.iter().map(|m| m.risk.scan.raw()).sum();
        let scan = native.margin.scan.raw();
        // 30 % off at the most, floored
        let capped = (plain * 7).div_euclid(10);
        assert!(scan <= 0 && scan <= capped, "{scan} {plain}");
        self.group_offset += count(scan > plain);
        self.offset_capped += count(scan == capped && plain < -10);
    }

    fn require_all(&self) {
        let counts = [
            self.standard,
            self.peg,
            self.expiry_confidence,
            self.stable,
            self.concentration,
            self.haircut,
            self.basis,
            self.min_delta,
            self.skew,
            self.group_offset,
            self.offset_capped,
            self.futures,
            self.doubtful,
        ];
        assert!(counts.iter().all(|count| *count >= 3), "{self:?}");
    }
}

/// Prices with any confidence that is accepted, a quote asset off its peg, surfaces of any confidence, time that passes.
fn shake(random: &mut Random, world: &mut World) {
    let before = world.now();
    world.advance(random.range(0, 3_000));
    let now = world.now();
    for (market, base) in [(world.btc, 110_000), (world.sol, 200)] {
        let price = base * random.range(500, 2_000) * 100_000 + random.range(0, 100_000);
        let fields = PriceFields {
            confidence: (price * random.range(0, 100_000) / 1_000_000) as u64,
            ..PriceFields::fresh(market.feed_id, price as u64, now)
        };
        world.set_price_update(market.price, fields);
        // what is delayed takes no price that an opening refuses
        if random.one_in(2) && fields.confidence * 100 <= price as u64 {
            world.update_market(&market).ok();
        }
        if now > before + 1_500 || random.one_in(2) {
            for expiry in [world.week, world.month] {
                let mut smile = crypto_smile(expiry, now, random.range(200_000, 1_500_000) as u32);
                smile.svi_rho = random.range(-500_000, 500_000) as i32;
                smile.rate = random.range(-100_000, 300_000) as i32;
                smile.confidence = random.range(0, 1_000_001) as u32;
                // whatever the engine takes, also what no board would put into force
                world.write_surface(&market, &smile);
            }
        }
    }
    world.set_quote_price(random.range(90_000_000, 105_000_000) as u64);
    if random.one_in(3) {
        world.advance(1); // the stored price stays, and may have become too old
    } else {
        let house = world.house;
        world.update_quote_price(&house).ok();
    }
}

/// What binds a floor rather than a scenario: a perpetual against a future, or two calls whose strikes are next to each other.
fn hedged_records(random: &mut Random, world: &World) -> Vec<PositionRecord> {
    let quantity = random.range(1, 100) * 100_000;
    let spot = world.spot(&world.btc.price).raw();
    let cost = (i128::from(quantity) * i128::from(spot) / 100_000_000) as i64;
    let series = match random.one_in(2) {
        true => [(0, 0, 0), (1, world.month, 0)],
        false => [(2, world.month, spot), (2, world.month, spot + 1_000_000)],
    };
    let cost = if series[0].2 == 0 { cost } else { 0 };
    vec![
        record(&world.btc, series[0], quantity, cost),
        record(&world.btc, series[1], -quantity, -cost),
    ]
}

/// A book of both markets that neither repeats a series nor leaves the evaluable range.
fn any_records(random: &mut Random, world: &World, most: i64) -> Vec<PositionRecord> {
    let mut records = Vec::new();
    for _ in 0..random.range(0, most + 1) {
        let market = random.pick(&[world.btc, world.sol]);
        let spot = i128::from(world.spot(&market.price).raw());
        let expiry = random.pick(&[world.week, world.month]);
        // up to about 50 million USD a leg
        let quantity = random.range(-1_000_000, 1_000_001) * random.pick(&[1, 100, 1_000]);
        let quantity = match market.index == world.btc.index {
            true => quantity / 2,
            false => quantity * 100,
        };
        let strike = (spot * i128::from(random.range(500, 2_000)) / 1_000) as u64;
        let cost = (i128::from(quantity) * spot / 100_000_000) as i64;
        let series = match random.range(0, 8) {
            0 => (0, 0, 0),
            1 => (1, expiry, 0),
            2..=4 => (2, expiry, strike),
            _ => (3, expiry, strike),
        };
        let cost = if series.2 == 0 { cost } else { 0 };
        records.push(record(&market, series, quantity, cost));
    }
    records.sort_by_key(PositionRecord::key);
    records.dedup_by_key(|record| record.key());
    records
}

fn fill(random: &mut Random, world: &World) -> impl FnOnce(&mut MarginAccount) {
    let (bank, sol) = (world.sol_bank.index, world.sol.index);
    let tier = random.pick(&[1, 1, 1, 0]);
    let cash = random.range(-1 << 42, 1 << 44);
    let amount = match random.one_in(2) {
        true => random.range(1, 1 << 47) as u64,
        false => 0,
    };
    move |header| {
        header.tier = tier;
        header.cash = cash;
        header.collateral = Default::default();
        let held = &mut header.collateral[0];
        (held.bank, held.amount) = (bank, amount);
        held.offset_market = sol + 1;
    }
}

/// Both computations of one account, which must agree in every number.
fn compare(world: &mut World, trader: &Trader) -> NativeReport {
    let native = world.report(&trader.account);
    let (view, _) = world.view_margin(&trader.account);
    assert_eq!(view.report(), native.margin);
    assert_eq!(usize::from(view.market_count), native.markets.len());
    for (seen, market) in view.markets.iter().zip(&native.markets) {
        assert_eq!(seen.market, market.market);
        assert_eq!(seen.worst_scenario, market.risk.worst_scenario);
        let risk = &market.risk;
        let numbers = [
            (seen.mark, risk.mark),
            (seen.scan, risk.scan),
            (seen.contingency_maintenance, risk.contingency_maintenance),
            (seen.contingency_initial, risk.contingency_initial),
        ];
        assert!(numbers.iter().all(|(seen, own)| *seen == own.raw()));
    }
    assert!(view.initial_health <= view.maintenance_health, "INV-07");
    native
}

#[test]
fn inv_11_the_whole_model_is_the_engines_account_to_the_bit() {
    let mut random = Random::new(3);
    let mut world = WorldBuilder::whole(0).build();
    let user = world.user("alice");
    let alice = world.open(&user, 128);
    let mut seen = Seen::default();
    for round in 0..ROUNDS {
        if round % 4 == 0 {
            shake(&mut random, &mut world);
        }
        let most = random.pick(&[0, 2, 4, 16, 60]);
        let records = match random.one_in(6) {
            true => hedged_records(&mut random, &world),
            false => any_records(&mut random, &world, most),
        };
        let fill = fill(&mut random, &world);
        write_book(&mut world, &alice, fill, &records);
        let native = compare(&mut world, &alice);
        seen.note(&native, &records);
        let (view, _) = world.view_margin(&alice.account);
        seen.doubtful += u32::from(view.doubt != 0);
    }
    println!("{seen:?}");
    seen.require_all();
}

/// The whole world with one trader's book.
fn booked(records: impl FnOnce(&World) -> Vec<PositionRecord>) -> (World, Trader) {
    let mut world = WorldBuilder::whole(0).build();
    let alice = world.trader("alice", 1_000_000 * USDC);
    let records = records(&world);
    write_book(&mut world, &alice, |_| {}, &records);
    (world, alice)
}

fn short_calls(world: &World, quantity: i64) -> Vec<PositionRecord> {
    let series = (2, world.month, dollars(220));
    vec![record(&world.sol, series, -quantity, 0)]
}

#[test]
fn a_covered_call_needs_less_with_its_coin() {
    // GIVEN 100 calls short on SOL, deep in the money
    let calls = |world: &World| {
        let series = (2, world.month, dollars(150));
        vec![record(&world.sol, series, -100_000_000, 0)]
    };
    let (mut world, alice) = booked(calls);
    let naked = compare(&mut world, &alice).margin;
    // WHEN the 100 coins are deposited
    let bank = world.sol_bank;
    world.fund(&alice.user, &bank, 100 * SOL);
    world.deposit(&alice, &bank, 100 * SOL).ok();
    // THEN what a rally loses on the calls it gains on the coins: health rises by more than they are worth after haircuts
    let covered = compare(&mut world, &alice).margin;
    assert!(
        covered.scan.raw() > naked.scan.raw() / 2,
        "{covered:?} {naked:?}"
    );
    let value = covered.collateral.raw();
    let freed = covered.initial_health.raw() - naked.initial_health.raw();
    assert!(freed > value * 95 / 100, "{freed} of {value}");
    // and in the Standard tier the coin is worth its value after haircuts, and no more
    let calls = calls(&world);
    write_book(&mut world, &alice, |header| header.tier = 0, &calls);
    assert_eq!(compare(&mut world, &alice).margin.collateral.raw(), value);
}

#[test]
fn coins_alone_are_margined_where_they_offset() {
    // GIVEN coins and not one position: the market is still in every check
    let (mut world, alice) = booked(|_| vec![]);
    let bank = world.sol_bank;
    world.fund(&alice.user, &bank, 100 * SOL);
    world.deposit(&alice, &bank, 100 * SOL).ok();
    let (header, _) = world.account(&alice.account);
    assert_eq!(header.collateral[0].offset_market(), Some(world.sol.index));
    let native = compare(&mut world, &alice);
    assert_eq!(native.markets.len(), 1);
    assert!(native.margin.scan.raw() < 0, "a fall of the coin is a loss");
    // and the whole may leave without a price, since nothing is owed
    world.advance(100_000);
    world.withdraw(&alice, &bank, 100 * SOL).ok();
    assert_eq!(
        world.account(&alice.account).0.collateral[0],
        Default::default()
    );
}

#[test]
fn a_quote_asset_off_its_peg_raises_the_initial_requirement() {
    let (mut world, alice) = booked(|world| short_calls(world, 100_000_000));
    let par = compare(&mut world, &alice).margin;
    let at = |world: &mut World, price| {
        let house = world.house;
        world.set_quote_price(price);
        world.update_quote_price(&house).ok();
        compare(world, &alice).margin
    };
    // 0.99 is the threshold, and 0.97 two hundredths below it, four times
    let same = at(&mut world, 99_000_000);
    assert_eq!(
        (same.peg_add.raw(), same.initial_health),
        (0, par.initial_health)
    );
    let off = at(&mut world, 97_000_000);
    assert_eq!(off.peg_add.raw(), 80_000);
    let further = off.initial_health.raw() - par.initial_health.raw();
    // the scan again at 8 %, and so much of the cushion, rounded up
    let cushion = (par.contingencies.cushion.raw() * 8 + 99) / 100;
    let scan = (par.scan.raw() * 108).div_euclid(100) - par.scan.raw();
    assert_eq!(further, scan - cushion);
    assert_eq!(off.maintenance_health, par.maintenance_health);
}

#[test]
fn collateral_is_worth_more_of_a_cheap_quote_asset() {
    let (mut world, alice) = booked(|_| vec![]);
    let (bank, house) = (world.sol_bank, world.house);
    world.fund(&alice.user, &bank, SOL);
    world.deposit(&alice, &bank, SOL).ok();
    assert_eq!(
        compare(&mut world, &alice).margin.collateral.raw(),
        205_310_000
    );
    world.set_quote_price(50_000_000);
    world.update_quote_price(&house).ok();
    assert_eq!(
        compare(&mut world, &alice).margin.collateral.raw(),
        410_620_000
    );
    world.set_quote_price(150_000_000);
    world.update_quote_price(&house).ok();
    assert_eq!(
        compare(&mut world, &alice).margin.collateral.raw(),
        136_873_333
    );
}

#[test]
fn confidence_is_charged_below_its_threshold() {
    let (mut world, alice) = booked(|world| short_calls(world, 100_000_000));
    let bank = world.sol_bank;
    world.fund(&alice.user, &bank, 100 * SOL);
    world.deposit(&alice, &bank, 100 * SOL).ok();
    let sol = world.sol;
    let charged = |world: &mut World, confidence| {
        let fields = PriceFields {
            confidence,
            ..PriceFields::fresh(sol.feed_id, 20_000_000_000, world.now())
        };
        world.set_price_update(sol.price, fields);
        compare(world, &alice).margin.contingencies.confidence.raw()
    };
    // a repair accepts 10 % of 200 USD, ten times what an opening does: 45 % of it leaves 0.55, the threshold
    assert_eq!(charged(&mut world, 900_000_000), 0);
    // half of it takes half of the notional of 100 calls and of the value of 100 coins
    assert_eq!(charged(&mut world, 1_000_000_000), 2 * 10_000_000_000);
    // at the limit all of the notional, and of the value what the haircuts of 20 % leave
    assert_eq!(charged(&mut world, 2_000_000_000), 36_000_000_000);
}

#[test]
fn a_surface_loses_confidence_as_it_ages_before_it_blocks() {
    let (mut world, alice) = booked(|world| short_calls(world, 100_000_000));
    let charged = |world: &mut World| {
        world.refresh_prices();
        compare(world, &alice).margin.contingencies.confidence.raw()
    };
    assert_eq!(charged(&mut world), 0);
    // full to half an hour, 0.55 to 2,610 s of the hour, then charged
    for (age, is_charged) in [(1_800, false), (2_610, false), (2_612, true), (3_600, true)] {
        world.set_time(sandbox::START + age);
        assert_eq!(charged(&mut world) > 0, is_charged, "{age}");
    }
    // nothing is left of it: the whole notional at 205.31 USD
    assert_eq!(charged(&mut world), 20_531_000_000);
    // the authority may post less to begin with
    let (sol, month) = (world.sol, world.month);
    let mut smile = crypto_smile(month, world.now(), 750_000);
    smile.confidence = 250_000;
    world.post_surface(&sol, smile);
    assert_eq!(charged(&mut world), 20_531_000_000 * 3 / 4);
}

#[test]
fn what_has_expired_needs_no_confidence_in_a_surface() {
    let (mut world, alice) = booked(|world| {
        let series = (2, world.week, dollars(150));
        vec![record(&world.sol, series, -100_000_000, 0)]
    });
    let charged = |world: &mut World| {
        world.refresh_prices();
        let house = world.house;
        world.update_quote_price(&house).ok();
        compare(world, &alice).margin.contingencies.confidence.raw()
    };
    world.set_time(world.week - 1);
    assert!(charged(&mut world) > 0);
    world.set_time(world.week);
    assert_eq!(charged(&mut world), 0);
}

#[test]
fn distance_to_the_stable_price_is_charged_on_both_sides() {
    let (mut world, alice) = booked(|world| {
        let spot = 20_531;
        vec![record(&world.sol, (0, 0, 0), 100_000_000, spot * 1_000_000)]
    });
    let sol = world.sol;
    world.update_market(&sol).ok();
    let charged = |world: &mut World, price: u64| {
        world.set_price(&sol, price);
        compare(world, &alice)
            .margin
            .contingencies
            .stable_price
            .raw()
    };
    assert_eq!(charged(&mut world, 20_531_000_000), 0);
    // 100 SOL of delta times 10 USD
    for price in [21_531_000_000, 19_531_000_000] {
        let charge = charged(&mut world, price);
        assert!(
            (1_000_000_000..=1_000_001_000).contains(&charge),
            "{charge}"
        );
    }
}

#[test]
fn a_group_takes_no_more_than_its_cap_off() {
    // GIVEN a long BTC and a short SOL of about the same size
    let (mut world, alice) = booked(|world| {
        vec![
            record(&world.btc, (0, 0, 0), 1_000_000, 116_661_500_000),
            record(&world.sol, (0, 0, 0), -568_000_000, -116_616_080_000),
        ]
    });
    let native = compare(&mut world, &alice);
    let plain: i64 = native.markets.iter().map(|m| m.risk.scan.raw()).sum();
    assert_eq!(native.margin.scan.raw(), (plain * 7).div_euclid(10));
    // WHEN the house lets gains offset nothing, THEN the sum of both in one scenario is left, which is less than the cap takes
    let house = world.house;
    let set = |world: &mut World, kappa, cap| {
        rewrite(world, &house, |house: &mut Clearinghouse| {
            (house.groups[0].kappa, house.groups[0].offset_cap) = (kappa, cap);
        });
    };
    set(&mut world, 1_000_000, 0);
    assert_eq!(compare(&mut world, &alice).margin.scan.raw(), plain);
    set(&mut world, 0, 1_000_000);
    let no_gains = compare(&mut world, &alice).margin.scan.raw();
    assert!(plain < no_gains && no_gains < 0, "{plain} {no_gains}");
    set(&mut world, 1_000_000, 1_000_000);
    let all_gains = compare(&mut world, &alice).margin.scan.raw();
    assert!(
        no_gains < all_gains && all_gains <= 0,
        "{no_gains} {all_gains}"
    );
}

#[test]
fn a_witness_of_the_whole_model_liquidates_on_chain() {
    // GIVEN a book below maintenance whose markets share a group, with floors and skews in force
    let (mut world, alice) = booked(|world| {
        vec![
            record(&world.btc, (0, 0, 0), 10_000_000, 1_166_615_000_000),
            record(
                &world.sol,
                (2, world.month, dollars(220)),
                -9_000_000_000,
                0,
            ),
        ]
    });
    rewrite(&mut world, &alice.account, |header: &mut MarginAccount| {
        header.cash = 650_000_000_000;
    });
    let keeper = world.trader("keeper", 0);
    let native = world.report(&alice.account);
    assert!(native.margin.maintenance_health.raw() > 0);
    let outcome = world.start_liquidation(&keeper.user, &alice.account, &native.witness());
    outcome.refused(portfolio_margin::error::MarginError::AccountHealthy);
    let (btc, sol) = (world.btc, world.sol);
    world.set_price(&btc, dollars(100_000));
    world.set_price(&sol, dollars(230));
    let native = world.report(&alice.account);
    assert!(native.margin.maintenance_health.raw() < 0);
    let outcome = world.start_liquidation(&keeper.user, &alice.account, &native.witness());
    outcome.ok();
}
