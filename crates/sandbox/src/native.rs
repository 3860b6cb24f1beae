//! An account's margin computed off chain, from the same bytes by the engine's own account: what a keeper does.

use anchor_lang::prelude::Pubkey;
use portfolio_margin_interface::state::price::{price_confidence, uncertain_limit};
use portfolio_margin_interface::state::{
    Clearinghouse, CollateralBalance, CollateralBank, ExpirySlot, MarginAccount, Market,
    PositionRecord,
};
use pyth_solana_receiver_sdk::price_update::PriceFeedMessage;
use risk_core::account::{Account, Book, HeldCollateral};
use risk_core::error::Field;
use risk_core::group::GroupParams;
use risk_core::margin::MarginReport;
use risk_core::market::MarketParams;
use risk_core::scan::{MarketRisk, ScenarioPnl};
use risk_core::scenario::MAX_SCENARIOS;
use risk_core::tier::{standard_market, Tier};
use risk_core::{Price, Quantity, Quote, Ratio, RiskError};

use crate::accounts::Scope;
use crate::oracle::decode;
use crate::world::World;

/// One market of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketReport {
    /// Index of the market.
    pub market: u16,
    /// Mark, worst scenario, contingencies.
    pub risk: MarketRisk,
    /// PnL under each scenario, quote units.
    pub pnl: Vec<i64>,
    /// What to name as the market's witness: its own worst, or the scenario that sets the scan of its correlation group.
    pub witness: u8,
}

/// A whole account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NativeReport {
    /// How the account is margined.
    pub tier: Tier,
    /// Health and requirements.
    pub margin: MarginReport,
    /// Each market held, in order; under the Standard tier with its mark and requirements alone.
    pub markets: Vec<MarketReport>,
}

impl NativeReport {
    /// What proves a breach if anything does: the worst scenario of each market, or of its correlation group. The Standard tier
    /// needs no such proof.
    pub fn witness(&self) -> Vec<u8> {
        match self.tier {
            Tier::Standard => vec![],
            Tier::Portfolio => self.markets.iter().map(|market| market.witness).collect(),
        }
    }
}

/// A price as a price account states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShownPrice {
    /// In 1e-8 USD, floored.
    pub price: Price,
    /// Confidence interval and price, in units of their own.
    pub width: (u64, u64),
}

impl ShownPrice {
    /// Reads a price update, unchecked.
    pub fn of(message: &PriceFeedMessage) -> Self {
        Self::published(message.price, message.conf, message.exponent)
    }

    /// Price, confidence and exponent as they were published, unchecked.
    pub fn published(published: i64, confidence: u64, exponent: i32) -> Self {
        let price = u128::from(published.unsigned_abs());
        let power = 10u128.pow((exponent + 8).unsigned_abs());
        let scaled = if exponent < -8 {
            price / power
        } else {
            price * power
        };
        Self {
            price: Price::from_raw(u64::try_from(scaled).expect("a price in range")),
            width: (confidence, published.unsigned_abs()),
        }
    }

    fn confidence(&self, limit: u32) -> Ratio {
        price_confidence(self.width.0, self.width.1, uncertain_limit(limit))
    }
}

/// Accounts that a check reads, with their prices.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The clearing house.
    pub house: Clearinghouse,
    /// Banks of which the account may hold collateral.
    pub banks: Vec<(CollateralBank, ShownPrice)>,
    /// Markets in which the account may hold positions, by index.
    pub markets: Vec<(Market, ShownPrice)>,
    /// Unix time.
    pub now: i64,
}

impl Inputs {
    /// No banks and markets yet.
    pub fn new(house: Clearinghouse, now: i64) -> Self {
        Self {
            house,
            banks: vec![],
            markets: vec![],
            now,
        }
    }

    /// The correlation groups, with what the regimes of their markets leave of the offsets.
    fn groups(&self) -> Vec<GroupParams> {
        let numbered = self.house.groups.iter().enumerate();
        let with_share = numbered.map(|(number, group)| {
            let members = self.markets.iter().map(|(market, _)| market);
            let members = members.filter(|market| usize::from(market.group) == number + 1);
            let share = members.map(|market| market.regime.share()).min();
            group.params_at(share.unwrap_or(1_000_000))
        });
        with_share.collect()
    }

