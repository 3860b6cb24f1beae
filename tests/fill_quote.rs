//! `fill_quote`: what a maker signed is what is traded, as often as it allows and no longer.

use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use portfolio_margin::event::{QuoteFilled, Traded};
use portfolio_margin_interface::args::{HealthKind, TradeLeg};
use portfolio_margin_interface::quote::QuoteMessage;
use portfolio_margin_interface::state::margin_account::SCOPE_TRADE;
use portfolio_margin_interface::{seeds, Pubkey};
use sandbox::lifecycle::set_delegate;
use sandbox::quotes::{ed25519, fill_args, system_transfer};
use sandbox::venue::through;
use sandbox::{call, dollars, perpetual, put, Outcome, Trader, World, BASE, BTC_START, USDC};
use solana_instruction::Instruction;
use support::{assert_batch_refused, foreign_house, other_program_copy, pair, Bend, Refusal};

/// A tenth of a BTC at the price of the start.
const SIZE: i64 = BASE / 10;

/// Alice takes, bob makes; both hold 50,000 USDC, bob has quote nonces.
pub fn maker() -> (World, Trader, Trader) {
    let (mut world, alice, bob) = pair(50_000);
    world.open_quotes(&bob).ok();
    (world, alice, bob)
}

/// The leg of most quotes here.
pub fn leg(world: &World) -> TradeLeg {
    perpetual(&world.btc, SIZE, BTC_START)
}

/// The signature and the fill of a quote that bob signs.
pub fn signed_fill(
    world: &World,
    [alice, bob]: [&Trader; 2],
    quote: &QuoteMessage,
    lots: u64,
) -> [Instruction; 2] {
    let fill = world.fill_quote_ix(alice, bob, quote, lots);
    [ed25519(&bob.user, &quote.encode()), fill]
}

/// A fill of one lot that must be refused.
#[track_caller]
pub fn refused(
    world: &mut World,
    sides: [&Trader; 2],
    quote: &QuoteMessage,
    error: impl Into<Refusal>,
) -> Outcome {
    let batch = signed_fill(world, sides, quote, 1);
    assert_batch_refused(world, &batch, &[sides[0].user], error)
}

fn quantity(world: &World, trader: &Trader) -> i64 {
    let (_, positions) = world.account(&trader.account);
    positions.iter().map(|record| record.quantity).sum()
}

#[test]
fn a_fill_trades_what_the_maker_signed_without_the_maker() {
    let (mut world, alice, bob) = maker();
    let (btc, week) = (world.btc, world.week);
    let legs = [
        perpetual(&btc, SIZE, BTC_START),
        call(&btc, week, dollars(120_000), -SIZE, dollars(900)),
        put(&btc, week, dollars(110_000), SIZE, dollars(700)),
    ];
    let quote = world.quote(&bob, 7, &legs);
    let outcome = world.fill_quote(&alice, &bob, &quote, 3).ok();
    println!(
        "fill_quote of 3 legs: {:?} compute units of {}, {} bytes",
        outcome.compute_units_of("fill_quote"),
        outcome.compute_units,
        outcome.bytes
    );
    for (trader, sign) in [(&alice, 1), (&bob, -1)] {
        let (_, positions) = world.account(&trader.account);
        let held: Vec<_> = positions.iter().map(|r| (r.strike, r.quantity)).collect();
        let strikes = [(0, 3), (dollars(110_000), 3), (dollars(120_000), -3)];
        let expected = strikes.map(|(strike, lots)| (strike, lots * sign * SIZE));
        assert_eq!(held, expected);
    }
    // both pay the same premiums: 0.3 x (900 - 700)
    let [ours, theirs] = [&alice, &bob].map(|t| world.account(&t.account).0.cash);
    let premium = 3 * 20 * USDC as i64;
    assert_eq!(
        (ours, theirs),
        (
            50_000 * USDC as i64 + premium,
            50_000 * USDC as i64 - premium
        )
    );
    assert!(world.reconcile().is_exact());

    let told = &outcome.events::<QuoteFilled>()[0];
    assert_eq!((told.maker, told.taker), (bob.account, alice.account));
    assert_eq!(
        (told.nonce, told.lots, told.filled, told.most_lots),
        (7, 3, 3, 10)
    );
    assert_eq!(told.sequence, world.quotes(&bob).sequence);
    let traded = &outcome.events::<Traded>()[0];
    assert_eq!((traded.maker, traded.taker), (bob.account, alice.account));
    let traded: Vec<_> = traded.legs.iter().map(|leg| leg.quantity).collect();
    assert_eq!(traded, [3 * SIZE, -3 * SIZE, 3 * SIZE]);
}

