// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What `tee-guest record` has printed.

use std::collections::BTreeMap;

use serde_json::Value;

/// What came of each step, script by script, in order.
pub(crate) struct Records {
    scripts: BTreeMap<String, Vec<(String, Value)>>,
}

/// A step of which something else came.
#[derive(Debug, PartialEq)]
pub(crate) struct Difference {
    pub(crate) script: String,
    pub(crate) step: String,
    /// What came of it on either TEE; nothing where the script had ended with the TA.
    pub(crate) software: Value,
    pub(crate) op_tee: Value,
}

impl Records {
    /// Reads lines of JSON; those of people are passed over.
    pub(crate) fn read(text: &str) -> Result<Self, serde_json::Error> {
        let mut scripts: BTreeMap<String, Vec<(String, Value)>> = BTreeMap::new();
        for line in text.lines().filter(|line| line.starts_with('{')) {
            let mut record: Value = serde_json::from_str(line)?;
            if let (Some(script), Some(step)) = (record["script"].as_str(), record["step"].as_str()) {
                let (script, step) = (script.to_owned(), step.to_owned());
                scripts.entry(script).or_default().push((step, record["came"].take()));
            }
        }
        Ok(Self { scripts })
    }

    /// How many steps there are.
    pub(crate) fn len(&self) -> usize {
        self.scripts.values().map(Vec::len).sum()
    }

    /// How many of them met a dead TA, or killed it.
    pub(crate) fn deaths(&self) -> usize {
        self.scripts.values().flatten().filter(|(_, came)| came["ret"] == "0xffff3024").count()
    }

    /// Where something else came of a step with `op_tee`.
    pub(crate) fn differences(&self, op_tee: &Self) -> Vec<Difference> {
        let mut differences = Vec::new();
        let none = Vec::new();
        let names: std::collections::BTreeSet<_> = self.scripts.keys().chain(op_tee.scripts.keys()).collect();
        for script in names {
            let ours = self.scripts.get(script).unwrap_or(&none);
            let theirs = op_tee.scripts.get(script).unwrap_or(&none);
            for index in 0..ours.len().max(theirs.len()) {
                let (software, optee) = (ours.get(index), theirs.get(index));
                if software != optee {
                    let came = |record: Option<&(String, Value)>| record.map(|(_, came)| came.clone());
                    differences.push(Difference {
                        script: script.clone(),
                        step: software.or(optee).map(|(step, _)| step.clone()).unwrap_or_default(),
                        software: came(software).unwrap_or_default(),
                        op_tee: came(optee).unwrap_or_default(),
                    });
                }
            }
        }
        differences
    }
}

#[test]
fn what_differs_is_found() {
    let line = |script: &str, step: &str, ret: &str| {
        serde_json::json!({ "script": script, "step": step, "came": { "ret": ret } }).to_string()
    };
    let read = |lines: &[String]| Records::read(&lines.join("\n")).unwrap();
    let ours = read(&[line("a", "1", "0"), line("a", "2", "0xffff3024"), line("b", "1", "0")]);
    let theirs = read(&[line("a", "1", "0"), line("a", "2", "0"), line("a", "3", "0"), line("b", "1", "0")]);
    let steps: Vec<String> =
        ours.differences(&theirs).into_iter().map(|difference| difference.step).collect();
    assert_eq!(steps, ["2", "3"]);
    assert_eq!(ours.differences(&ours), []);
    assert_eq!((ours.len(), ours.deaths()), (3, 1));
}
