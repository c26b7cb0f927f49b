// SPDX-License-Identifier: GPL-2.0

//! What the TEE subsystem asks of a driver.
//!
//! C header: [`include/linux/tee_core.h`](srctree/include/linux/tee_core.h)

use core::slice;

use kernel::{
    bindings, device,
    error::{from_result, to_result},
    prelude::*,
    sync::{aref::ARef, Arc, ArcBorrow},
    types::ForeignOwnable,
};

use super::{pool, Params, Segments, Shm};
use crate::sys;

/// What a TEE is: `struct tee_ioctl_version_data`.
#[derive(Clone, Copy)]
pub(crate) struct Version {
    /// `TEE_IMPL_ID_*`.
    pub(crate) impl_id: u32,
    /// Capabilities particular to `impl_id`.
    pub(crate) impl_caps: u32,
    /// `TEE_GEN_CAP_*`.
    pub(crate) gen_caps: u32,
}

/// Whose a context is, and so who makes the calls in it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// User space's. Its tasks have no locks of the kernel's when they call.
    User,
    /// A client's within the kernel, many of whose tasks may use one session, and may have locks.
    Kernel,
}

/// What a client asks for when it opens a session.
pub(crate) struct SessionRequest {
    /// Who asks.
    pub(crate) caller: Caller,
    /// The TA.
    pub(crate) uuid: [u8; 16],
    /// How the client was identified: `TEE_IOCTL_LOGIN_*`.
    pub(crate) login: u32,
    /// Who the client is under that login, as the kernel found.
    pub(crate) client: [u8; 16],
    /// The client's name for the call, or zero.
    pub(crate) cancel_id: u32,
}

/// What a client asks for when it calls a TA.
pub(crate) struct Invocation {
    /// Who asks.
    pub(crate) caller: Caller,
    /// The session.
    pub(crate) session: u32,
    /// Which function.
    pub(crate) func: u32,
    /// The client's name for the call, or zero.
    pub(crate) cancel_id: u32,
}

/// What the TEE made of a call.
#[derive(Clone, Copy)]
pub(crate) struct Verdict {
    /// A `TEEC_*` result.
    pub(crate) ret: u32,
    /// Who returned it: `TEEC_ORIGIN_*`.
    pub(crate) origin: u32,
}

