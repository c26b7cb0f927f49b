// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Taking guest memory back from an instance.

use std::time::{Duration, Instant};

use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use ta_protocol::control::{receive_notice, send_request, Notice, Request};
use ta_protocol::socket;

use crate::death::Death;
use crate::instance::Instance;

/// How long the service thread of a process may take to unmap. It has nothing else to do.
const PATIENCE: Duration = Duration::from_secs(2);

/// Unmaps registered memory `memory` from the process of `instance`, if it is mapped there. When
/// this returns, it is not, if at the price of the process.
pub(crate) fn release(instance: &Instance, memory: u64) {
    if !instance.mapped().remove(&memory) {
        return;
    }
    let unmapped = {
        let control = instance.control();
        // One that answers without reading what it is asked comes to its end here.
        send_request(&*control, Request::Unmap(memory)).is_ok() && answer(instance, &*control, memory)
    };
    if !unmapped {
        // An ended process has nothing mapped, whatever it ended of.
        instance.kill(Death::Killed("it did not give back memory of its VM"));
        instance.wait_for_process();
    }
}

/// Waits for the answer; `false` if there is none in time.
fn answer(instance: &Instance, control: &impl std::os::fd::AsFd, memory: u64) -> bool {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match receive_notice(control) {
            Ok(Notice::Unmapped(map)) if map == memory => return true,
            // A late answer to what has been given up on, or the beginning of the end: not for ever.
            Ok(_) if Instant::now() < deadline => continue,
            Ok(_) => return false,
            Err(socket::Error::System(Errno::AGAIN)) => {}
            Err(_) => return false,
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok(left) = Timespec::try_from(left) else { return false };
        let mut fds = [PollFd::new(control, PollFlags::IN), PollFd::new(instance.pidfd(), PollFlags::IN)];
        match poll(&mut fds, Some(&left)) {
            Err(Errno::INTR) => {}
            Ok(0) | Err(_) => return false,
            Ok(_) if fds[0].revents().is_empty() => return false,
            Ok(_) => {}
        }
    }
}
