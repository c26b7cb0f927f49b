// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The tables of a TOML file, and what completes them: the command line, and defaults.

use std::collections::HashSet;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use soft_tee::DEFAULT_STORAGE;
use uuid::Uuid;

use super::{Error, KernelConfig, Listen, SoftConfig, TeeConfig, VmConfig};
use crate::args::Args;
use crate::door::Protocol;
use crate::partition::Limits;
use crate::policy::{Logins, Policy};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct File {
    pub(super) tee_calls: Option<u32>,
    #[serde(default)]
    pub(super) vm: Vec<Table>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Table {
    pub(super) name: Option<String>,
    socket_path: Option<PathBuf>,
    vfio_user_socket_path: Option<PathBuf>,
    fd: Option<RawFd>,
    tee: Option<PathBuf>,
    tee_copy_up_to: Option<u64>,
    allow_tas: Option<HashSet<Uuid>>,
    deny_tas: Option<HashSet<Uuid>>,
    logins: Option<Logins>,
    ta_dir: Option<PathBuf>,
    ta_runtime: Option<PathBuf>,
    state_dir: Option<PathBuf>,
    ta_sockets: Option<Vec<String>>,
    request_queues: Option<u16>,
    access_platform: Option<bool>,
    msix: Option<bool>,
    #[serde(default)]
    limits: LimitsTable,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct LimitsTable {
    max_runs: Option<u32>,
    max_contexts: Option<u32>,
    max_sessions: Option<u32>,
    max_memories: Option<u32>,
    max_memory_bytes: Option<u64>,
    max_calls: Option<u32>,
    max_instances: Option<u32>,
    max_storage_bytes: Option<u64>,
}

/// Default number of TA instances.
pub(super) const MAX_INSTANCES: u32 = 64;
/// Default number of calls in a TEE of the host's: how many threads OP-TEE has unless it is built with more. What others
/// cost is measured: benches/README.md.
const TEE_CALLS: u32 = 2;
/// Default number of bytes up to which memory of one call is copied to a TEE of the host's.
pub(super) const TEE_COPY_UP_TO: u64 = 64 << 10;
/// Default number of request queues.
pub(super) const REQUEST_QUEUES: u16 = 2;

impl Table {
    /// The one VM of a command line.
    pub(super) fn of(args: &Args) -> Self {
        Self {
            name: args.name.clone(),
            socket_path: args.socket_path.clone(),
            vfio_user_socket_path: args.vfio_user_socket_path.clone(),
            fd: args.fd,
            ..Self::default()
        }
    }

    pub(super) fn complete(
        self,
        index: usize,
        path: &Path,
        args: &Args,
        tee_calls: Option<u32>,
    ) -> Result<VmConfig, Error> {
        let name = self.name.unwrap_or_else(|| format!("vm{index}"));
        let bad = |what| Error::Vm(path.to_owned(), name.clone(), what);
        if self.msix.is_some() && self.vfio_user_socket_path.is_none() {
            return Err(bad("msix is for vfio-user-socket-path"));
        }
        let msix = self.msix.unwrap_or(!args.no_msix);
        let (protocol, listen) = match (self.socket_path, self.vfio_user_socket_path, self.fd) {
            (Some(path), None, None) => (Protocol::VhostUser, Listen::Path(path)),
            (None, Some(path), None) => (Protocol::VfioUser { msix }, Listen::Path(path)),
            (None, None, Some(fd)) => (Protocol::VhostUser, Listen::Fd(fd)),
            (None, None, None) => return Err(bad("needs socket-path, vfio-user-socket-path or fd")),
            _ => return Err(bad("may have only one of socket-path, vfio-user-socket-path and fd")),
        };
        let state_dir = self.state_dir.or_else(|| args.state_dir.clone());
        if state_dir.is_some() && (matches!(&*name, "" | "." | "..") || name.contains(['/', '\0'])) {
            return Err(bad("with state-dir its name must be one that a folder can have"));
        }
        let request_queues = self.request_queues.or(args.request_queues).unwrap_or(REQUEST_QUEUES);
        if !(1..=63).contains(&request_queues) {
            return Err(bad("request-queues must be 1 to 63"));
        }
        let access_platform = self.access_platform.unwrap_or(args.access_platform);
        let limits = self.limits.complete().map_err(bad)?;
        let tee = match (self.tee, self.ta_dir) {
            (Some(_), Some(_)) => return Err(bad("may have only one of tee and ta-dir")),
            (None, None) => (args.tee.clone(), args.ta_dir.clone()),
            own => own,
        };
        let tee = match tee {
            (Some(device), _) => TeeConfig::Kernel(KernelConfig {
                device,
                calls: tee_calls.unwrap_or(TEE_CALLS),
                copy_up_to: self.tee_copy_up_to.or(args.tee_copy_up_to).unwrap_or(TEE_COPY_UP_TO),
            }),
            (None, Some(ta_dir)) => TeeConfig::Soft(SoftConfig {
                ta_dir,
                state_dir,
                ta_sockets: match self.ta_sockets {
                    Some(rules) => rules
                        .iter()
                        .map(|rule| rule.parse())
                        .collect::<Result<_, _>>()
                        .map_err(|error| Error::Socket(path.to_owned(), name.clone(), error))?,
                    None => args.ta_socket.clone(),
                },
                ta_runtime: match self.ta_runtime.or_else(|| args.ta_runtime.clone()) {
                    Some(path) => path,
                    None => std::env::current_exe().map_err(Error::Runtime)?.with_file_name("ta-runtime"),
                },
                max_instances: match self.limits.max_instances {
                    Some(0) => return Err(bad("max-instances must be at least 1")),
                    max => max.unwrap_or(MAX_INSTANCES),
                },
                max_storage_bytes: self.limits.max_storage_bytes.unwrap_or(DEFAULT_STORAGE),
            }),
            (None, None) => return Err(bad("needs ta-dir or tee")),
        };
        let logins = self.logins.or(args.logins);
        let logins = match &tee {
            TeeConfig::Soft(_) => logins.unwrap_or(Logins::Guest),
            TeeConfig::Kernel(_) if logins == Some(Logins::Guest) => {
                return Err(bad("logins of the guest cannot be passed to a TEE of the host's"));
            }
            TeeConfig::Kernel(_) => logins.unwrap_or(Logins::Refuse),
        };
        let listed = |uuids: &Vec<Uuid>| (!uuids.is_empty()).then(|| uuids.iter().copied().collect());
        let policy = Policy {
            allow: self.allow_tas.or_else(|| listed(&args.allow_ta)),
            deny: self.deny_tas.or_else(|| listed(&args.deny_ta)).unwrap_or_default(),
            logins,
        };
        Ok(VmConfig { name, listen, protocol, tee, policy, request_queues, access_platform, limits })
    }
}

impl LimitsTable {
    fn complete(&self) -> Result<Limits, &'static str> {
        let defaults = Limits::default();
        let count = |value: Option<u32>, default, max, error| match value {
            None => Ok(default),
            Some(value) if (1..=max).contains(&value) => Ok(value),
            Some(_) => Err(error),
        };
        Ok(Limits {
            max_params: defaults.max_params,
            max_runs: count(self.max_runs, defaults.max_runs, 1 << 20, "max-runs must be 1 to 1048576")?,
            max_contexts: count(
                self.max_contexts,
                defaults.max_contexts,
                1 << 20,
                "max-contexts must be 1 to 1048576",
            )?,
            max_sessions: count(
                self.max_sessions,
                defaults.max_sessions,
                1 << 20,
                "max-sessions must be 1 to 1048576",
            )?,
            max_memories: count(
                self.max_memories,
                defaults.max_memories,
                1 << 20,
                "max-memories must be 1 to 1048576",
            )?,
            max_memory_bytes: self.max_memory_bytes.unwrap_or(defaults.max_memory_bytes),
            max_calls: count(self.max_calls, defaults.max_calls, 1024, "max-calls must be 1 to 1024")?,
        })
    }
}
