//! Case 77: the largest accounts that the program lets grow are liquidated in one transaction, whatever they hold and whatever the
//! markets do: 400,000 compute units, 1,232 bytes with a lookup table, the default heap.

use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::{BidArgs, LiquidateLegsArgs, TradeLeg, MAX_LEGS};
use portfolio_margin_interface::state::size::{
    BANK_UNITS, BASE_UNITS, EXPIRY_UNITS, MARKET_UNITS, MOST_BID_UNITS, MOST_SIZE, OPTION_UNITS,
};
use portfolio_margin_interface::state::PositionRecord;
use risk_core::liquidation::FRACTION_ONE;
use risk_core::tier::Tier;
use sandbox::transaction::{COMPUTE_LIMIT, PACKET_SIZE};
use sandbox::widest::{
    Equity, Liquidation, Shape, Weather, Wide, CALM, CRASH, EXPIRED, WEATHERS, WILD, WINDOW,
};
use sandbox::{call, dollars, instructions, share_of_legs, take_of, Trader, BASE};
use support::{assert_logged, assert_refused, Random};

/// Kinds of accounts, each with as many options as it may have.
fn corners() -> Vec<(&'static str, Shape)> {
    let one = Shape {
        markets: 1,
        ..Shape::default()
    };
    let all = Shape {
        markets: 8,
        perpetuals: 8,
        banks: 8,
        ..Shape::default()
    };
    let shapes = [
        ("one expiry", Shape { expiries: 1, ..one }),
        (
            "one market",
            Shape {
                expiries: 12,
                futures: 12,
                perpetuals: 1,
                ..one
            },
        ),
        (
            "two markets",
            Shape {
                markets: 2,
                perpetuals: 2,
                expiries: 8,
                banks: 2,
                ..one
            },
        ),
        ("most expiries", {
            let most = (MOST_SIZE - 2 * MARKET_UNITS) / (EXPIRY_UNITS + OPTION_UNITS);
            Shape {
                markets: 2,
                expiries: most as usize,
                ..one
            }
        }),
        ("eight markets and banks", Shape { expiries: 1, ..all }),
        ("eight markets, an expiry each", {
            let left = MOST_SIZE - 8 * (MARKET_UNITS + EXPIRY_UNITS + OPTION_UNITS);
            Shape {
                markets: 8,
                expiries: 8,
                banks: (left / BANK_UNITS).min(8) as usize,
                ..one
            }
        }),
        (
            "linear",
            Shape {
                expiries: 5,
                futures: 5,
                ..all
            },
        ),
        ("perpetuals", all),
    ];
    let filled = |(name, shape): (&'static str, Shape)| {
        let filled = shape.filled();
        (
            name,
            filled.unwrap_or_else(|| panic!("{name} is too large")),
        )
    };
    shapes.into_iter().map(filled).collect()
}

/// Liquidates an account of a shape, and holds both steps against the limits; returns what the bid took.
fn assert_fits(wide: &mut Wide, tier: Tier, shape: &Shape, equity: Equity) -> u64 {
    let records = wide.book(shape);
    let done = wide.liquidate(tier, (&records, shape.banks), equity);
    for trader in [done.account, done.bidder] {
        assert_eq!(wide.world.account(&trader.account).1.len(), records.len());
    }
    assert_within(&done)
}

/// Both were sent with this limit, and without a request for more heap than the default; returns what the bid took.
fn assert_within(done: &Liquidation) -> u64 {
    for outcome in [&done.start, &done.bid] {
        assert!(outcome.compute_units < u64::from(MOST_BID_UNITS));
        assert!(outcome.bytes <= PACKET_SIZE);
    }
    done.bid.compute_units
}

/// Liquidates every kind of account in a weather, and says what the dearest took.
fn assert_all_fit(weather: Weather) {
    let mut wide = Wide::new(weather);
    for tier in [Tier::Portfolio, Tier::Standard] {
        for equity in [Equity::Positive, Equity::Negative] {
            let mut worst = (0, "");
            for (name, shape) in corners() {
                assert!(shape.size() <= MOST_SIZE, "{name}");
                worst = worst.max((assert_fits(&mut wide, tier, &shape, equity), name));
            }
            let (units, name) = worst;
            println!(
                "{}, {tier:?}, {equity:?} equity: at most {units} CU, {name}",
                weather.name
            );
        }
    }
}

