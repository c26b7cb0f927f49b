// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A software TEE with the probe TA, and what tests share beside crate `tee-testing`.

#![allow(dead_code)] // Each test program uses some of it.
#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use soft_tee::{Config, Limits, SoftTee, State};
use tee::{Access, Context, Failure, Lifetime, Memory, Session, Tee};
#[allow(unused_imports)]
pub(crate) use tee_testing::{client::*, probe::*, ram::Ram};

pub(crate) const PAGE: u64 = 4096;

/// A TEE of its own, with the test TAs.
pub(crate) fn soft_tee(name: &str) -> SoftTee {
    soft_tee_with(name, |_| ())
}

/// The same, with other limits or folders.
pub(crate) fn soft_tee_with(name: &str, change: impl FnOnce(&mut Config)) -> SoftTee {
    let mut config = Config {
        name: soft_tee_testing::gp_coverage::vm_name(name),
        ta_dir: soft_tee_testing::test_tas().to_owned(),
        ta_runtime: soft_tee_testing::runtime().to_owned(),
        limits: Limits::default(),
        state: Arc::new(State::in_memory(soft_tee::DEFAULT_STORAGE).unwrap()),
        sockets: Vec::new(),
        denied: HashSet::new(),
    };
    change(&mut config);
    SoftTee::new(config).unwrap()
}

/// A context of `tee`.
pub(crate) fn context(tee: &SoftTee) -> Arc<dyn Context> {
    tee.open_context().unwrap()
}

/// Calls with one value; returns it as the TA left it.
pub(crate) fn invoke_value(
    session: &Arc<dyn Session>,
    func: u32,
    a: u64,
    b: u64,
) -> Result<(u64, u64), Failure> {
    let access = match func {
        SWAP => Access::InOut,
        COUNT => Access::Output,
        _ => Access::Input,
    };
    let mut params = [value(access, a, b)];
    invoke(session, func, &mut params)?;
    Ok(values(&params[0]))
}

/// Memory with these bytes, in a page of their own or more.
pub(crate) fn memory_with(bytes: &[u8]) -> (Ram, Arc<Memory>) {
    let pages = (bytes.len() as u64).div_ceil(PAGE).max(1);
    let ram = Ram::new(pages);
    ram.write(0, bytes);
    let memory = ram.memory(Lifetime::Transient, &[(0, pages)]);
    (ram, memory)
}

/// Waits until `condition` holds, for as long as a test may hang.
pub(crate) fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(60) {
        if condition() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{what}: not within a minute");
}

/// Processes whose parent is this one.
pub(crate) fn children() -> Vec<u32> {
    let path = "/proc/self/task";
    let mut children = Vec::new();
    for task in std::fs::read_dir(path).unwrap().flatten() {
        let list = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        children.extend(list.split_whitespace().map(|pid| pid.parse::<u32>().unwrap()));
    }
    children
}

/// Bytes of private memory of this process.
pub(crate) fn private_memory() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(5).unwrap().parse::<u64>().unwrap() * PAGE
}

/// Open file descriptors of this process.
pub(crate) fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Source of the TA [`MULTI`] that does nothing, with `more` added.
pub(crate) fn ta_source(more: &str) -> String {
    format!(
        "#include <tee_internal_api.h>
        #include <user_ta_header.h>
        const struct ta_head ta_head __attribute__((section(\".ta_head\"))) = {{
            .uuid = {{ 0x355ca50a, 0x8cb4, 0x4de0, {{ 0xa6, 0x33, 0x59, 0xe1, 0x7a, 0xfc, 0x16, 0xfb }} }},
            .stack_size = 4096,
        }};
        TEE_Result TA_CreateEntryPoint(void) {{ return TEE_SUCCESS; }}
        void TA_DestroyEntryPoint(void) {{ }}
        TEE_Result TA_OpenSessionEntryPoint(uint32_t t, TEE_Param p[4], void **s) {{ return TEE_SUCCESS; }}
        void TA_CloseSessionEntryPoint(void *s) {{ }}
        TEE_Result TA_InvokeCommandEntryPoint(void *s, uint32_t c, uint32_t t, TEE_Param p[4])
        {{ return TEE_SUCCESS; }}
        {more}"
    )
}
