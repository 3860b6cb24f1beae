//! `open_market`: who may open, once, and which boards are valid. Fees, funding and regime have tests of their own.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use portfolio_margin::error::MarginError;
use portfolio_margin::event::MarketOpened;
use portfolio_margin_interface::args::{MarketArgs, MarketRulesArgs};
use portfolio_margin_interface::seeds;
use portfolio_margin_interface::state::board::MAX_POSTERS;
use portfolio_margin_interface::state::{Market, VolBoard};
use risk_core::scenario::MAJOR_GRID;
use sandbox::{instructions, posters, rules_of, User, World};
use solana_instruction::Instruction;
use support::{assert_logged, assert_refused, foreign_house, Bend};

/// A world with a third market that is listed and not open.
fn listed() -> (World, sandbox::Market) {
    let mut world = World::new();
    let (governor, house) = (world.governor, world.house);
    let args = MarketArgs {
        stable_rate: 50_000, // what the band around the stable price needs
        ..world.market_args("ETH", [7; 32], &MAJOR_GRID)
    };
    let market = sandbox::Market {
        key: seeds::market(&house, 2),
        index: 2,
        feed_id: [7; 32],
        ..world.btc
    };
    let ix = instructions::initialize_market(&governor.key, &house, 2, args);
    world.send(&[ix], &[governor]).ok();
    (world, market)
}

fn open(world: &World, market: &sandbox::Market, rules: MarketRulesArgs) -> Instruction {
    instructions::open_market(&world.governor.key, market, rules)
}

#[test]
fn opens_with_boards_of_one_to_five() {
    for count in 1..=MAX_POSTERS {
        let (mut world, market) = listed();
        let (governor, names) = (world.governor, posters(count));
        assert_eq!(world.read::<Market>(&market.key).is_open, 0);
        let sequence = world.read::<Market>(&market.key).sequence;
        let ix = open(&world, &market, rules_of(&names));
        let outcome = world.send(&[ix], &[governor]).ok();
        let keys: Vec<Pubkey> = names.iter().map(|poster| poster.key).collect();
        let event = &outcome.events::<MarketOpened>()[0];
        assert_eq!((event.market, &event.posters), (market.key, &keys));
        let record: Market = world.read(&market.key);
        assert_eq!((record.is_open, record.sequence), (1, sequence + 1));
        assert_eq!(event.sequence, record.sequence);
        let board: VolBoard = world.board(&market);
        assert_eq!((board.market, board.count), (market.key, count as u8));
        assert_eq!(board.posters[..count], keys[..]);
        assert_eq!(
            board.posters[count..],
            vec![Pubkey::default(); MAX_POSTERS - count]
        );
        assert_eq!((board.version, board.quorum()), (1, count / 2 + 1));
        // nobody else is on it, not even the address of the places that are not used
        assert_eq!(board.place_of(&Pubkey::default()), None);
        assert_eq!(board.place_of(&keys[count - 1]), Some(count - 1));
    }
}

#[test]
fn refuses_boards_of_none_of_six_and_of_the_same_poster_twice() {
    let (mut world, market) = listed();
    let governor = world.governor;
    let nobody = Pubkey::default();
    let mut twice = posters(4);
    twice.push(twice[1]);
    for (rules, logged) in [
        (rules_of(&[]), "Left: 0".to_string()),
        (rules_of(&posters(6)), "Left: 6".to_string()),
        (rules_of(&twice), format!("poster {}", twice[1].key)),
        (MarketRulesArgs::plain(nobody), format!("poster {nobody}")),
    ] {
        let ix = open(&world, &market, rules);
        let outcome = assert_refused(&mut world, &ix, &[governor], MarginError::PosterCount);
        assert_logged(&outcome, &[&logged]);
    }
}

#[test]
fn refuses_anybody_but_the_governor() {
    let (mut world, market) = listed();
    let (governor, mallory) = (world.governor, world.user("mallory"));
    let rules = rules_of(&[mallory]);
    let ix = instructions::open_market(&mallory.key, &market, rules.clone());
    assert_refused(&mut world, &ix, &[mallory], MarginError::NotGovernor);
    let ix = open(&world, &market, rules).unsigned(governor.key);
    assert_refused(&mut world, &ix, &[], ErrorCode::AccountNotSigner);
}

