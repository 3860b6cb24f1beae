//! Legs that a keeper takes: what they would do, computed off chain by the engine that judges them, and how many to take.

use anchor_lang::prelude::Pubkey;
use clearing_core::funding::entry_cost;
use portfolio_margin::{accounts, instruction};
use portfolio_margin_interface::args::{LegTake, LiquidateLegsArgs};
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount, PositionRecord};
use risk_core::liquidation::{LiquidationTerms, FRACTION_ONE};
use risk_core::margin::MarginReport;
use risk_core::position::{Instrument, Position, PositionSource};
use risk_core::takeover::{
    most_fee_floor, price_against_taker, size_legs, Takeover, TAKER_ROUNDING,
};
use risk_core::unit_mark::UnitMarks;
use risk_core::{Quantity, Quote, Ratio, RiskError};
use solana_instruction::{AccountMeta, Instruction};

use crate::accounts::{Scope, Trader};
use crate::instructions::{instruction, writable};
use crate::native::{evaluate, Inputs, NativeReport, ReportError};
use crate::transaction::Outcome;
use crate::world::World;

/// Legs of an account with what taking them would do.
#[derive(Clone, Debug)]
pub struct Outlook {
    /// The account as it is.
    pub before: NativeReport,
    /// The account without the legs, before a fee.
    pub unpaid: MarginReport,
    /// What the keeper pays for each leg, 1e-8 USD per base unit.
    pub prices: Vec<u64>,
    /// What it pays in sum, 1e-6 USD: what a price limit is compared with, without the fee.
    pub price: i64,
    /// The legs' notional and the cash that is not for sale, without a fee.
    pub takeover: Takeover,
    /// The terms of the auction at this moment.
    pub terms: LiquidationTerms,
}

impl Outlook {
    /// The largest fee that the program accepts.
    pub fn most_fee(&self) -> u64 {
        let (before, unpaid) = (&self.before.margin, &self.unpaid);
        let fee = most_fee_floor(before, unpaid, &self.takeover, &self.terms);
        u64::try_from(fee.expect("amounts in range").raw()).expect("a fee of at least zero")
    }
}

/// A leg of a record: `quantity` of it, with the record's sign.
pub fn take_of(record: &PositionRecord, quantity: i64) -> LegTake {
    LegTake {
        market: record.market,
        instrument: record.instrument,
        expiry: record.expiry,
        strike: record.strike,
        quantity,
    }
}

/// The same legs in other sizes: a share of each, of 1e9, toward zero; those of which nothing is left are dropped.
pub fn share_of_legs(takes: &[LegTake], share: u64) -> Vec<LegTake> {
    let scaled = takes.iter().map(|take| {
        let quantity = Quantity::from_raw(take.quantity).scale_toward_zero(share, FRACTION_ONE);
        LegTake {
            quantity: quantity.expect("a part of it").raw(),
            ..take.clone()
        }
    });
    scaled.filter(|take| take.quantity != 0).collect()
}

/// `liquidate_legs`.
pub fn liquidate_legs(
    liquidator: &Trader,
    liquidatee: &Pubkey,
    args: LiquidateLegsArgs,
    remaining: Vec<AccountMeta>,
) -> Instruction {
    let accounts = accounts::LiquidateLegs {
        liquidator_owner: liquidator.user.key,
        clearinghouse: liquidator.house,
        liquidator: liquidator.account,
        liquidatee: *liquidatee,
    };
    instruction(accounts, instruction::LiquidateLegs { args }, remaining)
}

/// An account in memory, of which legs are taken.
struct Seller {
    header: MarginAccount,
    positions: Vec<PositionRecord>,
    inputs: Inputs,
}

impl Seller {
    /// Interest comes first, as on chain: then no index counts any more.
    fn of(world: &World, account: &Pubkey) -> Self {
        let (mut header, positions) = world.account(account);
        let inputs = world.inputs(&header.clearinghouse, &Scope::of(&header, &positions));
        header.cash = inputs.house.interest.at(inputs.now).value_floor(&header);
        (header.interest_due, header.interest_index) = (0, 0);
        header.loss_index = 0;
        Self {
            header,
            positions,
            inputs,
        }
    }

    /// Takes a leg at its mark; returns what a base unit cost, what was paid for all of it, and its notional.
    fn take(&mut self, take: &LegTake) -> Result<(u64, i64, Quote), RiskError> {
        let key = (take.market, take.expiry, take.strike, take.instrument);
        let at = self.positions.iter().position(|held| held.key() == key);
        let at = at.expect("a position that is held");
        let size = Quantity::from_raw(take.quantity);
        let position = Position {
            quantity: size,
            ..self.positions[at].position()
        };
        let mut markets = self.inputs.markets.iter();
        let (market, shown) = markets
            .find(|(market, _)| market.index == take.market)
            .expect("a market of the account");
        let (params, spot) = (market.params(), shown.price);
        let input = market.input(self.inputs.now, spot, market.scenarios.set()?, &params);
        let mark = UnitMarks::new(&input).of(&position)?;
        let price = price_against_taker(mark, spot, &position);
        let paid = match take.instrument == Instrument::Perpetual as u8 {
            true => entry_cost(size, price, input.funding).expect("a cost in range"),
            false => size.notional(price)?,
        };
        let paid = paid.raw() + TAKER_ROUNDING;
        let record = &mut self.positions[at];
        record.quantity -= take.quantity;
        match position.instrument.is_option() {
            true => self.header.cash += paid,
            false => record.cost -= paid,
        }
        self.positions
            .retain(|held| held.quantity != 0 || held.cost != 0);
        let notional = size.notional(spot)?.saturating_abs();
        Ok((price.raw(), size.notional(price)?.raw(), notional))
    }

