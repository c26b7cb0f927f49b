// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The software TEE: TAs built for the host, each instance in a sandboxed process of its own.
//!
//! [`SoftTee::new`] makes one VM's TEE; nothing in it is shared with another's. What it does for the
//! device is in crate `tee`.

use std::path::PathBuf;
use std::time::Duration;

/// How to make a [`SoftTee`].
#[derive(Clone, Debug)]
pub struct Config {
    /// Name of the VM, for the log and for `gpd.tee.deviceID`.
    pub name: String,
    /// Folder with the TAs, as `<uuid>.ta`. Read when a session is opened: a TA may be added or
    /// replaced at any time.
    pub ta_dir: PathBuf,
    /// The program that a TA instance runs in: the `ta-runtime` of this build.
    pub ta_runtime: PathBuf,
    /// How much there may be of what.
    pub limits: Limits,
}

/// How much there may be of what in one VM's TEE.
#[derive(Clone, Debug)]
pub struct Limits {
    /// TA instances, each a process, at a time.
    pub instances: usize,
    /// Most bytes of private memory of an instance; a TA that declares less (`gpd.ta.dataSize`) gets
    /// no more than it declares.
    pub heap: u64,
    /// Most bytes of an instance's stack; a TA that needs more is refused.
    pub stack: u64,
    /// Most bytes of a TA file.
    pub ta_file: u64,
    /// How long a TA may take to come to an end once its client or its VM has gone; then it is
    /// killed.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            instances: 64,
            heap: 256 << 20,
            stack: 8 << 20,
            ta_file: 64 << 20,
            grace: Duration::from_secs(2),
        }
    }
}
