// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The commands of `docs/vmm/qemu.md`, run as they stand in the page.
//!
//! The page's variables are set from outside, `qemu-system-x86_64` and `vhost-user-tee` in the `PATH` are
//! those of the harness, and the guest's initramfs says where the modules are. Each block is found by
//! what follows its fence: the door, and what the block is.

mod common;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{channel, Receiver, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use common::{Failure, Outcome};
use cpio::newc::{trailer, Builder, ModeFileType};
use integration::paths::{vm_dir, workspace};
use integration::provision::{provision, Provisioned};
use integration::vm::{write_initramfs, Qmp, VmConfig};
use rustix::process::{kill_process_group, Pid, Signal};
use serde_json::Value;

/// When a boot is taken to be stuck, as the stock kernel is now and then on a starved host; see `Vm::boot`.
const BOOT: Duration = Duration::from_secs(120);
/// How often a machine is booted before that is an error.
const BOOTS: u32 = 3;
/// When anything else is taken to hang.
const HANG: Duration = Duration::from_secs(300);
/// The prompt of the guest's shell.
const PROMPT: &str = "~ # ";
/// What each door's blocks are.
const BLOCKS: [&str; 5] = ["sh daemon", "sh qemu", "sh guest", "json unplug", "json plug"];

#[test]
fn vfio_user() -> Outcome {
    let printed = follow("vfio-user", "daemon", false)?;
    assert!(printed.contains("0x002e"), "{printed}");
    for queue in ["config", "control", "request.0", "request.1"] {
        let line = printed.lines().find(|line| line.trim_end().ends_with(&format!("virtio0-{queue}")));
        assert!(line.is_some_and(|line| line.contains("MSIX")), "{queue} in {printed}");
    }
    Ok(())
}

/// With MSI-X, QEMU 11.1.3 would abort, as the page says.
#[test]
fn vfio_user_hot_plug() -> Outcome {
    follow("vfio-user", "no-msix", true)?;
    Ok(())
}

#[test]
fn vhost_user() -> Outcome {
    let printed = follow("vhost-user", "daemon", true)?;
    assert!(printed.contains("0x0026"), "{printed}");
    let lines = printed.lines().filter(|line| line.trim_end().ends_with(" virtio0")).count();
    assert_eq!(lines, 1, "{printed}");
    Ok(())
}

#[test]
fn no_command_of_the_page_is_left_out() -> Outcome {
    let mut known = vec!["sh settings".to_owned(), "sh vfio-user no-msix".to_owned()];
    for block in BLOCKS {
        for door in ["vfio-user", "vhost-user"] {
            known.push(block.replacen(' ', &format!(" {door} "), 1));
        }
    }
    let mut found: Vec<String> = blocks()?.into_keys().collect();
    known.sort();
    found.sort();
    assert_eq!(found, known);
    Ok(())
}

/// Does what the page says for one door, with one of its ways to start the daemon; returns what the
/// guest's commands printed.
fn follow(door: &str, daemon: &str, hot_plug: bool) -> Result<String, Failure> {
    // One machine at a time.
    static MACHINE: Mutex<()> = Mutex::new(());
    let _machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let parts = provision()?;
    let blocks = blocks()?;
    let block = |language: &str, what: &str| blocks[&format!("{language} {door} {what}")].clone();
    let dir = vm_dir().join("run").join(format!("guide-{door}-{daemon}"));
    prepare(&dir, &parts)?;
    let script = format!("{}{}{}", blocks["sh settings"], block("sh", daemon), block("sh", "qemu"));
    let mut host = Host::boot(&dir, &parts, &script)?;

    let printed = host.run(&block("sh", "guest"))?;
    println!("{printed}");
    assert!(printed.contains("/dev/tee0"), "{printed}");
    host.run("tee-guest hello hello-c")?;
    if hot_plug {
        unplug_and_plug(&mut host, &block("json", "unplug"), &block("json", "plug"))?;
    }
    host.shut_down()?;
    Ok(printed)
}

/// Takes the device out of the machine and puts it in again, with QMP commands of the page.
fn unplug_and_plug(host: &mut Host, unplug: &str, plug: &str) -> Outcome {
    let mut qmp = Qmp::attach(host.connect("qmp.sock")?)?;
    let mut unplug = commands(unplug)?.into_iter();
    let (name, arguments) = unplug.next().ok_or("nothing is unplugged")?;
    qmp.execute(&name, arguments.clone())?;
    qmp.wait_event(&["DEVICE_DELETED"], |data| data["device"] == arguments["id"])?;
    for (name, arguments) in unplug {
        qmp.execute(&name, arguments)?;
    }
    host.run("! [ -e /dev/tee0 ]")?;
    for (name, arguments) in commands(plug)? {
        qmp.execute(&name, arguments)?;
    }
    host.run("until [ -e /dev/tee0 ]; do sleep 1; done; tee-guest hello hello-c")?;
    Ok(())
}

/// The page's blocks of commands by what follows their fences.
fn blocks() -> Result<HashMap<String, String>, Failure> {
    let path = workspace().join("docs/vmm/qemu.md");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut blocks = HashMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let body: String =
            lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect();
        if blocks.insert(info.to_owned(), body).is_some() {
            return Err(format!("{}: two blocks are called {info:?}", path.display()).into());
        }
    }
    Ok(blocks)
}

