//! A known-good use of every instruction of the program: what tests of all instructions bend, send and watch.
//!
//! The list of instructions is read from the program's source, so an instruction that is not here fails those tests.

use anchor_lang::prelude::Pubkey;
use portfolio_margin::oracle::outage::OUTAGE_LEAST_AGE;
use portfolio_margin_interface::args::{
    AccountTermsArgs, BidArgs, ClearinghouseArgs, GreeksPage, HealthKind, HouseRulesArgs,
    LiquidateLegsArgs, LiquidationArgs, MarginAccountArgs, MarketRulesArgs,
};
use portfolio_margin_interface::quote::QuoteCancel;
use portfolio_margin_interface::seeds::{self, VENUE};
use risk_core::scenario::MAJOR_GRID;
use risk_core::tier::Tier;
use sandbox::oracle::{price_address, USDC_FEED};
use sandbox::quotes::ed25519;
use sandbox::venue::through;
use sandbox::{
    call, crypto_smile, dollars, instructions, lifecycle, perpetual, settlement, take_of, Market,
    PriceFields, Trader, User, World, WorldBuilder, BASE, DAY, SOL, START, USDC,
};
use solana_instruction::Instruction;

use super::bankrupt::{Defaults, Scene};
use super::deleverage::{self, EVERYTHING};
use super::insolvent::{broke_long, insolvent_long, whole_bid, BROKE};
use super::scene::{failing_long, liquidating_long};

/// Names of all instructions of the program, in the order of its source.
pub fn instruction_names() -> Vec<&'static str> {
    let source = include_str!("../../programs/portfolio-margin/src/lib.rs");
    let (_, program) = source.split_once("#[program]").expect("a program");
    let heads = program.split("    pub fn ").skip(1);
    heads
        .map(|head| head.split(['<', '(']).next().unwrap_or_default())
        .collect()
}

/// Names of an instruction's accounts, from the program's interface description.
pub fn account_names(instruction: &str) -> Vec<String> {
    let text = include_str!("../../idl/portfolio_margin.json");
    let idl: serde_json::Value = serde_json::from_str(text).expect("JSON");
    let all = idl["instructions"].as_array().expect("instructions");
    let found = all.iter().find(|item| item["name"] == instruction);
    let found = found.unwrap_or_else(|| panic!("idl/ has no {instruction}: run scripts/idl"));
    let accounts = found["accounts"].as_array().expect("accounts");
    let names = accounts.iter().map(|item| item["name"].as_str());
    names
        .map(|name| name.expect("a name").to_string())
        .collect()
}

/// A transaction that succeeds, and the one instruction in it that is looked at.
pub struct Known {
    /// Where it succeeds.
    pub world: World,
    /// The transaction.
    pub batch: Vec<Instruction>,
    /// The place of the instruction in it.
    pub at: usize,
    /// Accounts of the instruction before those of the program's: what a venue that calls it names first.
    pub skip: usize,
    /// Who signs.
    pub signers: Vec<User>,
}

/// A clearing house with fees and funding in which alice and bob hold USDC, SOL and perpetuals of both markets against each other, and
/// a week's call; bob has quote nonces, both approve a venue.
struct Town {
    world: World,
    alice: Trader,
    bob: Trader,
    venue: Pubkey,
}

