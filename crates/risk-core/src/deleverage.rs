//! Opposite risk: whom an auto-deleverage may ask to take a part of a book, and how large a part.
//!
//! A book is what it gains and loses in every scenario, the vector `a`; a counterparty's is `b`, over the same markets. Taking the
//! fraction `x` of the book leaves the counterparty with `b + x a`.
//!
//! ```text
//! opposition = -(a . b) / (|a| |b|)            1.0: each scenario hurts the one as it helps the other
//! x*         = -(a . b) / |a|^2                the x at which |b + x a| is least
//! ```
//! Beyond `x*` the counterparty's risk would change sides, so no more than that is given: a hedged book has almost no vector, takes
//! almost nothing, and cannot be left with a naked leg. Profits do not count: whoever is most in profit may be the one who is hedged
//! best. Nodes that turn the smile are left out ([`crate::scenario::ScenarioSet::directional`]): their PnL is a loss either way.
//!
//! Vectors are scaled to 40 bits each before they are multiplied; what that cuts off is 2^-39 of the largest entry.

use core::cmp::Reverse;

use crate::error::RiskError;
use crate::liquidation::{FRACTION_ONE, LEAST_FRACTION};
use crate::margin::{MarginReport, MOST_OPEN_NOTIONAL};
use crate::scan::{MarketRisk, ScenarioPnl};
use crate::units::{Quote, Ratio, RATIO_ONE};

/// Least opposition at which a counterparty may be asked, 1e-6: 0.5. In the plane it is an angle of 60 degrees: taking `x*` then
/// removes an eighth of the length of its vector at the least.
pub const LEAST_OPPOSITION: Ratio = Ratio::from_raw(RATIO_ONE / 2);

/// Bits of a scaled entry: 48 markets of 40 scenarios square to less than 2^91, and that times 1e9 fits 128 bits.
const BITS: i32 = 40;

/// Two vectors multiplied with each other and themselves, in scales of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comparison {
    dot: i128,
    book: u128,
    other: u128,
    /// The other vector's unit over the book's, as a power of two.
    shift: i32,
}

impl Comparison {
    /// Compares a book with another, market by market in the same order; markets that only one of them lists are the other's zeros.
    /// Entries of any size.
    pub fn of(book: &[ScenarioPnl], other: &[ScenarioPnl]) -> Self {
        let (cut_book, cut_other) = (cut_of(book), cut_of(other));
        let mut comparison = Self {
            dot: 0,
            book: square(book, cut_book),
            other: square(other, cut_other),
            shift: cut_other.saturating_sub(cut_book),
        };
        for (ours, theirs) in book.iter().zip(other) {
            for (our, their) in ours.iter().zip(theirs) {
                if *our == 0 || *their == 0 {
                    continue;
                }
                // below 2^80 each, and fewer than 2^11 of them
                let our = i128::from(scaled(*our, cut_book));
                let product = our.saturating_mul(scaled(*their, cut_other).into());
                comparison.dot = comparison.dot.saturating_add(product);
            }
        }
        comparison
    }

    /// `-(a . b) / (|a| |b|)`, 1e-6, from -1.0 to 1.0, rounded toward zero; zero where either vector is.
    pub fn opposition(&self) -> Ratio {
        // both roots below 2^46, rounded up, so that the quotient never passes 1.0
        let norms = root_ceil(self.book).saturating_mul(root_ceil(self.other));
        let dot = self.dot.unsigned_abs();
        let magnitude = dot
            .saturating_mul(RATIO_ONE.unsigned_abs().into())
            .checked_div(norms);
        let magnitude = i64::try_from(magnitude.unwrap_or(0)).unwrap_or(RATIO_ONE);
        Ratio::from_raw(match self.dot < 0 {
            true => magnitude,
            false => magnitude.saturating_neg(),
        })
    }

    /// The largest part to give, of [`FRACTION_ONE`]: `x*` rounded down, but the whole book where less than the least slice would be
    /// left of it; zero where the risks are not opposite.
    pub fn relieving_fraction(&self) -> u64 {
        let part = self.least_norm_floor();
        match part > FRACTION_ONE.saturating_sub(LEAST_FRACTION) {
            true => FRACTION_ONE,
            false => part,
        }
    }

    /// `x*`, of [`FRACTION_ONE`], rounded down; at most 1.0.
    fn least_norm_floor(&self) -> u64 {
        if self.dot >= 0 {
            return 0;
        }
        let dot = self.dot.unsigned_abs();
        let whole = u128::from(FRACTION_ONE);
        let part = dot.saturating_mul(whole).checked_div(self.book);
        let part = part.unwrap_or(0);
        let unit = 1u128 << self.shift.unsigned_abs().min(64);
        let part = match self.shift >= 0 {
            true => part.saturating_mul(unit),
            false => part.checked_div(unit).unwrap_or(0),
        };
        u64::try_from(part.min(whole)).unwrap_or(FRACTION_ONE)
    }
}

