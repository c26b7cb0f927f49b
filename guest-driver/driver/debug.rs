// SPDX-License-Identifier: GPL-2.0

//! What there is to see of a device below `/sys/kernel/debug/virtio_tee-virtioN/`.

use kernel::{
    debugfs::{Dir, File},
    fmt,
    page::PAGE_SIZE,
    prelude::*,
    str::CString,
    sync::{atomic::Relaxed, Arc},
};

use pin_init::pin_init_scope;

use super::device::TeeDevice;

/// The files, until this is dropped.
#[pin_data]
pub(super) struct Debug {
    #[pin]
    limits: File<Arc<TeeDevice>>,
    #[pin]
    queues: File<Arc<TeeDevice>>,
    #[pin]
    contexts: File<Arc<TeeDevice>>,
    _dir: Dir,
}

impl Debug {
    pub(super) fn new(device: Arc<TeeDevice>) -> impl PinInit<Self, Error> {
        pin_init_scope(move || {
            let name = CString::try_from_fmt(fmt!("virtio_tee-{}", device.dev.name()))?;
            let dir = Dir::new(&name);
            Ok(try_pin_init!(Self {
                limits <- dir.read_callback_file(c"limits", device.clone(), &limits),
                queues <- dir.read_callback_file(c"queues", device.clone(), &queues),
                contexts <- dir.read_callback_file(c"contexts", device, &contexts),
                _dir: dir,
            }? Error))
        })
    }
}

/// What there is, and what the device allows, in a line each.
fn limits(device: &Arc<TeeDevice>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let start = device.queues.starts();
    let limits = &device.limits;
    writeln!(f, "starts {start}")?;
    let contexts = device.contexts.get(start);
    writeln!(f, "contexts {contexts} of {}", limits.contexts)?;
    let sessions = device.sessions.get(start);
    writeln!(f, "sessions {sessions} of {}", limits.sessions)?;
    let memories = device.memories.get(start);
    writeln!(f, "registered_memories {memories} of {}", limits.memories)?;
    let bytes = u64::from(device.memory_pages.get(start)) * PAGE_SIZE as u64;
    writeln!(f, "registered_bytes {bytes} of {}", limits.memory_bytes)?;
    writeln!(f, "params {}", limits.params)?;
    writeln!(f, "runs {}", limits.runs)
}

/// A line for each queue, below a heading.
fn queues(device: &Arc<TeeDevice>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(f, "queue in_flight submitted full interrupts")?;
    for (name, in_flight, counts) in device.queues.counts() {
        writeln!(
            f,
            "{} {in_flight} {} {} {}",
            name.to_str().unwrap_or_default(),
            counts.submitted,
            counts.full,
            counts.interrupts
        )?;
    }
    Ok(())
}

/// A line for each context, below a heading.
fn contexts(device: &Arc<TeeDevice>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(f, "context pid in_flight calls errors bytes")?;
    device.usages.for_each(|usage| {
        writeln!(
            f,
            "{} {} {} {} {} {}",
            usage.id,
            usage.pid,
            usage.in_flight.load(Relaxed),
            usage.calls.load(Relaxed),
            usage.errors.load(Relaxed),
            usage.bytes.load(Relaxed)
        )
    })
}
