//! Runs solmath 0.2.0 a given number of times, so that its compute units can be counted in the VM that ours run in.
//!
//! Never deployed: `scripts/bench` loads it and takes the difference between two counts, as it does with `kernel-bench`.
//! The published crate is called as its documentation says, with inputs already in its own scale of 1e12.

#[cfg(target_arch = "bpf")]
use solana_compiler_builtins as _;

use core::hint::black_box;

pub use solmath::{black_scholes_price, black_scholes_price_hp, bs_full, bs_full_hp, BsFull};

/// 1.0 of every input and output of the crate.
pub const SCALE: u64 = 1_000_000_000_000;
const _: () = assert!(solmath::SCALE == SCALE as u128);
/// Seconds in a year of 365 days.
pub const YEAR_SECONDS: u64 = 365 * 86_400;

/// What is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Call {
    /// Nothing: the cost of the loop itself.
    Loop = 0,
    /// `black_scholes_price`.
    Price = 1,
    /// `bs_full`: price and all Greeks.
    PriceAndGreeks = 2,
    /// `black_scholes_price_hp`: the crate's 1e15 arithmetic.
    PricePrecise = 3,
    /// `bs_full_hp`, likewise.
    PriceAndGreeksPrecise = 4,
}

impl Call {
    const ALL: [Self; 5] = [
        Self::Loop,
        Self::Price,
        Self::PriceAndGreeks,
        Self::PricePrecise,
        Self::PriceAndGreeksPrecise,
    ];
}

/// How often to run what on which options. Little-endian words on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// What to run.
    pub call: Call,
    /// How often.
    pub count: u64,
    /// Spot of the first run, and what it grows by from one run to the next; 1e-12.
    pub spot: [u64; 2],
    /// Strike, 1e-12.
    pub strike: u64,
    /// Annual rate, 1e-12.
    pub rate: u64,
    /// Annual volatility, 1e-12.
    pub volatility: u64,
    /// Seconds to expiry of the first run; one more with each run.
    pub seconds: u64,
}

impl Request {
    /// From instruction data.
    #[must_use]
    pub fn read(data: &[u8]) -> Option<Self> {
        let mut words = data.chunks_exact(8).filter_map(|word| word.try_into().ok());
        let mut next = || words.next().map(u64::from_le_bytes);
        Some(Self {
            call: *Call::ALL.get(usize::try_from(next()?).ok()?)?,
            count: next()?,
            spot: [next()?, next()?],
            strike: next()?,
            rate: next()?,
            volatility: next()?,
            seconds: next()?,
        })
    }

    /// As instruction data.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let [spot, step] = self.spot;
        [
            self.call as u64,
            self.count,
            spot,
            step,
            self.strike,
            self.rate,
            self.volatility,
            self.seconds,
        ]
        .into_iter()
        .flat_map(u64::to_le_bytes)
        .collect()
    }
}

/// Runs a request and returns a checksum of every result; `None` where the crate refuses an option.
#[must_use]
pub fn run(request: &Request) -> Option<u64> {
    match request.call {
        Call::Loop => each(request, |spot, strike, rate, volatility, years| {
            Some(spot ^ strike ^ rate ^ volatility ^ years)
        }),
        Call::Price => each(request, |spot, strike, rate, volatility, years| {
            prices(black_scholes_price(spot, strike, rate, volatility, years).ok()?)
        }),
        Call::PricePrecise => each(request, |spot, strike, rate, volatility, years| {
            prices(black_scholes_price_hp(spot, strike, rate, volatility, years).ok()?)
        }),
        Call::PriceAndGreeks => each(request, |spot, strike, rate, volatility, years| {
            greeks(&bs_full(spot, strike, rate, volatility, years).ok()?)
        }),
        Call::PriceAndGreeksPrecise => each(request, |spot, strike, rate, volatility, years| {
            greeks(&bs_full_hp(spot, strike, rate, volatility, years).ok()?)
        }),
    }
}

/// Calls a function of spot, strike, rate, volatility and years, all at 1e-12, for every option of the request.
#[inline(always)]
fn each(
    request: &Request,
    call: impl Fn(u128, u128, u128, u128, u128) -> Option<u128>,
) -> Option<u64> {
    let [mut spot, step] = request.spot;
    let mut seconds = request.seconds;
    let mut checksum: u64 = 0;
    for _ in 0..request.count {
        // as for the engine: nothing is computed once for all options
        let request = black_box(request);
        let years = seconds.wrapping_mul(SCALE) / YEAR_SECONDS;
        let result = call(
            spot.into(),
            request.strike.into(),
            request.rate.into(),
            request.volatility.into(),
            years.into(),
        )?;
        let [low, high] = [result & u128::from(u64::MAX), result >> 64];
        // both are below 2^64
        let folded = u64::try_from(low ^ high).unwrap_or(0);
        checksum = checksum.rotate_left(1) ^ folded;
        spot = spot.wrapping_add(step);
        seconds = seconds.wrapping_add(1);
    }
    Some(checksum)
}

#[inline(always)]
fn prices((call, put): (u128, u128)) -> Option<u128> {
    Some(call ^ put)
}

#[inline(always)]
fn greeks(all: &BsFull) -> Option<u128> {
    let signed = [
        all.call_delta,
        all.put_delta,
        all.gamma,
        all.vega,
        all.call_theta,
        all.put_theta,
        all.call_rho,
        all.put_rho,
    ];
    let folded = signed.iter().fold(0, |sum: i128, value| sum ^ value);
    Some(all.call ^ all.put ^ folded.cast_unsigned())
}

#[cfg(target_os = "solana")]
mod entrypoint {
    use super::{run, Request};
    use solana_account_info::AccountInfo;
    use solana_address::Address;
    use solana_define_syscall::definitions::sol_set_return_data;
    use solana_program_entrypoint::{entrypoint, ProgramResult};
    use solana_program_error::ProgramError;

    entrypoint!(process);

    /// Instruction data is one [`Request`]; no accounts.
    fn process(_: &Address, _: &[AccountInfo<'_>], data: &[u8]) -> ProgramResult {
        let checksum = Request::read(data)
            .and_then(|request| run(&request))
            .ok_or(ProgramError::InvalidInstructionData)?
            .to_le_bytes();
        // SAFETY: pointer and length are those of an array that outlives the call.
        unsafe { sol_set_return_data(checksum.as_ptr(), checksum.len() as u64) };
        Ok(())
    }
}
