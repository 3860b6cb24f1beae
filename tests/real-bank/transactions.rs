//! What holds for a transaction as a whole: all or nothing, signed, once, within its compute limit.

use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::{TradeLeg, MAX_LEGS};
use sandbox::transaction::COMPUTE_LIMIT;
use sandbox::{call, perpetual, put, Market, Trader, BASE, BTC_START, SOL, SOL_START, USDC};
use solana_instruction::error::InstructionError;
use solana_program_test::tokio;
use solana_transaction_error::TransactionError;

use crate::house::House;
use crate::lookup_table::{lookup_table, tabled};

/// Alice and bob, each with collateral of both banks.
pub async fn pair() -> (House, Trader, Trader) {
    let mut house = House::open(&["alice", "bob"]).await;
    let alice = house.trader("alice", 500_000 * USDC).await;
    let bob = house.trader("bob", 500_000 * USDC).await;
    for trader in [&alice, &bob] {
        let bank = house.sol_bank;
        house.fund_and_deposit(trader, bank, 100 * SOL).await;
    }
    (house, alice, bob)
}

/// Sixteen legs, each of its own series: a perpetual, four calls and three puts in each of two markets.
fn sixteen_legs(house: &House) -> Vec<TradeLeg> {
    let series = |market: &Market, price: u64, size: i64| {
        let (cent, premium) = (price / 100, price / 50);
        let short = |expiry, percent| call(market, expiry, cent * percent, -size / 2, premium);
        let long = |expiry, percent| put(market, expiry, cent * percent, size / 2, premium);
        [
            perpetual(market, size, price),
            short(house.week, 105),
            short(house.week, 110),
            long(house.week, 95),
            long(house.week, 90),
            short(house.month, 105),
            short(house.month, 110),
            long(house.month, 95),
        ]
    };
    let legs = [
        series(&house.btc, BTC_START, BASE),
        series(&house.sol, SOL_START, 100 * BASE),
    ]
    .concat();
    assert_eq!(legs.len(), MAX_LEGS);
    legs
}

#[tokio::test]
async fn a_refused_second_instruction_undoes_the_first() {
    let (mut house, alice, bob) = pair().await;
    let usdc = house.usdc;
    house.fund(&alice.user, &usdc, 1_000 * USDC).await;
    let deposit = house.deposit_ix(&alice, &usdc, 1_000 * USDC);
    let too_large = [perpetual(&house.btc, 1_000 * BASE, BTC_START)];
    let refused = house.trade_ix([&alice, &bob], &too_large).await;
    let both = [deposit.clone(), refused];
    let signers = [alice.user, bob.user];

    let before = house.bank.snapshot(&both).await;
    let outcome = house.bank.send(&both, &signers).await;
    assert!(outcome.log_contains("Instruction: DepositCollateral"));
    assert_eq!(
        outcome.error,
        Some(TransactionError::InstructionError(
            2,
            InstructionError::Custom(MarginError::InitialMarginBreached.into())
        ))
    );
    assert_eq!(house.bank.snapshot(&both).await, before);

    // the deposit was good: with a trade that alice can carry, both stand
    let small = [perpetual(&house.btc, BASE, BTC_START)];
    let small = house.trade_ix([&alice, &bob], &small).await;
    house.bank.send(&[deposit, small], &signers).await.ok();
    let (header, positions) = house.margin_account(&alice.account).await;
    assert_eq!(header.cash, 501_000 * USDC as i64);
    assert_eq!(positions.len(), 1);
}