/// How opposite two books are, 1e-6: [`Comparison::opposition`].
pub fn opposition(book: &[ScenarioPnl], other: &[ScenarioPnl]) -> Ratio {
    Comparison::of(book, other).opposition()
}

/// By how many bits a vector's entries are shifted right (negative: left) to have 40.
fn cut_of(vector: &[ScenarioPnl]) -> i32 {
    let mut bits = 0;
    for pnl in vector {
        for value in pnl {
            bits |= value.unsigned_abs();
        }
    }
    let used = 64u32.saturating_sub(bits.leading_zeros());
    i32::try_from(used).unwrap_or(64).saturating_sub(BITS)
}

/// An entry in 40 bits, rounded toward zero, so that it has the same magnitude on either side.
fn scaled(value: i64, cut: i32) -> i64 {
    let (size, by) = (value.unsigned_abs(), cut.unsigned_abs().min(63));
    let size = match cut >= 0 {
        true => size >> by,
        false => size.saturating_mul(1 << by),
    };
    let size = i64::try_from(size).unwrap_or(i64::MAX);
    match value < 0 {
        true => size.saturating_neg(),
        false => size,
    }
}

/// The sum of squares, below 2^91 for 48 markets.
fn square(vector: &[ScenarioPnl], cut: i32) -> u128 {
    let mut sum = 0u128;
    for pnl in vector {
        for value in pnl {
            if *value != 0 {
                let size = scaled(*value, cut).unsigned_abs();
                sum = sum.saturating_add(wide_product(size, size));
            }
        }
    }
    sum
}

/// The least number whose square is `square` or more; bit by bit, for squares below 2^94.
fn root_ceil(square: u128) -> u128 {
    let (mut root, mut bit) = (0u64, 1u64 << 46);
    while bit != 0 {
        let next = root.saturating_add(bit);
        if wide_product(next, next) <= square {
            root = next;
        }
        let half = bit / 2;
        bit = half;
    }
    let is_exact = wide_product(root, root) == square;
    u128::from(root.saturating_add(u64::from(!is_exact)))
}

/// The product of two numbers of 64 bits, which fits.
fn wide_product(first: u64, second: u64) -> u128 {
    u128::from(first).saturating_mul(second.into())
}

/// A counterparty that a keeper may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What the caller knows it by.
    pub id: u32,
    /// How opposite its risk is, 1e-6.
    pub opposition: Ratio,
    /// The largest part of the book that it may be given, of [`FRACTION_ONE`]: the fraction to name.
    pub fraction: u64,
}

impl Candidate {
    /// Compares a candidate's vector with that of the book to be taken.
    pub fn new(id: u32, book: &[ScenarioPnl], candidate: &[ScenarioPnl]) -> Self {
        let comparison = Comparison::of(book, candidate);
        Self {
            id,
            opposition: comparison.opposition(),
            fraction: comparison.relieving_fraction(),
        }
    }

    /// Whether it may be asked at all: opposite enough, and large enough for the least slice. Its margin has a say after that.
    pub fn is_eligible(&self) -> bool {
        self.opposition >= LEAST_OPPOSITION && self.fraction >= LEAST_FRACTION
    }
}

/// Puts the candidates in the order in which a keeper does best to ask them: the most opposite first, of equals the one that takes
/// most. Those that are not eligible end last.
pub fn rank(candidates: &mut [Candidate]) {
    candidates.sort_unstable_by_key(|candidate| {
        let is_barred = !candidate.is_eligible();
        let best = Reverse((candidate.opposition, candidate.fraction));
        (is_barred, best, candidate.id)
    });
}

/// What a market asks of an account for maintenance, seen alone: its scan times the market's maintenance factor, and its
/// contingencies; rounded up. In a correlation group less may be asked of all together.
pub fn market_requirement_ceil(
    scan_maintenance: Ratio,
    risk: &MarketRisk,
) -> Result<Quote, RiskError> {
    let loss = risk.scan.mul_ratio_floor(scan_maintenance)?;
    risk.contingency_maintenance.checked_sub(loss)
}

/// A report as it is with more cash, or less: cash is in equity and both healths, and in no requirement.
pub fn with_cash(report: &MarginReport, amount: Quote) -> Result<MarginReport, RiskError> {
    Ok(MarginReport {
        cash: report.cash.checked_add(amount)?,
        equity: report.equity.checked_add(amount)?,
        initial_health: report.initial_health.checked_add(amount)?,
        maintenance_health: report.maintenance_health.checked_add(amount)?,
        ..*report
    })
}

/// Whether a counterparty is better off: its maintenance requirement fell, its equity and its initial health did not, and it is not
/// pushed beyond the sizes that an account may open.
pub fn is_relieved(before: &MarginReport, after: &MarginReport) -> bool {
    after.maintenance_margin() < before.maintenance_margin()
        && after.initial_health >= before.initial_health
        && after.equity >= before.equity
        && after.gross_notional <= before.gross_notional.max(MOST_OPEN_NOTIONAL)
}
