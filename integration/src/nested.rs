// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A guest whose TEE is a real OP-TEE: a machine with OP-TEE ([`optee`](crate::optee)), in it the daemon on
//! `/dev/tee0`, and beside that Debian's QEMU with a guest under KVM.
//!
//! ```text
//!   guest    command ── libteec ── tee.ko, virtio_tee.ko            Debian's kernel, EL1
//!     │ vfio-user
//!   machine  QEMU, vhost-user-tee ── /dev/tee0 ── optee.ko          Debian's kernel, EL2
//!     │ SMC
//!   OP-TEE                                                          secure world
//! ```
//!
//! The daemon can have the software TEE instead ([`SOFTWARE_TEE`]), with TAs that are built for arm64.
//!
//! In the machine, the program `nested-guest` boots a guest for one command, whose output and exit code
//! become its own. The guest has what the machine has, but no TA and no tee-supplicant. Beside it there is
//! `virtio-tee-frontend`, a VM without a guest, for what must begin and end quickly.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use cpio::newc::ModeFileType;

use crate::optee::{OpteeConfig, OpteeVm};
use crate::provision::NestedGuest;
use crate::vm::initramfs::{Archive, APPLETS};
use crate::vm::{Guest, GuestError, Running, VmError};

/// MiB of the machine, which holds the guest's.
const MEMORY_MIB: u32 = 3072;
/// Where the machine has all that is for the guest.
const FOLDER: &str = "nested";

/// Boots the guest, in the machine. Options of the daemon can be given in `TEE`.
const NESTED_GUEST: &str = r#"#!/bin/sh
# nested-guest COMMAND [ARGUMENT…]: runs a command in a guest that has a TEE.
# TEE: the daemon's options (default: --tee /dev/tee0); SOCKET: that of a daemon which runs already; QEMU: more of QEMU's; APPEND: more for the kernel's command line.
dir=/tmp/guest.$$
mkdir $dir
# The kernel takes what is between quotation marks for one word.
for word; do command="$command \"$word\""; done
socket=${SOCKET:-$dir/tee.sock}
if [ ! "$SOCKET" ]; then
	/nested/programs/vhost-user-tee --vfio-user-socket-path $socket ${TEE:---tee /dev/tee0} 2>$dir/daemon.log &
	daemon=$!
	while [ ! -S $socket ] && kill -0 $daemon 2>/dev/null; do sleep 0.1; done
fi
LD_LIBRARY_PATH=/nested/qemu/lib /nested/qemu/bin/qemu-system-aarch64 -nodefaults -no-user-config -display none \
	-machine virt,gic-version=host,memory-backend=mem -accel kvm -cpu host -smp 2 -m 512M \
	-object memory-backend-memfd,id=mem,size=512M,share=on -kernel /nested/vmlinuz -initrd /nested/initramfs \
	-device "{\"driver\":\"vfio-user-pci\",\"socket\":{\"type\":\"unix\",\"path\":\"$socket\"}}" \
	-serial stdio -no-reboot $QEMU -append "console=ttyAMA0 quiet panic=-1 rdinit=/sbin/run $APPEND --$command" |
	awk 'BEGIN { code = 125 } { sub("\r", "") } /^nested: exit [0-9]+$/ { code = $3; next } { print; fflush() } END { exit code }'
code=$?
if [ "$daemon" ]; then
	kill $daemon 2>/dev/null
	wait $daemon
	cat $dir/daemon.log >&2
fi
rm -r $dir
exit $code
"#;

/// The guest's first process.
const RUN: &str = r#"#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
ifconfig lo up
insmod /usr/lib/modules/tee.ko.xz && insmod /usr/lib/modules/virtio_tee.ko
"$@" </dev/null
echo "nested: exit $?"
# A change of the console's settings waits until all has gone out, which takes an emulated one its time.
stty -echo
poweroff -f
"#;

/// The daemon's options for a guest whose TEE is the software TEE, instead of the machine's OP-TEE: `TEE` of
/// `nested-guest`.
pub const SOFTWARE_TEE: &str = "--ta-dir /nested/tas";

/// The tests' own TA, for whom `virtio-tee-frontend` takes a UUID; `tee-guest` knows it as `probe`.
pub const PROBE: &str = "355ca50a-8cb4-4de0-a633-59e17afc16fb";
/// The same with one instance for all sessions, which stays: `probe-shared`.
pub const PROBE_SHARED: &str = "158c5fdd-5a4d-48db-892e-108b8581396a";

/// Where the machine has the daemon's socket for a VM.
pub fn socket(vm: &str) -> String {
    format!("/tmp/{vm}.sock")
}

