// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The configuration: from the command line for one VM, from a TOML file for several.

mod table;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};

use soft_tee::{SocketRule, SocketRuleError};
use table::{File, Table};
use thiserror::Error;

use crate::args::Args;
use crate::door::Protocol;
use crate::partition::Limits;
use crate::policy::Policy;

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

/// The VMs that `args` ask for.
pub fn load(args: &Args) -> Result<Vec<VmConfig>, Error> {
    if let Some(path) = &args.config {
        let text = fs::read_to_string(path).map_err(|e| Error::Read(path.clone(), e))?;
        return parse(&text, path, args);
    }
    Ok(vec![Table::of(args).complete(0, Path::new("command line"), args, args.tee_calls)?])
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
