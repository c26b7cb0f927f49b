// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The program itself.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod daemon_process;

use std::os::unix::net::UnixListener;

use daemon_process::{eventually, refusal, run, Daemon};
use nix::sys::signal::Signal;
use uuid::{uuid, Uuid};
use virtio_tee_frontend::client::{Client, Param};
use virtio_tee_frontend::Door;
use virtio_tee_spec::VIRTIO_TEE_ATTR_MEMREF_INPUT;

// See integration/tas/probe/include/probe_ta.h.
const PROBE: Uuid = uuid!("355ca50a-8cb4-4de0-a633-59e17afc16fb");
const PROBE_NOP: u32 = 0;
const PROBE_SLEEP_MASKED: u32 = 4;
const PROBE_SPIN: u32 = 7;

#[test]
fn a_signal_ends_it_with_0() {
    for (signal, door) in [
        (Signal::SIGTERM, Door::VhostUser),
        (Signal::SIGINT, Door::VhostUser),
        (Signal::SIGTERM, Door::VfioUser),
    ] {
        let daemon = Daemon::one_vm_over(door);
        let socket = daemon.path("tee.sock");
        let mut client = daemon.connect("tee.sock");
        let context = client.open_context().unwrap();
        client.close_context(context).unwrap();
        let (code, log) = daemon.stop(signal);
        assert_eq!(code, Some(0), "{log}");
        assert!(!socket.exists());
        // A VM's story: listening, that nothing it stores will last, connected, why it ended, what there was.
        assert_eq!(log.lines().count(), 5, "{log}");
        assert!(log.contains("no --state-dir"), "{log}");
        assert!(log.contains("connected; TEE 1"), "{log}");
        assert!(log.contains("disconnected after 1 contexts, 0 sessions, 0 calls"), "{log}");
    }
}

#[test]
fn a_signal_ends_it_where_nobody_has_connected() {
    let daemon = Daemon::one_vm();
    let socket = daemon.path("tee.sock");
    eventually("it listens", || socket.exists());
    assert_eq!(daemon.stop(Signal::SIGTERM).0, Some(0));
    assert!(!socket.exists());
}

/// Killed with `kill -9` it leaves no process of a TA, whatever that does, and another takes its place.
#[test]
fn where_it_is_killed_its_tas_end() {
    let state = tempfile::tempdir().unwrap();
    let start = || {
        let tas = soft_tee_testing::test_tas().display();
        let state = state.path().display();
        Daemon::start(|dir| {
            let socket = format!("--socket-path={}/tee.sock", dir.display());
            vec![socket, format!("--ta-dir={tas}"), format!("--state-dir={state}"), "--name=vm".into()]
        })
    };
    let daemon = start();
    let mut client = daemon.connect("tee.sock");
    let context = client.open_context().unwrap();
    let _calls = [PROBE_SPIN, PROBE_SLEEP_MASKED, PROBE_NOP].map(|func| {
        let session = client.open_session(context, PROBE, &[]).unwrap().session;
        let arguments = [Param::value_in(600_000, 0)];
        client.start_invoke(1, context, session, func, 1, &arguments).unwrap()
    });
    let processes = daemon.child_ids();
    assert_eq!(processes.len(), 3);
    daemon.stop(Signal::SIGKILL);
    eventually("the processes of the TAs end", || {
        !processes.iter().any(|pid| soft_tee_testing::is_running(*pid))
    });

    let daemon = start();
    let mut client = daemon.connect("tee.sock");
    let context = client.open_context().unwrap();
    assert_eq!(client.open_session(context, PROBE, &[]).unwrap().ret, 0);
}

#[test]
fn a_vm_that_comes_and_goes_costs_nothing() {
    for door in [Door::VhostUser, Door::VfioUser] {
        comes_and_goes(&Daemon::one_vm_over(door));
    }
}

fn comes_and_goes(daemon: &Daemon) {
    let visit = || {
        let mut client = daemon.connect("tee.sock");
        for _ in 0..3 {
            let context = client.open_context().unwrap();
            let page = client.allocate(1).unwrap();
            client.register(context, &[page.run()]).unwrap();
            assert_ne!(client.open_session(context, Uuid::nil(), &[]).unwrap().ret, 0);
        }
    };
    // The first visit may leave what is made once per process.
    visit();
    drop(daemon.connect("tee.sock"));
    let before = daemon.settled();
    for _ in 0..20 {
        visit();
    }
    eventually("descriptors and threads are as before", || daemon.holds() == before);
}

