//! The kernels that can be counted, and the loops around them.

use core::hint::black_box;

use portfolio_margin_interface::state::{Market, PositionRecord};
use portfolio_margin_interface::AccountLayout;
use risk_core::black76::{price, price_and_greeks, Black76Inputs, ExpiryTerms, OptionType};
use risk_core::fixed::exp::exp_neg;
use risk_core::fixed::log::ln;
use risk_core::fixed::normal::{cdf, mills_ratio, pdf};
use risk_core::fixed::sqrt::{sqrt_q56, sqrt_tenor, tenor};
use risk_core::grid::{Discounts, ExpiryGrid, GridOption};
use risk_core::market::{Expiry, ExpirySource};
use risk_core::position::PositionSource;
use risk_core::scan::scan_market;
use risk_core::scenario::MAX_SCENARIOS;
use risk_core::svi::SviSlice;
use risk_core::Price;

use crate::raw::RawOption;

/// What is run. `x` names the arguments in [`Request`]; `x[1]` is what `x[0]` grows by from one run to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kernel {
    /// Nothing: the cost of the loop itself, which every other scalar kernel carries too.
    Loop = 0,
    /// N(x), x in Q36.
    Cdf = 1,
    /// n(x), x in Q36.
    Pdf = 2,
    /// ln x of an integer.
    Ln = 3,
    /// exp(-x), x in Q38.
    ExpNeg = 4,
    /// sqrt(x), x in Q56.
    Sqrt = 5,
    /// Mills ratio, x in Q36.
    MillsRatio = 6,
    /// Standard deviation of the first expiry's smile at log moneyness x, Q40.
    SmileStdDev = 7,
    /// The first expiry's smile made ready with x seconds left.
    SmileNew = 8,
    /// Price from the forward x, the strike `x[2]` and the standard deviation `x[3]`, Q40.
    Price = 9,
    /// Price and Greeks of the same.
    PriceAndGreeks = 10,
    /// An option of moneyness x (Q36) and standard deviation `x[2]` (Q36) added to an expiry's grid.
    GridAdd = 11,
    /// A whole market with spot x at time `x[2]`: `count` is the number of positions, run once.
    ScanMarket = 12,
    /// Reading `count` position records, run once.
    ReadPositions = 13,
    /// Price from spot x, strike `x[2]`, volatility `x[3]` (1e-6), with rate and seconds of the third expiry.
    RawPrice = 14,
    /// Price and Greeks of the same.
    RawPriceAndGreeks = 15,
}

impl Kernel {
    const ALL: [Self; 16] = [
        Self::Loop,
        Self::Cdf,
        Self::Pdf,
        Self::Ln,
        Self::ExpNeg,
        Self::Sqrt,
        Self::MillsRatio,
        Self::SmileStdDev,
        Self::SmileNew,
        Self::Price,
        Self::PriceAndGreeks,
        Self::GridAdd,
        Self::ScanMarket,
        Self::ReadPositions,
        Self::RawPrice,
        Self::RawPriceAndGreeks,
    ];
}

/// How often to run what, and its arguments. Little-endian words on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// What to run.
    pub kernel: Kernel,
    /// How often, or on how many positions.
    pub count: usize,
    /// Arguments; see [`Kernel`].
    pub x: [i64; 4],
}

impl Request {
    /// From instruction data.
    pub fn read(data: &[u8]) -> Option<Self> {
        let mut words = data.chunks_exact(8).filter_map(|word| word.try_into().ok());
        let mut next = || words.next().map(i64::from_le_bytes);
        let code = usize::try_from(next()?).ok()?;
        Some(Self {
            kernel: *Kernel::ALL.get(code)?,
            count: usize::try_from(next()?).ok()?,
            x: [next()?, next()?, next()?, next()?],
        })
    }

