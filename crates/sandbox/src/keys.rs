//! Wallets with fixed keys: the bumps of derived addresses, and with them the compute units, never change between runs.

use anchor_lang::prelude::Pubkey;
use solana_keypair::Keypair;
use solana_signer::Signer;

/// A wallet made from a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    seed: [u8; 32],
    /// Address of the wallet.
    pub key: Pubkey,
}

impl User {
    /// The wallet of that name; equal names are equal wallets. Names have 1 to 32 bytes.
    pub fn named(name: &str) -> Self {
        assert!(
            (1..=32).contains(&name.len()),
            "a name has 1 to 32 bytes: {name:?}"
        );
        let mut seed = [0; 32];
        seed[..name.len()].copy_from_slice(name.as_bytes());
        let key = Keypair::new_from_array(seed).pubkey();
        Self { seed, key }
    }

    /// What the wallet signs with.
    pub fn keypair(&self) -> Keypair {
        Keypair::new_from_array(self.seed)
    }
}
