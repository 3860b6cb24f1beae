//! Lookup tables: transactions that name their accounts by one, as keepers send them.

use anchor_lang::prelude::Pubkey;
use solana_account::Account;
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_instruction::Instruction;
use solana_message::{v0, AddressLookupTableAccount, VersionedMessage};

use crate::keys::User;
use crate::transaction::{Outcome, PACKET_SIZE};
use crate::world::World;

/// The program that keeps lookup tables.
const TABLES: Pubkey = Pubkey::from_str_const("AddressLookupTab1e1111111111111111111111111");

/// Bytes of a table that serves: kind, the slot in which it ends (never), the slot in which it was extended (the first) and how many
/// addresses it had before (all), no authority, padding to 56 bytes; then the addresses.
fn table_bytes(addresses: &[Pubkey]) -> Vec<u8> {
    let kind = 1u32.to_le_bytes();
    let mut bytes = [&kind[..], &u64::MAX.to_le_bytes(), &[0; 8]].concat();
    bytes.push(u8::try_from(addresses.len()).expect("addresses of one table"));
    bytes.resize(56, 0);
    for address in addresses {
        bytes.extend_from_slice(address.as_ref());
    }
    bytes
}

impl World {
    /// Sends instructions in one packet whose accounts are named by a lookup table, those that sign apart, with a limit of compute
    /// units and the default heap.
    ///
    /// Panics where it would not fit the packet, or a needed signer is missing.
    #[track_caller]
    pub fn send_tabled(
        &mut self,
        instructions: &[Instruction],
        signers: &[User],
        limit: u32,
    ) -> Outcome {
        let named = instructions.iter().flat_map(|ix| &ix.accounts);
        let named = named.filter(|meta| !meta.is_signer);
        let mut addresses: Vec<Pubkey> = named.map(|meta| meta.pubkey).collect();
        addresses.sort();
        addresses.dedup();
        let key = User::named("lookup table").key;
        let data = table_bytes(&addresses);
        let account = Account {
            lamports: self.svm.minimum_balance_for_rent_exemption(data.len()),
            data,
            owner: TABLES,
            executable: false,
            rent_epoch: u64::MAX,
        };
        self.svm.set_account(key, account).expect("writing a table");
        let budget = ComputeBudgetInstruction::set_compute_unit_limit(limit);
        let all = [&[budget], instructions].concat();
        self.svm.expire_blockhash();
        let tables = [AddressLookupTableAccount { key, addresses }];
        let blockhash = self.svm.latest_blockhash();
        let message = v0::Message::try_compile(&self.payer.key, &all, &tables, blockhash)
            .expect("a message that names its accounts");
        let (transaction, bytes) = self.sign(VersionedMessage::V0(message), signers, PACKET_SIZE);
        self.deliver(transaction, bytes)
    }
}
