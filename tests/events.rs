//! What the program tells the world: one event per change, with the figures that the accounts then hold.

use std::collections::{BTreeMap, BTreeSet};

use anchor_lang::prelude::Pubkey;
use portfolio_margin::event::{
    BankInitialized, ClearinghouseInitialized, CollateralDeposited, CollateralWithdrawn,
    ExpiryAdded, LiquidationBid, LiquidationStarted, LiquidationStopped, MarginAccountOpened,
    MarketInitialized, SurfacePosted, Traded,
};
use portfolio_margin_interface::args::{
    AccountTermsArgs, ClearinghouseArgs, HouseRulesArgs, LiquidationArgs, MarginAccountArgs,
};
use portfolio_margin_interface::seeds;
use risk_core::liquidation::FRACTION_ONE;
use risk_core::scenario::MAJOR_GRID;
use sandbox::{
    call, crypto_smile, dollars, instructions, perpetual, World, BASE, BTC_START, DAY, START,
};
use solana_instruction::{AccountMeta, Instruction};
use support::{assert_refused, event_log, failing_long, health, instruction_names, known, pair};

#[test]
fn listings() {
    let mut world = World::new();
    let (governor, authority) = (world.governor, world.surface_authority);
    let (house, btc, time) = (seeds::clearinghouse(7), world.btc, START + 90 * DAY);
    let mint = world.create_mint("a mint", 9);
    let args = ClearinghouseArgs {
        id: 7,
        liquidation: LiquidationArgs::steady(0, 10_000),
        terms: AccountTermsArgs::PLAIN,
        rules: HouseRulesArgs::PLAIN,
    };
    let market = world.market_args("ETH", [7; 32], &MAJOR_GRID);
    let outcome = world
        .send(
            &[instructions::initialize_clearinghouse(
                &governor.key,
                &world.usdc_mint(),
                args,
            )],
            &[governor],
        )
        .ok();
    let event = &outcome.events::<ClearinghouseInitialized>()[0];
    assert_eq!(
        (event.clearinghouse, event.governor, event.id),
        (house, governor.key, 7)
    );

    let ix = instructions::initialize_bank(&governor.key, &house, &mint, world.sol_bank_args());
    let event = &world
        .send(&[ix], &[governor])
        .ok()
        .events::<BankInitialized>()[0];
    assert_eq!(
        (event.bank, event.mint, event.index),
        (seeds::bank(&house, &mint), mint, 0)
    );

    let ix = instructions::initialize_market(&governor.key, &house, 0, market);
    let event = &world
        .send(&[ix], &[governor])
        .ok()
        .events::<MarketInitialized>()[0];
    assert_eq!(
        (event.market, event.index, event.scenarios),
        (seeds::market(&house, 0), 0, 31)
    );

    let ix = instructions::add_expiry(&governor.key, &btc, time);
    let event = &world.send(&[ix], &[governor]).ok().events::<ExpiryAdded>()[0];
    assert_eq!((event.market, event.time), (btc.key, time));
    let listed = event.sequence;

    let ix =
        instructions::post_vol_surface(&authority.key, &btc, crypto_smile(time, START, 500_000));
    let event = &world
        .send(&[ix], &[authority])
        .ok()
        .events::<SurfacePosted>()[0];
    assert_eq!(
        (event.market, event.expiry, event.posted_at),
        (btc.key, time, START)
    );
    assert_eq!((event.poster, event.fresh), (authority.key, 1));
    assert_eq!((event.refusal, event.in_force_since), (0, START));
    assert_eq!(event.sequence, listed + 1);
}

#[test]
fn accounts_and_trades() {
    let (mut world, alice, bob) = pair(50_000);
    let (bank, btc, week) = (world.usdc, world.btc, world.week);
    let args = MarginAccountArgs {
        sub_account: 3,
        capacity: 20,
        tier: 1,
    };
    let ix = instructions::open_margin_account(&alice.user.key, &world.house, args);
    let event = &world
        .send(&[ix], &[alice.user])
        .ok()
        .events::<MarginAccountOpened>()[0];
    assert_eq!(
        (event.owner, event.sub_account, event.capacity),
        (alice.user.key, 3, 20)
    );

    world.fund(&alice.user, &bank, 5);
    let event = &world
        .deposit(&alice, &bank, 5)
        .ok()
        .events::<CollateralDeposited>()[0];
    assert_eq!(
        (event.margin_account, event.bank),
        (alice.account, bank.key)
    );
    let first = event.sequence - 2; // of opening
    assert_eq!((event.amount, first), (5, world.slot() << 20));
    let event = &world
        .withdraw(&alice, &bank, 4)
        .ok()
        .events::<CollateralWithdrawn>()[0];
    assert_eq!((event.amount, event.sequence), (4, first + 3));

    let legs = [
        perpetual(&btc, BASE / 10, BTC_START),
        call(&btc, week, dollars(120_000), -BASE / 10, dollars(900)),
    ];
    let event = &world.trade(&alice, &bob, &legs).ok().events::<Traded>()[0];
    assert_eq!((event.taker, event.maker), (alice.account, bob.account));
    assert_eq!(
        (event.taker_sequence, event.maker_sequence),
        (first + 4, first + 2)
    );
    assert_eq!(event.legs, legs);
}