#[test]
fn a_fill_and_a_trade_of_the_same_legs_end_in_the_same_accounts() {
    let (mut world, alice, bob) = maker();
    let (mut other, ..) = maker();
    let quote = world.quote(&bob, 1, &[leg(&world)]);
    world.fill_quote(&alice, &bob, &quote, 4).ok();
    let legs = [perpetual(&other.btc, 4 * SIZE, BTC_START)];
    other.trade(&alice, &bob, &legs).ok();
    for key in [alice.account, bob.account, world.btc.key, world.house] {
        assert_eq!(world.data(&key), other.data(&key));
    }
}

#[test]
fn works_wherever_the_signature_stands_and_whatever_the_wallet_adds() {
    let (mut world, alice, bob) = maker();
    let quote = world.quote(&bob, 1, &[leg(&world)]);
    let [signed, fill] = signed_fill(&world, [&alice, &bob], &quote, 1);
    // what wallets add: a compute budget in front (the world always does), a tip or an assertion behind
    let tip = system_transfer(&alice.user.key, &world.payer.key, 1_000);
    let quote_of_another = ed25519(&alice.user, b"something else that is signed");
    let batches = [
        vec![signed.clone(), fill.clone(), tip.clone()],
        vec![
            tip.clone(),
            signed.clone(),
            tip.clone(),
            fill.clone(),
            tip.clone(),
        ],
        vec![fill.clone(), signed.clone()],
        vec![
            tip.clone(),
            fill.clone(),
            tip.clone(),
            quote_of_another,
            signed.clone(),
        ],
    ];
    for (n, batch) in batches.iter().enumerate() {
        world.send_wide(batch, &[alice.user]).ok();
        assert_eq!(quantity(&world, &alice), (n as i64 + 1) * SIZE);
    }
    // an assertion of the clearing house itself, good and bad
    let batch = signed_fill(&world, [&alice, &bob], &quote, 1);
    for (least, passes) in [(10_000 * USDC as i64, true), (i64::MAX, false)] {
        let guard = world.assert_health_ix(&alice.account, HealthKind::Initial, least);
        let batch = [&batch[..], &[guard]].concat();
        if passes {
            world.send_wide(&batch, &[alice.user]).ok();
        } else {
            let below = MarginError::HealthBelow;
            assert_batch_refused(&mut world, &batch, &[alice.user], below);
        }
    }
}

#[test]
fn two_quotes_in_one_transaction_are_told_apart_by_their_nonces() {
    let (mut world, alice, bob) = maker();
    let carol = world.trader("carol", 50_000 * USDC);
    world.open_quotes(&carol).ok();
    let first = world.quote(&bob, 1, &[leg(&world)]);
    let second = world.quote(&bob, 2, &[perpetual(&world.sol, BASE, sandbox::SOL_START)]);
    let third = world.quote(&carol, 1, &[leg(&world)]);
    let mut batch = Vec::new();
    for (maker, quote) in [(&bob, &first), (&bob, &second), (&carol, &third)] {
        batch.push(ed25519(&maker.user, &quote.encode()));
    }
    batch.push(world.fill_quote_ix(&alice, &carol, &third, 2));
    world.send_wide(&batch, &[alice.user]).ok();
    assert_eq!(
        (quantity(&world, &carol), quantity(&world, &bob)),
        (-2 * SIZE, 0)
    );
    batch[3] = world.fill_quote_ix(&alice, &bob, &second, 1);
    world.send_wide(&batch, &[alice.user]).ok();
    assert_eq!(quantity(&world, &bob), -BASE);
    assert_eq!(world.quotes(&bob).filled(1), Some(0));
}

