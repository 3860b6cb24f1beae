//! Venues: listing and approving them, the example venue, and a hostile one that does whatever a test tells it.

use anchor_lang::prelude::Pubkey;
use anchor_lang::{InstructionData, ToAccountMetas};
use example_venue::order::ORDER;
use example_venue::{Order, OrderArgs};
use portfolio_margin::{accounts, instruction};
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::{seeds, ID};
use solana_instruction::{AccountMeta, Instruction};

use crate::accounts::Trader;
use crate::instructions;
use crate::keys::User;
use crate::transaction::Outcome;
use crate::world::{program_path, World};

/// Address of the example venue's program.
pub const EXAMPLE_VENUE: Pubkey = example_venue::ID;

impl World {
    /// The instruction of [`World::list_venue`].
    pub fn list_venue_ix(&self, program: &Pubkey) -> Instruction {
        let accounts = accounts::ListVenue {
            governor: self.governor.key,
            clearinghouse: self.house,
            program: *program,
            venue: seeds::venue(&self.house, program),
            system_program: anchor_lang::system_program::ID,
        };
        instructions::instruction(accounts, instruction::ListVenue {}, vec![])
    }

    /// Lists a program as a venue.
    #[track_caller]
    pub fn list_venue(&mut self, program: &Pubkey) -> Outcome {
        let ix = self.list_venue_ix(program);
        let governor = self.governor;
        self.send(&[ix], &[governor])
    }

    /// `delist_venue`.
    pub fn delist_venue_ix(&self, program: &Pubkey) -> Instruction {
        let accounts = self.change_venue(program);
        instructions::instruction(accounts, instruction::DelistVenue {}, vec![])
    }

    /// `relist_venue`.
    pub fn relist_venue_ix(&self, program: &Pubkey) -> Instruction {
        let accounts = self.change_venue(program);
        instructions::instruction(accounts, instruction::RelistVenue {}, vec![])
    }

    fn change_venue(&self, program: &Pubkey) -> accounts::ChangeVenue {
        accounts::ChangeVenue {
            governor: self.governor.key,
            clearinghouse: self.house,
            venue: seeds::venue(&self.house, program),
        }
    }

    /// The instruction of [`World::approve_venue`].
    pub fn approve_venue_ix(&self, trader: &Trader, program: &Pubkey) -> Instruction {
        let accounts = accounts::ApproveVenue {
            owner: trader.user.key,
            margin_account: trader.account,
            venue: seeds::venue(&trader.house, program),
        };
        instructions::instruction(accounts, instruction::ApproveVenue {}, vec![])
    }

    /// Lets a venue fill trades of an account.
    #[track_caller]
    pub fn approve_venue(&mut self, trader: &Trader, program: &Pubkey) -> Outcome {
        let ix = self.approve_venue_ix(trader, program);
        self.send(&[ix], &[trader.user])
    }

    /// `revoke_venue`.
    pub fn revoke_venue_ix(&self, trader: &Trader, program: &Pubkey) -> Instruction {
        let accounts = accounts::RevokeVenue {
            owner: trader.user.key,
            margin_account: trader.account,
        };
        let program = *program;
        instructions::instruction(accounts, instruction::RevokeVenue { program }, vec![])
    }

    /// `venue_fill` as the venue itself calls it: its authority signs.
    pub fn venue_fill_ix(
        &self,
        program: &Pubkey,
        taker: &Trader,
        maker: &Trader,
        legs: &[TradeLeg],
    ) -> Instruction {
        let accounts = accounts::VenueFill {
            venue_authority: seeds::venue_authority(&taker.house, program),
            venue: seeds::venue(&taker.house, program),
            clearinghouse: taker.house,
            taker: taker.account,
            maker: maker.account,
        };
        let remaining = self.trade_metas(taker, maker, legs);
        let legs = legs.to_vec();
        instructions::instruction(accounts, instruction::VenueFill { legs }, remaining)
    }

    /// Loads the example venue, lists it, and lets it fill trades of these accounts.
    pub fn add_example_venue(&mut self, approving: &[&Trader]) {
        let program = example_venue::ID;
        self.add_program(program, "example_venue.so");
        self.list_venue(&program).ok();
        for trader in approving {
            self.approve_venue(trader, &program).ok();
        }
    }

    /// Loads the program that does whatever it is told, at an address made from a name; it is listed nowhere.
    pub fn add_hostile_venue(&mut self, name: &str) -> Pubkey {
        let program = User::named(name).key;
        self.add_program(program, "hostile_venue.so");
        program
    }