/// QMP commands of a block, one a line, with the socket's path in place of its variable.
fn commands(block: &str) -> Result<Vec<(String, Value)>, Failure> {
    let mut commands = Vec::new();
    for line in block.lines() {
        let mut command: Value = serde_json::from_str(&line.replace("$SOCKET", "./tee.sock"))?;
        let name = command["execute"].as_str().ok_or("a command has no name")?.to_owned();
        commands.push((name, command["arguments"].take()));
    }
    Ok(commands)
}

/// Makes the folder that the commands run in: the guest's initramfs, and programs for the `PATH`.
fn prepare(dir: &Path, parts: &Provisioned) -> Result<(), Failure> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => fs::create_dir_all(dir.join("bin"))?,
    }
    let initramfs = dir.join("initramfs");
    write_initramfs(&initramfs, parts, &VmConfig::new("guide", Vec::new()))?;
    // For modprobe, where the modules are. The kernel unpacks one archive after the other.
    let mut archive = File::options().append(true).open(&initramfs)?;
    let folder = format!("lib/modules/{}", parts.root.kernel);
    for name in ["lib/modules", &folder] {
        let builder = Builder::new(name).mode(0o755).set_mode_file_type(ModeFileType::Directory);
        archive = builder.write(archive, 0).finish()?;
    }
    let list = b"../../tee.ko:\n../../virtio_tee.ko: ../../tee.ko\n";
    let builder = Builder::new(&format!("{folder}/modules.dep")).mode(0o644);
    let builder = builder.set_mode_file_type(ModeFileType::Regular);
    let mut entry = builder.write(archive, u32::try_from(list.len())?);
    entry.write_all(list)?;
    trailer(entry.finish()?)?.flush()?;

    let qemu = parts.root.program("usr/bin/qemu-system-x86_64");
    let mut words = vec![PathBuf::from(qemu.get_program())];
    words.extend(qemu.get_args().map(PathBuf::from));
    for folder in ["usr/share/qemu", "usr/share/seabios"] {
        words.extend([PathBuf::from("-L"), parts.root.dir.join(folder)]);
    }
    wrapper(dir, "qemu-system-x86_64", &words)?;
    let daemon = [parts.host.daemon.clone(), PathBuf::from("--ta-runtime"), parts.host.ta_runtime.clone()];
    wrapper(dir, "vhost-user-tee", &daemon)
}

