// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The agent proper: starts what the harness asks for and reports what becomes of it.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use guest_agent::{receive, send, Report, Request, Status, Stream, LINE_WORD, PORT_NAME};
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::process::{kill_process, waitid, Pid, Signal, WaitId, WaitIdOptions};
use rustix::system::{reboot, RebootCommand};
use rustix::termios::{tcgetattr, tcsetattr, OptionalActions};

/// Programs that can still be sent a signal: those whose process has not been collected.
type Running = Arc<Mutex<HashMap<u32, Pid>>>;
type Port = Arc<Mutex<File>>;

/// Serves the harness until it goes away.
pub(crate) fn run() -> io::Result<()> {
    let port = open_port()?;
    let reports: Port = Arc::new(Mutex::new(port.try_clone()?));
    let running = Running::default();
    report(&reports, &Report::Ready);
    let mut requests = BufReader::new(Line(port));
    while let Some(request) = receive(&mut requests)? {
        match request {
            Request::Run { id, argv } => start(id, &argv, &reports, &running),
            Request::Signal { id, signal } => {
                let running = running.lock().unwrap_or_else(PoisonError::into_inner);
                if let (Some(pid), Some(signal)) = (running.get(&id), Signal::from_named_raw(signal)) {
                    // It may have ended by itself, which is no matter.
                    let _ = kill_process(*pid, signal);
                }
            }
            Request::PowerOff => reboot(RebootCommand::PowerOff)?,
        }
    }
    Ok(())
}

/// How often it is looked, each 100 ms, whether the harness has come back.
const LOOKS: u32 = 300;

/// The harness's line as one reads from it. After the machine slept it seems for a while as if nobody were at its other
/// end: until the harness has connected anew.
struct Line(File);

impl Line {
    fn is_connected(&self) -> io::Result<bool> {
        let mut line = [PollFd::new(&self.0, PollFlags::IN)];
        poll(&mut line, Some(&Timespec::default()))?;
        Ok(!line[0].revents().contains(PollFlags::HUP))
    }
}

impl Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for _ in 0..LOOKS {
            let length = self.0.read(buffer)?;
            if length > 0 {
                return Ok(length);
            }
            if !self.is_connected()? {
                thread::sleep(Duration::from_millis(100));
            }
        }
        Ok(0)
    }
}

/// The harness's line: the one that the kernel's command line names, or else a virtio-serial port.
fn open_port() -> io::Result<File> {
    let open = |path: &Path| OpenOptions::new().read(true).write(true).open(path);
    let words = fs::read_to_string("/proc/cmdline")?;
    match words.split_whitespace().find_map(|word| word.strip_prefix(LINE_WORD)) {
        None => open(&find_port()?),
        Some(path) => {
            let line = open(path.as_ref())?;
            // It is a terminal: neither echo nor lines of limited length, and no byte means anything.
            let mut mode = tcgetattr(&line)?;
            mode.make_raw();
            tcsetattr(&line, OptionalActions::Now, &mode)?;
            Ok(line)
        }
    }
}

/// The device node of the harness's virtio-serial port.
fn find_port() -> io::Result<PathBuf> {
    for entry in fs::read_dir("/sys/class/virtio-ports")? {
        let entry = entry?;
        if fs::read_to_string(entry.path().join("name"))?.trim_end() == PORT_NAME {
            return Ok(PathBuf::from("/dev").join(entry.file_name()));
        }
    }
    Err(io::Error::new(io::ErrorKind::NotFound, format!("no virtio-serial port is named {PORT_NAME}")))
}

/// A report that cannot be sent has nobody to read it: the main loop is about to see the end.
fn report(port: &Port, report: &Report) {
    let _ = send(&mut *port.lock().unwrap_or_else(PoisonError::into_inner), report);
}

fn start(id: u32, argv: &[String], port: &Port, running: &Running) {
    let child = match argv.split_first() {
        None => Err(io::Error::new(io::ErrorKind::InvalidInput, "no program is named")),
        Some((program, args)) => Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn(),
    };
    match child {
        Err(error) => report(port, &Report::Exit { id, status: Status::NotStarted(error.to_string()) }),
        Ok(child) => {
            let pid = Pid::from_child(&child);
            running.lock().unwrap_or_else(PoisonError::into_inner).insert(id, pid);
            let (port, running) = (Arc::clone(port), Arc::clone(running));
            thread::spawn(move || {
                let status = follow(id, child, &port, &running);
                report(&port, &Report::Exit { id, status });
            });
        }
    }
}

/// Reports what a program writes, to its end.
fn follow(id: u32, mut child: Child, port: &Port, running: &Running) -> Status {
    let stderr = child.stderr.take().map(|pipe| {
        let port = Arc::clone(port);
        thread::spawn(move || copy(id, Stream::Err, pipe, &port))
    });
    if let Some(pipe) = child.stdout.take() {
        copy(id, Stream::Out, pipe, port);
    }
    if let Some(thread) = stderr {
        let _ = thread.join();
    }
    // Out of the table while the process still holds its number, so that no signal reaches another.
    let ended = waitid(WaitId::Pid(Pid::from_child(&child)), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
    running.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    match ended.map_err(io::Error::from).and_then(|_| child.wait()) {
        Err(error) => Status::NotStarted(error.to_string()),
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => Status::Code(code),
            (None, signal) => Status::Signal(signal.unwrap_or_default()),
        },
    }
}

fn copy(id: u32, stream: Stream, pipe: impl Read, port: &Port) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    while matches!(pipe.read_until(b'\n', &mut line), Ok(length) if length > 0) {
        report(port, &Report::Output { id, stream, text: String::from_utf8_lossy(&line).into_owned() });
        line.clear();
    }
}
