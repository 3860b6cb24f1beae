//! Symbols of what is traded: `BTC-PERP`, `BTC-27NOV26` (a dated future), `BTC-27NOV26-120000-C` (a call; `P` is a put).
//!
//! The part in front is the market's own symbol; `@3` names the market of index 3 where a symbol is unusual or two markets share
//! one. Dates are those of [`super::calendar`], strikes exact decimals of dollars. One series has one spelling, and reading it gives
//! back the same series.

use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::state::PositionRecord;
use risk_core::position::Instrument;

use super::amount::{self, PRICE, SIZE};
use super::calendar;
use super::failure::Failure;

/// What is traded; codes and units as in [`TradeLeg`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Series {
    /// Index of the market.
    pub market: u16,
    /// Unix time; zero for a perpetual.
    pub expiry: i64,
    /// 1e-8 USD; zero for what is linear.
    pub strike: u64,
    /// Code of the instrument.
    pub instrument: u8,
}

/// The markets of a house by name.
#[derive(Clone, Debug, Default)]
pub struct Names(Vec<(u16, String)>);

impl Names {
    /// Of symbols as the markets' accounts hold them.
    pub fn new<'a>(markets: impl IntoIterator<Item = (u16, &'a [u8; 16])>) -> Self {
        let plain = |(index, symbol): (u16, &[u8; 16])| (index, of_symbol(symbol));
        let mut names: Vec<_> = markets.into_iter().map(plain).collect();
        names.sort_unstable();
        // a name that is not one market's alone is nobody's
        let all = names.clone();
        for (index, name) in &mut names {
            let shared = all.iter().filter(|(_, other)| other == name).count() > 1;
            if shared || name.is_empty() {
                *name = format!("@{index}");
            }
        }
        Self(names)
    }

    /// What a market is called.
    pub fn of(&self, market: u16) -> String {
        let mut names = self.0.iter();
        let found = names.find(|(index, _)| *index == market);
        found.map_or_else(|| format!("@{market}"), |(_, name)| name.clone())
    }

    /// The market of a name.
    pub fn market(&self, name: &str) -> Result<u16, Failure> {
        let mut names = self.0.iter();
        let found = match name.strip_prefix('@').map(str::parse::<u16>) {
            Some(Ok(wanted)) => names.find(|(index, _)| *index == wanted),
            _ => names.find(|(_, listed)| listed == name),
        };
        found.map(|(index, _)| *index).ok_or_else(|| {
            let listed: Vec<&str> = self.0.iter().map(|(_, name)| name.as_str()).collect();
            Failure::not_found(format!(
                "no market {name}; the house lists {}",
                listed.join(", ")
            ))
        })
    }

    /// A series as it is written.
    pub fn show(&self, series: &Series) -> String {
        let market = self.of(series.market);
        let date = || calendar::shown(series.expiry).unwrap_or_else(|| series.expiry.to_string());
        let strike = || amount::shown(series.strike, PRICE);
        match Instrument::from_code(series.instrument) {
            Some(Instrument::Perpetual) => format!("{market}-PERP"),
            Some(Instrument::Future) => format!("{market}-{}", date()),
            Some(Instrument::Call) => format!("{market}-{}-{}-C", date(), strike()),
            Some(Instrument::Put) => format!("{market}-{}-{}-P", date(), strike()),
            None => format!("{market}-?{}", series.instrument),
        }
    }

    /// Reads a symbol.
    pub fn series(&self, text: &str) -> Result<Series, Failure> {
        let wrong = |why: &str| {
            let forms = "BTC-PERP, BTC-27NOV26, BTC-27NOV26-120000-C";
            Failure::usage(format!(
                "{text:?} is no series: {why}; series are written {forms}"
            ))
        };
        let (rest, last) = text
            .rsplit_once('-')
            .ok_or_else(|| wrong("it has one part"))?;
        let expiry = |date: &str| {
            let why = format!("{date:?} is no date such as 7NOV26 (08:00 UTC, no zero before the day) or 7NOV26T1530");
            calendar::parse(date).ok_or_else(|| wrong(&why))
        };
        let series = match last {
            "PERP" => Series {
                market: self.market(rest)?,
                expiry: 0,
                strike: 0,
                instrument: Instrument::Perpetual as u8,
            },
            "C" | "P" => {
                let mut parts = rest.rsplitn(3, '-');
                let (strike, date, name) = (parts.next(), parts.next(), parts.next());
                let missing = || wrong("an option has market, date, strike and C or P");
                let (strike, date) = (strike.ok_or_else(missing)?, date.ok_or_else(missing)?);
                let name = name.ok_or_else(missing)?;
                let raw = amount::positive("strike", strike, PRICE)?;
                if amount::shown(raw, PRICE) != strike {
                    return Err(wrong(&format!(
                        "write the strike as {}",
                        amount::shown(raw, PRICE)
                    )));
                }
                Series {
                    expiry: expiry(date)?,
                    market: self.market(name)?,
                    strike: raw.unsigned_abs(),
                    instrument: match last {
                        "C" => Instrument::Call as u8,
                        _ => Instrument::Put as u8,
                    },
                }
            }
            date => Series {
                expiry: expiry(date)?,
                market: self.market(rest)?,
                strike: 0,
                instrument: Instrument::Future as u8,
            },
        };
        Ok(series)
    }

    /// Reads a leg: `buy:0.5:BTC-PERP:60000` or `sell:...`, size in base units, price in dollars per base unit.
    pub fn leg(&self, text: &str) -> Result<TradeLeg, Failure> {
        let parts: Vec<&str> = text.split(':').collect();
        let [side, size, symbol, price] = parts.as_slice() else {
            let form = "SIDE:SIZE:SERIES:PRICE, as buy:0.5:BTC-PERP:60000";
            return Err(Failure::usage(format!(
                "{text:?} is no leg; legs are written {form}"
            )));
        };
        let size = amount::positive("size", size, SIZE)?;
        let quantity = match *side {
            "buy" => size,
            "sell" => -size,
            side => {
                let text = format!("{side:?} is no side; write buy or sell");
                return Err(Failure::usage(text));
            }
        };
        let price = amount::positive("price", price, PRICE)?.unsigned_abs();
        Ok(self.series(symbol)?.leg(quantity, price))
    }

    /// A leg as it is written.
    pub fn show_leg(&self, leg: &TradeLeg) -> String {
        let side = if leg.quantity < 0 { "sell" } else { "buy" };
        let size = amount::shown(i128::from(leg.quantity).abs(), SIZE);
        let price = amount::shown(leg.price, PRICE);
        format!("{side}:{size}:{}:{price}", self.show(&Series::of_leg(leg)))
    }
}