/// A driver of a TEE.
pub(crate) trait Driver: Sized + 'static {
    /// What the driver keeps for a TEE.
    type Data: Send + Sync + 'static;
    /// What it keeps for a context.
    type Context: Send + Sync + 'static;
    /// What it keeps for a shared memory.
    type Memory: Send + Sync + 'static;

    /// What the TEE is. It does not change.
    fn version(data: &Self::Data) -> Version;

    /// The TEE's revision for people to read.
    fn revision(data: &Self::Data) -> &CStr;

    /// A client opens a context.
    fn open(data: ArcBorrow<'_, Self::Data>) -> Result<Arc<Self::Context>>;

    /// The client of a context has closed it, and calls no more. Memory of the context can still be
    /// in use; the context itself is dropped when it is not.
    fn close(context: ArcBorrow<'_, Self::Context>);

    /// Opens a session and returns its number, which is ignored unless the verdict is success.
    fn open_session(
        context: ArcBorrow<'_, Self::Context>,
        request: &SessionRequest,
        params: &mut Params<'_, Self>,
    ) -> Result<(Verdict, u32)>;

    /// Closes a session.
    fn close_session(context: ArcBorrow<'_, Self::Context>, caller: Caller, session: u32)
        -> Result;

    /// A session is to get its calls made also when others' calls take up all there is for calls.
    /// Only clients within the kernel ask for it.
    fn system_session(context: ArcBorrow<'_, Self::Context>, session: u32) -> Result;

    /// Calls a TA.
    fn invoke(
        context: ArcBorrow<'_, Self::Context>,
        request: &Invocation,
        params: &mut Params<'_, Self>,
    ) -> Result<Verdict>;

    /// Asks for a call to be given up.
    fn cancel(context: ArcBorrow<'_, Self::Context>, cancel_id: u32, session: u32) -> Result;

    /// Memory is being shared in a context.
    fn share(context: ArcBorrow<'_, Self::Context>) -> impl PinInit<Self::Memory, Error>;

    /// Nobody refers to the memory any more. Its pages go once this returns.
    fn forget(context: &Self::Context, shm: &Shm<Self>);
}

/// Whose a context is.
///
/// # Safety
///
/// `ctx` must be an open context.
unsafe fn caller(ctx: *mut sys::tee_context) -> Caller {
    // What user space opens waits for tee-supplicant, what the kernel does by itself does not: that
    // is how the subsystem tells them apart.
    // SAFETY: By this function's contract.
    match unsafe { (*ctx).supp_nowait } {
        true => Caller::Kernel,
        false => Caller::User,
    }
}

/// What the driver data of a `struct tee_device` is here.
pub(super) struct TeeData<T: Driver> {
    pub(super) data: Arc<T::Data>,
    /// The device that maps memory, if that has to be.
    pub(super) dma: Option<ARef<device::Device>>,
    /// Whether that device's own memory can be given to clients.
    pub(super) plain: bool,
}

impl<T: Driver> TeeData<T> {
    /// The device to allocate from, so that what it writes is there without being copied.
    fn pool_device(&self) -> Option<&ARef<device::Device>> {
        self.dma.as_ref().filter(|_| self.plain)
    }
}

/// The functions that the subsystem calls.
pub(super) struct Vtable<T: Driver>(T);

impl<T: Driver> Vtable<T> {
    pub(super) const OPS: &'static sys::tee_driver_ops = &sys::tee_driver_ops {
        get_version: Some(Self::get_version),
        get_tee_revision: Some(Self::get_tee_revision),
        open: Some(Self::open),
        close_context: Some(Self::close_context),
        release: Some(Self::release),
        open_session: Some(Self::open_session),
        close_session: Some(Self::close_session),
        system_session: Some(Self::system_session),
        invoke_func: Some(Self::invoke_func),
        object_invoke_func: None,
        cancel_req: Some(Self::cancel_req),
        supp_recv: None,
        supp_send: None,
        shm_register: Some(Self::shm_register),
        shm_unregister: Some(Self::shm_unregister),
    };

    pub(super) const POOL_OPS: &'static sys::tee_shm_pool_ops = &sys::tee_shm_pool_ops {
        alloc: Some(Self::pool_alloc),
        free: Some(Self::pool_free),
        destroy_pool: None,
    };

    /// # Safety
    ///
    /// `teedev` must be a device that [`super::Registration`] has made, and that still exists.
    unsafe fn data<'a>(teedev: *mut sys::tee_device) -> &'a TeeData<T> {
        // SAFETY: By this function's contract, that is its driver data.
        unsafe { &*sys::tee_get_drvdata(teedev).cast() }
    }

    /// # Safety
    ///
    /// `ctx` must be a context of this driver, between the end of `open` and `release`.
    unsafe fn context<'a>(ctx: *mut sys::tee_context) -> ArcBorrow<'a, T::Context> {
        // SAFETY: By this function's contract, that is what `open` put there.
        unsafe { Arc::borrow((*ctx).data) }
    }

    extern "C" fn get_version(
        teedev: *mut sys::tee_device,
        version: *mut sys::tee_ioctl_version_data,
    ) {
        // SAFETY: The subsystem calls this with a device of this driver.
        let data = unsafe { Self::data(teedev) };
        let Version {
            impl_id,
            impl_caps,
            gen_caps,
        } = T::version(&data.data);
        // SAFETY: … and room for this.
        unsafe {
            version.write(sys::tee_ioctl_version_data {
                impl_id,
                impl_caps,
                gen_caps,
            })
        };
    }

    extern "C" fn get_tee_revision(
        teedev: *mut sys::tee_device,
        buf: *mut c_char,
        len: usize,
    ) -> c_int {
        // SAFETY: The subsystem calls this with a device of this driver.
        let data = unsafe { Self::data(teedev) };
        let revision = T::revision(&data.data).to_bytes_with_nul();
        if revision.len() > len {
            return ENOSPC.to_errno();
        }
        // SAFETY: … and a buffer of `len` bytes.
        let buf = unsafe { slice::from_raw_parts_mut(buf.cast::<u8>(), len) };
        for (to, from) in buf.iter_mut().zip(revision) {
            *to = *from;
        }
        0
    }

    extern "C" fn open(ctx: *mut sys::tee_context) -> c_int {
        from_result(|| {
            // SAFETY: The subsystem calls this with a new context of a device of this driver.
            let data = unsafe { Self::data((*ctx).teedev) };
            let caps = T::version(&data.data).gen_caps;
            let context = T::open(data.data.as_arc_borrow())?;
            // SAFETY: As above.
            unsafe {
                (*ctx).cap_memref_null = caps & sys::TEE_GEN_CAP_MEMREF_NULL != 0;
                (*ctx).data = context.into_foreign();
            }
            Ok(0)
        })
    }

    extern "C" fn close_context(ctx: *mut sys::tee_context) {
        // SAFETY: The subsystem calls this once, with an open context.
        T::close(unsafe { Self::context(ctx) });
    }

    extern "C" fn release(ctx: *mut sys::tee_context) {
        // SAFETY: The subsystem calls this once, with an open context that nobody uses after.
        drop(unsafe { Arc::<T::Context>::from_foreign((*ctx).data) });
    }

    extern "C" fn open_session(
        ctx: *mut sys::tee_context,
        arg: *mut sys::tee_ioctl_open_session_arg,
        param: *mut sys::tee_param,
    ) -> c_int {
        from_result(|| {
            // SAFETY: The subsystem calls this with an open context, its own copy of the arguments,
            // and as many parameters as those say.
            let (context, arg, mut params) = unsafe {
                let arg = &mut *arg;
                let dma = Self::data((*ctx).teedev).dma.as_ref();
                let params = Params::from_raw(ctx, param, arg.num_params, dma)?;
                (Self::context(ctx), arg, params)
            };
            let mut client = bindings::uuid_t::default();
            // SAFETY: All are valid. It looks at the credentials of the current task.
            to_result(unsafe {
                sys::tee_session_calc_client_uuid(
                    &mut client,
                    arg.clnt_login,
                    arg.clnt_uuid.as_ptr(),
                )
            })?;
            let request = SessionRequest {
                // SAFETY: As above.
                caller: unsafe { caller(ctx) },
                uuid: arg.uuid,
                login: arg.clnt_login,
                client: client.b,
                cancel_id: arg.cancel_id,
            };
            let (verdict, session) = T::open_session(context, &request, &mut params)?;
            arg.ret = verdict.ret;
            arg.ret_origin = verdict.origin;
            arg.session = session;
            Ok(0)
        })
    }

    extern "C" fn close_session(ctx: *mut sys::tee_context, session: u32) -> c_int {
        // SAFETY: The subsystem calls this with an open context.
        let (context, caller) = unsafe { (Self::context(ctx), caller(ctx)) };
        from_result(|| T::close_session(context, caller, session).map(|()| 0))
    }

    extern "C" fn system_session(ctx: *mut sys::tee_context, session: u32) -> c_int {
        // SAFETY: The subsystem calls this with an open context.
        let context = unsafe { Self::context(ctx) };
        from_result(|| T::system_session(context, session).map(|()| 0))
    }

    extern "C" fn invoke_func(
        ctx: *mut sys::tee_context,
        arg: *mut sys::tee_ioctl_invoke_arg,
        param: *mut sys::tee_param,
    ) -> c_int {
        from_result(|| {
            // SAFETY: As in `open_session`.
            let (context, arg, mut params) = unsafe {
                let arg = &mut *arg;
                let dma = Self::data((*ctx).teedev).dma.as_ref();
                let params = Params::from_raw(ctx, param, arg.num_params, dma)?;
                (Self::context(ctx), arg, params)
            };
            let request = Invocation {
                // SAFETY: As above.
                caller: unsafe { caller(ctx) },
                session: arg.session,
                func: arg.func,
                cancel_id: arg.cancel_id,
            };
            let verdict = T::invoke(context, &request, &mut params)?;
            arg.ret = verdict.ret;
            arg.ret_origin = verdict.origin;
            Ok(0)
        })
    }

    extern "C" fn cancel_req(ctx: *mut sys::tee_context, cancel_id: u32, session: u32) -> c_int {
        // SAFETY: The subsystem calls this with an open context.
        let context = unsafe { Self::context(ctx) };
        from_result(|| T::cancel(context, cancel_id, session).map(|()| 0))
    }

    extern "C" fn shm_register(
        ctx: *mut sys::tee_context,
        shm: *mut sys::tee_shm,
        pages: *mut *mut bindings::page,
        count: usize,
        _start: c_ulong,
    ) -> c_int {
        from_result(|| {
            // SAFETY: The subsystem calls this with an open context of a device of this driver, and
            // a new memory, whose pages it keeps until after `shm_unregister`. A device of this
            // driver does not outlive its memories, nor the binding of the device it maps for.
            unsafe {
                let dma = Self::data((*ctx).teedev).dma.clone();
                let pages = slice::from_raw_parts(pages, count).iter().copied();
                let segments = Segments::new(pages, dma)?;
                Shm::<T>::attach(shm, segments, T::share(Self::context(ctx)))?;
            }
            Ok(0)
        })
    }

    extern "C" fn shm_unregister(ctx: *mut sys::tee_context, shm: *mut sys::tee_shm) -> c_int {
        // SAFETY: The subsystem calls this once, when the last reference is gone, with the context
        // and a memory that `shm_register` succeeded for.
        unsafe { Shm::<T>::detach(shm, &Self::context(ctx)) };
        0
    }

    extern "C" fn pool_alloc(
        _pool: *mut sys::tee_shm_pool,
        shm: *mut sys::tee_shm,
        size: usize,
        align: usize,
    ) -> c_int {
        // What is asked for comes from user space; so would the kernel's warning that it is too
        // much. SAFETY: Always safe to call.
        if size > unsafe { sys::virtio_tee_helper_max_alloc() } {
            return ENOMEM.to_errno();
        }
        // SAFETY: The subsystem calls this with a new memory of an open context.
        let (ctx, dma) = unsafe { ((*shm).ctx, Self::data((*(*shm).ctx).teedev).pool_device()) };
        let Some(dma) = dma else {
            // SAFETY: As above.
            return unsafe {
                sys::tee_dyn_shm_alloc_helper(shm, size, align, Some(Self::shm_register))
            };
        };
        // SAFETY: As above; the device is bound as long as the TEE device exists.
        from_result(|| unsafe {
            pool::alloc::<T>(shm, size, dma, T::share(Self::context(ctx))).map(|()| 0)
        })
    }

    extern "C" fn pool_free(_pool: *mut sys::tee_shm_pool, shm: *mut sys::tee_shm) {
        // SAFETY: The subsystem calls this with a memory that `pool_alloc` succeeded for.
        unsafe {
            let ctx = (*shm).ctx;
            match Self::data((*ctx).teedev).pool_device() {
                None => sys::tee_dyn_shm_free_helper(shm, Some(Self::shm_unregister)),
                Some(dma) => pool::free::<T>(shm, dma, &Self::context(ctx)),
            }
        }
    }
}
