//! Numbers of the sandbox in readable form: dollars, coins, and the prices at which the world starts.

/// One USDC in native units, and one dollar in quote units.
pub const USDC: u64 = 1_000_000;
/// One SOL in native units.
pub const SOL: u64 = 1_000_000_000;
/// One base unit (1 BTC, 1 SOL) of a position.
pub const BASE: i64 = 1_000_000;
/// Seconds of a day.
pub const DAY: i64 = 86_400;
/// Where the world's clock starts: 2025-10-10 20:00 UTC, an hour before that day's crash.
pub const START: i64 = 1_760_126_400;
/// BTC in USD at [`START`] (Binance spot, open of the hour), 1e-8 USD.
pub const BTC_START: u64 = 11_666_150_000_000;
/// SOL in USD at [`START`] (Binance spot, open of the hour), 1e-8 USD.
pub const SOL_START: u64 = 20_531_000_000;

/// Whole dollars as a price, 1e-8 USD.
pub const fn dollars(whole: u64) -> u64 {
    whole * 100_000_000
}
