//! Why a transaction failed: what the runtime says, and what the logs say of the program that refused.

use std::fmt;
use std::str::FromStr;

use portfolio_margin_interface::errors::ErrorCode;
use portfolio_margin_interface::{Pubkey, ID};
use serde_json::Value;
use solana_signature::Signature;

/// A transaction that the runtime or a program refused, in simulation or in a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionFailure {
    /// Signature and slot, where the failure is in a block and its fee was paid; `None`: simulated, nothing happened.
    pub landed: Option<(Signature, u64)>,
    /// What the runtime calls it: `Custom`, `ComputationalBudgetExceeded`, `BlockhashNotFound` and the like.
    pub name: String,
    /// The instruction that failed, as the runtime counts: compute budget instructions come first.
    pub instruction: Option<u8>,
    /// The number of a program's own error.
    pub number: Option<u32>,
    /// The innermost program that failed, from the logs.
    pub program: Option<Pubkey>,
    /// What the program compared, as Anchor logs it: left, right. For `InitialMarginBreached` and the like: what there is and what is
    /// needed.
    pub values: Option<(String, String)>,
    /// Compute units until the failure.
    pub units: u64,
    /// The whole log, untrusted text.
    pub logs: Vec<String>,
}

impl TransactionFailure {
    /// Reads the runtime's error, as JSON-RPC states it, and the logs.
    pub fn read(error: &Value, logs: Vec<String>, units: u64) -> Self {
        let (name, instruction, number) = read_error(error);
        let program = logs.iter().find_map(|line| {
            let rest = line.strip_prefix("Program ")?;
            let (key, _) = rest.split_once(" failed")?;
            Pubkey::from_str(key).ok()
        });
        Self {
            landed: None,
            name,
            instruction,
            number,
            program,
            values: compared(&logs),
            units,
            logs,
        }
    }

    /// Whether the limit of compute units or of the heap was what stopped it.
    pub fn is_out_of_compute(&self) -> bool {
        let of_budget = [
            "ComputationalBudgetExceeded",
            "WouldExceedMaxBlockCostLimit",
        ];
        of_budget.contains(&self.name.as_str())
            || self.logs.iter().any(|line| line.contains("exceeded CUs"))
    }

    /// Whether the cluster could not take it at that moment: the same instructions may pass a second later.
    pub fn is_transient(&self) -> bool {
        const OF_THE_MOMENT: [&str; 6] = [
            "AccountInUse",
            "BlockhashNotFound",
            "ClusterMaintenance",
            "WouldExceedMaxBlockCostLimit",
            "WouldExceedMaxAccountCostLimit",
            "WouldExceedAccountDataBlockLimit",
        ];
        OF_THE_MOMENT.contains(&self.name.as_str())
    }

    /// The program's own error number where this program gave it.
    pub fn own_number(&self) -> Option<u32> {
        self.number
            .filter(|_| self.program.is_none_or(|key| key == ID))
    }

    /// The program's own error.
    pub fn code(&self) -> Option<ErrorCode> {
        ErrorCode::from_code(self.own_number()?)
    }

    /// The last lines that a program wrote before it failed, without what Anchor adds.
    pub fn facts(&self) -> impl Iterator<Item = &str> {
        let said = self.logs.iter();
        let said = said.filter_map(|line| line.strip_prefix("Program log: "));
        said.filter(|line| !line.starts_with("Instruction: "))
    }
}

impl fmt::Display for TransactionFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.landed {
            Some((signature, slot)) => write!(f, "{signature} failed in slot {slot}: ")?,
            None => write!(f, "the simulation failed: ")?,
        }
        match (self.code(), self.number) {
            (Some(code), _) => write!(f, "{code}")?,
            (None, Some(number)) => write!(f, "error {number}")?,
            (None, None) => write!(f, "{}", self.name)?,
        }
        if let Some((left, right)) = &self.values {
            write!(f, " ({left} against {right})")?;
        }
        if let Some(at) = self.instruction {
            write!(f, ", instruction {at}")?;
        }
        if let Some(program) = self.program.filter(|key| *key != ID) {
            write!(f, ", program {program}")?;
        }
        Ok(())
    }
}

