//! `settle_perp_pnl`: which prices and accounts it refuses.

use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use sandbox::{dollars, PriceFields};
use solana_instruction::Instruction;
use support::{foreign_account, foreign_house, other_program_copy, Bend, Refusal};

use crate::settle_perp_pnl::{ix, pair, refuse};

#[test]
fn case_25_27_only_a_price_that_an_opening_accepts_moves_money() {
    let (mut world, _, bob) = pair((0, 0));
    let btc = world.btc;
    world.set_price(&btc, dollars(107_000));
    let good = world.price(&btc.price);
    let settle = ix(&world, &bob);
    let limit = good.price.unsigned_abs() / 100;
    let bad = [
        (
            PriceFields {
                confidence: limit + 1,
                ..good
            },
            MarginError::OracleConfidenceTooWide,
        ),
        (
            PriceFields {
                publish_time: good.publish_time - 61,
                ..good
            },
            MarginError::OracleStale,
        ),
        (
            PriceFields {
                feed_id: world.sol.feed_id,
                ..good
            },
            MarginError::OracleFeedMismatch,
        ),
    ];
    for (fields, error) in bad {
        world.set_price_update(btc.price, fields);
        refuse(&mut world, &settle, error, &[]);
    }
    let edge = PriceFields {
        confidence: limit,
        publish_time: good.publish_time - 60,
        ..good
    };
    world.set_price_update(btc.price, edge);
    world.send(&[settle], &[]).ok();
}

#[test]
fn case_32_an_older_price_than_the_market_has_stored_moves_no_money() {
    let (mut world, _, bob) = pair((0, 0));
    let btc = world.btc;
    world.advance(40);
    world.set_price(&btc, dollars(107_000));
    world.update_market(&btc).ok();
    let good = world.price(&btc.price);
    let settle = ix(&world, &bob);
    let older = |seconds| PriceFields {
        publish_time: good.publish_time - seconds,
        ..good
    };
    world.set_price_update(btc.price, older(11));
    refuse(
        &mut world,
        &settle,
        MarginError::OracleOutdated,
        &["Left: 10", "Right: 11"],
    );
    world.set_price_update(btc.price, older(10));
    world.send(&[settle], &[]).ok();
}

#[test]
fn case_04_05_06_18_foreign_accounts_are_refused() {
    let (mut world, alice, bob) = pair((0, 0));
    let (btc, sol) = (world.btc, world.sol);
    world.set_price(&btc, dollars(107_000));
    let (house, _, [foreign, _]) = foreign_house(&mut world);
    let outside = foreign_account(&mut world, &alice, &house);
    let copy = other_program_copy(&mut world, &bob.account);
    let valid = ix(&world, &bob);
    let with = |old, new| valid.clone().replace(old, new);
    let mismatch = || Refusal::from(MarginError::ClearinghouseMismatch);
    let cases: [(Instruction, Refusal); 8] = [
        (with(btc.house, house), mismatch()),
        (with(btc.key, foreign.key), mismatch()),
        (with(bob.account, outside), mismatch()),
        (
            with(btc.price, sol.price),
            MarginError::OracleFeedMismatch.into(),
        ),
        (
            with(btc.key, sol.key),
            MarginError::OracleFeedMismatch.into(),
        ),
        (
            with(btc.key, sol.key).replace(btc.price, sol.price),
            MarginError::NothingToSettle.into(),
        ),
        (
            with(bob.account, copy),
            ErrorCode::AccountOwnedByWrongProgram.into(),
        ),
        (
            with(bob.account, btc.house),
            ErrorCode::AccountDiscriminatorMismatch.into(),
        ),
    ];
    for (bent, error) in cases {
        refuse(&mut world, &bent, error, &[]);
    }
    world.send(&[valid], &[]).ok();
}
