//! Hypothetical legs take the path of a trade: what the views show after legs is what they show after the trade, to the bit,
//! and `would_open` says whether the trade passes, with its error code where not.

use std::collections::BTreeMap;

use anchor_lang::prelude::Pubkey;
use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::state::margin_account::{STATUS_ACTIVE, STATUS_LIQUIDATING};
use portfolio_margin_interface::state::{
    Clearinghouse, CollateralBank, MarginAccount, Market as MarketRecord, MarketTermsRecord,
};
use portfolio_margin_interface::view::{GreeksView, MarginView, RiskMatrixView};
use portfolio_margin_interface::{AccountLayout, DISCRIMINATOR_LEN};
use risk_core::market::MarketParams;
use risk_core::params::SkewParams;
use risk_core::tier::Tier;
use sandbox::listing::terms_args;
use sandbox::{
    call, dollars, perpetual, put, Market, PriceFields, Trader, World, WorldBuilder, BASE,
    BTC_START, DAY, SOL, SOL_START, USDC,
};
use support::{assert_refused, pair, Bend, Random};

use crate::parity::write;
use crate::view_greeks::ACCOUNT;

/// Changes an account of the program in place.
pub fn patch<T: AccountLayout>(world: &mut World, key: Pubkey, change: impl FnOnce(&mut T)) {
    let mut value: T = world.read(&key);
    change(&mut value);
    let mut account = world.svm.get_account(&key).expect("an account");
    account.data[DISCRIMINATOR_LEN..T::ACCOUNT_LEN].copy_from_slice(bytemuck::bytes_of(&value));
    let written = world.svm.set_account(key, account);
    written.expect("writing an account");
}

/// The house under every term of the model but skew nodes: a minimum equity, a correlation group, floors and charges, SOL
/// collateral that offsets the SOL market's risk.
pub fn use_whole_model(world: &mut World) {
    patch(world, world.house, |house: &mut Clearinghouse| {
        house.portfolio_minimum_equity = 20_000_000_000;
        (house.groups[0].kappa, house.groups[0].offset_cap) = (200_000, 300_000);
    });
    let params = MarketParams {
        skew: SkewParams::NONE,
        ..MarketParams::BTC
    };
    for market in [world.btc, world.sol] {
        patch(world, market.key, |market: &mut MarketRecord| {
            market.terms = MarketTermsRecord::from_args(&terms_args(&params));
            market.group = 1;
        });
    }
    let offset = world.sol.index + 1;
    patch(world, world.sol_bank.key, |bank: &mut CollateralBank| {
        bank.offset_market = offset;
    });
}

/// Everything that the views say of one account.
#[derive(Debug, PartialEq)]
struct Views {
    margin: MarginView,
    greeks: Vec<GreeksView>,
    matrices: Vec<RiskMatrixView>,
}

/// All views after legs; the markets are those of the account and of the legs, given so that they outlive a position.
fn views(world: &mut World, account: &Pubkey, markets: &[u16], legs: &[TradeLeg]) -> Views {
    let (mut margin, _) = world.view_margin_after(account, legs);
    // what the margin test says is of the legs, not of the account
    (margin.would_open, margin.refusal) = (0, 0);
    let mut greeks = vec![world.view_greeks(account, legs).0];
    let mut matrices = Vec::new();
    for market in markets {
        greeks.push(world.view_market_greeks(account, (*market, 0), legs).0);
        matrices.push(world.view_risk_matrix(account, *market, legs).0);
    }
    Views {
        margin,
        greeks,
        matrices,
    }
}

/// The error code of every view; all the same.
fn refusal_of_views(world: &mut World, account: &Pubkey, legs: &[TradeLeg]) -> Option<u32> {
    let market = legs[0].market;
    let instructions = [
        world.view_margin_after_ix(account, legs),
        world.view_greeks_ix(account, ACCOUNT, legs),
        world.view_risk_matrix_ix(account, market, legs),
    ];
    let codes = instructions.map(|ix| world.send(&[ix], &[]).error_code());
    assert_eq!(codes, [codes[0]; 3]);
    codes[0]
}

