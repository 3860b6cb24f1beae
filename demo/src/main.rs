//! A trade, a crash and a liquidation on the real bytecode, told in the terminal.

mod path;
mod render;
mod report;
mod story;

use std::io::Write;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::process::ExitCode;

use render::Screen;
use story::{Broken, Story};

const HELP: &str = "\
scripts/demo [--json]: trades, a crash and a liquidation on the program's bytecode, in an embedded Solana VM.

  (no option)  tells the story on standard output
  --json       prints one JSON object on standard output; the story goes to standard error
  --help       prints this

Exit status: 0 the story holds, 1 one of its claims does not (books that do not balance, a hedged account
liquidated, bad debt), 2 wrong usage. NO_COLOR switches colour off.";

/// Exit status of a claim that does not hold.
const BROKEN: u8 = 1;
/// Exit status of wrong usage.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let as_json = match arguments.as_slice() {
        [] => false,
        ["--json"] => true,
        ["--help" | "-h"] => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        other => {
            eprintln!("demo: unknown arguments: {}\n\n{HELP}", other.join(" "));
            return ExitCode::from(USAGE);
        }
    };
    // The sandbox panics where a set-up transaction fails; that breaks the story like any other claim.
    let told = catch_unwind(AssertUnwindSafe(|| Story::tell(Screen::new(as_json))));
    match told.unwrap_or_else(|_| Err(Broken("the sandbox gave up, see above".to_owned()))) {
        Ok(report) => {
            if as_json {
                // A reader who closed the pipe wants no more; the story itself held.
                let _ = writeln!(std::io::stdout(), "{:#}", report.json());
            }
            ExitCode::SUCCESS
        }
        Err(Broken(claim)) => {
            eprintln!("demo: this should not have happened: {claim}");
            ExitCode::from(BROKEN)
        }
    }
}
