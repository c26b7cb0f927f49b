// SPDX-License-Identifier: GPL-2.0

//! Using a TEE from within the kernel.
//!
//! C header: [`include/linux/tee_drv.h`](srctree/include/linux/tee_drv.h)

use core::{marker::PhantomData, ptr, ptr::NonNull};

use kernel::{
    error::{from_err_ptr, to_result},
    prelude::*,
};

use super::{Driver, Registration, Verdict};
use crate::sys;

/// A context of the kernel's own, as long as this exists.
pub(crate) struct Client<'a> {
    ctx: NonNull<sys::tee_context>,
    _tee: PhantomData<&'a ()>,
}

/// A session of a [`Client`]'s. Closed when dropped.
pub(crate) struct Session<'a> {
    client: &'a Client<'a>,
    id: u32,
}

/// Memory of a [`Client`]'s that TAs can write.
pub(crate) struct Memory<'a> {
    shm: NonNull<sys::tee_shm>,
    _client: PhantomData<&'a ()>,
}

impl<'a> Client<'a> {
    /// Opens a context.
    pub(crate) fn open<T: Driver>(tee: &'a Registration<T>) -> Result<Self> {
        // SAFETY: The device is registered as long as `'a` lasts, and so longer than the context.
        let ctx = from_err_ptr(unsafe { sys::teedev_open(tee.as_raw()) })?;
        let ctx = NonNull::new(ctx).ok_or(ENOMEM)?;
        // As `tee_client_open_context()` does.
        // SAFETY: The context is open, and nobody else has it.
        unsafe { (*ctx.as_ptr()).supp_nowait = true };
        Ok(Self {
            ctx,
            _tee: PhantomData,
        })
    }

    /// Opens a session with a TA, as nobody in particular: that is what the kernel's other clients
    /// do. The verdict, if it is not success.
    pub(crate) fn open_session(&self, ta: [u8; 16]) -> Result<Result<Session<'_>, Verdict>> {
        let mut arg = sys::tee_ioctl_open_session_arg {
            uuid: ta,
            clnt_login: sys::TEE_IOCTL_LOGIN_PUBLIC,
            ..Default::default()
        };
        // SAFETY: The context is open; there are no parameters.
        to_result(unsafe {
            sys::tee_client_open_session(self.ctx.as_ptr(), &mut arg, ptr::null_mut())
        })?;
        Ok(match verdict(arg.ret, arg.ret_origin) {
            Some(verdict) => Err(verdict),
            None => Ok(Session {
                client: self,
                id: arg.session,
            }),
        })
    }

    /// Allocates memory.
    pub(crate) fn allocate(&self, size: usize) -> Result<Memory<'_>> {
        // SAFETY: The context is open, and outlives the memory.
        let shm = from_err_ptr(unsafe { sys::tee_shm_alloc_kernel_buf(self.ctx.as_ptr(), size) })?;
        Ok(Memory {
            shm: NonNull::new(shm).ok_or(ENOMEM)?,
            _client: PhantomData,
        })
    }
}

impl Session<'_> {
    /// Calls a function with one parameter, the first `size` bytes of `memory` for output; without
    /// memory, a NULL memref. Returns the verdict, if it is not success, and how many bytes there
    /// are to read, or would have been.
    pub(crate) fn read(
        &self,
        func: u32,
        memory: Option<&Memory<'_>>,
        size: usize,
    ) -> Result<(Option<Verdict>, usize)> {
        let mut params = <[sys::tee_param; 4]>::default();
        let [first, ..] = &mut params;
        first.attr = sys::TEE_IOCTL_PARAM_ATTR_TYPE_MEMREF_OUTPUT.into();
        // SAFETY: The attribute says that this is the variant, and all of it is initialised.
        let memref = unsafe { first.u.memref.as_mut() };
        memref.size = size;
        memref.shm = memory.map_or(ptr::null_mut(), |memory| memory.shm.as_ptr());
        let mut arg = sys::tee_ioctl_invoke_arg {
            func,
            session: self.id,
            num_params: 4,
            ..Default::default()
        };
        let ctx = self.client.ctx.as_ptr();
        // SAFETY: The context is open, and there are as many parameters; the memory outlives the
        // call.
        to_result(unsafe { sys::tee_client_invoke_func(ctx, &mut arg, params.as_mut_ptr()) })?;
        let [first, ..] = &params;
        // SAFETY: The attribute is what it was.
        let size = unsafe { first.u.memref.as_ref() }.size;
        Ok((verdict(arg.ret, arg.ret_origin), size))
    }
}

impl Memory<'_> {
    /// Copies bytes out from the beginning. `EINVAL` if there are not that many.
    pub(crate) fn copy_to(&self, bytes: &mut [u8]) -> Result {
        let last = bytes.len().checked_sub(1).ok_or(EINVAL)?;
        // SAFETY: The memory exists.
        let (start, end) = unsafe {
            let shm = self.shm.as_ptr();
            (sys::tee_shm_get_va(shm, 0), sys::tee_shm_get_va(shm, last))
        };
        let (start, _) = (from_err_ptr(start)?, from_err_ptr(end)?);
        // SAFETY: The bytes from first to last are the memory's, as was just checked. The TEE can
        // write to them meanwhile, which makes any bytes of them.
        unsafe { ptr::copy_nonoverlapping(start.cast(), bytes.as_mut_ptr(), bytes.len()) };
        Ok(())
    }
}

fn verdict(ret: u32, origin: u32) -> Option<Verdict> {
    (ret != 0).then_some(Verdict { ret, origin })
}

impl Drop for Client<'_> {
    fn drop(&mut self) {
        // SAFETY: The context is open, and sessions and memories of it are gone.
        unsafe { sys::teedev_close_context(self.ctx.as_ptr()) };
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // A session that cannot be closed goes with the context.
        // SAFETY: The context is open.
        let _ = unsafe { sys::tee_client_close_session(self.client.ctx.as_ptr(), self.id) };
    }
}

impl Drop for Memory<'_> {
    fn drop(&mut self) {
        // SAFETY: The memory exists, and nobody else has it.
        unsafe { sys::tee_shm_free(self.shm.as_ptr()) };
    }
}