#[test]
fn case_77_the_largest_accounts_fit_in_calm() {
    assert_all_fit(CALM);
}

#[test]
fn case_77_the_largest_accounts_fit_in_the_wildest_markets() {
    assert_all_fit(WILD);
}

#[test]
fn case_77_the_largest_accounts_fit_in_a_crash() {
    assert_all_fit(CRASH);
}

#[test]
fn case_77_the_largest_accounts_fit_while_everything_settles() {
    assert_all_fit(WINDOW);
}

#[test]
fn case_77_the_largest_accounts_fit_when_everything_is_over() {
    assert_all_fit(EXPIRED);
}

/// A shape as large as it may be, with any of its parts.
fn any_shape(random: &mut Random) -> Shape {
    loop {
        let markets = random.range(1, 9) as usize;
        let expiries = random.range(0, 1 + 12.min(4 * markets as i64)) as usize;
        let shape = Shape {
            options: expiries,
            expiries,
            futures: random.range(0, 1 + expiries as i64) as usize,
            perpetuals: markets,
            markets,
            banks: random.range(0, 9) as usize,
        };
        if let Some(filled) = shape.filled() {
            return filled;
        }
    }
}

#[test]
fn case_77_any_account_at_the_limit_fits() {
    let mut random = Random::new(77);
    let mut worst = (0, Shape::default());
    for weather in WEATHERS {
        let mut wide = Wide::new(weather);
        for round in 0..24 {
            let shape = any_shape(&mut random);
            let mut records = wide.book(&shape);
            // a short position is dearer to move, a long one may leave a debt in cash: any mix of both, of any size
            for record in &mut records {
                let divisor = random.range(1, 1_000);
                let sign = if random.one_in(3) { -1 } else { 1 };
                record.quantity = sign * (record.quantity / divisor);
            }
            let tier = if round % 4 == 3 {
                Tier::Standard
            } else {
                Tier::Portfolio
            };
            let equity = if random.one_in(3) {
                Equity::Negative
            } else {
                Equity::Positive
            };
            let book = (&records[..], shape.banks);
            let units = assert_within(&wide.liquidate(tier, book, equity));
            if units > worst.0 {
                worst = (units, shape);
            }
        }
    }
    println!(
        "120 accounts at the limit: at most {} CU, {:?}",
        worst.0, worst.1
    );
}

#[test]
fn case_77_the_weights_bound_what_each_part_adds() {
    let base = Shape {
        options: 12,
        expiries: 4,
        futures: 0,
        perpetuals: 2,
        markets: 2,
        banks: 0,
    };
    // an expiry is dearest inside its settlement window, where its options are cheaper than elsewhere
    let larger = [
        (
            "option",
            Shape {
                options: 24,
                ..base
            },
        ),
        (
            "expiry with an option",
            Shape {
                options: 16,
                expiries: 8,
                ..base
            },
        ),
        (
            "expiry with an option and a future",
            Shape {
                options: 16,
                expiries: 8,
                futures: 4,
                ..base
            },
        ),
        (
            "market with a perpetual",
            Shape {
                markets: 4,
                perpetuals: 4,
                ..base
            },
        ),
        ("two banks", Shape { banks: 2, ..base }),
    ];
    for weather in WEATHERS {
        let mut wide = Wide::new(weather);
        for tier in [Tier::Portfolio, Tier::Standard] {
            let units = |wide: &mut Wide, shape: &Shape| {
                i64::try_from(assert_fits(wide, tier, shape, Equity::Positive)).expect("units")
            };
            let least = units(&mut wide, &base);
            let fixed = least - i64::from(base.size());
            assert!(fixed < i64::from(BASE_UNITS), "{fixed}");
            print!(
                "{} {tier:?}: {least} CU, size {}",
                weather.name,
                base.size()
            );
            for (name, shape) in &larger {
                let weight = i64::from(shape.size()) - i64::from(base.size());
                let added = units(&mut wide, shape) - least;
                print!(", {name} {:.0} %", 100.0 * added as f64 / weight as f64);
                assert!(added < weight, "{name}: {added} of {weight}");
            }
            println!();
        }
    }
}

