//! From accounts to the risk engine: the only file that turns accounts into the engine's input.
//!
//! The accounts of a check come in the canonical order of [`crate::remaining`].

use anchor_lang::prelude::*;
use clearing_core::regime::ONE;
use portfolio_margin_interface::state::clearinghouse::MAX_GROUPS;
use portfolio_margin_interface::state::{
    Clearinghouse, CollateralBalance, CollateralBank, ExpirySlot, MarginAccount, Market,
    PositionRecord,
};
use risk_core::group::Group;
use risk_core::margin::{MarginCheck, MarginReport, MOST_OPEN_NOTIONAL};
use risk_core::params::AccountTerms;
use risk_core::scan::{MarketRisk, ScenarioPnl};
use risk_core::scenario::{Witness, MAX_SCENARIOS};
use risk_core::tier::Tier;
use risk_core::{Quantity, Quote};

use crate::error::{overflow, risk_error, MarginError};
use crate::oracle::policy::{doubt_quote_price, doubt_spot, doubt_surface_age, Action, Doubt};
use crate::oracle::{shown_price, CheckedPrice, OraclePolicy, Priced};
use crate::state::AccountBook;

pub use crate::remaining::{Cursor, Scope};

/// How a check is made.
pub struct Check<'a> {
    /// The clearing house that everything must belong to.
    pub clearinghouse: Pubkey,
    /// The same: terms of accounts, correlation groups.
    pub house: &'a Clearinghouse,
    /// Unix time.
    pub now: i64,
    /// One scenario per market in order, or the whole set. The Standard tier has no scenarios: its witness is empty, and the
    /// check is whole.
    pub witness: Option<&'a [u8]>,
}

/// An account's margin, and why it may not be good enough to open on.
pub struct Evaluation {
    /// The margin, from prices of any grade but Invalid.
    pub report: MarginReport,
    /// The worst reason why not every action may use it.
    pub doubt: Option<Doubt>,
}

impl Evaluation {
    /// The report, for an action that accepts its doubt.
    pub fn accepted_by(self, action: Action) -> Result<MarginReport> {
        action.accept(self.doubt)?;
        Ok(self.report)
    }

    /// The report, for an opening.
    pub fn certain(self) -> Result<MarginReport> {
        self.accepted_by(Action::Open)
    }

    /// The code of the doubt; zero for none.
    pub fn doubt_code(&self) -> u32 {
        self.doubt.map_or(0, Doubt::code)
    }
}

/// A market as an observer knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketKey {
    /// Index of the market.
    pub index: u16,
    /// Its correlation group, from 1; zero: none.
    pub group: u8,
}

/// Looks on while an evaluation passes the markets: how a view sees what the margin is made of.
pub trait Observer {
    /// A market as the engine reads it, with the account's positions in it. Returns whether its margin is wanted.
    fn market(
        &mut self,
        _index: u16,
        _market: &risk_core::market::Market<'_, ExpirySlot>,
        _positions: &[PositionRecord],
    ) -> Result<bool> {
        Ok(true)
    }

    /// What the market contributes to the margin, and its PnL per scenario; the Standard tier has none.
    fn risk(&mut self, _market: MarketKey, _risk: &MarketRisk, _pnl: Option<&ScenarioPnl>) {}
}

/// Nobody looks.
impl Observer for () {}

/// What an evaluation has found so far.
struct Progress<'a> {
    tier: Tier,
    terms: AccountTerms,
    check: MarginCheck,
    doubt: Option<Doubt>,
    /// Collateral that offsets risk: market and amount.
    offsets: Vec<(u16, Quantity)>,
    /// Correlation groups that have a market; on the heap, since most accounts have none.
    groups: [Option<Box<Group>>; MAX_GROUPS],
    /// The least share of its offset that a market of each group has left, 1e-6.
    shares: [u32; MAX_GROUPS],
    /// What profits would forgive, which backs no opening.
    forgiven: Quote,
    observer: &'a mut dyn Observer,
}

fn key_of(record: &Market) -> MarketKey {
    MarketKey {
        index: record.index,
        group: record.group,
    }
}