    /// As instruction data.
    pub fn to_bytes(self) -> Vec<u8> {
        let head = [self.kernel as u64, self.count as u64];
        let words = head.into_iter().chain(self.x.map(|x| x as u64));
        words.flat_map(u64::to_le_bytes).collect()
    }
}

/// What the kernels read besides their arguments.
#[derive(Clone, Copy, Debug)]
pub struct Accounts<'a> {
    /// The market whose scenarios, parameters and expiries are used.
    pub market: &'a Market,
    /// Positions in that market.
    pub positions: &'a [PositionRecord],
}

impl<'a> Accounts<'a> {
    /// From account data: a market as the program stores it, and bare position records.
    pub fn read(market: &'a [u8], positions: &'a [u8]) -> Option<Self> {
        Some(Self {
            market: Market::read(market)?,
            positions: bytemuck::try_cast_slice(positions).ok()?,
        })
    }
}

/// Runs a request and returns a checksum of every result; `None` where accounts and arguments do not fit together.
pub fn run(request: &Request, accounts: &Accounts<'_>) -> Option<u64> {
    let x = request.x;
    let [expiry, _, quarter, ..] = &accounts.market.expiries;
    let (expiry, quarter) = (expiry.expiry(), quarter.expiry());
    match request.kernel {
        Kernel::Loop => scalar(request, |x| x as u64),
        Kernel::Cdf => scalar(request, |x| cdf(x) as u64),
        Kernel::Pdf => scalar(request, |x| pdf(x) as u64),
        Kernel::Ln => scalar(request, |x| ln(x as u64) as u64),
        Kernel::ExpNeg => scalar(request, |x| exp_neg(x as u64)),
        Kernel::Sqrt => scalar(request, |x| sqrt_q56(x as u64)),
        Kernel::MillsRatio => scalar(request, |x| mills_ratio(x) as u64),
        Kernel::SmileStdDev => {
            let smile = SviSlice::new(&expiry.svi?, i64::from(expiry.svi?.reference_tenor));
            scalar(request, |x| smile.std_dev(x))
        }
        Kernel::SmileNew => {
            let svi = expiry.svi?;
            scalar(request, |x| SviSlice::new(&svi, x).std_dev(0))
        }
        Kernel::Price => {
            let terms = terms(&quarter);
            scalar(request, |forward| {
                price(&option(forward, &x, &terms)) as u64
            })
        }
        Kernel::PriceAndGreeks => {
            let terms = terms(&quarter);
            scalar(request, |forward| {
                let out = price_and_greeks(&option(forward, &x, &terms));
                [out.delta, out.gamma, out.vega, out.theta, out.rho]
                    .iter()
                    .fold(out.price, |sum, value| sum.wrapping_add(*value)) as u64
            })
        }
        Kernel::RawPrice => raw(request, &quarter, |option| option.price()),
        Kernel::RawPriceAndGreeks => raw(request, &quarter, |option| option.price_and_greeks()),
        Kernel::GridAdd => grid(request, accounts),
        Kernel::ScanMarket => scan(request, accounts),
        Kernel::ReadPositions => Some(read_positions(request, accounts)),
    }
}

/// Mixes a result in; an additive sum of a kernel that is affine in its argument would be folded to a formula.
#[inline(always)]
fn mix(checksum: u64, result: u64) -> u64 {
    checksum.rotate_left(1) ^ result
}

/// Runs a function of one argument. Not inlined: each kernel's loop has the registers to itself, whatever else is in this
/// program.
#[inline(never)]
fn scalar(request: &Request, kernel: impl Fn(i64) -> u64) -> Option<u64> {
    let mut checksum = 0;
    let mut x = request.x[0];
    for _ in 0..request.count {
        checksum = mix(checksum, kernel(x));
        x = x.wrapping_add(request.x[1]);
    }
    Some(checksum)
}

