// SPDX-License-Identifier: GPL-2.0

//! Parameters of a call.
//!
//! C header: [`include/linux/tee_drv.h`](srctree/include/linux/tee_drv.h)

use core::{marker::PhantomData, slice};

use kernel::{current, device, prelude::*, sync::aref::ARef, types::NotThreadSafe};

use super::{Driver, Shm, UserRange};
use crate::sys;

/// Which way a parameter carries data.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Client to TA.
    Input,
    /// TA to client.
    Output,
    /// Both ways.
    InOut,
}

/// The memory of a buffer.
pub(crate) enum MemRef<'a, T: Driver> {
    /// Part of a shared memory; it lies within it.
    Shared {
        /// The memory.
        shm: &'a Shm<T>,
        /// Where the part begins, in bytes.
        offset: u64,
    },
    /// The calling process's own.
    User(UserRange<'a>),
}

/// A `struct tee_param`, as it goes in.
pub(crate) enum Param<'a, T: Driver> {
    /// Not used.
    None,
    /// Three numbers, which are zero with [`Access::Output`].
    Value {
        /// Direction.
        access: Access,
        /// The numbers.
        values: [u64; 3],
    },
    /// A buffer.
    MemRef {
        /// Direction.
        access: Access,
        /// Where it is. `None` for a NULL memref, and for nothing at all of user space's own.
        memory: Option<MemRef<'a, T>>,
        /// Its size in bytes.
        size: u64,
    },
}

/// The parameters of a call.
///
/// # Invariants
///
/// All memrefs of `raw` are null, or refer to memory of `context`, which stays as long as this. If
/// any is a user buffer, the current task, which this does not leave, has memory of its own.
pub(crate) struct Params<'a, T: Driver> {
    raw: &'a mut [sys::tee_param],
    /// The device that maps memory, if that has to be.
    dma: Option<&'a ARef<device::Device>>,
    _driver: PhantomData<T>,
}

impl<'a, T: Driver> Params<'a, T> {
    /// Fails with `EINVAL` if a memref leaves its memory, or is of another context than `context`,
    /// or if there is a user buffer but no user, which clients within the kernel can bring about.
    ///
    /// # Safety
    ///
    /// `context` must be a valid context of this driver, and `raw`, unless `len` is zero, `len`
    /// valid parameters that nobody else accesses during `'a`, whose memories stay that long.
    pub(super) unsafe fn from_raw(
        context: *mut sys::tee_context,
        raw: *mut sys::tee_param,
        len: u32,
        dma: Option<&'a ARef<device::Device>>,
    ) -> Result<Self> {
        let raw: &mut [sys::tee_param] = if len == 0 {
            &mut []
        } else {
            // SAFETY: By this function's contract.
            unsafe { slice::from_raw_parts_mut(raw, len as usize) }
        };
        for param in raw.iter() {
            match kind(param)? {
                Kind::MemRef(_) => (),
                Kind::User(_) if current!().mm().is_none() => return Err(EINVAL),
                _ => continue,
            }
            // SAFETY: The attribute says that this is the variant.
            let memref = unsafe { param.u.memref.as_ref() };
            if memref.shm.is_null() {
                continue;
            }
            let shm = memref.shm;
            // SAFETY: By this function's contract the memory is valid, and these do not change.
            let (its_context, its_size, its_id) =
                unsafe { ((*shm).ctx, (*shm).size, (*shm).sec_world_id) };
            let end = memref.shm_offs.checked_add(memref.size).ok_or(EINVAL)?;
            // The subsystem can make memory without asking the driver: `tee_shm_alloc_dma_mem()`.
            if its_context != context || end > its_size || its_id == 0 {
                return Err(EINVAL);
            }
        }
        // INVARIANT: Checked above. What is of a context of this driver has been through `attach`.
        Ok(Self {
            raw,
            dma,
            _driver: PhantomData,
        })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.raw.len()
    }