impl Town {
    fn build() -> Self {
        let settings = WorldBuilder::default();
        let fees = MarketRulesArgs {
            fee_taker: 300,
            fee_maker: 100,
            fee_premium_cap: 125_000,
            funding_cap: 10_000_000,
            funding_depth: BASE.unsigned_abs(),
            ..settings.market_rules.clone()
        };
        let mut world = WorldBuilder {
            market_rules: fees,
            ..settings
        }
        .build();
        let [alice, bob] = ["alice", "bob"].map(|name| world.trader(name, 100_000 * USDC));
        let (bank, btc, sol) = (world.sol_bank, world.btc, world.sol);
        for trader in [&alice, &bob] {
            world.fund(&trader.user, &bank, 200 * SOL);
            world.deposit(trader, &bank, 100 * SOL).ok();
        }
        let settings = world.settings().clone();
        let legs = [
            perpetual(&btc, BASE, settings.btc_price),
            call(&btc, world.week, dollars(120_000), -BASE / 10, dollars(900)),
            perpetual(&sol, -100 * BASE, settings.sol_price),
        ];
        world.trade(&alice, &bob, &legs).ok();
        world.open_quotes(&bob).ok();
        let venue = world.add_hostile_venue("venue");
        world.list_venue(&venue).ok();
        for trader in [&alice, &bob] {
            world.approve_venue(trader, &venue).ok();
        }
        Self {
            world,
            alice,
            bob,
            venue,
        }
    }

    /// One instruction on this town.
    fn with(
        mut self,
        make: impl FnOnce(&mut World, &Trader, &Trader) -> Instruction,
        signers: impl FnOnce(&World, &Trader, &Trader) -> Vec<User>,
    ) -> Known {
        let ix = make(&mut self.world, &self.alice, &self.bob);
        let signers = signers(&self.world, &self.alice, &self.bob);
        Known::one(self.world, ix, &signers)
    }
}

impl Known {
    fn one(world: World, instruction: Instruction, signers: &[User]) -> Self {
        Self {
            world,
            batch: vec![instruction],
            at: 0,
            skip: 0,
            signers: signers.to_vec(),
        }
    }

    /// The instruction that is looked at.
    pub fn instruction(&self) -> &Instruction {
        &self.batch[self.at]
    }

    /// The transaction with another instruction at its place.
    pub fn with(&self, instruction: Instruction) -> Vec<Instruction> {
        let mut batch = self.batch.clone();
        batch[self.at] = instruction;
        batch
    }
}

/// A known-good use of an instruction.
///
/// Panics for an instruction that nobody has added here.
pub fn known(name: &str) -> Known {
    listing(name)
        .or_else(|| account(name))
        .or_else(|| money(name))
        .or_else(|| trading(name))
        .or_else(|| over_time(name))
        .or_else(|| looking(name))
        .or_else(|| liquidation(name))
        .unwrap_or_else(|| panic!("{name} has no known-good use: add one here"))
}

fn listing(name: &str) -> Option<Known> {
    let mut world = match name {
        "update_quote_price" => WorldBuilder::whole(0).build(),
        _ => World::new(),
    };
    let (governor, poster) = (world.governor, world.surface_authority);
    let (house, btc) = (world.house, world.btc);
    let (by, ix) = match name {
        "initialize_clearinghouse" => {
            let args = ClearinghouseArgs {
                id: 7,
                liquidation: LiquidationArgs::steady(0, 10_000),
                terms: AccountTermsArgs::PLAIN,
                rules: HouseRulesArgs::PLAIN,
            };
            let mint = world.usdc_mint();
            (
                vec![governor],
                instructions::initialize_clearinghouse(&governor.key, &mint, args),
            )
        }
        "update_quote_price" => {
            let price = price_address(&USDC_FEED);
            (vec![], instructions::update_quote_price(&house, &price))
        }
        "initialize_bank" => {
            let mint = world.create_mint("a mint", 9);
            let args = world.sol_bank_args();
            (
                vec![governor],
                instructions::initialize_bank(&governor.key, &house, &mint, args),
            )
        }
        "initialize_market" | "open_market" => {
            let args = world.market_args("ETH", [7; 32], &MAJOR_GRID);
            let list = instructions::initialize_market(&governor.key, &house, 2, args);
            if name == "initialize_market" {
                return Some(Known::one(world, list, &[governor]));
            }
            world.send(&[list], &[governor]).ok();
            let market = Market {
                key: seeds::market(&house, 2),
                index: 2,
                ..btc
            };
            let rules = MarketRulesArgs::plain(poster.key);
            (
                vec![governor],
                instructions::open_market(&governor.key, &market, rules),
            )
        }
        "add_expiry" => (
            vec![governor],
            instructions::add_expiry(&governor.key, &btc, START + 90 * DAY),
        ),
        "post_vol_surface" => {
            let surface = crypto_smile(world.week, START, 450_000);
            (
                vec![poster],
                instructions::post_vol_surface(&poster.key, &btc, surface),
            )
        }
        "update_market" => (vec![], instructions::update_market(&btc)),
        "update_bank" => (vec![], instructions::update_bank(&world.sol_bank)),
        _ => return None,
    };
    Some(Known::one(world, ix, &by))
}