#[tokio::test]
async fn a_trade_without_both_owners_signatures_is_refused() {
    let (mut house, alice, bob) = pair().await;
    let leg = [perpetual(&house.btc, BASE, BTC_START)];
    let trade = [house.trade_ix([&alice, &bob], &leg).await];
    let before = house.bank.snapshot(&trade).await;
    let signers = [alice.user, bob.user];
    let message = house.bank.message(COMPUTE_LIMIT, &trade, None).await;
    let signed = house.bank.sign(message, &signers);

    // place 0 is the payer's; both owners follow
    for place in [1, 2] {
        let mut blank = signed.clone();
        blank.signatures[place] = Default::default();
        let mut others = signed.clone();
        others.signatures[place] = signed.signatures[0];
        for unsigned in [blank, others] {
            let refused = house.bank.process_verified(unsigned).await;
            assert_eq!(refused, Err(TransactionError::SignatureFailure));
        }
    }
    let mut short = signed.clone();
    short.signatures.pop();
    let refused = house.bank.process_verified(short).await;
    assert_eq!(refused, Err(TransactionError::SanitizeFailure));

    // a message that does not ask for the signature gets past the runtime, not past the program
    for owner in signers {
        let mut unsigned = trade.clone();
        for meta in unsigned[0].accounts.iter_mut() {
            meta.is_signer &= meta.pubkey != owner.key;
        }
        let other: Vec<_> = signers.into_iter().filter(|user| *user != owner).collect();
        let outcome = house.bank.send(&unsigned, &other).await;
        let code = anchor_lang::error::ErrorCode::AccountNotSigner.into();
        assert_eq!(outcome.error_code(), Some(code));
    }
    assert_eq!(house.bank.snapshot(&trade).await, before);

    // with both signatures it stands; a new message, since a blockhash serves for one second here
    let message = house.bank.message(COMPUTE_LIMIT, &trade, None).await;
    let signed = house.bank.sign(message, &signers);
    assert_eq!(house.bank.process_verified(signed).await, Ok(()));
    assert_ne!(house.bank.snapshot(&trade).await, before);
}

#[tokio::test]
async fn the_same_transaction_is_not_taken_twice() {
    let (mut house, alice, _) = pair().await;
    let usdc = house.usdc;
    house.fund(&alice.user, &usdc, 1_000 * USDC).await;
    let deposit = [house.deposit_ix(&alice, &usdc, 500 * USDC)];
    let message = house.bank.message(COMPUTE_LIMIT, &deposit, None).await;
    let signed = house.bank.sign(message, &[alice.user]);
    house.bank.process(signed.clone()).await.ok();
    let once = house.bank.snapshot(&deposit).await;
    let again = house.bank.process(signed).await;
    assert_eq!(again.error, Some(TransactionError::AlreadyProcessed));
    assert_eq!(house.bank.snapshot(&deposit).await, once);
}

#[tokio::test]
async fn a_trade_of_sixteen_legs_needs_what_was_measured_and_fails_with_half_of_it() {
    let (mut house, alice, bob) = pair().await;
    let legs = sixteen_legs(&house);
    let trade = [house.trade_ix([&alice, &bob], &legs).await];
    let signers = [alice.user, bob.user];
    let before = house.bank.snapshot(&trade).await;
    let measured = house.bank.simulate(&trade, &signers).await;
    let measured = u32::try_from(measured).expect("within the limit");
    assert_eq!(house.bank.snapshot(&trade).await, before);

    // that many legs in two markets are a few bytes too long for a transaction without a table
    let table = lookup_table(&mut house, tabled(&trade[0])).await;
    let half = house.bank.message(measured / 2, &trade, Some(&table)).await;
    let half = house.bank.sign(half, &signers);
    let outcome = house.bank.process(half).await;
    let reached = InstructionError::ProgramFailedToComplete;
    let expected = TransactionError::InstructionError(1, reached);
    assert_eq!(outcome.error, Some(expected), "{:?}", outcome.logs);
    assert!(outcome.log_contains("exceeded CUs meter"));
    assert_eq!(house.bank.snapshot(&trade).await, before);

    let limit = measured + measured / 100;
    let whole = house.bank.message(limit, &trade, Some(&table)).await;
    let whole = house.bank.sign(whole, &signers);
    let outcome = house.bank.process(whole).await.ok();
    assert_eq!(outcome.compute_units, u64::from(measured));
    let (_, positions) = house.margin_account(&alice.account).await;
    assert_eq!(positions.len(), MAX_LEGS);
    println!(
        "trade of 16 legs in 2 markets: {} bytes, {measured} compute units",
        outcome.bytes
    );
}