#[test]
fn delegates_of_both_sides_sign_in_their_scope_and_time() {
    let (mut world, alice, bob) = maker();
    let [bot, desk] = ["bot", "desk"].map(|name| world.user(name));
    let end = world.now() + 30;
    for (trader, delegate) in [(&alice, &bot), (&bob, &desk)] {
        let ix = set_delegate(trader, delegate.key, SCOPE_TRADE, end);
        world.send(&[ix], &[trader.user]).ok();
    }
    let quote = world.quote(&bob, 1, &[leg(&world)]);
    let fill = world.fill_quote_ix(&alice, &bob, &quote, 1);
    let fill = fill.replace(alice.user.key, bot.key);
    let batch = [ed25519(&desk, &quote.encode()), fill];
    world.set_time(end - 1);
    world.send(&batch, &[bot]).ok();
    assert_eq!(quantity(&world, &alice), SIZE);
    // at its end the maker's delegate has signed nothing any more, nor does the taker's sign
    world.set_time(end);
    let by_owner = [ed25519(&bob.user, &quote.encode()), batch[1].clone()];
    let unauthorized = MarginError::Unauthorized;
    assert_batch_refused(&mut world, &by_owner, &[bot], unauthorized);
    let fill = world.fill_quote_ix(&alice, &bob, &quote, 1);
    let late = [batch[0].clone(), fill];
    let unsigned = MarginError::QuoteUnsigned;
    assert_batch_refused(&mut world, &late, &[alice.user], unsigned);
}

#[test]
fn case_03_a_delegate_that_was_revoked_has_signed_nothing() {
    let (mut world, alice, bob) = maker();
    let desk = world.user("desk");
    let end = world.now() + 1_000;
    let ix = set_delegate(&bob, desk.key, SCOPE_TRADE, end);
    world.send(&[ix], &[bob.user]).ok();
    let quote = world.quote(&bob, 1, &[leg(&world)]);
    let fill = world.fill_quote_ix(&alice, &bob, &quote, 1);
    let batch = [ed25519(&desk, &quote.encode()), fill];
    world.send(&batch, &[alice.user]).ok();
    let revoke = set_delegate(&bob, Pubkey::default(), 0, 0);
    world.send(&[revoke], &[bob.user]).ok();
    let unsigned = MarginError::QuoteUnsigned;
    assert_batch_refused(&mut world, &batch, &[alice.user], unsigned);
}

#[test]
fn case_01_02_the_taker_signs() {
    let (mut world, alice, bob) = maker();
    let mallory = world.user("mallory");
    let quote = world.quote(&bob, 1, &[leg(&world)]);
    let [signed, fill] = signed_fill(&world, [&alice, &bob], &quote, 1);
    let unsigned = [signed.clone(), fill.clone().unsigned(alice.user.key)];
    let missing = ErrorCode::AccountNotSigner;
    assert_batch_refused(&mut world, &unsigned, &[], missing);
    // neither a stranger nor the maker signs for the taker
    for other in [mallory, bob.user] {
        let by_other = [
            signed.clone(),
            fill.clone().replace(alice.user.key, other.key),
        ];
        let error = MarginError::Unauthorized;
        assert_batch_refused(&mut world, &by_other, &[other], error);
    }
}

#[test]
fn is_good_until_the_second_before_it_expires() {
    let (mut world, alice, bob) = maker();
    let mut quote = world.quote(&bob, 1, &[leg(&world)]);
    quote.expires = world.now() + 20;
    world.set_time(quote.expires - 1);
    world.fill_quote(&alice, &bob, &quote, 1).ok();
    let expired = MarginError::QuoteExpired;
    for time in [quote.expires, quote.expires + 1] {
        world.set_time(time);
        refused(&mut world, [&alice, &bob], &quote, expired);
    }
    quote.expires = i64::MIN;
    refused(&mut world, [&alice, &bob], &quote, expired);
    quote.expires = i64::MAX;
    world.fill_quote(&alice, &bob, &quote, 1).ok();
}

#[test]
fn a_quote_for_one_taker_is_no_other_takers() {
    let (mut world, alice, bob) = maker();
    let carol = world.trader("carol", 50_000 * USDC);
    let mut quote = world.quote(&bob, 1, &[leg(&world)]);
    quote.taker = carol.account;
    refused(&mut world, [&alice, &bob], &quote, MarginError::QuoteTaker);
    world.fill_quote(&carol, &bob, &quote, 1).ok();
    // the wallet is not the account
    quote.taker = carol.user.key;
    refused(&mut world, [&carol, &bob], &quote, MarginError::QuoteTaker);
}

