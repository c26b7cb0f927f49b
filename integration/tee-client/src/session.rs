// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A session with a TA (GP TEE Client API 1.0, sections 4.5.6 and 4.5.7).

use crate::uapi::InvokeArg;
use crate::{code, Context, Error, Operation, Origin};

/// A session with a TA, closed when dropped. Threads may share it: the TEE says in what order their
/// calls are made.
#[derive(Debug)]
pub struct Session {
    context: Context,
    id: u32,
    open: bool,
}

impl Session {
    pub(crate) fn new(context: Context, id: u32) -> Self {
        Self { context, id, open: true }
    }

    /// What the kernel calls it.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Calls a function of the TA (`TEEC_InvokeCommand`); blocks until it returns.
    ///
    /// # Errors
    ///
    /// [`Error::Invoke`] with what the TA or the TEE returned; `operation` then has results as well
    /// (the size needed, where it is `TEEC_ERROR_SHORT_BUFFER`). [`Error::Ioctl`] where the kernel
    /// refused the call.
    pub fn invoke(&self, func: u32, operation: &mut Operation<'_>) -> Result<(), Error> {
        let device = self.context.device();
        operation.run(device, self.context.takes_null(), self.id, |cancel_id, params, buffers| {
            let mut arg = InvokeArg { func, session: self.id, cancel_id, ..Default::default() };
            device
                .invoke_with(&mut arg, params, buffers)
                .map_err(|source| Error::Ioctl { ioctl: "TEE_IOC_INVOKE", source })?;
            match arg.ret {
                code::SUCCESS => Ok(()),
                ret => Err(Error::Invoke { func, ret, origin: Origin::from(arg.ret_origin) }),
            }
        })
    }

    /// Closes the session (`TEEC_CloseSession`) and says what dropping it could not.
    ///
    /// # Errors
    ///
    /// [`Error::Ioctl`] where the kernel refused.
    pub fn close(mut self) -> Result<(), Error> {
        self.close_once()
    }

    fn close_once(&mut self) -> Result<(), Error> {
        self.open = false;
        self.context
            .device()
            .close_session(self.id)
            .map_err(|source| Error::Ioctl { ioctl: "TEE_IOC_CLOSE_SESSION", source })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.open {
            // Nobody is left to tell; the context's end closes what may be left.
            let _ = self.close_once();
        }
    }
}
