//! What a lying or broken server may answer: bytes of any kind give a value or an error, never a panic, and never a silent zero.
#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use client_core::oracle::pyth::{LEGACY, RECEIVER};
use client_core::oracle::{stand_in, StandIn};
use client_core::{
    evaluate, view, AccountData, Directory, Evaluator, Inputs, InputsError, OraclePolicy, Priced,
    Pubkey, RawAccount, ReportError, Scope, ShownPrice,
};
use portfolio_margin_interface::errors::ErrorCode;
use portfolio_margin_interface::state::oracle::{PYTH_LEGACY, PYTH_PULL};
use portfolio_margin_interface::state::{
    Clearinghouse, CollateralBalance, CollateralBank, MarginAccount, Market, PositionRecord,
};
use portfolio_margin_interface::{seeds, AccountLayout, ID};
use risk_core::Price;

const NOW: i64 = 1_760_000_000;
const HOUSE: Pubkey = Pubkey::new_from_array([7; 32]);
const FEED: [u8; 32] = [5; 32];

/// Splitmix64.
fn bits(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A fully verified update: 60,000 USD, one basis point, two seconds old.
fn update() -> Vec<u8> {
    let mut data = vec![34, 241, 35, 99, 157, 126, 244, 205];
    data.extend([0; 32]);
    data.push(1);
    data.extend(FEED);
    data.extend(6_000_000_000_000i64.to_le_bytes());
    data.extend(600_000_000u64.to_le_bytes());
    data.extend((-8i32).to_le_bytes());
    data.extend((NOW - 2).to_le_bytes());
    data.resize(134, 0);
    data
}

fn policy(kind: u8) -> OraclePolicy {
    OraclePolicy {
        kind,
        feed_id: FEED,
        max_age: 60,
        max_confidence: 10_000,
    }
}

fn shown(data: &[u8]) -> ShownPrice {
    let account = RawAccount {
        owner: RECEIVER,
        data,
    };
    ShownPrice::checked(&Pubkey::default(), &account, &policy(PYTH_PULL), NOW)
}

#[test]
fn a_good_price_is_read_and_every_bent_byte_is_judged_without_a_panic() {
    let good = shown(&update());
    assert_eq!(good.price, Price::from_raw(6_000_000_000_000));
    assert_eq!((good.refusal, good.doubt), (None, None));
    assert_eq!(good.publish_time, Some(NOW - 2));
    for at in 0..update().len() {
        for bit in 0..8 {
            let mut data = update();
            data[at] ^= 1 << bit;
            let bent = shown(&data);
            // a price that is no number has a reason
            assert!(bent.price != Price::ZERO || bent.refusal.is_some());
        }
    }
    for end in 0..update().len() {
        let cut = shown(&update()[..end]);
        // what follows the slot is not read
        let is_whole = end >= 8 + 32 + 1 + 84 + 8;
        assert_eq!(cut.refusal.is_none(), is_whole, "{end}");
    }
}

#[test]
fn noise_of_any_length_is_refused_by_both_kinds() {
    let mut state = 1;
    for kind in [PYTH_PULL, PYTH_LEGACY, 2, 255] {
        for length in [0, 1, 7, 8, 41, 133, 134, 3_311, 3_312, 4_000] {
            let data: Vec<u8> = (0..length).map(|_| bits(&mut state) as u8).collect();
            for owner in [RECEIVER, LEGACY, ID, Pubkey::default()] {
                let account = RawAccount { owner, data: &data };
                let key = Pubkey::new_from_array(FEED);
                let shown = ShownPrice::checked(&key, &account, &policy(kind), NOW);
                assert!(shown.refusal.is_some() && shown.price == Price::ZERO);
            }
        }
    }
}

fn bytes_of<T: AccountLayout>(state: &T) -> Vec<u8> {
    let mut data = T::ACCOUNT_DISCRIMINATOR.to_vec();
    data.extend_from_slice(bytemuck::bytes_of(state));
    data
}

fn market(index: u16) -> Market {
    Market {
        index,
        clearinghouse: HOUSE,
        feed_id: FEED,
        oracle_max_age: 60,
        oracle_max_confidence: 10_000,
        ..bytemuck::Zeroable::zeroed()
    }
}

fn house() -> Clearinghouse {
    bytemuck::Zeroable::zeroed()
}

#[test]
fn an_account_in_the_place_of_another_is_named_and_not_read() {
    let mut directory = Directory::new(HOUSE, &house());
    directory.list_market(&market(0));
    directory.list_market(&market(1));
    let scope = Scope::of_markets([0]);
    let (house, price) = (bytes_of(&house()), update());
    let key = seeds::market(&HOUSE, 0);
    let gather = |owner: Pubkey, market: Option<&[u8]>| {
        let find = |at: &Pubkey| match *at {
            at if at == HOUSE => Some(RawAccount {
                owner: ID,
                data: &house,
            }),
            at if at == key => market.map(|data| RawAccount { owner, data }),
            _ => Some(RawAccount {
                owner: RECEIVER,
                data: &price,
            }),
        };
        Inputs::gather(&directory, &scope, NOW, find).map(|inputs| inputs.markets[0].1.price)
    };
    let right = bytes_of(&market(0));
    assert_eq!(
        gather(ID, Some(&right)),
        Ok(Price::from_raw(6_000_000_000_000))
    );
    assert_eq!(gather(ID, None), Err(InputsError::Missing(key)));
    let foreign = Err(InputsError::Foreign(key));
    // another program's, another market's, another house's, a bank's, a part of it
    assert_eq!(gather(RECEIVER, Some(&right)), foreign);
    assert_eq!(gather(ID, Some(&bytes_of(&market(1)))), foreign);
    let other = Market {
        clearinghouse: Pubkey::default(),
        ..market(0)
    };
    assert_eq!(gather(ID, Some(&bytes_of(&other))), foreign);
    let bank: CollateralBank = bytemuck::Zeroable::zeroed();
    assert_eq!(gather(ID, Some(&bytes_of(&bank))), foreign);
    assert_eq!(gather(ID, Some(&right[..right.len() - 1])), foreign);
}

#[test]
fn what_the_inputs_lack_is_never_zero_risk() {
    let inputs = Inputs::new(house(), NOW);
    let mut header: MarginAccount = bytemuck::Zeroable::zeroed();
    let held = PositionRecord {
        market: 3,
        quantity: 1,
        ..bytemuck::Zeroable::zeroed()
    };
    let missing = ReportError::MarketMissing(3);
    assert_eq!(evaluate(&header, &[held], &inputs), Err(missing));
    let evaluator = Evaluator::new(&inputs);
    assert_eq!(evaluator.margin(&header, &[held]), Err(missing));
    assert_eq!(view(&header, &[held], &inputs), Err(missing));
    header.collateral[0] = CollateralBalance {
        bank: 2,
        amount: 5,
        ..CollateralBalance::default()
    };
    assert_eq!(
        evaluate(&header, &[], &inputs),
        Err(ReportError::BankMissing(2))
    );
    // and nothing held is a report
    assert!(evaluate(&bytemuck::Zeroable::zeroed(), &[], &inputs).is_ok());
}

#[test]
fn a_price_that_is_no_number_values_nothing_and_one_that_is_late_is_a_number() {
    let mut inputs = Inputs::new(house(), NOW);
    let bank = CollateralBank {
        decimals: 9,
        feed_id: FEED,
        oracle_max_age: 60,
        oracle_max_confidence: 10_000,
        ..bytemuck::Zeroable::zeroed()
    };
    let mut header: MarginAccount = bytemuck::Zeroable::zeroed();
    (header.collateral[0].amount, header.cash) = (1_000_000_000, 1);
    let read = |data: &[u8], now| {
        let account = RawAccount {
            owner: RECEIVER,
            data,
        };
        ShownPrice::read(
            &Pubkey::default(),
            &account,
            &HOUSE,
            now,
            Priced::Bank(&bank),
        )
    };
    inputs.banks.push((bank, read(&update(), NOW)));
    let good = evaluate(&header, &[], &inputs).unwrap();
    assert_eq!(good.margin.collateral.raw(), 60_000_000_000);
    // a minute too late: a keeper may still look at it, the program would not
    inputs.banks[0].1 = read(&update(), NOW + 59);
    assert_eq!(evaluate(&header, &[], &inputs).unwrap(), good);
    let refused = view(&header, &[], &inputs).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::OracleStale);
    assert!(
        refused.to_string().contains("found 61, limit 60"),
        "{refused}"
    );
    inputs.banks[0].1 = read(&update()[..50], NOW);
    let error = evaluate(&header, &[], &inputs).unwrap_err();
    assert_eq!(error.code(), ErrorCode::OracleMalformed);
}

