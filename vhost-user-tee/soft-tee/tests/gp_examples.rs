// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The development kit's examples, in C and in Rust, built as its README says and loaded.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod common;

use std::os::unix::fs::FileExt;
use std::process::Command;

use common::*;
use soft_tee::SoftTee;
use tee::{gp, Access, CancelToken, Failure, Lifetime, Param};
use uuid::{uuid, Uuid};

const HELLO: [Uuid; 2] =
    [uuid!("429682e4-b32c-440f-80c3-e8cabee3494b"), uuid!("96624eea-dc34-4577-b581-8d7cc175a0ae")];
const SHA256: [Uuid; 2] =
    [uuid!("1f0bbc65-6edc-47e0-a439-82fd10076e14"), uuid!("b70dc700-035f-4417-9036-60fe4eb21f28")];

/// FIPS 180-4: SHA-256 of a million times "a".
const MILLION_A: &str = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

fn examples(name: &str) -> SoftTee {
    soft_tee_with(name, |config| config.ta_dir = soft_tee_testing::example_tas().to_owned())
}

#[test]
fn hello_increments() {
    let tee = examples("hello");
    for uuid in HELLO {
        let session = open(&context(&tee), uuid).unwrap();
        let mut params = [value(Access::InOut, 41, 7)];
        invoke(&session, 0, &mut params).unwrap();
        assert_eq!(values(&params[0]), (42, 7), "{uuid}");

        let mut params = [value(Access::Input, 41, 7)];
        let wrong_type = Err(Failure::trusted_app(gp::ERROR_BAD_PARAMETERS));
        assert_eq!(invoke(&session, 0, &mut params), wrong_type, "{uuid}");
        let unknown = Err(Failure::trusted_app(gp::ERROR_NOT_SUPPORTED));
        assert_eq!(invoke(&session, 1, &mut [value(Access::InOut, 0, 0)]), unknown, "{uuid}");
        session.close(&CancelToken::new());
    }
}

#[test]
fn sha256_is_over_the_clients_pages() {
    const LEN: u64 = 1_000_000;
    let pages = LEN.div_ceil(PAGE);
    let tee = examples("sha256");
    for uuid in SHA256 {
        let session = open(&context(&tee), uuid).unwrap();
        let ram = Ram::new(pages + 2);
        for page in 0..=pages {
            ram.set_page(page, b'a');
        }
        // Two runs, the second before the first in the file; the digest goes into the last page.
        let memory = ram.memory(Lifetime::Registered, &[(100, pages - 99), (0, 100)]);
        let result = ram.memory(Lifetime::Registered, &[(pages + 1, 1)]);
        for (room, expected) in [(31, Err(Failure::trusted_app(gp::ERROR_SHORT_BUFFER))), (64, Ok(()))] {
            let mut params =
                [memref(Access::Input, &memory, 0, LEN), memref(Access::Output, &result, 0, room)];
            assert_eq!(invoke(&session, 0, &mut params), expected, "{uuid}");
            assert!(matches!(params[1], Param::MemRef { size: 32, .. }), "{uuid}: {:?}", params[1]);
        }
        let mut digest = [0; 32];
        ram.file.read_exact_at(&mut digest, (pages + 1) * PAGE).unwrap();
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, MILLION_A, "{uuid}");
        session.close(&CancelToken::new());
    }
}

/// Every function of the API is declared by the kit's headers, and each header compiles alone.
#[test]
fn the_headers_are_whole() {
    let kit = concat!(env!("CARGO_MANIFEST_DIR"), "/../ta-dev-kit");
    let out = tempfile::tempdir().unwrap();
    let check = Command::new("sh")
        .arg(format!("{kit}/tests/headers.sh"))
        .args([out.path().as_os_str(), "cc".as_ref()])
        .output()
        .unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&check.stdout), String::from_utf8_lossy(&check.stderr));
    assert!(check.status.success(), "{stdout}{stderr}");
    assert!(stdout.contains("193 functions declared"), "{stdout}");
}
