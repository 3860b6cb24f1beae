//! Dates of expiries as symbols write them: `27NOV26` is 2026-11-27 at 08:00 UTC, `27NOV26T1530` and `27NOV26T153045` another time.

/// Seconds of a day.
const DAY: i64 = 86_400;
/// The time that a date alone means, seconds after midnight UTC.
const USUAL: i64 = 8 * 3_600;
/// Years that two digits can say: 2000 to 2099.
const CENTURY: i64 = 2_000;

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];

/// Days since 1970-01-01 of a date of the Gregorian calendar, month 1 to 12.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    // The year begins in March, so that the leap day is its last.
    let year = if month <= 2 { year - 1 } else { year };
    let from_march = (month + 9) % 12;
    let day_of_year = (153 * from_march + 2) / 5 + day - 1;
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leaps + day_of_year - 719_468
}

/// Year, month and day of days since 1970-01-01.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12 + 1;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// Unix time of a symbol's date; `None` where it is none. One time has one spelling.
pub fn parse(text: &str) -> Option<i64> {
    let (date, clock) = match text.split_once('T') {
        // OCT and SEPT have a T too: the clock's is followed by digits alone.
        Some(_) => text
            .rsplit_once('T')
            .filter(|(_, clock)| matches!(clock.len(), 4 | 6))
            .filter(|(_, clock)| clock.bytes().all(|byte| byte.is_ascii_digit()))
            .map_or((text, None), |(date, clock)| (date, Some(clock))),
        None => (text, None),
    };
    let digits = |part: &str| -> Option<i64> {
        let are_digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        are_digits.then(|| part.parse().ok()).flatten()
    };
    let year = digits(date.get(date.len().checked_sub(2)?..)?)? + CENTURY;
    let name = date.get(date.len().checked_sub(5)?..date.len() - 2)?;
    let month = MONTHS.iter().position(|month| *month == name)?;
    let month = i64::try_from(month).ok()? + 1;
    let day = digits(date.get(..date.len() - 5)?)?;
    let seconds = match clock {
        None => USUAL,
        Some(clock) => {
            let part = |from: usize| clock.get(from..from + 2).map_or(Some(0), digits);
            let (hour, minute, second) = (part(0)?, part(2)?, part(4)?);
            if hour > 23 || minute > 59 || second > 59 {
                return None;
            }
            hour * 3_600 + minute * 60 + second
        }
    };
    let time = days_of(year, month, day) * DAY + seconds;
    // 31FEB26 and 07NOV26 are not how the time is written
    (shown(time)? == text).then_some(time)
}

/// A time as a symbol writes it; `None` outside 2000 to 2099.
pub fn shown(time: i64) -> Option<String> {
    let (year, month, day) = date_of(time.div_euclid(DAY));
    if !(CENTURY..CENTURY + 100).contains(&year) {
        return None;
    }
    let month = MONTHS.get(usize::try_from(month - 1).ok()?)?;
    let date = format!("{day}{month}{:02}", year - CENTURY);
    let seconds = time.rem_euclid(DAY);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    Some(match (seconds, second) {
        (USUAL, _) => date,
        (_, 0) => format!("{date}T{hour:02}{minute:02}"),
        _ => format!("{date}T{hour:02}{minute:02}{second:02}"),
    })
}

/// A time for people: `2026-11-27 08:00:00 UTC`.
pub fn readable(time: i64) -> String {
    // The calendar of any i64 would not fit one.
    let clamped = time.clamp(-62_000_000_000, 250_000_000_000);
    let (year, month, day) = date_of(clamped.div_euclid(DAY));
    let seconds = clamped.rem_euclid(DAY);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_dates() {
        for (text, time) in [
            ("1JAN00", 946_713_600),
            ("29FEB24", 1_709_193_600),
            ("27NOV26", 1_795_766_400),
            ("27NOV26T0000", 1_795_737_600),
            ("31OCT25T1530", 1_761_924_600),
            ("31OCT25T153059", 1_761_924_659),
            ("31DEC99T235959", 4_102_444_799),
        ] {
            assert_eq!(parse(text), Some(time), "{text}");
            assert_eq!(shown(time).as_deref(), Some(text));
        }
        assert_eq!(readable(1_795_766_400), "2026-11-27 08:00:00 UTC");
        assert_eq!(readable(0), "1970-01-01 00:00:00 UTC");
        assert!(readable(i64::MAX).ends_with("UTC") && readable(i64::MIN).ends_with("UTC"));
    }

    #[test]
    fn every_day_of_the_century_and_odd_times_survive() {
        let first = parse("1JAN00T0000").unwrap_or_default();
        for day in 0..36_525i64 {
            for seconds in [0, 1, 60, USUAL, 43_210, DAY - 1] {
                let time = first + day * DAY + seconds;
                assert_eq!(shown(time).and_then(|text| parse(&text)), Some(time));
            }
        }
        assert_eq!(shown(first - 1), None);
        assert_eq!(shown(first + 36_525 * DAY), None);
        assert_eq!(shown(i64::MAX), None);
        assert_eq!(shown(i64::MIN), None);
    }

    #[test]
    fn what_is_no_date_or_not_its_only_spelling_is_refused() {
        for text in [
            "",
            "26",
            "NOV26",
            "27NOV",
            "027NOV26",
            "07NOV26",
            "31FEB26",
            "29FEB26",
            "0NOV26",
            "27nov26",
            "27NOV2026",
            "27NOV26T",
            "27NOV26T8",
            "27NOV26T0800",
            "27NOV26T080000",
            "27NOV26T2400",
            "27NOV26T1260",
            "27NOV26T120060",
            "27NOV26T12006",
            "+7NOV26",
            "27NOVéé",
            "é7NOV26",
            "T1530",
            "27NOV26T15T30",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