#[test]
fn accounts_of_noise_are_judged_without_a_panic() {
    let mut state = 9;
    let mut inputs = Inputs::new(house(), NOW);
    let price = ShownPrice::supposed(Price::from_raw(6_000_000_000_000));
    inputs.markets.push((market(0), price));
    for _ in 0..2_000 {
        let mut data = MarginAccount::ACCOUNT_DISCRIMINATOR.to_vec();
        data.extend((0..552 + 64 * 5).map(|_| bits(&mut state) as u8));
        let at = 8 + core::mem::offset_of!(MarginAccount, position_count);
        data[at..at + 2].copy_from_slice(&((bits(&mut state) % 6) as u16).to_le_bytes());
        let account = AccountData::read(&data).unwrap();
        let _ = view(&account.header, &account.positions, &inputs);
        // in a market that is there, out of order, at any size
        let mut positions = account.positions.clone();
        positions.iter_mut().for_each(|record| record.market = 0);
        let mut header = account.header;
        header.collateral = Default::default();
        let _ = view(&header, &positions, &inputs);
    }
}

/// A layout whose bytes are noise, as sparse as `keep` says: of 256 bytes so many are not zero.
fn noise<T: bytemuck::Pod>(state: &mut u64, keep: u64) -> T {
    let mut value = T::zeroed();
    for byte in bytemuck::bytes_of_mut(&mut value) {
        let any = bits(state);
        *byte = if any % 256 < keep {
            (any >> 8) as u8
        } else {
            0
        };
    }
    value
}