/// A program that passes its arguments to `words`, and ends with the shell that runs it.
fn wrapper(dir: &Path, name: &str, words: &[PathBuf]) -> Result<(), Failure> {
    let words: Vec<String> = words.iter().map(|word| format!("'{}'", word.display())).collect();
    let path = dir.join("bin").join(name);
    fs::write(&path, format!("#!/bin/sh\nexec setpriv --pdeathsig KILL -- {} \"$@\"\n", words.join(" ")))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// A shell that runs the page's host side, and the guest's console, which QEMU puts on its terminal.
struct Host {
    dir: PathBuf,
    shell: Child,
    console: ChildStdin,
    from: Receiver<Vec<u8>>,
    printed: Vec<u8>,
}

impl Host {
    fn boot(dir: &Path, parts: &Provisioned, script: &str) -> Result<Self, Failure> {
        let mut attempt = 1;
        loop {
            let mut host = Self::start(dir, parts, script)?;
            match host.wait_for(PROMPT, BOOT) {
                Err(error) if attempt == BOOTS => return Err(error),
                Err(_) => attempt += 1,
                Ok(()) => return Ok(host),
            }
        }
    }

    fn start(dir: &Path, parts: &Provisioned, script: &str) -> Result<Self, Failure> {
        let path = std::env::var("PATH").unwrap_or_default();
        // The emulated clocks are sound; to check them against each other fails on a starved host.
        let append = "console=ttyS0 panic=-1 tsc=reliable no_timer_check quiet shell";
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", "bash", "-euc", script]).current_dir(dir);
        command.env("PATH", format!("{}:{path}", dir.join("bin").display()));
        command.env("KERNEL", parts.root.dir.join("guest/vmlinuz")).env("INITRD", "initramfs");
        // Relative to the folder: a socket's path may not be longer than 107 bytes.
        command.env("SOCKET", "./tee.sock").env("QMP", "./qmp.sock");
        command.env("TA_DIR", &parts.host.ta_dir).env("APPEND", append).env("ACCEL", "tcg");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        command.stderr(File::create(dir.join("host.log"))?);
        let mut shell = command.spawn()?;
        let console = shell.stdin.take().ok_or("no standard input")?;
        let mut output = shell.stdout.take().ok_or("no standard output")?;
        let (to, from) = channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                if to.send(bytes[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Ok(Self { dir: dir.to_owned(), shell, console, from, printed: Vec::new() })
    }

    /// Waits until the console has printed `what`, and forgets all up to its end.
    fn wait_for(&mut self, what: &str, limit: Duration) -> Outcome {
        self.before(&[what], limit).map(drop)
    }

    /// What the console prints before one of `ends`, which are then forgotten too.
    fn before(&mut self, ends: &[&str], limit: Duration) -> Result<(String, usize), Failure> {
        let deadline = Instant::now() + limit;
        loop {
            let text = String::from_utf8_lossy(&self.printed).into_owned();
            let first =
                ends.iter().enumerate().filter_map(|(which, end)| Some((text.find(end)?, which))).min();
            if let Some((at, which)) = first {
                self.printed = text.as_bytes()[at + ends[which].len()..].to_vec();
                return Ok((text[..at].to_owned(), which));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.from.recv_timeout(left) {
                Ok(bytes) => self.printed.extend(bytes),
                Err(error) => {
                    let why = match error {
                        RecvTimeoutError::Timeout => "it hangs",
                        RecvTimeoutError::Disconnected => "QEMU ended",
                    };
                    let log = fs::read_to_string(self.dir.join("host.log")).unwrap_or_default();
                    return Err(format!("no {ends:?} on the console, {why}:\n{text}\n{log}").into());
                }
            }
        }
    }

    /// Runs commands in the guest, which must succeed; returns what they print.
    fn run(&mut self, commands: &str) -> Result<String, Failure> {
        // Through a file, so that the console's echo of the commands is not taken for their output.
        write!(self.console, "cat >/tmp/commands <<'END'\n{}\nEND\n", commands.trim_end())?;
        writeln!(
            self.console,
            "echo be''gin; sh -e /tmp/commands 2>&1 && echo en''ded well || echo en''ded badly"
        )?;
        self.wait_for("begin", HANG)?;
        let (printed, which) = self.before(&["ended well", "ended badly"], HANG)?;
        if which > 0 {
            return Err(format!("{commands}\nfailed in the guest:\n{printed}").into());
        }
        Ok(printed)
    }

    /// Connects to a socket in the folder, whose own path may be too long for a socket's address.
    fn connect(&self, name: &str) -> io::Result<UnixStream> {
        let folder = File::open(&self.dir)?;
        UnixStream::connect(format!("/proc/self/fd/{}/{name}", folder.as_raw_fd()))
    }

    /// Leaves the guest's shell, with which the machine is switched off; QEMU must end well.
    fn shut_down(mut self) -> Outcome {
        writeln!(self.console, "exit")?;
        let deadline = Instant::now() + HANG;
        loop {
            match self.shell.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("the host's commands ended with {status}").into()),
                None if Instant::now() > deadline => return Err("the machine does not switch off".into()),
                None => thread::sleep(Duration::from_millis(20)),
            }
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // The daemon too, which the shell leaves running; all of it may have ended by itself.
        if let Some(group) = Pid::from_raw(i32::try_from(self.shell.id()).unwrap_or_default()) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.shell.wait();
    }
}
