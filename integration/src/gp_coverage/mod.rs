// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! `docs/gp-coverage.md`: which test exercises which part of the GP API through a TA in the software TEE.
//!
//! ```text
//!   test TA ── log ── test program ── target/gp-coverage/<program>/<test>     soft_tee_testing::gp_coverage
//!                                              │
//!   gp-functions.txt, headers ── subjects ──── records ──── page
//! ```
//!
//! What the page claims is held against the records of the last run of each test: [`check`] changes nothing,
//! [`update`] writes the page anew. A test once named stays for as long as what it is named for is true, so that
//! new tests do not change the page.

mod page;
mod records;
mod subjects;

use std::path::{Path, PathBuf};
use std::{fs, io};

use thiserror::Error;

use crate::paths::workspace;
use page::Page;
use records::Records;

/// Why the page is not current, or could not be made so.
#[derive(Debug, Error)]
pub enum GpCoverageError {
    /// A file cannot be read or written.
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
    /// No test has left a record.
    #[error("{0}: no test has left a record there: cargo test -p soft-tee")]
    NoRecords(PathBuf),
    /// What is wrong with the page, line by line.
    #[error("{}:\n{}\nAfter cargo test -p soft-tee: cargo run -p integration -- gp-coverage --update", page_path().display(), .0.join("\n"))]
    Page(Vec<String>),
}

fn read(path: &Path) -> Result<String, GpCoverageError> {
    fs::read_to_string(path).map_err(|error| GpCoverageError::File(path.into(), error))
}

fn page_path() -> PathBuf {
    workspace().join("docs/gp-coverage.md")
}

fn verdict(faults: Vec<String>) -> Result<(), GpCoverageError> {
    if faults.is_empty() {
        Ok(())
    } else {
        Err(GpCoverageError::Page(faults))
    }
}

/// Whether the page has a row with a test for all there is, and each test did what it is named for when it last
/// ran. `records` is `target/gp-coverage`.
///
/// # Errors
///
/// If not: with a line for each row that is wrong.
pub fn check(records: &Path) -> Result<(), GpCoverageError> {
    let page = Page::read(&read(&page_path())?)?;
    let records = Records::read(records)?;
    let mut faults = page.faults();
    faults.extend(page.false_claims(&records));
    verdict(faults)
}

/// Writes the page from the records, keeping the tests that it names where they still do what they are named for.
///
/// # Errors
///
/// If files cannot be read or written, or a cell stays empty.
pub fn update(records: &Path) -> Result<(), GpCoverageError> {
    let path = page_path();
    let mut page = match read(&path) {
        Ok(text) => Page::read(&text)?,
        Err(GpCoverageError::File(_, error)) if error.kind() == io::ErrorKind::NotFound => Page::read("")?,
        Err(error) => return Err(error),
    };
    page.fill(&Records::read(records)?);
    let text = page.to_string();
    fs::write(&path, &text).map_err(|error| GpCoverageError::File(path, error))?;
    verdict(Page::read(&text)?.faults())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_whole() {
        let page = Page::read(&read(&page_path()).unwrap()).unwrap();
        assert_eq!(page.faults(), Vec::<String>::new());
    }
}
