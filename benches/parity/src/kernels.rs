//! What can be evaluated, and how: names, codes, inputs and outputs.

use risk_core::black76::{price, price_and_greeks, Black76Inputs, ExpiryTerms, OptionType};
use risk_core::fixed::mul::{mul_div_ceil, mul_div_floor, mul_high};
use risk_core::fixed::{exp, log, normal, sqrt};
use risk_core::svi::{Svi, SviSlice};
use risk_core::{Price, Quantity, Quote, Ratio};

use crate::{scan, Outputs};

/// What a case evaluates. `?` before an output: 1 and the value, or 0 and 0 where the engine refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kernel {
    /// `ln x = y`: [`log::ln`].
    Ln = 0,
    /// `ln_ratio numerator denominator = y`: [`log::ln_ratio`].
    LnRatio = 1,
    /// `exp_neg y = x`: [`exp::exp_neg`].
    ExpNeg = 2,
    /// `exp y = ?x`: [`exp::exp`].
    Exp = 3,
    /// `sqrt x = sqrt_q56 isqrt sqrt_tenor_q36`: the roots of one number.
    Sqrt = 4,
    /// `tenor seconds = sqrt_tenor tenor`.
    Tenor = 5,
    /// `normal x = cdf pdf pdf_q60 mills_ratio`.
    Normal = 6,
    /// `mul_div a b d = ?floor ?ceil mul_high(a, b)`.
    MulDiv = 7,
    /// `amounts quantity price ratio = ?notional ?floor ?ceil`: the notional, and the ratio of it rounded both ways.
    Amounts = 8,
    /// `svi a b rho m s reference_tenor seconds k = valid std_dev`: [`Svi::validate`] and the slice, valid or not.
    Svi = 9,
    /// `price put moneyness strike_ratio std_dev sqrt_tenor tenor rate discount = price`; `put` is 0 or 1.
    Price = 10,
    /// `greeks put forward strike std_dev sqrt_tenor tenor rate discount
    /// = moneyness strike_ratio price delta gamma vega theta rho`.
    Greeks = 11,
    /// `scan ... = ...`: a whole market; see the module `scan` in this crate's source.
    Scan = 12,
}

impl Kernel {
    /// Every kernel with its name, in the order of the codes.
    pub const ALL: [(Self, &'static str); 13] = [
        (Self::Ln, "ln"),
        (Self::LnRatio, "ln_ratio"),
        (Self::ExpNeg, "exp_neg"),
        (Self::Exp, "exp"),
        (Self::Sqrt, "sqrt"),
        (Self::Tenor, "tenor"),
        (Self::Normal, "normal"),
        (Self::MulDiv, "mul_div"),
        (Self::Amounts, "amounts"),
        (Self::Svi, "svi"),
        (Self::Price, "price"),
        (Self::Greeks, "greeks"),
        (Self::Scan, "scan"),
    ];

    /// From the code in [`crate::evaluate_batch`].
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        let index = usize::try_from(code).ok()?;
        Self::ALL.get(index).map(|(kernel, _)| *kernel)
    }

    /// From the name in the file.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, known)| *known == name);
        found.map(|(kernel, _)| *kernel)
    }

    /// The name in the file.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(kernel, _)| *kernel == self)
            .map_or("", |(_, name)| name)
    }
}

