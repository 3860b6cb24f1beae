//! Kinds of price accounts that a bank, a market or the quote asset may name.

/// A `PriceUpdateV2` of Pyth's receiver, by feed id.
pub const PYTH_PULL: u8 = 0;
/// A price account of Pyth's legacy oracle program, by address.
pub const PYTH_LEGACY: u8 = 1;
