// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The command line.

use std::os::fd::RawFd;
use std::path::PathBuf;

use clap::Parser;
use soft_tee::SocketRule;
use uuid::Uuid;

use crate::policy::Logins;

/// Command line of the daemon.
#[derive(Debug, Parser)]
#[command(
    name = "vhost-user-tee",
    version,
    about = "A virtio TEE device for virtual machines, over vfio-user or vhost-user",
    long_about = "\
Gives a virtual machine a TEE: /dev/tee0 in the guest; behind it Trusted Applications (TAs) in sandboxed \
processes on this host (--ta-dir), or the host's own TEE (--tee). The virtual machine monitor (VMM) connects \
to a socket; one VM at a time per socket, each with contexts, sessions, TA instances and secure storage of \
its own. A VM that goes away leaves nothing behind but what its TAs have stored, and may come back.",
    after_long_help = "\
EXAMPLES
  One VM, its TAs in ./tas (files named <uuid>.ta):
    vhost-user-tee --vfio-user-socket-path /run/vm0-tee.sock --ta-dir ./tas

  QEMU 10.1 or later for it. Guest memory must be shared:
    qemu-system-x86_64 … -object memory-backend-memfd,id=mem,size=1G,share=on \\
      -machine q35,memory-backend=mem \\
      -device '{\"driver\":\"vfio-user-pci\",\"socket\":{\"type\":\"unix\",\"path\":\"/run/vm0-tee.sock\"}}'

  cloud-hypervisor for it:
    cloud-hypervisor … --memory size=1G,shared=on --user-device socket=/run/vm0-tee.sock

  The same over vhost-user:
    vhost-user-tee --socket-path /run/vm0-tee.sock --ta-dir ./tas

  cloud-hypervisor for it:
    cloud-hypervisor … --memory size=1G,shared=on \\
      --generic-vhost-user socket=/run/vm0-tee.sock,virtio_id=46,queue_sizes=[256,256,256]

  The host's OP-TEE for a VM, which may open one of its TAs (PKCS#11) and no other:
    vhost-user-tee --vfio-user-socket-path /run/vm0-tee.sock --tee /dev/tee0 \\
      --allow-ta fd02c9da-306c-48c7-a49c-bbd827ae86ee

  Several VMs in one daemon:
    vhost-user-tee --config /etc/vhost-user-tee.toml
  with, for each:
    [[vm]]
    name = \"vm0\"
    socket-path = \"/run/vm0-tee.sock\"
    ta-dir = \"/var/lib/tas/vm0\"  # or tee = \"/dev/tee0\"
    allow-tas = [\"fd02c9da-306c-48c7-a49c-bbd827ae86ee\"]
    [vm.limits]                  # all of them optional; the defaults:
    max-contexts = 1024          # opens of /dev/tee0 at a time
    max-sessions = 256
    max-calls = 64               # in TAs at a time; further ones wait
    max-instances = 64           # TA processes at a time, with ta-dir
    max-storage-bytes = 67108864 # that its TAs may store, with ta-dir
    max-memories = 4096          # registered at a time
    max-memory-bytes = 4294967296
    max-runs = 16384             # page runs of one request
  The other keys of a [[vm]] table are this program's options: vfio-user-socket-path, fd,
  ta-runtime, state-dir, ta-sockets, request-queues, access-platform, msix (false for --no-msix),
  tee-copy-up-to, deny-tas, logins. Before the first table: tee-calls.

SIGNALS
  SIGTERM, SIGINT: no new calls; those under way have 5 seconds to end. Then exit with 0.

ENVIRONMENT
  RUST_LOG   what goes to the log on standard error: error, warn, info (default), debug

EXIT STATUS
  0 ended by a signal; 1 a VM could not be served; 2 the command line or configuration is wrong"
)]
pub struct Args {
    /// Listen here for a VMM that speaks vhost-user; a socket that nobody listens on any more is replaced
    #[arg(long, value_name = "PATH", required_unless_present_any = ["vfio_user_socket_path", "fd", "config", "print_capabilities"])]
    pub socket_path: Option<PathBuf>,

    /// Listen here for a VMM that speaks vfio-user: QEMU 10.1 and later, cloud-hypervisor
    #[arg(long, value_name = "PATH", conflicts_with_all = ["socket_path", "fd"])]
    pub vfio_user_socket_path: Option<PathBuf>,

    /// Listen for a vhost-user VMM on this inherited descriptor, a listening unix socket
    #[arg(long, value_name = "N", conflicts_with = "socket_path")]
    pub fd: Option<RawFd>,

