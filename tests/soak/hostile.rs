//! Bending a plan into one that its author did not mean: wrong accounts, missing signatures, broken data.

use anchor_lang::prelude::Pubkey;
use anchor_spl::token::spl_token;
use solana_instruction::{AccountMeta, Instruction};

use super::{Plan, Soak};

impl Soak {
    /// A plan with one thing wrong.
    pub fn bend(&mut self, mut plan: Plan) -> Plan {
        plan.is_bent = true;
        let at = self.random.range(0, plan.instructions.len() as i64) as usize;
        let instruction = plan.instructions[at].clone();
        let choice = match instruction.accounts.is_empty() {
            true => 9, // a signature for the runtime
            false if plan.name == "donate" => self.random.range(0, 9),
            false => self.random.range(0, 10),
        };
        plan.instructions[at] = match choice {
            0 => self.drop_account(instruction),
            1 => self.swap_accounts(instruction),
            2..=4 => self.replace_account(instruction),
            5 => self.append_account(instruction),
            6 => self.take_signature(instruction),
            7 | 8 => self.forge_signature(instruction),
            _ => {
                plan.is_broken = true;
                self.break_data(instruction)
            }
        };
        plan
    }

    fn place(&mut self, instruction: &Instruction) -> usize {
        self.random.range(0, instruction.accounts.len() as i64) as usize
    }

    fn drop_account(&mut self, mut instruction: Instruction) -> Instruction {
        let at = self.place(&instruction);
        instruction.accounts.remove(at);
        instruction
    }

    fn swap_accounts(&mut self, mut instruction: Instruction) -> Instruction {
        let (a, b) = (self.place(&instruction), self.place(&instruction));
        instruction.accounts.swap(a, b);
        instruction
    }

    /// Another account of the program, a token account, a price or a program where one was named.
    fn replace_account(&mut self, mut instruction: Instruction) -> Instruction {
        let at = self.place(&instruction);
        instruction.accounts[at].pubkey = self.any_account();
        instruction.accounts[at].is_signer = false;
        instruction
    }

    fn append_account(&mut self, mut instruction: Instruction) -> Instruction {
        let key = match self.random.one_in(2) {
            true => self.any_account(),
            false => {
                let at = self.place(&instruction);
                instruction.accounts[at].pubkey
            }
        };
        let writable = self.random.one_in(2);
        let meta = AccountMeta {
            pubkey: key,
            is_signer: false,
            is_writable: writable,
        };
        instruction.accounts.push(meta);
        instruction
    }

    /// Somebody's signature is missing.
    fn take_signature(&mut self, mut instruction: Instruction) -> Instruction {
        let signing: Vec<usize> = places(&instruction);
        if signing.is_empty() {
            return self.append_account(instruction);
        }
        let at = self.random.pick(&signing);
        let key = instruction.accounts[at].pubkey;
        for meta in instruction.accounts.iter_mut() {
            meta.is_signer &= meta.pubkey != key;
        }
        instruction
    }

    /// Somebody else signs in the place of the one who must.
    fn forge_signature(&mut self, mut instruction: Instruction) -> Instruction {
        let signing = places(&instruction);
        if signing.is_empty() {
            return self.replace_account(instruction);
        }
        let at = self.random.pick(&signing);
        let others = [self.outsider.user.key, self.trader().user.key];
        instruction.accounts[at].pubkey = self.random.pick(&others);
        instruction
    }

    fn break_data(&mut self, mut instruction: Instruction) -> Instruction {
        let length = instruction.data.len() as i64;
        let data = &mut instruction.data;
        match self.random.range(0, 4) {
            0 => data.truncate(self.random.range(0, length) as usize),
            1 => data.push(self.random.bits() as u8),
            2 => data[self.random.range(0, 8.min(length)) as usize] ^= 1 << self.random.range(0, 8),
            _ => data[self.random.range(0, length) as usize] ^= 1 << self.random.range(0, 8),
        }
        instruction
    }

    /// Any account that exists: the program's, token accounts, prices, wallets, programs.
    fn any_account(&mut self) -> Pubkey {
        let mut keys: Vec<Pubkey> = self.last.accounts.keys().copied().collect();
        keys.extend(self.markets.iter().map(|u| u.market.price));
        keys.extend(self.cast.iter().map(|trader| trader.user.key));
        keys.extend([portfolio_margin_interface::ID, spl_token::ID]);
        self.random.pick(&keys)
    }
}

fn places(instruction: &Instruction) -> Vec<usize> {
    let metas = instruction.accounts.iter().enumerate();
    metas
        .filter(|(_, meta)| meta.is_signer)
        .map(|(at, _)| at)
        .collect()
}
