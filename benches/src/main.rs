//! Counts compute units on the SBF builds and keeps `benches/results.json`; `scripts/bench` builds and calls it.
//!
//! Without arguments: measures, prints a table beside the figures checked in, and rewrites them. `--json` prints one
//! object on stdout. `--check` rewrites nothing and fails where a figure grew by more than 2 %.

mod book;
mod kernels;
mod program;
mod results;
mod vm;

use std::path::PathBuf;
use std::process::ExitCode;

use results::Results;

fn main() -> ExitCode {
    match bench() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("bench: error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn bench() -> Result<(), String> {
    let (mut json, mut check) = (false, false);
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--json" => json = true,
            "--check" => check = true,
            other => return Err(format!("unknown option {other}")),
        }
    }
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let file = folder.join("results.json");
    let deploy = folder.join("../target/deploy");

    let before = Results::read(&file)?;
    let mut results = Results::default();
    kernels::measure(&deploy, &mut results)?;
    program::measure(&mut results)?;

    eprint!("{}", results.table(&before));
    if json {
        print!("{}", results.to_json());
    }
    if check {
        let regressions = results.regressions(&before);
        if !regressions.is_empty() {
            return Err(format!("more than 2 % worse:\n{}", regressions.join("\n")));
        }
        return Ok(());
    }
    std::fs::write(&file, results.to_json()).map_err(|error| format!("{}: {error}", file.display()))
}
