//! How an attempt at an account or a crank ended. To lose a race is not an error, and neither is an account that got well.

use std::fmt;

use portfolio_margin_client::{ClientError, TransactionFailure};
use portfolio_margin_interface::errors::ErrorCode;
use portfolio_margin_interface::Pubkey;
use solana_instruction::Instruction;

use crate::config::shown_dollars;
use crate::limits::OverLimit;

/// Anchor's error of an account that holds nothing: it was closed.
const ACCOUNT_NOT_INITIALIZED: u32 = 3012;
/// Anchor's error of an account that another program owns: it was closed, and somebody sent lamports there.
const ACCOUNT_OWNED_BY_WRONG_PROGRAM: u32 = 3007;

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The account is active and has its buffer back, or what it owed is covered: nothing is left to do.
    Repaired,
    /// A transaction landed, and more is to be done or to be waited for.
    Sent,
    /// Somebody else was first: it is in liquidation already or not any more, gone, settled, stored.
    Outcompeted,
    /// Nothing is wrong with the account at the prices of this moment.
    AlreadyHealthy,
    /// What it brings is less than what it costs and the least profit, all in 1e-6 USD.
    NotProfitable {
        /// What would be left.
        profit: i64,
        /// What is wanted.
        least: i64,
        /// Seconds until the auction pays that; none: it never will.
        wait: Option<i64>,
    },
    /// A limit of this keeper.
    OverLimit(OverLimit),
    /// The keeper's own account cannot carry it.
    CannotCarry(ErrorCode),
    /// Its time has not come.
    NotDue(ErrorCode),
    /// A price or a surface is not good enough at this moment.
    Unpriced(String),
    /// The cluster or the RPC failed for a moment, or an outcome is unknown: it is looked at again.
    Transient(String),
    /// The program refused for a reason that a keeper should not meet: report it.
    Refused(ErrorCode),
    /// Something else that a repetition will not mend.
    Failed(String),
    /// A dry run: this is what would have been sent.
    Planned,
}

impl Outcome {
    /// Its name in metrics and logs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Repaired => "repaired",
            Self::Sent => "sent",
            Self::Outcompeted => "outcompeted",
            Self::AlreadyHealthy => "already_healthy",
            Self::NotProfitable { .. } => "not_profitable",
            Self::OverLimit(_) => "over_limit",
            Self::CannotCarry(_) => "cannot_carry",
            Self::NotDue(_) => "not_due",
            Self::Unpriced(_) => "unpriced",
            Self::Transient(_) => "transient",
            Self::Refused(_) => "refused",
            Self::Failed(_) => "failed",
            Self::Planned => "planned",
        }
    }

    /// Whether an operator should look.
    pub const fn is_error(&self) -> bool {
        matches!(
            self,
            Self::Transient(_) | Self::Refused(_) | Self::Failed(_)
        )
    }

    /// Tells how an attempt at an account ended, as loudly as an operator wants to know.
    pub fn log(&self, account: &Pubkey) {
        let outcome = self.name();
        match self {
            Self::Repaired => tracing::info!(%account, outcome, "repaired"),
            Self::CannotCarry(_) | Self::OverLimit(_) => {
                tracing::warn!(%account, outcome, "{self}");
            }
            _ if self.is_error() => tracing::warn!(%account, outcome, "{self}"),
            _ => tracing::debug!(%account, outcome, "{self}"),
        }
    }

    /// What a failure of the client means.
    pub fn of(error: &ClientError) -> Self {
        if error.is_transient() {
            return Self::Transient(error.to_string());
        }
        match error {
            // what may still land, and a server that answers nonsense: another answer may make sense
            ClientError::Unknown { .. } | ClientError::Nonsense { .. } => {
                Self::Transient(error.to_string())
            }
            // of HTTP alone, as from a proxy in between: the server itself has not been heard
            ClientError::Rpc(failure) if failure.code.is_none() => {
                Self::Transient(error.to_string())
            }
            _ => match error.failure() {
                Some(failure) => Self::of_failure(failure),
                None => Self::Failed(error.to_string()),
            },
        }
    }

    fn of_failure(failure: &TransactionFailure) -> Self {
        match failure.number {
            Some(ACCOUNT_NOT_INITIALIZED | ACCOUNT_OWNED_BY_WRONG_PROGRAM) => {
                return Self::Outcompeted
            }
            // what landed in between made it dearer than its simulation
            _ if failure.landed.is_some() && is_out_of_compute(failure) => {
                return Self::Transient(failure.to_string())
            }
            _ if failure.name == "AccountNotFound" => {
                return Self::Failed("the paying wallet holds no lamports".to_owned())
            }
            _ => {}
        }
        match failure.own_number().and_then(ErrorCode::from_code) {
            // whoever mends an account between simulation and block makes the keeper pay: each time it comes back later
            Some(code) => match (Self::of_code(code), failure.landed) {
                (Self::AlreadyHealthy, Some(_)) => Self::Outcompeted,
                (outcome, _) => outcome,
            },
            None => Self::Failed(failure.to_string()),
        }
    }

    /// What a refusal of the program means to a keeper.
    pub fn of_code(code: ErrorCode) -> Self {
        use ErrorCode as E;
        match code {
            // somebody else was there
            E::AccountLiquidating
            | E::NotLiquidating
            | E::SliceBelowMinimum
            | E::PriceAboveLimit
            | E::InsolvencyUnproven
            | E::NotBankrupt
            | E::LossMarketMismatch
            | E::NothingToSettle
            | E::SettlementFinal
            | E::SampleRefused
            | E::OutageRefused
            | E::OracleOutdated
            | E::ZeroAmount => Self::Outcompeted,
            // one of the accounts holds something else than a moment ago
            E::MarketMismatch
            | E::BankMismatch
            | E::RemainingAccountMissing
            | E::UnexpectedAccount
            | E::WitnessLength => Self::Transient(code.to_string()),
            E::AccountHealthy | E::AccountSolvent | E::AccountInsolvent => Self::AlreadyHealthy,
            E::BufferMissing
            | E::HealthBelow
            | E::SettlementPending
            | E::NotExpired
            | E::PayoutRunning
            | E::ProfitShared => Self::NotDue(code),
            E::InitialMarginBreached
            | E::PortfolioMinimum
            | E::DebtLimit
            | E::PositionsFull
            | E::CollateralsFull
            | E::AccountCapExceeded
            | E::ScopeTooWide
            | E::GrossNotionalExceeded => Self::CannotCarry(code),
            E::OracleStale
            | E::OracleConfidenceTooWide
            | E::OracleFuture
            | E::OracleMalformed
            | E::OracleNonPositive
            | E::OracleNotTrading
            | E::OracleUnverified
            | E::OracleVolatile
            | E::OutageMissing
            | E::QuotePriceStale
            | E::SurfaceMissing
            | E::SurfaceStale => Self::Unpriced(code.to_string()),
            other => Self::Refused(other),
        }
    }
}

