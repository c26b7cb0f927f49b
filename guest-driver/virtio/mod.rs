// SPDX-License-Identifier: GPL-2.0

//! Abstractions for drivers of virtio devices.
//!
//! To drive a virtio device, a module must do the following:
//!
//! - Implement [`Driver`] for a type, and register [`Adapter`] of it with
//!   [`kernel::driver::Registration`].
//! - Implement [`Token`] for the type of what it keeps with each buffer that the device has.
//! - In [`Driver::probe`], read the configuration with [`Device::read_config`], and make the
//!   [`Virtqueues`] and [start](Virtqueues::start) them.
//!
//! The types that have direct C counterparts are:
//!
//! - [`Device`]: `struct virtio_device`.
//! - [`Adapter`]: `struct virtio_driver`.
//! - [`Virtqueues`]: the `struct virtqueue`s of a device.
//! - [`Buffer`]: what `virtqueue_add_sgs()` takes, scatterlists and memory.
//!
//! A [`Buffer`] is memory that the device reads, memory that the device writes, and a token. It has
//! one owner at a time, and whoever does not own it has no way to its memory: the driver fills it,
//! [`Virtqueues::submit`] takes it away, [`Token::used`] gives it back once the device is done with
//! it. That is what makes it safe that the device writes to memory: nobody has a reference to it at
//! that time, and it is not freed, whatever becomes of the task that made the request.
//!
//! ```text
//!    driver -- Virtqueues::buffer --> Buffer -- submit --> queue -- device --+
//!                                                                            |
//!    driver <-- Token::deferred <-- Buffer::defer <-- Token::used <----------+
//!              (may sleep)                           (in an interrupt)
//! ```
//!
//! Queues are in groups, of which any queue will do. Where all of a group are full, `submit` waits,
//! and those who wait have their turn as buffers come back. When the device goes away, or breaks
//! the rules of its rings, it is reset, all buffers come back by [`Token::used`] without a
//! response, and `submit` fails with `ENODEV` from then on.

mod buffer;
mod device;
mod driver;
mod virtqueue;

pub(crate) use buffer::{Buffer, Token};
pub(crate) use device::Device;
pub(crate) use driver::{Adapter, DeviceId, Driver};
pub(crate) use virtqueue::{Rejected, Restarted, Submission, Virtqueues, Wait};
