//! `pm price`: values each row of a CSV table and appends price and Greeks to it.

use std::io::{BufRead, ErrorKind, Write};

use risk_core::black76::OptionType;

use crate::black_scholes::{value, OutOfRange, Terms, Valuation};
use risk_document::Decimal;
use risk_document::Failure;

/// The columns that a table must have, in any order, among any others.
const INPUTS: [&str; 7] = ["type", "S", "K", "T_sec", "r", "q", "vol"];
/// The columns that are appended.
const OUTPUTS: &str = "price,delta,gamma,vega,theta,rho";

/// Reads a table, writes it with prices and Greeks. Stops at the first row that cannot be valued; the rows before it are written.
pub fn run(mut input: impl BufRead, mut output: impl Write) -> Result<(), Failure> {
    let mut line = String::new();
    let mut places: Option<[usize; 7]> = None;
    let mut number = 0usize;
    loop {
        line.clear();
        number += 1;
        let place = format!("line {number}");
        let read = input
            .read_line(&mut line)
            .map_err(|error| Failure::document(error.to_string()).at(&place))?;
        if read == 0 {
            break;
        }
        let row = line.trim_end_matches(['\r', '\n']);
        let row = row.strip_prefix('\u{feff}').unwrap_or(row);
        if row.trim().is_empty() {
            continue;
        }
        let appended = match &places {
            None => {
                places = Some(header(row).map_err(|failure| failure.at(&place))?);
                OUTPUTS.to_owned()
            }
            Some(places) => priced(row, places).map_err(|failure| failure.at(&place))?,
        };
        if !written(writeln!(output, "{row},{appended}"))? {
            return Ok(());
        }
    }
    if places.is_none() {
        let wanted = INPUTS.join(",");
        return Err(Failure::document(format!(
            "nothing to read: a table starts with the header {wanted}"
        )));
    }
    written(output.flush()).map(|_| ())
}

/// Whether the reader is still there: one who closed the pipe has seen enough, and that is no failure.
fn written(result: std::io::Result<()>) -> Result<bool, Failure> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::document(format!(
            "cannot write the result: {error}"
        ))),
    }
}

/// Where the columns are.
fn header(row: &str) -> Result<[usize; 7], Failure> {
    let names = cells(row)?;
    let mut places = [0; 7];
    for (place, wanted) in places.iter_mut().zip(INPUTS) {
        let mut found = (0..).zip(&names).filter(|(_, name)| *name == wanted);
        *place = match (found.next(), found.next()) {
            (Some((index, _)), None) => index,
            (None, _) => {
                let text = format!("the header has no column `{wanted}`");
                return Err(Failure::document(text));
            }
            _ => {
                let text = format!("the header has column `{wanted}` twice");
                return Err(Failure::document(text));
            }
        };
    }
    Ok(places)
}

/// What is appended to a row.
fn priced(row: &str, places: &[usize; 7]) -> Result<String, Failure> {
    let cells = cells(row)?;
    let cell = |column: usize| -> Result<(&str, &str), Failure> {
        let name = INPUTS.get(column).copied().unwrap_or_default();
        let found = places.get(column).and_then(|place| cells.get(*place));
        let text = found.ok_or_else(|| Failure::document(format!("no value for `{name}`")))?;
        Ok((name, text))
    };
    let number = |column: usize| -> Result<Decimal, Failure> {
        let (name, text) = cell(column)?;
        Decimal::parse(text).map_err(|error| Failure::document(error).at(name))
    };
    let terms = Terms {
        option_type: option_type(cell(0)?.1)?,
        spot: number(1)?,
        strike: number(2)?,
        seconds: number(3)?,
        rate: number(4)?,
        dividend_yield: number(5)?,
        volatility: number(6)?,
    };
    value(&terms).map(|value| text(&value)).map_err(refused)
}

fn option_type(text: &str) -> Result<OptionType, Failure> {
    match text {
        "C" | "c" | "call" => Ok(OptionType::Call),
        "P" | "p" | "put" => Ok(OptionType::Put),
        _ => Err(Failure::document(format!(
            "type: {text:?} is neither C (call) nor P (put)"
        ))),
    }
}

fn refused(error: OutOfRange) -> Failure {
    let OutOfRange {
        name,
        value,
        least,
        most,
    } = error;
    Failure::refused(format!("{name} is {value}; it must be {least} to {most}"))
}

fn text(value: &Valuation) -> String {
    let Valuation {
        price,
        delta,
        gamma,
        vega,
        theta,
        rho,
    } = value;
    format!("{price},{delta},{gamma},{vega},{theta},{rho}")
}

/// The cells of a row, without the spaces around them; a cell in double quotes may hold commas.
fn cells(row: &str) -> Result<Vec<String>, Failure> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    for letter in row.chars() {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            _ => {
                if let Some(cell) = cells.last_mut() {
                    cell.push(letter);
                }
            }
        }
    }
    if quoted {
        let text = "a double quote is opened and not closed".to_owned();
        return Err(Failure::document(text));
    }
    for cell in &mut cells {
        *cell = cell.trim().to_owned();
    }
    Ok(cells)
}