#[test]
fn houses_banks_and_markets_of_noise_are_judged_without_a_panic() {
    let mut state = 77;
    for round in 0..6_000 {
        let keep = [256, 64, 8, 2][round % 4];
        let mut inputs = Inputs::new(noise(&mut state, keep), NOW);
        let mut market: Market = noise(&mut state, keep);
        let mut bank: CollateralBank = noise(&mut state, keep);
        (market.index, bank.index) = (0, 0);
        if round % 3 > 0 {
            let grid = risk_core::scenario::ScenarioTable::new(&risk_core::scenario::MAJOR_GRID);
            market.scenarios.write(&grid.unwrap());
            market.expiries[0].time = NOW + 86_400;
        }
        let price = || ShownPrice::supposed(Price::from_raw(6_000_000_000_000));
        inputs.markets.push((market, price()));
        inputs.banks.push((bank, price()));
        let mut header: MarginAccount = noise(&mut state, 4);
        header.collateral = Default::default();
        header.collateral[0].amount = bits(&mut state) >> (bits(&mut state) % 64);
        let legs = [
            (0u8, 0, 0),
            (1, NOW + 86_400, 0),
            (2, NOW + 86_400, 1 << 42),
        ];
        let positions = legs.map(|(instrument, expiry, strike)| PositionRecord {
            instrument,
            expiry,
            strike,
            ln_strike: risk_core::position::ln_strike(Price::from_raw(strike.max(1))),
            quantity: bits(&mut state).cast_signed() >> (bits(&mut state) % 64),
            cost: bits(&mut state).cast_signed() >> (bits(&mut state) % 64),
            ..bytemuck::Zeroable::zeroed()
        });
        for tier in [0, 1] {
            header.tier = tier;
            let _ = view(&header, &positions, &inputs);
        }
    }
}

#[test]
fn the_newest_stored_price_of_an_outage_in_force_stands_in() {
    let dead = |index, outage_at, spot_publish_time| Market {
        outage_at,
        spot_publish_time,
        spot: 1,
        ..market(index)
    };
    let markets = [
        dead(0, NOW - 3_600, NOW - 9_000),
        dead(1, NOW - 3_601, NOW - 8_000),
        dead(2, NOW - 3_599, NOW - 7_000),
        dead(3, 0, NOW),
    ];
    let bank = CollateralBank {
        index: 4,
        feed_id: FEED,
        outage_at: NOW - 3_600,
        ..bytemuck::Zeroable::zeroed()
    };
    let find = |feed: &[u8; 32], markets: &[Market]| stand_in(feed, markets, [&bank], NOW);
    assert_eq!(find(&FEED, &markets), Some(StandIn::Market(1)));
    assert_eq!(find(&FEED, &markets[2..]), Some(StandIn::Bank(4)));
    assert_eq!(find(&[1; 32], &markets), None);
    assert_eq!(stand_in(&FEED, &markets[2..], [], NOW), None);
    // and it is read as the program reads it: by one second
    for (index, code) in [(1, None), (2, Some(ErrorCode::OutageMissing))] {
        let stored = &markets[index];
        let data = bytes_of(stored);
        let account = RawAccount {
            owner: ID,
            data: &data,
        };
        let key = Pubkey::default();
        let shown = ShownPrice::read(&key, &account, &HOUSE, NOW, Priced::Market(stored));
        assert_eq!(shown.refusal.map(|refusal| refusal.reason), code);
        let doubt = shown.doubt.map(|doubt| doubt.reason);
        assert_eq!(doubt.is_some(), code.is_none());
    }
    // an older price than the market's own is refused
    let data = bytes_of(&markets[0]);
    let account = RawAccount {
        owner: ID,
        data: &data,
    };
    let priced = Priced::Market(&markets[1]);
    let shown = ShownPrice::read(&Pubkey::default(), &account, &HOUSE, NOW, priced);
    let reason = shown.refusal.map(|refusal| refusal.reason);
    assert_eq!(reason, Some(ErrorCode::OracleOutdated));
}
