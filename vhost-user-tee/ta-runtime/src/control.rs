// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The service thread: answers the daemon beside calls, whatever the TA does on the main thread.

use std::os::fd::BorrowedFd;
use std::sync::mpsc;
use std::{io, thread};

use ta_protocol::control::{receive_request, send_notice, Notice, Request};

use crate::{guest_memory, process};

/// The control socket: the process's stdin.
pub(crate) fn socket() -> io::Stdin {
    io::stdin()
}

/// Starts the thread; returns once it makes no more system calls than the sandbox allows.
pub(crate) fn start(socket: BorrowedFd<'static>) -> io::Result<()> {
    let (ready, is_ready) = mpsc::sync_channel(1);
    thread::Builder::new().name("control".into()).stack_size(128 * 1024).spawn(move || {
        // The other end waits.
        let _ = ready.send(());
        drop(ready);
        serve(socket)
    })?;
    is_ready.recv().map_err(|_| io::Error::other("the service thread has ended"))
}

fn serve(socket: BorrowedFd<'_>) -> ! {
    loop {
        let Ok(Request::Unmap(map)) = receive_request(socket) else {
            // The daemon has hung up: this instance, or the daemon, is at its end.
            process::exit(0)
        };
        guest_memory::unmap(map);
        if send_notice(socket, &Notice::Unmapped(map)).is_err() {
            process::exit(0)
        }
    }
}
