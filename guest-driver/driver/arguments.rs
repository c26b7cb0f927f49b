// SPDX-License-Identifier: GPL-2.0

//! The parameters of a call, from the TEE subsystem's form to the device's.

use core::ptr;

use kernel::{page::PAGE_SIZE, prelude::*};
use zerocopy::byteorder::little_endian::U32;

use super::{config::Limits, context::Context, loan::Loan, memory, probe::VirtioTee};
use crate::{
    tee::{Access, MemRef, Param, Params, Shm},
    wire,
};

/// Where a call finds memory.
enum Place {
    Registered { id: u64 },
    Transient { num_runs: u32, offset: u64 },
}

/// The parameters of a call, as the device wants them.
pub(super) struct Arguments {
    pub(super) params: KVec<wire::Param>,
    pub(super) runs: KVVec<wire::Run>,
    pub(super) memories: KVec<Loan>,
}

impl Arguments {
    pub(super) fn new(context: &Context, params: &Params<'_, VirtioTee>) -> Result<Self> {
        context.check()?;
        let limits = &context.device.limits;
        if params.len() > limits.params {
            return Err(EINVAL);
        }
        // Most buffers are within a page, and so one run.
        let is_memref = |param: &Param<'_, _>| matches!(param, Param::MemRef { .. });
        let memrefs = params.iter().filter(is_memref).count();
        let mut this = Self {
            params: KVec::with_capacity(params.len(), GFP_KERNEL)?,
            runs: KVVec::with_capacity(memrefs, GFP_KERNEL)?,
            memories: KVec::with_capacity(memrefs, GFP_KERNEL)?,
        };
        for param in params.iter() {
            let param = this.param(limits, &param)?;
            this.params.push(param, GFP_KERNEL)?;
        }
        Ok(this)
    }

    pub(super) fn num_params(&self) -> U32 {
        // CAST: At most `Limits::params`, which was 32 bits.
        (self.params.len() as u32).into()
    }

    pub(super) fn num_runs(&self) -> U32 {
        // CAST: At most `Limits::runs`, which was 32 bits.
        (self.runs.len() as u32).into()
    }

    fn param(&mut self, limits: &Limits, param: &Param<'_, VirtioTee>) -> Result<wire::Param> {
        let mut out = wire::Param {
            attr: attribute(param).into(),
            num_runs: 0.into(),
            a: 0.into(),
            b: 0.into(),
            c: 0.into(),
        };
        match param {
            Param::None => (),
            Param::Value {
                values: [a, b, c], ..
            } => {
                out.a = (*a).into();
                out.b = (*b).into();
                out.c = (*c).into();
            }
            // The subsystem has refused it to user space, but not to clients within the kernel.
            Param::MemRef { memory: None, .. } if !limits.takes_null() => return Err(EINVAL),
            Param::MemRef {
                memory: None, size, ..
            } => {
                out.b = (*size).into();
                out.c = wire::VIRTIO_TEE_MEMORY_NULL.into();
            }
            // No memory is larger than this, registered or not.
            Param::MemRef { size, .. } if *size > limits.memory_bytes => return Err(ENOMEM),
            Param::MemRef {
                access,
                memory: Some(memref),
                size,
            } => {
                let loan = match memref {
                    MemRef::Shared { shm, offset } => Loan::shared(shm, *access, *offset, *size),
                    MemRef::User(range) => Loan::user(range.hold()?, *access, *size),
                };
                out.b = (*size).into();
                match self.place(limits, &loan)? {
                    Place::Registered { id } => {
                        out.a = loan.start().into();
                        out.c = id.into();
                    }
                    Place::Transient { num_runs, offset } => {
                        out.attr = (out.attr.get() | wire::VIRTIO_TEE_ATTR_TRANSIENT).into();
                        out.num_runs = num_runs.into();
                        out.a = offset.into();
                    }
                }
                self.memories.push(loan, GFP_KERNEL)?;
            }
        }
        Ok(out)
    }

    /// Registers memory, or adds it to the runs. `E2BIG` if that are more runs than a request can
    /// have.
    fn place(&mut self, limits: &Limits, loan: &Loan) -> Result<Place> {
        if let Some(shm) = loan.shm() {
            if let Some(id) = memory::name_for_call(shm, false, self.uses(shm))? {
                return Ok(Place::Registered { id });
            }
        }
        let before = self.runs.len();
        match (self.take_along(limits, loan), loan.shm()) {
            (Ok(offset), _) => Ok(Place::Transient {
                // CAST: At most `Limits::runs`, which was 32 bits.
                num_runs: (self.runs.len() - before) as u32,
                offset,
            }),
            (Err(E2BIG), Some(shm)) => {
                self.runs.truncate(before);
                let id = memory::name_for_call(shm, true, false)?.ok_or(E2BIG)?;
                Ok(Place::Registered { id })
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Whether a parameter before is in the same shared memory.
    fn uses(&self, shm: &Shm<VirtioTee>) -> bool {
        let mut others = self.memories.iter().filter_map(Loan::shm);
        others.any(|other| ptr::eq(other, shm))
    }

    /// Adds the pages that hold the memory to the runs, and returns where in them its bytes begin.
    fn take_along(&mut self, limits: &Limits, loan: &Loan) -> Result<u64> {
        let page = PAGE_SIZE as u64;
        let (segments, start) = (loan.segments(), loan.start());
        // Nothing at the very end has a page of its own; it gets the last one.
        let first = (start / page * page).min(segments.len() - page);
        let len = (start + loan.size().max(1) - first).next_multiple_of(page);
        if len > limits.memory_bytes {
            return Err(ENOMEM);
        }
        for part in segments.range(first, len) {
            if self.runs.len() == limits.runs {
                return Err(E2BIG);
            }
            let run = wire::Run {
                addr: part.addr.into(),
                len: part.len.into(),
            };
            self.runs.push(run, GFP_KERNEL)?;
        }
        Ok(start - first)
    }
}

fn attribute(param: &Param<'_, VirtioTee>) -> u32 {
    match param {
        Param::None => wire::VIRTIO_TEE_ATTR_NONE,
        Param::Value {
            access: Access::Input,
            ..
        } => wire::VIRTIO_TEE_ATTR_VALUE_INPUT,
        Param::Value {
            access: Access::Output,
            ..
        } => wire::VIRTIO_TEE_ATTR_VALUE_OUTPUT,
        Param::Value {
            access: Access::InOut,
            ..
        } => wire::VIRTIO_TEE_ATTR_VALUE_INOUT,
        Param::MemRef {
            access: Access::Input,
            ..
        } => wire::VIRTIO_TEE_ATTR_MEMREF_INPUT,
        Param::MemRef {
            access: Access::Output,
            ..
        } => wire::VIRTIO_TEE_ATTR_MEMREF_OUTPUT,
        Param::MemRef {
            access: Access::InOut,
            ..
        } => wire::VIRTIO_TEE_ATTR_MEMREF_INOUT,
    }
}
