// SPDX-License-Identifier: GPL-2.0

//! What the TEE subsystem asks of the driver.

use kernel::{
    prelude::*,
    sync::{Arc, ArcBorrow},
};

use super::{
    call,
    context::Context,
    memory::Memory,
    probe::{Tee, VirtioTee},
};
use crate::tee::{self, Caller, Invocation, Params, SessionRequest, Shm, Verdict, Version};

impl tee::Driver for VirtioTee {
    type Data = Tee;
    type Context = Context;
    type Memory = Memory;

    fn version(tee: &Tee) -> Version {
        tee.device.limits.version
    }

    fn revision(tee: &Tee) -> &CStr {
        &tee.revision
    }

    fn open(tee: ArcBorrow<'_, Tee>) -> Result<Arc<Context>> {
        Context::open(&tee.device)
    }

    fn close(context: ArcBorrow<'_, Context>) {
        context.close();
    }

    fn open_session(
        context: ArcBorrow<'_, Context>,
        request: &SessionRequest,
        params: &mut Params<'_, Self>,
    ) -> Result<(Verdict, u32)> {
        call::open_session(context, request, params)
    }

    fn close_session(context: ArcBorrow<'_, Context>, caller: Caller, session: u32) -> Result {
        call::close_session(&context, caller, session)
    }

    fn system_session(context: ArcBorrow<'_, Context>, session: u32) -> Result {
        context.sessions.make_system(session)
    }

    fn invoke(
        context: ArcBorrow<'_, Context>,
        request: &Invocation,
        params: &mut Params<'_, Self>,
    ) -> Result<Verdict> {
        call::invoke(context, request, params)
    }

    fn cancel(context: ArcBorrow<'_, Context>, cancel_id: u32, session: u32) -> Result {
        call::cancel(&context, session, cancel_id)
    }

    fn share(context: ArcBorrow<'_, Context>) -> impl PinInit<Memory, Error> {
        Memory::new(context.into())
    }

    fn forget(_context: &Context, shm: &Shm<Self>) {
        shm.memory().forget();
    }
}
