// SPDX-License-Identifier: GPL-2.0

//! The driver of the virtio TEE device.
//!
//! It is built on [`crate::virtio`] and [`crate::tee`], and contains no `unsafe`.
//!
//! ```text
//!   crate::tee -- tee::Driver --> ops --> call, context, memory --> device --> crate::virtio
//!                                                                     ^             |
//!                                                                  request <-- used +
//! ```
//!
//! - [`device`]: what there is once for each device; making requests and awaiting responses.
//! - [`request`]: a request on its way: who waits for it, what it keeps alive, what is left to do
//!   when nobody waits any more.
//! - [`context`]: OPEN_DEVICE and CLOSE_DEVICE.
//! - [`loan`]: memory that the device has for the time of a request.
//! - [`memory`]: REGISTER_MEM and UNREGISTER_MEM, and when to use them.
//! - [`call`]: OPEN_SESSION, INVOKE_FUNC, CLOSE_SESSION and CANCEL_REQ.
//! - [`arguments`]: the parameters of a call, and the memory that goes along.
//! - [`session`]: which sessions a context has.
//! - [`quota`]: how many contexts and sessions there are.
//! - [`config`]: the configuration space, checked.
//! - [`announce`]: TAs that the kernel has drivers for.
//! - [`usage`], [`debug`]: what clients use, and where it is to be seen.
//! - [`status`]: what errno a transport status is.
//!
//! # Waiting
//!
//! A client waits for the device until it answers or a fatal signal arrives. A client that is
//! killed leaves its request behind: the device is asked to cancel it, and buffer and memory stay
//! alive until the device gives them back, [`request`] says how.
//!
//! Three things wait without regard to signals. A call with memory of a client within the kernel
//! does, once the device has it: its pages are the client's to free when the call has returned. So
//! it is cancelled, but waited for. Taking back registered memory does, since its pages are freed
//! right after; and asking for what nobody waits for does, closing a context for one, while the
//! control queue is full. The last two need nothing but the device to be alive, no TEE, and
//! unbinding the device ends all three. With one exception: where a killed client has left calls
//! behind, its memory comes back with CLOSE_DEVICE, which waits for the TEE to end them;
//! [`context`] says why.
//!
//! The system can go to sleep while user space's calls are under way: their tasks are frozen as
//! they wait. No other wait is like that, since who waits may have locks: a client within the
//! kernel, or whoever binds or unbinds a driver of one.
//!
//! # When the device goes
//!
//! Unbinding resets the device and takes all buffers back. Calls that were under way fail with
//! `TEEC_ERROR_COMMUNICATION`, everything after that with `ENODEV`. Then it waits, as the TEE
//! subsystem does for any TEE, until the last client has closed its file descriptors.
//!
//! A device that breaks the rules of its rings, or does not give memory back, is reset likewise,
//! and stays unusable until it is reset once more, as by sleep, or bound anew: pages are not freed
//! while it has access to them.

#![forbid(unsafe_code)]

mod announce;
mod arguments;
mod call;
mod config;
mod context;
mod debug;
mod device;
mod loan;
mod memory;
mod ops;
mod probe;
mod quota;
mod request;
mod session;
mod status;
mod usage;

pub(crate) use probe::VirtioTee;
