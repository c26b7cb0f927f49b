// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Interrupts: eventfds that the VMM hands over, and turns into interrupts of its guest.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{fstat, FileType};
use rustix::io::Errno;
use vfio_bindings::bindings::vfio::{
    VFIO_IRQ_INFO_AUTOMASKED, VFIO_IRQ_INFO_EVENTFD, VFIO_IRQ_INFO_MASKABLE, VFIO_IRQ_SET_ACTION_MASK,
    VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_IRQ_SET_ACTION_UNMASK, VFIO_IRQ_SET_DATA_EVENTFD,
    VFIO_IRQ_SET_DATA_NONE, VFIO_PCI_INTX_IRQ_INDEX, VFIO_PCI_MSIX_IRQ_INDEX, VFIO_PCI_MSI_IRQ_INDEX,
};

use super::message::{IrqInfo, SetIrqs};

/// What the VMM has handed over.
pub(super) struct Interrupts {
    state: Mutex<State>,
}

struct State {
    /// By vector.
    msix: Vec<Option<OwnedFd>>,
    intx: Option<OwnedFd>,
    /// What unmasks the line as a message would, if the VMM has handed it over: a VMM whose kernel
    /// handles the guest's end of interrupt does not hear of that itself.
    intx_unmask: Option<Arc<OwnedFd>>,
    /// The line has been signalled, or masked, and is not to be again until the VMM unmasks it: the
    /// guest may not have heard of it yet, and a level is no stream of edges.
    intx_masked: bool,
}

/// What follows from a change.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    Nothing,
    /// The line may be signalled again: it is to be if it is still asserted.
    Unmasked,
}

