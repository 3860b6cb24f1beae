//! `view_greeks`: by market, by expiry and by leg, in pages, for anybody, changing nothing.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::GreeksPage;
use portfolio_margin_interface::state::market::MAX_EXPIRIES;
use portfolio_margin_interface::state::PositionRecord;
use portfolio_margin_interface::view::{GreeksRow, LegGreeksRow, NetGreeksRecord, VIEW_VERSION};
use risk_core::greeks::{ExpiryGreeks, NetGreeks};
use risk_core::position::ln_strike;
use risk_core::Price;
use sandbox::views::MarketGreeks;
use sandbox::{
    call, crypto_smile, dollars, perpetual, put, Trader, World, BASE, BTC_START, DAY, START,
};
use support::{
    assert_logged, assert_refused, assert_remaining_accounts_are_checked, mixed_book,
    other_program_copy, pair, Bend, Random,
};

use crate::parity::{any_positions, shake, write};

/// The account's page.
pub const ACCOUNT: GreeksPage = GreeksPage::Account;

/// All rows of a market by expiry, over all pages.
fn all_expiries(world: &mut World, account: &Pubkey, market: u16) -> Vec<GreeksRow> {
    let mut rows = Vec::new();
    loop {
        let first = rows.len() as u8;
        let (view, _) = world.view_market_greeks(account, (market, first), &[]);
        assert_eq!((view.version, view.market), (VIEW_VERSION, market));
        assert_eq!((view.first, view.now), (first, world.now()));
        rows.extend(view.rows.iter().take(view.count.into()));
        assert!(view.rows[view.count.into()..]
            .iter()
            .all(|row| *row == GreeksRow::default()));
        if rows.len() == usize::from(view.total) {
            return rows;
        }
        assert_eq!(view.count, 8, "a page before the last one is full");
    }
}

/// All rows of a market by leg, over all pages.
fn all_legs(world: &mut World, account: &Pubkey, market: u16) -> Vec<LegGreeksRow> {
    let mut rows = Vec::new();
    loop {
        let first = rows.len() as u8;
        let (view, _) = world.view_leg_greeks(account, (market, first), &[]);
        assert_eq!((view.version, view.market), (VIEW_VERSION, market));
        rows.extend(view.rows.iter().take(view.count.into()));
        if rows.len() == usize::from(view.total) {
            return rows;
        }
        assert_eq!(view.count, 12, "a page before the last one is full");
    }
}

/// Compares every page with the engine off chain.
fn compare(world: &mut World, account: &Pubkey, native: &[MarketGreeks]) {
    let (view, _) = world.view_greeks(account, &[]);
    assert_eq!(usize::from(view.count), native.len());
    assert_eq!((view.total, view.market), (view.count, u16::MAX));
    for (row, market) in view.rows.iter().zip(native) {
        assert_eq!(row.key, i64::from(market.market));
        assert_eq!(
            (row.spot, row.greeks.greeks()),
            (market.spot.raw(), market.sum)
        );
    }
    assert_eq!(view.sum, total(native));
    for market in native {
        let (page, _) = world.view_market_greeks(account, (market.market, 0), &[]);
        assert_eq!(page.sum, total(std::slice::from_ref(market)));
        let rows = all_expiries(world, account, market.market).into_iter();
        let seen: Vec<_> = rows
            .map(|row| ExpiryGreeks {
                expiry: row.key,
                greeks: row.greeks.greeks(),
            })
            .collect();
        assert_eq!(seen, market.expiries);
        let legs = all_legs(world, account, market.market);
        let (_, positions) = world.account(account);
        let held = positions.iter().filter(|r| r.market == market.market);
        for ((row, record), greeks) in legs.iter().zip(held).zip(&market.legs) {
            let series = (row.instrument, row.expiry, row.strike, row.quantity);
            let expected = (
                record.instrument,
                record.expiry,
                record.strike,
                record.quantity,
            );
            assert_eq!((series, row.greeks.greeks()), (expected, *greeks));
        }
        assert_eq!(legs.len(), market.legs.len());
    }
}

/// The sum over markets, delta in quote units, by long arithmetic.
fn total(markets: &[MarketGreeks]) -> NetGreeksRecord {
    let mut sum = NetGreeksRecord::default();
    for market in markets {
        let NetGreeks { net, gross } = market.sum;
        for (sum, part) in [(&mut sum.net, net), (&mut sum.gross, gross)] {
            let cash = i128::from(part.delta.raw()) * i128::from(market.spot.raw()) / 100_000_000;
            sum.mark += part.mark.raw();
            sum.delta += cash as i64;
            sum.gamma += part.gamma.raw();
            sum.vega += part.vega.raw();
            sum.theta += part.theta.raw();
            sum.rho += part.rho.raw();
        }
    }
    sum
}

