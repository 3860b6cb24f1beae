//! `fill_quote` and forged signatures: what the Ed25519 program did not verify for the maker's key is no quote.

use crate::fill_quote::{leg, maker, signed_fill};
use portfolio_margin::error::MarginError;
use portfolio_margin_interface::quote::QuoteMessage;
use sandbox::quotes::{carrier, ed25519, system_transfer, Ed25519Data};
use sandbox::{Trader, User, World};
use solana_instruction::Instruction;
use support::{assert_batch_fails, assert_batch_refused};

/// A world, alice, bob, mallory, and a quote of bob's that he never signed.
fn scene() -> (World, Trader, Trader, User, QuoteMessage) {
    let (mut world, alice, bob) = maker();
    let mallory = world.user("mallory");
    let quote = world.quote(&bob, 1, &[leg(&world)]);
    (world, alice, bob, mallory, quote)
}

/// Alice fills with these instructions before hers, which must be refused as unsigned.
#[track_caller]
fn unsigned(
    world: &mut World,
    [alice, bob]: [&Trader; 2],
    quote: &QuoteMessage,
    before: &[Instruction],
) {
    let fill = world.fill_quote_ix(alice, bob, quote, 1);
    let batch = [before, &[fill]].concat();
    let error = MarginError::QuoteUnsigned;
    assert_batch_refused(world, &batch, &[alice.user], error);
}

#[test]
fn no_signature_or_another_signers() {
    let (mut world, alice, bob, mallory, quote) = scene();
    let sides = [&alice, &bob];
    unsigned(&mut world, sides, &quote, &[]);
    for other in [mallory, alice.user] {
        let signed = ed25519(&other, &quote.encode());
        unsigned(&mut world, sides, &quote, &[signed]);
    }
    // bob signs, but something else
    for message in [&b""[..], b"\xffmargin quote v1", b"gm"] {
        let signed = ed25519(&bob.user, message);
        unsigned(&mut world, sides, &quote, &[signed]);
    }
}

#[test]
fn a_signature_of_bytes_that_were_changed_fails_the_whole_transaction() {
    let (mut world, alice, bob, _, quote) = scene();
    let [signed, fill] = signed_fill(&world, [&alice, &bob], &quote, 1);
    // the precompile refuses, before or after the fill: signature, key, terms
    for at in [16, 48, 112 + 188, signed.data.len() - 1] {
        let mut forged = signed.clone();
        forged.data[at] ^= 1;
        for batch in [
            [forged.clone(), fill.clone()],
            [fill.clone(), forged.clone()],
        ] {
            assert_batch_fails(&mut world, &batch, &[alice.user]);
        }
    }
    world.send(&[signed, fill], &[alice.user]).ok();
}

#[test]
fn a_message_that_is_longer_or_shorter_is_no_quote() {
    let (mut world, alice, bob, _, quote) = scene();
    let bytes = quote.encode();
    let longer = [&bytes[..], &[0]].concat();
    for message in [
        &longer[..],
        &bytes[..bytes.len() - 1],
        &bytes[..188],
        &bytes[1..],
    ] {
        let signed = ed25519(&bob.user, message);
        unsigned(&mut world, [&alice, &bob], &quote, &[signed]);
    }
}

#[test]
fn offsets_into_another_instruction_prove_nothing_about_this_one() {
    let (mut world, alice, bob, mallory, quote) = scene();
    // Mallory signs the quote. A second instruction carries bob's key and the quote where a careless reader looks, and
    // has the precompile look into the first.
    let genuine = ed25519(&mallory, &quote.encode());
    let first = 1; // after the compute budget
    let mut forged = Ed25519Data::of(&genuine);
    forged.key = bob.user.key.to_bytes();
    for (key, signature, message) in [
        (first, first, first),
        (first, first, u16::MAX),
        (first, u16::MAX, u16::MAX),
        (first, u16::MAX, first),
    ] {
        forged.indexes = [signature, key, message];
        let batch = [genuine.clone(), forged.instruction()];
        unsigned(&mut world, [&alice, &bob], &quote, &batch);
    }
}

