//! `pm`: the risk engine at a prompt, offline.

mod black_scholes;
mod matrix;
#[allow(dead_code)]
mod online;
mod price;
mod real;

use std::io::{BufReader, BufWriter, IsTerminal, Read, Write};
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command};

use risk_document::{evaluate, report, Document, Failure, FailureKind, Picture};

const PRICE_HELP: &str = "\
Reads a CSV table from standard input and writes the same rows with price, delta, gamma, vega, theta and rho appended.

Columns, found by name in the header line, in any order and among any others:
  type    C (call) or P (put)
  S, K    spot and strike, quote units per unit of the underlying
  T_sec   seconds to expiry; a year has 31,536,000
  r, q    rate and dividend yield per year, continuously compounded: 0.05 is 5 %
  vol     volatility per year: 0.5 is 50 %

Results per unit of the underlying: delta, gamma and rho with spot moving, rate and yield fixed; vega per 1.00 of volatility, theta per
year of calendar time (divide by 365 for a day), rho per 1.00 of the rate. Numbers are read exactly and printed to 18 significant
digits; no floating point is used in between. Without time or volatility the price is intrinsic value, gamma and vega are 0.

Example:
  printf 'type,S,K,T_sec,r,q,vol\\nC,100,110,2592000,0.05,0,0.6\\n' | pm price

Exit codes: 0 done; 1 a row is out of the range that the engine prices; 2 the table or the command line cannot be read.";

const MARGIN_HELP: &str = "\
Reads a portfolio with its markets from a JSON document and writes its margin as JSON.

The document is described in SCHEMA.md beside this program's source; examples/ there holds some. In short:
  now, cash, tier   time, quote balance, portfolio or standard
  markets           name, spot, perpetual_price, parameters (a preset: BTC, ETH, SOL; or every number), scenarios, expiries with
                    forward, rate and smile
  positions         market, instrument, expiry, strike, quantity; volatility where there is no smile; entry of what is linear
  collateral        asset, amount, price, haircuts; the market whose risk it offsets
Numbers are JSON numbers or decimal strings and are read exactly; those of the report are decimal strings.

Exit codes: 0 done; 1 the engine refused the values, with numbers; 2 the document cannot be read, with the path of what is wrong.";

/// The argument that names a document.
fn file() -> Arg {
    Arg::new("FILE")
        .required(true)
        .help("The document; - for standard input")
}

fn document(arguments: &ArgMatches) -> Result<Document, Failure> {
    let path = arguments
        .get_one::<String>("FILE")
        .map_or("-", String::as_str);
    let mut text = String::new();
    let read = match path {
        "-" => std::io::stdin()
            .lock()
            .read_to_string(&mut text)
            .map(|_| ()),
        path => std::fs::read_to_string(path).map(|content| text = content),
    };
    read.map_err(|error| Failure::document(error.to_string()).at(path))?;
    Document::parse(&text)
}

fn margin(arguments: &ArgMatches) -> Result<(), Failure> {
    let document = document(arguments)?;
    let outcome = evaluate(&document)?;
    let text = serde_json::to_string_pretty(&report(&document, &outcome))
        .map_err(|error| Failure::document(error.to_string()))?;
    write_line(&text)
}

const MATRIX_HELP: &str = "\
Reads the document that `pm margin` reads and draws, for each market that holds something, the profit and loss per scenario and the
gain over spot, now and at the first expiry. A star marks the worst scenario. Colours where standard output is a terminal, unless
NO_COLOR is set.

Exit codes: as for `pm margin`; 2 also where the picture cannot be written.";

fn has_colour() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    std::io::stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb
}

fn matrix(arguments: &ArgMatches) -> Result<(), Failure> {
    let document = document(arguments)?;
    let pictures = Picture::all(&document, &evaluate(&document)?)?;
    if let Some(path) = arguments.get_one::<String>("svg") {
        std::fs::write(path, matrix::svg::draw(&pictures))
            .map_err(|error| Failure::document(error.to_string()).at(path))?;
    }
    let text = matrix::terminal::draw(&pictures, has_colour()).join("\n");
    write_line(&text)
}

/// Writes to standard output. A reader who closed the pipe has seen enough.
fn write_line(text: &str) -> Result<(), Failure> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::document(
            format!("cannot write the result: {error}"),
        )),
        _ => Ok(()),
    }
}

fn command() -> Command {
    Command::new("pm")
        .about("The risk engine at a prompt, offline")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("price")
                .about("Price and Greeks of the options in a CSV table")
                .long_about(PRICE_HELP),
        )
        .subcommand(
            Command::new("margin")
                .about("Margin of the portfolio in a JSON document")
                .long_about(MARGIN_HELP)
                .arg(file()),
        )
        .subcommand(
            Command::new("matrix")
                .about("Risk matrix and payoff curve of the portfolio in a JSON document")
                .long_about(MATRIX_HELP)
                .arg(file())
                .arg(
                    Arg::new("svg")
                        .long("svg")
                        .value_name("OUT")
                        .help("Also write the picture to this file"),
                ),
        )
}

fn run(arguments: &ArgMatches) -> Result<(), Failure> {
    match arguments.subcommand() {
        Some(("price", _)) => price::run(
            BufReader::new(std::io::stdin().lock()),
            BufWriter::new(std::io::stdout().lock()),
        ),
        Some(("margin", arguments)) => margin(arguments),
        Some(("matrix", arguments)) => matrix(arguments),
        _ => Err(Failure::document("no such command".to_owned())),
    }
}

/// What the shell sees; the help texts promise it.
fn exit_code(kind: FailureKind) -> ExitCode {
    match kind {
        FailureKind::Refused => ExitCode::from(1),
        FailureKind::Document => ExitCode::from(2),
    }
}

fn main() -> ExitCode {
    let arguments = command().get_matches();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("pm: {failure}");
            exit_code(failure.kind())
        }
    }
}