#[test]
fn liquidation_from_start_to_stop() {
    let (mut world, alice, _, keeper) = failing_long();
    let report = world.report(&alice.account);
    let witness = report.witness();
    let outcome = world
        .start_liquidation(&keeper.user, &alice.account, &witness)
        .ok();
    let event = &outcome.events::<LiquidationStarted>()[0];
    assert_eq!(
        (event.margin_account, event.caller),
        (alice.account, keeper.user.key)
    );
    assert_eq!(
        event.maintenance_health,
        report.margin.maintenance_health.raw()
    );
    assert_eq!(
        (event.equity, &event.witness),
        (report.margin.equity.raw(), &witness)
    );

    let before = world.balance(&alice, &world.usdc);
    let outcome = world
        .bid(&keeper, &alice.account, &witness, FRACTION_ONE)
        .ok();
    let event = &outcome.events::<LiquidationBid>()[0];
    assert_eq!(
        (event.liquidatee, event.liquidator),
        (alice.account, keeper.account)
    );
    assert_eq!(
        event.maintenance_health,
        report.margin.maintenance_health.raw()
    );
    let sold = (i128::from(before) * i128::from(event.fraction) / i128::from(FRACTION_ONE)) as i64;
    assert_eq!(
        world.balance(&alice, &world.usdc),
        before - sold + event.price
    );
    let [from, to] = [&alice, &keeper].map(|trader| world.account(&trader.account).0.sequence);
    assert_eq!(
        (event.liquidatee_sequence, event.liquidator_sequence),
        (from, to)
    );

    let outcome = world.stop_liquidation(&keeper.user, &alice.account).ok();
    let event = &outcome.events::<LiquidationStopped>()[0];
    assert_eq!(event.maintenance_health, health(&world, &alice));
    assert_eq!(event.sequence, from + 1);
}

#[test]
fn a_refusal_emits_nothing() {
    let (mut world, alice, _, keeper) = failing_long();
    let ix = world.start_liquidation_ix(&keeper.user, &alice.account, &[20]);
    let error = portfolio_margin::error::MarginError::AccountHealthy;
    let outcome = assert_refused(&mut world, &ix, &[keeper.user], error);
    assert!(!outcome.log_contains("Program data: "));
}

/// What each instruction tells when it succeeds; several where several things change.
pub(crate) fn told_by(instruction: &str) -> &'static [&'static str] {
    match instruction {
        "initialize_clearinghouse" => &["ClearinghouseInitialized"],
        "update_quote_price" => &["QuotePriceUpdated"],
        "initialize_bank" => &["BankInitialized"],
        "initialize_market" => &["MarketInitialized"],
        "open_market" => &["MarketOpened"],
        "update_market" => &["MarketUpdated"],
        "report_outage" => &["OutageReported"],
        "update_bank" => &["BankUpdated"],
        "report_bank_outage" => &["BankOutageReported"],
        "add_expiry" => &["ExpiryAdded"],
        "post_vol_surface" => &["SurfacePosted"],
        "open_margin_account" => &["MarginAccountOpened"],
        "set_tier" => &["TierSet"],
        "set_delegate" => &["DelegateSet"],
        "grow_margin_account" => &["MarginAccountGrown"],
        "close_margin_account" => &["MarginAccountClosed"],
        "deposit_collateral" => &["CollateralDeposited"],
        "withdraw_collateral" => &["CollateralWithdrawn"],
        "update_interest" => &["InterestUpdated"],
        "collect_fees" => &["FeesCollected"],
        "deposit_insurance" => &["InsuranceDeposited"],
        "withdraw_fees" => &["FeesWithdrawn"],
        "trade" | "venue_fill" => &["Traded"],
        "open_quotes" => &["QuotesOpened"],
        "cancel_quotes" => &["QuotesCancelled"],
        "fill_quote" => &["Traded", "QuoteFilled"],
        "list_venue" | "relist_venue" => &["VenueListed"],
        "delist_venue" => &["VenueDelisted"],
        "approve_venue" => &["VenueApproved"],
        "revoke_venue" => &["VenueRevoked"],
        "start_liquidation" => &["LiquidationStarted"],
        "bid_liquidation" => &["LiquidationBid"],
        "restart_auction" => &["AuctionRestarted"],
        "prove_insolvency" => &["InsolvencyProven"],
        "bid_insolvent" => &["InsolventBid"],
        "auto_deleverage" => &["AccountDeleveraged"],
        "liquidate_legs" => &["LegsLiquidated"],
        "stop_liquidation" => &["LiquidationStopped"],
        "resolve_bankruptcy" => &["BankruptcyResolved"],
        "update_funding" => &["FundingUpdated"],
        "record_settlement" => &["SettlementRecorded"],
        "finalize_settlement" => &["SettlementFinalized"],
        "settle_expiry" => &["ExpirySettled"],
        "settle_perp_pnl" => &["PerpPnlSettled"],
        "view_margin" | "view_greeks" | "view_risk_matrix" => &[],
        "assert_health" | "assert_sequence" => &[],
        other => panic!("{other} is not in the table of events"),
    }
}