/// What legs did, or would have done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Opened,
    Reduced,
    /// By the margin test: a field of the view.
    Judged(u32),
    /// Before it: an error of the view.
    Refused(u32),
    /// By the other side alone.
    RefusedByMaker(u32),
}

/// What `view_margin` says of legs: the view, or the code of its refusal.
fn tried(world: &mut World, account: &Pubkey, legs: &[TradeLeg]) -> Result<MarginView, u32> {
    let ix = world.view_margin_after_ix(account, legs);
    assert!(ix.accounts.iter().all(|meta| !meta.is_writable));
    let outcome = world.send(&[ix], &[]);
    match outcome.error {
        None => Ok(outcome.view()),
        Some(_) => Err(outcome.error_code().expect("a refusal by the program")),
    }
}

/// The code with which an account refuses legs on the maker's side: those legs turned round are a taker's.
fn refusal_of_maker(world: &mut World, maker: &Trader, legs: &[TradeLeg]) -> u32 {
    let turned: Vec<_> = legs
        .iter()
        .map(|leg| TradeLeg {
            quantity: -leg.quantity,
            ..leg.clone()
        })
        .collect();
    tried(world, &maker.account, &turned).map_or_else(|code| code, |view| view.refusal)
}

/// Tries legs, trades them, and compares.
fn try_and_trade(world: &mut World, [taker, maker]: [&Trader; 2], legs: &[TradeLeg]) -> Fate {
    let account = &taker.account;
    let bytes = world.data(account);
    let view = match tried(world, account, legs) {
        Ok(view) => view,
        Err(code) => {
            assert_eq!(refusal_of_views(world, account, legs), Some(code));
            assert_eq!(world.trade(taker, maker, legs).error_code(), Some(code));
            return Fate::Refused(code);
        }
    };
    assert_eq!(view.would_open == 1, view.refusal == 0);
    let markets: Vec<u16> = world
        .scope(account)
        .with_legs(legs)
        .markets
        .into_iter()
        .collect();
    let expected = views(world, account, &markets, legs);
    assert_eq!(world.data(account), bytes, "a view wrote");
    let predicted = match view.refusal {
        0 => refusal_of_maker(world, maker, legs),
        code => code,
    };
    let traded = world.trade(taker, maker, legs);
    assert_eq!(traded.error_code().unwrap_or(0), predicted, "{legs:?}");
    if traded.error.is_some() {
        return match view.refusal {
            0 => Fate::RefusedByMaker(predicted),
            code => Fate::Judged(code),
        };
    }
    let (after, _) = world.view_margin(account);
    // a market that the legs closed is in the scope of the legs alone
    if world.scope(account).markets.iter().eq(&markets) {
        assert_eq!(views(world, account, &markets, &[]), expected);
    }
    assert_eq!(after.report(), expected.margin.report());
    match after.would_open {
        1 => Fate::Opened,
        _ => Fate::Reduced,
    }
}

/// A leg that somebody might write: of either market, near the money, at about its price, rarely nonsense.
fn any_leg(random: &mut Random, world: &World) -> TradeLeg {
    let market: Market = random.pick(&[world.btc, world.btc, world.sol]);
    let spot = world.spot(&market.price).raw();
    let price = (u128::from(spot) * random.range(990, 1_010) as u128 / 1_000) as u64;
    let scale = if market == world.sol { 400 } else { 1 };
    let size = scale * random.pick(&[1, BASE / 100, BASE / 10, BASE, 3 * BASE]);
    let quantity = if random.one_in(2) { size } else { -size };
    let mut leg = perpetual(&market, quantity, price);
    if !random.one_in(4) {
        leg.instrument = random.pick(&[2, 3]);
        leg.expiry = random.pick(&[world.week, world.month]);
        leg.strike = spot / 100 * random.pick(&[90, 100, 110]) as u64 / 10_000_000 * 10_000_000;
        leg.price = spot / 1_000 * random.range(1, 100) as u64;
    }
    match random.range(0, 80) {
        0 => leg.quantity = 0,
        1 => leg.price = 0,
        2 => leg.expiry = world.week + DAY,
        3 => leg.expiry = world.now(),
        4 => leg.quantity *= 1_000_000,
        5 => leg.quantity *= 2_000,
        6 => leg.instrument = random.pick(&[1, 9]),
        _ => {}
    }
    leg
}