    /// The account's collateral, and how much of it offsets the risk of each market.
    fn collateral(
        &self,
        header: &MarginAccount,
    ) -> Result<(Vec<HeldCollateral>, Vec<Quantity>), RiskError> {
        let terms = self.house.account_terms_at(self.now);
        let mut offsets = vec![Quantity::ZERO; self.markets.len()];
        let mut held = vec![];
        for (bank, shown) in &self.banks {
            let balance = header.used_collateral().find(|b| b.bank == bank.index);
            let amount = balance.map_or(0, |balance| balance.amount);
            let weight = bank.weight_floor(self.now);
            let mut collateral = bank.collateral(amount, shown.price, weight, &terms)?;
            collateral.confidence = shown.confidence(bank.oracle_max_confidence);
            let index = balance.and_then(CollateralBalance::offset_market);
            let underlying = self
                .markets
                .iter()
                .position(|(market, _)| Some(market.index) == index);
            if let Some(at) = underlying {
                offsets[at] = offsets[at].checked_add(bank.offset_at(amount, weight, &terms)?)?;
            }
            held.push(HeldCollateral {
                collateral,
                underlying,
            });
        }
        Ok((held, offsets))
    }

    /// The markets with the account's positions in them.
    fn books<'a>(
        &'a self,
        positions: &'a [Vec<PositionRecord>],
        params: &'a [MarketParams],
        offsets: &[Quantity],
    ) -> Result<Vec<Book<'a, PositionRecord, ExpirySlot>>, RiskError> {
        let each = self
            .markets
            .iter()
            .zip(positions)
            .zip(params)
            .zip(offsets)
            .map(|((((record, shown), positions), params), offset)| {
                let scenarios = record.scenarios.set()?;
                let mut market = record.input(self.now, shown.price, scenarios, params);
                market.spot_confidence = shown.confidence(record.oracle_max_confidence);
                market.perp_confidence = market.spot_confidence;
                market.offset = *offset;
                Ok(Book {
                    market,
                    positions,
                    standard: record.standard_params(),
                    group: usize::from(record.group).checked_sub(1),
                })
            });
        each.collect()
    }
}

/// Evaluates an account that may or may not exist on chain.
pub fn evaluate(
    header: &MarginAccount,
    positions: &[PositionRecord],
    inputs: &Inputs,
) -> Result<NativeReport, RiskError> {
    let (collateral, offsets) = inputs.collateral(header)?;
    let in_market = |market: &Market| -> Vec<PositionRecord> {
        let held = positions.iter().filter(|p| p.market == market.index);
        held.copied().collect()
    };
    let held: Vec<_> = inputs.markets.iter().map(|(m, _)| in_market(m)).collect();
    let params: Vec<_> = inputs.markets.iter().map(|(m, _)| m.params()).collect();
    let books = inputs.books(&held, &params, &offsets)?;
    let groups: Vec<GroupParams> = inputs.groups();
    let account = Account {
        cash: Quote::from_raw(inputs.house.interest.at(inputs.now).value_floor(header)),
        terms: inputs.house.account_terms_at(inputs.now),
        collateral: &collateral,
        books: &books,
        groups: &groups,
    };
    let mut risks = vec![MarketRisk::default(); books.len()];
    let mut pnl: Vec<ScenarioPnl> = vec![[0; MAX_SCENARIOS]; books.len()];
    let tier = header.tier();
    let mut margin = match tier {
        Tier::Portfolio => account.portfolio(&mut risks, &mut pnl)?,
        Tier::Standard => {
            for (risk, book) in risks.iter_mut().zip(&books) {
                *risk = standard_risk(book)?;
            }
            account.standard()?
        }
    };
    for ((market, shown), positions) in inputs.markets.iter().zip(&held) {
        let forgiven = market.forgiven_of(positions, shown.price, inputs.now);
        let forgiven = forgiven.ok_or(RiskError::Overflow(Field::Quote))?;
        margin.initial_health = margin.initial_health.checked_sub(forgiven)?;
    }
    let count = |record: &Market| match tier {
        Tier::Portfolio => record.scenarios.count.into(),
        Tier::Standard => 0,
    };
    let markets = inputs.markets.iter().zip(risks).zip(pnl);
    let markets = markets.map(|(((record, _), risk), pnl)| MarketReport {
        market: record.index,
        risk,
        pnl: pnl[..count(record)].to_vec(),
        witness: risk.worst_scenario,
    });
    let mut markets: Vec<_> = markets.collect();
    if tier == Tier::Portfolio {
        for (number, params) in groups.iter().enumerate() {
            let is_member = |at: &usize| books[*at].group == Some(number);
            let members: Vec<_> = (0..books.len()).filter(is_member).collect();
            if let Some(index) = worst_of_group(params, &members, &markets) {
                for at in members {
                    markets[at].witness = index;
                }
            }
        }
    }
    Ok(NativeReport {
        tier,
        margin,
        markets,
    })
}