    fn report(&self) -> Result<NativeReport, RiskError> {
        match evaluate(&self.header, &self.positions, &self.inputs) {
            Ok(report) => Ok(report),
            Err(ReportError::Risk(error)) => Err(error),
            Err(missing) => panic!("the inputs of an account: {missing}"),
        }
    }
}

impl World {
    /// What taking these legs would do now; each is held in this size.
    #[track_caller]
    pub fn outlook(&self, account: &Pubkey, takes: &[LegTake]) -> Outlook {
        let mut seller = Seller::of(self, account);
        let before = seller.report().expect("an account in range");
        let (mut prices, mut price, mut notional) = (vec![], 0, Quote::ZERO);
        for take in takes {
            let (unit, paid, size) = seller.take(take).expect("a leg in range");
            prices.push(unit);
            price += paid;
            notional = notional.checked_add(size).expect("a notional in range");
        }
        let is_maintained = before.margin.maintenance_health.raw() >= 0;
        let terms = self.terms_now(&seller.header, is_maintained);
        Outlook {
            unpaid: seller.report().expect("an account in range").margin,
            before,
            prices,
            price,
            takeover: Takeover {
                fee: Quote::ZERO,
                notional,
                reserved: Quote::from_raw(seller.header.reserved_cash),
            },
            terms,
        }
    }

    /// The terms of an account's auction now; of one that has not begun, at its start.
    pub fn terms_now(&self, header: &MarginAccount, is_maintained: bool) -> LiquidationTerms {
        let house: Clearinghouse = self.read(&header.clearinghouse);
        let elapsed = match header.liquidation_started_at {
            0 => 0,
            started_at => self.now() - started_at,
        };
        let auction = house.liquidation.auction();
        house
            .liquidation
            .terms(auction.discount_floor(elapsed, is_maintained))
    }

    /// How much of these legs a keeper should take and for which fee: what brings the account to a share of the buffer (1e-6; below 1.0
    /// to leave room for deposits and prices that come in between), or repairs as much as the legs can.
    #[track_caller]
    pub fn sized(
        &self,
        account: &Pubkey,
        takes: &[LegTake],
        share_of_buffer: i64,
    ) -> (Vec<LegTake>, u64) {
        let buffer = self.outlook(account, &[]).terms.buffer.raw();
        let aim = Ratio::from_raw(buffer * share_of_buffer / 1_000_000);
        let share = size_legs(aim, |share| {
            let outlook = self.outlook(account, &share_of_legs(takes, share));
            let fee = i64::try_from(outlook.most_fee()).expect("a fee in range");
            let mut paid = outlook.unpaid;
            paid.equity = paid.equity.checked_sub(Quote::from_raw(fee))?;
            paid.maintenance_health = paid.maintenance_health.checked_sub(Quote::from_raw(fee))?;
            Ok(paid)
        });
        let sized = share_of_legs(takes, share.expect("an account in range"));
        let fee = self.outlook(account, &sized).most_fee();
        (sized, fee)
    }

    /// Remaining accounts of `liquidate_legs`: the legs' markets to be written, the liquidatee's check, the liquidator's with the
    /// legs' markets.
    pub fn legs_metas(
        &self,
        liquidator: &Trader,
        liquidatee: &Pubkey,
        takes: &[LegTake],
    ) -> Vec<AccountMeta> {
        let legs = Scope::of_markets(takes.iter().map(|take| take.market));
        let scopes = [
            self.scope(&liquidator.account),
            self.scope(liquidatee),
            legs,
        ];
        let (directory, [ours, theirs, legs]) = self.listed(&liquidator.house, scopes);
        let is_listed = |take: &&LegTake| legs.markets.contains(&take.market);
        let takes: Vec<_> = takes.iter().filter(is_listed).cloned().collect();
        let metas = directory.legs_metas(&ours, &theirs, &takes);
        metas.expect("banks that are listed")
    }

    /// The instruction of [`World::take_legs`].
    pub fn legs_ix(
        &self,
        liquidator: &Trader,
        liquidatee: &Pubkey,
        args: LiquidateLegsArgs,
    ) -> Instruction {
        let remaining = self.legs_metas(liquidator, liquidatee, &args.legs);
        let (header, _) = self.account(liquidatee);
        let share = self.terms_now(&header, false).fund_share.raw();
        let pays_fund = args.fee > 0 && share > 0;
        let ix = liquidate_legs(liquidator, liquidatee, args, remaining);
        match pays_fund {
            true => writable(ix, &liquidator.house),
            false => self.with_loss(ix, &liquidator.house),
        }
    }

    /// Takes legs for a fee at any price, with the account's worst scenarios as the witness.
    #[track_caller]
    pub fn take_legs(
        &mut self,
        liquidator: &Trader,
        liquidatee: &Pubkey,
        takes: &[LegTake],
        fee: u64,
    ) -> Outcome {
        let args = LiquidateLegsArgs {
            witness: self.report(liquidatee).witness(),
            legs: takes.to_vec(),
            fee,
            minimum: 0,
            price_limit: i64::MAX,
        };
        let ix = self.legs_ix(liquidator, liquidatee, args);
        self.send(&[ix], &[liquidator.user])
    }
}
