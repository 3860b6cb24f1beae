//! The generated events read what Anchor writes: every event with random fields, and every log that an instruction leaves.

use std::collections::BTreeSet;

use anchor_lang::{AnchorDeserialize, AnchorSerialize, Discriminator, Event as _};
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use portfolio_margin::event;
use portfolio_margin_interface::events::{self, Event};
use portfolio_margin_interface::logs::events_of;
use portfolio_margin_interface::ID;
use support::{event_log, instruction_names, known, Random};

use crate::events::told_by;
use crate::generated_interface::sample_defined;

/// How many of each event are read.
const ROUNDS: u64 = 100;

macro_rules! events {
    ($($name:ident { $($field:ident)* })*) => {
        /// Anchor's event of random fields, as it is logged, is read field by field as what it is; so much for the names. The
        /// patterns name every field of both, so that one more does not compile.
        fn compare(name: &str, bytes: &[u8]) {
            match name {
                $(stringify!($name) => {
                    let theirs = event::$name::try_from_slice(bytes).expect("what idl/ describes");
                    let data = theirs.data();
                    let line = format!("Program data: {}", STANDARD.encode(&data));
                    let read = Event::from_log_line(&line).expect("an event");
                    assert_eq!(Event::decode(&data), Some(read.clone()), "{name}");
                    assert_eq!((read.name(), encode(&read)), (name, data.clone()));
                    assert_eq!(event::$name::DISCRIMINATOR, events::$name::DISCRIMINATOR);
                    let Event::$name(events::$name { $($field),* }) = read else {
                        panic!("{name} is read as another");
                    };
                    $(assert_eq!($field, theirs.$field, "{name}");)*
                    let event::$name { $($field: _),* } = theirs;
                    // neither cut nor longer
                    for end in 0..data.len() {
                        assert_eq!(Event::decode(&data[..end]), None, "{name}");
                    }
                    assert_eq!(Event::decode(&[&data[..], &[0]].concat()), None, "{name}");
                })*
                other => panic!("{other} is not compared: add it"),
            }
        }

        /// The bytes of an event as it was logged.
        fn encode(event: &Event) -> Vec<u8> {
            match event {
                $(Event::$name(fields) => {
                    let mut data = events::$name::DISCRIMINATOR.to_vec();
                    fields.serialize(&mut data).expect("memory");
                    data
                })*
            }
        }

        const COMPARED: &[&str] = &[$(stringify!($name)),*];
    };
}

events! {
        AccountDeleveraged {
            liquidatee counterparty market fraction paid realized opposition
            liquidatee_sequence counterparty_sequence
        }
        AuctionRestarted { margin_account maintenance_health sequence }
        BankInitialized { clearinghouse bank mint index sequence }
        BankOutageReported { bank spot publish_time outage_at sequence }
        BankUpdated { bank spot publish_time sequence }
        BankruptcyResolved { margin_account loss insurance profits balances uncovered sequence }
        ClearinghouseInitialized { clearinghouse governor quote_mint id sequence }
        CollateralDeposited { margin_account bank amount sequence }
        CollateralWithdrawn { margin_account bank amount sequence }
        DelegateSet { margin_account delegate scope expires sequence }
        ExpiryAdded { market time sequence }
        ExpiryDropped { market time dust sequence }
        ExpirySettled { margin_account market expiry value paid sequence market_sequence }
        FeesCollected { clearinghouse market insurance fees sequence }
        FeesWithdrawn { clearinghouse amount sequence }
        FundingUpdated { market index rate period_start sequence }
        InsolvencyProven { margin_account equity deficit proven_insolvency loss_market sequence }
        InsolventBid {
            liquidatee liquidator fraction insurance debt maintenance_health
            liquidatee_sequence liquidator_sequence
        }
        InsuranceDeposited { clearinghouse payer amount sequence }
        InterestUpdated { clearinghouse debt_index balance_index debts insurance fees sequence }
        LegsLiquidated {
            liquidatee liquidator legs fee fund_fee health_before health_after
            liquidatee_sequence liquidator_sequence
        }
        LiquidationBid {
            liquidatee liquidator fraction price fund_fee discount
            maintenance_health liquidatee_sequence liquidator_sequence
        }
        LiquidationStarted { margin_account caller witness maintenance_health equity sequence }
        LiquidationStopped { margin_account maintenance_health sequence }
        MarginAccountClosed { margin_account owner sub_account sequence }
        MarginAccountGrown { margin_account capacity sequence }
        MarginAccountOpened { margin_account owner sub_account capacity tier sequence }
        MarketInitialized { clearinghouse market index scenarios sequence }
        MarketOpened { market posters sequence }
        MarketUpdated {
            market spot stable_price publish_time is_sampled factor_initial
            factor_maintenance factor_applied offset_share sequence
        }
        OutageEnded { market publish_time sequence }
        OutageReported { market spot publish_time outage_at sequence }
        PerpPnlSettled { margin_account market price pnl paid forgiven sequence market_sequence }
        QuoteFilled { maker taker nonce lots filled most_lots sequence }
        QuotePriceUpdated { clearinghouse price publish_time sequence }
        QuotesCancelled { margin_account what session sequence }
        QuotesOpened { margin_account quotes session sequence }
        SettlementFinalized { market expiry price sequence }
        SettlementRecorded { market expiry price publish_time samples sequence }
        SurfacePosted { market expiry poster posted_at fresh refusal in_force_since sequence }
        TierSet { margin_account tier sequence }
        Traded { taker maker taker_sequence maker_sequence taker_fee maker_fee legs }
        VenueApproved { margin_account program sequence }
        VenueDelisted { clearinghouse program sequence }
        VenueListed { clearinghouse program authority sequence }
        VenueRevoked { margin_account program sequence }
}