#[test]
fn what_it_inherits_does_not_limit_it() {
    let daemon = Daemon::one_vm_after("trap '' CHLD; ulimit -S -n 64");
    daemon.connect("tee.sock").open_context().unwrap();
    let ignored = u64::from_str_radix(&daemon.proc_line("status", "SigIgn:"), 16).unwrap();
    assert_eq!(ignored & 1 << (Signal::SIGCHLD as i32 - 1), 0, "{ignored:x}");
    let limits = daemon.proc_line("limits", "Max open files");
    let limits: Vec<_> = limits.split_whitespace().collect();
    assert_eq!(limits[0], limits[1]);
    assert_eq!(daemon.stop(Signal::SIGTERM).0, Some(0));
}

#[test]
fn several_vms_of_one_file() {
    let daemon = Daemon::start(|dir| {
        let config = dir.join("vms.toml");
        let text = format!(
            "[[vm]]\nname = \"red\"\nsocket-path = \"{0}/red.sock\"\nlimits.max-contexts = 1\n\
             [[vm]]\nname = \"blue\"\nvfio-user-socket-path = \"{0}/blue.sock\"\nrequest-queues = 4\n",
            dir.display()
        );
        std::fs::write(&config, text).unwrap();
        vec![
            "--config".into(),
            config.to_str().unwrap().into(),
            "--ta-dir".into(),
            dir.to_str().unwrap().into(),
        ]
    });
    let mut red = daemon.connect("red.sock");
    let mut blue = daemon.connect_over(Door::VfioUser, "blue.sock");
    assert_eq!(red.front_end().config().max_contexts.get(), 1);
    assert_eq!(blue.front_end().config().num_request_queues.get(), 4);
    let theirs = red.open_context().unwrap();
    assert!(blue.close_context(theirs).is_err());
    let ours = blue.open_context().unwrap();
    drop(red);
    blue.close_context(ours).unwrap();
    let mut red = daemon.connect("red.sock");
    red.open_context().unwrap();
    let (code, log) = daemon.stop(Signal::SIGTERM);
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("red: disconnected") && log.contains("blue: disconnected"), "{log}");
}

#[test]
fn a_socket_path_that_is_taken() {
    let daemon = Daemon::one_vm();
    let socket = daemon.path("tee.sock");
    eventually("it listens", || socket.exists());
    let path = socket.to_str().unwrap();
    let line = refusal(&run(&["--socket-path", path, "--ta-dir", "/"]), 1);
    assert!(line.contains(path) && line.contains("listens"), "{line}");
    // The first one has noticed nothing that matters.
    daemon.connect("tee.sock").open_context().unwrap();

    let file = daemon.path("file");
    std::fs::write(&file, "").unwrap();
    let line = refusal(&run(&["--socket-path", file.to_str().unwrap(), "--ta-dir", "/"]), 1);
    assert!(line.contains("not a socket"), "{line}");
    let line = refusal(&run(&["--socket-path", "/no/such/folder/s", "--ta-dir", "/"]), 1);
    assert!(line.contains("/no/such/folder/s"), "{line}");
    let line = refusal(&run(&["--socket-path", "s", "--ta-dir", "/no/such/folder"]), 1);
    assert!(line.contains("/no/such/folder"), "{line}");
    let line = refusal(&run(&["--socket-path", "s", "--ta-dir", "/", "--ta-runtime", "/no/such/file"]), 1);
    assert!(line.contains("/no/such/file"), "{line}");
    let line = refusal(&run(&["--fd", "99", "--ta-dir", "/"]), 1);
    assert!(line.contains("99"), "{line}");
}

#[test]
fn a_socket_that_was_left_behind() {
    let dir = tempfile::tempdir().unwrap();
    drop(UnixListener::bind(dir.path().join("tee.sock")).unwrap());
    let path = dir.path().to_str().unwrap().to_owned();
    let daemon =
        Daemon::start(|_| vec![format!("--socket-path={path}/tee.sock"), format!("--ta-dir={path}")]);
    Client::connect(&dir.path().join("tee.sock")).unwrap().open_context().unwrap();
    assert_eq!(daemon.stop(Signal::SIGTERM).0, Some(0));
}

#[test]
fn a_socket_that_is_handed_over() {
    use std::os::fd::AsRawFd;
    let dir = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(dir.path().join("tee.sock")).unwrap();
    rustix::io::fcntl_setfd(&listener, rustix::io::FdFlags::empty()).unwrap();
    let fd = listener.as_raw_fd();
    let daemon = Daemon::start(|_| vec![format!("--fd={fd}"), "--ta-dir=/".into()]);
    Client::connect(&dir.path().join("tee.sock")).unwrap().open_context().unwrap();
    assert_eq!(daemon.stop(Signal::SIGTERM).0, Some(0));
    // Whose it is, removes it.
    assert!(dir.path().join("tee.sock").exists());
}