#[test]
fn case_77_legs_of_the_largest_accounts_fit_a_transaction() {
    // what is taken of legs is judged by whole sets of scenarios, of both sides: no bid, so no limit but the runtime's
    let mut wide = Wide::new(WILD);
    for (name, shape) in corners() {
        let [alice, keeper] = [wide.open(Tier::Portfolio), wide.open(Tier::Portfolio)];
        let records = wide.book(&shape);
        wide.plant_failing(&alice, &records, shape.banks, Equity::Positive);
        wide.plant(&keeper, &[], 1 << 56, 0);
        let world = &mut wide.world;
        let witness = world.report(&alice.account).witness();
        let ix = world.start_liquidation_ix(&keeper.user, &alice.account, &witness);
        world
            .send_tabled(&[ix], &[keeper.user], MOST_BID_UNITS)
            .ok();
        let legs = records.iter().take(MAX_LEGS);
        let legs: Vec<_> = legs.map(|leg| take_of(leg, leg.quantity)).collect();
        let legs = share_of_legs(&legs, FRACTION_ONE / 100);
        let args = LiquidateLegsArgs {
            witness,
            legs,
            fee: 0,
            minimum: 0,
            price_limit: i64::MAX,
        };
        let ix = world.legs_ix(&keeper, &alice.account, args);
        let outcome = world.send_tabled(&[ix], &[keeper.user], COMPUTE_LIMIT).ok();
        println!("legs of {name}: {} CU", outcome.compute_units);
        assert!(outcome.compute_units < 800_000);
    }
}

/// Eight markets in calm, and two accounts of which the first is the largest of a shape.
fn at_the_limit(shape: Shape) -> (Wide, Trader, Trader, u32) {
    let mut wide = Wide::new(CALM);
    let [alice, bob] = [wide.open(Tier::Portfolio), wide.open(Tier::Portfolio)];
    let records = wide.book(&shape);
    wide.plant(&alice, &records, 1 << 50, shape.banks);
    wide.plant(&bob, &[], 1 << 50, 0);
    let (header, positions) = wide.world.account(&alice.account);
    let size = header.size(&positions);
    assert_eq!(size, shape.size());
    (wide, alice, bob, size)
}

#[test]
fn case_63_77_a_trade_may_fill_an_account_and_not_overfill_it() {
    // GIVEN room for one option more
    let shape = Shape {
        markets: 1,
        expiries: 2,
        ..Shape::default()
    };
    let full = shape.filled().expect("two expiries");
    let (mut wide, alice, bob, size) = at_the_limit(Shape {
        options: full.options - 1,
        ..full
    });
    let market = wide.markets[0];
    let time = wide.times[11];
    let leg = |strike: u64, sign: i64| {
        [call(
            &market,
            time,
            dollars(strike),
            sign * BASE,
            dollars(1),
        )]
    };
    let send = |wide: &mut Wide, ix| wide.world.send_wide(&[ix], &[alice.user, bob.user]);
    // WHEN it is traded, on either side
    let ix = wide.world.trade_ix(&alice, &bob, &leg(300, 1));
    send(&mut wide, ix).ok();
    // THEN another is one too many
    let ix = wide.world.trade_ix(&alice, &bob, &leg(301, 1));
    let error = MarginError::ScopeTooWide;
    let outcome = assert_refused(&mut wide.world, &ix, &[alice.user, bob.user], error);
    let most = format!("Right: {MOST_SIZE}");
    let found = format!("Left: {}", size + 2 * OPTION_UNITS);
    assert_logged(&outcome, &[&found, &most]);
    let ix = wide.world.trade_ix(&bob, &alice, &leg(301, 1));
    assert_refused(&mut wide.world, &ix, &[alice.user, bob.user], error);
    // AND what is held may grow and shrink
    for sign in [1, -1, -1] {
        let ix = wide.world.trade_ix(&alice, &bob, &leg(300, sign));
        send(&mut wide, ix).ok();
    }
}