    fn add_program(&mut self, id: Pubkey, file: &str) {
        let path = program_path().with_file_name(file);
        let loaded = self.svm.add_program_from_file(id, &path);
        loaded.unwrap_or_else(|error| {
            panic!(
                "cannot load {}: {error}\nbuild it with scripts/build",
                path.display()
            )
        });
    }

    /// Places an order with the example venue.
    #[track_caller]
    pub fn place_order(&mut self, maker: &Trader, args: OrderArgs) -> Outcome {
        let ix = place_order_ix(maker, args);
        self.send(&[ix], &[maker.user])
    }

    /// The instruction of [`World::take_order`].
    #[track_caller]
    pub fn take_order_ix(
        &self,
        taker: &Trader,
        maker: &Trader,
        id: u64,
        quantity: u64,
    ) -> Instruction {
        let key = order_key(maker, id);
        let data = self.data(&key);
        let order: Order = anchor_lang::AccountDeserialize::try_deserialize(&mut &data[..])
            .expect("an order of the example venue");
        let quantity = i64::try_from(quantity).expect("a quantity");
        let wanted = TradeLeg {
            market: order.market,
            instrument: order.instrument,
            expiry: order.expiry,
            strike: order.strike,
            quantity: quantity * -order.quantity.signum(),
            price: order.price,
        };
        let house = taker.house;
        let accounts = example_venue::accounts::TakeOrder {
            signer: taker.user.key,
            order: key,
            owner: order.owner,
            venue_authority: seeds::venue_authority(&house, &example_venue::ID),
            venue: seeds::venue(&house, &example_venue::ID),
            clearinghouse: house,
            taker: taker.account,
            maker: maker.account,
            clearing_program: ID,
        };
        let remaining = self.trade_metas(taker, maker, std::slice::from_ref(&wanted));
        let mut ix = venue_ix(accounts, example_venue::instruction::TakeOrder { wanted });
        ix.accounts.extend(remaining);
        ix
    }

    /// Takes part or all of an order of the example venue.
    #[track_caller]
    pub fn take_order(
        &mut self,
        taker: &Trader,
        maker: &Trader,
        id: u64,
        quantity: u64,
    ) -> Outcome {
        let ix = self.take_order_ix(taker, maker, id, quantity);
        self.send(&[ix], &[taker.user])
    }
}

fn venue_ix(accounts: impl ToAccountMetas, data: impl InstructionData) -> Instruction {
    Instruction {
        program_id: example_venue::ID,
        accounts: accounts.to_account_metas(None),
        data: data.data(),
    }
}

/// Address of an order of the example venue.
pub fn order_key(maker: &Trader, id: u64) -> Pubkey {
    let seeds = [ORDER, maker.account.as_ref(), &id.to_le_bytes()];
    Pubkey::find_program_address(&seeds, &example_venue::ID).0
}

/// The instruction of [`World::place_order`].
pub fn place_order_ix(maker: &Trader, args: OrderArgs) -> Instruction {
    let accounts = example_venue::accounts::PlaceOrder {
        owner: maker.user.key,
        margin_account: maker.account,
        order: order_key(maker, args.id),
        system_program: anchor_lang::system_program::ID,
    };
    venue_ix(accounts, example_venue::instruction::PlaceOrder { args })
}

/// `cancel_order` of the example venue.
pub fn cancel_order_ix(signer: &User, maker: &Trader, id: u64) -> Instruction {
    let accounts = example_venue::accounts::CancelOrder {
        signer: signer.key,
        owner: maker.user.key,
        order: order_key(maker, id),
    };
    venue_ix(accounts, example_venue::instruction::CancelOrder {})
}

/// Has the hostile program make a call `times` times, signed by its address with these seeds.
pub fn through(
    program: &Pubkey,
    (seed, house): (&[u8], &Pubkey),
    call: &Instruction,
    times: u8,
) -> Instruction {
    let (authority, _) = Pubkey::find_program_address(&[seed, house.as_ref()], program);
    let length = u8::try_from(seed.len()).expect("a short seed");
    let mut accounts = vec![AccountMeta::new_readonly(call.program_id, false)];
    accounts.extend(call.accounts.iter().cloned().map(|mut meta| {
        // signs inside, not for the transaction
        meta.is_signer &= meta.pubkey != authority;
        meta
    }));
    Instruction {
        program_id: *program,
        accounts,
        data: [&[times, length], seed, house.as_ref(), &call.data].concat(),
    }
}