fn is_out_of_compute(failure: &TransactionFailure) -> bool {
    failure.is_out_of_compute() || failure.name == "ProgramFailedToComplete"
}

/// Whether it was in a block: the fee is paid.
pub fn is_paid(error: &ClientError) -> bool {
    error
        .failure()
        .is_some_and(|failure| failure.landed.is_some())
}

/// Whether a smaller part may be carried: it takes as many places as a larger one.
pub fn may_be_smaller(code: ErrorCode) -> bool {
    use ErrorCode as E;
    !matches!(
        code,
        E::PositionsFull | E::CollateralsFull | E::ScopeTooWide
    )
}

/// Whether fewer instructions may fit where these do not.
pub fn is_too_much(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::TooLarge { .. } | ClientError::Compute { .. }
    )
}

/// Whether only the last of several instructions failed: what comes before it is good without it. Indexes count the compute budget's
/// two instructions in front.
pub fn is_of_the_last(error: &ClientError, instructions: &[Instruction]) -> bool {
    let at = error.failure().and_then(|failure| failure.instruction);
    let Some(at) = at.filter(|_| instructions.len() > 1) else {
        return false;
    };
    usize::from(at) > instructions.len()
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotProfitable {
                profit,
                least,
                wait,
            } => {
                let (profit, least) = (shown_dollars(*profit), shown_dollars(*least));
                write!(f, "would leave {profit} USD, of at least {least}")?;
                match wait {
                    Some(seconds) => write!(f, "; enough in {seconds} s"),
                    None => f.write_str("; the auction will not pay that"),
                }
            }
            Self::OverLimit(limit) => limit.fmt(f),
            Self::CannotCarry(code) => {
                write!(f, "the keeper's margin account cannot carry it: {code}")
            }
            Self::NotDue(code) => write!(f, "not yet: {code}"),
            Self::Unpriced(text) | Self::Transient(text) | Self::Failed(text) => f.write_str(text),
            Self::Refused(code) => write!(f, "refused: {code}"),
            _ => f.write_str(self.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portfolio_margin_interface::ID;

    fn failure(number: Option<u32>, program: Option<Pubkey>) -> TransactionFailure {
        TransactionFailure {
            landed: None,
            name: "Custom".into(),
            instruction: Some(2),
            number,
            program,
            values: None,
            units: 0,
            logs: vec![],
        }
    }

    fn refused(failure: TransactionFailure) -> Outcome {
        Outcome::of(&ClientError::Refused(Box::new(failure)))
    }

    #[test]
    fn lost_races_and_recoveries_are_no_errors() {
        for code in [ErrorCode::AccountLiquidating, ErrorCode::NotLiquidating] {
            assert_eq!(
                refused(failure(Some(code.code()), Some(ID))),
                Outcome::Outcompeted
            );
        }
        for number in [3012, 3007] {
            assert_eq!(
                refused(failure(Some(number), Some(ID))),
                Outcome::Outcompeted
            );
        }
        let healthy = Outcome::of_code(ErrorCode::AccountHealthy);
        assert_eq!(healthy, Outcome::AlreadyHealthy);
        let not_profitable = Outcome::NotProfitable {
            profit: -1,
            least: 1_000_000,
            wait: Some(40),
        };
        let text = not_profitable.to_string();
        assert_eq!(
            text,
            "would leave -0.000001 USD, of at least 1.000000; enough in 40 s"
        );
        for outcome in [
            Outcome::Outcompeted,
            healthy,
            not_profitable,
            Outcome::Repaired,
        ] {
            assert!(!outcome.is_error());
        }
    }

    #[test]
    fn every_code_of_the_program_means_something() {
        for code in ErrorCode::ALL {
            match Outcome::of_code(*code) {
                Outcome::Refused(same) | Outcome::CannotCarry(same) | Outcome::NotDue(same) => {
                    assert_eq!(same, *code)
                }
                Outcome::Outcompeted
                | Outcome::AlreadyHealthy
                | Outcome::Unpriced(_)
                | Outcome::Transient(_) => {}
                other => panic!("{code}: {other:?}"),
            }
        }
        let carry = Outcome::of_code(ErrorCode::InitialMarginBreached);
        assert_eq!(
            carry,
            Outcome::CannotCarry(ErrorCode::InitialMarginBreached)
        );
        let late = Outcome::of_code(ErrorCode::BufferMissing);
        assert_eq!(late, Outcome::NotDue(ErrorCode::BufferMissing));
        let stale = Outcome::of_code(ErrorCode::OracleStale);
        assert!(matches!(stale, Outcome::Unpriced(_)));
    }

    #[test]
    fn what_may_have_happened_is_transient_and_a_foreign_number_is_nobodys_code() {
        let expired = ClientError::Expired {
            signature: Default::default(),
            attempts: 3,
        };
        assert!(matches!(Outcome::of(&expired), Outcome::Transient(_)));
        let unknown = ClientError::Unknown {
            signature: Default::default(),
            seconds: 150,
            last: "no status".into(),
        };
        assert!(matches!(Outcome::of(&unknown), Outcome::Transient(_)));
        let nonsense = ClientError::Nonsense {
            method: "getSlot",
            server: "http://127.0.0.1".into(),
            what: "no number".into(),
        };
        assert!(matches!(Outcome::of(&nonsense), Outcome::Transient(_)));
        let moment = TransactionFailure {
            name: "BlockhashNotFound".into(),
            ..failure(None, None)
        };
        assert!(matches!(refused(moment), Outcome::Transient(_)));
        let code = ErrorCode::AccountLiquidating.code();
        let landed = TransactionFailure {
            name: "ProgramFailedToComplete".into(),
            landed: Some((Default::default(), 7)),
            ..failure(None, None)
        };
        assert!(matches!(refused(landed.clone()), Outcome::Transient(_)));
        let simulated = TransactionFailure {
            landed: None,
            ..landed
        };
        assert!(matches!(refused(simulated), Outcome::Failed(_)));
        let foreign = refused(failure(Some(code), Some(Pubkey::from([9; 32]))));
        assert!(matches!(foreign, Outcome::Failed(_)), "{foreign:?}");
        assert!(foreign.is_error());
        let poor = TransactionFailure {
            name: "AccountNotFound".into(),
            ..failure(None, None)
        };
        assert!(refused(poor).to_string().contains("lamports"));
    }

    #[test]
    fn only_what_was_in_a_block_is_paid_and_only_size_is_made_smaller() {
        let simulated = failure(Some(ErrorCode::AccountHealthy.code()), Some(ID));
        let landed = TransactionFailure {
            landed: Some((Default::default(), 7)),
            ..simulated.clone()
        };
        assert!(!is_paid(&ClientError::Refused(Box::new(simulated))));
        assert!(is_paid(&ClientError::Refused(Box::new(landed))));
        assert!(!is_paid(&ClientError::Expired {
            signature: Default::default(),
            attempts: 1
        }));
        assert!(may_be_smaller(ErrorCode::InitialMarginBreached));
        assert!(!may_be_smaller(ErrorCode::PositionsFull));
    }

    #[test]
    fn a_race_that_cost_a_fee_is_lost_and_a_proxy_that_refuses_is_of_the_moment() {
        let code = Some(ErrorCode::AccountHealthy.code());
        let simulated = failure(code, Some(ID));
        assert_eq!(refused(simulated.clone()), Outcome::AlreadyHealthy);
        let landed = TransactionFailure {
            landed: Some((Default::default(), 7)),
            ..simulated
        };
        assert_eq!(refused(landed), Outcome::Outcompeted);
        let answer = |status, code| {
            Outcome::of(&ClientError::Rpc(portfolio_margin_client::RpcFailure {
                method: "simulateTransaction",
                server: "http://127.0.0.1".into(),
                status,
                code,
                message: String::new(),
                refusal: None,
            }))
        };
        for status in [200, 302, 307, 400, 401, 403, 404, 413, 429, 503] {
            let outcome = answer(Some(status), None);
            assert!(matches!(outcome, Outcome::Transient(_)), "{status}");
            // the server itself says that the request is wrong
            let outcome = answer(Some(status), Some(-32_602));
            assert!(matches!(outcome, Outcome::Failed(_)), "{status}");
        }
        assert!(matches!(answer(None, Some(-32_602)), Outcome::Failed(_)));
    }
}