/// The scenario that sets a group's scan, where one does and not the cap on the offset: then no market's own worst proves it.
fn worst_of_group(params: &GroupParams, members: &[usize], markets: &[MarketReport]) -> Option<u8> {
    let members = || members.iter().map(|at| &markets[*at]);
    let ratio = |ratio: Ratio| ratio.raw() as f64 / 1e6;
    let counted = |market: &MarketReport, index: usize| {
        let pnl = market.pnl[index] as f64;
        match pnl < 0.0 {
            true => pnl.max(market.risk.scan.raw() as f64),
            false => pnl * ratio(params.kappa),
        }
    };
    let sum = |index: usize| members().map(|m| counted(m, index)).sum::<f64>();
    let count = members().map(|market| market.pnl.len()).min()?;
    let worst = (0..count).min_by(|a, b| sum(*a).total_cmp(&sum(*b)))?;
    let plain: f64 = members().map(|m| m.risk.scan.raw() as f64).sum();
    let capped = plain * (1.0 - ratio(params.offset_cap));
    (sum(worst) < capped).then_some(u8::try_from(worst).ok()?)
}

/// What one market requires under the Standard tier, as a view shows it.
fn standard_risk(book: &Book<'_, PositionRecord, ExpirySlot>) -> Result<MarketRisk, RiskError> {
    let risk = standard_market(&book.market, book.positions, &book.standard)?;
    Ok(MarketRisk {
        mark: risk.mark,
        contingency_maintenance: risk.maintenance,
        contingency_initial: risk.initial.checked_sub(risk.maintenance)?,
        gross_notional: risk.gross_notional,
        ..MarketRisk::default()
    })
}

impl World {
    /// What the engine says of an account now. Prices are taken as they stand, whatever their age or confidence.
    #[track_caller]
    pub fn report(&self, account: &Pubkey) -> NativeReport {
        self.try_report(account)
            .unwrap_or_else(|error| panic!("the engine refused {account}: {error:?}"))
    }

    /// The same, for accounts that the engine may refuse.
    pub fn try_report(&self, account: &Pubkey) -> Result<NativeReport, RiskError> {
        let (header, positions) = self.account(account);
        let inputs = self.inputs(&header.clearinghouse, &Scope::of(&header, &positions));
        evaluate(&header, &positions, &inputs)
    }

    /// Reads banks, markets and prices of a scope.
    #[track_caller]
    pub fn inputs(&self, house: &Pubkey, scope: &Scope) -> Inputs {
        let banks = scope.banks.iter().map(|index| {
            let bank = self.bank(house, *index);
            (self.read(&bank.key), self.shown_price(&bank.price))
        });
        let markets = scope.markets.iter().map(|index| {
            let market = self.market(house, *index).expect("a listed market");
            (self.read(&market.key), self.shown_price(&market.price))
        });
        Inputs {
            house: self.read(house),
            banks: banks.collect(),
            markets: markets.collect(),
            now: self.now(),
        }
    }

    /// The price in a Pyth account, in 1e-8 USD, floored; unchecked.
    #[track_caller]
    pub fn spot(&self, price_account: &Pubkey) -> Price {
        self.shown_price(price_account).price
    }

    /// The price in a Pyth account with its confidence interval; unchecked.
    #[track_caller]
    pub fn shown_price(&self, price_account: &Pubkey) -> ShownPrice {
        let data = self.data(price_account);
        let (price, confidence, exponent) = decode(&data).expect("a price account");
        ShownPrice::published(price, confidence, exponent)
    }
}