#[test]
fn inv_11_every_page_is_the_native_report_to_the_bit() {
    let mut random = Random::new(12);
    let mut world = World::new();
    let alice = world.user("alice");
    let alice = world.open(&alice, 128);
    let mut rows = 0;
    for round in 0..120 {
        if round % 5 == 0 {
            world.advance(random.range(0, 1_000));
            world.write_surfaces();
            shake(&mut random, &mut world);
        }
        let most = random.pick(&[0, 3, 16, 64, 128]);
        let records = any_positions(&mut random, &world, most);
        write(&mut world, &alice, |_| (), &records);
        let native = world
            .native_greeks(&alice.account)
            .expect("a book in range");
        compare(&mut world, &alice.account, &native);
        rows += records.len();
    }
    println!("{rows} legs agree");
    assert!(rows >= 1_000, "{rows}");
}

/// One call in each of 12 expiries, and a perpetual.
fn thirteen_rows() -> (World, Trader) {
    let (mut world, alice, _) = pair(100_000);
    let btc = world.btc;
    let mut expiries = vec![world.week, world.month];
    for day in 30..30 + MAX_EXPIRIES as i64 - 2 {
        let expiry = START + day * DAY;
        world.add_expiry(&btc, expiry);
        world.post_surface(&btc, crypto_smile(expiry, START, 500_000));
        expiries.push(expiry);
    }
    let strike = dollars(120_000);
    let record = |expiry: i64| PositionRecord {
        market: btc.index,
        instrument: if expiry == 0 { 0 } else { 2 },
        padding: [0; 5],
        expiry,
        strike: if expiry == 0 { 0 } else { strike },
        ln_strike: if expiry == 0 {
            0
        } else {
            ln_strike(Price::from_raw(strike))
        },
        quantity: BASE,
        cost: 0,
        reserved: [0; 2],
    };
    let records: Vec<_> = [0].into_iter().chain(expiries).map(record).collect();
    write(&mut world, &alice, |_| (), &records);
    (world, alice)
}

#[test]
fn pages_end_where_the_rows_end() {
    let (mut world, alice) = thirteen_rows();
    let (account, market) = (alice.account, world.btc.index);
    let native = world.native_greeks(&account).expect("a book in range");
    assert_eq!((native[0].expiries.len(), native[0].legs.len()), (13, 13));
    compare(&mut world, &account, &native);
    for (first, count) in [(0, 8), (5, 8), (6, 7), (8, 5), (12, 1)] {
        let (view, _) = world.view_market_greeks(&account, (market, first), &[]);
        assert_eq!((view.count, view.total), (count, 13), "from {first}");
        let row = &native[0].expiries[usize::from(first)];
        assert_eq!(view.rows[0].key, row.expiry);
    }
    for (first, count) in [(0, 12), (1, 12), (2, 11), (12, 1)] {
        let (view, _) = world.view_leg_greeks(&account, (market, first), &[]);
        assert_eq!((view.count, view.total), (count, 13), "from {first}");
    }
    for first in [13, 14, 255] {
        for page in [
            GreeksPage::Market { market, first },
            GreeksPage::Legs { market, first },
        ] {
            let ix = world.view_greeks_ix(&account, page, &[]);
            let outcome = assert_refused(&mut world, &ix, &[], MarginError::ViewOutOfRange);
            assert_logged(&outcome, &[&format!("Left: {first}"), "Right: 13"]);
        }
    }
}

#[test]
fn refuses_a_market_that_is_not_held() {
    let (mut world, alice, bob) = pair(100_000);
    let (btc, sol) = (world.btc, world.sol);
    let legs = [perpetual(&btc, BASE, BTC_START)];
    let error = MarginError::ViewOutOfRange;
    for market in [btc.index, sol.index, 7, u16::MAX] {
        for page in [
            GreeksPage::Market { market, first: 0 },
            GreeksPage::Legs { market, first: 0 },
        ] {
            let ix = world.view_greeks_ix(&alice.account, page, &[]);
            assert_refused(&mut world, &ix, &[], error);
        }
    }
    let (view, _) = world.view_greeks(&alice.account, &[]);
    assert_eq!(
        (view.count, view.total, view.sum),
        (0, 0, NetGreeksRecord::default())
    );
    // held, or named by a leg: also where the legs close it
    world.trade(&alice, &bob, &legs).ok();
    world.view_market_greeks(&alice.account, (btc.index, 0), &[]);
    let close = [perpetual(&btc, -BASE, BTC_START)];
    let (view, _) = world.view_market_greeks(&alice.account, (btc.index, 0), &close);
    assert_eq!((view.count, view.total), (0, 0));
    let open = [perpetual(&sol, BASE, dollars(205))];
    let (view, _) = world.view_leg_greeks(&alice.account, (sol.index, 0), &open);
    assert_eq!((view.count, view.rows[0].quantity), (1, BASE));
}

