//! `pm`: the risk engine at a prompt, off line; the clearing house, on line.

mod black_scholes;
mod matrix;
mod online;
mod price;
mod real;

use std::io::{BufReader, BufWriter, IsTerminal, Read, Write};
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command};

use risk_document::{evaluate, report, Document, Failure, Picture};

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

With --account, on line: the margin of an account as the program would compute it now; `pm positions --help` says more of settings.

Exit codes: 0 done; 1 the engine refused the values, with numbers; 2 the document cannot be read, with the path of what is wrong; on
line also those of `pm --help`.";

/// The argument that names a document.
fn file() -> Arg {
    Arg::new("FILE")
        .required_unless_present("account")
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
    draw(&Picture::all(&document, &evaluate(&document)?)?, arguments)
}

/// Draws to standard output, and to the file that `--svg` names.
fn draw(pictures: &[Picture], arguments: &ArgMatches) -> Result<(), Failure> {
    if let Some(path) = arguments.get_one::<String>("svg") {
        std::fs::write(path, matrix::svg::draw(pictures))
            .map_err(|error| Failure::document(error.to_string()).at(path))?;
    }
    let text = matrix::terminal::draw(pictures, has_colour()).join("\n");
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

const HELP: &str = "\
Off line: price, margin FILE, matrix FILE compute from a table or a document. On line: everything else, and margin and matrix with
--account, over a server's RPC; amounts are exact decimals, results are tables or, with --json, one document.";

fn command() -> Command {
    Command::new("pm")
        .version(env!("CARGO_PKG_VERSION"))
        .about(
            "The clearing house at a prompt: the risk engine off line, accounts and trades on line",
        )
        .after_long_help(format!("{HELP}\n\n{}", online::EXIT_CODES))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("price")
                .about("Price and Greeks of the options in a CSV table")
                .long_about(PRICE_HELP),
        )
        .subcommand(online::of_account(
            Command::new("margin")
                .about("Margin of the portfolio in a JSON document, or of an account")
                .long_about(MARGIN_HELP)
                .arg(file()),
        ))
        .subcommand(online::of_account(
            Command::new("matrix")
                .about(
                    "Risk matrix and payoff curve of a JSON document's portfolio, or of an account",
                )
                .long_about(MATRIX_HELP)
                .arg(file())
                .arg(
                    Arg::new("svg")
                        .long("svg")
                        .value_name("OUT")
                        .help("Also write the picture to this file"),
                ),
        ))
        .subcommands(online::commands())
}

fn run(arguments: &ArgMatches) -> Result<(), online::Failure> {
    match arguments.subcommand() {
        Some(("price", _)) => price::run(
            BufReader::new(std::io::stdin().lock()),
            BufWriter::new(std::io::stdout().lock()),
        )?,
        Some(("margin", arguments)) if arguments.contains_id("account") => {
            online::margin(arguments)?
        }
        Some(("margin", arguments)) => margin(arguments)?,
        Some(("matrix", arguments)) if arguments.contains_id("account") => {
            draw(&online::pictures(arguments)?, arguments)?
        }
        Some(("matrix", arguments)) => matrix(arguments)?,
        Some((name, arguments)) => online::run(name, arguments)?,
        None => return Err(online::Failure::usage("no such command")),
    }
    Ok(())
}

fn main() -> ExitCode {
    let arguments = command().get_matches();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("pm: {failure}");
            ExitCode::from(failure.code())
        }
    }
}