#[test]
fn fills_in_parts_up_to_its_lots_and_not_in_smaller_parts_than_it_says() {
    let (mut world, alice, bob) = maker();
    let mut quote = world.quote(&bob, 1, &[leg(&world)]);
    (quote.most_lots, quote.least_lots) = (10, 3);
    let lots = MarginError::QuoteLots;
    let batch = signed_fill(&world, [&alice, &bob], &quote, 2);
    assert_batch_refused(&mut world, &batch, &[alice.user], lots);
    for (asked, filled) in [(3, 3), (4, 7)] {
        world.fill_quote(&alice, &bob, &quote, asked).ok();
        assert_eq!(world.quotes(&bob).filled(1), Some(filled));
    }
    // three are left: more is clamped, fewer refused
    let batch = signed_fill(&world, [&alice, &bob], &quote, 2);
    assert_batch_refused(&mut world, &batch, &[alice.user], lots);
    let [signed, fill] = signed_fill(&world, [&alice, &bob], &quote, 5);
    let greedy = fill_args(fill, 1, 5, 4);
    assert_batch_refused(&mut world, &[signed, greedy], &[alice.user], lots);
    world.fill_quote(&alice, &bob, &quote, u64::MAX).ok();
    assert_eq!(quantity(&world, &alice), 10 * SIZE);
    refused(&mut world, [&alice, &bob], &quote, MarginError::QuoteUsed);
    assert_eq!(quantity(&world, &bob), -10 * SIZE);
}

#[test]
fn a_last_part_below_the_least_is_taken_whole_or_not() {
    let (mut world, alice, bob) = maker();
    let mut quote = world.quote(&bob, 1, &[leg(&world)]);
    (quote.most_lots, quote.least_lots) = (10, 4);
    world.fill_quote(&alice, &bob, &quote, 8).ok();
    refused(&mut world, [&alice, &bob], &quote, MarginError::QuoteLots);
    world.fill_quote(&alice, &bob, &quote, 2).ok();
}

#[test]
fn case_47_no_lots_no_legs_and_no_size_are_refused() {
    let (mut world, alice, bob) = maker();
    let mut quote = world.quote(&bob, 1, &[leg(&world)]);
    let none = signed_fill(&world, [&alice, &bob], &quote, 0);
    assert_batch_refused(&mut world, &none, &[alice.user], MarginError::ZeroAmount);
    quote.most_lots = 0;
    refused(&mut world, [&alice, &bob], &quote, MarginError::QuoteUsed);
    quote.most_lots = 1;
    quote.legs[0].quantity = 0;
    refused(&mut world, [&alice, &bob], &quote, MarginError::ZeroAmount);
    quote.legs.clear();
    refused(&mut world, [&alice, &bob], &quote, MarginError::LegCount);
    quote.legs = vec![leg(&world); 17];
    refused(&mut world, [&alice, &bob], &quote, MarginError::LegCount);
}

#[test]
fn case_39_40_lots_times_size_do_not_wrap() {
    let (mut world, alice, bob) = maker();
    let mut quote = world.quote(&bob, 1, &[leg(&world)]);
    quote.most_lots = u64::MAX;
    for lots in [u64::MAX, 1 << 63, (1 << 63) - 1] {
        let batch = signed_fill(&world, [&alice, &bob], &quote, lots);
        let overflow = MarginError::AmountOverflow;
        assert_batch_refused(&mut world, &batch, &[alice.user], overflow);
    }
    world.fill_quote(&alice, &bob, &quote, 1).ok();
}

#[test]
fn quotes_of_one_nonce_share_its_lots() {
    let (mut world, alice, bob) = maker();
    let mut quote = world.quote(&bob, 1, &[leg(&world)]);
    quote.most_lots = 5;
    let mut better = quote.clone();
    better.legs[0].price -= dollars(1);
    world.fill_quote(&alice, &bob, &quote, 3).ok();
    world.fill_quote(&alice, &bob, &better, 5).ok();
    assert_eq!(quantity(&world, &alice), 5 * SIZE);
    for used in [quote, better] {
        refused(&mut world, [&alice, &bob], &used, MarginError::QuoteUsed);
    }
}

#[test]
fn a_quote_of_another_place_is_no_quote_here() {
    let (mut world, alice, bob) = maker();
    let carol = world.trader("carol", 50_000 * USDC);
    let good = world.quote(&bob, 1, &[leg(&world)]);
    let stranger = sandbox::User::named("stranger").key;
    let (house, ..) = foreign_house(&mut world);
    type Change<'a> = &'a dyn Fn(&mut QuoteMessage);
    let changes: [Change<'_>; 6] = [
        &|quote| quote.program = stranger,
        &|quote| quote.clearinghouse = house,
        &|quote| quote.maker = carol.account,
        &|quote| quote.maker = seeds::margin_account(&house, &bob.user.key, 0),
        &|quote| quote.tag[15] = b'2',
        &|quote| quote.tag[0] = 0,
    ];
    for change in changes {
        let mut quote = good.clone();
        change(&mut quote);
        let unsigned = MarginError::QuoteUnsigned;
        refused(&mut world, [&alice, &bob], &quote, unsigned);
    }
    // signed on another cluster, where the nonces were opened at another slot
    for session in [good.session - 1, good.session + 1, 0] {
        let mut quote = good.clone();
        quote.session = session;
        let other = MarginError::QuoteSession;
        refused(&mut world, [&alice, &bob], &quote, other);
    }
    // the nonce that the fill names is the quote's
    let [signed, fill] = signed_fill(&world, [&alice, &bob], &good, 1);
    let fill = fill_args(fill, 2, 1, 0);
    let unsigned = MarginError::QuoteUnsigned;
    assert_batch_refused(&mut world, &[signed, fill], &[alice.user], unsigned);
    world.fill_quote(&alice, &bob, &good, 1).ok();
}

