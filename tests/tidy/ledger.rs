//! Checks `docs/contract.md`: every clause has a row, every row has a test, and every named test exists.

use super::{names::tests, sources};
use std::collections::BTreeSet;

/// The clauses that the ledger must contain, including those that are not served yet.
fn clauses() -> Vec<String> {
    let numbered = |letter: char, last: u32| (1..=last).map(move |number| format!("{letter}{number}"));
    let mut all: Vec<String> = Vec::new();
    for (letter, last) in [('H', 4), ('R', 13), ('S', 9), ('T', 6), ('W', 4), ('V', 2), ('G', 11)] {
        all.extend(numbered(letter, last));
    }
    all
}

struct Row {
    clause: String,
    provenance: String,
    tests: Vec<String>,
}

fn rows() -> Vec<Row> {
    let ledger = std::fs::read_to_string("docs/contract.md").unwrap();
    ledger
        .lines()
        .filter(|line| line.starts_with("| "))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>())
        .filter(|cells| cells.len() == 4 && cells[0] != "clause")
        .map(|cells| Row {
            clause: cells[0].to_owned(),
            provenance: cells[1].to_owned(),
            tests: cells[3].split('`').skip(1).step_by(2).map(str::to_owned).collect(),
        })
        .collect()
}

/// The names of all tests in the repository.
fn all_tests() -> BTreeSet<String> {
    let files = [sources("tests"), sources("src")].concat();
    files.iter().flat_map(|(_, text)| tests(text)).map(str::to_owned).collect()
}

#[test]
fn every_clause_has_a_row_and_every_row_a_test_that_exists() {
    let (rows, tests) = (rows(), all_tests());
    let mut problems = Vec::new();
    for clause in clauses() {
        if !rows.iter().any(|row| row.clause == clause) {
            problems.push(format!("{clause} has no row"));
        }
    }
    for row in &rows {
        if !clauses().contains(&row.clause) {
            problems.push(format!("{} is not a clause", row.clause));
        }
        if !["seed", "vendor", "assumed"].iter().any(|word| row.provenance.contains(word)) {
            problems.push(format!("{} does not say where it comes from", row.clause));
        }
        if row.tests.is_empty() && !row.provenance.contains("not served yet") {
            problems.push(format!("{} has no test", row.clause));
        }
        problems.extend(
            row.tests
                .iter()
                .filter(|test| !tests.contains(*test))
                .map(|test| format!("{}: no test {test}", row.clause)),
        );
    }
    assert!(problems.is_empty(), "{problems:#?}");
}
