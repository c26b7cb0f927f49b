// SPDX-License-Identifier: BSD-3-Clause
//! Holds the specification's text and the crate together.
//!
//! ```text
//!   description.tex ──text.rs──▶ Layout ─┐
//!                                        ├─ layout.rs ──▶ what differs, and on which lines
//!   wire.rs ─────────code.rs──▶ Layout ──┘
//!       └─ the compiler's own sizes ─────────▶ equal to those that code.rs adds up
//! ```
//!
//! Both are read as text, so that a failure can name lines on both sides. That the crate's
//! structures really are as `code.rs` adds them up follows from the compiler's sizes: fields in C's
//! order whose sizes add up to the structure's leave no room for padding.

mod code;
#[cfg(test)]
mod doctored;
mod layout;
mod text;

use std::collections::BTreeMap;
use std::mem::size_of;

use layout::{differences, Layout};

const TEXT: &str = include_str!("../../device-types/tee/description.tex");
const CODE: &str = include_str!("../../src/wire.rs");

/// The compiler's size of each structure, under the name that the text has for it.
macro_rules! compiled_sizes {
    ($($name:ident)*) => {
        BTreeMap::from([$((code::c_name(stringify!($name)), size_of::<virtio_tee_spec::$name>())),*])
    };
}

fn in_text(text: &str) -> Result<Layout, String> {
    text::read("description.tex", text)
}

fn in_code(code: &str) -> Result<Layout, String> {
    code::read("wire.rs", code)
}

#[test]
fn text_and_crate_are_equal() {
    let text = in_text(TEXT).unwrap();
    let code = in_code(CODE).unwrap();
    let differences = differences(&text, &code);
    assert!(differences.is_empty(), "the text and the crate differ:\n  {}", differences.join("\n  "));
}

#[test]
fn compiler_agrees_with_the_sizes() {
    let compiled = compiled_sizes! {
        Config RequestHeader ResponseHeader OpenDeviceResp GetVersionResp OpenSessionReq InvokeFuncReq CallResp
        CloseSessionReq CancelReq RegisterMemReq RegisterMemResp UnregisterMemReq Param ParamResult Run
    };
    let read: BTreeMap<_, _> =
        in_code(CODE).unwrap().structs.into_iter().map(|(name, structure)| (name, structure.size)).collect();
    assert_eq!(read, compiled);
}

#[test]
fn fields_are_naturally_aligned() {
    let layout = in_code(CODE).unwrap();
    for (name, structure) in &layout.structs {
        for field in &structure.fields {
            let alignment = match field.ty.as_str() {
                "le32" => 4,
                "le64" => 8,
                ty if ty.starts_with("u8[") => 1,
                _ => 8, // Structures: the strictest, as what follows one has to be aligned as well.
            };
            assert_eq!(field.offset % alignment, 0, "struct {name}, field {}", field.name);
        }
        assert_eq!(structure.size % 8, 0, "struct {name}: what follows it would not be aligned");
    }
}

/// Prose that speaks of a name which no listing defines is a slip.
#[test]
fn prose_names_what_the_listings_define() {
    let layout = in_text(TEXT).unwrap();
    let mut fields: Vec<&str> = vec!["device status"]; // Virtio's own.
    for structure in layout.structs.values() {
        fields.extend(structure.fields.iter().map(|field| field.name.as_str()));
    }
    for (line, text) in (1..).zip(TEXT.lines()) {
        for name in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            if name.starts_with("VIRTIO_TEE_") {
                assert!(layout.defines.contains_key(name), "line {line}: {name} is not defined");
            }
        }
    }
    for (before, rest) in TEXT.match_indices(r"\field{").map(|(at, _)| TEXT.split_at(at)) {
        let line = before.lines().count();
        let name = rest[r"\field{".len()..].split('}').next().unwrap();
        let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
        let known = match name.strip_prefix("struct ") {
            Some(structure) => layout.structs.contains_key(structure),
            None => fields.contains(&name.as_str()),
        };
        assert!(known, "near line {line}: {name} is not a field or a struct");
    }
}
