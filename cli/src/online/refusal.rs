//! The client's errors as `pm` tells them: the program's name and numbers, what to do, and the exit code.

use portfolio_margin_client::{ClientError, TransactionFailure};
use portfolio_margin_interface::errors::ErrorCode;

use super::failure::{Failure, Kind};

/// Any error of the client.
pub fn of_client(error: ClientError) -> Failure {
    if let Some(failure) = error.failure() {
        return of_transaction(failure);
    }
    let kind = match &error {
        ClientError::Missing(_)
        | ClientError::NotAnAccount { .. }
        | ClientError::Unlisted { .. } => Kind::NotFound,
        ClientError::Unknown { .. } => Kind::Unknown,
        ClientError::Signature { .. } => Kind::Withheld,
        ClientError::Compute { .. }
        | ClientError::TooLarge { .. }
        | ClientError::Compile(_)
        | ClientError::Evaluation { .. } => Kind::Refused,
        ClientError::Invalid(_) => Kind::Usage,
        _ => Kind::Network,
    };
    Failure::new(kind, error.to_string())
}

/// A transaction that was refused: what the program calls it, the numbers that it compared, and what to do.
pub fn of_transaction(failure: &TransactionFailure) -> Failure {
    let code = failure.own_number().and_then(ErrorCode::from_code);
    let mut text = match (code, owed(failure)) {
        (Some(code), _) => code.to_string(),
        (None, Some(text)) => text.to_owned(),
        (None, None) => failure.to_string(),
    };
    if let (Some(_), Some((left, right))) = (code, &failure.values) {
        let [left, right] =
            [left, right].map(|value| code.map_or(value.clone(), |code| readable(code, value)));
        text.push_str(&format!(" ({left} against {right})"));
    }
    if let Some(advice) = code.and_then(advice) {
        text.push_str(&format!("\n{advice}"));
    }
    match &failure.landed {
        Some((signature, slot)) => text.push_str(&format!(
            "\nlanded and failed: {signature} in slot {slot}; its fee was paid"
        )),
        None => text.push_str("\nfound in the simulation: nothing was sent"),
    }
    // Anchor's constraints on signers and the token program's on owners: not this key's to do
    let is_foreign = matches!(
        code,
        Some(ErrorCode::NotOwner | ErrorCode::Unauthorized | ErrorCode::NotGovernor)
    );
    let kind = if is_foreign {
        Kind::Withheld
    } else {
        Kind::Refused
    };
    Failure::new(kind, text)
}

/// What the runtime calls it where a wallet has no lamports.
fn owed(failure: &TransactionFailure) -> Option<&'static str> {
    match failure.name.as_str() {
        "AccountNotFound" => {
            Some("the key's wallet does not exist there: it needs lamports for fees and rent")
        }
        "InsufficientFundsForFee" | "InsufficientFundsForRent" => Some(
            "the key's wallet has too few lamports for the fee or for the rent of what it opens",
        ),
        _ => None,
    }
}

/// A number that the program compared, in USD where it is an amount in 1e-6 USD.
fn readable(code: ErrorCode, value: &str) -> String {
    let is_amount = matches!(
        code,
        ErrorCode::InitialMarginBreached
            | ErrorCode::HealthBelow
            | ErrorCode::PortfolioMinimum
            | ErrorCode::DebtLimit
            | ErrorCode::GrossNotionalExceeded
    );
    match value.parse::<i64>() {
        Ok(raw) if is_amount => format!("{} USD", super::amount::money(raw)),
        _ => value.to_owned(),
    }
}

