// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The configuration: from the command line for one VM, from a TOML file for several.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use soft_tee::{SocketRule, SocketRuleError, DEFAULT_STORAGE};
use thiserror::Error;
use uuid::Uuid;

use crate::args::Args;
use crate::door::Protocol;
use crate::partition::Limits;
use crate::policy::{Logins, Policy};

/// Why there is no usable configuration.
#[derive(Debug, Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("{path}: cannot read the configuration: {why}", path = .0.display(), why = .1)]
    Read(PathBuf, #[source] io::Error),
    /// The file is not TOML, or has other keys than it may.
    #[error("{path}: {why}", path = .0.display(), why = .1)]
    Parse(PathBuf, String),
    /// A VM's table makes no sense.
    #[error("{path}: VM {name:?}: {what}", path = .0.display(), name = .1, what = .2)]
    Vm(PathBuf, String, &'static str),
    /// A VM's `ta-sockets` have what is no rule.
    #[error("{path}: VM {name:?}: ta-sockets: {what}", path = .0.display(), name = .1, what = .2)]
    Socket(PathBuf, String, #[source] SocketRuleError),
    /// No VM at all.
    #[error("{}: no [[vm]] table, so there is nothing to serve", .0.display())]
    Empty(PathBuf),
    /// The folder of the daemon's own program is not known.
    #[error("cannot find ta-runtime beside this program ({0}); name it with --ta-runtime")]
    Runtime(#[source] io::Error),
}

/// Where a VM's VMM connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// At a path.
    Path(PathBuf),
    /// On an inherited descriptor.
    Fd(RawFd),
}

/// One VM's configuration, complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VmConfig {
    /// Name in the log, unique.
    pub name: String,
    /// Where its VMM connects.
    pub listen: Listen,
    /// What its VMM speaks there.
    pub protocol: Protocol,
    /// Which TEE it has.
    pub tee: TeeConfig,
    /// What it may ask of it.
    pub policy: Policy,
    /// Request queues, 1 to 63.
    pub request_queues: u16,
    /// Whether to offer `VIRTIO_F_ACCESS_PLATFORM`.
    pub access_platform: bool,
    /// Quotas.
    pub limits: Limits,
}

/// A VM's TEE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TeeConfig {
    /// The software TEE.
    Soft(SoftConfig),
    /// The host's own.
    Kernel(KernelConfig),
}

/// A software TEE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoftConfig {
    /// Folder of the VM's TAs.
    pub ta_dir: PathBuf,
    /// Program a TA is loaded into.
    pub ta_runtime: PathBuf,
    /// Folder of what TEEs keep, a subfolder for each VM by its name; none where it lives in memory.
    pub state_dir: Option<PathBuf>,
    /// Where TAs may connect to.
    pub ta_sockets: Vec<SocketRule>,
    /// TA instances, each a process, at a time.
    pub max_instances: u32,
    /// Bytes that TAs may store.
    pub max_storage_bytes: u64,
}