/// Up to eight legs; often some that close what is held.
fn any_legs(random: &mut Random, world: &World, account: &Pubkey) -> Vec<TradeLeg> {
    let (_, held) = world.account(account);
    (0..random.pick(&[1, 1, 2, 3, 4, 8]))
        .map(|_| {
            let leg = any_leg(random, world);
            if held.is_empty() || random.one_in(2) {
                return leg;
            }
            let record = held[random.range(0, held.len() as i64) as usize];
            let market = world.market(&world.house, record.market).expect("a market");
            TradeLeg {
                market: record.market,
                instrument: record.instrument,
                expiry: record.expiry,
                strike: record.strike,
                quantity: match -record.quantity / random.range(1, 4) {
                    0 => -record.quantity - 1,
                    part => part,
                },
                price: match record.instrument {
                    0 => world.spot(&market.price).raw(),
                    _ => leg.price,
                },
            }
        })
        .collect()
}

/// Time, prices, doubts, status and money change between trades.
fn shake(random: &mut Random, world: &mut World, alice: &Trader) {
    world.advance(random.range(1, 400));
    world.refresh();
    for market in [world.btc, world.sol] {
        let price = world.spot(&market.price).raw() / 1_000 * random.range(970, 1_031) as u64;
        // one in eight more uncertain than an opening accepts
        let confidence = price / if random.one_in(8) { 50 } else { 1_000 };
        let fields = PriceFields {
            confidence,
            ..PriceFields::fresh(market.feed_id, price, world.now())
        };
        world.set_price_update(market.price, fields);
    }
    if random.one_in(10) {
        world.advance(3_700);
        world.refresh_prices();
    }
    let (_, records) = world.account(&alice.account);
    let status = match random.one_in(6) {
        true => STATUS_LIQUIDATING,
        false => STATUS_ACTIVE,
    };
    let cash = random.one_in(6).then(|| random.range(0, 40_000_000_000));
    let tier = random.pick(&[Tier::Standard, Tier::Portfolio, Tier::Portfolio]);
    let change = |header: &mut MarginAccount| {
        (header.status, header.tier) = (status, tier as u8);
        header.cash = cash.unwrap_or(header.cash);
    };
    write(world, alice, change, &records);
}

#[test]
fn views_after_legs_are_views_after_the_trade() {
    let mut fates: BTreeMap<Fate, u32> = BTreeMap::new();
    for seed in 0..8 {
        let mut random = Random::new(1_000 + seed);
        let mut world = world_of(seed);
        if seed % 2 == 1 {
            use_whole_model(&mut world);
        }
        let alice = world.trader("alice", 30_000 * USDC);
        let bob = world.user("bob");
        let bob = world.open(&bob, 128);
        // nothing that alice may open is too much for bob
        write(&mut world, &bob, |header| header.cash = 1 << 55, &[]);
        let bank = world.sol_bank;
        world.fund(&alice.user, &bank, 30 * SOL);
        world.deposit(&alice, &bank, 30 * SOL).ok();
        for _ in 0..100 {
            shake(&mut random, &mut world, &alice);
            let legs = any_legs(&mut random, &world, &alice.account);
            let fate = try_and_trade(&mut world, [&alice, &bob], &legs);
            *fates.entry(fate).or_default() += 1;
        }
    }
    println!("{fates:?}");
    assert_covered(&fates);
}

