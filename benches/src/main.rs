//! Measures, prints a table beside the figures checked in, and rewrites `results.json` and `RESULTS.md`.
//!
//! `--json` prints one object on stdout. `--check` rewrites nothing and fails where a figure grew by more than 2 %.
//! `--native TEXT` hands over what `native-bench` printed; without it no throughput is reported.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bench::results::Results;
use bench::{accuracy, kernels, peer, program, report};

fn main() -> ExitCode {
    match bench() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("bench: error: {message}");
            ExitCode::FAILURE
        }
    }
}

/// What was asked for.
#[derive(Default)]
struct Options {
    json: bool,
    check: bool,
    native: String,
}

impl Options {
    fn parse() -> Result<Self, String> {
        let mut options = Self::default();
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--json" => options.json = true,
                "--check" => options.check = true,
                "--native" => options.native = arguments.next().ok_or("--native needs a text")?,
                other => return Err(format!("unknown option {other}")),
            }
        }
        Ok(options)
    }
}

fn bench() -> Result<(), String> {
    let options = Options::parse()?;
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let file = folder.join("results.json");
    let deploy = folder.join("../target/deploy");

    let before = Results::read(&file)?;
    let mut results = Results::default();
    kernels::measure(&deploy, &mut results)?;
    program::measure(&mut results)?;
    native(&options.native, &mut results)?;
    peer::measure(&deploy, &mut results)?;
    let accuracy = accuracy::measure(&folder.join("../crates/risk-core/tests/vectors"))?;

    eprint!("{}", results.table(&before));
    for error in report::exceeded(&results) {
        eprintln!("bench: over target: {error}");
    }
    if options.json {
        print!("{}", results.to_json());
    }
    if options.check {
        let regressions = results.regressions(&before);
        if !regressions.is_empty() {
            return Err(format!("more than 2 % worse:\n{}", regressions.join("\n")));
        }
        return Ok(());
    }
    write(&file, &results.to_json())?;
    let report = report::markdown(&results, &accuracy);
    write(&folder.join("RESULTS.md"), &report)
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Takes over lines of a figure's name and its value.
fn native(text: &str, results: &mut Results) -> Result<(), String> {
    for line in text.lines() {
        let (name, value) = line.split_once(' ').ok_or(format!("native: {line}"))?;
        let path = match name {
            "grid" => "native_option_scenarios_per_second",
            "scan" => "detail.native_scan_option_scenarios_per_second",
            "revaluation_seconds" => "revaluation_seconds",
            "revaluation_accounts" => "detail.revaluation_accounts_per_second",
            other => return Err(format!("native: unknown workload {other}")),
        };
        let value = value.parse().map_err(|_| format!("native: {line}"))?;
        results.set(path, value);
    }
    Ok(())
}
