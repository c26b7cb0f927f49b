// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What tests have left: what their TAs have used.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};

use super::{read, GpCoverageError};
use crate::paths::workspace;

/// A test of the software TEE, as `<program>::<path of the test>`.
pub(super) type Test = String;

/// The source of a test program, from the checkout's root.
pub(super) fn source(program: &str) -> String {
    format!("vhost-user-tee/soft-tee/tests/{program}.rs")
}

/// What each test has used when it last ran.
pub(super) struct Records(BTreeMap<Test, BTreeSet<String>>);

impl Records {
    /// Reads all records in `folder`, of test programs that there still are.
    pub(super) fn read(folder: &Path) -> Result<Self, GpCoverageError> {
        let mut records = BTreeMap::new();
        for program in entries(folder)? {
            let name = program.file_name().to_string_lossy().into_owned();
            if !workspace().join(source(&name)).is_file() {
                continue;
            }
            for test in entries(&program.path())? {
                let used = read(&test.path())?.lines().map(str::to_owned).collect();
                records.insert(format!("{name}::{}", test.file_name().to_string_lossy()), used);
            }
        }
        if records.is_empty() {
            return Err(GpCoverageError::NoRecords(folder.into()));
        }
        Ok(Self(records))
    }

    /// Whether `test` has used it.
    pub(super) fn holds(&self, test: &str, used: &str) -> bool {
        self.0.get(test).is_some_and(|all| all.contains(used))
    }

    /// Of the tests that have used it, the one that used the least: that is the one that is about it.
    pub(super) fn best(&self, used: &str) -> Option<&Test> {
        let those = self.0.iter().filter(|(_, all)| all.contains(used));
        those.min_by_key(|(_, all)| all.len()).map(|(test, _)| test)
    }
}

fn entries(folder: &Path) -> Result<Vec<DirEntry>, GpCoverageError> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => GpCoverageError::NoRecords(folder.into()),
        _ => GpCoverageError::File(PathBuf::from(folder), error),
    };
    fs::read_dir(folder).map_err(failed)?.collect::<Result<_, _>>().map_err(failed)
}