/// Name, instruction and number of a runtime's error: `"Name"`, `{"Name": ..}` or `{"InstructionError": [at, error]}`.
fn read_error(error: &Value) -> (String, Option<u8>, Option<u32>) {
    let named = |value: &Value| match value {
        Value::String(name) => (name.clone(), None),
        Value::Object(fields) => fields.iter().next().map_or_else(
            || ("Unknown".into(), None),
            |(name, value)| {
                let number = value.as_u64().and_then(|n| u32::try_from(n).ok());
                (name.clone(), number)
            },
        ),
        other => (other.to_string(), None),
    };
    let of_instruction = error.get("InstructionError").and_then(Value::as_array);
    match of_instruction.map(Vec::as_slice) {
        Some([at, inner]) => {
            let (name, number) = named(inner);
            let at = at.as_u64().and_then(|at| u8::try_from(at).ok());
            (name, at, number)
        }
        _ => (named(error).0, None, None),
    }
}

/// Anchor's two lines after an error: `Left: a`, `Right: b`, the value on the same line or on the next.
fn compared(logs: &[String]) -> Option<(String, String)> {
    let value = |label: &str| {
        let mut lines = logs
            .iter()
            .filter_map(|line| line.strip_prefix("Program log: "));
        let rest = lines.find_map(|line| line.strip_prefix(label))?.trim();
        let value = match rest.is_empty() {
            true => lines.next()?.trim(),
            false => rest,
        };
        Some(value.to_owned())
    };
    Some((value("Left:")?, value("Right:")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lines(text: &[&str]) -> Vec<String> {
        text.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn reads_number_values_and_the_innermost_program() {
        let own = ID.to_string();
        let logs = lines(&[
            "Program log: AnchorError thrown in a.rs:1. Error Code: X. Error Number: 6001. Error Message: m.",
            "Program log: Left: -5",
            "Program log: Right: 7",
            &format!("Program {own} failed: custom program error: 0x1771"),
            "Program 11111111111111111111111111111111 failed: custom program error: 0x1771",
        ]);
        let error = json!({"InstructionError": [2, {"Custom": 6001}]});
        let failure = TransactionFailure::read(&error, logs, 9);
        assert_eq!((failure.instruction, failure.number), (Some(2), Some(6001)));
        assert_eq!(
            (failure.program, failure.own_number()),
            (Some(ID), Some(6001))
        );
        assert_eq!(failure.values, Some(("-5".into(), "7".into())));
        assert!(!failure.is_transient() && !failure.is_out_of_compute());
    }

    #[test]
    fn another_programs_number_is_not_this_programs() {
        let token = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA";
        let logs = lines(&[&format!(
            "Program {token} failed: custom program error: 0x1"
        )]);
        let error = json!({"InstructionError": [0, {"Custom": 1}]});
        let failure = TransactionFailure::read(&error, logs, 0);
        assert_eq!((failure.number, failure.own_number()), (Some(1), None));
        assert!(failure.to_string().contains(token));
    }

    #[test]
    fn keys_are_compared_on_lines_of_their_own() {
        let logs = lines(&[
            "Program log: Left:",
            "Program log: abc",
            "Program log: Right:",
            "Program log: def",
        ]);
        assert_eq!(compared(&logs), Some(("abc".into(), "def".into())));
        assert_eq!(compared(&logs[..3]), None);
    }

    #[test]
    fn any_json_is_read_as_something() {
        for error in [
            json!("BlockhashNotFound"),
            json!({"InsufficientFundsForRent": {"account_index": 1}}),
            json!({"InstructionError": [300, {"Custom": 1u64 << 40}]}),
            json!({"InstructionError": []}),
            json!({"InstructionError": [1, {}]}),
            json!({}),
            json!(null),
            json!([1, 2]),
            json!(-3),
        ] {
            let failure = TransactionFailure::read(&error, vec![], 0);
            assert!(!failure.name.is_empty(), "{error}");
            assert!(failure.to_string().contains("simulation"));
        }
        let failure = TransactionFailure::read(&json!("BlockhashNotFound"), vec![], 0);
        assert!(failure.is_transient());
        let budget = json!({"InstructionError": [1, "ComputationalBudgetExceeded"]});
        assert!(TransactionFailure::read(&budget, vec![], 0).is_out_of_compute());
    }
}
