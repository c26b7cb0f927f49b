// SPDX-License-Identifier: BSD-3-Clause
//! Shows that the comparison fails when it has to: each test spoils one side.

use crate::layout::differences;
use crate::{in_code, in_text, CODE, TEXT};

/// Replaces the only occurrence of `old`, so that a test cannot pass by changing nothing.
fn doctored(text: &str, old: &str, new: &str) -> String {
    assert_eq!(text.matches(old).count(), 1, "{old:?} does not occur once");
    text.replace(old, new)
}

/// What the comparison says of the doctored text and the crate as it is; of the text as it is and the
/// doctored crate, it has to say as much.
fn said_of_text(old: &str, new: &str) -> String {
    differences(&in_text(&doctored(TEXT, old, new)).unwrap(), &in_code(CODE).unwrap()).join("\n")
}

fn said_of_code(old: &str, new: &str) -> String {
    differences(&in_text(TEXT).unwrap(), &in_code(&doctored(CODE, old, new)).unwrap()).join("\n")
}

#[test]
fn sees_another_value() {
    let said = said_of_text("#define VIRTIO_TEE_S_BUSY               8", "#define VIRTIO_TEE_S_BUSY 18");
    assert!(said.starts_with("VIRTIO_TEE_S_BUSY: 18 (0x12) (description.tex:"), "{said}");
    let said = said_of_code("VIRTIO_TEE_S_BUSY: u32 = 8;", "VIRTIO_TEE_S_BUSY: u32 = 0x80;");
    assert!(said.starts_with("VIRTIO_TEE_S_BUSY: 8 (0x8) (description.tex:"), "{said}");
    assert!(said.contains("but 128 (0x80) (wire.rs:"), "{said}");
}

#[test]
fn sees_another_device_id_or_queue() {
    let said = said_of_text("\n46\n", "\n47\n");
    assert!(said.starts_with("VIRTIO_ID_TEE: 47 "), "{said}");
    let said = said_of_text(r"\item[0] controlq", r"\item[2] controlq");
    assert!(said.starts_with("VIRTIO_TEE_QUEUE_CONTROL: 2 "), "{said}");
}

#[test]
fn sees_a_missing_name_on_either_side() {
    let said = said_of_text("#define VIRTIO_TEE_S_IO                 10\n", "");
    assert!(said.starts_with("VIRTIO_TEE_S_IO: missing (description.tex) but 10 (0xa) (wire.rs:"), "{said}");
    let said = said_of_code("pub const VIRTIO_TEE_S_IO: u32 = 10;\n", "");
    assert!(said.contains("but missing (wire.rs)"), "{said}");
}

#[test]
fn sees_a_renamed_name() {
    let said = said_of_text("#define VIRTIO_TEE_S_IO  ", "#define VIRTIO_TEE_S_EIO  ");
    assert_eq!(said.lines().count(), 2, "{said}");
}

#[test]
fn sees_a_missing_structure_on_either_side() {
    let run = "struct virtio_tee_run {\n        le64 addr;\n        le64 len;\n};\n";
    let said = said_of_text(run, "");
    assert!(
        said.starts_with("struct virtio_tee_run: missing (description.tex) but 16 bytes (wire.rs:"),
        "{said}"
    );
    let said = said_of_text(run, &format!("{run}struct virtio_tee_more {{\n le32 x;\n}};\n"));
    assert!(said.starts_with("struct virtio_tee_more: 4 bytes (description.tex:"), "{said}");
}

#[test]
fn sees_another_type() {
    let said = said_of_text("        le64 max_memory_bytes;", "        le32 max_memory_bytes;");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.starts_with("struct virtio_tee_config, field max_memory_bytes: le32 at offset 40, 4 bytes"),
        "{said}"
    );
    let said = said_of_text("u8 client_uuid[16];", "u8 client_uuid[15];");
    assert!(said.contains("field client_uuid: u8[15] at offset 32, 15 bytes"), "{said}");
    assert!(said.contains("field client_login: le32 at offset 47, 4 bytes"), "{said}");
}

#[test]
fn sees_an_array_length_behind_a_name() {
    let said =
        said_of_text("#define VIRTIO_TEE_REVISION_LEN         64", "#define VIRTIO_TEE_REVISION_LEN 32");
    assert!(said.contains("field revision: u8[32] at offset 24, 32 bytes"), "{said}");
}

#[test]
fn sees_another_order() {
    let said = said_of_text(
        "        le32 max_params;\n        le32 max_runs;",
        "        le32 max_runs;\n        le32 max_params;",
    );
    assert_eq!(said.lines().count(), 2, "{said}");
    let said = said_of_code(
        "        /// Where it begins, a multiple of `Config::page_size`.\n        addr: U64,\n",
        "        /// Out of its place.\n        length: U64,\n",
    );
    assert!(said.contains("field addr: le64 at offset 0, 8 bytes"), "{said}");
    assert!(said.contains("field length: missing (description.tex)"), "{said}");
}

#[test]
fn sees_a_change_inside_a_nested_structure() {
    let header = "struct virtio_tee_response_header {\n        le32 status;\n        le32 reserved;\n};";
    let said = said_of_text(header, "struct virtio_tee_response_header {\n        le32 status;\n};");
    assert!(
        said.contains("struct virtio_tee_response_header, field reserved: missing (description.tex)"),
        "{said}"
    );
    assert!(said.contains("struct virtio_tee_open_device_resp, field context: le64 at offset 4"), "{said}");
}

#[test]
fn refuses_what_it_cannot_read() {
    let texts = [
        ("        le64 max_memory_bytes;", "        be64 max_memory_bytes;", "be64 is not defined"),
        ("        le64 max_memory_bytes;", "        le64 max_memory_bytes", "not a field"),
        (
            "#define VIRTIO_TEE_S_OK                 0",
            "#define VIRTIO_TEE_S_OK (1 << 0)",
            "neither a #define",
        ),
        ("#define VIRTIO_TEE_S_UNSUPP             1", "#define VIRTIO_TEE_S_OK 0", "already"),
        ("/* request queues */", "enum x { y };", "neither a #define nor a struct"),
        ("        le32 max_runs;", "        le32 max_params;", "two fields max_params"),
    ];
    for (old, new, expected) in texts {
        let said = in_text(&doctored(TEXT, old, new)).unwrap_err();
        assert!(said.starts_with("description.tex:") && said.contains(expected), "{said}");
    }
    let codes = [
        (
            "pub const VIRTIO_TEE_S_OK: u32 = 0;",
            "pub const VIRTIO_TEE_S_OK: u32 = 1 - 1;",
            "not a plain number",
        ),
        ("pub const VIRTIO_ID_TEE: u32 = 46;", "use std::fmt;", "the kernel does not have"),
        ("pub const VIRTIO_ID_TEE: u32 = 46;", "pub fn f() {}", "neither a constant nor a structure"),
    ];
    for (old, new, expected) in codes {
        let said = in_code(&doctored(CODE, old, new)).unwrap_err();
        assert!(said.starts_with("wire.rs:") && said.contains(expected), "{said}");
    }
}
