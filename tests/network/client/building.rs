//! Instructions: packed as the embedded world packs them, which the program's own tests hold to the program.

use bytemuck::Zeroable;
use client_core::{AccountData, Directory, Inputs};
use portfolio_margin_client::{tables, Builder, ClientError, Prepared, Pubkey, Side, PACKET_SIZE};
use portfolio_margin_interface::args::{BidArgs, DeleverageArgs, LiquidateLegsArgs};
use portfolio_margin_interface::state::clearinghouse::MAX_MARKETS;
use portfolio_margin_interface::state::size::MOST_SIZE;
use portfolio_margin_interface::state::{CollateralBank, MarginAccount, Market, PositionRecord};
use risk_core::liquidation::FRACTION_ONE;
use risk_core::tier::Tier;
use sandbox::actions::{call, perpetual, put};
use sandbox::takeover::take_of;
use sandbox::{Trader, World};
use solana_instruction::Instruction;
use solana_message::AddressLookupTableAccount;

fn data(world: &World, key: &Pubkey) -> AccountData {
    AccountData::read(&world.data(key)).expect("a margin account")
}

/// The same accounts, signers and data; written is at least what the world writes, and beyond it the clearing house alone.
#[track_caller]
fn same(ours: &Instruction, theirs: &Instruction, house: &Pubkey) {
    assert_eq!(ours.program_id, theirs.program_id);
    assert_eq!(ours.data, theirs.data);
    assert_eq!(ours.accounts.len(), theirs.accounts.len());
    for (ours, theirs) in ours.accounts.iter().zip(&theirs.accounts) {
        assert_eq!(
            (ours.pubkey, ours.is_signer),
            (theirs.pubkey, theirs.is_signer)
        );
        let is_house = ours.pubkey == *house && ours.is_writable;
        assert!(
            ours.is_writable == theirs.is_writable || is_house,
            "{}",
            ours.pubkey
        );
    }
}

/// A world with two traders who hold options, perpetuals and an asset whose risk offsets a market.
fn traded() -> (World, [Trader; 2]) {
    let mut world = World::new();
    let traders = ["taker", "maker"].map(|name| world.trader(name, 5_000_000_000_000));
    let bank = world.sol_bank;
    world.fund(&traders[0].user, &bank, 50_000_000_000);
    world.deposit(&traders[0], &bank, 50_000_000_000).ok();
    let (market, expiry) = (world.btc, world.week);
    let spot = world.spot(&market.price).raw();
    let strike = spot / 100_000_000 / 1_000 * 1_000 * 100_000_000;
    let legs = [
        perpetual(&market, -1_000_000, spot),
        call(&market, expiry, strike, -500_000, spot / 30),
        put(&market, expiry, strike, 500_000, spot / 30),
    ];
    world.trade(&traders[0], &traders[1], &legs).ok();
    (world, traders)
}

/// Two accounts of a world, and what a client knows of it.
struct Known {
    world: World,
    directory: Directory,
    inputs: Inputs,
    traders: [Trader; 2],
    accounts: [AccountData; 2],
}

impl Known {
    fn new() -> Self {
        let (world, traders) = traded();
        let accounts = traders.map(|trader| data(&world, &trader.account));
        let all = accounts[0].scope().union(&accounts[1].scope());
        Self {
            directory: world.directory(&world.house),
            inputs: world.inputs(&world.house, &all),
            world,
            traders,
            accounts,
        }
    }

    fn builder(&self) -> Builder<'_> {
        Builder {
            directory: &self.directory,
            inputs: &self.inputs,
        }
    }

    fn sides(&self) -> [Side<'_>; 2] {
        [0, 1].map(|at| Side {
            key: self.traders[at].account,
            account: &self.accounts[at],
        })
    }

    #[track_caller]
    fn same(&self, ours: &Instruction, theirs: &Instruction) {
        same(ours, theirs, &self.world.house);
    }
}

