// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The page: its text, and what it claims.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::records::{self, Records, Test};
use super::subjects::{self, Subject};
use super::{read, GpCoverageError};
use crate::paths::workspace;

const HEAD: &str = "\
<!-- SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause -->
<!-- Written by `cargo run -p integration -- gp-coverage --update`. -->
# Coverage of the GP API

Every function that OP-TEE 4.5 offers to TAs of the GP TEE Internal Core API 1.3.1, and every algorithm, with a test that
exercises it through a TA in the software TEE. Nobody claims this by hand: the test TAs are linked so that they tell what they
call ([integration/tas/gp-coverage](../integration/tas/gp-coverage/gp_coverage.c)), and `.ci/run` holds this page against what
the tests' TAs have told in that very run. A function counts once it has returned, and, where it returns a `TEE_Result`, with
`TEE_SUCCESS`; an algorithm once an operation of it came to its end with success; a key once it was generated.

    cargo test -p soft-tee
    cargo run -p integration -- gp-coverage             # is this page true and whole?
    cargo run -p integration -- gp-coverage --update    # make it so

Where several tests exercise a thing, the one that does the least beside is named.
";

/// A row: what is to be covered, and by what it is.
struct Row {
    subject: Subject,
    test: Option<Test>,
}

/// A table.
struct Section {
    title: &'static str,
    head: &'static str,
    rows: Vec<Row>,
}

/// The page.
pub(super) struct Page {
    /// As it was read.
    text: String,
    sections: Vec<Section>,
}

impl Page {
    /// A page with all that is to be covered, and the tests that `text` names.
    pub(super) fn read(text: &str) -> Result<Self, GpCoverageError> {
        let named = named(text);
        let section = |title, head, subjects: Vec<Subject>| {
            let row = |subject: Subject| Row { test: named.get(&subject.name).cloned(), subject };
            Section { title, head, rows: subjects.into_iter().map(row).collect() }
        };
        let sections = vec![
            section("Functions", "| function | test |\n| --- | --- |", subjects::functions()?),
            section(
                "Algorithms",
                "| algorithm | number | test |\n| --- | --- | --- |",
                subjects::algorithms()?,
            ),
            section("Generated keys", "| type | number | test |\n| --- | --- | --- |", subjects::keys()?),
        ];
        Ok(Self { text: text.to_owned(), sections })
    }

    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.sections.iter().flat_map(|section| &section.rows)
    }

    /// Names tests where none is named, or one that does not do it any more.
    pub(super) fn fill(&mut self, records: &Records) {
        for row in self.sections.iter_mut().flat_map(|section| &mut section.rows) {
            let used = row.subject.record();
            if !row.test.as_ref().is_some_and(|test| records.holds(test, &used)) {
                row.test = records.best(&used).cloned();
            }
        }
    }

    /// What is wrong with the page by itself: empty cells, tests that are nowhere, and what was changed by hand.
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for Row { subject, test } in self.rows() {
            match test {
                None => faults.push(format!("{}: no test", subject.name)),
                Some(test) if !exists(test) => {
                    faults.push(format!("{}: there is no test {test}", subject.name));
                }
                Some(_) => {}
            }
        }
        if self.text != self.to_string() {
            faults.push("the page is not as it would be written".to_owned());
        }
        faults
    }

    /// What the page claims and the records do not.
    pub(super) fn false_claims(&self, records: &Records) -> Vec<String> {
        let is_false =
            |row: &&Row| row.test.as_ref().is_some_and(|test| !records.holds(test, &row.subject.record()));
        self.rows()
            .filter(is_false)
            .map(|Row { subject, test }| format!("{}: {} does not use it", subject.name, cell(test.as_ref())))
            .collect()
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEAD)?;
        for Section { title, head, rows } in &self.sections {
            write!(f, "\n## {title}\n\n{head}\n")?;
            for Row { subject: Subject { name, number }, test } in rows {
                write!(f, "| {name} |")?;
                if let Some(number) = number {
                    write!(f, " 0x{number:08X} |")?;
                }
                writeln!(f, " {} |", cell(test.as_ref()))?;
            }
        }
        Ok(())
    }
}

fn cell(test: Option<&Test>) -> String {
    test.map_or_else(String::new, |test| {
        let program = test.split("::").next().unwrap_or_default();
        format!("[{test}](../{})", records::source(program))
    })
}

/// The tests that a page names, by what they are named for.
fn named(text: &str) -> BTreeMap<String, Test> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    rows.filter_map(|row| {
        let (name, _) = row.split_once(" | ")?;
        let (_, cell) = row.rsplit_once(" | ")?;
        let (test, _) = cell.strip_prefix('[')?.split_once(']')?;
        Some((name.to_owned(), test.to_owned()))
    })
    .collect()
}

/// Whether there is such a test, as far as the sources tell.
fn exists(test: &str) -> bool {
    let Some((program, path)) = test.split_once("::") else { return false };
    let source = workspace().join(records::source(program));
    let function = format!("fn {}(", path.rsplit("::").next().unwrap_or(path));
    let says = |file: &Path| read(file).is_ok_and(|text| text.contains(&function));
    if !path.contains("::") {
        return says(&source);
    }
    // A test of a module, whose file may lie in any folder beside.
    let folder = source.parent().map(PathBuf::from).unwrap_or_default();
    source.is_file() && rust_files(&folder).iter().any(|file| says(file))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: &str = "ae::wycheproof_aes_gcm";

    #[test]
    fn what_is_written_is_read_again() {
        let mut page = Page::read("").unwrap();
        page.sections[0].rows[0].test = Some(TEST.into());
        page.sections[1].rows[2].test = Some(TEST.into());
        let again = Page::read(&page.to_string()).unwrap();
        assert_eq!(again.sections[0].rows[0].test.as_deref(), Some(TEST));
        assert_eq!(again.sections[1].rows[2].test.as_deref(), Some(TEST));
        assert_eq!(again.rows().filter(|row| row.test.is_some()).count(), 2);
        assert!(again.faults().iter().all(|fault| fault.ends_with(": no test")), "{:?}", again.faults());
    }

    #[test]
    fn what_is_wrong_is_told() {
        let mut page = Page::read("").unwrap();
        page.sections[0].rows[0].test = Some("ae::no_such_test".into());
        let name = &page.sections[0].rows[0].subject.name;
        let text = page.to_string().replace("# Coverage", "# Cover");
        let faults = Page::read(&text).unwrap().faults();
        assert_eq!(faults[0], format!("{name}: there is no test ae::no_such_test"));
        assert_eq!(faults.last().unwrap(), "the page is not as it would be written");
    }

    #[test]
    fn tests_are_found() {
        assert!(exists(TEST));
        assert!(!exists("ae::wycheproof_aes") && !exists("none::wycheproof_aes_gcm") && !exists("ae"));
    }
}
