//! Values of keys that are shown as they are written: a part of all accounts, a market or none, an address or none.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use solana_commitment_config::CommitmentConfig;

use super::sections::Shard;

/// How far a block must be confirmed, shown as it is written.
pub struct Commitment(pub CommitmentConfig);

impl fmt::Display for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.commitment)
    }
}

impl FromStr for Shard {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (index, count) = text.split_once('/').ok_or(())?;
        let [index, count] = [index, count].map(|part| part.parse::<u64>());
        let (index, count) = (index.map_err(|_| ())?, count.map_err(|_| ())?);
        match index < count && count <= 1_000 {
            true => Ok(Self { index, count }),
            false => Err(()),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

/// A market or none, shown as it is written.
pub struct MarketIndex(pub Option<u16>);

impl fmt::Display for MarketIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("none"),
            Some(index) => write!(f, "{index}"),
        }
    }
}

/// An address or none, shown as it is written.
pub struct Listen(pub Option<SocketAddr>);

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("none"),
            Some(address) => write!(f, "{address}"),
        }
    }
}
