//! Events of a transaction, from the lines that it logged.

use crate::events::Event;
use crate::{Pubkey, ID};

/// What a program's data begins with in a log.
const DATA: &str = "Program data: ";

impl Event {
    /// The event of one line, `Program data: ` and Base64; `None` for any other line.
    ///
    /// A line does not say which program wrote it, and any program can write any line of data: see [`events_of`] for lines
    /// of transactions that call others too.
    pub fn from_log_line(line: &str) -> Option<Self> {
        // a program logs one slice per event; more would stand behind a blank, which is no digit of Base64
        Self::decode(&base64(line.strip_prefix(DATA)?)?)
    }
}

/// The events of a transaction's log in order: only those that the clearing house itself wrote, whoever called it, and none of
/// another program that imitates it. Lines that the network cut off are missed.
pub fn events_of<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<Event> {
    let mut running: Vec<Pubkey> = vec![];
    let mut events = vec![];
    for line in lines {
        match step(line) {
            Some(Step::Enter(program)) => running.push(program),
            Some(Step::Leave) => drop(running.pop()),
            None if running.last() == Some(&ID) => events.extend(Event::from_log_line(line)),
            None => (),
        }
    }
    events
}

/// What a line of the runtime says about who runs.
enum Step {
    Enter(Pubkey),
    Leave,
}

/// Reads `Program KEY invoke [N]`, `Program KEY success` and `Program KEY failed: WHY`. What a program writes itself begins with
/// `Program log:` or `Program data:`, and no key does.
fn step(line: &str) -> Option<Step> {
    let (key, rest) = line.strip_prefix("Program ")?.split_once(' ')?;
    let key: Pubkey = key.parse().ok()?;
    if rest.starts_with("invoke [") {
        Some(Step::Enter(key))
    } else {
        (rest == "success" || rest.starts_with("failed")).then_some(Step::Leave)
    }
}

/// Base64 with its padding, as the runtime writes it.
fn base64(text: &str) -> Option<Vec<u8>> {
    let groups = text.as_bytes().chunks_exact(4);
    if !groups.remainder().is_empty() {
        return None;
    }
    let last = groups.len().checked_sub(1);
    let mut bytes = Vec::with_capacity(groups.len().saturating_mul(3));
    for (at, group) in groups.enumerate() {
        let padding = match group {
            [_, _, b'=', b'='] => 2,
            [_, _, _, b'='] => 1,
            _ => 0,
        };
        if padding > 0 && Some(at) != last {
            return None;
        }
        let mut bits = 0u32;
        for (place, digit) in group.iter().enumerate() {
            let value = if place.saturating_add(padding) >= 4 {
                0
            } else {
                value(*digit)?
            };
            bits = bits << 6 | u32::from(value);
        }
        let [_, decoded @ ..] = bits.to_be_bytes();
        let kept = decoded.split_at(decoded.len().saturating_sub(padding));
        if kept.1.iter().any(|byte| *byte != 0) {
            return None;
        }
        bytes.extend_from_slice(kept.0);
    }
    Some(bytes)
}

/// The six bits of a digit.
fn value(digit: u8) -> Option<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let place = DIGITS.iter().position(|known| *known == digit)?;
    u8::try_from(place).ok()
}

#[cfg(test)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]
mod tests {
    use super::*;
    use crate::events::AuctionRestarted;
    use borsh::BorshSerialize;

    /// The standard's own examples, and what is none.
    #[test]
    fn base64_is_read_as_the_standard_says_and_nothing_else_is() {
        let known = [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo")];
        for (text, bytes) in known {
            assert_eq!(base64(text), Some(bytes.as_bytes().to_vec()), "{text}");
        }
        assert_eq!(base64("+/8A"), Some(vec![0xfb, 0xff, 0x00]));
        assert_eq!(base64("Zm9vYmE="), Some(b"fooba".to_vec()));
        let not = [
            "Z",
            "Zg",
            "Zg=",
            "Zh==",
            "Zm9=",
            "Zg==Zm9v",
            "====",
            "Z===",
            "Zm 9",
            "Zm9\n",
            "Zm9v Zm9v",
            "Zm9\u{e9}",
        ];
        for text in not {
            assert_eq!(base64(text), None, "{text:?}");
        }
    }

    fn restarted() -> (Event, String) {
        let event = AuctionRestarted {
            margin_account: Pubkey::new_from_array([7; 32]),
            ..borsh::from_slice(&[0; size_of::<AuctionRestarted>()]).unwrap()
        };
        let mut data = AuctionRestarted::DISCRIMINATOR.to_vec();
        event.serialize(&mut data).unwrap();
        let line = format!("{DATA}{}", encoded(&data));
        (Event::AuctionRestarted(event), line)
    }

    fn encoded(data: &[u8]) -> String {
        const DIGITS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let group = |bytes: &[u8]| -> String {
            let mut whole = [0; 4];
            whole[1..=bytes.len()].copy_from_slice(bytes);
            let bits = u32::from_be_bytes(whole);
            let digit = |place: u32| char::from(DIGITS[(bits >> (18 - 6 * place) & 63) as usize]);
            let used = bytes.len() as u32 + 1;
            (0..4)
                .map(|place| if place < used { digit(place) } else { '=' })
                .collect()
        };
        data.chunks(3).map(group).collect()
    }

    #[test]
    fn a_line_is_an_event_whole_or_not_at_all() {
        let (event, line) = restarted();
        assert_eq!(Event::from_log_line(&line), Some(event));
        assert_eq!(Event::from_log_line(&line[1..]), None);
        assert_eq!(Event::from_log_line(&format!("{line}AAAA")), None);
        assert_eq!(Event::from_log_line(&line[..line.len() - 4]), None);
        assert_eq!(Event::from_log_line(&format!("{line} {line}")), None);
        assert_eq!(Event::from_log_line("Program data: "), None);
    }

    #[test]
    fn another_program_that_writes_our_events_is_not_believed() {
        let (event, line) = restarted();
        let other = Pubkey::new_from_array([9; 32]);
        let enter = |key: &Pubkey, depth: u8| format!("Program {key} invoke [{depth}]");
        let leave = |key: &Pubkey| format!("Program {key} success");
        let inner_failed = format!("Program {other} failed: custom program error: 0x1");
        let lines = [
            enter(&other, 1),
            line.clone(),
            enter(&ID, 2),
            "Program log: invoke [1]".into(),
            format!("Program log: Program {ID} success"),
            line.clone(),
            enter(&other, 3),
            line.clone(),
            inner_failed,
            line.clone(),
            leave(&ID),
            line.clone(),
            leave(&other),
            line.clone(),
            // a venue's own words cannot open or close an invocation
            enter(&other, 1),
            format!("Program log: Program {ID} invoke [2]"),
            line,
            leave(&other),
        ];
        let found = events_of(lines.iter().map(String::as_str));
        assert_eq!(found, [event.clone(), event]);
    }
}