/// Sequences of the accounts that an instruction names, where they have one.
fn sequences(world: &World, ix: &Instruction) -> BTreeMap<Pubkey, u64> {
    let read = |meta: &AccountMeta| {
        let data = world.svm.get_account(&meta.pubkey)?.data;
        Some((meta.pubkey, event_log::sequence_of(&data)?))
    };
    ix.accounts.iter().filter_map(read).collect()
}

#[test]
fn every_instruction_tells_what_it_did_with_the_sequence_of_every_account_that_it_is_about() {
    let idl = event_log::idl();
    for name in instruction_names() {
        let mut known = known(name);
        let ix = known.instruction().clone();
        let before = sequences(&known.world, &ix);
        let outcome = known.world.send(&known.batch, &known.signers).ok();
        let after = sequences(&known.world, &ix);
        let logged = event_log::logged(&idl, &outcome);
        let names: Vec<_> = logged.iter().map(|event| &event.name[..]).collect();
        assert_eq!(names, told_by(name), "{name}");
        // each number told is that of an account which it is now, and was not before
        let told: Vec<u64> = logged
            .iter()
            .flat_map(|event| event.sequences.clone())
            .collect();
        let risen = |(key, at): (&Pubkey, &u64)| (before.get(key) != Some(at)).then_some(*at);
        let risen: BTreeSet<u64> = after.iter().filter_map(risen).collect();
        let closed = match name {
            "close_margin_account" => before.values().next().map(|last| last + 1),
            _ => None,
        };
        let risen: BTreeSet<u64> = risen.into_iter().chain(closed).collect();
        assert_eq!(
            told.iter().copied().collect::<BTreeSet<_>>(),
            risen,
            "{name}"
        );
        for (key, at) in &before {
            let now = after.get(key).copied().unwrap_or(u64::MAX);
            assert!(now >= *at, "{name}: the sequence of {key} fell");
        }
        assert!(
            !told.is_empty() || told_by(name).is_empty(),
            "{name} tells no sequence"
        );
    }
}

#[test]
fn every_event_of_the_program_is_told_by_an_instruction_and_carries_a_sequence() {
    let idl = event_log::idl();
    let events = idl["events"].as_array().expect("events");
    let listed: BTreeSet<_> = events
        .iter()
        .filter_map(|event| event["name"].as_str())
        .collect();
    let names = instruction_names();
    let told = names.iter().flat_map(|name| told_by(name)).copied();
    // what an instruction tells besides, where it did more: `update_market`, `add_expiry`; their own tests show it
    let besides = ["OutageEnded", "ExpiryDropped"];
    let told: BTreeSet<_> = told.chain(besides).collect();
    assert_eq!(listed, told);
    for name in listed {
        let fields = &event_log::type_of(&idl, name)["fields"];
        let fields = fields.as_array().expect("fields").iter();
        let mut names = fields.filter_map(|field| field["name"].as_str());
        assert!(
            names.any(|field| field.ends_with("sequence")),
            "{name} has no sequence"
        );
    }
}

#[test]
fn the_interface_description_has_every_instruction() {
    let idl = event_log::idl();
    let listed = idl["instructions"].as_array().expect("instructions");
    let listed: BTreeSet<_> = listed
        .iter()
        .filter_map(|item| item["name"].as_str())
        .collect();
    let names: BTreeSet<_> = instruction_names().into_iter().collect();
    assert_eq!(listed, names, "run scripts/idl");
}
