//! `venue_fill`: a venue trades for those who approved it, as they could themselves, and for nobody else. The venue here is
//! a hostile one that makes whatever call it is told (`programs/hostile-venue`).

use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use portfolio_margin::event::Traded;
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::seeds::{self, VENUE};
use portfolio_margin_interface::Pubkey;
use sandbox::venue::through;
use sandbox::{call, dollars, perpetual, Trader, User, World, BASE, BTC_START, USDC};
use solana_instruction::Instruction;
use support::{
    assert_batch_refused, assert_refused, assert_remaining_accounts_are_checked, foreign_house,
    mixed_book, other_program_copy, pair, Bend, Refusal,
};

/// Lists a hostile venue that both approve.
fn approve(world: &mut World, sides: [&Trader; 2]) -> Pubkey {
    let program = world.add_hostile_venue("venue");
    world.list_venue(&program).ok();
    for trader in sides {
        world.approve_venue(trader, &program).ok();
    }
    program
}

fn approved() -> (World, Trader, Trader, Pubkey) {
    let (mut world, alice, bob) = pair(50_000);
    let program = approve(&mut world, [&alice, &bob]);
    (world, alice, bob, program)
}

fn leg(world: &World) -> TradeLeg {
    perpetual(&world.btc, BASE / 10, BTC_START)
}

/// The fill through its venue.
fn fill(world: &World, program: &Pubkey, sides: [&Trader; 2], legs: &[TradeLeg]) -> Instruction {
    let inner = world.venue_fill_ix(program, sides[0], sides[1], legs);
    through(program, (VENUE, &world.house), &inner, 1)
}

fn quantity(world: &World, trader: &Trader) -> i64 {
    let (_, positions) = world.account(&trader.account);
    positions.iter().map(|record| record.quantity).sum()
}

#[test]
fn a_venue_trades_as_the_owners_would() {
    let (mut world, alice, bob, program) = approved();
    let (mut other, _, _, _) = approved();
    let (btc, week) = (world.btc, world.week);
    let legs = [
        leg(&world),
        call(&btc, week, dollars(120_000), -BASE / 10, dollars(900)),
    ];
    let ix = fill(&world, &program, [&alice, &bob], &legs);
    let outcome = world.send(&[ix], &[]).ok();
    println!(
        "venue_fill of 2 legs: {} compute units",
        outcome.compute_units
    );
    other.trade(&alice, &bob, &legs).ok();
    for key in [alice.account, bob.account, btc.key, world.house] {
        assert_eq!(world.data(&key), other.data(&key));
    }
    assert!(world.reconcile().is_exact());
    let event = &outcome.events::<Traded>()[0];
    assert_eq!((event.taker, event.maker), (alice.account, bob.account));
    assert_eq!(event.legs, legs);
}

#[test]
fn case_24_signed_by_nobody_or_by_another_address() {
    let (mut world, alice, bob, program) = approved();
    let house = world.house;
    let ix = world.venue_fill_ix(&program, &alice, &bob, &[leg(&world)]);
    let authority = seeds::venue_authority(&house, &program);
    let unauthorized = MarginError::Unauthorized;
    // at the top no derived address can sign; a wallet is another address
    let unsigned = ix.clone().unsigned(authority);
    assert_refused(&mut world, &unsigned, &[], ErrorCode::AccountNotSigner);
    for signer in [alice.user, bob.user, world.governor] {
        let by_wallet = ix.clone().replace(authority, signer.key);
        assert_refused(&mut world, &by_wallet, &[signer], unauthorized);
    }
    // another address of the venue's own program
    for (seed, second) in [(&b"vault"[..], house), (VENUE, alice.account)] {
        let seeds = [seed, second.as_ref()];
        let (other, _) = Pubkey::find_program_address(&seeds, &program);
        let inner = ix.clone().replace(authority, other);
        let wrong = through(&program, (seed, &second), &inner, 1);
        assert_refused(&mut world, &wrong, &[], unauthorized);
    }
    // another program with its own address, and with the venue's, for which it cannot sign
    let second = world.add_hostile_venue("second");
    let own = seeds::venue_authority(&house, &second);
    let inner = ix.clone().replace(authority, own);
    let wrong = through(&second, (VENUE, &house), &inner, 1);
    assert_refused(&mut world, &wrong, &[], unauthorized);
    let wrong = through(&second, (VENUE, &house), &unsigned, 1);
    assert_refused(&mut world, &wrong, &[], ErrorCode::AccountNotSigner);
}