fn account(name: &str) -> Option<Known> {
    let ours = |_: &World, alice: &Trader, _: &Trader| vec![alice.user];
    let make: fn(&mut World, &Trader, &Trader) -> Instruction = match name {
        "open_margin_account" => |world, alice, _| {
            let args = MarginAccountArgs {
                sub_account: 1,
                capacity: 16,
                tier: 1,
            };
            instructions::open_margin_account(&alice.user.key, &world.house, args)
        },
        "set_tier" => |world, alice, _| world.set_tier_ix(alice, Tier::Standard),
        "set_delegate" => {
            |world, alice, bob| lifecycle::set_delegate(alice, bob.user.key, 1, world.now() + DAY)
        }
        "grow_margin_account" => |_, alice, _| lifecycle::grow_margin_account(alice, 32),
        "close_margin_account" => |world, alice, _| {
            let second = world.open_sub_account(&alice.user, 1, 16);
            world.advance(1);
            lifecycle::close_margin_account(&second)
        },
        "open_quotes" => |world, alice, _| world.open_quotes_ix(alice),
        "revoke_venue" => |world, alice, _| {
            let venue = User::named("venue").key;
            world.revoke_venue_ix(alice, &venue)
        },
        "approve_venue" => |world, alice, _| {
            let venue = world.add_hostile_venue("another venue");
            world.list_venue(&venue).ok();
            world.approve_venue_ix(alice, &venue)
        },
        _ => return None,
    };
    Some(Town::build().with(make, ours))
}

fn money(name: &str) -> Option<Known> {
    let make: fn(&mut World, &Trader, &Trader) -> Instruction = match name {
        "deposit_collateral" => |world, alice, _| {
            let bank = world.sol_bank;
            world.deposit_ix(alice, &bank, SOL)
        },
        "withdraw_collateral" => |world, alice, _| {
            let bank = world.sol_bank;
            world.withdraw_ix(alice, &bank, SOL)
        },
        "deposit_insurance" => |world, alice, _| {
            let bank = world.usdc;
            world.fund(&alice.user, &bank, USDC);
            let source = world.wallet(&alice.user, &bank);
            instructions::deposit_insurance(&alice.user.key, &bank, &source, USDC)
        },
        "update_interest" => |world, _, _| instructions::update_interest(&world.house),
        "collect_fees" => |world, _, _| instructions::collect_fees(&world.btc),
        "withdraw_fees" => |world, alice, _| {
            let (bank, btc) = (world.usdc, world.btc);
            world.collect_fees(&btc).ok();
            let to = world.wallet(&alice.user, &bank);
            instructions::withdraw_fees(&world.governor.key, &bank, &to, 1)
        },
        _ => return None,
    };
    let by = match name {
        "withdraw_fees" => |world: &World, _: &Trader, _: &Trader| vec![world.governor],
        "update_interest" | "collect_fees" => |_: &World, _: &Trader, _: &Trader| vec![],
        _ => |_: &World, alice: &Trader, _: &Trader| vec![alice.user],
    };
    Some(Town::build().with(make, by))
}