impl Interrupts {
    /// None handed over yet, of `vectors`.
    pub(super) fn new(vectors: u16) -> Self {
        let msix = (0..vectors).map(|_| None).collect();
        Self { state: Mutex::new(State { msix, intx: None, intx_unmask: None, intx_masked: false }) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Kind and number of the interrupts with an index.
    pub(super) fn info(&self, index: u32) -> Result<IrqInfo, Errno> {
        let (count, flags) = match index {
            VFIO_PCI_INTX_IRQ_INDEX => {
                (1, VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED)
            }
            VFIO_PCI_MSI_IRQ_INDEX => (0, 0),
            VFIO_PCI_MSIX_IRQ_INDEX => (self.lock().msix.len() as u32, VFIO_IRQ_INFO_EVENTFD),
            // Errors and requests to be released: a device in software has neither.
            _ => return Err(Errno::INVAL),
        };
        Ok(IrqInfo { argsz: size_of::<IrqInfo>() as u32, flags, index, count })
    }

    /// Takes descriptors, lets go of them, masks or unmasks the line, or signals for a test.
    pub(super) fn set(&self, request: &SetIrqs, fds: Vec<OwnedFd>) -> Result<Change, Errno> {
        const TAKE: u32 = VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_EVENTFD;
        const SIGNAL: u32 = VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_NONE;
        const MASK: u32 = VFIO_IRQ_SET_ACTION_MASK | VFIO_IRQ_SET_DATA_NONE;
        const UNMASK: u32 = VFIO_IRQ_SET_ACTION_UNMASK | VFIO_IRQ_SET_DATA_NONE;
        const TAKE_UNMASK: u32 = VFIO_IRQ_SET_ACTION_UNMASK | VFIO_IRQ_SET_DATA_EVENTFD;
        let SetIrqs { flags, index, start, count, .. } = *request;
        let total = self.info(index)?.count;
        if start.checked_add(count).is_none_or(|end| end > total) {
            return Err(Errno::INVAL);
        }
        let (first, last) = (start as usize, start as usize + count as usize);
        let mut state = self.lock();
        match (flags, index) {
            // Nothing to signal means: none of this kind any more.
            (SIGNAL, VFIO_PCI_INTX_IRQ_INDEX) if count == 0 => {
                state.intx = None;
                state.intx_unmask = None;
            }
            (SIGNAL, VFIO_PCI_MSIX_IRQ_INDEX) if count == 0 => state.msix.fill_with(|| None),
            (SIGNAL, VFIO_PCI_MSI_IRQ_INDEX) if count == 0 => {}
            (SIGNAL, VFIO_PCI_INTX_IRQ_INDEX) => signal(state.intx.as_ref()),
            (SIGNAL, VFIO_PCI_MSIX_IRQ_INDEX) => {
                state.msix.iter().take(last).skip(first).for_each(|fd| signal(fd.as_ref()));
            }
            (TAKE | TAKE_UNMASK, _) if !fds.is_empty() && fds.len() != count as usize => {
                return Err(Errno::INVAL);
            }
            (TAKE, VFIO_PCI_INTX_IRQ_INDEX) => {
                state.intx = ready(fds)?.pop();
                state.intx_masked = false;
                // A device that waited to be heard is heard now.
                return Ok(Change::Unmasked);
            }
            (TAKE, VFIO_PCI_MSIX_IRQ_INDEX) => {
                let mut fds = ready(fds)?.into_iter();
                state.msix.iter_mut().take(last).skip(first).for_each(|slot| *slot = fds.next());
            }
            (MASK, VFIO_PCI_INTX_IRQ_INDEX) => state.intx_masked = true,
            (UNMASK, VFIO_PCI_INTX_IRQ_INDEX) => {
                state.intx_masked = false;
                return Ok(Change::Unmasked);
            }
            (TAKE_UNMASK, VFIO_PCI_INTX_IRQ_INDEX) => state.intx_unmask = ready(fds)?.pop().map(Arc::new),
            _ => return Err(Errno::INVAL),
        }
        Ok(Change::Nothing)
    }

    /// What to wait for besides messages, to call [`Interrupts::unmask`] when it can be read.
    pub(super) fn unmask_event(&self) -> Option<Arc<OwnedFd>> {
        self.lock().intx_unmask.clone()
    }

    /// Takes the event in, and unmasks the line. What turns out not to be one is not waited for again.
    pub(super) fn unmask(&self, event: &OwnedFd) {
        let read = rustix::io::read(event, &mut [0; 8]);
        let mut state = self.lock();
        state.intx_masked = false;
        if !matches!(read, Ok(8) | Err(Errno::AGAIN)) {
            state.intx_unmask = None;
        }
    }

    /// Signals a vector. One without a descriptor is masked in the VMM, which then tells of none.
    pub(super) fn signal_msix(&self, vector: u16) {
        signal(self.lock().msix.get(usize::from(vector)).and_then(Option::as_ref));
    }

    /// Signals the line, unless it has been and the VMM has not unmasked it since.
    pub(super) fn signal_intx(&self) {
        let mut state = self.lock();
        if !state.intx_masked && state.intx.is_some() {
            state.intx_masked = true;
            signal(state.intx.as_ref());
        }
    }
}

/// Makes sure that no descriptor can keep whoever uses it waiting or busy: each is one of those that
/// have no file behind them, as eventfds do, and does not block (a full counter says enough).
fn ready(fds: Vec<OwnedFd>) -> Result<Vec<OwnedFd>, Errno> {
    for fd in &fds {
        if FileType::from_raw_mode(fstat(fd)?.st_mode) != FileType::Unknown {
            return Err(Errno::INVAL);
        }
        rustix::io::ioctl_fionbio(fd, true)?;
    }
    Ok(fds)
}

fn signal(fd: Option<&OwnedFd>) {
    if let Some(fd) = fd {
        match rustix::io::write(fd, &1_u64.to_ne_bytes()) {
            Ok(_) | Err(Errno::AGAIN) => {}
            Err(e) => log::debug!("cannot signal the driver: {e}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::event::{eventfd, EventfdFlags};

    use super::*;

    fn request(flags: u32, index: u32, start: u32, count: u32) -> SetIrqs {
        SetIrqs { argsz: 20, flags, index, start, count }
    }

    fn event() -> (OwnedFd, OwnedFd) {
        let fd = eventfd(0, EventfdFlags::empty()).unwrap();
        (fd.try_clone().unwrap(), fd)
    }

    fn count(fd: &OwnedFd) -> u64 {
        let mut bytes = [0; 8];
        match rustix::io::read(fd, &mut bytes) {
            Ok(_) => u64::from_ne_bytes(bytes),
            Err(e) => {
                assert_eq!(e, Errno::AGAIN);
                0
            }
        }
    }

    #[test]
    fn vectors_are_taken_signalled_and_given_back() {
        let irqs = Interrupts::new(3);
        let (a, ours_a) = event();
        let (b, ours_b) = event();
        irqs.signal_msix(1);
        assert_eq!(irqs.set(&request(36, 2, 1, 2), vec![a, b]), Ok(Change::Nothing));
        irqs.signal_msix(0);
        irqs.signal_msix(1);
        irqs.signal_msix(2);
        irqs.signal_msix(2);
        irqs.signal_msix(3);
        assert_eq!((count(&ours_a), count(&ours_b)), (1, 2));
        // Signals for a test.
        irqs.set(&request(33, 2, 0, 3), vec![]).unwrap();
        assert_eq!((count(&ours_a), count(&ours_b)), (1, 1));
        // One given back, then all.
        irqs.set(&request(36, 2, 2, 1), vec![]).unwrap();
        irqs.signal_msix(2);
        assert_eq!(count(&ours_b), 0);
        irqs.set(&request(33, 2, 0, 0), vec![]).unwrap();
        irqs.signal_msix(1);
        assert_eq!(count(&ours_a), 0);
    }

    #[test]
    fn a_line_is_signalled_once_until_it_is_unmasked() {
        let irqs = Interrupts::new(3);
        let (fd, ours) = event();
        irqs.signal_intx();
        assert_eq!(irqs.set(&request(36, 0, 0, 1), vec![fd]), Ok(Change::Unmasked));
        irqs.signal_intx();
        irqs.signal_intx();
        assert_eq!(count(&ours), 1);
        assert_eq!(irqs.set(&request(17, 0, 0, 1), vec![]), Ok(Change::Unmasked));
        irqs.signal_intx();
        assert_eq!(count(&ours), 1);
        irqs.set(&request(17, 0, 0, 1), vec![]).unwrap();
        irqs.set(&request(9, 0, 0, 1), vec![]).unwrap();
        irqs.signal_intx();
        assert_eq!(count(&ours), 0);
        irqs.set(&request(33, 0, 0, 0), vec![]).unwrap();
        irqs.set(&request(17, 0, 0, 1), vec![]).unwrap();
        irqs.signal_intx();
        assert_eq!(count(&ours), 0);
    }

    #[test]
    fn an_event_unmasks_the_line_too() {
        let irqs = Interrupts::new(3);
        let (fd, ours) = event();
        let (unmask, theirs) = event();
        irqs.set(&request(36, 0, 0, 1), vec![fd]).unwrap();
        assert!(irqs.unmask_event().is_none());
        assert_eq!(irqs.set(&request(20, 0, 0, 1), vec![unmask]), Ok(Change::Nothing));
        irqs.signal_intx();
        signal(Some(&theirs));
        irqs.unmask(&irqs.unmask_event().unwrap());
        assert_eq!(rustix::io::read(&theirs, &mut [0; 8]), Err(Errno::AGAIN));
        irqs.signal_intx();
        assert_eq!(count(&ours), 2);
        // Gone with the line's own event.
        irqs.set(&request(33, 0, 0, 0), vec![]).unwrap();
        assert!(irqs.unmask_event().is_none());
    }

    #[test]
    fn only_events_are_taken() {
        let irqs = Interrupts::new(3);
        let (socket, _end) = std::os::unix::net::UnixStream::pair().unwrap();
        let zero: OwnedFd = std::fs::File::open("/dev/zero").unwrap().into();
        for fd in [OwnedFd::from(socket), zero] {
            for request in [request(36, 0, 0, 1), request(36, 2, 0, 1), request(20, 0, 0, 1)] {
                let fds = vec![fd.try_clone().unwrap()];
                assert_eq!(irqs.set(&request, fds), Err(Errno::INVAL), "{request:?}");
            }
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let irqs = Interrupts::new(3);
        let (fd, _ours) = event();
        for bad in [
            request(36, 2, 3, 1),
            request(36, 2, 0, 4),
            request(36, 2, u32::MAX, 2),
            request(36, 2, 0, 2), // one descriptor for two
            request(36, 1, 0, 1),
            request(36, 3, 0, 1),
            request(34, 2, 0, 1),
            request(20, 2, 0, 1), // unmasking a vector
            request(9, 2, 0, 1),
            request(0, 2, 0, 1),
            request(u32::MAX, 2, 0, 1),
        ] {
            assert_eq!(irqs.set(&bad, vec![fd.try_clone().unwrap()]), Err(Errno::INVAL), "{bad:?}");
        }
        assert_eq!(irqs.info(1).unwrap().count, 0);
        assert_eq!(irqs.info(2).unwrap().count, 3);
        assert!(irqs.info(3).is_err() && irqs.info(u32::MAX).is_err());
    }
}
