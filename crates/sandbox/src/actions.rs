//! What users do, one call each. `*_ix` builds the instruction with the remaining accounts of the moment; the plain
//! verb sends it.

use anchor_lang::prelude::Pubkey;
use portfolio_margin_interface::args::{BidArgs, MarginAccountArgs, TradeLeg};
use portfolio_margin_interface::seeds;
use portfolio_margin_interface::state::margin_account::MIN_CAPACITY;
use portfolio_margin_interface::view::MarginView;
use risk_core::position::Instrument;
use risk_core::tier::Tier;
use solana_instruction::Instruction;

use crate::accounts::{Scope, Trader};
use crate::instructions;
use crate::keys::User;
use crate::listing::{Bank, Market};
use crate::transaction::Outcome;
use crate::world::World;

/// A leg of a perpetual; quantity in 1e-6 base units, price in 1e-8 USD.
pub fn perpetual(market: &Market, quantity: i64, price: u64) -> TradeLeg {
    TradeLeg {
        market: market.index,
        instrument: Instrument::Perpetual as u8,
        expiry: 0,
        strike: 0,
        quantity,
        price,
    }
}

/// A leg of a dated future.
pub fn future(market: &Market, expiry: i64, quantity: i64, price: u64) -> TradeLeg {
    TradeLeg {
        instrument: Instrument::Future as u8,
        expiry,
        ..perpetual(market, quantity, price)
    }
}

/// A leg of a call; strike and price in 1e-8 USD.
pub fn call(market: &Market, expiry: i64, strike: u64, quantity: i64, price: u64) -> TradeLeg {
    TradeLeg {
        instrument: Instrument::Call as u8,
        expiry,
        strike,
        ..perpetual(market, quantity, price)
    }
}

/// A leg of a put; strike and price in 1e-8 USD.
pub fn put(market: &Market, expiry: i64, strike: u64, quantity: i64, price: u64) -> TradeLeg {
    TradeLeg {
        instrument: Instrument::Put as u8,
        ..call(market, expiry, strike, quantity, price)
    }
}

impl World {
    /// A user with lamports for fees and rent and empty token accounts of USDC and SOL.
    pub fn user(&mut self, name: &str) -> User {
        let user = User::named(name);
        if self.svm.get_account(&user.key).is_none() {
            self.svm
                .airdrop(&user.key, 100_000_000_000)
                .expect("an airdrop");
        }
        for bank in [self.usdc, self.sol_bank] {
            let key = self.wallet(&user, &bank);
            if self.svm.get_account(&key).is_none() {
                self.create_token_account(key, bank.mint, user.key);
            }
        }
        user
    }

    /// Opens a user's first margin account in the Portfolio tier with room for `capacity` positions.
    pub fn open(&mut self, user: &User, capacity: u16) -> Trader {
        self.open_sub_account(user, 0, capacity)
    }

    /// Opens a further margin account of a user, in the Portfolio tier.
    pub fn open_sub_account(&mut self, user: &User, sub_account: u16, capacity: u16) -> Trader {
        self.open_in_tier(user, sub_account, capacity, Tier::Portfolio)
    }

    /// Opens a margin account of a user in either tier.
    pub fn open_in_tier(
        &mut self,
        user: &User,
        sub_account: u16,
        capacity: u16,
        tier: Tier,
    ) -> Trader {
        let args = MarginAccountArgs {
            sub_account,
            capacity,
            tier: tier as u8,
        };
        let house = self.house;
        let ix = instructions::open_margin_account(&user.key, &house, args);
        self.send(&[ix], &[*user]).ok();
        Trader {
            user: *user,
            house,
            account: seeds::margin_account(&house, &user.key, sub_account),
            sub_account,
        }
    }

    /// A user with a margin account of the smallest size that holds `usdc` native units.
    pub fn trader(&mut self, name: &str, usdc: u64) -> Trader {
        let user = self.user(name);
        let trader = self.open(&user, MIN_CAPACITY as u16);
        if usdc > 0 {
            let bank = self.usdc;
            self.fund(&user, &bank, usdc);
            self.deposit(&trader, &bank, usdc).ok();
        }
        trader
    }

    /// The instruction of [`World::set_tier`].
    pub fn set_tier_ix(&self, trader: &Trader, tier: Tier) -> Instruction {
        let (header, positions) = self.account(&trader.account);
        let is_bound = !positions.is_empty() || header.cash < 0;
        let remaining = match tier == Tier::Portfolio || is_bound {
            true => self.margin_metas(&trader.account),
            false => vec![],
        };
        instructions::set_tier(trader, tier, remaining)
    }

    /// Changes how an account is margined.
    #[track_caller]
    pub fn set_tier(&mut self, trader: &Trader, tier: Tier) -> Outcome {
        let ix = self.set_tier_ix(trader, tier);
        self.send(&[ix], &[trader.user])
    }

    /// The instruction of [`World::deposit`].
    pub fn deposit_ix(&self, trader: &Trader, bank: &Bank, amount: u64) -> Instruction {
        let source = self.wallet(&trader.user, bank);
        instructions::deposit_collateral(trader, bank, &source, amount)
    }

    /// Deposits from the user's token account.
    #[track_caller]
    pub fn deposit(&mut self, trader: &Trader, bank: &Bank, amount: u64) -> Outcome {
        let ix = self.deposit_ix(trader, bank, amount);
        self.send(&[ix], &[trader.user])
    }

