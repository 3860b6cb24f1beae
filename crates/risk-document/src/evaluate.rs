//! Runs the engine over a document: both tiers, each market's scenarios, Greeks, and what explains them.

use risk_core::account::{Account, Book, Scope};
use risk_core::explain::{leg_contributions, Axis, Freed};
use risk_core::greeks::{market_greeks, ExpiryGreeks, Greeks, NetGreeks};
use risk_core::group::GroupParams;
use risk_core::margin::MarginReport;
use risk_core::market::Expiry;
use risk_core::position::{Position, QuotedPosition};
use risk_core::scan::{scan_market, MarketRisk, ScenarioPnl};
use risk_core::scenario::MAX_SCENARIOS;
use risk_core::{Price, Quantity, Quote, Ratio, RiskError};

use crate::document::Document;
use crate::failure::Failure;
use crate::refusal::refused;

/// What the engine says of one market.
#[derive(Clone, Debug)]
pub struct MarketOutcome {
    pub risk: MarketRisk,
    pub pnl: ScenarioPnl,
    pub greeks: NetGreeks,
    pub expiries: Vec<ExpiryGreeks>,
    /// In the order of the market's positions.
    pub legs: Vec<LegOutcome>,
}

/// What the engine says of one position.
#[derive(Clone, Copy, Debug)]
pub struct LegOutcome {
    pub greeks: Greeks,
    /// Part of the loss that sets the market's scan.
    pub contribution: Quote,
    pub freed: Freed,
}

/// What the engine says of a document.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub(crate) portfolio: MarginReport,
    pub(crate) standard: MarginReport,
    pub(crate) markets: Vec<MarketOutcome>,
    pub(crate) greeks: NetGreeks,
    /// Multipliers at which maintenance health under the Portfolio tier is negative; a search can be refused where the book
    /// cannot be evaluated so far out.
    pub(crate) distances: Vec<(&'static str, Result<Option<Ratio>, RiskError>)>,
}

type DocumentBook<'a> = Book<'a, QuotedPosition, Expiry>;

/// Books in the order of the document's markets.
fn books(document: &Document) -> Result<Vec<DocumentBook<'_>>, Failure> {
    let of = |(index, market)| -> Result<DocumentBook<'_>, Failure> {
        let market: &crate::document::market::MarketInput = market;
        let groups = &document.groups;
        Ok(Book {
            market: market.engine(document.now).map_err(refused)?,
            positions: &market.positions,
            standard: market.standard,
            group: groups
                .iter()
                .position(|group| group.markets.contains(&index)),
        })
    };
    document.markets.iter().enumerate().map(of).collect()
}

/// Evaluates everything. An error names the market that the engine refused.
pub fn evaluate(document: &Document) -> Result<Outcome, Failure> {
    let books = books(document)?;
    let groups: Vec<GroupParams> = document.groups.iter().map(|group| group.params).collect();
    let account = Account {
        cash: document.cash,
        terms: document.terms,
        collateral: &document.collateral,
        books: &books,
        groups: &groups,
    };
    let mut risks = vec![MarketRisk::default(); books.len()];
    let mut pnl = vec![[0; MAX_SCENARIOS]; books.len()];
    // Market by market first: a refusal then has a place.
    for (index, book) in books.iter().enumerate() {
        scan_market(&book.market, book.positions, &mut [0; MAX_SCENARIOS])
            .map_err(|error| refused(error).at(&format!("markets[{index}]")))?;
    }
    let portfolio = account.portfolio(&mut risks, &mut pnl).map_err(refused)?;
    let standard = account.standard().map_err(refused)?;
    let mut markets = Vec::with_capacity(books.len());
    for (index, (risk, pnl)) in risks.into_iter().zip(pnl).enumerate() {
        let outcome = market_outcome(&account, index, risk, pnl);
        markets.push(outcome.map_err(|error| refused(error).at(&format!("markets[{index}]")))?);
    }
    let axes = [
        ("spot_down", Axis::SpotDown),
        ("spot_up", Axis::SpotUp),
        ("volatility_down", Axis::VolDown),
        ("volatility_up", Axis::VolUp),
    ];
    let distance = |(name, axis)| (name, account.distance(axis, Scope::ALL));
    Ok(Outcome {
        portfolio,
        standard,
        markets,
        greeks: account.greeks().map_err(refused)?,
        distances: axes.into_iter().map(distance).collect(),
    })
}

fn market_outcome(
    account: &Account<'_, QuotedPosition, Expiry>,
    index: usize,
    risk: MarketRisk,
    pnl: ScenarioPnl,
) -> Result<MarketOutcome, RiskError> {
    let book = account.books.get(index).ok_or(RiskError::UnknownScenario {
        index,
        count: account.books.len(),
    })?;
    let count = book.positions.len();
    let mut legs = vec![Greeks::default(); count];
    let mut expiries = vec![ExpiryGreeks::default(); count];
    let (greeks, held) = market_greeks(&book.market, book.positions, &mut legs, &mut expiries)?;
    expiries.truncate(held);
    let mut contributions = vec![Quote::ZERO; count];
    leg_contributions(&book.market, book.positions, &risk, &mut contributions)?;
    let nothing = QuotedPosition {
        position: Position::option(
            risk_core::position::Instrument::Call,
            0,
            Price::from_raw(1),
            Quantity::ZERO,
        ),
        volatility: None,
    };
    let mut freed = vec![Freed::default(); count];
    account.closing_frees(index, &mut vec![nothing; count], &mut freed)?;
    let legs = legs.into_iter().zip(contributions).zip(freed);
    let legs = legs.map(|((greeks, contribution), freed)| LegOutcome {
        greeks,
        contribution,
        freed,
    });
    Ok(MarketOutcome {
        risk,
        pnl,
        greeks,
        expiries,
        legs: legs.collect(),
    })
}