/// Runs a function of raw inputs, each behind `black_box`: nothing is computed once for all.
#[inline(never)]
fn raw(request: &Request, expiry: &Expiry, kernel: impl Fn(&RawOption) -> u64) -> Option<u64> {
    let [first, step, strike, volatility] = request.x;
    let mut option = RawOption {
        spot: first as u64,
        strike: strike as u64,
        rate: u64::from(expiry.rate.unsigned_abs()),
        volatility: volatility as u64,
        seconds: i64::from(expiry.svi?.reference_tenor),
    };
    let mut checksum = 0;
    for _ in 0..request.count {
        checksum = mix(checksum, kernel(black_box(&option)));
        option.spot = option.spot.wrapping_add(step as u64);
        option.seconds = option.seconds.wrapping_add(1);
    }
    Some(checksum)
}

/// What the options of an expiry share, with all of its time left.
fn terms(expiry: &Expiry) -> ExpiryTerms {
    let seconds = expiry.svi.map_or(0, |svi| i64::from(svi.reference_tenor));
    ExpiryTerms {
        sqrt_tenor: sqrt_tenor(seconds),
        tenor: tenor(seconds),
        rate: 1 << 32,
        discount: (1 << 38) - (1 << 32),
    }
}

/// A call from raw prices, as the engine's Greeks take it. Behind `black_box`, so that the loop cannot compute once what
/// belongs to each option: the strike's logarithm, or the checks of the terms' ranges.
#[inline(always)]
fn option(forward: i64, x: &[i64; 4], terms: &ExpiryTerms) -> Black76Inputs {
    let (x, terms) = (black_box(x), black_box(terms));
    let (strike, std_dev) = (x[2] as u64, x[3] as u64);
    Black76Inputs::from_forward(OptionType::Call, forward as u64, strike, std_dev, terms)
}

/// Adds options to one grid and sums its values.
fn grid(request: &Request, accounts: &Accounts<'_>) -> Option<u64> {
    let set = accounts.market.scenarios.set().ok()?;
    let mut grid = ExpiryGrid::EMPTY;
    grid.load(&set);
    grid.open(0).ok()?;
    let [mut moneyness, step, std_dev, weight] = request.x;
    for _ in 0..request.count {
        let entry = GridOption {
            moneyness,
            // up, unchanged, down; the two of the skew nodes
            std_dev: [
                std_dev.wrapping_mul(2),
                std_dev,
                std_dev >> 1,
                std_dev,
                std_dev,
            ],
            forward_weight: weight,
            strike_weight: weight >> 1,
        };
        grid.add(&entry, moneyness < 0);
        moneyness = moneyness.wrapping_add(step);
    }
    let mut pnl = [0; MAX_SCENARIOS];
    let value = grid.close(&Discounts::plain(1 << 38), &mut pnl);
    let checksum = mix(value.mark as u64, value.delta as u64);
    Some(
        pnl.iter()
            .fold(checksum, |sum, value| mix(sum, *value as u64)),
    )
}

/// Scans the first `count` positions.
fn scan(request: &Request, accounts: &Accounts<'_>) -> Option<u64> {
    let positions = accounts.positions.get(..request.count)?;
    let params = accounts.market.params();
    let spot = Price::from_raw(request.x[0] as u64);
    let scenarios = accounts.market.scenarios.set().ok()?;
    let market = accounts
        .market
        .input(request.x[2], spot, scenarios, &params);
    let mut pnl = [0; MAX_SCENARIOS];
    let risk = scan_market(&market, positions, &mut pnl).ok()?;
    let checksum = pnl.iter().fold(0, |sum, value| mix(sum, *value as u64));
    Some(mix(checksum, risk.mark.raw() as u64))
}

/// Reads the first `count` positions: what walking them costs before anything is computed.
fn read_positions(request: &Request, accounts: &Accounts<'_>) -> u64 {
    let records = accounts.positions.iter().take(request.count);
    records.fold(0, |sum, record| {
        let position = record.position();
        mix(sum, position.strike.raw() ^ position.quantity.raw() as u64)
    })
}