#[test]
fn case_07_refuses_to_open_twice() {
    let mut world = World::new();
    let governor = world.governor;
    let board = world.data(&seeds::board(&world.btc.key));
    let ix = open(&world, &world.btc, rules_of(&posters(5)));
    // the board is there already, which the system program finds first
    assert_refused(&mut world, &ix, &[governor], support::Refusal::Code(0));
    assert_eq!(world.data(&seeds::board(&world.btc.key)), board);
}

#[test]
fn case_08_20_the_board_is_at_its_address_even_where_somebody_sent_lamports() {
    let (mut world, market) = listed();
    let governor = world.governor;
    let rules = rules_of(&posters(3));
    let wrong = open(&world, &market, rules.clone());
    let wrong = wrong.replace(
        seeds::board(&market.key),
        seeds::board(&User::named("no market").key),
    );
    assert_refused(&mut world, &wrong, &[governor], ErrorCode::ConstraintSeeds);
    let board = seeds::board(&market.key);
    world.svm.airdrop(&board, 1_000_000).expect("lamports");
    let ix = open(&world, &market, rules);
    world.send(&[ix], &[governor]).ok();
    assert_eq!(world.board(&market).count, 3);
}

#[test]
fn case_05_06_refuses_the_market_of_another_house_and_other_accounts() {
    let (mut world, market) = listed();
    let governor = world.governor;
    let (_, _, [foreign, _]) = foreign_house(&mut world);
    let rules = rules_of(&posters(1));
    // a market of the other house that is not open: it is listed there and nowhere else
    let args = world.market_args("ETH", [7; 32], &MAJOR_GRID);
    let list = instructions::initialize_market(&governor.key, &foreign.house, 2, args);
    world.send(&[list], &[governor]).ok();
    let other = sandbox::Market {
        key: seeds::market(&foreign.house, 2),
        ..market
    };
    let ix = open(&world, &other, rules.clone());
    let error = MarginError::ClearinghouseMismatch;
    assert_refused(&mut world, &ix, &[governor], error);
    let ix = open(&world, &market, rules.clone()).replace_at(1, world.usdc.key);
    let error = ErrorCode::AccountDiscriminatorMismatch;
    assert_refused(&mut world, &ix, &[governor], error);
    let ix = open(&world, &market, rules).replace_at(4, portfolio_margin_interface::ID);
    assert_refused(&mut world, &ix, &[governor], ErrorCode::InvalidProgramId);
}

#[test]
fn the_rules_are_those_of_the_arguments() {
    let (mut world, market) = listed();
    let governor = world.governor;
    let rules = MarketRulesArgs {
        fee_taker: 500,
        fee_maker: 200,
        fee_premium_cap: 125_000,
        band_linear: 50_000,
        band_option: 40_000,
        stable_band: 30_000,
        position_limit: 7,
        perp_limit: 8,
        expiry_limit: 9,
        ..rules_of(&posters(2))
    };
    let ix = open(&world, &market, rules);
    world.send(&[ix], &[governor]).ok();
    let found = world.read::<Market>(&market.key).rules;
    assert_eq!(
        [found.fee_taker, found.fee_maker, found.fee_premium_cap],
        [500, 200, 125_000]
    );
    assert_eq!(
        [found.band_linear, found.band_option, found.stable_band],
        [50_000, 40_000, 30_000]
    );
    assert_eq!(
        [found.position_limit, found.perp_limit, found.expiry_limit],
        [7, 8, 9]
    );
}

#[test]
fn a_band_around_the_stable_price_needs_a_stable_price() {
    let mut world = World::new();
    let (governor, house) = (world.governor, world.house);
    let args = world.market_args("ETH", [7; 32], &MAJOR_GRID);
    let market = sandbox::Market {
        key: seeds::market(&house, 2),
        index: 2,
        feed_id: [7; 32],
        ..world.btc
    };
    let list = instructions::initialize_market(&governor.key, &house, 2, args);
    world.send(&[list], &[governor]).ok();
    for (stable_band, limit) in [(1, 0), (1_000_001, 1_000_000)] {
        let rules = MarketRulesArgs {
            stable_band,
            ..rules_of(&posters(1))
        };
        let ix = open(&world, &market, rules);
        let error = MarginError::ParameterOutOfRange;
        let outcome = assert_refused(&mut world, &ix, &[governor], error);
        assert_logged(&outcome, &[&limit.to_string(), &stable_band.to_string()]);
    }
    let ix = open(&world, &market, rules_of(&posters(1)));
    world.send(&[ix], &[governor]).ok();
}
