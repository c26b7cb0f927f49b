// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Cancelling a call from another thread (GP TEE Client API 1.0, section 4.5.8).

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::raw::Device;
use crate::uapi::CancelArg;
use crate::Error;

/// The way to an operation's call from other threads; see
/// [`Operation::cancellation`](crate::Operation::cancellation).
#[derive(Clone, Debug)]
pub struct Cancellation {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    id: u32,
    running: Mutex<Option<Call>>,
}

/// A call under way.
#[derive(Debug)]
struct Call {
    device: Arc<Device>,
    session: u32,
}

impl Cancellation {
    /// One with a number that no other in this process has had (until 2³² − 1 have been made).
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let mut id = NEXT.fetch_add(1, Ordering::Relaxed);
        if id == 0 {
            id = NEXT.fetch_add(1, Ordering::Relaxed);
        }
        Self { shared: Arc::new(Shared { id, running: Mutex::new(None) }) }
    }

    /// Asks the TEE to give up the operation's call (`TEEC_RequestCancellation`).
    ///
    /// It is a request: the call may complete all the same, and a request that comes before the call
    /// has reached the device is refused like one that comes too late.
    ///
    /// # Errors
    ///
    /// [`Error::NotRunning`] where no call is under way, [`Error::Ioctl`] where the device knows of
    /// none.
    pub fn request(&self) -> Result<(), Error> {
        let (device, session) = match &*self.running() {
            Some(call) => (call.device.clone(), call.session),
            None => return Err(Error::NotRunning),
        };
        device
            .cancel(CancelArg { cancel_id: self.id(), session })
            .map_err(|source| Error::Ioctl { ioctl: "TEE_IOC_CANCEL", source })
    }

    /// The name of the operation's calls.
    pub(crate) fn id(&self) -> u32 {
        self.shared.id
    }

    /// Makes `call`, which can be cancelled meanwhile.
    pub(crate) fn during<R>(&self, device: &Arc<Device>, session: u32, call: impl FnOnce() -> R) -> R {
        *self.running() = Some(Call { device: device.clone(), session });
        let result = call();
        *self.running() = None;
        result
    }

    fn running(&self) -> MutexGuard<'_, Option<Call>> {
        self.shared.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_call_under_way_can_be_cancelled() {
        let cancellation = Cancellation::new();
        assert!(matches!(cancellation.request(), Err(Error::NotRunning)));
        // /dev/null refuses the ioctl: so it was made.
        let device = Arc::new(Device::open("/dev/null".as_ref()).unwrap());
        let during = cancellation.during(&device, 1, || cancellation.request());
        assert!(matches!(during, Err(Error::Ioctl { ioctl: "TEE_IOC_CANCEL", .. })));
        assert!(matches!(cancellation.request(), Err(Error::NotRunning)));
    }

    #[test]
    fn numbers_differ_and_are_not_zero() {
        let (a, b) = (Cancellation::new(), Cancellation::new());
        assert!(a.id() != b.id() && a.id() != 0 && b.id() != 0);
    }
}
