//! Correlation groups: markets whose gains in a scenario may offset part of each other's losses.
//!
//! ```text
//! group(i) = sum_m min(pnl_m(i), 0) + kappa sum_m max(pnl_m(i), 0)
//! scan     = min( min_i group(i), (1 - offset_cap) sum_m scan_m )
//! ```
//! The first term moves all markets of the group alike; the second keeps the offset from taking more than a share off the plain
//! sum, which is every correlation against the account at once. A floor of one market is in the second term alone, so a group keeps at least
//! `1 - offset_cap` of it, also where no other market of the group is held: were it kept whole, no witness could name it.

use crate::error::{check_range, Field, RiskError};
use crate::market::Market;
use crate::scan::{MarketRisk, ScenarioPnl};
use crate::scenario::{ScenarioSet, MAX_SCENARIOS, ONE_Q30};
use crate::units::{Quote, Ratio, RATIO_ONE};

/// What a group may offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupParams {
    /// Share of a scenario's gains that counts against its losses, 1e-6; 0 to 1.0.
    pub kappa: Ratio,
    /// Largest share of the plain sum that may be taken off, 1e-6; 0 to 1.0.
    pub offset_cap: Ratio,
}

impl GroupParams {
    /// No offset: the plain sum.
    pub const NONE: Self = Self {
        kappa: Ratio::ZERO,
        offset_cap: Ratio::ZERO,
    };

    /// Bounds of both.
    pub fn validate(&self) -> Result<(), RiskError> {
        check_range(Field::GroupKappa, self.kappa.raw(), 0, RATIO_ONE)?;
        check_range(Field::GroupOffsetCap, self.offset_cap.raw(), 0, RATIO_ONE)
    }
}

/// What sets the scan of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupWorst {
    /// The scenario of this index, in all markets at once.
    Scenario(u8),
    /// The limit of the offset.
    OffsetCap,
}

/// The scan of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupRisk {
    /// At most zero, and at least the plain sum.
    pub scan: Quote,
    /// Sum of the markets' scans.
    pub plain: Quote,
    /// What sets it.
    pub worst: GroupWorst,
}

/// What of a scenario set must agree between the markets of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    count: usize,
    starts: [usize; 5],
    /// What a witness names.
    witness: Option<u8>,
}

impl Shape {
    fn of(set: &ScenarioSet<'_>) -> Self {
        let starts = [
            set.none_start,
            set.down_start,
            set.linear_start,
            set.abs_start,
            set.base,
        ];
        Self {
            count: set.count(),
            starts,
            witness: set.witness,
        }
    }
}

/// Adds up the markets of one group, scenario by scenario.
#[derive(Clone, Debug)]
pub struct Group {
    losses: ScenarioPnl,
    gains: ScenarioPnl,
    shape: Option<Shape>,
    /// Witnesses that name different scenarios say nothing of any one scenario: the plain sum is left.
    is_mixed: bool,
    plain: Quote,
    cushion: Quote,
    scan_maintenance: Ratio,
    scan_initial: Ratio,
}

/// A gain at least zero, of which a damping of Q30 has counted a share: dampings are rounded up, so a unit of it is taken back.
fn counted_gain(gain: i64, damping: i64) -> i64 {
    match damping {
        ONE_Q30 => gain,
        _ => {
            let unit = gain.unsigned_abs().checked_div(damping.unsigned_abs());
            let unit = unit.unwrap_or(u64::MAX);
            gain.saturating_sub_unsigned(unit.saturating_add(1)).max(0)
        }
    }
}

impl Group {
    /// A group without markets.
    pub const EMPTY: Self = Self {
        losses: [0; MAX_SCENARIOS],
        gains: [0; MAX_SCENARIOS],
        shape: None,
        is_mixed: false,
        plain: Quote::ZERO,
        cushion: Quote::ZERO,
        scan_maintenance: Ratio::ZERO,
        scan_initial: Ratio::ZERO,
    };

    /// Adds a market that was evaluated, with its PnL per scenario.
    ///
    /// Errors: [`RiskError::GroupMismatch`] where its set is not of the group's shape: index by index, the scenarios of a
    /// group must be of one kind.
    pub fn add<E>(
        &mut self,
        market: &Market<'_, E>,
        risk: &MarketRisk,
        pnl: &ScenarioPnl,
    ) -> Result<(), RiskError> {
        let shape = Shape::of(&market.scenarios);
        match self.shape {
            Some(known) if known != shape => {
                if known.witness.is_none() || shape.witness.is_none() {
                    return Err(RiskError::GroupMismatch);
                }
                self.is_mixed = true;
            }
            _ => self.shape = Some(shape),
        }
        let overflow = RiskError::Overflow(Field::Quote);
        let sums = self.losses.iter_mut().zip(&mut self.gains);
        for (((loss, gain), pnl), damping) in sums.zip(pnl).zip(market.scenarios.damping) {
            // a book of long options loses its mark at most, also where a scenario says more
            let lost = (*pnl).min(0).max(risk.scan.raw());
            *loss = loss.checked_add(lost).ok_or(overflow)?;
            let counted = counted_gain((*pnl).max(0), *damping);
            *gain = gain.checked_add(counted).ok_or(overflow)?;
        }
        self.plain = self.plain.checked_add(risk.scan)?;
        self.cushion = self.cushion.checked_add(risk.contingencies.cushion)?;
        // the largest factors of its markets, so that the healths stay in order
        self.scan_maintenance = self.scan_maintenance.max(market.params.scan_maintenance);
        self.scan_initial = self.scan_initial.max(market.params.scan_initial);
        Ok(())
    }

    /// The factors on the group's scan, maintenance and initial: the largest of its markets.
    pub fn factors(&self) -> [Ratio; 2] {
        [self.scan_maintenance, self.scan_initial]
    }

    /// What the arithmetic of its markets can be wrong by.
    pub fn cushion(&self) -> Quote {
        self.cushion
    }

    /// The group's scan.
    pub fn risk(&self, params: &GroupParams) -> Result<GroupRisk, RiskError> {
        params.validate()?;
        let kept = Ratio::from_raw(RATIO_ONE.saturating_sub(params.offset_cap.raw()));
        let mut risk = GroupRisk {
            scan: self.plain.mul_ratio_floor(kept)?,
            plain: self.plain,
            worst: GroupWorst::OffsetCap,
        };
        let count = match (self.is_mixed, self.shape) {
            (false, Some(shape)) => shape.count,
            _ => 0,
        };
        let nodes = self.losses.iter().zip(&self.gains).take(count);
        for (index, (loss, gain)) in (0u8..).zip(nodes) {
            let offset = Quote::from_raw(*gain).mul_ratio_floor(params.kappa)?;
            let sum = Quote::from_raw(*loss).checked_add(offset)?;
            if sum < risk.scan {
                risk.scan = sum;
                risk.worst = GroupWorst::Scenario(self.index_of(index));
            }
        }
        Ok(risk)
    }

    /// The index in the whole set of a node of this one.
    fn index_of(&self, index: u8) -> u8 {
        let Some(Shape {
            witness: Some(named),
            starts: [.., base],
            ..
        }) = self.shape
        else {
            return index;
        };
        match usize::from(index) == base {
            true => index,
            false => named,
        }
    }
}