    /// The instruction of [`World::withdraw`].
    pub fn withdraw_ix(&self, trader: &Trader, bank: &Bank, amount: u64) -> Instruction {
        let (mut header, positions) = self.account(&trader.account);
        if !bank.is_quote {
            let held = header
                .collateral
                .iter_mut()
                .filter(|h| h.bank == bank.index);
            held.for_each(|held| held.amount = held.amount.saturating_sub(amount));
        }
        let scope = Scope::of(&header, &positions);
        let cash = match bank.is_quote {
            true => self.cash_value(&trader.account) - i128::from(amount),
            false => header.cash.into(),
        };
        let remaining = if positions.is_empty() && cash >= 0 {
            vec![]
        } else {
            self.metas(&trader.house, &scope)
        };
        let destination = self.wallet(&trader.user, bank);
        instructions::withdraw_collateral(trader, bank, &destination, amount, remaining)
    }

    /// Withdraws to the user's token account.
    #[track_caller]
    pub fn withdraw(&mut self, trader: &Trader, bank: &Bank, amount: u64) -> Outcome {
        let ix = self.withdraw_ix(trader, bank, amount);
        self.send(&[ix], &[trader.user])
    }

    /// The instruction of [`World::trade`].
    pub fn trade_ix(&self, taker: &Trader, maker: &Trader, legs: &[TradeLeg]) -> Instruction {
        let remaining = self.trade_metas(taker, maker, legs);
        let ix = instructions::trade(taker, maker, legs.to_vec(), remaining);
        self.with_loss(ix, &taker.house)
    }

    /// Exchanges legs; both owners sign.
    #[track_caller]
    pub fn trade(&mut self, taker: &Trader, maker: &Trader, legs: &[TradeLeg]) -> Outcome {
        let ix = self.trade_ix(taker, maker, legs);
        self.send(&[ix], &[taker.user, maker.user])
    }

    /// The instruction of [`World::view_margin`].
    pub fn view_margin_ix(&self, account: &Pubkey) -> Instruction {
        let (header, _) = self.account(account);
        instructions::view_margin(&header.clearinghouse, account, self.margin_metas(account))
    }

    /// The margin that the program computes, and what computing it cost.
    #[track_caller]
    pub fn view_margin(&mut self, account: &Pubkey) -> (MarginView, Outcome) {
        let ix = self.view_margin_ix(account);
        let outcome = self.send(&[ix], &[]).ok();
        (outcome.view(), outcome)
    }

    /// The instruction of [`World::start_liquidation`].
    pub fn start_liquidation_ix(
        &self,
        caller: &User,
        account: &Pubkey,
        witness: &[u8],
    ) -> Instruction {
        let (header, _) = self.account(account);
        instructions::start_liquidation(
            &header.clearinghouse,
            &caller.key,
            account,
            witness.to_vec(),
            self.margin_metas(account),
        )
    }

    /// Puts an account into liquidation with one scenario per market.
    #[track_caller]
    pub fn start_liquidation(
        &mut self,
        caller: &User,
        account: &Pubkey,
        witness: &[u8],
    ) -> Outcome {
        let ix = self.start_liquidation_ix(caller, account, witness);
        self.send(&[ix], &[*caller])
    }

    /// The instruction of [`World::bid`].
    pub fn bid_ix(&self, liquidator: &Trader, liquidatee: &Pubkey, args: BidArgs) -> Instruction {
        let remaining = self.bid_metas(liquidator, liquidatee);
        let ix = instructions::bid_liquidation(liquidator, liquidatee, args, remaining);
        // the insurance fund's share of the reward
        match self.builder.liquidation.fund_share {
            0 => self.with_loss(self.with_proof(ix, liquidatee), &liquidator.house),
            _ => instructions::writable(ix, &liquidator.house),
        }
    }

    /// A proof of insolvency that may be taken back is in the clearing house's sum.
    fn with_proof(&self, ix: Instruction, account: &Pubkey) -> Instruction {
        let (header, _) = self.account(account);
        match header.proven_deficit {
            0 => ix,
            _ => instructions::writable(ix, &header.clearinghouse),
        }
    }

    /// Bids for up to `fraction` (1e-9) of an account at any price.
    #[track_caller]
    pub fn bid(
        &mut self,
        liquidator: &Trader,
        liquidatee: &Pubkey,
        witness: &[u8],
        fraction: u64,
    ) -> Outcome {
        let args = BidArgs {
            witness: witness.to_vec(),
            fraction,
            minimum: 0,
            price_limit: i64::MAX,
        };
        let ix = self.bid_ix(liquidator, liquidatee, args);
        self.send(&[ix], &[liquidator.user])
    }

    /// The instruction of [`World::restart_auction`].
    pub fn restart_auction_ix(&self, caller: &User, account: &Pubkey) -> Instruction {
        let remaining = self.margin_metas(account);
        let ix = instructions::restart_auction(&self.house, &caller.key, account, remaining);
        self.with_proof(ix, account)
    }

    /// Begins the auction of an account anew.
    #[track_caller]
    pub fn restart_auction(&mut self, caller: &User, account: &Pubkey) -> Outcome {
        let ix = self.restart_auction_ix(caller, account);
        self.send(&[ix], &[*caller])
    }

    /// The instruction of [`World::stop_liquidation`].
    pub fn stop_liquidation_ix(&self, caller: &User, account: &Pubkey) -> Instruction {
        let remaining = self.margin_metas(account);
        let ix = instructions::stop_liquidation(&self.house, &caller.key, account, remaining);
        self.with_proof(ix, account)
    }

    /// Ends a liquidation.
    #[track_caller]
    pub fn stop_liquidation(&mut self, caller: &User, account: &Pubkey) -> Outcome {
        let ix = self.stop_liquidation_ix(caller, account);
        self.send(&[ix], &[*caller])
    }
}