#[test]
fn case_14_the_instructions_come_from_the_runtime() {
    let (mut world, alice, bob) = maker();
    let quote = world.quote(&bob, 1, &[leg(&world)]);
    let [signed, fill] = signed_fill(&world, [&alice, &bob], &quote, 1);
    let sysvar = portfolio_margin::instructions::quote::signature::INSTRUCTIONS_SYSVAR;
    // an account whose bytes show a signature that nobody made
    let forged = sandbox::quotes::forged_sysvar(&mut world, std::slice::from_ref(&signed));
    for fake in [forged, world.btc.key] {
        let batch = [fill.clone().replace(sysvar, fake)];
        let error = MarginError::InvalidSysvar;
        assert_batch_refused(&mut world, &batch, &[alice.user], error);
    }
}

#[test]
fn case_23_is_not_called_by_other_programs() {
    let (mut world, alice, bob) = maker();
    let relay = world.add_hostile_venue("relay");
    let quote = world.quote(&bob, 1, &[leg(&world)]);
    let [signed, fill] = signed_fill(&world, [&alice, &bob], &quote, 1);
    let inner = through(&relay, (b"", &world.house), &fill, 1);
    let batch = [signed.clone(), inner];
    let error = MarginError::NotTopLevel;
    assert_batch_refused(&mut world, &batch, &[alice.user], error);
    world.send_wide(&[signed, fill], &[alice.user]).ok();
}

#[test]
fn case_04_05_06_the_nonces_are_the_makers() {
    let (mut world, alice, bob) = maker();
    world.open_quotes(&alice).ok();
    let quote = world.quote(&bob, 1, &[leg(&world)]);
    let [signed, fill] = signed_fill(&world, [&alice, &bob], &quote, 1);
    let nonces = seeds::quotes(&bob.account);
    let copy = other_program_copy(&mut world, &nonces);
    let cases: [(Pubkey, Refusal); 3] = [
        (
            seeds::quotes(&alice.account),
            MarginError::QuotesMismatch.into(),
        ),
        (copy, ErrorCode::AccountOwnedByWrongProgram.into()),
        (
            world.usdc.key,
            ErrorCode::AccountDiscriminatorMismatch.into(),
        ),
    ];
    for (other, error) in cases {
        let batch = [signed.clone(), fill.clone().replace(nonces, other)];
        assert_batch_refused(&mut world, &batch, &[alice.user], error);
    }
    // without nonces there are no quotes
    let carol = world.trader("carol", 50_000 * USDC);
    let mut quote = quote;
    quote.maker = carol.account;
    let closed = ErrorCode::AccountOwnedByWrongProgram;
    refused(&mut world, [&alice, &carol], &quote, closed);
}

#[test]
fn what_the_exchange_refuses_leaves_the_nonce_good() {
    let (mut world, alice, bob) = maker();
    let poor = world.trader("poor", 100 * USDC);
    world.open_quotes(&poor).ok();
    let quote = world.quote(&poor, 1, &[perpetual(&world.btc, BASE, BTC_START)]);
    let breached = MarginError::InitialMarginBreached;
    refused(&mut world, [&alice, &poor], &quote, breached);
    assert_eq!(world.quotes(&poor).filled(1), Some(0));
    let own = world.quote(&bob, 1, &[leg(&world)]);
    refused(&mut world, [&bob, &bob], &own, MarginError::SelfTrade);
    assert_eq!(world.quotes(&bob).filled(1), Some(0));
    let mut expired = own.clone();
    expired.legs = vec![call(&world.btc, world.now(), dollars(1), SIZE, dollars(1))];
    refused(&mut world, [&alice, &bob], &expired, MarginError::Expired);
}