fn trading(name: &str) -> Option<Known> {
    let leg = |world: &World| perpetual(&world.btc, BASE / 100, world.settings().btc_price);
    let governor = |world: &World, _: &Trader, _: &Trader| vec![world.governor];
    let known = match name {
        "trade" => Town::build().with(
            |world, alice, bob| world.trade_ix(alice, bob, &[leg(world)]),
            |_, alice, bob| vec![alice.user, bob.user],
        ),
        "cancel_quotes" => Town::build().with(
            |world, _, bob| world.cancel_quotes_ix(&bob.user, bob, QuoteCancel::All),
            |_, _, bob| vec![bob.user],
        ),
        "fill_quote" => {
            let Town {
                world, alice, bob, ..
            } = Town::build();
            let quote = world.quote(&bob, 1, &[leg(&world)]);
            let fill = world.fill_quote_ix(&alice, &bob, &quote, 1);
            let mut known = Known::one(world, fill, &[alice.user]);
            known.batch.insert(0, ed25519(&bob.user, &quote.encode()));
            known.at = 1;
            known
        }
        "list_venue" => {
            let mut town = Town::build();
            let venue = town.world.add_hostile_venue("another venue");
            town.with(|world, _, _| world.list_venue_ix(&venue), governor)
        }
        "delist_venue" => {
            let town = Town::build();
            let venue = town.venue;
            town.with(|world, _, _| world.delist_venue_ix(&venue), governor)
        }
        "relist_venue" => {
            let mut town = Town::build();
            let (venue, by) = (town.venue, town.world.governor);
            let ix = town.world.delist_venue_ix(&venue);
            town.world.send(&[ix], &[by]).ok();
            town.with(|world, _, _| world.relist_venue_ix(&venue), governor)
        }
        "venue_fill" => {
            let town = Town::build();
            let venue = town.venue;
            let known = town.with(
                |world, alice, bob| {
                    let inner = world.venue_fill_ix(&venue, alice, bob, &[leg(world)]);
                    through(&venue, (VENUE, &world.house), &inner, 1)
                },
                |_, _, _| vec![],
            );
            Known { skip: 1, ..known }
        }
        _ => return None,
    };
    Some(known)
}

fn over_time(name: &str) -> Option<Known> {
    let make: fn(&mut World, &Trader, &Trader) -> Instruction = match name {
        "update_funding" => |world, _, _| {
            world.advance(3_600);
            settlement::update_funding(&world.btc)
        },
        "report_bank_outage" => |world, _, _| instructions::report_bank_outage(&world.sol_bank),
        "report_outage" => |world, _, _| {
            let btc = world.btc;
            world.update_market(&btc).ok();
            world.advance(OUTAGE_LEAST_AGE);
            instructions::report_outage(&btc)
        },
        "record_settlement" => |world, _, _| {
            let (btc, week, price) = (world.btc, world.week, world.settings().btc_price);
            world.set_time(week);
            let sample = PriceFields::fresh(btc.feed_id, price, week - 59);
            world.set_price_update(btc.price, sample);
            settlement::record_settlement(&btc, week)
        },
        "finalize_settlement" => |world, _, _| {
            let (btc, week, price) = (world.btc, world.week, world.settings().btc_price);
            world.set_time(week);
            world.sample_all(&btc, week, price);
            world.advance(i64::from(world.settings().rules.settlement_delay));
            settlement::finalize_settlement(&btc, week)
        },
        "settle_expiry" => |world, alice, _| {
            let (btc, week, price) = (world.btc, world.week, world.settings().btc_price);
            world.expire(&btc, week, price);
            settlement::settle_expiry(&alice.account, &btc, week)
        },
        "settle_perp_pnl" => |world, _, bob| {
            let (btc, price) = (world.btc, world.settings().btc_price);
            world.set_price(&btc, price + price / 100);
            settlement::settle_perp_pnl(&bob.account, &btc)
        },
        "resolve_bankruptcy" => {
            let Scene { world, debtors, .. } = Defaults::default().build();
            let ix = world.resolve_bankruptcy_ix(&debtors[0].account);
            return Some(Known::one(world, ix, &[]));
        }
        _ => return None,
    };
    Some(Town::build().with(make, |_, _, _| vec![]))
}