    /// Serve the VMs of this TOML file; other options are defaults for them
    #[arg(long, value_name = "FILE", conflicts_with_all = ["socket_path", "vfio_user_socket_path", "fd", "name"])]
    pub config: Option<PathBuf>,

    /// Name of the VM, in the log and in --state-dir [default: vm0]
    #[arg(long)]
    pub name: Option<String>,

    /// Folder of the VM's TAs, files named UUID.ta
    #[arg(long, value_name = "DIR", required_unless_present_any = ["tee", "config", "print_capabilities"])]
    pub ta_dir: Option<PathBuf>,

    /// Program that a TA is loaded into [default: ta-runtime beside this program]
    #[arg(long, value_name = "PATH")]
    pub ta_runtime: Option<PathBuf>,

    /// Folder of what TEEs keep: secure storage and the device key, in a subfolder for each VM by its name, which with
    /// --config each has to have. Without it they live as long as this daemon
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,

    /// Where the TAs of --ta-dir may connect to: a name, an address, or address/bits, and a port or * (repeatable).
    /// Without it they have no network
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "tee")]
    pub ta_socket: Vec<SocketRule>,

    /// The host's own TEE for the VM, instead of --ta-dir: its device, such as /dev/tee0
    #[arg(long, value_name = "DEVICE", conflicts_with = "ta_dir")]
    pub tee: Option<PathBuf>,

    /// Calls in a TEE of the host's at a time, of all VMs together; the others wait, the VMs in turn. One
    /// less than the TEE has threads (OP-TEE: CFG_NUM_THREADS) leaves it one to cancel calls and close
    /// sessions with [default: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub tee_calls: Option<u32>,

    /// Copy memory of a single call to a TEE of the host's if it is no larger, rather than have the TEE map
    /// it; registered memory is never copied [default: 65536]
    #[arg(long, value_name = "BYTES")]
    pub tee_copy_up_to: Option<u64>,

    /// A TA that the VM may open, and no other than those so named; may be repeated. It may open other TAs itself, as
    /// it needs, but for those denied
    #[arg(long, value_name = "UUID")]
    pub allow_ta: Vec<Uuid>,

    /// A TA that the VM may not open; may be repeated. With --ta-dir its TAs may not either; what TAs of the host's TEE
    /// open is that TEE's affair
    #[arg(long, value_name = "UUID")]
    pub deny_ta: Vec<Uuid>,

    /// What becomes of logins of the guest's users and groups [default: guest with --ta-dir, refuse with
    /// --tee, which cannot have guest]
    #[arg(long, value_name = "WHAT")]
    pub logins: Option<Logins>,

    /// Request queues; the device has a control queue besides [default: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=63))]
    pub request_queues: Option<u16>,

    /// Offer VIRTIO_F_ACCESS_PLATFORM, which confidential guests need; with a virtual IOMMU over vfio-user
    /// only, where it is needed too
    #[arg(long)]
    pub access_platform: bool,

    /// Give the vfio-user device one interrupt line instead of an MSI-X vector for each queue: QEMU 11.1
    /// aborts when a device with MSI-X is unplugged
    #[arg(long)]
    pub no_msix: bool,

    /// Print what this back end is able to do, as JSON, and exit
    #[arg(long)]
    pub print_capabilities: bool,
}

/// What `--print-capabilities` prints (QEMU's vhost-user back end conventions).
pub fn capabilities() -> String {
    serde_json::json!({
        "type": "tee",
        "features": ["access-platform", "config-file", "host-tee", "multiple-vms", "policy", "software-tee", "vfio-user"],
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn something_to_serve_is_needed() {
        assert!(Args::try_parse_from(["vhost-user-tee"]).is_err());
        assert!(Args::try_parse_from(["vhost-user-tee", "--socket-path", "s"]).is_err());
        assert!(Args::try_parse_from(["vhost-user-tee", "--socket-path", "s", "--ta-dir", "d"]).is_ok());
        assert!(Args::try_parse_from(["vhost-user-tee", "--socket-path", "s", "--tee", "d"]).is_ok());
        let both = ["vhost-user-tee", "--socket-path", "s", "--tee", "d", "--ta-dir", "d"];
        assert!(Args::try_parse_from(both).is_err());
        assert!(Args::try_parse_from(["vhost-user-tee", "--config", "c"]).is_ok());
        assert!(Args::try_parse_from(["vhost-user-tee", "--config", "c", "--fd", "3"]).is_err());
        assert!(Args::try_parse_from(["vhost-user-tee", "--print-capabilities"]).is_ok());
    }

    #[test]
    fn capabilities_are_json() {
        let value: serde_json::Value = serde_json::from_str(&capabilities()).unwrap();
        assert_eq!(value["type"], "tee");
        assert!(value["features"].is_array());
    }
}