/// Every other pair of worlds has rules of trading, which are in the way now and then.
fn world_of(seed: u64) -> World {
    if seed % 4 < 2 {
        return World::new();
    }
    let mut builder = WorldBuilder::default();
    let rules = &mut builder.market_rules;
    (rules.fee_taker, rules.fee_maker, rules.fee_premium_cap) = (500, 200, 125_000);
    (rules.band_linear, rules.band_option) = (9_000, 70_000);
    rules.position_limit = 600_000_000;
    (rules.funding_cap, rules.funding_depth) = (50_000_000, 1_000_000);
    builder.build()
}

/// Every way in which legs can fare has occurred.
fn assert_covered(fates: &BTreeMap<Fate, u32>) {
    use MarginError as E;
    let judged = [
        E::InitialMarginBreached,
        E::RiskNotReduced,
        E::SurfaceStale,
        E::OracleConfidenceTooWide,
    ];
    let refused = [
        E::ZeroAmount,
        E::InstrumentUnknown,
        E::Expired,
        E::ExpiryNotListed,
        E::PositionsFull,
        E::CashNegative,
        E::AccountLiquidating,
        E::PriceBand,
        E::PositionLimit,
    ];
    let judged = judged.map(|error| Fate::Judged(error.into()));
    let refused = refused.map(|error| Fate::Refused(error.into()));
    for fate in judged
        .into_iter()
        .chain(refused)
        .chain([Fate::Opened, Fate::Reduced])
    {
        assert!(fates.contains_key(&fate), "{fate:?} is not among {fates:?}");
    }
    assert!(fates[&Fate::Opened] >= 100, "{fates:?}");
}

#[test]
fn sizes_beyond_the_limit_are_foretold_where_health_is_not_the_matter() {
    let (mut world, alice, bob) = pair(100_000);
    let (btc, week, size) = (world.btc, world.week, 6_000 * BASE);
    // a box: riskless, and four times 6,000 BTC without netting
    let legs = [
        call(&btc, week, dollars(110_000), size, dollars(5_000)),
        put(&btc, week, dollars(110_000), -size, dollars(5_000)),
        call(&btc, week, dollars(111_000), -size, dollars(5_000)),
        put(&btc, week, dollars(111_000), size, dollars(5_000)),
    ];
    let (view, _) = world.view_margin_after(&alice.account, &legs);
    assert!(view.initial_health >= 0, "{view:?}");
    let error = MarginError::GrossNotionalExceeded;
    assert_eq!((view.would_open, view.refusal), (0, error.into()));
    world.trade(&alice, &bob, &legs).refused(error);
}

#[test]
fn takes_as_many_legs_as_a_trade() {
    let (mut world, alice, bob) = pair(50_000);
    let legs = |n| vec![perpetual(&world.btc, 1, BTC_START); n];
    let (most, beyond) = (legs(16), legs(17));
    assert_eq!(
        refusal_of_views(&mut world, &alice.account, &beyond),
        Some(MarginError::LegCount.into())
    );
    let fate = try_and_trade(&mut world, [&alice, &bob], &most);
    assert_eq!(fate, Fate::Opened);
    // none is no trade, and a view of the account as it is
    let expected = world.view_margin(&alice.account).0;
    assert_eq!(world.view_margin_after(&alice.account, &[]).0, expected);
    assert_eq!((expected.would_open, expected.refusal), (1, 0));
}

#[test]
fn case_16_a_market_of_the_legs_is_in_the_scope_and_one_that_is_not_listed_is_missing() {
    let (mut world, alice, _) = pair(50_000);
    let legs = [perpetual(&world.sol, BASE, SOL_START)];
    for ix in [
        world.view_margin_after_ix(&alice.account, &legs),
        world.view_greeks_ix(&alice.account, ACCOUNT, &legs),
        world.view_risk_matrix_ix(&alice.account, world.sol.index, &legs),
    ] {
        let error = MarginError::RemainingAccountMissing;
        assert_refused(&mut world, &ix.without(2..4), &[], error);
    }
    let unlisted = [TradeLeg {
        market: 7,
        ..legs[0].clone()
    }];
    assert_eq!(
        refusal_of_views(&mut world, &alice.account, &unlisted),
        Some(MarginError::RemainingAccountMissing.into())
    );
}