#[test]
fn nets_hedges_and_keeps_their_gross() {
    let (mut world, alice, _) = pair(100_000);
    let (btc, month, spot) = (world.btc, world.month, BTC_START);
    // a conversion: long call and short put are a forward, which the perpetual sells
    let legs = [
        call(&btc, month, dollars(120_000), BASE, dollars(4_000)),
        put(&btc, month, dollars(120_000), -BASE, dollars(7_000)),
        perpetual(&btc, -BASE, spot),
    ];
    let (view, _) = world.view_greeks(&alice.account, &legs);
    let row = view.rows[0].greeks;
    // the forward's delta is its discount, above 0.99 at 28 days and 4 % a year, times forward over spot
    assert!(row.net.delta.abs() < BASE / 100, "{row:?}");
    assert!(
        (2 * BASE - BASE / 50..2 * BASE + BASE / 50).contains(&row.gross.delta),
        "{row:?}"
    );
    assert!(
        row.net.vega.abs() <= 2 && row.net.gamma.abs() <= 2,
        "{row:?}"
    );
    assert!(
        row.gross.vega > 100_000_000 && row.gross.gamma > 0,
        "{row:?}"
    );
    let (page, _) = world.view_market_greeks(&alice.account, (btc.index, 0), &legs);
    assert_eq!((page.rows[0].key, page.rows[1].key), (0, month));
    assert_eq!(page.rows[0].greeks.net.delta, -BASE);
    assert_eq!(page.sum, view.sum);
}

#[test]
fn an_expired_leg_is_its_intrinsic_value() {
    let (mut world, alice, bob) = pair(100_000);
    let (btc, week) = (world.btc, world.week);
    let option = [call(&btc, week, dollars(110_000), BASE, dollars(9_000))];
    world.trade(&alice, &bob, &option).ok();
    world.set_time(week + DAY);
    world.set_price(&btc, dollars(120_000));
    let (view, _) = world.view_leg_greeks(&alice.account, (btc.index, 0), &[]);
    let greeks = view.rows[0].greeks;
    assert!((greeks.mark - 10_000_000_000).abs() <= 100, "{greeks:?}");
    assert_eq!((greeks.gamma, greeks.vega, greeks.rho), (0, 0, 0));
    // no more legs in it
    let ix = world.view_greeks_ix(&alice.account, ACCOUNT, &option);
    assert_refused(&mut world, &ix, &[], MarginError::Expired);
}

#[test]
fn case_16_17_18_checks_every_remaining_account() {
    let (market, first) = (1, 0);
    for page in [
        ACCOUNT,
        GreeksPage::Market { market, first },
        GreeksPage::Legs { market, first },
    ] {
        let (mut world, alice, _) = mixed_book();
        let ix = world.view_greeks_ix(&alice.account, page, &[]);
        assert_remaining_accounts_are_checked(&mut world, &ix, &[]);
    }
}

#[test]
fn case_04_05_refuses_copies_and_accounts_of_other_types() {
    let (mut world, alice, _) = pair(100);
    let copy = other_program_copy(&mut world, &alice.account);
    let ix = world.view_greeks_ix(&alice.account, ACCOUNT, &[]);
    let copied = ix.clone().replace(alice.account, copy);
    let error = ErrorCode::AccountOwnedByWrongProgram;
    assert_refused(&mut world, &copied, &[], error);
    let cosplay = ix.replace(alice.account, world.btc.key);
    let error = ErrorCode::AccountDiscriminatorMismatch;
    assert_refused(&mut world, &cosplay, &[], error);
}

#[test]
fn a_page_that_names_nothing_is_refused() {
    let (mut world, alice, _) = pair(100);
    let mut ix = world.view_greeks_ix(&alice.account, ACCOUNT, &[]);
    ix.data[8] = 3;
    let error = ErrorCode::InstructionDidNotDeserialize;
    assert_refused(&mut world, &ix, &[], error);
}
