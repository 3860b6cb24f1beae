//! `CASES.md` says what shows each case; here it is compared with the tests that there are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Names of all functions in test files, by the file's name in `CASES.md`.
fn functions() -> BTreeMap<String, Vec<String>> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = BTreeMap::new();
    for folder in [
        "tests",
        "crates",
        "programs/portfolio-margin/src",
        "benches",
    ] {
        read_folder(&workspace, &workspace.join(folder), &mut found);
    }
    found
}

fn read_folder(workspace: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<String>>) {
    let entries = std::fs::read_dir(folder).expect("a folder of the workspace");
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            read_folder(workspace, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source file");
            let names = text.split("fn ").skip(1);
            let names = names.map(|rest| rest.split(['(', '<']).next().unwrap_or_default());
            let file = path
                .strip_prefix(workspace)
                .expect("inside")
                .with_extension("");
            let names: Vec<String> = names.map(str::to_string).collect();
            found.entry(listed_name(&file)).or_default().extend(names);
        }
    }
}

/// `tests/oracle` is "oracle", `crates/risk-core/tests/model/laws` is "risk-core/laws".
fn listed_name(file: &Path) -> String {
    let parts: Vec<_> = file.iter().filter_map(|part| part.to_str()).collect();
    match &parts[..] {
        ["tests", rest @ ..] => rest.join("/"),
        ["crates", name, .., parent, "mod" | "main" | "lib"] => format!("{name}/{parent}"),
        ["crates", name, .., last] => format!("{name}/{last}"),
        ["programs", .., last] => format!("program/{last}"),
        [.., last] => (*last).to_string(),
        [] => String::new(),
    }
}

/// The numbers that a test's name cites: `case_16_17_checks` those two.
fn cited(name: &str) -> BTreeSet<u32> {
    let rest = name
        .strip_prefix("cases_")
        .or_else(|| name.strip_prefix("case_"));
    let words = rest.unwrap_or_default().split('_');
    let words =
        words.take_while(|word| ["and", "to"].contains(word) || word.parse::<u32>().is_ok());
    words.filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn every_case_is_shown_by_the_tests_that_the_table_names() {
    let functions = functions();
    let mut listed = BTreeSet::new();
    for line in include_str!("CASES.md").lines() {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [_, numbers, _, _, shown_by, _] = cells[..] else {
            continue;
        };
        let numbers: BTreeSet<u32> = numbers.split(", ").filter_map(|n| n.parse().ok()).collect();
        if numbers.is_empty() {
            continue;
        }
        let mut shown = BTreeSet::new();
        for item in shown_by.split(", ") {
            let (file, name) = item.split_once("::").unwrap_or((item, ""));
            let names = functions.get(file);
            let names = names.unwrap_or_else(|| panic!("{numbers:?}: there is no file {file:?}"));
            if name.is_empty() {
                let here: BTreeSet<_> = names.iter().flat_map(|name| cited(name)).collect();
                let some: BTreeSet<_> = here.intersection(&numbers).copied().collect();
                assert!(!some.is_empty(), "{numbers:?}: {file} cites none of them");
                shown.extend(some);
            } else {
                let is_there = names.iter().any(|test| test.starts_with(name));
                assert!(is_there, "{numbers:?}: {file} has no test {name}");
                shown.extend(&numbers);
            }
        }
        assert_eq!(shown, numbers, "nothing shows the rest");
        listed.extend(numbers);
    }
    let all: BTreeSet<u32> = (1..=78).collect();
    let missing: Vec<_> = all.difference(&listed).collect();
    assert!(missing.is_empty(), "no row for {missing:?}");
}
