//! What a keeper never exceeds: lamports per hour, lamports per transaction, the age of what it decides on, accounts at a time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use portfolio_margin_interface::Pubkey;

/// Length of the window of the fee limit.
pub const WINDOW: Duration = Duration::from_secs(3_600);

/// Why something was not done: a limit, with what was wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverLimit {
    /// The transaction alone costs too much.
    #[error("a transaction would cost {fee} lamports of at most {most} (limits.fees_per_transaction_lamports)")]
    Transaction {
        /// Lamports.
        fee: u64,
        /// The limit.
        most: u64,
    },
    /// The hour's fees are spent.
    #[error(
        "{spent} lamports went to fees within the hour; {fee} more would exceed {most} (limits.fees_per_hour_lamports)"
    )]
    Hour {
        /// Lamports of the transaction.
        fee: u64,
        /// Lamports of the hour before.
        spent: u64,
        /// The limit.
        most: u64,
    },
    /// What may be spent within the hour on steps that earn nothing is spent.
    #[error(
        "{spent} lamports went within the hour to steps that earn nothing; {fee} more would exceed {most}, half of limits.fees_per_hour_lamports"
    )]
    Unpaid {
        /// Lamports of the transaction.
        fee: u64,
        /// Lamports of such steps in the hour before.
        spent: u64,
        /// Half of the hour's limit.
        most: u64,
    },
    /// The keeper's capital is in use.
    #[error("the bid would bind {capital} of at most {most} (1e-6 USD; limits.most_capital_usd)")]
    Capital {
        /// Initial margin that the keeper's account would require, 1e-6 USD.
        capital: i64,
        /// The limit.
        most: i64,
    },
    /// The keeper's account cannot carry even the least slice.
    #[error("the keeper's margin account lacks {missing} of initial health for the least slice (1e-6 USD): deposit collateral")]
    Margin {
        /// What it lacks, 1e-6 USD.
        missing: i64,
    },
    /// What is known is too old.
    #[error("the newest data is {slots} slots old, of at most {most} (limits.oldest_slots)")]
    Age {
        /// Slots.
        slots: u64,
        /// The limit.
        most: u64,
    },
}

/// What a fee is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A bid, which was found to pay after its fee.
    Earns,
    /// Anything else: a start or a stop alone, a proof, a crank. Whoever lets accounts fail by dust and cures them again has keepers pay for these
    /// without end, so they never use up what bids need.
    Serves,
}

/// Lamports that went to fees within the last hour, and what may: half of the hour's to steps that earn nothing.
#[derive(Debug)]
pub struct FeeBudget {
    per_transaction: u64,
    per_hour: u64,
    spent: VecDeque<(Instant, u64, Step)>,
}

impl FeeBudget {
    /// Nothing spent yet.
    pub fn new(per_transaction: u64, per_hour: u64) -> Self {
        Self {
            per_transaction,
            per_hour,
            spent: VecDeque::new(),
        }
    }

    /// Lamports of the hour before.
    pub fn spent_at(&mut self, now: Instant) -> u64 {
        while let Some((at, ..)) = self.spent.front() {
            if now.saturating_duration_since(*at) < WINDOW {
                break;
            }
            self.spent.pop_front();
        }
        self.sum(|_| true)
    }

    fn sum(&self, is_counted: impl Fn(Step) -> bool) -> u64 {
        let counted = self.spent.iter().filter(|(.., step)| is_counted(*step));
        counted.fold(0, |sum, (_, fee, _)| sum.saturating_add(*fee))
    }

    /// Sets a fee aside, before the transaction is sent; what is not spent after all is given back.
    ///
    /// Errors: [`OverLimit::Transaction`], [`OverLimit::Hour`], [`OverLimit::Unpaid`].
    pub fn reserve(&mut self, fee: u64, step: Step, now: Instant) -> Result<(), OverLimit> {
        if fee > self.per_transaction {
            return Err(OverLimit::Transaction {
                fee,
                most: self.per_transaction,
            });
        }
        let spent = self.spent_at(now);
        if spent.saturating_add(fee) > self.per_hour {
            return Err(OverLimit::Hour {
                fee,
                spent,
                most: self.per_hour,
            });
        }
        let unpaid = self.sum(|step| step == Step::Serves);
        let most = self.per_hour / 2;
        if step == Step::Serves && unpaid.saturating_add(fee) > most {
            let spent = unpaid;
            return Err(OverLimit::Unpaid { fee, spent, most });
        }
        self.spent.push_back((now, fee, step));
        Ok(())
    }

    /// Gives back what a transaction that never reached a block did not cost.
    pub fn give_back(&mut self, fee: u64, step: Step) {
        let mut latest = self.spent.iter();
        let at = latest.rposition(|(_, spent, what)| (*spent, *what) == (fee, step));
        if let Some(at) = at {
            self.spent.remove(at);
        }
    }
}