/// Evaluates one case into `out`; `None` where the inputs do not fit the kernel or `out` is full.
#[must_use]
pub fn evaluate(kernel: Kernel, inputs: &[i64], out: &mut Outputs<'_>) -> Option<()> {
    match (kernel, inputs) {
        (Kernel::Ln, &[x]) => out.push(log::ln(x as u64)),
        (Kernel::LnRatio, &[a, b]) => out.push(log::ln_ratio(a as u64, b as u64)),
        (Kernel::ExpNeg, &[y]) => out.push_unsigned(exp::exp_neg(y as u64)),
        (Kernel::Exp, &[y]) => out.push_option(exp::exp(y)),
        (Kernel::Sqrt, &[x]) => {
            out.push_unsigned(sqrt::sqrt_q56(x as u64))?;
            out.push_unsigned(sqrt::isqrt(x as u64))?;
            out.push_unsigned(sqrt::sqrt_tenor_q36(x as u64))
        }
        (Kernel::Tenor, &[seconds]) => {
            out.push_unsigned(sqrt::sqrt_tenor(seconds))?;
            out.push_unsigned(sqrt::tenor(seconds))
        }
        (Kernel::Normal, &[x]) => out.push_all(&[
            normal::cdf(x),
            normal::pdf(x),
            normal::pdf_q60(x),
            normal::mills_ratio(x),
        ]),
        (Kernel::MulDiv, &[a, b, d]) => {
            out.push_option(mul_div_floor(a, b, d))?;
            out.push_option(mul_div_ceil(a, b, d))?;
            out.push_unsigned(mul_high(a as u64, b as u64))
        }
        (Kernel::Amounts, &[quantity, price, ratio]) => amounts(quantity, price, ratio, out),
        (Kernel::Svi, inputs) => smile(inputs, out),
        (Kernel::Price, inputs) => unit_price(inputs, out),
        (Kernel::Greeks, inputs) => unit_greeks(inputs, out),
        (Kernel::Scan, inputs) => scan::evaluate(inputs, out),
        _ => None,
    }
}

fn amounts(quantity: i64, price: i64, ratio: i64, out: &mut Outputs<'_>) -> Option<()> {
    let notional = Quantity::from_raw(quantity).notional(Price::from_raw(price as u64));
    let ratio = Ratio::from_raw(ratio);
    let base = notional.unwrap_or(Quote::from_raw(quantity));
    out.push_option(notional.ok().map(Quote::raw))?;
    out.push_option(base.mul_ratio_floor(ratio).ok().map(Quote::raw))?;
    out.push_option(base.mul_ratio_ceil(ratio).ok().map(Quote::raw))
}

fn smile(inputs: &[i64], out: &mut Outputs<'_>) -> Option<()> {
    let (parameters, rest) = inputs.split_first_chunk()?;
    let &[seconds, k] = rest else { return None };
    let svi = svi(parameters)?;
    out.push(i64::from(svi.validate().is_ok()))?;
    out.push_unsigned(SviSlice::new(&svi, seconds).std_dev(k))
}

/// `a b rho m s reference_tenor`.
pub(crate) fn svi(words: &[i64; 6]) -> Option<Svi> {
    let [a, b, rho, m, s, reference_tenor] = *words;
    Some(Svi {
        a,
        b: b as u64,
        rho: i32::try_from(rho).ok()?,
        m: i32::try_from(m).ok()?,
        s: u32::try_from(s).ok()?,
        reference_tenor: u32::try_from(reference_tenor).ok()?,
    })
}

fn option_type(put: i64) -> OptionType {
    if put == 0 {
        OptionType::Call
    } else {
        OptionType::Put
    }
}

fn unit_price(inputs: &[i64], out: &mut Outputs<'_>) -> Option<()> {
    let &[put, moneyness, strike_ratio, std_dev, sqrt_tenor, tenor, rate, discount] = inputs else {
        return None;
    };
    out.push(price(&Black76Inputs {
        option_type: option_type(put),
        moneyness,
        strike_ratio: strike_ratio as u64,
        std_dev: std_dev as u64,
        sqrt_tenor: sqrt_tenor as u64,
        tenor: tenor as u64,
        rate,
        discount: discount as u64,
    }))
}

fn unit_greeks(inputs: &[i64], out: &mut Outputs<'_>) -> Option<()> {
    let &[put, forward, strike, std_dev, sqrt_tenor, tenor, rate, discount] = inputs else {
        return None;
    };
    let terms = ExpiryTerms {
        sqrt_tenor: sqrt_tenor as u64,
        tenor: tenor as u64,
        rate,
        discount: discount as u64,
    };
    let (forward, strike) = (forward as u64, strike as u64);
    let inputs =
        Black76Inputs::from_forward(option_type(put), forward, strike, std_dev as u64, &terms);
    let unit = price_and_greeks(&inputs);
    out.push(inputs.moneyness)?;
    out.push_unsigned(inputs.strike_ratio)?;
    out.push_all(&[
        unit.price, unit.delta, unit.gamma, unit.vega, unit.theta, unit.rho,
    ])
}