#[test]
fn case_24_a_venue_that_nobody_listed_or_that_was_delisted() {
    let (mut world, alice, bob, program) = approved();
    let (governor, house) = (world.governor, world.house);
    let second = world.add_hostile_venue("second");
    // it claims the listed venue's record, or has none
    let unlisted = fill(&world, &second, [&alice, &bob], &[leg(&world)]);
    let none = ErrorCode::AccountOwnedByWrongProgram;
    assert_refused(&mut world, &unlisted, &[], none);
    let record = |program| seeds::venue(&house, program);
    let borrowed = unlisted.replace(record(&second), record(&program));
    let unauthorized = MarginError::Unauthorized;
    assert_refused(&mut world, &borrowed, &[], unauthorized);
    // listed and approved by nobody
    world.list_venue(&second).ok();
    let not_approved = MarginError::VenueNotApproved;
    let strange = fill(&world, &second, [&alice, &bob], &[leg(&world)]);
    assert_refused(&mut world, &strange, &[], not_approved);

    // delisted in the transaction of the fill itself
    let good = fill(&world, &program, [&alice, &bob], &[leg(&world)]);
    let delist = world.delist_venue_ix(&program);
    let batch = [good.clone(), delist.clone(), good.clone()];
    let not_listed = MarginError::VenueNotListed;
    assert_batch_refused(&mut world, &batch, &[governor], not_listed);
    world.send_wide(&batch[..2], &[governor]).ok();
    assert_refused(&mut world, &good, &[], not_listed);
    let relist = world.relist_venue_ix(&program);
    world.send(&[relist], &[governor]).ok();
    world.send(&[good], &[]).ok();
    assert_eq!(quantity(&world, &alice), 2 * BASE / 10);
}

#[test]
fn case_24_accounts_that_did_not_approve_or_revoked() {
    let (mut world, alice, bob, program) = approved();
    let carol = world.trader("carol", 50_000 * USDC);
    let not_approved = MarginError::VenueNotApproved;
    for sides in [[&alice, &carol], [&carol, &alice]] {
        let ix = fill(&world, &program, sides, &[leg(&world)]);
        assert_refused(&mut world, &ix, &[], not_approved);
        // not even where carol signs the transaction
        let mut signed = ix.clone();
        signed
            .accounts
            .push(solana_instruction::AccountMeta::new_readonly(
                carol.user.key,
                true,
            ));
        assert_refused(&mut world, &signed, &[carol.user], not_approved);
    }
    let good = fill(&world, &program, [&alice, &bob], &[leg(&world)]);
    world.send(std::slice::from_ref(&good), &[]).ok();
    let revoke = world.revoke_venue_ix(&bob, &program);
    let batch = [revoke.clone(), good.clone()];
    assert_batch_refused(&mut world, &batch, &[bob.user], not_approved);
    world.send(&[revoke], &[bob.user]).ok();
    assert_refused(&mut world, &good, &[], not_approved);
    // another account of the same owner approved nothing
    let second = world.open_sub_account(&alice.user, 1, 16);
    let ix = fill(&world, &program, [&second, &alice], &[leg(&world)]);
    assert_refused(&mut world, &ix, &[], not_approved);
}

#[test]
fn case_24_a_venue_moves_nothing_but_trades() {
    let (mut world, alice, bob, program) = approved();
    let usdc = world.usdc;
    // its signature is no owner's
    let withdraw = world.withdraw_ix(&alice, &usdc, 1);
    let authority = seeds::venue_authority(&world.house, &program);
    let unsigned = withdraw.clone().unsigned(alice.user.key);
    let stolen = through(&program, (VENUE, &world.house), &unsigned, 1);
    assert_refused(&mut world, &stolen, &[], ErrorCode::AccountNotSigner);
    let posed = withdraw.replace_at(0, authority);
    let stolen = through(&program, (VENUE, &world.house), &posed, 1);
    assert_refused(&mut world, &stolen, &[], MarginError::NotOwner);
    let trade = world.trade_ix(&alice, &bob, &[leg(&world)]);
    let posed = trade.replace_at(0, authority).replace_at(1, authority);
    let stolen = through(&program, (VENUE, &world.house), &posed, 1);
    assert_refused(&mut world, &stolen, &[], MarginError::Unauthorized);
}

