// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A VM's back end in this process, on a TEE that does what tests ask of it.

#![allow(dead_code, unreachable_pub)] // each test binary uses a part

pub mod fake_tee;

use std::sync::Arc;
use std::time::Duration;

use fake_tee::FakeTee;
use tempfile::TempDir;
use vhost_user_tee::door::socket::Socket;
use vhost_user_tee::door::Protocol;
use vhost_user_tee::partition::Limits;
use vhost_user_tee::vm::{Served, Vm};
use virtio_tee_frontend::client::Client;
use virtio_tee_frontend::{Error, Options};

/// A back end that is being served.
pub struct BackEnd {
    dir: TempDir,
    served: Option<Served>,
    /// The TEE of every connection.
    pub tee: Arc<FakeTee>,
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
        let dir = tempfile::tempdir().unwrap();
        let tee = Arc::new(FakeTee::new());
        let vm = Vm {
            name: "test".into(),
            socket: Socket::bind(&dir.path().join("tee.sock")).unwrap(),
            protocol: Protocol::VhostUser,
            request_queues: 2,
            access_platform,
            limits,
            make_tee: {
                let tee = tee.clone();
                Arc::new(move || Ok(tee.clone()))
            },
        };
        let served = vm.start(|| ()).unwrap();
        Self { dir, served: Some(served), tee }
    }

    pub fn connect(&self) -> Client {
        self.connect_with(&Options::default())
    }

    pub fn connect_with(&self, options: &Options) -> Client {
        Client::with_options(&self.dir.path().join("tee.sock"), options).unwrap()
    }

    /// Stops serving, as the daemon does on SIGTERM.
    pub fn stop(&mut self, grace: Duration) {
        if let Some(served) = self.served.take() {
            served.stop();
            served.finish(grace).unwrap();
        }
    }
}

impl Drop for BackEnd {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
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
    let deadline = std::time::Instant::now() + virtio_tee_frontend::ring::HANG;
    while !condition() {
        assert!(std::time::Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
