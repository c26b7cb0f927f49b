// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Parameters of a call: into the kernel's form and back.

use std::io;
use std::sync::Arc;

use tee::{Access, Failure, Lifetime, MemRef, Param};
use tee_uapi::raw::MAX_PARAMS;
use tee_uapi::uapi::{self, ATTR_MEMREF_INPUT, ATTR_NONE, ATTR_VALUE_INPUT, MEMREF_NULL};

use crate::context::Connection;
use crate::copies::{copy_in, copy_out};
use crate::driver::{Buffer, Shm};
use crate::error::failure;
use crate::memories::register;

/// The memory behind a parameter, for as long as the call lasts.
#[derive(Default)]
enum Hold {
    #[default]
    Nothing,
    /// Registered before, or for this call.
    Registered { _shm: Arc<Shm> },
    /// A buffer that is copied into the guest's memory afterwards, `size` bytes, if the TA may write it.
    Copy { buffer: Buffer, memref: MemRef, size: u64, back: bool },
}

/// Parameters as the kernel takes them.
pub(crate) struct Lowered<'a> {
    connection: &'a Connection,
    raw: [uapi::Param; MAX_PARAMS],
    count: usize,
    holds: [Hold; MAX_PARAMS],
}

/// The attribute of a direction, of a kind whose input is `input`.
fn attr(access: Access, input: u64) -> u64 {
    match access {
        Access::Input => input,
        Access::Output => input + 1,
        Access::InOut => input + 2,
    }
}

impl<'a> Lowered<'a> {
    /// Makes parameters ready to be sent, with the memory they lie in.
    pub(crate) fn new(connection: &'a Connection, params: &[Param]) -> Result<Self, Failure> {
        if params.len() > MAX_PARAMS {
            return Err(Failure::comms(tee::gp::ERROR_BAD_PARAMETERS));
        }
        let mut lowered = Self {
            connection,
            raw: [uapi::Param::default(); MAX_PARAMS],
            count: params.len(),
            holds: Default::default(),
        };
        let slots = lowered.raw.iter_mut().zip(&mut lowered.holds);
        for (param, (raw, hold)) in params.iter().zip(slots) {
            *raw = match param {
                Param::None => uapi::Param { attr: ATTR_NONE, ..Default::default() },
                Param::Value { access, a, b, c } => {
                    uapi::Param { attr: attr(*access, ATTR_VALUE_INPUT), a: *a, b: *b, c: *c }
                }
                Param::MemRef { access, buffer, size } => {
                    let (a, c) = match buffer {
                        None => (0, MEMREF_NULL),
                        Some(memref) => {
                            connection.hold(memref, *size, *access, hold).map_err(|error| failure(&error))?
                        }
                    };
                    uapi::Param { attr: attr(*access, ATTR_MEMREF_INPUT), a, b: *size, c }
                }
            };
        }
        Ok(lowered)
    }

    /// The parameters, for the ioctl.
    pub(crate) fn raw(&mut self) -> &mut [uapi::Param] {
        &mut self.raw[..self.count]
    }

    /// Takes over what the TEE made of the outputs, as it is, and gives back the memory.
    pub(crate) fn take_results(mut self, params: &mut [Param]) -> Result<(), Failure> {
        let mut result = Ok(());
        for (param, (raw, hold)) in params.iter_mut().zip(self.raw.iter().zip(&mut self.holds)) {
            match param {
                Param::Value { access, a, b, c } if *access != Access::Input => {
                    (*a, *b, *c) = (raw.a, raw.b, raw.c);
                }
                Param::MemRef { access, size, .. } if *access != Access::Input => *size = raw.b,
                _ => {}
            }
            if let Hold::Copy { buffer, memref, size, back: true } = hold {
                if let Err(error) = copy_out(&buffer.mapping, memref, *size) {
                    result = Err(failure(&error));
                }
            }
        }
        result
    }
}

impl Drop for Lowered<'_> {
    fn drop(&mut self) {
        for hold in &mut self.holds {
            if let Hold::Copy { buffer, .. } = std::mem::take(hold) {
                self.connection.copies.put(buffer);
            }
        }
    }
}

impl Connection {
    /// Makes the memory of a memref of `size` bytes known to the TEE. Returns the offset in it, and what
    /// the kernel calls it.
    fn hold(&self, memref: &MemRef, size: u64, access: Access, hold: &mut Hold) -> io::Result<(u64, u64)> {
        let driver = &*self.driver;
        let memory = &memref.memory;
        let transient = memory.lifetime() == Lifetime::Transient;
        if !self.vm.registers || transient && size <= self.vm.copy_up_to {
            let buffer = self.copies.take(driver, size)?;
            // What the TA is to write as well: it may write a part, and the rest is to stay as it is.
            copy_in(memref, size, &buffer.mapping)?;
            let name = buffer.shm.name();
            *hold = Hold::Copy { buffer, memref: memref.clone(), size, back: access != Access::Input };
            return Ok((0, name));
        }
        let shm = if transient {
            Arc::new(register(driver, memory)?)
        } else {
            self.memories.get(driver, memory)?
        };
        let name = shm.name();
        *hold = Hold::Registered { _shm: shm };
        Ok((memref.offset, name))
    }
}