#[test]
fn case_24_calls_within_calls_and_twice_in_one() {
    let (mut world, alice, bob, program) = approved();
    let house = (VENUE, &world.house.clone());
    let inner = world.venue_fill_ix(&program, &alice, &bob, &[leg(&world)]);
    // twice in one instruction is two trades
    let twice = through(&program, house, &inner, 2);
    world.send(&[twice], &[]).ok();
    assert_eq!(quantity(&world, &alice), 2 * BASE / 10);
    // through itself, one level deeper, the program signs as well
    let once = through(&program, house, &inner, 1);
    let deeper = through(&program, house, &once, 1);
    world.send(&[deeper], &[]).ok();
    assert_eq!(quantity(&world, &alice), 3 * BASE / 10);
    // the trade that breaks margin undoes the ones before it
    let big = [perpetual(&world.btc, BASE, BTC_START)];
    let inner = world.venue_fill_ix(&program, &alice, &bob, &big);
    let many = through(&program, house, &inner, 9);
    let breached = MarginError::InitialMarginBreached;
    assert_refused(&mut world, &many, &[], breached);
    assert_eq!(quantity(&world, &alice), 3 * BASE / 10);
}

#[test]
fn case_06_24_records_and_accounts_of_elsewhere() {
    let (mut world, alice, bob, program) = approved();
    let house = world.house;
    let ix = fill(&world, &program, [&alice, &bob], &[leg(&world)]);
    let record = seeds::venue(&house, &program);
    let copy = other_program_copy(&mut world, &record);
    let (foreign, ..) = foreign_house(&mut world);
    let governor = world.governor;
    let list = world
        .list_venue_ix(&program)
        .replace(house, foreign)
        .replace(record, seeds::venue(&foreign, &program));
    world.send(&[list], &[governor]).ok();
    let cases: [(Pubkey, Pubkey, Refusal); 5] = [
        (record, copy, ErrorCode::AccountOwnedByWrongProgram.into()),
        (
            record,
            world.btc.key,
            ErrorCode::AccountDiscriminatorMismatch.into(),
        ),
        // another house's record of the same venue
        (
            record,
            seeds::venue(&foreign, &program),
            MarginError::ClearinghouseMismatch.into(),
        ),
        (house, foreign, MarginError::ClearinghouseMismatch.into()),
        (alice.account, bob.account, MarginError::SelfTrade.into()),
    ];
    for (old, new, error) in cases {
        let bent = ix.clone().replace(old, new);
        assert_refused(&mut world, &bent, &[], error);
    }
}

#[test]
fn cases_16_to_18_remaining_accounts_are_checked_as_in_a_trade() {
    let (mut world, alice, bob) = mixed_book();
    let program = approve(&mut world, [&alice, &bob]);
    let legs = [leg(&world)];
    let ix = fill(&world, &program, [&alice, &bob], &legs);
    assert_remaining_accounts_are_checked(&mut world, &ix, &[]);
}

#[test]
fn margin_and_legs_are_those_of_a_trade() {
    let (mut world, alice, bob, program) = approved();
    let btc = world.btc;
    let expired = call(&btc, world.now(), dollars(1), BASE, dollars(1));
    let cases: [(Vec<TradeLeg>, MarginError); 5] = [
        (vec![], MarginError::LegCount),
        (vec![leg(&world); 17], MarginError::LegCount),
        (vec![expired], MarginError::Expired),
        (vec![perpetual(&btc, 0, BTC_START)], MarginError::ZeroAmount),
        (
            vec![perpetual(&btc, 10 * BASE, BTC_START)],
            MarginError::InitialMarginBreached,
        ),
    ];
    for (legs, error) in cases {
        let ix = fill(&world, &program, [&alice, &bob], &legs);
        let outcome = assert_batch_refused(&mut world, &[ix], &[], error);
        assert_eq!(outcome.events::<Traded>().len(), 0);
    }
    let nobody = User::named("nobody").key;
    assert!(world.svm.get_account(&nobody).is_none());
}