#[test]
fn trades_and_money_are_packed_as_the_embedded_world_packs_them() {
    let known = Known::new();
    let (world, builder) = (&known.world, known.builder());
    let ([taker, maker], [ours, other]) = (known.traders, known.sides());
    let keys = [&taker.user.key, &maker.user.key];
    let spot = world.spot(&world.btc.price).raw();
    let leg = [perpetual(&world.btc, 10_000, spot)];
    let trade = builder.trade(&ours, &other, keys, &leg).unwrap();
    known.same(&trade, &world.trade_ix(&taker, &maker, &leg));
    let view = builder.view_margin(&ours, &leg).unwrap();
    known.same(&view, &world.view_margin_after_ix(&taker.account, &leg));
    let tier = builder.set_tier(&ours, Tier::Standard).unwrap();
    known.same(&tier, &world.set_tier_ix(&taker, Tier::Standard));
    let whole = 50_000_000_000;
    for (bank, amount) in [
        (world.usdc, 1_000_000),
        (world.sol_bank, 1),
        (world.sol_bank, whole), // then its market is checked for its positions alone
    ] {
        let ixs = builder.withdraw(&ours, bank.index, amount).unwrap();
        known.same(&ixs[1], &world.withdraw_ix(&taker, &bank, amount));
        let ixs = builder.deposit(keys[0], &taker.account, bank.index, amount);
        known.same(&ixs.unwrap()[1], &world.deposit_ix(&taker, &bank, amount));
    }
    let settle = builder.settle_perp_pnl(&ours, world.btc.index, Some(*keys[0]));
    known.same(
        &settle.unwrap(),
        &world.settle_perp_pnl_ix(&taker, &world.btc),
    );
}

#[test]
fn liquidations_are_packed_as_the_embedded_world_packs_them() {
    let known = Known::new();
    let (world, builder) = (&known.world, known.builder());
    let ([taker, maker], [ours, other]) = (known.traders, known.sides());
    let (caller, failing, witness) = (&taker.user, &maker.account, vec![0]);
    let bid = BidArgs {
        witness: witness.clone(),
        fraction: FRACTION_ONE,
        minimum: 0,
        price_limit: i64::MAX,
    };
    let held = &other.account.positions[0];
    let legs = LiquidateLegsArgs {
        witness: witness.clone(),
        legs: vec![take_of(held, held.quantity)],
        fee: 5,
        minimum: 0,
        price_limit: 9,
    };
    let start = builder.start_liquidation(&caller.key, &other, &witness);
    known.same(
        &start.unwrap(),
        &world.start_liquidation_ix(caller, failing, &witness),
    );
    let slice = builder.bid(&ours, &other, &bid).unwrap();
    known.same(&slice, &world.bid_ix(&taker, failing, bid.clone()));
    let take = builder.liquidate_legs(&ours, &other, &legs).unwrap();
    known.same(&take, &world.legs_ix(&taker, failing, legs));
    let restart = builder.restart_auction(&caller.key, &other).unwrap();
    known.same(&restart, &world.restart_auction_ix(caller, failing));
    let stop = builder.stop_liquidation(&caller.key, &other).unwrap();
    known.same(&stop, &world.stop_liquidation_ix(caller, failing));
    let prove = builder.prove_insolvency(&other, &witness).unwrap();
    known.same(&prove, &world.prove_insolvency_ix(failing, &witness));
    let insolvent = builder.bid_insolvent(&ours, &other, &bid).unwrap();
    known.same(&insolvent, &world.bid_insolvent_ix(&taker, failing, bid));
    let resolve = builder.resolve_bankruptcy(&other, true);
    known.same(&resolve, &world.resolve_bankruptcy_ix(failing));
    for market in [None, Some(world.btc.index)] {
        let args = DeleverageArgs {
            fraction: FRACTION_ONE,
            market,
        };
        let ix = builder.auto_deleverage(&caller.key, &other, &ours, &args);
        let expected = world.auto_deleverage_ix(caller, failing, &taker.account, args);
        known.same(&ix.unwrap(), &expected);
    }
}

#[test]
fn the_house_is_written_where_a_side_may_end_in_debt_and_not_otherwise() {
    let mut known = Known::new();
    let world = &known.world;
    let spot = world.spot(&world.btc.price).raw();
    // half a coin at a hundredth of spot: the premium
    let price = spot / 100;
    let premium = i64::try_from(price / 2 / 100).unwrap();
    let mut is_written = |cash: i64, quantity: i64| {
        known.accounts[0].header.cash = cash;
        let (world, [ours, other]) = (&known.world, known.sides());
        let keys = [&known.traders[0].user.key, &known.traders[1].user.key];
        let leg = [call(&world.btc, world.week, spot, quantity, price)];
        let ix = known.builder().trade(&ours, &other, keys, &leg).unwrap();
        let mut metas = ix.accounts.iter();
        metas.any(|meta| meta.pubkey == world.house && meta.is_writable)
    };
    assert!(is_written(-1, -500_000)); // owes before
    assert!(is_written(premium - 1, 500_000)); // and after
    assert!(!is_written(2 * premium, 500_000));
    assert!(!is_written(premium, -500_000)); // is paid
}