impl Progress<'_> {
    /// Keeps the worst doubt.
    fn note(&mut self, doubt: Option<Doubt>) {
        if doubt.is_some() {
            self.doubt = Doubt::worse(self.doubt, doubt);
        }
    }

    /// Collateral that offsets the risk of a market.
    fn offset_of(&self, market: u16) -> Result<Quantity> {
        let mut sum = Quantity::ZERO;
        for (_, amount) in self.offsets.iter().filter(|(index, _)| *index == market) {
            sum = sum.checked_add(*amount).map_err(risk_error)?;
        }
        Ok(sum)
    }

    /// Evaluates one market by the account's tier, adds it, to its correlation group where it has one, and shows it.
    #[inline(never)]
    fn add_market(
        &mut self,
        record: &Market,
        inputs: &risk_core::market::Market<'_, ExpirySlot>,
        positions: &[PositionRecord],
    ) -> Result<()> {
        if self.tier == Tier::Standard {
            return self.add_standard_market(record, inputs, positions);
        }
        let mut pnl: ScenarioPnl = [0; MAX_SCENARIOS];
        let place = usize::from(record.group).checked_sub(1);
        let risk = match place.and_then(|place| self.groups.get_mut(place)) {
            None => self.check.add_market(inputs, positions, &mut pnl),
            Some(group) => {
                let group = group.get_or_insert_with(|| Box::new(Group::EMPTY));
                if let Some(least) = place.and_then(|place| self.shares.get_mut(place)) {
                    *least = record.regime.share().min(*least);
                }
                self.check
                    .add_market_to_group(inputs, positions, &mut pnl, group)
            }
        };
        // shown here, where it is: it is 160 bytes to hand back
        let risk = risk.map_err(risk_error)?;
        self.observer.risk(key_of(record), &risk, Some(&pnl));
        Ok(())
    }

    #[inline(never)]
    fn add_standard_market(
        &mut self,
        record: &Market,
        inputs: &risk_core::market::Market<'_, ExpirySlot>,
        positions: &[PositionRecord],
    ) -> Result<()> {
        let shares = record.standard_params();
        let risk = self
            .check
            .add_standard_market(inputs, positions, &shares)
            .map_err(risk_error)?;
        let further = risk.initial.checked_sub(risk.maintenance);
        let shown = MarketRisk {
            mark: risk.mark,
            contingency_maintenance: risk.maintenance,
            contingency_initial: further.map_err(risk_error)?,
            gross_notional: risk.gross_notional,
            ..MarketRisk::default()
        };
        self.observer.risk(key_of(record), &shown, None);
        Ok(())
    }

    /// Adds the scans of the groups, whose markets are all in.
    fn add_groups(&mut self, house: &Clearinghouse) -> Result<()> {
        let groups = self.groups.iter().zip(self.shares);
        for ((group, share), record) in groups.zip(&house.groups) {
            if let Some(group) = group {
                self.check
                    .add_group(group, &record.params_at(share))
                    .map_err(risk_error)?;
            }
        }
        Ok(())
    }
}

impl<'a> Check<'a> {
    /// With the whole set of scenarios.
    pub fn whole(clearinghouse: Pubkey, house: &'a Clearinghouse, now: i64) -> Self {
        Self {
            clearinghouse,
            house,
            now,
            witness: None,
        }
    }
}

