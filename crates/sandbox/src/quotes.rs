//! Signed quotes: what a maker's server makes of one, the Ed25519 instruction that verifies it, and the fill.

use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::sysvar::instructions::{
    construct_instructions_data, BorrowedInstruction,
};
use anchor_lang::InstructionData;
use portfolio_margin::instructions::quote::signature::{ED25519_PROGRAM, INSTRUCTIONS_SYSVAR};
use portfolio_margin::{accounts, instruction};
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::quote::{FillQuoteArgs, QuoteCancel, QuoteMessage, QUOTE_TAG};
use portfolio_margin_interface::state::QuoteNonces;
use portfolio_margin_interface::{seeds, ID};
use solana_account::Account;
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_instruction::Instruction;
use solana_message::{v0, AddressLookupTableAccount, VersionedMessage};
use solana_signer::Signer;

use crate::accounts::Trader;
use crate::instructions;
use crate::keys::User;
use crate::transaction::{Outcome, COMPUTE_LIMIT};
use crate::world::World;

/// Where key, signature and message of one signature stand in an Ed25519 instruction's data.
const KEY_AT: u16 = 16;
const SIGNATURE_AT: u16 = KEY_AT + 32;
const MESSAGE_AT: u16 = SIGNATURE_AT + 64;

/// The Ed25519 instruction that verifies a user's signature of a message, as wallets' libraries build it.
pub fn ed25519(signer: &User, message: &[u8]) -> Instruction {
    let length = u16::try_from(message.len()).expect("a message that fits a transaction");
    let itself = u16::MAX;
    let mut data = vec![1, 0];
    for number in [
        SIGNATURE_AT,
        itself,
        KEY_AT,
        itself,
        MESSAGE_AT,
        length,
        itself,
    ] {
        data.extend_from_slice(&number.to_le_bytes());
    }
    data.extend_from_slice(signer.key.as_ref());
    data.extend_from_slice(signer.keypair().sign_message(message).as_ref());
    data.extend_from_slice(message);
    Instruction {
        program_id: ED25519_PROGRAM,
        accounts: vec![],
        data,
    }
}

impl World {
    /// The instruction of [`World::open_quotes`].
    pub fn open_quotes_ix(&self, trader: &Trader) -> Instruction {
        let accounts = accounts::OpenQuotes {
            owner: trader.user.key,
            margin_account: trader.account,
            quotes: seeds::quotes(&trader.account),
            system_program: anchor_lang::system_program::ID,
        };
        instructions::instruction(accounts, instruction::OpenQuotes {}, vec![])
    }

    /// Opens an account's quote nonces.
    #[track_caller]
    pub fn open_quotes(&mut self, trader: &Trader) -> Outcome {
        let ix = self.open_quotes_ix(trader);
        self.send(&[ix], &[trader.user])
    }

    /// An account's quote nonces.
    #[track_caller]
    pub fn quotes(&self, trader: &Trader) -> QuoteNonces {
        self.read(&seeds::quotes(&trader.account))
    }

    /// A quote of ten lots of `legs` to anyone, good for a minute; tests change what comes out.
    #[track_caller]
    pub fn quote(&self, maker: &Trader, nonce: u64, legs: &[TradeLeg]) -> QuoteMessage {
        QuoteMessage {
            tag: QUOTE_TAG,
            program: ID,
            clearinghouse: maker.house,
            maker: maker.account,
            taker: Pubkey::default(),
            session: self.quotes(maker).session,
            nonce,
            expires: self.now() + 60,
            most_lots: 10,
            least_lots: 1,
            legs: legs.to_vec(),
        }
    }

    /// The instruction that takes up to `lots` of a quote, any number at the least.
    pub fn fill_quote_ix(
        &self,
        taker: &Trader,
        maker: &Trader,
        quote: &QuoteMessage,
        lots: u64,
    ) -> Instruction {
        let accounts = accounts::FillQuote {
            taker_signer: taker.user.key,
            clearinghouse: taker.house,
            taker: taker.account,
            maker: maker.account,
            quotes: seeds::quotes(&maker.account),
            instructions: INSTRUCTIONS_SYSVAR,
        };
        let args = FillQuoteArgs {
            nonce: quote.nonce,
            lots,
            least_lots: 0,
        };
        let remaining = self.trade_metas(taker, maker, &quote.legs);
        instructions::instruction(accounts, instruction::FillQuote { args }, remaining)
    }

    /// Takes up to `lots` of a quote that the maker's owner signs.
    #[track_caller]
    pub fn fill_quote(
        &mut self,
        taker: &Trader,
        maker: &Trader,
        quote: &QuoteMessage,
        lots: u64,
    ) -> Outcome {
        let signed = ed25519(&maker.user, &quote.encode());
        let fill = self.fill_quote_ix(taker, maker, quote, lots);
        self.send(&[signed, fill], &[taker.user])
    }

    /// The instruction of [`World::cancel_quotes`].
    pub fn cancel_quotes_ix(
        &self,
        signer: &User,
        trader: &Trader,
        what: QuoteCancel,
    ) -> Instruction {
        let accounts = accounts::CancelQuotes {
            signer: signer.key,
            margin_account: trader.account,
            quotes: seeds::quotes(&trader.account),
        };
        instructions::instruction(accounts, instruction::CancelQuotes { what }, vec![])
    }