/// A house that lists as much as there can be: each bank and market with a feed of its own.
fn largest_directory() -> Directory {
    let house = portfolio_margin_interface::seeds::clearinghouse(9);
    let mut directory = Directory::new(house, &Zeroable::zeroed());
    for index in 0..12u16 {
        let bank = CollateralBank {
            index,
            mint: Pubkey::new_from_array([index as u8 + 1; 32]),
            feed_id: [index as u8 + 100; 32],
            ..Zeroable::zeroed()
        };
        directory.list_bank(&bank, Pubkey::new_from_array([99; 32]));
    }
    for index in 0..MAX_MARKETS {
        let market = Market {
            index,
            feed_id: [index as u8 + 150; 32],
            ..Zeroable::zeroed()
        };
        directory.list_market(&market);
    }
    directory
}

/// An account of the program's largest size that names most accounts: collateral of eight banks, and perpetuals.
fn widest_account(markets: u16) -> AccountData {
    let mut header: MarginAccount = Zeroable::zeroed();
    for (bank, held) in (0u16..).zip(&mut header.collateral) {
        (held.bank, held.amount) = (bank, 1);
    }
    let positions = (0..markets).map(|market| PositionRecord {
        market: MAX_MARKETS - markets + market,
        quantity: -1,
        ..Zeroable::zeroed()
    });
    AccountData {
        header,
        positions: positions.collect(),
    }
}

#[test]
fn the_widest_bid_fits_with_a_table_and_says_by_how_much_it_does_not_without() {
    let directory = largest_directory();
    let widest = (1..).take_while(|markets| {
        let account = widest_account(*markets);
        account.header.size(&account.positions) <= MOST_SIZE
    });
    let markets = widest.last().expect("an account of one market");
    assert_eq!(markets, 14); // 8 x 7,200 + 14 x 23,000 of 380,000
    let (failing, bidder) = (widest_account(markets), widest_account(markets));
    let inputs = Inputs::new(Zeroable::zeroed(), 0);
    let builder = Builder {
        directory: &directory,
        inputs: &inputs,
    };
    let witness = vec![0; markets.into()];
    let args = BidArgs {
        witness: witness.clone(),
        fraction: FRACTION_ONE,
        minimum: 0,
        price_limit: i64::MAX,
    };
    let [theirs, ours] = [(1, &failing), (2, &bidder)].map(|(n, account)| Side {
        key: Pubkey::new_from_array([n; 32]),
        account,
    });
    let payer = Pubkey::new_from_array([3; 32]);
    let start = builder
        .start_liquidation(&payer, &theirs, &witness)
        .unwrap();
    let mut bid = builder.bid(&ours, &theirs, &args).unwrap();
    bid.accounts[0].pubkey = payer; // the bidder pays
    let table = AddressLookupTableAccount {
        key: Pubkey::new_from_array([7; 32]),
        addresses: tables::addresses(&directory),
    };
    assert!(table.addresses.len() <= tables::MOST_ADDRESSES);
    let error = Prepared::new(&payer, &[bid.clone()], &[], Default::default()).unwrap_err();
    let ClientError::TooLarge {
        bytes,
        limit,
        looked_up: 0,
        ..
    } = error
    else {
        panic!("{error}");
    };
    assert!(bytes > limit && limit == PACKET_SIZE, "{bytes}");
    // alone, and with the start in front of it in one transaction
    let tables = [table];
    let alone = Prepared::new(&payer, &[bid.clone()], &tables, Default::default()).unwrap();
    let both = Prepared::new(&payer, &[start, bid], &tables, Default::default()).unwrap();
    assert!(
        alone.size() < 600 && both.size() < 700,
        "{} {}",
        alone.size(),
        both.size()
    );
}