    /// All of them, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Param<'_, T>> + use<'_, 'a, T> {
        self.raw.iter().map(|raw| self.param(raw))
    }

    fn param<'b>(&'b self, raw: &'b sys::tee_param) -> Param<'b, T> {
        match kind(raw) {
            Ok(Kind::Value(Access::Output)) => Param::Value {
                access: Access::Output,
                values: [0; 3],
            },
            Ok(Kind::Value(access)) => {
                // SAFETY: The attribute says that this is the variant.
                let value = unsafe { raw.u.value.as_ref() };
                Param::Value {
                    access,
                    values: [value.a, value.b, value.c],
                }
            }
            Ok(Kind::MemRef(access)) => {
                // SAFETY: The attribute says that this is the variant.
                let memref = unsafe { raw.u.memref.as_ref() };
                let memory = (!memref.shm.is_null()).then(|| MemRef::Shared {
                    // SAFETY: By the invariant of `Params`.
                    shm: unsafe { Shm::from_raw(memref.shm) },
                    offset: memref.shm_offs as u64,
                });
                Param::MemRef {
                    access,
                    memory,
                    size: memref.size as u64,
                }
            }
            Ok(Kind::User(access)) => {
                // SAFETY: The attribute says that this is the variant.
                let user = unsafe { raw.u.ubuf.as_ref() };
                let address = user.uaddr as usize;
                // INVARIANT: By that of `Params`.
                let memory = (address != 0 && user.size != 0).then_some({
                    MemRef::User(UserRange {
                        address,
                        size: user.size,
                        access,
                        dma: self.dma,
                        _not_send: NotThreadSafe,
                    })
                });
                Param::MemRef {
                    access,
                    memory,
                    size: user.size as u64,
                }
            }
            // `from_raw` has refused all others.
            Ok(Kind::None) | Err(_) => Param::None,
        }
    }

    /// The size of buffer `index` that something is to come back in.
    pub(crate) fn room(&self, index: usize) -> Option<u64> {
        let raw = self.raw.get(index)?;
        match kind(raw) {
            Ok(Kind::MemRef(Access::Output | Access::InOut)) => {
                // SAFETY: The attribute says that this is the variant.
                Some(unsafe { raw.u.memref.as_ref() }.size as u64)
            }
            Ok(Kind::User(Access::Output | Access::InOut)) => {
                // SAFETY: The attribute says that this is the variant.
                Some(unsafe { raw.u.ubuf.as_ref() }.size as u64)
            }
            _ => None,
        }
    }

    /// Sets what parameter `index` carries back. Does nothing where it carries nothing back:
    /// `values` are for a value, the second is for the size of a buffer.
    pub(crate) fn set_result(&mut self, index: usize, values: [u64; 3]) {
        let Some(raw) = self.raw.get_mut(index) else {
            return;
        };
        match kind(raw) {
            Ok(Kind::Value(Access::Output | Access::InOut)) => {
                // SAFETY: The attribute says that this is the variant.
                let value = unsafe { raw.u.value.as_mut() };
                [value.a, value.b, value.c] = values;
            }
            Ok(Kind::MemRef(Access::Output | Access::InOut)) => {
                // SAFETY: The attribute says that this is the variant.
                let memref = unsafe { raw.u.memref.as_mut() };
                memref.size = usize::try_from(values[1]).unwrap_or(usize::MAX);
            }
            Ok(Kind::User(Access::Output | Access::InOut)) => {
                // SAFETY: The attribute says that this is the variant.
                let user = unsafe { raw.u.ubuf.as_mut() };
                user.size = usize::try_from(values[1]).unwrap_or(usize::MAX);
            }
            _ => (),
        }
    }
}

enum Kind {
    None,
    Value(Access),
    MemRef(Access),
    User(Access),
}

/// What a parameter is. `EINVAL` for what this kind of driver cannot carry: object references, and
/// anything with flags.
fn kind(param: &sys::tee_param) -> Result<Kind> {
    match u32::try_from(param.attr).map_err(|_| EINVAL)? {
        sys::TEE_IOCTL_PARAM_ATTR_TYPE_NONE => Ok(Kind::None),
        sys::TEE_IOCTL_PARAM_ATTR_TYPE_VALUE_INPUT => Ok(Kind::Value(Access::Input)),
        sys::TEE_IOCTL_PARAM_ATTR_TYPE_VALUE_OUTPUT => Ok(Kind::Value(Access::Output)),
        sys::TEE_IOCTL_PARAM_ATTR_TYPE_VALUE_INOUT => Ok(Kind::Value(Access::InOut)),
        sys::TEE_IOCTL_PARAM_ATTR_TYPE_MEMREF_INPUT => Ok(Kind::MemRef(Access::Input)),
        sys::TEE_IOCTL_PARAM_ATTR_TYPE_MEMREF_OUTPUT => Ok(Kind::MemRef(Access::Output)),
        sys::TEE_IOCTL_PARAM_ATTR_TYPE_MEMREF_INOUT => Ok(Kind::MemRef(Access::InOut)),
        sys::TEE_IOCTL_PARAM_ATTR_TYPE_UBUF_INPUT => Ok(Kind::User(Access::Input)),
        sys::TEE_IOCTL_PARAM_ATTR_TYPE_UBUF_OUTPUT => Ok(Kind::User(Access::Output)),
        sys::TEE_IOCTL_PARAM_ATTR_TYPE_UBUF_INOUT => Ok(Kind::User(Access::InOut)),
        _ => Err(EINVAL),
    }
}