#[test]
fn a_configuration_that_cannot_be_used() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.toml");
    let name = path.to_str().unwrap();
    let line = refusal(&run(&["--config", name]), 2);
    assert!(line.contains(name) && line.contains("No such file"), "{line}");
    let line = refusal(&run(&["--config", dir.path().to_str().unwrap()]), 2);
    assert!(line.contains("directory"), "{line}");
    for (text, expected) in [
        ("\u{0}", "line 1"),
        ("[[vm]]\nname = 3", "line 2"),
        ("[[vm]]\nsocket-path = \"/s\"\ncolour = \"red\"", "colour"),
        ("[[vm]]\nsocket-path = \"/s\"", "ta-dir"),
        ("[[vm]]\nta-dir = \"/\"", "socket-path"),
        ("", "no [[vm]] table"),
    ] {
        std::fs::write(&path, text).unwrap();
        let line = refusal(&run(&["--config", name]), 2);
        assert!(line.contains(name) && line.contains(expected), "{line}");
    }
    std::fs::write(&path, [0xff, 0xfe]).unwrap();
    refusal(&run(&["--config", name]), 2);
}

#[test]
fn a_tee_of_the_hosts_that_is_none() {
    for (device, expected) in [
        ("/dev/no-tee", "modprobe optee"),
        ("/dev/null", "not a TEE device"),
        ("/dev/teepriv0", "supplicant"),
    ] {
        let line = refusal(&run(&["--socket-path", "/tmp/no-tee.sock", "--tee", device]), 1);
        assert!(line.contains(device) && line.contains(expected), "{line}");
    }
    assert_eq!(run(&["--socket-path", "s", "--tee", "/dev/tee0", "--ta-dir", "/"]).status.code(), Some(2));
    let line = refusal(&run(&["--socket-path", "s", "--tee", "/dev/tee0", "--logins", "guest"]), 2);
    assert!(line.contains("logins"), "{line}");
}

#[test]
fn a_policy_stands_before_the_tas() {
    const ACCESS_DENIED: u32 = 0xffff_0001;
    // See integration/tas/session-check/include/session_check_ta.h.
    const SESSION_CHECK: Uuid = uuid!("2cbd3a4e-6d3f-4f08-8c35-0e917bd264a1");
    let tas = soft_tee_testing::test_tas().display();
    let daemon = Daemon::start(|dir| {
        let dir = dir.display();
        vec![format!("--socket-path={dir}/tee.sock"), format!("--ta-dir={tas}"), format!("--deny-ta={PROBE}")]
    });
    let mut client = daemon.connect("tee.sock");
    let context = client.open_context().unwrap();
    let result = client.open_session(context, PROBE, &[]).unwrap();
    assert_eq!((result.ret, result.origin), (ACCESS_DENIED, 3));
    assert_ne!(client.open_session(context, Uuid::nil(), &[]).unwrap().ret, ACCESS_DENIED);
    // Nor is it reached through another.
    let session = client.open_session(context, SESSION_CHECK, &[]).unwrap();
    assert_eq!(session.ret, 0);
    let page = client.allocate(1).unwrap();
    page.write(0, &PROBE.to_bytes_le()).unwrap();
    let asked = [
        Param::transient(VIRTIO_TEE_ATTR_MEMREF_INPUT, &[page.run()], 0, 16),
        Param::value_in(u32::MAX.into(), 0),
        Param::value_out(),
        Param::value_out(),
    ];
    let result = client.invoke(context, session.session, 0, &asked).unwrap();
    assert_eq!((result.ret, result.params[2]), (0, (ACCESS_DENIED.into(), 3, 0)));
    drop(client);
    let (_, log) = daemon.stop(Signal::SIGTERM);
    assert!(log.contains(&format!("session refused: TA {PROBE} is denied")), "{log}");
    assert!(log.contains(&format!("session of TA {SESSION_CHECK} refused: TA {PROBE} is denied")), "{log}");
}

#[test]
fn a_command_line_that_teaches() {
    let help = run(&["--help"]);
    assert!(help.status.success());
    let text = String::from_utf8(help.stdout).unwrap();
    for expected in
        ["EXAMPLES", "--socket-path", "--vfio-user-socket-path", "share=on", "[[vm]]", "EXIT STATUS"]
    {
        assert!(text.contains(expected), "{text}");
    }
    assert_eq!(run(&[]).status.code(), Some(2));
    assert_eq!(run(&["--config", "a", "--socket-path", "b"]).status.code(), Some(2));
    let capabilities = run(&["--print-capabilities"]);
    assert!(capabilities.status.success());
    let value: serde_json::Value = serde_json::from_slice(&capabilities.stdout).unwrap();
    assert_eq!(value["type"], "tee");
}
