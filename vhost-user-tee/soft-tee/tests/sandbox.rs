// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Memory and limits of a TA's process: what it cannot get, neither in its entry points nor in its
//! constructors, which run before any of them.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod common;

use common::*;
use tee::{gp, Access, CancelToken, Failure, Lifetime};

const DEAD: Failure = Failure::tee(gp::ERROR_TARGET_DEAD);

const HEADERS: &str = "#define _GNU_SOURCE
    #include <errno.h>
    #include <stdlib.h>
    #include <string.h>
    #include <sys/mman.h>
    #include <sys/resource.h>
    #include <sys/syscall.h>
    #include <unistd.h>";

/// Where a TA's code runs.
#[derive(Clone, Copy, Debug)]
enum Place {
    Constructor,
    EntryPoint,
}

/// Both places.
const PLACES: [Place; 2] = [Place::Constructor, Place::EntryPoint];

/// A TEE, and the folder of its one TA.
struct Own {
    tee: soft_tee::SoftTee,
    _folder: tempfile::TempDir,
}

/// The TEE of the TA [`MULTI`] with this source.
fn own(source: &str) -> Own {
    let folder = tempfile::tempdir().unwrap();
    soft_tee_testing::compile(&format!("{HEADERS}\n{source}"), &folder.path().join(format!("{MULTI}.ta")));
    let tee = soft_tee_with("sandbox", |config| config.ta_dir = folder.path().to_owned());
    Own { tee, _folder: folder }
}

/// What opening a session comes to where the TA says in `place` whether `holds`; the session is closed.
fn outcome(place: Place, holds: &str) -> Option<Failure> {
    let holds = format!("int holds(void) {{ {holds} }}");
    let source = match place {
        Place::Constructor => ta_source(&format!(
            "{holds}
            __attribute__((constructor)) static void early(void) {{ held = holds(); }}"
        )),
        Place::EntryPoint => ta_source(&holds),
    };
    let (declared, ask) = match place {
        Place::Constructor => ("static int held;", "held"),
        Place::EntryPoint => ("int holds(void);", "holds()"),
    };
    let source = source.replace(
        "TEE_Result TA_CreateEntryPoint(void) { return TEE_SUCCESS; }",
        &format!(
            "{declared}
            TEE_Result TA_CreateEntryPoint(void) {{ return {ask} ? TEE_SUCCESS : TEE_ERROR_BAD_STATE; }}"
        ),
    );
    let own = own(&source);
    match open(&context(&own.tee), MULTI) {
        Ok(session) => {
            session.close(&CancelToken::new());
            None
        }
        Err(failure) => Some(failure),
    }
}

/// `realloc` asks for mremap from 128 KiB on, and goes without.
#[test]
fn large_blocks_grow_and_keep_their_content() {
    let grows = |realloc: &str| {
        format!(
            "size_t size, at; unsigned char *block = 0;
            for (size = 64 << 10; size <= 32 << 20; size *= 2) {{
                if (!(block = {realloc}(block, size))) return 0;
                for (at = 0; at < size / 2; at++)
                    if (size > 64 << 10 && block[at] != (unsigned char)(at * 7)) return 0;
                for (at = 0; at < size; at++)
                    block[at] = (unsigned char)(at * 7);
            }}
            for (; size >= 4096; size /= 2)
                if (!(block = {realloc}(block, size)) || block[4095] != (unsigned char)(4095 * 7)) return 0;
            return 1;"
        )
    };
    for place in PLACES {
        assert_eq!(outcome(place, &grows("realloc")), None, "{place:?}");
        assert_eq!(outcome(place, &grows("TEE_Realloc")), None, "{place:?}");
    }
}

#[test]
fn mappings_cannot_be_moved_or_grown() {
    let declined = "void *page = mmap(0, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return page != MAP_FAILED && mremap(page, 4096, 8192, MREMAP_MAYMOVE) == MAP_FAILED && errno == EPERM
            && mremap(page, 8192, 4096, 0) == MAP_FAILED && errno == EPERM;";
    for place in PLACES {
        assert_eq!(outcome(place, declined), None, "{place:?}");
    }
}

