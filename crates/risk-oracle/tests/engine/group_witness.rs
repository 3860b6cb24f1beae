//! INV-09 and INV-12 of whole accounts: no choice of witnesses, alike or mixed within a correlation group, shows less health than the
//! whole sets do, and the one that names what set each scan shows exactly as much.

use crate::draw::Drawn;
use crate::random::Random;
use risk_core::account::Account;
use risk_core::group::{Group, GroupWorst};
use risk_core::margin::MarginCheck;
use risk_core::market::{Expiry, Market};
use risk_core::position::QuotedPosition;
use risk_core::scan::MarketRisk;
use risk_core::scenario::{Witness, BASIS_WITNESS, FLOOR_WITNESS, MAX_SCENARIOS};
use risk_core::{Quote, RiskError};

const ACCOUNTS: u64 = 6_000;
/// Choices that are drawn per account.
const CHOICES: usize = 24;

/// Maintenance health under a witness per book, or under the whole sets; what each book and the group contributed.
fn judge(
    account: &Account<'_, QuotedPosition, Expiry>,
    names: Option<&[u8]>,
) -> Result<(Quote, Vec<MarketRisk>, Option<GroupWorst>), RiskError> {
    let mut check = MarginCheck::with_terms(account.cash, &account.terms)?;
    for held in account.collateral {
        check.add_collateral(&held.collateral)?;
    }
    let mut group = Group::EMPTY;
    let mut risks = vec![];
    for (index, book) in account.books.iter().enumerate() {
        let market = &book.market;
        let name = names.map(|names| names[index]);
        let witness = name.map(|name| Witness::named(&market.scenarios, market.params, name));
        let witness = witness.transpose()?;
        let market = match &witness {
            None => *market,
            Some(witness) => Market {
                scenarios: witness.set()?,
                ..*market
            },
        };
        let mut pnl = [0; MAX_SCENARIOS];
        risks.push(match book.group {
            None => check.add_market(&market, book.positions, &mut pnl)?,
            Some(_) => check.add_market_to_group(&market, book.positions, &mut pnl, &mut group)?,
        });
    }
    let worst = match account.groups {
        [params] => Some(check.add_group(&group, params)?.worst),
        _ => None,
    };
    Ok((check.finish().maintenance_health, risks, worst))
}

/// Returns how many choices were compared.
fn check(account: &Account<'_, QuotedPosition, Expiry>, random: &mut Random) -> usize {
    let Ok((whole, risks, worst)) = judge(account, None) else {
        return 0;
    };
    let mut compared = 0;
    for _ in 0..CHOICES {
        let alike = random.below(MAX_SCENARIOS) as u8;
        let draw = |random: &mut Random, worst: u8| match random.below(6) {
            0 => worst,
            1 => BASIS_WITNESS,
            2 => FLOOR_WITNESS,
            3 | 4 => alike,
            _ => random.below(MAX_SCENARIOS) as u8,
        };
        let names: Vec<u8> = risks
            .iter()
            .map(|risk| draw(random, risk.worst_scenario))
            .collect();
        match judge(account, Some(&names)) {
            Err(RiskError::UnknownScenario { .. }) => continue,
            Err(error) => panic!("{names:?}: {error:?}"),
            Ok((health, ..)) => assert!(health >= whole, "{names:?}: {health:?} {whole:?}"),
        }
        compared += 1;
    }
    let named = |risk: &MarketRisk| match worst {
        Some(GroupWorst::Scenario(index)) => index,
        // nothing loses: any will do
        _ if risk.scan.raw() == 0 => 0,
        _ => risk.worst_scenario,
    };
    let names: Vec<u8> = risks.iter().map(named).collect();
    let (health, ..) = judge(account, Some(&names)).unwrap();
    assert_eq!(health, whole, "{names:?} {worst:?} {risks:?}");
    compared
}

#[test]
fn inv_12_no_choice_of_witnesses_shows_less_health_than_the_whole() {
    let (mut compared, mut grouped) = (0, 0);
    for account in 0..ACCOUNTS {
        let random = &mut Random::of(778, account);
        let drawn = Drawn::any(random);
        compared += drawn.with(|account| check(account, random));
        grouped += usize::from(!drawn.groups.is_empty());
    }
    println!("{compared} choices, {grouped} accounts with a group");
    assert!(compared > 30_000 && grouped > 1_000, "{compared} {grouped}");
}
