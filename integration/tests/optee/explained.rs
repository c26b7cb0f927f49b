// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The differences that are explained: the tables of `docs/comparison-with-op-tee.md`.

use std::fs;
use std::io;
use std::path::PathBuf;

use integration::paths::workspace;

use crate::records::Difference;

/// How many unexplained differences are shown of one script.
const SHOWN: usize = 3;

/// A row of a table: what begins the names of the scripts, and what is in the names of the steps.
#[derive(Debug)]
struct Row {
    script: String,
    step: String,
}

impl Row {
    /// A row begins with the two in backquotes; other lines explain nothing.
    fn read(line: &str) -> Option<Self> {
        let mut cells = line.strip_prefix("| `")?.split('|').map(|cell| cell.trim().trim_matches('`'));
        Some(Self { script: cells.next()?.to_owned(), step: cells.next()?.to_owned() })
    }

    fn explains(&self, difference: &Difference) -> bool {
        difference.script.starts_with(&self.script)
            && (self.step == "any" || difference.step.contains(&self.step))
    }
}

/// All rows.
pub(crate) struct Explanations(Vec<Row>);

/// Where they are.
pub(crate) fn page() -> PathBuf {
    workspace().join("docs/comparison-with-op-tee.md")
}

impl Explanations {
    pub(crate) fn read() -> io::Result<Self> {
        Ok(Self(fs::read_to_string(page())?.lines().filter_map(Row::read).collect()))
    }

    /// What is not explained, and which row explains nothing that there is.
    pub(crate) fn faults(&self, differences: &[Difference]) -> Vec<String> {
        let mut faults = Vec::new();
        let mut shown = (String::new(), 0);
        for difference in differences {
            if self.0.iter().any(|row| row.explains(difference)) {
                continue;
            }
            if shown.0 != difference.script {
                shown = (difference.script.clone(), 0);
            }
            shown.1 += 1;
            if shown.1 <= SHOWN {
                let Difference { script, step, software, op_tee } = difference;
                faults.push(format!("{script}: {step}\n  software TEE {software}\n  OP-TEE       {op_tee}"));
            }
        }
        for row in &self.0 {
            if !differences.iter().any(|difference| row.explains(difference)) {
                faults.push(format!("{} {}: there is no such difference any more", row.script, row.step));
            }
        }
        faults
    }
}

#[test]
fn a_row_names_scripts_and_steps() {
    let difference = |script: &str, step: &str| Difference {
        script: script.to_owned(),
        step: step.to_owned(),
        software: 1.into(),
        op_tee: 2.into(),
    };
    let rows = ["| `a: ` | `Final` | why |", "| `b` | any | why |", "| scripts | steps | why |", "text"];
    let explanations = Explanations(rows.into_iter().filter_map(Row::read).collect());
    let explained = [difference("a: x", "CipherFinal 1"), difference("b", "x")];
    assert_eq!(explanations.faults(&explained), Vec::<String>::new());
    let faults = explanations.faults(&[difference("a: x", "Update"), difference("b", "x")]);
    assert_eq!(faults.len(), 2, "{faults:?}");
}
