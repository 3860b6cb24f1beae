//! A keeper that is offered a book at a price which nobody publishes any more.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use client_core::clock::CLOCK;
use portfolio_margin_interface::args::LiquidationArgs;
use sandbox::{dollars, perpetual, Trader, World, WorldBuilder, BASE, BTC_START, USDC};

use super::*;
use crate::book::Book;
use crate::model::{Origin, Update};

/// Alice is long a coin and below maintenance, with equity; the keeper is rich.
fn scene() -> (World, Trader, Trader) {
    let builder = WorldBuilder {
        liquidation: LiquidationArgs::STANDARD,
        ..WorldBuilder::default()
    };
    let mut world = builder.build();
    let alice = world.trader("alice", 30_000 * USDC);
    let bob = world.trader("bob", 200_000 * USDC);
    let keeper = world.trader("keeper", 200_000 * USDC);
    let btc = world.btc;
    let legs = [perpetual(&btc, BASE, BTC_START)];
    world.trade(&alice, &bob, &legs).ok();
    world.set_price(&btc, dollars(95_000));
    (world, alice, keeper)
}

fn decided_on(world: &World, alice: &Trader, keeper: &Trader, bids: &str) -> Decision {
    let mut book = Book::new(world.house);
    let keys = [world.house, world.usdc.key, world.btc.key, alice.account];
    for key in keys
        .into_iter()
        .chain([keeper.account, world.btc.price, CLOCK])
    {
        let account = world.svm.get_account(&key).unwrap();
        book.apply(&Update {
            key,
            owner: account.owner,
            lamports: account.lamports,
            data: account.data,
            slot: 1_000,
            origin: Origin::Snapshot,
        });
    }
    book.review_outages();
    let named = |key: Pubkey| {
        let known = book.account(&key).unwrap();
        let data = client_core::AccountData {
            header: known.header,
            positions: known.positions.clone(),
        };
        Named { key, data }
    };
    let (of, own) = (named(alice.account), named(keeper.account));
    let key = "MARGIN_KEEPER__LIMITS__BID_IN_OUTAGES".to_owned();
    let text = "[house]\nkeypair = \"k\"\n";
    let settings = Settings::from_text(text, &HashMap::from([(key, bids.to_owned())])).unwrap();
    let inputs = book.inputs(&of.data.scope().union(&own.data.scope()));
    decide(&Situation {
        desk: Desk {
            directory: book.directory(),
            own: &own,
        },
        of: &of,
        inputs: &inputs.unwrap(),
        settings: &settings,
        most_fraction: FRACTION_ONE,
        fees: 0,
        bound: 0,
    })
}

#[test]
fn no_book_is_bought_at_a_price_of_before_an_outage_unless_the_operator_says_so() {
    let (mut world, alice, keeper) = scene();
    let btc = world.btc;
    let decided = |world: &World, bids| decided_on(world, &alice, &keeper, bids);
    assert!(matches!(decided(&world, "false"), Decision::Take(step) if step.action == "bid"));
    world.update_market(&btc).ok();
    world.advance(600);
    let report = sandbox::instructions::report_outage(&btc);
    world.send(&[report], &[]).ok();
    world.advance(3_600);
    match decided(&world, "false") {
        Decision::Leave(Outcome::Unpriced(text)) => {
            assert!(text.contains("limits.bid_in_outages"), "{text}");
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(decided(&world, "true"), Decision::Take(step) if step.action == "bid"));
}