#[test]
fn every_part_must_stand_in_the_instruction_that_is_read() {
    let (mut world, alice, bob, mallory, quote) = scene();
    let bytes = quote.encode();
    let mut other = vec![7; bytes.len()];
    other[..2].copy_from_slice(b"gm");
    // what the precompile verifies, and which part of it stands elsewhere
    let own = |signer: &User, message: &[u8]| Ed25519Data::of(&ed25519(signer, message));
    let cases = [
        ("message", own(&bob.user, &other), [u16::MAX, u16::MAX, 1]),
        ("key", own(&mallory, &bytes), [u16::MAX, 1, u16::MAX]),
        ("signature", own(&bob.user, &bytes), [1, u16::MAX, u16::MAX]),
        ("all", own(&mallory, &other), [1, 1, 1]),
    ];
    for (name, verified, indexes) in cases {
        println!("{name} elsewhere");
        let elsewhere = carrier(&mallory, &verified.instruction().data[16..]);
        // where it does not count stand bob's key and the quote
        let mut shown = Ed25519Data {
            indexes,
            ..verified.clone()
        };
        if indexes[1] != u16::MAX {
            shown.key = bob.user.key.to_bytes();
        }
        if indexes[2] != u16::MAX {
            shown.message.clone_from(&bytes);
        }
        let batch = [elsewhere, shown.instruction()];
        unsigned(&mut world, [&alice, &bob], &quote, &batch);
    }
}

#[test]
fn the_instructions_own_number_is_itself() {
    let (mut world, alice, bob, _, quote) = scene();
    let mut data = Ed25519Data::of(&ed25519(&bob.user, &quote.encode()));
    let fill = world.fill_quote_ix(&alice, &bob, &quote, 1);
    data.indexes = [1; 3];
    world
        .send(&[data.instruction(), fill.clone()], &[alice.user])
        .ok();
    // a wallet that puts something in front makes that number another's: refused, by the precompile or here
    let tip = system_transfer(&alice.user.key, &world.payer.key, 1);
    assert_batch_fails(&mut world, &[tip, data.instruction(), fill], &[alice.user]);
}

#[test]
fn no_signatures_and_several() {
    let (mut world, alice, bob, mallory, quote) = scene();
    let sides = [&alice, &bob];
    let mut none = ed25519(&bob.user, &quote.encode());
    none.data = vec![0, 0];
    unsigned(&mut world, sides, &quote, &[none]);

    let own = Ed25519Data::of(&ed25519(&bob.user, &quote.encode()));
    let other = Ed25519Data::of(&ed25519(&mallory, b"gm"));
    let hello = Ed25519Data::of(&ed25519(&bob.user, b"gm"));
    let stolen = Ed25519Data::of(&ed25519(&mallory, &quote.encode()));
    // bob's key in one entry, the quote in the other
    for entries in [[&hello, &stolen], [&stolen, &hello], [&other, &stolen]] {
        let forged = Ed25519Data::several(&entries);
        unsigned(&mut world, sides, &quote, &[forged]);
    }
    // one entry that points elsewhere spoils the instruction, wherever it stands
    let mut pointing = other.clone();
    pointing.indexes = [1; 3];
    for entries in [[&pointing, &own], [&own, &pointing]] {
        let mixed = Ed25519Data::several(&entries);
        let elsewhere = carrier(&mallory, &mixed.data[16..]);
        unsigned(&mut world, sides, &quote, &[elsewhere, mixed]);
    }
    // second of two
    let both = Ed25519Data::several(&[&other, &own]);
    let fill = world.fill_quote_ix(&alice, &bob, &quote, 1);
    world.send(&[both, fill], &[alice.user]).ok();
}

#[test]
fn the_same_bytes_under_another_program_are_none() {
    let (mut world, alice, bob, _, quote) = scene();
    let fill = world.fill_quote_ix(&alice, &bob, &quote, 1);
    let genuine = ed25519(&bob.user, &quote.encode());
    // after the fill, which is refused before the other program gets to see them
    for program in [
        anchor_lang::system_program::ID,
        portfolio_margin_interface::ID,
        bob.user.key,
    ] {
        let mut other = genuine.clone();
        other.program_id = program;
        if program == bob.user.key {
            // no program at all: the runtime does not start
            assert_batch_fails(&mut world, &[fill.clone(), other], &[alice.user]);
        } else {
            let error = MarginError::QuoteUnsigned;
            assert_batch_refused(&mut world, &[fill.clone(), other], &[alice.user], error);
        }
    }
}

#[test]
fn signed_messages_that_look_like_the_quote_do_not_hide_it() {
    let (mut world, alice, bob, mallory, quote) = scene();
    let [signed, fill] = signed_fill(&world, [&alice, &bob], &quote, 1);
    let bytes = quote.encode();
    // bob's own messages, and mallory's that carry the quote at another place
    let batch = [
        ed25519(&bob.user, &bytes[..bytes.len() - 1]),
        carrier(&mallory, &bytes),
        signed,
        fill,
    ];
    world.send_wide(&batch, &[alice.user]).ok();
}
