// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Holds the headers of our TA dev kit against those of OP-TEE's own, as Debian packs it: every macro,
//! function and type that a TA can name is there and equal, but for what `docs/ta-headers.md` says.
//!
//! gcc and gdb read both; nothing here parses C.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod compare;
mod kit;

use std::collections::BTreeSet;
use std::fs;

use integration::paths::workspace;
use integration::provision;
use kit::Kit;

const PAGE: &str = "docs/ta-headers.md";

/// What the page says is different on purpose.
struct Page {
    headers: BTreeSet<String>,
    /// (Header, name); a name may end with `*`.
    names: BTreeSet<(String, String)>,
}

impl Page {
    /// Reads the page's tables: rows of headers and a reason, and of a header, names and a reason.
    fn read() -> Self {
        let text = fs::read_to_string(workspace().join(PAGE)).unwrap();
        let mut page = Self { headers: BTreeSet::new(), names: BTreeSet::new() };
        for row in text.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
            let quoted = |cell: &str| -> Vec<String> {
                cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
            };
            match cells[..] {
                [headers, _why] => page.headers.extend(quoted(headers)),
                [header, names, _why] => {
                    let header = &quoted(header)[0];
                    page.names.extend(quoted(names).into_iter().map(|name| (header.clone(), name)));
                }
                _ => panic!("{PAGE}: not a row of two or three cells: {row}"),
            }
        }
        page
    }

    /// The entry of the page that this difference is under.
    fn entry(&self, header: &str, name: &str) -> Option<&(String, String)> {
        self.names.iter().find(|(of, pattern)| {
            of == header && pattern.strip_suffix('*').map_or(name == pattern, |start| name.starts_with(start))
        })
    }
}

#[test]
fn a_ta_finds_the_names_that_op_tee_has() {
    let their_include = provision::optee_dev_kit().unwrap().join("include");
    let our_include = workspace().join("vhost-user-tee/ta-dev-kit/include");
    let page = Page::read();
    let out = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    for gp11 in [false, true] {
        let theirs = Kit::new(&their_include, &out.path().join("theirs"), gp11);
        let ours = Kit::new(&our_include, &out.path().join("ours"), gp11);
        let (their_headers, our_headers) = (theirs.headers(), ours.headers());
        // Mbed TLS is another project, which OP-TEE packs beside its own headers.
        for header in
            their_headers.iter().filter(|name| !name.starts_with("mbedtls") && !name.starts_with("psa/"))
        {
            match (our_headers.contains(header), page.headers.contains(header)) {
                (true, true) => wrong.push(format!("{header}: is there, though the page says it is not")),
                (false, false) => wrong.push(format!("{header}: is not there")),
                (false, true) => {}
                (true, false) => {
                    for difference in compare::header(header, &theirs, &ours) {
                        match page.entry(header, &difference.name) {
                            Some(entry) => drop(used.insert(entry.clone())),
                            None => wrong.push(format!("{}: {}", difference.name, difference.what)),
                        }
                    }
                }
            }
        }
        let gone = page.headers.difference(&their_headers);
        wrong.extend(gone.map(|header| format!("{header}: OP-TEE has no such header")));
    }
    let same = page.names.difference(&used);
    wrong.extend(
        same.map(|(header, name)| format!("{header}: {name}: is the same, though the page says not")),
    );
    wrong.sort();
    wrong.dedup();
    assert!(
        wrong.is_empty(),
        "headers differ from OP-TEE's otherwise than {PAGE} says:\n{}",
        wrong.join("\n")
    );
}
