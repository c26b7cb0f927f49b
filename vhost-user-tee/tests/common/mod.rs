// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A VM's back end in this process, on a TEE that does what tests ask of it, behind the door that the
//! test binary names (`crate::DOOR`).

#![allow(dead_code, unreachable_pub)] // each test binary uses a part

pub mod direct;
pub mod fake_tee;

use std::path::PathBuf;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use direct::{DirectLink, Door as DirectDoor};
use fake_tee::{FakeTee, TA};
use tempfile::TempDir;
use vhost_user_tee::device::Device;
use vhost_user_tee::door::socket::Socket;
use vhost_user_tee::door::Protocol;
use vhost_user_tee::partition::{Limits, MakeTee, Partition};
use vhost_user_tee::vm::{Served, Vm};
use virtio_tee_frontend::client::Client;
use virtio_tee_frontend::link::Link;
use virtio_tee_frontend::ring::HANG;
use virtio_tee_frontend::{Error, FrontEnd, Options};

use crate::DOOR;

/// How a test reaches the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    VhostUser,
    VfioUser,
    /// No socket: [`direct`].
    InProcess,
}

/// Request queues of each device.
pub const REQUEST_QUEUES: u16 = 2;

/// A back end that is being served.
pub struct BackEnd {
    behind: Behind,
    /// The TEE of every connection.
    pub tee: Arc<FakeTee>,
}

enum Behind {
    Socket { dir: TempDir, served: Option<Served> },
    Direct { make_tee: MakeTee, limits: Limits, access_platform: bool, current: Mutex<Weak<DirectDoor>> },
}

impl BackEnd {
    pub fn start() -> Self {
        Self::with_limits(Limits::default())
    }

    pub fn with_limits(limits: Limits) -> Self {
        Self::with(limits, false)
    }

    pub fn with(limits: Limits, access_platform: bool) -> Self {
        let _ = env_logger::builder().is_test(true).try_init();
        let tee = Arc::new(FakeTee::new());
        let make_tee: MakeTee = {
            let tee = tee.clone();
            Arc::new(move || Ok(tee.clone()))
        };
        let protocol = match DOOR {
            Door::VhostUser => Protocol::VhostUser,
            Door::VfioUser => Protocol::VfioUser { msix: true },
            Door::InProcess => {
                let behind = Behind::Direct { make_tee, limits, access_platform, current: Mutex::default() };
                return Self { behind, tee };
            }
        };
        let dir = tempfile::tempdir().unwrap();
        let vm = Vm {
            name: "test".into(),
            socket: Socket::bind(&dir.path().join("tee.sock")).unwrap(),
            protocol,
            request_queues: REQUEST_QUEUES,
            access_platform,
            limits,
            make_tee,
        };
        let served = vm.start(|| ()).unwrap();
        Self { behind: Behind::Socket { dir, served: Some(served) }, tee }
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        match &self.behind {
            Behind::Socket { dir, .. } => dir.path().join("tee.sock"),
            Behind::Direct { .. } => panic!("no socket"),
        }
    }

    pub fn connect(&self) -> Client {
        self.connect_with(&Options::default())
    }

    pub fn connect_with(&self, options: &Options) -> Client {
        let door = match (DOOR, &self.behind) {
            (_, Behind::Direct { make_tee, limits, access_platform, current }) => {
                let partition = Partition::new(make_tee.clone(), limits.clone()).unwrap();
                let device = Device::new("test", partition, REQUEST_QUEUES, *access_platform);
                let link = DirectLink::new(device);
                *current.lock().unwrap() = link.door();
                return Self::client(link, options);
            }
            (Door::VfioUser, _) => virtio_tee_frontend::Door::VfioUser,
            _ => virtio_tee_frontend::Door::VhostUser,
        };
        Client::with_options(&self.socket(), &Options { door, ..options.clone() }).unwrap()
    }

    /// Starts the device that `link` reaches.
    pub fn client(link: impl Link, options: &Options) -> Client {
        Client::new(FrontEnd::start(Box::new(link), options).unwrap())
    }

    /// Stops serving, as the daemon does on SIGTERM.
    pub fn stop(&mut self, grace: Duration) {
        match &mut self.behind {
            Behind::Socket { served, .. } => {
                if let Some(served) = served.take() {
                    served.stop();
                    served.finish(grace).unwrap();
                }
            }
            Behind::Direct { current, .. } => {
                if let Some(door) = current.get_mut().unwrap().upgrade() {
                    door.finish(grace);
                }
            }
        }
    }
}

impl Drop for BackEnd {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}

/// A context, and a session in it.
pub fn session(client: &mut Client) -> (u64, u32) {
    let context = client.open_context().unwrap();
    let result = client.open_session(context, TA, &[]).unwrap();
    assert_eq!((result.ret, result.params.len()), (0, 0));
    assert_ne!(result.session, 0);
    (context, result.session)
}

/// Waits until nothing of a connection is left in the TEE.
pub fn nothing_left(back_end: &BackEnd) {
    let state = &back_end.tee.state;
    eventually("everything is freed", || {
        state.contexts.load(SeqCst) == 0 && state.sessions.load(SeqCst) == 0 && state.running() == 0
    });
}

/// The status that a request was refused with.
pub fn status<T: std::fmt::Debug>(result: Result<T, Error>) -> u32 {
    match result.unwrap_err() {
        Error::Status(status) => status,
        other => panic!("{other}"),
    }
}

/// Waits until `condition` holds, as long as a hang takes.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + HANG;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