/// Starts, in a machine, a daemon on its OP-TEE that serves VMs of those names, and stays for several guests;
/// returns it and its process number.
pub fn daemon<'a>(machine: &'a Guest, name: &str, vms: &[&str]) -> Result<(Running<'a>, u32), GuestError> {
    let tables = vms.iter().map(|vm| {
        format!("[[vm]]\nname = \"{vm}\"\nvfio-user-socket-path = \"{}\"\ntee = \"/dev/tee0\"\n", socket(vm))
    });
    let script = format!(
        "cat >/tmp/{name}.toml <<'END'\n{}END\necho \"process $$\"; \
         exec /{FOLDER}/programs/vhost-user-tee --config /tmp/{name}.toml 2>&1",
        tables.collect::<String>()
    );
    let mut daemon = machine.start(&["sh", "-euc", &script])?;
    let line = daemon.wait_for("process ")?;
    let pid = line.trim().rsplit(' ').next().and_then(|pid| pid.parse().ok()).unwrap_or_default();
    let there: String = vms.iter().map(|vm| format!("[ -S {} ] && ", socket(vm))).collect();
    machine.sh(&format!("i=0; until {there} true; do i=$((i+1)); [ $i -lt 600 ]; sleep 0.1; done"))?;
    Ok((daemon, pid))
}

/// Starts, in a machine, a guest that a [`daemon`] serves as `vm`, for one check of `tee-guest`.
pub fn guest<'a>(machine: &'a Guest, vm: &str, check: &str) -> Result<Running<'a>, GuestError> {
    machine.start(&["sh", "-c", &format!("SOCKET={} exec nested-guest tee-guest {check}", socket(vm))])
}

/// Boots a machine with `nested-guest` in it; its logs go to a folder of the name in `dir`.
pub fn boot(parts: &NestedGuest, dir: &Path, name: &str) -> Result<OpteeVm, VmError> {
    boot_with(parts, dir, name, "")
}

/// The same, with more for the command line of the machine's kernel.
pub fn boot_with(parts: &NestedGuest, dir: &Path, name: &str, append: &str) -> Result<OpteeVm, VmError> {
    let folder = dir.join(format!("{name}-guest"));
    let made = fs::create_dir_all(&folder).and_then(|()| write_guest(parts, &folder));
    made.map_err(|source| VmError::Prepare { path: folder.clone(), source })?;
    let root = &parts.host.root.dir;
    let mut config =
        OpteeConfig { memory_mib: MEMORY_MIB, append: append.to_owned(), ..OpteeConfig::new(name) };
    config.files = [
        ("vmlinuz", root.join("guest/vmlinuz")),
        ("initramfs", folder.join("initramfs")),
        ("programs", parts.programs.clone()),
        ("qemu", parts.qemu.clone()),
    ]
    .map(|(name, path)| (format!("{FOLDER}/{name}"), path))
    .into();
    let tas = software_tas(parts);
    config.files.extend(tas.map_err(|source| VmError::Prepare { path: parts.ta_dir.clone(), source })?);
    config.files.push(("usr/bin/nested-guest".to_owned(), folder.join("nested-guest")));
    config.files.push(("usr/bin/virtio-tee-frontend".to_owned(), parts.front_end.clone()));
    OpteeVm::boot(&parts.host, dir, &config)
}

/// The TAs of the software TEE, and where the machine has them.
fn software_tas(parts: &NestedGuest) -> io::Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(&parts.ta_dir)? {
        let entry = entry?;
        // Beside them are the objects that they are made of.
        if entry.path().extension().is_some_and(|extension| extension == "ta") {
            files.push((format!("{FOLDER}/tas/{}", entry.file_name().to_string_lossy()), entry.path()));
        }
    }
    Ok(files)
}

fn write_guest(parts: &NestedGuest, folder: &Path) -> io::Result<()> {
    let script = folder.join("nested-guest");
    fs::write(&script, NESTED_GUEST)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;

    let root = &parts.host.root.dir;
    let mut archive = Archive::new(File::create(folder.join("initramfs"))?);
    for folder in ["dev", "etc", "proc", "root", "sys", "tmp", "var", "usr", "usr/lib", "usr/lib/modules"] {
        archive.add(folder, ModeFileType::Directory, 0o755, &[])?;
    }
    archive.console()?;
    let host = root.join("optee/host/usr");
    for folder in ["bin", "sbin", "lib/aarch64-linux-gnu"] {
        archive.tree(&format!("usr/{folder}"), &host.join(folder))?;
    }
    archive.add(
        "usr/lib/ld-linux-aarch64.so.1",
        ModeFileType::Symlink,
        0o777,
        b"aarch64-linux-gnu/ld-linux-aarch64.so.1",
    )?;
    for folder in ["bin", "sbin", "lib"] {
        archive.add(folder, ModeFileType::Symlink, 0o777, format!("usr/{folder}").as_bytes())?;
    }
    for applet in APPLETS.iter().chain(&["ifconfig", "poweroff", "chmod", "mkdir", "stty"]) {
        archive.add(&format!("usr/bin/{applet}"), ModeFileType::Symlink, 0o777, b"busybox")?;
    }
    archive.file("usr/bin/tee-guest", &parts.host.guest.tee_guest, 0o755)?;
    archive.add("usr/sbin/run", ModeFileType::Regular, 0o755, RUN.as_bytes())?;
    let tee = format!("guest/usr/lib/modules/{}/kernel/drivers/tee/tee.ko.xz", parts.host.root.kernel);
    archive.file("usr/lib/modules/tee.ko.xz", &root.join(tee), 0o644)?;
    archive.file("usr/lib/modules/virtio_tee.ko", &parts.driver.module, 0o644)?;
    archive.finish()
}