/// Accounts that somebody in this process works on. Cheap to clone: clones share the set.
#[derive(Clone, Debug, Default)]
pub struct InFlight(Arc<Mutex<BTreeSet<Pubkey>>>);

/// A right to work on one account; ends with its drop.
#[derive(Debug)]
pub struct Claim {
    set: InFlight,
    account: Pubkey,
}

impl InFlight {
    /// Claims an account; `None` while another claim on it lives.
    pub fn claim(&self, account: Pubkey) -> Option<Claim> {
        let mut set = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        set.insert(account).then(|| Claim {
            set: self.clone(),
            account,
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut set = self.set.0.lock().unwrap_or_else(PoisonError::into_inner);
        set.remove(&self.account);
    }
}

/// Longest that an account is left alone, however often it failed.
pub const LONGEST: Duration = Duration::from_secs(60);
/// Least time for which an account is left alone that made the keeper pay for nothing.
const AFTER_FEE: Duration = Duration::from_secs(2);
/// How long the failures of an account are remembered after its time has come.
const REMEMBERED: Duration = Duration::from_secs(300);

/// Accounts that are left alone until a moment: a discount that is too small yet, an account that another keeper has. Failures in a
/// row make the time longer, so that accounts which cannot be repaired neither starve others nor spend the fees of the hour.
///
/// Failures that were paid for are a row of their own, which ends with time alone: whoever is at the edge of health can be well again
/// in every block that a keeper pays for, and well each time it looks.
#[derive(Debug, Default)]
pub struct Waiting {
    rests: BTreeMap<Pubkey, Rest>,
    paid: BTreeMap<Pubkey, Rest>,
}

#[derive(Clone, Copy, Debug)]
struct Rest {
    until: Instant,
    /// In a row.
    failures: u32,
}

/// One more failure of an account: a time that doubles with each in a row, up to [`LONGEST`] or the time itself.
fn failed(rests: &mut BTreeMap<Pubkey, Rest>, account: Pubkey, time: Duration, now: Instant) {
    rests.retain(|_, rest| now < rest.until + REMEMBERED);
    let failures = rests.get(&account).map_or(0, |rest| rest.failures);
    let time = time
        .saturating_mul(1 << failures.min(10))
        .min(LONGEST.max(time));
    let rest = Rest {
        until: now + time,
        failures: failures.saturating_add(1),
    };
    rests.insert(account, rest);
}

impl Waiting {
    /// Leaves an account alone for a time; its failures in a row are over.
    pub fn put_off(&mut self, account: Pubkey, time: Duration, now: Instant) {
        let until = now + time;
        self.rests.insert(account, Rest { until, failures: 0 });
    }

    /// Leaves an account alone after a failure: for a time that doubles with each in a row, up to [`LONGEST`] or the time itself.
    pub fn put_off_failed(&mut self, account: Pubkey, time: Duration, now: Instant) {
        failed(&mut self.rests, account, time, now);
    }

    /// Leaves an account alone after a transaction that was paid for and did nothing, for a time that doubles with each within
    /// minutes, whatever else is seen of the account meanwhile.
    pub fn put_off_paid(&mut self, account: Pubkey, now: Instant) {
        failed(&mut self.paid, account, AFTER_FEE, now);
    }

    /// Whether an account's time has come.
    pub fn is_due(&self, account: &Pubkey, now: Instant) -> bool {
        let rests = [self.rests.get(account), self.paid.get(account)];
        rests.into_iter().flatten().all(|rest| now >= rest.until)
    }

    /// How many wait at a time.
    pub fn count(&self, now: Instant) -> usize {
        let all = self.rests.iter().chain(&self.paid);
        let waiting = all.filter(|(_, rest)| now < rest.until);
        waiting.map(|(key, _)| key).collect::<BTreeSet<_>>().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_are_limited_by_transaction_and_by_hour_on_both_sides() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut budget = FeeBudget::new(100, 250);
        let bid = Step::Earns;
        assert_eq!(budget.reserve(100, bid, at(0)), Ok(()));
        assert_eq!(
            budget.reserve(101, bid, at(0)),
            Err(OverLimit::Transaction {
                fee: 101,
                most: 100
            })
        );
        assert_eq!(budget.reserve(100, bid, at(10)), Ok(()));
        let error = budget.reserve(51, bid, at(20));
        let (fee, spent, most) = (51, 200, 250);
        assert_eq!(error, Err(OverLimit::Hour { fee, spent, most }));
        assert_eq!(budget.reserve(50, bid, at(20)), Ok(()));
        assert_eq!(budget.spent_at(at(3_599)), 250);
        assert_eq!(budget.spent_at(at(3_600)), 150);
        assert_eq!(budget.reserve(100, bid, at(3_600)), Ok(()));
        budget.give_back(100, Step::Serves);
        assert_eq!(budget.spent_at(at(3_600)), 250, "nothing of that kind");
        budget.give_back(100, bid);
        assert_eq!(budget.spent_at(at(3_600)), 150);
        budget.give_back(99, bid);
        assert_eq!(budget.spent_at(at(3_600)), 150);
        assert!(budget.reserve(u64::MAX, bid, at(0)).is_err());
    }

    #[test]
    fn steps_that_earn_nothing_leave_half_of_the_hour_to_bids() {
        let start = Instant::now();
        let mut budget = FeeBudget::new(100, 401);
        let (bid, crank) = (Step::Earns, Step::Serves);
        assert_eq!(budget.reserve(100, crank, start), Ok(()));
        assert_eq!(budget.reserve(100, crank, start), Ok(()));
        let (fee, spent, most) = (1, 200, 200);
        let refused = Err(OverLimit::Unpaid { fee, spent, most });
        assert_eq!(budget.reserve(1, crank, start), refused);
        // bids have all the rest, and may use the half of the others as well
        assert_eq!(budget.reserve(100, bid, start), Ok(()));
        assert_eq!(budget.reserve(100, bid, start), Ok(()));
        assert!(budget.reserve(2, bid, start).is_err());
        assert_eq!(budget.reserve(1, crank, start), refused);
        budget.give_back(100, crank);
        assert_eq!(budget.reserve(100, crank, start), Ok(()));
        assert_eq!(budget.reserve(100, crank, start + WINDOW), Ok(()));
    }

    #[test]
    fn an_account_is_claimed_once_until_the_claim_ends() {
        let flights = InFlight::default();
        let (one, other) = (Pubkey::from([1; 32]), Pubkey::from([2; 32]));
        let claim = flights.claim(one);
        assert!(claim.is_some() && flights.clone().claim(one).is_none());
        assert!(flights.claim(other).is_some()); // and dropped at once
        assert_eq!(flights.len(), 1);
        drop(claim);
        assert!(flights.is_empty() && flights.claim(one).is_some());
    }

    #[test]
    fn an_account_waits_until_its_time_and_no_longer() {
        let (mut waiting, start) = (Waiting::default(), Instant::now());
        let (one, other) = (Pubkey::from([1; 32]), Pubkey::from([2; 32]));
        waiting.put_off(one, Duration::from_secs(5), start);
        assert!(waiting.is_due(&other, start));
        assert!(!waiting.is_due(&one, start + Duration::from_millis(4_999)));
        assert_eq!(waiting.count(start), 1);
        assert!(waiting.is_due(&one, start + Duration::from_secs(5)));
        assert_eq!(waiting.count(start + Duration::from_secs(5)), 0);
    }

    #[test]
    fn failures_in_a_row_double_the_wait_and_anything_else_ends_the_row() {
        let (mut waiting, start) = (Waiting::default(), Instant::now());
        let (one, second) = (Pubkey::from([1; 32]), Duration::from_secs(1));
        let mut now = start;
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            waiting.put_off_failed(one, second, now);
            let end = now + Duration::from_secs(seconds);
            assert!(
                !waiting.is_due(&one, end - Duration::from_millis(1)),
                "{seconds}"
            );
            assert!(waiting.is_due(&one, end));
            now = end;
        }
        waiting.put_off(one, second, now);
        waiting.put_off_failed(one, second, now + second);
        assert!(waiting.is_due(&one, now + second * 2));
        // and a failure of long ago is forgotten
        waiting.put_off_failed(one, second, now + Duration::from_secs(1_000));
        assert!(waiting.is_due(&one, now + Duration::from_secs(1_001)));
    }

    #[test]
    fn who_makes_a_keeper_pay_waits_longer_each_time_though_it_looks_well_in_between() {
        let (mut waiting, mut now) = (Waiting::default(), Instant::now());
        let (one, instant) = (Pubkey::from([1; 32]), Duration::from_millis(1));
        let start = now;
        for seconds in [2, 4, 8, 16, 32, 60, 60] {
            waiting.put_off_paid(one, now);
            // it is healthy at the next look
            waiting.put_off(one, Duration::from_secs(1), now);
            assert_eq!(waiting.count(now), 1);
            let end = now + Duration::from_secs(seconds);
            assert!(!waiting.is_due(&one, end - instant), "{seconds}");
            assert!(waiting.is_due(&one, end));
            assert!(waiting.is_due(&Pubkey::from([2; 32]), now));
            now = end;
        }
        assert_eq!(now - start, Duration::from_secs(182), "seven fees");
        // remembered for five minutes after the last wait, and no longer
        waiting.put_off_paid(one, now + REMEMBERED - instant);
        assert!(!waiting.is_due(&one, now + REMEMBERED + Duration::from_secs(59)));
        now += REMEMBERED - instant + Duration::from_secs(60) + REMEMBERED;
        waiting.put_off_paid(one, now);
        assert!(waiting.is_due(&one, now + Duration::from_secs(2)));
    }
}
