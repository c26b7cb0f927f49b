// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What is plugged into a machine and pulled out of it while it runs.

use serde_json::json;

use super::config::MEMORY_PORT;
use super::{QmpError, TeeDevice, Vm};

/// Memory that is plugged into a running machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryKind {
    /// A memory module, all of it there at once.
    Dimm,
    /// A virtio-mem device, which gives the guest memory by and by.
    VirtioMem,
}

impl Vm {
    /// Pulls TEE device number `index` out; returns once the guest has let go of it.
    pub fn unplug(&self, index: usize) -> Result<(), QmpError> {
        let id = TeeDevice::id(index);
        let mut qmp = self.qmp();
        qmp.execute("device_del", json!({ "id": id }))?;
        qmp.wait_event(&["DEVICE_DELETED"], |data| data["device"] == id)?;
        if self.tees[index].needs_chardev() {
            qmp.execute("chardev-remove", json!({ "id": id }))?;
        }
        Ok(())
    }

    /// Plugs TEE device number `index` in again, served at the same socket.
    pub fn plug(&self, index: usize) -> Result<(), QmpError> {
        self.plug_as(index, &self.tees[index])
    }

    /// Plugs a TEE device in as number `index`: that of one that was pulled out, or the next after those
    /// that the machine was booted with.
    pub fn plug_as(&self, index: usize, tee: &TeeDevice) -> Result<(), QmpError> {
        let mut qmp = self.qmp();
        if tee.needs_chardev() {
            let address = json!({ "type": "unix", "data": { "path": tee.socket } });
            let backend = json!({ "type": "socket", "data": { "addr": address, "server": false } });
            qmp.execute("chardev-add", json!({ "id": TeeDevice::id(index), "backend": backend }))?;
        }
        qmp.execute("device_add", tee.arguments(index))?;
        Ok(())
    }

    /// Plugs memory in, `mib` of it, under a name that must be new to the machine.
    pub fn plug_memory(&self, kind: MemoryKind, name: &str, mib: u64) -> Result<(), QmpError> {
        let size = mib << 20;
        let memdev = backend(name);
        let mut qmp = self.qmp();
        // Shared memory, or the daemon cannot reach it.
        qmp.execute(
            "object-add",
            json!({ "qom-type": "memory-backend-memfd", "id": memdev, "size": size, "share": true }),
        )?;
        let arguments = match kind {
            MemoryKind::Dimm => json!({ "driver": "pc-dimm", "id": name, "memdev": memdev }),
            MemoryKind::VirtioMem => json!({
                "driver": "virtio-mem-pci", "id": name, "memdev": memdev, "requested-size": size,
                "bus": MEMORY_PORT,
            }),
        };
        qmp.execute("device_add", arguments)?;
        Ok(())
    }

    /// Pulls memory out; returns once the guest has given it up. It may refuse to: `false` then.
    pub fn unplug_memory(&self, kind: MemoryKind, name: &str) -> Result<bool, QmpError> {
        let mut qmp = self.qmp();
        if kind == MemoryKind::VirtioMem {
            // The guest gives it back by and by, and all of it or not.
            let path = format!("/machine/peripheral/{name}");
            let arguments = json!({ "path": path, "property": "requested-size", "value": 0 });
            qmp.execute("qom-set", arguments)?;
            qmp.wait_event(&["MEMORY_DEVICE_SIZE_CHANGE"], |data| data["id"] == name && data["size"] == 0)?;
        }
        qmp.execute("device_del", json!({ "id": name }))?;
        let answers = ["DEVICE_DELETED", "DEVICE_UNPLUG_GUEST_ERROR"];
        let answer = qmp.wait_event(&answers, |data| data["device"] == name)?;
        let is_gone = answer["event"] == "DEVICE_DELETED";
        if is_gone {
            qmp.execute("object-del", json!({ "id": backend(name) }))?;
        }
        Ok(is_gone)
    }
}

/// QEMU's name of what a piece of memory is made of.
fn backend(name: &str) -> String {
    format!("{name}-memory")
}
