// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A daemon with the probe TA, and a driver's calls to it.

use integration::daemon::Daemon;
use integration::vm::{Door, Socket, REQUEST_QUEUES};
use tempfile::TempDir;
use uuid::{uuid, Uuid};
use virtio_tee_frontend::client::{CallResult, Client, Param};
use virtio_tee_frontend::memory::Pages;
use virtio_tee_frontend::Options;
use virtio_tee_spec::{VIRTIO_TEE_ATTR_MEMREF_INOUT, VIRTIO_TEE_ATTR_MEMREF_INPUT};

use crate::programs::build;
use crate::{expect, Error};

/// The probe with a process for each session, and the one with a process that stays: see
/// `integration/tas/probe/include/probe_ta.h`.
const PROBE: Uuid = uuid!("355ca50a-8cb4-4de0-a633-59e17afc16fb");
const PROBE_SHARED: Uuid = uuid!("158c5fdd-5a4d-48db-892e-108b8581396a");
const NOP: u32 = 0;
const SWAP: u32 = 1;
const TOUCH: u32 = 8;

/// Bytes of the registered memory, and which of them calls touch.
const LARGE: u64 = 64 << 20;
const TOUCHED: u64 = 12_345;
const PAGE: u64 = 4096;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A call without parameters.
    Invoke,
    /// A call with two values that change places.
    Value,
    /// A call with 4 KiB of memory that the device has not seen before.
    Transient,
    /// A call with 64 MiB of registered memory, of which the TA touches one byte.
    Registered,
    /// A session, opened and closed, with an instance that is there already.
    Session,
    /// A session, opened and closed, with an instance of its own: a process begins and ends.
    Instance,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Invoke, Self::Value, Self::Transient, Self::Registered, Self::Session, Self::Instance];

    /// For people to read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Invoke => "call without parameters",
            Self::Value => "call with a value",
            Self::Transient => "call with 4 KiB transient",
            Self::Registered => "call with 64 MiB registered, one byte touched",
            Self::Session => "open and close a session, shared instance",
            Self::Instance => "open and close a session, instance of its own",
        }
    }
}

/// A daemon that serves one driver, with a session open.
pub struct Bed {
    // In this order: the driver leaves before the daemon is ended, the folder goes last.
    client: Client,
    _daemon: Daemon,
    _dir: TempDir,
    context: u64,
    session: u32,
    page: Pages,
    _large: Pages,
    memory: u64,
    /// What the touched byte is to be next.
    expected: u8,
}

impl Bed {
    /// Builds what is needed (releases of the daemon and the TA runtime, the probe TA), starts the
    /// daemon, and connects.
    pub fn new() -> Result<Self, Error> {
        let programs = build()?;
        let dir = TempDir::with_prefix("virtio-tee-bench-").map_err(Error::system("temporary folder"))?;
        let socket = "bench.sock".to_owned();
        let served = Socket {
            door: Door::VhostUser,
            name: socket.clone(),
            access_platform: false,
            request_queues: REQUEST_QUEUES,
        };
        let daemon = Daemon::start(&programs, dir.path(), &[served])?;
        let memory = vec![(0x4000_0000, 2 * LARGE)];
        let mut client =
            Client::with_options(&dir.path().join(&socket), &Options { memory, ..Options::default() })?;
        let context = client.open_context()?;
        // So that the shared instance is there, and stays.
        for ta in [PROBE_SHARED, PROBE] {
            client.open_session(context, ta, &[]).map_err(Error::from).and_then(|r| passed("warm-up", r))?;
        }
        let opened = passed("open", client.open_session(context, PROBE, &[])?)?;
        let (page, large) = (client.allocate(PAGE)?, client.allocate(LARGE)?);
        let memory = client.register(context, &[large.run()])?;
        Ok(Self {
            client,
            _daemon: daemon,
            _dir: dir,
            context,
            session: opened.session,
            page,
            _large: large,
            memory,
            expected: 1,
        })
    }

    /// Does it once, and checks that it was done.
    pub fn run(&mut self, kind: Kind) -> Result<(), Error> {
        let (context, session) = (self.context, self.session);
        match kind {
            Kind::Invoke => {
                passed("NOP", self.client.invoke(context, session, NOP, &[])?)?;
            }
            Kind::Value => {
                let result = self.client.invoke(context, session, SWAP, &[Param::value_inout(3, 5)])?;
                expect("SWAP", (passed("SWAP", result)?.params[0].0) == 5)?;
            }
            Kind::Transient => {
                let memref =
                    Param::transient(VIRTIO_TEE_ATTR_MEMREF_INPUT, &[self.page.run()], 0, self.page.len());
                passed("NOP", self.client.invoke(context, session, NOP, &[memref])?)?;
            }
            Kind::Registered => {
                let memref = Param::registered(VIRTIO_TEE_ATTR_MEMREF_INOUT, self.memory, 0, LARGE);
                let params = [memref, Param::value_inout(TOUCHED, 0)];
                let result = passed("TOUCH", self.client.invoke(context, session, TOUCH, &params)?)?;
                expect("TOUCH", result.params[1].1 == u64::from(self.expected))?;
                self.expected = self.expected.wrapping_add(1);
            }
            Kind::Session => self.open_and_close(PROBE_SHARED)?,
            Kind::Instance => self.open_and_close(PROBE)?,
        }
        Ok(())
    }

    fn open_and_close(&mut self, ta: Uuid) -> Result<(), Error> {
        let opened = passed("open", self.client.open_session(self.context, ta, &[])?)?;
        Ok(self.client.close_session(self.context, opened.session)?)
    }
}

fn passed(call: &'static str, result: CallResult) -> Result<CallResult, Error> {
    match result.ret {
        0 => Ok(result),
        ret => Err(Error::Call { call, ret, origin: result.origin }),
    }
}
