//! `assert_health` and `assert_sequence`: what holds passes, what does not undoes the transaction it is appended to.

use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::HealthKind;
use sandbox::lifecycle::assert_sequence;
use sandbox::{perpetual, PriceFields, Trader, World, BASE, BTC_START, USDC};
use support::{
    assert_logged, assert_refused, assert_remaining_accounts_are_checked, foreign_house,
    mixed_book, pair,
};

const KINDS: [HealthKind; 3] = [
    HealthKind::Initial,
    HealthKind::Maintenance,
    HealthKind::Equity,
];

/// Alice, long one BTC perpetual against bob.
fn long() -> (World, Trader, Trader) {
    let (mut world, alice, bob) = pair(50_000);
    let btc = world.btc;
    let legs = [perpetual(&btc, BASE, BTC_START)];
    world.trade(&alice, &bob, &legs).ok();
    (world, alice, bob)
}

/// The figure of a kind, by the engine on the host.
fn figure(world: &World, trader: &Trader, kind: HealthKind) -> i64 {
    let margin = world.report(&trader.account).margin;
    match kind {
        HealthKind::Initial => margin.initial_health,
        HealthKind::Maintenance => margin.maintenance_health,
        HealthKind::Equity => margin.equity,
    }
    .raw()
}

#[test]
fn each_kind_passes_at_its_figure_and_fails_one_unit_above() {
    let (mut world, alice, _) = long();
    for kind in KINDS {
        let found = figure(&world, &alice, kind);
        for least in [i64::MIN, 0, found] {
            let ix = world.assert_health_ix(&alice.account, kind, least);
            world.send(&[ix], &[]).ok();
        }
        for least in [found + 1, i64::MAX] {
            let ix = world.assert_health_ix(&alice.account, kind, least);
            let outcome = assert_refused(&mut world, &ix, &[], MarginError::HealthBelow);
            let texts = [format!("Left: {found}"), format!("Right: {least}")];
            assert_logged(&outcome, &texts.each_ref().map(String::as_str));
        }
    }
    let [initial, maintenance, equity] = KINDS.map(|kind| figure(&world, &alice, kind));
    assert!(initial < maintenance && maintenance < equity);
}

#[test]
fn an_appended_assertion_undoes_the_trade_it_bounds() {
    let (mut world, alice, bob) = long();
    let btc = world.btc;
    let least = figure(&world, &alice, HealthKind::Initial);
    let trade = world.trade_ix(&alice, &bob, &[perpetual(&btc, 1_000, BTC_START)]);
    let guard = world.assert_health_ix(&alice.account, HealthKind::Initial, least);
    let before = world.data(&alice.account);
    let both = [trade.clone(), guard.clone()];
    let outcome = world.send(&both, &[alice.user, bob.user]);
    outcome.refused(MarginError::HealthBelow);
    assert_eq!(world.data(&alice.account), before);
    // a reduction passes the same bound
    let trade = world.trade_ix(&alice, &bob, &[perpetual(&btc, -1_000, BTC_START)]);
    world.send(&[trade, guard], &[alice.user, bob.user]).ok();
}

#[test]
fn a_doubtful_price_or_surface_fails_an_assertion_of_health() {
    let (mut world, alice, _) = long();
    let btc = world.btc;
    let fields = world.price(&btc.price);
    let least = i64::MIN;
    // the widest confidence that a market accepts for an opening, and one unit more
    let limit = fields.price as u64 / 100;
    for (confidence, passes) in [(limit, true), (limit + 1, false)] {
        let wide = PriceFields {
            confidence,
            ..fields
        };
        world.set_price_update(btc.price, wide);
        for kind in KINDS {
            let ix = world.assert_health_ix(&alice.account, kind, least);
            match passes {
                true => drop(world.send(&[ix], &[]).ok()),
                false => {
                    let error = MarginError::OracleConfidenceTooWide;
                    assert_refused(&mut world, &ix, &[], error);
                }
            }
        }
    }
    world.advance(61);
    let ix = world.assert_health_ix(&alice.account, HealthKind::Equity, least);
    assert_refused(&mut world, &ix, &[], MarginError::OracleStale);
}

#[test]
fn cases_16_17_18_the_accounts_of_an_assertion_are_those_of_a_check() {
    let (mut world, alice, _) = mixed_book();
    let ix = world.assert_health_ix(&alice.account, HealthKind::Initial, 0);
    assert_remaining_accounts_are_checked(&mut world, &ix, &[]);
}

#[test]
fn case_06_refuses_the_clearing_house_of_others() {
    let (mut world, alice, _) = long();
    let (foreign, _, _) = foreign_house(&mut world);
    let mut ix = world.assert_health_ix(&alice.account, HealthKind::Initial, 0);
    ix.accounts[0].pubkey = foreign;
    assert_refused(&mut world, &ix, &[], MarginError::ClearinghouseMismatch);
}

#[test]
fn a_sequence_passes_inside_its_bounds_and_fails_outside() {
    let (mut world, alice, _) = long();
    let at = world.account(&alice.account).0.sequence;
    for (least, most) in [(at, at), (0, u64::MAX), (at - 1, at), (at, at + 1)] {
        let ix = assert_sequence(&alice.account, least, most);
        world.send(&[ix], &[]).ok();
    }
    for (least, most) in [(at + 1, u64::MAX), (0, at - 1), (at + 1, at - 1), (0, 0)] {
        let ix = assert_sequence(&alice.account, least, most);
        let outcome = assert_refused(&mut world, &ix, &[], MarginError::SequenceMismatch);
        assert_logged(&outcome, &[&at.to_string()]);
    }
}

#[test]
fn an_assertion_of_the_sequence_stops_what_was_composed_on_an_older_account() {
    let (mut world, alice, bob) = pair(50_000);
    let (btc, bank) = (world.btc, world.usdc);
    let seen = world.account(&alice.account).0.sequence;
    let trade = world.trade_ix(&alice, &bob, &[perpetual(&btc, 1_000, BTC_START)]);
    let guarded = [assert_sequence(&alice.account, seen, seen), trade];
    // somebody is faster
    world.fund(&alice.user, &bank, USDC);
    world.deposit(&alice, &bank, USDC).ok();
    let outcome = world.send(&guarded, &[alice.user, bob.user]);
    outcome.refused(MarginError::SequenceMismatch);
    let now = world.account(&alice.account).0.sequence;
    let trade = guarded[1].clone();
    let guarded = [
        assert_sequence(&alice.account, now, now),
        trade,
        assert_sequence(&alice.account, now + 1, now + 1),
    ];
    world.send(&guarded, &[alice.user, bob.user]).ok();
}

#[test]
fn cases_04_05_refuse_what_is_no_margin_account() {
    let (mut world, alice, _) = long();
    let market = world.btc.key;
    let copy = support::other_program_copy(&mut world, &alice.account);
    for (key, error) in [
        (market, ErrorCode::AccountDiscriminatorMismatch),
        (copy, ErrorCode::AccountOwnedByWrongProgram),
    ] {
        let ix = assert_sequence(&key, 0, u64::MAX);
        assert_refused(&mut world, &ix, &[], error);
        let mut ix = world.assert_health_ix(&alice.account, HealthKind::Equity, i64::MIN);
        ix.accounts[1].pubkey = key;
        assert_refused(&mut world, &ix, &[], error);
    }
}
