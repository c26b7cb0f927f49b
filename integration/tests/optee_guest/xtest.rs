// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Debian's xtest in a guest, held against the tables of `docs/xtest-in-a-guest.md`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use integration::optee::OpteeVm;
use integration::paths::workspace;

use crate::common::Failure;

/// How long a run may take before it has hung: it depends on what else the machine does, and prints all along.
const HANG: Duration = Duration::from_secs(3600);

/// Where the tables are.
fn page() -> PathBuf {
    workspace().join("docs/xtest-in-a-guest.md")
}

/// Cases by their names, and whether they pass.
type Verdicts = BTreeMap<String, bool>;

/// What of a suite is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// All.
    Whole,
    /// The cases with one of these in their names.
    Named(&'static [&'static str]),
}

/// Runs a suite at level 0 in a guest; fails where anything is not as the page says.
pub(crate) fn run(vm: &OpteeVm, suite: &str, part: Part) -> Result<(), Failure> {
    let mut command = vec!["nested-guest", "xtest", "-l", "0", "-t", suite];
    if let Part::Named(names) = part {
        command.extend(names);
    }
    let output = vm.guest.start(&command)?.wait_within(HANG)?;
    let seen = verdicts(&output.stdout, suite);
    let passed = seen.values().filter(|passes| **passes).count();
    println!("xtest -l 0 -t {suite}: {passed} of {} cases pass in a guest", seen.len());
    assert!(!seen.is_empty(), "{}{}", output.stdout, output.stderr);
    let faults = faults(&table(suite)?, &seen, part);
    assert!(faults.is_empty(), "{}:\n{}\n{}", page().display(), faults.join("\n"), output.stdout);
    Ok(())
}

/// What xtest says of each case in the end.
fn verdicts(output: &str, suite: &str) -> Verdicts {
    let summary = output.split_once("Result of testsuite").map_or("", |(_, rest)| rest);
    summary
        .lines()
        .filter(|line| line.starts_with(&format!("{suite}_")))
        .filter_map(|line| line.split_once(' '))
        // Not the parts of cases.
        .filter(|(case, _)| !case.contains('.'))
        .map(|(case, verdict)| (case.to_owned(), verdict == "OK"))
        .collect()
}

/// What the page says of each case: rows begin with the case in backquotes, then whether it passes.
fn table(suite: &str) -> io::Result<Verdicts> {
    let begin = format!("| `{suite}_");
    let page = fs::read_to_string(page())?;
    let rows = page.lines().filter(|line| line.starts_with(&begin));
    Ok(rows
        .filter_map(|row| {
            let mut cells = row.split('|').map(|cell| cell.trim().trim_matches('`')).skip(1);
            Some((cells.next()?.to_owned(), cells.next()? == "passes"))
        })
        .collect())
}

/// Where a run is not as the page says.
fn faults(table: &Verdicts, seen: &Verdicts, part: Part) -> Vec<String> {
    let words = |passes: bool| if passes { "passes" } else { "fails" };
    let mut faults: Vec<String> = seen
        .iter()
        .filter_map(|(case, seen)| match table.get(case) {
            None => Some(format!("{case} {}, and has no row", words(*seen))),
            Some(said) if said != seen => Some(format!("{case} {}", words(*seen))),
            Some(_) => None,
        })
        .collect();
    let missing = table.keys().filter(|case| match part {
        Part::Whole => !seen.contains_key(*case),
        Part::Named(names) => !seen.contains_key(*case) && names.iter().any(|name| case.contains(name)),
    });
    faults.extend(missing.map(|case| format!("{case} was not run")));
    faults
}

#[test]
fn verdicts_are_those_of_the_summary() {
    let output =
        "regression_1 OK\nResult of testsuite regression:\nregression_1 FAILED first error at a.c:1\n\
                  regression_1.2 OK\nregression_2 OK\n2 test cases\n";
    let seen = verdicts(output, "regression");
    assert_eq!(seen, [("regression_1".to_owned(), false), ("regression_2".to_owned(), true)].into());
}

#[test]
fn a_run_is_held_against_all_rows_of_its_part() {
    let cases = |cases: &[(&str, bool)]| -> Verdicts {
        cases.iter().map(|(case, passes)| ((*case).to_owned(), *passes)).collect()
    };
    let table = cases(&[("a_1", true), ("a_2", false), ("a_31", true)]);
    assert_eq!(faults(&table, &table, Part::Whole), Vec::<String>::new());
    let seen = cases(&[("a_1", false), ("a_2", false), ("a_4", true)]);
    let expected = ["a_1 fails", "a_4 passes, and has no row", "a_31 was not run"];
    assert_eq!(faults(&table, &seen, Part::Whole), expected);
    assert_eq!(faults(&table, &cases(&[("a_2", false)]), Part::Named(&["2"])), Vec::<String>::new());
    assert_eq!(faults(&table, &cases(&[("a_2", false)]), Part::Named(&["2", "31"])), ["a_31 was not run"]);
}
