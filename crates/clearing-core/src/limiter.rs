//! How much may leave a vault in a window, and how a new bank's weight grows.
//!
//! The limiter is a bucket that runs dry at a constant pace: what left counts in full at first and drains at `limit` per window.
//! The pace is the bank's, not a share of what is in the bucket, so nobody can keep a bucket full by touching it: a look drains less than a
//! unit less than it should, and in the worst case, less than a unit a second, a full bucket is empty after two windows.
//!
//! Deposits count against what left, also below zero. Somebody who pays in and takes out the same leaves the bucket as it was;
//! were deposits not counted, or only down to zero, a flash loan paid in and taken out would fill it at no cost and hold everybody else up.
//! The price is that others' deposits of the last window widen what a thief can take: he gets `limit` and what others brought, never
//! more than `limit` of what was there before. His own deposits buy him nothing but themselves.

/// 1.0 of a weight.
const ONE: u64 = 1_000_000;

/// What left a vault in net and still counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outflow {
    /// Native units; negative after deposits.
    pub net: i64,
    /// When it was measured, Unix time.
    pub at: i64,
}

impl Outflow {
    /// What counts at a time: drained towards zero by `limit` native units per `window` seconds, rounded down.
    ///
    /// The time counts as used only as far as it drained whole units, so that looking every second stops no bucket. A window of
    /// zero counts as one second.
    #[must_use]
    pub fn at(self, limit: u64, window: u32, now: i64) -> Self {
        if self.net == 0 || limit == 0 || now <= self.at {
            let at = if self.net == 0 {
                self.at.max(now)
            } else {
                self.at
            };
            return Self { at, ..self };
        }
        let (limit, window) = (u128::from(limit), u128::from(window.max(1)));
        let passed = u128::from(now.abs_diff(self.at));
        // 64 + 64 bits; the window is not zero
        let drained = limit
            .saturating_mul(passed)
            .checked_div(window)
            .unwrap_or(0);
        let held = self.net.unsigned_abs();
        if drained >= held.into() {
            return Self { net: 0, at: now };
        }
        // below `held`, so it fits; the limit is not zero
        let drained = u64::try_from(drained).unwrap_or(held);
        let used = u128::from(drained).saturating_mul(window).div_ceil(limit);
        let rest = i64::try_from(held.saturating_sub(drained)).unwrap_or(i64::MAX);
        Self {
            net: match self.net < 0 {
                true => rest.saturating_neg(),
                false => rest,
            },
            at: self
                .at
                .saturating_add_unsigned(u64::try_from(used).unwrap_or(0)),
        }
    }

    /// With native units that left; saturates, so that nothing but the limit refuses.
    #[must_use]
    pub fn plus(self, amount: u64) -> Self {
        Self {
            net: self.net.saturating_add_unsigned(amount),
            ..self
        }
    }

    /// With native units that came in; saturates.
    #[must_use]
    pub fn minus(self, amount: u64) -> Self {
        Self {
            net: self.net.saturating_sub_unsigned(amount),
            ..self
        }
    }

    /// Whether no more than `limit` left in net.
    pub fn is_within(self, limit: u64) -> bool {
        u64::try_from(self.net).map_or(true, |net| net <= limit)
    }
}

/// Share of a bank's weight that counts, 1e-6, rounded down: from zero at `listed_at` to whole `seconds` later.
pub fn ramp_floor(listed_at: i64, seconds: u32, now: i64) -> u32 {
    let passed = u64::try_from(now.saturating_sub(listed_at)).unwrap_or(0);
    let share = passed
        .saturating_mul(ONE)
        .checked_div(seconds.into())
        .unwrap_or(ONE);
    u32::try_from(share.min(ONE)).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    const EMPTY: Outflow = Outflow { net: 0, at: 1_000 };

    #[test]
    fn a_full_bucket_is_empty_after_one_window_and_half_after_half() {
        let full = EMPTY.plus(1_000);
        for (now, net) in [
            (0, 1_000),
            (1_000, 1_000),
            (1_030, 950),
            (1_300, 500),
            (1_599, 2), // 998.33 drained
            (1_600, 0),
            (i64::MAX, 0),
        ] {
            assert_eq!(full.at(1_000, 600, now).net, net, "{now}");
        }
        // and so is credit, from below
        let credit = EMPTY.minus(1_000);
        assert_eq!(credit.at(1_000, 600, 1_300).net, -500);
        assert_eq!(credit.at(1_000, 600, 1_600).net, 0);
    }

    #[test]
    fn looking_often_stops_no_bucket() {
        for (limit, window) in [
            (1, 3_600),
            (7, 60),
            (119, 60),
            (1_000, 600),
            (1_000_000_007, 86_399),
        ] {
            let full = EMPTY.plus(limit);
            let mut often = full;
            for second in 1..=2 * i64::from(window) {
                often = often.at(limit, window, 1_000 + second);
                let once = full.at(limit, window, 1_000 + second);
                let apart = often.net - once.net;
                assert!((0..=second).contains(&apart), "{limit} {window}: {apart}");
            }
            assert_eq!(often.net, 0, "{limit} {window}");
        }
    }

    #[test]
    fn in_and_out_leaves_the_bucket_as_it_was() {
        for start in [EMPTY.plus(400), EMPTY.minus(400), EMPTY] {
            let around = start.minus(1 << 40).plus(1 << 40);
            assert_eq!(around, start);
        }
    }

    #[test]
    fn the_limit_itself_is_within() {
        assert!(EMPTY.plus(100).is_within(100));
        assert!(!EMPTY.plus(101).is_within(100));
        assert!(EMPTY.minus(1).is_within(0));
        let deep = EMPTY.minus(u64::MAX).minus(u64::MAX);
        assert_eq!(deep.net, i64::MIN);
        assert_eq!(EMPTY.plus(u64::MAX).plus(u64::MAX).net, i64::MAX);
        assert_eq!(deep.at(u64::MAX, 1, i64::MAX).net, 0);
        assert_eq!(deep.at(1, u32::MAX, 1_001).net, i64::MIN + 1); // at least: never more than it drains
    }

    #[test]
    fn a_weight_grows_from_nothing_to_whole() {
        for (now, share) in [
            (i64::MIN, 0),
            (1_000, 0),
            (1_001, 1_666),
            (1_300, 500_000),
            (1_599, 998_333),
            (1_600, 1_000_000),
            (i64::MAX, 1_000_000),
        ] {
            assert_eq!(ramp_floor(1_000, 600, now), share, "{now}");
        }
        assert_eq!(ramp_floor(1_000, 0, 0), 1_000_000, "without a ramp");
    }
}