#[test]
fn every_event_that_anchor_writes_is_read_field_by_field() {
    let idl = event_log::idl();
    let mut random = Random::new(46);
    let listed = idl["events"].as_array().expect("events").iter();
    let listed: Vec<_> = listed.filter_map(|event| event["name"].as_str()).collect();
    assert_eq!(listed, COMPARED);
    for name in listed {
        for _ in 0..ROUNDS {
            let kind = event_log::type_of(&idl, name);
            compare(name, &sample_defined(&idl, kind, &mut random));
        }
    }
}

#[test]
fn bytes_that_are_no_event_are_none() {
    let mut random = Random::new(8);
    for _ in 0..10_000 {
        let length = random.range(0, 80) as usize;
        let mut data: Vec<u8> = (0..length).map(|_| random.bits() as u8).collect();
        assert_eq!(Event::decode(&data), None);
        // a list that claims 2^32 items
        if length >= 44 {
            data[..8].copy_from_slice(&events::MarketOpened::DISCRIMINATOR);
            data[40..44].fill(0xff);
            assert_eq!(Event::decode(&data), None);
        }
    }
}

/// Through CPI too: `venue_fill` is called by a venue, and its events are the clearing house's.
#[test]
fn the_log_of_every_instruction_is_read_whole() {
    let mut seen = BTreeSet::new();
    for name in instruction_names() {
        let mut known = known(name);
        let outcome = known.world.send(&known.batch, &known.signers).ok();
        let read = events_of(outcome.logs.iter().map(String::as_str));
        let names: Vec<_> = read.iter().map(Event::name).collect();
        assert_eq!(names, told_by(name), "{name}");
        let data = outcome.logs.iter();
        let data = data.filter_map(|line| line.strip_prefix("Program data: "));
        let written: Vec<_> = data
            .map(|text| STANDARD.decode(text).expect("Base64"))
            .collect();
        assert_eq!(
            read.iter().map(encode).collect::<Vec<_>>(),
            written,
            "{name}"
        );
        seen.extend(names);

        // the same lines under another program's name are not ours
        let other = outcome.logs.iter().map(|line| {
            line.replace(
                &ID.to_string(),
                "BPFLoaderUpgradeab1e11111111111111111111111",
            )
        });
        let other: Vec<_> = other.collect();
        assert_eq!(events_of(other.iter().map(String::as_str)), [], "{name}");
    }
    assert!(seen.len() + 2 >= COMPARED.len(), "only {seen:?}");
}