/// A TEE of the host's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelConfig {
    /// Its device.
    pub device: PathBuf,
    /// Calls in it at a time, of all VMs that use it.
    pub calls: u32,
    /// Memory of a single call up to so many bytes is copied.
    pub copy_up_to: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    tee_calls: Option<u32>,
    #[serde(default)]
    vm: Vec<Table>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Table {
    name: Option<String>,
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
const MAX_INSTANCES: u32 = 64;
/// Default number of calls in a TEE of the host's: how many threads OP-TEE has unless it is built with more.
const TEE_CALLS: u32 = 2;
/// Default number of bytes up to which memory of one call is copied to a TEE of the host's.
const TEE_COPY_UP_TO: u64 = 4096;
/// Default number of request queues.
const REQUEST_QUEUES: u16 = 2;

/// The VMs that `args` ask for.
pub fn load(args: &Args) -> Result<Vec<VmConfig>, Error> {
    if let Some(path) = &args.config {
        let text = fs::read_to_string(path).map_err(|e| Error::Read(path.clone(), e))?;
        return parse(&text, path, args);
    }
    let table = Table {
        name: args.name.clone(),
        socket_path: args.socket_path.clone(),
        vfio_user_socket_path: args.vfio_user_socket_path.clone(),
        fd: args.fd,
        ..Table::default()
    };
    Ok(vec![table.complete(0, Path::new("command line"), args, args.tee_calls)?])
}

fn parse(text: &str, path: &Path, args: &Args) -> Result<Vec<VmConfig>, Error> {
    let file: File = toml::from_str(text).map_err(|e| Error::Parse(path.to_owned(), one_line(&e, text)))?;
    if file.vm.is_empty() {
        return Err(Error::Empty(path.to_owned()));
    }
    if file.tee_calls.is_some_and(|calls| !(1..=1024).contains(&calls)) {
        return Err(Error::Parse(path.to_owned(), "tee-calls must be 1 to 1024".into()));
    }
    let tee_calls = file.tee_calls.or(args.tee_calls);
    let vms = file
        .vm
        .into_iter()
        .enumerate()
        .map(|(index, table)| {
            let has_name = table.name.is_some();
            let vm = table.complete(index, path, args, tee_calls)?;
            if !has_name && matches!(&vm.tee, TeeConfig::Soft(SoftConfig { state_dir: Some(_), .. })) {
                // The names of VMs that have none change with their order, and with its name a VM gets the keys and
                // the objects of another.
                return Err(Error::Vm(path.to_owned(), vm.name, "with state-dir it needs a name of its own"));
            }
            Ok(vm)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let mut names = HashSet::new();
    for vm in &vms {
        if !names.insert(&vm.name) {
            return Err(Error::Vm(path.to_owned(), vm.name.clone(), "two VMs have this name"));
        }
        if vms.iter().filter(|other| other.listen == vm.listen).count() > 1 {
            return Err(Error::Vm(path.to_owned(), vm.name.clone(), "another VM listens there as well"));
        }
    }
    Ok(vms)
}

/// Where and what, without the excerpt that the error's own text draws.
fn one_line(error: &toml::de::Error, text: &str) -> String {
    let line =
        error.span().and_then(|span| text.get(..span.start)).map(|before| before.matches('\n').count() + 1);
    let message = error.message().replace('\n', " ");
    match line {
        Some(line) => format!("line {line}: {message}"),
        None => message,
    }
}

impl Table {
    fn complete(
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn from(text: &str) -> Result<Vec<VmConfig>, String> {
        let args = Args::parse_from(["vhost-user-tee", "--config", "c.toml", "--ta-dir", "/default"]);
        parse(text, Path::new("c.toml"), &args).map_err(|e| e.to_string())
    }

    #[test]
    fn a_file_of_two_vms() {
        let vms = from(
            r#"
            [[vm]]
            name = "a"
            vfio-user-socket-path = "/run/a"
            msix = false
            request-queues = 4
            [vm.limits]
            max-sessions = 7
            [[vm]]
            name = "b"
            fd = 5
            ta-dir = "/b"
            ta-runtime = "/rt"
            state-dir = "/s"
            ta-sockets = ["time.example.org:123", "10.0.0.0/8:*"]
            access-platform = true
            limits.max-storage-bytes = 4096
            "#,
        )
        .unwrap();
        assert_eq!(vms[0].name, "a");
        assert_eq!(vms[0].listen, Listen::Path("/run/a".into()));
        let TeeConfig::Soft(SoftConfig { ta_dir, ta_runtime, state_dir: None, .. }) = &vms[0].tee else {
            panic!("{:?}", vms[0].tee);
        };
        assert_eq!(
            (ta_dir.as_path(), ta_runtime.file_name().unwrap()),
            (Path::new("/default"), "ta-runtime".as_ref())
        );
        assert_eq!(vms[0].request_queues, 4);
        assert_eq!(vms[0].limits.max_sessions, 7);
        assert_eq!(vms[0].limits.max_runs, Limits::default().max_runs);
        assert_eq!(vms[1].name, "b");
        assert_eq!(vms[1].listen, Listen::Fd(5));
        assert_eq!(
            (vms[0].protocol, vms[1].protocol),
            (Protocol::VfioUser { msix: false }, Protocol::VhostUser)
        );
        let expected = SoftConfig {
            ta_dir: "/b".into(),
            ta_runtime: "/rt".into(),
            state_dir: Some("/s".into()),
            ta_sockets: vec!["time.example.org:123".parse().unwrap(), "10.0.0.0/8:*".parse().unwrap()],
            max_instances: MAX_INSTANCES,
            max_storage_bytes: 4096,
        };
        assert_eq!(vms[1].tee, TeeConfig::Soft(expected));
        assert_eq!(vms[1].request_queues, REQUEST_QUEUES);
        assert!(vms[1].access_platform);
    }

    #[test]
    fn a_tee_of_the_hosts_and_a_policy() {
        let vms = from(
            r#"
            tee-calls = 3
            [[vm]]
            fd = 5
            tee = "/dev/tee0"
            tee-copy-up-to = 0
            allow-tas = ["00000000-0000-0000-0000-000000000001"]
            deny-tas = ["00000000-0000-0000-0000-000000000002"]
            logins = "public"
            [[vm]]
            fd = 6
            tee = "/dev/tee0"
            [[vm]]
            fd = 7
            "#,
        )
        .unwrap();
        let kernel =
            |copy_up_to| TeeConfig::Kernel(KernelConfig { device: "/dev/tee0".into(), calls: 3, copy_up_to });
        assert_eq!((&vms[0].tee, &vms[1].tee), (&kernel(0), &kernel(TEE_COPY_UP_TO)));
        assert_eq!(vms[1].name, "vm1");
        let policy = Policy {
            allow: Some(HashSet::from([Uuid::from_u128(1)])),
            deny: HashSet::from([Uuid::from_u128(2)]),
            logins: Logins::Public,
        };
        assert_eq!(vms[0].policy, policy);
        let default = |logins| Policy { allow: None, deny: HashSet::new(), logins };
        assert_eq!(vms[1].policy, default(Logins::Refuse));
        assert_eq!(vms[2].policy, default(Logins::Guest));
    }

    #[test]
    fn the_command_lines_tee_is_for_tables_without_one() {
        let args = "vhost-user-tee --config c --tee /dev/tee1 --tee-calls 5 --deny-ta 00000000-0000-0000-0000-000000000003";
        let args = Args::parse_from(args.split(' '));
        let text = "[[vm]]\nfd = 3\n[[vm]]\nfd = 4\nta-dir = \"/b\"";
        let vms = parse(text, Path::new("c"), &args).unwrap();
        let device = "/dev/tee1".into();
        assert_eq!(
            vms[0].tee,
            TeeConfig::Kernel(KernelConfig { device, calls: 5, copy_up_to: TEE_COPY_UP_TO })
        );
        assert!(matches!(vms[1].tee, TeeConfig::Soft(_)));
        assert_eq!(vms[1].policy.deny, HashSet::from([Uuid::from_u128(3)]));
    }

    #[test]
    fn errors_are_one_line_with_the_path() {
        for (text, expected) in [
            ("", "no [[vm]] table"),
            ("[[vm]]\nsocket-path = 3", "line 2"),
            ("[[vm]]\nsocket-pth = \"x\"", "unknown field"),
            ("[[vm]", "line 1"),
            ("[[vm]]\nname = \"a\"", "needs socket-path"),
            ("[[vm]]\nsocket-path = \"x\"\nfd = 3", "only one of"),
            ("[[vm]]\nsocket-path = \"x\"\nvfio-user-socket-path = \"y\"", "only one of"),
            ("[[vm]]\nsocket-path = \"x\"\nmsix = true", "vfio-user-socket-path"),
            ("[[vm]]\nsocket-path = \"x\"\nrequest-queues = 0", "1 to 63"),
            ("[[vm]]\nsocket-path = \"x\"\nlimits.max-calls = 0", "max-calls"),
            ("tee-calls = 0\n[[vm]]\nfd = 3", "tee-calls"),
            ("[[vm]]\nfd = 3\ntee = \"/dev/tee0\"\nta-dir = \"/b\"", "only one of"),
            ("[[vm]]\nfd = 3\ntee = \"/dev/tee0\"\nlogins = \"guest\"", "cannot be passed"),
            ("[[vm]]\nfd = 3\nallow-tas = [\"1\"]", "line 3"),
            ("[[vm]]\nname = \"n\"\nfd = 3\n[[vm]]\nname = \"n\"\nfd = 4", "two VMs"),
            ("[[vm]]\nfd = 3\n[[vm]]\nfd = 3", "listens there"),
            ("[[vm]]\nfd = 3\nstate-dir = \"/s\"", "needs a name"),
            ("[[vm]]\nfd = 3\nname = \"../a\"\nstate-dir = \"/s\"", "a folder can have"),
            ("[[vm]]\nfd = 3\nname = \"..\"\nstate-dir = \"/s\"", "a folder can have"),
        ] {
            let error = from(text).unwrap_err();
            assert!(error.starts_with("c.toml: "), "{error}");
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