    /// Cancels quotes of an account by its owner.
    #[track_caller]
    pub fn cancel_quotes(&mut self, trader: &Trader, what: QuoteCancel) -> Outcome {
        let ix = self.cancel_quotes_ix(&trader.user, trader, what);
        self.send(&[ix], &[trader.user])
    }
}

/// A `fill_quote` with other arguments.
pub fn fill_args(mut fill: Instruction, nonce: u64, lots: u64, least_lots: u64) -> Instruction {
    let args = FillQuoteArgs {
        nonce,
        lots,
        least_lots,
    };
    fill.data = instruction::FillQuote { args }.data();
    fill
}

/// A transfer of lamports, as wallets append for tips.
pub fn system_transfer(from: &Pubkey, to: &Pubkey, lamports: u64) -> Instruction {
    anchor_lang::solana_program::system_instruction::transfer(from, to, lamports)
}

/// An account with the bytes that the instructions sysvar has in a transaction of these instructions.
pub fn forged_sysvar(world: &mut World, instructions: &[Instruction]) -> Pubkey {
    let borrowed: Vec<_> = instructions
        .iter()
        .map(|ix| BorrowedInstruction {
            program_id: &ix.program_id,
            accounts: vec![],
            data: &ix.data,
        })
        .collect();
    let account = Account {
        lamports: 1_000_000_000,
        data: construct_instructions_data(&borrowed),
        owner: INSTRUCTIONS_SYSVAR,
        executable: false,
        rent_epoch: u64::MAX,
    };
    let key = User::named("forged sysvar").key;
    let written = world.svm.set_account(key, account);
    written.expect("writing an account");
    key
}

/// Bytes on the wire of a transaction that the first signer pays for, with a compute budget in front; with `table`, every account
/// that neither signs nor runs is named by a lookup table.
pub fn wire_size(payer: &User, instructions: &[Instruction], table: bool) -> usize {
    let budget = ComputeBudgetInstruction::set_compute_unit_limit(COMPUTE_LIMIT);
    let all = [&[budget], instructions].concat();
    let named = all.iter().flat_map(|ix| &ix.accounts);
    let mut addresses: Vec<Pubkey> = named
        .filter(|meta| !meta.is_signer)
        .map(|meta| meta.pubkey)
        .collect();
    addresses.sort();
    addresses.dedup();
    let tables = [AddressLookupTableAccount {
        key: User::named("lookup table").key,
        addresses,
    }];
    let tables = if table { &tables[..] } else { &[] };
    let message = v0::Message::try_compile(&payer.key, &all, tables, Default::default())
        .expect("a message that names its accounts");
    let signatures = usize::from(message.header.num_required_signatures);
    1 + 64 * signatures + VersionedMessage::V0(message).serialize().len()
}

/// One signature of an Ed25519 instruction in its parts, for tests that put them together otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ed25519Data {
    /// The signer's key.
    pub key: [u8; 32],
    /// The signature.
    pub signature: [u8; 64],
    /// What is signed.
    pub message: Vec<u8>,
    /// Which instructions signature, key and message are taken from.
    pub indexes: [u16; 3],
}

impl Ed25519Data {
    /// The parts of what [`ed25519`] built.
    pub fn of(instruction: &Instruction) -> Self {
        let part = |at: u16, length: usize| &instruction.data[usize::from(at)..][..length];
        Self {
            key: part(KEY_AT, 32).try_into().expect("a key"),
            signature: part(SIGNATURE_AT, 64).try_into().expect("a signature"),
            message: instruction.data[usize::from(MESSAGE_AT)..].to_vec(),
            indexes: [u16::MAX; 3],
        }
    }

    /// The instruction with these parts, at the places where [`ed25519`] puts them.
    pub fn instruction(&self) -> Instruction {
        Self::several(&[self])
    }

    /// One instruction with several signatures: all offsets, then all parts.
    pub fn several(entries: &[&Self]) -> Instruction {
        let count = u8::try_from(entries.len()).expect("a few signatures");
        let mut data = vec![count, 0];
        let mut at = 2 + 14 * u16::from(count);
        for entry in entries {
            let [signature, key, message] = entry.indexes;
            let length = u16::try_from(entry.message.len()).expect("a short message");
            for number in [at + 32, signature, at, key, at + 96, length, message] {
                data.extend_from_slice(&number.to_le_bytes());
            }
            at += 96 + length;
        }
        for entry in entries {
            data.extend_from_slice(&entry.key);
            data.extend_from_slice(&entry.signature);
            data.extend_from_slice(&entry.message);
        }
        Instruction {
            program_id: ED25519_PROGRAM,
            accounts: vec![],
            data,
        }
    }
}

/// A valid Ed25519 instruction of a signer's that carries further bytes from offset 16 on, for others' offsets to point at.
pub fn carrier(signer: &User, bytes: &[u8]) -> Instruction {
    let own = ed25519(signer, b"anything");
    let (offsets, parts) = own.data.split_at(usize::from(KEY_AT));
    let moved = u16::try_from(bytes.len()).expect("a few bytes");
    let mut offsets = offsets.to_vec();
    // of signature, key and message
    for at in [2, 6, 10] {
        let offset = u16::from_le_bytes([offsets[at], offsets[at + 1]]) + moved;
        offsets[at..at + 2].copy_from_slice(&offset.to_le_bytes());
    }
    Instruction {
        data: [&offsets, bytes, parts].concat(),
        ..own
    }
}