impl Series {
    /// Of a position.
    pub fn of_record(record: &PositionRecord) -> Self {
        Self {
            market: record.market,
            expiry: record.expiry,
            strike: record.strike,
            instrument: record.instrument,
        }
    }

    /// Of a leg.
    pub fn of_leg(leg: &TradeLeg) -> Self {
        Self {
            market: leg.market,
            expiry: leg.expiry,
            strike: leg.strike,
            instrument: leg.instrument,
        }
    }

    /// A leg of it: size in 1e-6 base units, negative for a sale; price in 1e-8 USD.
    pub fn leg(&self, quantity: i64, price: u64) -> TradeLeg {
        TradeLeg {
            market: self.market,
            instrument: self.instrument,
            expiry: self.expiry,
            strike: self.strike,
            quantity,
            price,
        }
    }
}

/// A symbol as an account holds it; empty where it is not plain text that reads back.
fn of_symbol(symbol: &[u8; 16]) -> String {
    let end = symbol.iter().rposition(|byte| *byte != 0);
    let used = symbol
        .get(..end.map_or(0, |end| end + 1))
        .unwrap_or_default();
    let is_plain =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'/');
    match used.iter().all(is_plain) {
        true => used.iter().map(|byte| char::from(*byte)).collect(),
        false => String::new(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn padded(name: &str) -> [u8; 16] {
        let mut symbol = [0; 16];
        symbol[..name.len()].copy_from_slice(name.as_bytes());
        symbol
    }

    fn names() -> Names {
        let symbols = ["BTC", "ETH", "SOL-USD", "ETH", "\u{1b}[2J", "", "PERP"].map(padded);
        Names::new((0..).zip(&symbols))
    }

    #[test]
    fn symbols_and_series_are_one_to_one() {
        let names = names();
        for (text, market, instrument, expiry, strike) in [
            ("BTC-PERP", 0, 0, 0, 0),
            ("BTC-27NOV26", 0, 1, 1_795_766_400, 0),
            (
                "BTC-27NOV26-120000-C",
                0,
                2,
                1_795_766_400,
                12_000_000_000_000,
            ),
            ("BTC-27NOV26T0000-0.00000001-P", 0, 3, 1_795_737_600, 1),
            ("SOL-USD-PERP", 2, 0, 0, 0),
            (
                "SOL-USD-27NOV26-182.5-P",
                2,
                3,
                1_795_766_400,
                18_250_000_000,
            ),
            ("@1-PERP", 1, 0, 0, 0),
            ("@3-27NOV26", 3, 1, 1_795_766_400, 0),
            ("@4-PERP", 4, 0, 0, 0),
            ("@5-PERP", 5, 0, 0, 0),
            ("PERP-PERP", 6, 0, 0, 0),
        ] {
            let series = Series {
                market,
                expiry,
                strike,
                instrument,
            };
            assert_eq!(names.series(text).unwrap(), series, "{text}");
            assert_eq!(names.show(&series), text);
        }
        // an index is understood where the name would do
        assert_eq!(names.series("@0-PERP"), names.series("BTC-PERP"));
    }

    #[test]
    fn what_is_no_series_says_why() {
        let names = names();
        for (text, code, word) in [
            ("BTC", 2, "one part"),
            ("ETH-PERP", 4, "no market ETH"), // two markets of that name
            ("XRP-PERP", 4, "no market XRP"),
            ("@9-PERP", 4, "no market @9"),
            ("@x-PERP", 4, "no market @x"),
            ("@70000-PERP", 4, "no market @70000"),
            ("btc-PERP", 4, "no market btc"),
            ("BTC-27NOV26-120000", 2, "no date"),
            ("BTC-27NOV2026-120000-C", 2, "no date"),
            ("BTC-120000-C", 2, "market, date, strike"),
            ("BTC-27NOV26-0-C", 2, "above zero"),
            ("BTC-27NOV26--5-C", 2, "no date"),
            ("BTC-27NOV26-1e5-C", 2, "write the strike as 100000"),
            ("BTC-27NOV26-120000.0-C", 2, "write the strike as 120000"),
            ("BTC-27NOV26-0.000000001-C", 2, "more than 8 decimals"),
            ("BTC-27NOV26-99999999999999-C", 2, "too large"),
            ("BTC-27NOV26-120000-X", 2, "no date"),
            ("", 2, "one part"),
        ] {
            let failure = names.series(text).unwrap_err();
            assert_eq!(failure.code(), code, "{text}: {failure}");
            assert!(failure.to_string().contains(word), "{text}: {failure}");
        }
    }

    #[test]
    fn legs_are_exact_both_ways() {
        let names = names();
        for (text, quantity, price) in [
            ("buy:0.5:BTC-PERP:60000", 500_000, 6_000_000_000_000),
            ("sell:0.000001:BTC-PERP:0.00000001", -1, 1),
            (
                "sell:10:BTC-27NOV26-120000-C:1234.5",
                -10_000_000,
                123_450_000_000,
            ),
        ] {
            let leg = names.leg(text).unwrap();
            assert_eq!((leg.quantity, leg.price), (quantity, price), "{text}");
            assert_eq!(names.show_leg(&leg), text);
        }
        for text in [
            "0.5:BTC-PERP:60000",
            "buy:0.5:BTC-PERP",
            "long:0.5:BTC-PERP:60000",
            "buy:-0.5:BTC-PERP:60000",
            "buy:0:BTC-PERP:60000",
            "buy:0.5:BTC-PERP:0",
            "buy:0.0000005:BTC-PERP:60000",
            "buy:0.5:BTC-PERP:60000:1",
        ] {
            assert_eq!(names.leg(text).unwrap_err().code(), 2, "{text}");
        }
    }
}