/// What to do about a refusal that people meet; others speak for themselves.
fn advice(code: ErrorCode) -> Option<&'static str> {
    Some(match code {
        ErrorCode::InitialMarginBreached => "deposit more, trade less, or try legs with --dry-run; `pm margin --account` shows what sets the margin",
        ErrorCode::RiskNotReduced => "the account may only reduce its risk now; `pm margin --account` says why",
        ErrorCode::BalanceInsufficient => "`pm account show` has the balances",
        ErrorCode::QuotePriceStale => "store the quote asset's price first: pm crank quote-price",
        ErrorCode::OracleStale | ErrorCode::OracleOutdated => "the feed's last price is too old; wait for the next",
        ErrorCode::SurfaceStale | ErrorCode::SurfaceMissing => "the volatility surface is too old to open on; positions can be reduced",
        ErrorCode::PriceBand => "the price is too far from the mark; `pm markets` shows the price",
        ErrorCode::AccountLiquidating => "the account is in liquidation: deposit, or reduce what it holds",
        ErrorCode::PositionsFull => "make room: pm account grow --capacity N",
        ErrorCode::AccountNotEmpty => "withdraw and close what it holds first; a perpetual that was closed keeps its profit or loss until: pm crank perp-pnl MARKET",
        ErrorCode::AccountTooYoung => "an account cannot be closed in the slot in which it was opened; repeat",
        ErrorCode::QuotesMismatch | ErrorCode::QuoteSession => "the maker's nonces are another session's; have it sign again",
        ErrorCode::QuoteUsed => "the quote is filled, cancelled or replaced; ask for another",
        ErrorCode::QuoteExpired => "ask for another quote",
        ErrorCode::WithdrawalLimit => "too much left the bank lately; repeat later, or withdraw less",
        ErrorCode::WithdrawalsPaused => "proven insolvency exceeds the insurance fund; withdrawals wait until it is covered",
        ErrorCode::PortfolioMinimum => "the Portfolio tier needs more equity; `pm account tier standard` needs none",
        ErrorCode::ScopeTooWide => "the account would hold more than one bid could take over; use another sub-account",
        _ => return None,
    })
}

/// Whether the house has to be writable in it.
pub fn wants_house(error: &ClientError) -> bool {
    let number = error.failure().and_then(TransactionFailure::own_number);
    number == Some(ErrorCode::ClearinghouseReadOnly.code())
}

#[cfg(test)]
mod tests {
    use super::*;
    use portfolio_margin_interface::ID;

    fn refused(number: u32, lines: &[&str]) -> Failure {
        let error = serde_json::json!({"InstructionError": [2, {"Custom": number}]});
        let mut logs: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        logs.push(format!(
            "Program {ID} failed: custom program error: {number:#x}"
        ));
        of_transaction(&TransactionFailure::read(&error, logs, 5))
    }

    #[test]
    fn a_refusal_has_the_programs_name_numbers_and_advice() {
        let lines = ["Program log: Left: -1005", "Program log: Right: 0"];
        let failure = refused(ErrorCode::InitialMarginBreached.code(), &lines);
        let text = failure.to_string();
        for part in [
            "InitialMarginBreached",
            "(-0.001005 USD against 0.00 USD)",
            "deposit more",
            "nothing was sent",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(failure.code(), 1);
        assert_eq!(refused(ErrorCode::NotOwner.code(), &[]).code(), 6);
        assert_eq!(refused(99, &[]).code(), 1);
    }

    #[test]
    fn the_exit_code_tells_who_is_to_act() {
        let key = portfolio_margin_interface::Pubkey::default();
        let codes = [
            (ClientError::Missing(key), 4),
            (ClientError::Invalid("x".to_owned()), 2),
            (
                ClientError::Signature {
                    key,
                    why: "x".to_owned(),
                },
                6,
            ),
            (
                ClientError::Unknown {
                    signature: Default::default(),
                    seconds: 1,
                    last: "x".to_owned(),
                },
                5,
            ),
            (
                ClientError::Expired {
                    signature: Default::default(),
                    attempts: 3,
                },
                3,
            ),
            (
                ClientError::Torn {
                    oldest: 1,
                    newest: 2,
                    attempts: 4,
                },
                3,
            ),
        ];
        for (error, code) in codes {
            assert_eq!(of_client(error.clone()).code(), code, "{error}");
        }
    }
}