/// The pages beside those that a call is about are the guest's own affair.
#[test]
fn a_view_of_guest_memory_cannot_be_grown_or_doubled() {
    let source = ta_source("").replace(
        "uint32_t c, uint32_t t, TEE_Param p[4])\n        { return TEE_SUCCESS; }",
        "uint32_t c, uint32_t t, TEE_Param p[4])
        {
            void *page = p[0].memref.buffer;
            if (*(char *)page != 1) return TEE_ERROR_BAD_PARAMETERS;
            if (mremap(page, 4096, 8192, MREMAP_MAYMOVE) != MAP_FAILED) return TEE_ERROR_SECURITY;
            if (mremap(page, 0, 8192, MREMAP_MAYMOVE) != MAP_FAILED) return TEE_ERROR_SECURITY;
            return errno == EPERM ? TEE_SUCCESS : TEE_ERROR_BAD_STATE;
        }",
    );
    assert!(source.contains("mremap"));
    let own = own(&source);
    let session = open(&context(&own.tee), MULTI).unwrap();
    let ram = Ram::new(2);
    ram.set_page(0, 1);
    ram.set_page(1, 2);
    let memory = ram.memory(Lifetime::Transient, &[(0, 1)]);
    invoke(&session, NOP, &mut [memref(Access::Input, &memory, 0, PAGE)]).unwrap();
    session.close(&CancelToken::new());
}

/// Only memory that counts, and views of files.
#[test]
fn memory_comes_in_kinds_that_count() {
    let mmap = |flags: &str| {
        format!(
            "return mmap(0, 4096, PROT_READ | PROT_WRITE, {flags}, -1, 0) != MAP_FAILED || errno == EBADF;"
        )
    };
    for place in PLACES {
        for allowed in ["MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE", "MAP_PRIVATE", "MAP_SHARED"] {
            assert_eq!(outcome(place, &mmap(allowed)), None, "{place:?}, {allowed}");
        }
        for forbidden in [
            "MAP_SHARED | MAP_ANONYMOUS",
            "MAP_SHARED_VALIDATE | MAP_ANONYMOUS",
            "MAP_SHARED_VALIDATE",
            "MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN",
            "MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB",
        ] {
            assert_eq!(outcome(place, &mmap(forbidden)), Some(DEAD), "{place:?}, {forbidden}");
        }
    }
}

/// What newer C libraries keep the state of their random numbers in; kernels before 6.11 do not have it.
#[test]
fn memory_that_may_be_dropped_counts_too() {
    let counts = "int access = PROT_READ | PROT_WRITE, kind = 0x08 /* MAP_DROPPABLE */ | MAP_ANONYMOUS;
        return (mmap(0, 4096, access, kind, -1, 0) != MAP_FAILED || errno == EINVAL)
            && mmap(0, 300 << 20, access, kind, -1, 0) == MAP_FAILED;";
    for place in PLACES {
        assert_eq!(outcome(place, counts), None, "{place:?}");
    }
}

/// The default limit is 256 MiB.
#[test]
fn private_memory_is_limited_from_the_first_instruction() {
    for place in PLACES {
        assert_eq!(outcome(place, "return malloc(200 << 20) && !malloc(200 << 20);"), None, "{place:?}");
    }
}

#[test]
fn limits_are_not_the_tas_to_change() {
    let lower = "struct rlimit limit = { 64 << 20, 64 << 20 };
        return !syscall(SYS_prlimit64, 0, RLIMIT_DATA, &limit, 0);";
    // Even then the sandbox closes: it never needs to raise one.
    assert_eq!(outcome(Place::Constructor, lower), None);
    assert_eq!(outcome(Place::EntryPoint, lower), Some(DEAD));
    let raise = "struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
        return syscall(SYS_prlimit64, 0, RLIMIT_DATA, &limit, 0) && errno == EPERM;";
    assert_eq!(outcome(Place::Constructor, raise), None);
    let others = format!("syscall(SYS_prlimit64, {}, RLIMIT_DATA, 0, 0); return 1;", std::process::id());
    for place in PLACES {
        assert_eq!(outcome(place, &others), Some(DEAD), "{place:?}");
    }
}
