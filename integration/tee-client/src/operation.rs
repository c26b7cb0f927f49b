// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Parameters of a call (GP TEE Client API 1.0, sections 4.3.5 to 4.3.9).

use std::io;
use std::sync::Arc;

use tee_uapi::Registered;

use crate::raw::{self, Device, UserBuffer};
use crate::uapi::{self, ATTR_MEMREF_INPUT, ATTR_NONE, ATTR_VALUE_INPUT, MEMREF_NULL};
use crate::{Cancellation, Error, SharedMemory};

/// Most parameters of a call.
pub const MAX_PARAMS: usize = raw::MAX_PARAMS;

/// Which way a parameter carries data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Client to TA.
    Input,
    /// TA to client.
    Output,
    /// Both ways.
    Inout,
}

impl Access {
    /// The attribute of this direction, of a kind whose input is `input`.
    fn attr(self, input: u64) -> u64 {
        match self {
            Self::Input => input,
            Self::Output => input + 1,
            Self::Inout => input + 2,
        }
    }
}

/// One parameter.
#[derive(Debug, Default)]
pub enum Param<'a> {
    /// Not used.
    #[default]
    None,
    /// Two numbers.
    Value {
        /// Direction.
        access: Access,
        /// First.
        a: u32,
        /// Second.
        b: u32,
    },
    /// A part of shared memory (`TEEC_MEMREF_PARTIAL_*`; `TEEC_MEMREF_WHOLE` if it is all).
    Memref {
        /// Direction.
        access: Access,
        /// The memory.
        memory: &'a SharedMemory,
        /// Where the part begins, in bytes.
        offset: usize,
        /// Its bytes.
        size: usize,
    },
    /// A memref without memory, by which TAs are asked how much they need.
    Null {
        /// Direction.
        access: Access,
        /// What it says its size is.
        size: usize,
    },
    /// `TEEC_MEMREF_TEMP_INPUT`: memory registered for this call alone.
    TemporaryInput(&'a [u8]),
    /// `TEEC_MEMREF_TEMP_OUTPUT`.
    TemporaryOutput(&'a mut [u8]),
    /// `TEEC_MEMREF_TEMP_INOUT`.
    TemporaryInout(&'a mut [u8]),
    /// What `TemporaryInput` is, without being registered: for drivers that take user buffers.
    UserInput(&'a [u8]),
    /// `TemporaryOutput`, likewise.
    UserOutput(&'a mut [u8]),
    /// `TemporaryInout`, likewise.
    UserInout(&'a mut [u8]),
}

impl<'a> Param<'a> {
    /// Two numbers.
    pub fn value(access: Access, a: u32, b: u32) -> Self {
        Self::Value { access, a, b }
    }

    /// All of a shared memory.
    pub fn whole(access: Access, memory: &'a SharedMemory) -> Self {
        Self::Memref { access, memory, offset: 0, size: memory.size() }
    }

    /// A part of a shared memory.
    pub fn partial(access: Access, memory: &'a SharedMemory, offset: usize, size: usize) -> Self {
        Self::Memref { access, memory, offset, size }
    }
}

/// Parameters of a call, and what the call made of them.
#[derive(Debug, Default)]
pub struct Operation<'a> {
    params: [Param<'a>; MAX_PARAMS],
    results: [uapi::Param; MAX_PARAMS],
    cancellation: Option<Cancellation>,
}

impl<'a> Operation<'a> {
    /// An operation with `params`, and none after them.
    pub fn new<const N: usize>(params: [Param<'a>; N]) -> Self {
        const { assert!(N <= MAX_PARAMS, "GP calls have four parameters") };
        let mut operation = Self::default();
        for (to, param) in operation.params.iter_mut().zip(params) {
            *to = param;
        }
        operation
    }

    /// Makes its calls cancellable, one call at a time. Take it before the call, use it during it
    /// in another thread.
    pub fn cancellation(&mut self) -> Cancellation {
        self.cancellation.get_or_insert_with(Cancellation::new).clone()
    }

    /// The two numbers of parameter `index` after the call: the TA's where it is output, else those
    /// that went in; zeros where it is no value.
    ///
    /// # Panics
    ///
    /// Where `index` is not below [`MAX_PARAMS`].
    pub fn value(&self, index: usize) -> (u32, u32) {
        match self.params[index] {
            // GP's values have 32 bits; Linux carries 64, of which TAs see the lower half.
            Param::Value { .. } => (self.results[index].a as u32, self.results[index].b as u32),
            _ => (0, 0),
        }
    }

    /// The size of memref `index` after the call: what the TA wrote or, where that is more than the
    /// buffer, would have needed; zero where it is no memref.
    ///
    /// # Panics
    ///
    /// Where `index` is not below [`MAX_PARAMS`].
    pub fn size(&self, index: usize) -> u64 {
        match self.params[index] {
            Param::None | Param::Value { .. } => 0,
            _ => self.results[index].b,
        }
    }

    /// Makes `call` with the parameters as the kernel takes them, and keeps what it leaves there.
    /// Temporary memrefs are registered around it.
    pub(crate) fn run<R>(
        &mut self,
        device: &Arc<Device>,
        memref_null: bool,
        session: u32,
        call: impl FnOnce(u32, &mut [uapi::Param], &mut [UserBuffer<'_>]) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let count = self.params.iter().rposition(|param| !matches!(param, Param::None)).map_or(0, |i| i + 1);
        let mut raw = [uapi::Param::default(); MAX_PARAMS];
        let mut registered: [Option<Registered<'_>>; MAX_PARAMS] = Default::default();
        // Read-only memory cannot be registered: the TA gets a copy, as with libteec.
        let mut copies: [Vec<u8>; MAX_PARAMS] = Default::default();
        let mut buffers: [UserBuffer<'_>; MAX_PARAMS] = Default::default();
        let slots = raw.iter_mut().zip(&mut registered).zip(&mut copies).zip(&mut buffers);
        for (index, (param, (((raw, registered), copy), buffer))) in
            self.params.iter_mut().zip(slots).enumerate()
        {
            let room = Room { registered, copy, buffer };
            *raw = lower(index, param, device, memref_null, room)?;
        }
        let result = match &self.cancellation {
            Some(cancellation) => cancellation
                .during(device, session, || call(cancellation.id(), &mut raw[..count], &mut buffers)),
            None => call(0, &mut raw[..count], &mut buffers),
        };
        self.results = raw;
        result
    }
}

/// Room for what a parameter needs until the call returns.
struct Room<'r, 'p> {
    registered: &'r mut Option<Registered<'p>>,
    copy: &'p mut Vec<u8>,
    buffer: &'r mut UserBuffer<'p>,
}

/// One parameter as the kernel takes it, unless it is a user buffer, which goes into `room`, as does what a
/// temporary memref needs.
fn lower<'p>(
    index: usize,
    param: &'p mut Param<'_>,
    device: &Arc<Device>,
    memref_null: bool,
    room: Room<'_, 'p>,
) -> Result<uapi::Param, Error> {
    let refused = |source| Error::Ioctl { ioctl: "TEE_IOC_SHM_REGISTER", source };
    let Room { registered, copy, buffer } = room;
    let (access, size) = match param {
        Param::UserInput(bytes) => {
            *buffer = UserBuffer::Input(bytes);
            return Ok(uapi::Param::default());
        }
        Param::UserOutput(bytes) => {
            *buffer = UserBuffer::Output(bytes);
            return Ok(uapi::Param::default());
        }
        Param::UserInout(bytes) => {
            *buffer = UserBuffer::Inout(bytes);
            return Ok(uapi::Param::default());
        }
        Param::None => return Ok(uapi::Param { attr: ATTR_NONE, ..Default::default() }),
        Param::Value { access, a, b } => {
            return Ok(uapi::Param {
                attr: access.attr(ATTR_VALUE_INPUT),
                a: u64::from(*a),
                b: u64::from(*b),
                c: 0,
            });
        }
        Param::Memref { access, memory, offset, size } => {
            if !memory.belongs_to(device) {
                return Err(Error::ForeignMemory { index });
            }
            return Ok(uapi::Param {
                attr: access.attr(ATTR_MEMREF_INPUT),
                a: *offset as u64,
                b: *size as u64,
                // The kernel's ids are positive.
                c: u64::from(memory.id().unsigned_abs()),
            });
        }
        Param::Null { access, size } => (*access, *size),
        Param::TemporaryInput(buffer) => (Access::Input, buffer.len()),
        Param::TemporaryOutput(buffer) => (Access::Output, buffer.len()),
        Param::TemporaryInout(buffer) => (Access::Inout, buffer.len()),
    };
    let memref = |id| uapi::Param { attr: access.attr(ATTR_MEMREF_INPUT), a: 0, b: size as u64, c: id };
    if size == 0 || matches!(param, Param::Null { .. }) {
        // Nothing cannot be registered either.
        return if memref_null { Ok(memref(MEMREF_NULL)) } else { Err(Error::NullMemref { index }) };
    }
    let buffer = match param {
        Param::TemporaryInput(buffer) => match Registered::input(device, buffer) {
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::FAULT.raw_os_error()) => {
                copy.extend_from_slice(buffer);
                Registered::new(device, copy)
            }
            result => result,
        },
        Param::TemporaryOutput(buffer) | Param::TemporaryInout(buffer) => Registered::new(device, buffer),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    };
    let buffer = registered.insert(buffer.map_err(refused)?);
    Ok(memref(u64::from(buffer.id().unsigned_abs())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device() -> Arc<Device> {
        Arc::new(Device::open("/dev/null".as_ref()).unwrap())
    }

    /// What the kernel would get.
    fn lowered(mut operation: Operation<'_>, memref_null: bool) -> Result<Vec<uapi::Param>, Error> {
        operation.run(&device(), memref_null, 1, |_, raw, _| Ok(raw.to_vec()))
    }

    #[test]
    fn values_are_lowered_in_place() {
        let params = [Param::None, Param::value(Access::Inout, 7, u32::MAX), Param::None];
        let raw = lowered(Operation::new(params), true).unwrap();
        assert_eq!(raw.len(), 2); // as far as the last one used
        assert_eq!(raw[0], uapi::Param::default());
        assert_eq!(raw[1], uapi::Param { attr: 3, a: 7, b: 0xffff_ffff, c: 0 });
        let raw = lowered(Operation::new([Param::value(Access::Output, 0, 0)]), true).unwrap();
        assert_eq!(raw[0].attr, 2);
        assert!(lowered(Operation::default(), true).unwrap().is_empty());
    }

    #[test]
    fn null_memrefs_need_the_capability() {
        let null = || Operation::new([Param::Null { access: Access::Output, size: 32 }]);
        let raw = lowered(null(), true).unwrap();
        assert_eq!(raw[0], uapi::Param { attr: 6, a: 0, b: 32, c: u64::MAX });
        assert!(matches!(lowered(null(), false), Err(Error::NullMemref { index: 0 })));
        let raw = lowered(Operation::new([Param::TemporaryInput(&[])]), true).unwrap();
        assert_eq!(raw[0], uapi::Param { attr: 5, a: 0, b: 0, c: u64::MAX });
    }

    #[test]
    fn results_are_kept_also_of_a_call_that_failed() {
        let mut operation = Operation::new([
            Param::value(Access::Output, 0, 0),
            Param::Null { access: Access::Output, size: 4 },
        ]);
        let result: Result<(), Error> = operation.run(&device(), true, 1, |_, raw, _| {
            raw[0].a = 5;
            raw[1].b = 64;
            Err(Error::NotRunning)
        });
        assert!(result.is_err());
        assert_eq!((operation.value(0), operation.size(1)), ((5, 0), 64));
        assert_eq!((operation.value(1), operation.size(0)), ((0, 0), 0));
    }

    #[test]
    fn a_temporary_memref_that_cannot_be_registered_is_an_error() {
        let mut bytes = [0; 16];
        let result = lowered(Operation::new([Param::TemporaryInout(&mut bytes)]), true);
        assert!(matches!(result, Err(Error::Ioctl { ioctl: "TEE_IOC_SHM_REGISTER", .. })));
    }

    #[test]
    fn only_a_cancellable_call_has_a_name() {
        let mut operation = Operation::default();
        assert_eq!(operation.run(&device(), true, 1, |id, _, _| Ok(id)).unwrap(), 0);
        let cancellation = operation.cancellation();
        assert_eq!(operation.run(&device(), true, 1, |id, _, _| Ok(id)).unwrap(), cancellation.id());
    }
}