#[test]
fn case_63_77_an_account_above_the_limit_may_shrink_and_not_grow() {
    let shape = Shape {
        options: 100,
        expiries: 2,
        markets: 1,
        ..Shape::default()
    };
    let (mut wide, alice, bob, size) = at_the_limit(shape);
    assert!(size > MOST_SIZE);
    let market = wide.markets[0];
    let held = wide.world.account(&alice.account).1;
    let close = |n: usize| TradeLeg {
        instrument: held[n].instrument,
        ..call(
            &market,
            held[n].expiry,
            held[n].strike,
            -held[n].quantity,
            dollars(1),
        )
    };
    let open = call(&market, held[0].expiry, dollars(300), BASE, dollars(1));
    let signers = [alice.user, bob.user];
    let ix = wide
        .world
        .trade_ix(&alice, &bob, std::slice::from_ref(&open));
    assert_refused(&mut wide.world, &ix, &signers, MarginError::ScopeTooWide);
    for legs in [vec![close(0)], vec![close(1), open]] {
        let ix = wide.world.trade_ix(&alice, &bob, &legs);
        wide.world.send_wide(&[ix], &signers).ok();
    }
    assert_eq!(wide.world.account(&alice.account).1.len(), 99);
}

#[test]
fn case_63_77_collateral_counts_like_positions() {
    let shape = Shape {
        markets: 3,
        perpetuals: 3,
        expiries: 3,
        ..Shape::default()
    };
    let (mut wide, alice, _, size) = at_the_limit(shape.filled().expect("three markets"));
    let deposit = |wide: &mut Wide, n: usize| {
        let bank = wide.banks[n];
        let wallet = wide.world.wallet(&alice.user, &bank);
        wide.world
            .create_token_account(wallet, bank.mint, alice.user.key);
        wide.world.fund(&alice.user, &bank, 1_000);
        wide.world.deposit_ix(&alice, &bank, 1_000)
    };
    let error = MarginError::ScopeTooWide;
    // an asset that offsets a market which is held, and one that brings its market along
    for (n, units) in [(0, BANK_UNITS), (3, BANK_UNITS + MARKET_UNITS)] {
        let ix = deposit(&mut wide, n);
        let outcome = assert_refused(&mut wide.world, &ix, &[alice.user], error);
        assert_logged(&outcome, &[&format!("Left: {}", size + units)]);
    }
    // with two options less it is taken, and more of it then as well
    let records = wide.world.account(&alice.account).1;
    wide.plant(&alice, &records[..records.len() - 2], 1 << 50, 0);
    for _ in 0..2 {
        let ix = deposit(&mut wide, 0);
        wide.world.send(&[ix], &[alice.user]).ok();
    }
}

#[test]
fn case_63_77_a_bidder_may_not_grow_beyond_the_limit() {
    // GIVEN an account at the limit that fails
    let shape = Shape {
        markets: 1,
        expiries: 2,
        ..Shape::default()
    };
    let full = shape.filled().expect("two expiries");
    let mut wide = Wide::new(CALM);
    let [alice, bob] = [wide.open(Tier::Portfolio), wide.open(Tier::Portfolio)];
    let records = wide.book(&full);
    wide.plant_failing(&alice, &records, 0, Equity::Positive);
    let witness = wide.world.report(&alice.account).witness();
    let ix = wide
        .world
        .start_liquidation_ix(&bob.user, &alice.account, &witness);
    wide.world.send(&[ix], &[bob.user]).ok();
    let args = BidArgs {
        witness,
        fraction: FRACTION_ONE / 2,
        minimum: 0,
        price_limit: i64::MAX,
    };
    // WHEN somebody bids who holds another option, of the same expiry
    let other = PositionRecord {
        strike: records[0].strike / 2,
        ..records[0]
    };
    let other = support::record(&wide.markets[0], (2, other.expiry, other.strike), 1, 0);
    wide.plant(&bob, &[other], 1 << 56, 0);
    let ix = instructions::writable(
        wide.world.bid_ix(&bob, &alice.account, args.clone()),
        &wide.world.house,
    );
    let error = MarginError::ScopeTooWide;
    let outcome = assert_refused(&mut wide.world, &ix, &[bob.user], error);
    let found = format!("Left: {}", full.size() + OPTION_UNITS);
    assert_logged(&outcome, &[&found, &format!("Right: {MOST_SIZE}")]);
    // THEN the same bid is taken from who holds one that the account holds
    wide.plant(&bob, &records[..1], 1 << 56, 0);
    wide.world.send(&[ix], &[bob.user]).ok();
}