impl Check<'_> {
    /// Whether an account of this tier may open on a report: initial health, sizes that stay evaluable, the tier's minimum.
    pub fn is_openable(&self, tier: Tier, report: &MarginReport) -> bool {
        report.is_openable() && self.admits(tier, report)
    }

    /// Refuses a report on which an account of this tier may not open.
    pub fn require_openable(&self, tier: Tier, report: &MarginReport) -> Result<()> {
        match self.is_openable(tier, report) {
            true => Ok(()),
            false => Err(self.opening_error(tier, report)),
        }
    }

    /// Refuses equity below the tier's minimum.
    pub fn require_minimum(&self, tier: Tier, report: &MarginReport) -> Result<()> {
        match self.admits(tier, report) {
            true => Ok(()),
            false => Err(self.minimum_error(report)),
        }
    }

    /// Why an account of this tier may not open on a report.
    pub fn opening_error(&self, tier: Tier, report: &MarginReport) -> Error {
        let (health, gross) = (report.initial_health.raw(), report.gross_notional.raw());
        if health < 0 {
            return error!(MarginError::InitialMarginBreached).with_values((health, 0));
        }
        if !self.admits(tier, report) {
            return self.minimum_error(report);
        }
        let most = MOST_OPEN_NOTIONAL.raw();
        error!(MarginError::GrossNotionalExceeded).with_values((gross, most))
    }

    fn minimum_error(&self, report: &MarginReport) -> Error {
        let least = self.house.portfolio_minimum_equity;
        error!(MarginError::PortfolioMinimum).with_values((report.equity.raw(), least))
    }

    /// Below the Portfolio tier's minimum an account may only reduce.
    fn admits(&self, tier: Tier, report: &MarginReport) -> bool {
        tier == Tier::Standard || self.house.portfolio_terms().admits(report)
    }

    /// An account's cash, with its interest up to now, under the terms of its clearing house.
    fn begin<'a>(
        &self,
        header: &MarginAccount,
        observer: &'a mut dyn Observer,
    ) -> Result<Progress<'a>> {
        self.require_own(&header.clearinghouse)?;
        let cash = self.house.interest.value_floor_at(header, self.now);
        let cash = Quote::from_raw(cash);
        let (terms, check) = match self.house.is_plain() {
            true => (AccountTerms::PLAIN, MarginCheck::new(cash)),
            false => {
                let terms = self.house.account_terms_at(self.now);
                let check = MarginCheck::with_terms(cash, &terms).map_err(risk_error)?;
                (terms, check)
            }
        };
        Ok(Progress {
            tier: header.tier(),
            terms,
            check,
            doubt: doubt_quote_price(self.house, self.now),
            offsets: Vec::new(),
            groups: [const { None }; MAX_GROUPS],
            shares: [ONE; MAX_GROUPS],
            forgiven: Quote::ZERO,
            observer,
        })
    }

    /// Evaluates an account, taking its banks and markets from the cursor.
    pub fn evaluate(
        &self,
        book: &AccountBook<'_>,
        scope: &Scope,
        accounts: &mut Cursor<'_>,
    ) -> Result<Evaluation> {
        self.evaluate_for(book, scope, accounts, &mut ())
    }

    /// The same, with somebody who looks on.
    pub fn evaluate_for(
        &self,
        book: &AccountBook<'_>,
        scope: &Scope,
        accounts: &mut Cursor<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Evaluation> {
        let header = &*book.header;
        let markets = scope.markets.as_slice();
        let mut progress = self.begin(header, observer)?;
        if let Some(witness) = self.witness {
            let named = match progress.tier {
                Tier::Standard => 0,
                Tier::Portfolio => markets.len(),
            };
            require_eq!(witness.len(), named, MarginError::WitnessLength);
        }
        for bank in scope.banks.as_slice() {
            self.add_bank(header, *bank, accounts, &mut progress)?;
        }
        let mut rest = book.positions();
        for (place, market) in markets.iter().enumerate() {
            let held = rest.partition_point(|record| record.market <= *market);
            let (here, others) = rest.split_at(held);
            rest = others;
            let scenario = self.witness.and_then(|w| w.get(place)).copied();
            self.add_market(*market, scenario, here, accounts, &mut progress)?;
        }
        progress.add_groups(self.house)?;
        // The scope covers the account: nothing that it holds may be left out of the sum.
        require_eq!(rest.len(), 0, MarginError::RemainingAccountMissing);
        let mut report = progress.check.finish();
        let backed = report.initial_health.checked_sub(progress.forgiven);
        report.initial_health = backed.map_err(risk_error)?;
        Ok(Evaluation {
            report,
            doubt: progress.doubt,
        })
    }

    fn add_bank(
        &self,
        header: &MarginAccount,
        index: u16,
        accounts: &mut Cursor<'_>,
        progress: &mut Progress<'_>,
    ) -> Result<()> {
        let loader = AccountLoader::<CollateralBank>::try_from(accounts.next_account()?)?;
        let bank = loader.load()?;
        self.require_own(&bank.clearinghouse)?;
        require_eq!(bank.index, index, MarginError::BankMismatch);
        let policy = OraclePolicy::of_bank(&bank);
        let account = accounts.next_price(&bank.feed_id)?;
        let priced = Priced::Bank(&bank);
        let checked = shown_price(account, &policy, &self.clearinghouse, self.now, priced)?;
        progress.note(checked.doubt);
        let held = header.used_collateral().find(|held| held.bank == index);
        let amount = held.map_or(0, |held| held.amount);
        let weight = bank.weight_floor(self.now);
        let mut collateral = bank
            .collateral(amount, checked.price, weight, &progress.terms)
            .map_err(risk_error)?;
        if progress.terms.confidence.factor.raw() > 0 {
            collateral.confidence = checked.width.confidence(bank.oracle_max_confidence);
        }
        if let Some(market) = held.and_then(CollateralBalance::offset_market) {
            let amount = bank
                .offset_at(amount, weight, &progress.terms)
                .map_err(risk_error)?;
            progress.offsets.push((market, amount));
        }
        progress
            .check
            .add_collateral(&collateral)
            .map_err(risk_error)
    }

    #[inline(never)]
    fn add_market(
        &self,
        index: u16,
        scenario: Option<u8>,
        positions: &[PositionRecord],
        accounts: &mut Cursor<'_>,
        progress: &mut Progress<'_>,
    ) -> Result<()> {
        let loader = AccountLoader::<Market>::try_from(accounts.next_account()?)?;
        let market = loader.load()?;
        self.require_own(&market.clearinghouse)?;
        require_eq!(market.index, index, MarginError::MarketMismatch);
        let spot = self.spot(&market, accounts)?;
        progress.note(spot.doubt);
        progress.note(self.doubt_surfaces(&market, positions));

        if market.perp_loss > 0 {
            let forgiven = market.forgiven_of(positions, spot.price, self.now);
            let sum = progress
                .forgiven
                .checked_add(forgiven.ok_or_else(overflow)?);
            progress.forgiven = sum.map_err(risk_error)?;
        }
        let params = market.params();
        let full = market.scenarios.set().map_err(risk_error)?;
        let witness = match scenario {
            Some(index) => Some(Witness::named(&full, &params, index).map_err(risk_error)?),
            None => None,
        };
        let scenarios = match &witness {
            Some(witness) => witness.set().map_err(risk_error)?,
            None => full,
        };
        let mut inputs = market.input(self.now, spot.price, scenarios, &params);
        inputs.offset = progress.offset_of(index)?;
        if params.confidence.factor.raw() > 0 {
            inputs.spot_confidence = spot.width.confidence(market.oracle_max_confidence);
            inputs.perp_confidence = inputs.spot_confidence;
        }
        if !progress.observer.market(index, &inputs, positions)? {
            return Ok(());
        }
        progress.add_market(&market, &inputs, positions)
    }

    /// The checked price of a market, from the account that follows it.
    pub fn spot(&self, market: &Market, accounts: &mut Cursor<'_>) -> Result<CheckedPrice> {
        let account = accounts.next_price(&market.feed_id)?;
        let policy = OraclePolicy::of_market(market);
        let priced = Priced::Market(market);
        let mut spot = shown_price(account, &policy, &self.clearinghouse, self.now, priced)?;
        let of_market = doubt_spot(market, spot.price, spot.publish_time);
        spot.doubt = Doubt::worse(spot.doubt, of_market);
        Ok(spot)
    }

    /// The first doubt about the surfaces of the expiries held, of positions in this market.
    pub fn doubt_surfaces(&self, market: &Market, positions: &[PositionRecord]) -> Option<Doubt> {
        let mut previous = 0;
        for record in positions {
            // What has expired is intrinsic value, which needs no surface; nobody could post one any more.
            if record.expiry == previous || record.expiry <= self.now {
                continue;
            }
            previous = record.expiry;
            // An expiry that is not listed is refused by the engine, as are options without a surface; a future is not.
            let slot = market.expiries.iter().find(|s| s.time == record.expiry);
            let doubt =
                slot.and_then(|s| doubt_surface_age(s.posted_at, market.surface_max_age, self.now));
            if doubt.is_some() {
                return doubt;
            }
        }
        None
    }

    /// Refuses what belongs to another clearing house.
    pub fn require_own(&self, clearinghouse: &Pubkey) -> Result<()> {
        require_keys_eq!(
            *clearinghouse,
            self.clearinghouse,
            MarginError::ClearinghouseMismatch
        );
        Ok(())
    }
}
