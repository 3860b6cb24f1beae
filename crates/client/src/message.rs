//! Messages: instructions and lookup tables in, the bytes of a signed transaction out.

use std::collections::BTreeSet;

use portfolio_margin_interface::Pubkey;
use solana_hash::Hash;
use solana_instruction::Instruction;
use solana_message::{v0, AddressLookupTableAccount, VersionedMessage};
use solana_signature::Signature;
use solana_signer::Signer;

use crate::error::{ClientError, Result};

/// Most bytes that a validator takes as one transaction.
pub const PACKET_SIZE: usize = 1_232;
/// Most compute units of one transaction.
pub const COMPUTE_LIMIT: u32 = 1_400_000;
/// Accounts of which a lookup table must name so many before it saves bytes: naming a table costs 34, an account 32.
const WORTH_A_TABLE: usize = 2;

/// Whoever can sign: a keypair, a hardware wallet, a remote key.
pub type AnySigner = dyn Signer + Send + Sync;

/// A message of version 0 that fits a packet.
#[derive(Clone, Debug)]
pub struct Prepared {
    message: VersionedMessage,
    body: Vec<u8>,
}

impl Prepared {
    /// Compiles instructions, naming accounts by those of the tables that save bytes.
    ///
    /// Errors: [`ClientError::TooLarge`] with the numbers, [`ClientError::Compile`] beyond what a message can name.
    pub fn new(
        payer: &Pubkey,
        instructions: &[Instruction],
        tables: &[AddressLookupTableAccount],
        blockhash: Hash,
    ) -> Result<Self> {
        let tables = useful(instructions, tables);
        let message = v0::Message::try_compile(payer, instructions, &tables, blockhash)
            .map_err(|error| ClientError::Compile(error.to_string()))?;
        let lookups = message.address_table_lookups.iter();
        let looked_up = lookups
            .map(|table| {
                let written = table.writable_indexes.len();
                written.saturating_add(table.readonly_indexes.len())
            })
            .sum::<usize>();
        let accounts = message.account_keys.len().saturating_add(looked_up);
        let tables = message.address_table_lookups.len();
        let message = VersionedMessage::V0(message);
        let prepared = Self {
            body: message.serialize(),
            message,
        };
        match prepared.size() {
            bytes if bytes > PACKET_SIZE => Err(ClientError::TooLarge {
                bytes,
                limit: PACKET_SIZE,
                accounts,
                looked_up,
                tables,
            }),
            _ => Ok(prepared),
        }
    }

    /// Whose signatures it needs, the payer's first.
    pub fn signers(&self) -> &[Pubkey] {
        let count = self.message.header().num_required_signatures;
        let keys = self.message.static_account_keys();
        keys.get(..count.into()).unwrap_or(keys)
    }

    /// Bytes on the wire.
    pub fn size(&self) -> usize {
        let signatures = self.signers().len().saturating_mul(64);
        // one byte counts signatures: 127 would be beyond a packet long before
        self.body.len().saturating_add(signatures).saturating_add(1)
    }

    /// The bytes with empty signatures, for a simulation.
    pub fn unsigned(&self) -> Vec<u8> {
        wire_bytes(
            &vec![Signature::default(); self.signers().len()],
            &self.body,
        )
    }

    /// Signs; returns the transaction's signature, which is the payer's, and its bytes.
    ///
    /// Errors: [`ClientError::Signature`] where a signer is missing or fails.
    pub fn sign(&self, signers: &[&AnySigner]) -> Result<(Signature, Vec<u8>)> {
        let signed = self.signers().iter().map(|key| {
            let refused = |why: String| ClientError::Signature { key: *key, why };
            let signer = signers.iter().find(|signer| signer.pubkey() == *key);
            let signer = signer.ok_or_else(|| refused("no such signer was given".into()))?;
            let signature = signer.try_sign_message(&self.body);
            signature.map_err(|error| refused(error.to_string()))
        });
        let signatures: Vec<Signature> = signed.collect::<Result<_>>()?;
        let first = signatures.first().copied().unwrap_or_default();
        Ok((first, wire_bytes(&signatures, &self.body)))
    }
}

/// A transaction's bytes: the number of signatures, the signatures, the message.
pub fn wire_bytes(signatures: &[Signature], message: &[u8]) -> Vec<u8> {
    // below 128, as a packet has no room for more, the compact number is the number itself
    let mut bytes = vec![u8::try_from(signatures.len()).unwrap_or(u8::MAX)];
    for signature in signatures {
        bytes.extend_from_slice(signature.as_ref());
    }
    bytes.extend_from_slice(message);
    bytes
}

/// Accounts that instructions and the payer write, each once.
pub(crate) fn written(payer: &Pubkey, instructions: &[Instruction]) -> Vec<Pubkey> {
    let metas = instructions.iter().flat_map(|ix| &ix.accounts);
    let written = metas.filter(|meta| meta.is_writable);
    let keys: BTreeSet<Pubkey> = written.map(|meta| meta.pubkey).chain([*payer]).collect();
    keys.into_iter().collect()
}