fn looking(name: &str) -> Option<Known> {
    let make: fn(&mut World, &Trader, &Trader) -> Instruction = match name {
        "view_margin" => |world, alice, _| world.view_margin_ix(&alice.account),
        "view_greeks" => {
            |world, alice, _| world.view_greeks_ix(&alice.account, GreeksPage::Account, &[])
        }
        "view_risk_matrix" => {
            |world, alice, _| world.view_risk_matrix_ix(&alice.account, world.btc.index, &[])
        }
        "assert_health" => {
            |world, alice, _| world.assert_health_ix(&alice.account, HealthKind::Initial, 0)
        }
        "assert_sequence" => |world, alice, _| {
            let at = world.account(&alice.account).0.sequence;
            lifecycle::assert_sequence(&alice.account, at, at)
        },
        _ => return None,
    };
    Some(Town::build().with(make, |_, _, _| vec![]))
}

fn liquidation(name: &str) -> Option<Known> {
    let (world, ix, keeper) = match name {
        "start_liquidation" => {
            let (world, alice, _, keeper) = failing_long();
            let witness = world.report(&alice.account).witness();
            let ix = world.start_liquidation_ix(&keeper.user, &alice.account, &witness);
            (world, ix, keeper)
        }
        "bid_liquidation" => {
            let (world, alice, _, keeper) = liquidating_long();
            let bid = BidArgs {
                witness: world.report(&alice.account).witness(),
                fraction: 10_000_000,
                minimum: 0,
                price_limit: i64::MAX,
            };
            let ix = world.bid_ix(&keeper, &alice.account, bid);
            (world, ix, keeper)
        }
        "restart_auction" => {
            let (mut world, alice, _, keeper) = liquidating_long();
            let (btc, price) = (world.btc, world.settings().btc_price);
            world.set_price(&btc, price);
            let ix = world.restart_auction_ix(&keeper.user, &alice.account);
            (world, ix, keeper)
        }
        "auto_deleverage" => {
            let (world, alice, bob) = deleverage::insolvent_long(|_, _, _| ());
            let sides = [&alice.account, &bob.account];
            let ix = world.auto_deleverage_ix(&bob.user, sides[0], sides[1], EVERYTHING);
            (world, ix, bob)
        }
        "liquidate_legs" => {
            let (world, alice, _, keeper) = liquidating_long();
            let legs = vec![take_of(&world.account(&alice.account).1[0], BASE / 100)];
            let args = LiquidateLegsArgs {
                witness: world.report(&alice.account).witness(),
                legs,
                fee: USDC,
                minimum: 0,
                price_limit: i64::MAX,
            };
            let ix = world.legs_ix(&keeper, &alice.account, args);
            (world, ix, keeper)
        }
        "prove_insolvency" => {
            let (world, alice, _, keeper) = broke_long(WorldBuilder::default(), BROKE);
            let witness = world.report(&alice.account).witness();
            let ix = world.prove_insolvency_ix(&alice.account, &witness);
            (world, ix, keeper)
        }
        "bid_insolvent" => {
            let (world, alice, _, keeper) = insolvent_long(1);
            let ix = whole_bid(&world, &keeper, &alice);
            (world, ix, keeper)
        }
        "stop_liquidation" => {
            let (mut world, alice, _, keeper) = liquidating_long();
            let (btc, price) = (world.btc, world.settings().btc_price);
            world.set_price(&btc, price);
            let ix = world.stop_liquidation_ix(&keeper.user, &alice.account);
            (world, ix, keeper)
        }
        _ => return None,
    };
    Some(Known::one(world, ix, &[keeper.user]))
}