/// The tables that save bytes, the one that saves most first: the compiler takes an account from the first that names it.
fn useful(
    instructions: &[Instruction],
    tables: &[AddressLookupTableAccount],
) -> Vec<AddressLookupTableAccount> {
    let metas = || instructions.iter().flat_map(|ix| &ix.accounts);
    let signers: BTreeSet<Pubkey> = metas()
        .filter(|meta| meta.is_signer)
        .map(|meta| meta.pubkey)
        .collect();
    let programs: BTreeSet<Pubkey> = instructions.iter().map(|ix| ix.program_id).collect();
    let mut wanted: BTreeSet<Pubkey> = metas().map(|meta| meta.pubkey).collect();
    wanted.retain(|key| !signers.contains(key) && !programs.contains(key));
    let mut chosen = vec![];
    let mut left: Vec<&AddressLookupTableAccount> = tables.iter().collect();
    loop {
        let named = |table: &AddressLookupTableAccount| {
            let keys: BTreeSet<&Pubkey> = table.addresses.iter().collect();
            wanted.iter().filter(|key| keys.contains(key)).count()
        };
        let best = left
            .iter()
            .enumerate()
            .map(|(at, table)| (named(table), at));
        let Some((count, at)) = best.max() else { break };
        if count < WORTH_A_TABLE {
            break;
        }
        let table = left.swap_remove(at);
        for key in &table.addresses {
            wanted.remove(key);
        }
        chosen.push(table.clone());
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use solana_instruction::AccountMeta;
    use solana_keypair::Keypair;

    fn keys(count: u8) -> Vec<Pubkey> {
        (1..=count)
            .map(|n| Pubkey::new_from_array([n; 32]))
            .collect()
    }

    fn instruction(keys: &[Pubkey]) -> Instruction {
        let metas = keys.iter().map(|key| AccountMeta::new(*key, false));
        Instruction {
            program_id: Pubkey::new_from_array([200; 32]),
            accounts: metas.collect(),
            data: vec![7; 10],
        }
    }

    fn table(n: u8, addresses: &[Pubkey]) -> AddressLookupTableAccount {
        AddressLookupTableAccount {
            key: Pubkey::new_from_array([n; 32]),
            addresses: addresses.to_vec(),
        }
    }

    #[test]
    fn too_large_says_by_how_much_and_a_table_helps() {
        let payer = Keypair::new();
        let keys = keys(60);
        let ix = [instruction(&keys)];
        let error = Prepared::new(&payer.pubkey(), &ix, &[], Hash::default()).unwrap_err();
        let ClientError::TooLarge {
            bytes,
            limit,
            accounts,
            looked_up,
            tables,
        } = error
        else {
            panic!("{error}");
        };
        assert_eq!(
            (limit, accounts, looked_up, tables),
            (PACKET_SIZE, 62, 0, 0)
        );
        assert!(bytes > 60 * 32);
        let tables = [table(250, &keys)];
        let prepared = Prepared::new(&payer.pubkey(), &ix, &tables, Hash::default()).unwrap();
        let (_, wire) = prepared.sign(&[&payer]).unwrap();
        assert_eq!(wire.len(), prepared.size());
        assert_eq!(prepared.unsigned().len(), prepared.size());
        assert!(wire.len() < 400, "{}", wire.len());
    }

    #[test]
    fn only_tables_that_save_bytes_are_named_and_the_best_first() {
        let keys = keys(10);
        let ix = [instruction(&keys)];
        let (small, large, one) = (
            table(251, &keys[..4]),
            table(252, &keys[..8]),
            table(253, &keys[9..]),
        );
        let chosen = useful(&ix, &[small.clone(), one, large.clone()]);
        assert_eq!(chosen, [large]); // of the small one's keys nothing is left, and one account is not worth a table
        assert_eq!(useful(&ix, std::slice::from_ref(&small)), vec![small]);
    }

    #[test]
    fn a_table_cannot_name_signers_or_programs() {
        let keys = keys(3);
        let mut ix = instruction(&keys);
        ix.accounts[0].is_signer = true;
        ix.accounts[1].is_signer = true;
        let with_program = [&keys[..], &[ix.program_id]].concat();
        assert!(useful(&[ix], &[table(250, &with_program)]).is_empty());
    }

    #[test]
    fn a_missing_signer_is_named() {
        let (payer, other) = (Keypair::new(), Keypair::new());
        let mut ix = instruction(&[other.pubkey()]);
        ix.accounts[0].is_signer = true;
        let prepared = Prepared::new(&payer.pubkey(), &[ix], &[], Hash::default()).unwrap();
        assert_eq!(prepared.signers(), [payer.pubkey(), other.pubkey()]);
        let error = prepared.sign(&[&payer]).unwrap_err();
        assert!(matches!(error, ClientError::Signature { key, .. } if key == other.pubkey()));
        let (signature, wire) = prepared.sign(&[&other, &payer]).unwrap();
        assert_eq!((wire[0], &wire[1..65]), (2, signature.as_ref()));
        assert!(signature.verify(payer.pubkey().as_ref(), &wire[129..]));
    }
}
