// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The network, for TAs (`pta_socket.h`), as far as the VM's rules allow.
//!
//! Without a rule every session is refused. With rules, TAs have sessions, guests have none, and a socket is
//! connected, by TCP or UDP, to what a rule allows. All that the TA asks is carried out by the daemon: no socket is
//! ever a TA's own.

mod connection;
mod place;

use std::collections::hash_map::{Entry, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ta_protocol::message::param_type::{
    MEMREF_INOUT, MEMREF_INPUT, MEMREF_OUTPUT, NONE, VALUE_INPUT, VALUE_OUTPUT,
};
use tee::gp;
use uuid::{uuid, Uuid};

use self::connection::{Connection, Kind};
use self::place::Places;
use super::{Call, PseudoTa};
use crate::socket_rule::SocketRule;

const UUID: Uuid = uuid!("3b996a7d-2c2b-4a49-a896-e1fb5766d2f4");

const OPEN: u32 = 1;
const CLOSE: u32 = 2;
const SEND: u32 = 3;
const RECV: u32 = 4;
const IOCTL: u32 = 5;

/// `TEE_ISOCKET_ERROR_OUT_OF_RESOURCES`.
const ERROR_OUT_OF_RESOURCES: u32 = 0xF100_7004;
/// `TEE_ISOCKET_ERROR_LARGE_BUFFER`.
const ERROR_LARGE_BUFFER: u32 = 0xF100_7005;
/// `TEE_ISOCKET_ERROR_HOSTNAME`.
const ERROR_HOSTNAME: u32 = 0xF100_7007;

/// `TEE_TCP_SET_RECVBUF`.
const TCP_SET_RECVBUF: u32 = 0x65f0_0000;
/// `TEE_TCP_SET_SENDBUF`.
const TCP_SET_SENDBUF: u32 = 0x65f0_0001;

/// Sockets that a session may have open at a time.
const MAX_SOCKETS: usize = 16;
/// Sockets that all of a VM's TAs may have open at a time: each is a descriptor of the daemon's, which has other VMs too.
const MAX_ALL_SOCKETS: usize = 128;
/// Most bytes that are sent or received at a time.
const MAX_BYTES: usize = 1 << 20;
/// Most bytes of a server's name, and of an argument of an ioctl.
const MAX_NAME: usize = 256;
/// How long it may take to connect; the TA has no say in it.
const CONNECT: Duration = Duration::from_secs(10);

/// `TEE_TIMEOUT_INFINITE`.
const FOREVER: u32 = u32::MAX;

/// The pseudo TA.
pub(super) struct Socket {
    rules: Arc<[SocketRule]>,
    places: Places,
}

impl Socket {
    /// Allows what `rules` do.
    pub(super) fn new(rules: Vec<SocketRule>) -> Self {
        Self { rules: rules.into(), places: Places::new(MAX_ALL_SOCKETS) }
    }
}

impl PseudoTa for Socket {
    fn uuid(&self) -> Uuid {
        UUID
    }

    fn open(&self, call: &mut Call<'_>) -> Result<Option<Arc<dyn PseudoTa>>, u32> {
        if self.rules.is_empty() || call.ta().is_none() {
            return Err(gp::ERROR_ACCESS_DENIED);
        }
        let (rules, places) = (self.rules.clone(), self.places.clone());
        Ok(Some(Arc::new(Sockets { rules, places, open: Mutex::default() })))
    }

    /// Sessions have one of their own.
    fn invoke(&self, _command: u32, _call: &mut Call<'_>) -> Result<(), u32> {
        Err(gp::ERROR_BAD_STATE)
    }
}

/// The sockets of one session; closed with it.
struct Sockets {
    rules: Arc<[SocketRule]>,
    /// All sessions'.
    places: Places,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    connections: HashMap<u32, Arc<Connection>>,
    last: u32,
}

impl PseudoTa for Sockets {
    fn uuid(&self) -> Uuid {
        UUID
    }

    fn invoke(&self, command: u32, call: &mut Call<'_>) -> Result<(), u32> {
        match command {
            OPEN => self.connect(call),
            CLOSE => {
                call.expect([VALUE_INPUT, NONE, NONE, NONE])?;
                let closed = self.open().connections.remove(&call.value(0).0);
                closed.map(drop).ok_or(gp::ERROR_BAD_PARAMETERS)
            }
            SEND => {
                call.expect([VALUE_INPUT, MEMREF_INPUT, VALUE_OUTPUT, NONE])?;
                call.set_value(2, 0, 0);
                let connection = self.get(call)?;
                if call.size(1) > MAX_BYTES as u64 {
                    return Err(ERROR_LARGE_BUFFER);
                }
                let bytes = call.read(1, MAX_BYTES)?;
                let (sent, result) = connection.send(call, &bytes, deadline(call.value(0).1));
                call.set_value(2, sent as u32, 0);
                result
            }
            RECV => {
                call.expect([VALUE_INPUT, MEMREF_OUTPUT, NONE, NONE])?;
                let connection = self.get(call)?;
                let room = if call.is_null(1) { 0 } else { call.size(1).min(MAX_BYTES as u64) };
                let received = connection.receive(call, room as usize, deadline(call.value(0).1));
                call.write(1, received.as_deref().unwrap_or_default())?;
                received.map(|_| ())
            }
            IOCTL => {
                call.expect([VALUE_INPUT, MEMREF_INOUT, NONE, NONE])?;
                let connection = self.get(call)?;
                let argument = call.read(1, MAX_NAME)?;
                let command = call.value(0).1;
                if connection.kind() != Kind::Tcp || ![TCP_SET_RECVBUF, TCP_SET_SENDBUF].contains(&command) {
                    // A UDP socket stays connected to what it was allowed to be.
                    return Err(gp::ERROR_NOT_SUPPORTED);
                }
                let len = <[u8; 4]>::try_from(&argument[..]).map_err(|_| gp::ERROR_BAD_PARAMETERS)?;
                let len = (u32::from_le_bytes(len) as usize).min(MAX_BYTES);
                connection.set_buffer(command == TCP_SET_RECVBUF, len)
            }
            _ => Err(gp::ERROR_NOT_IMPLEMENTED),
        }
    }
}

impl Sockets {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, call: &Call<'_>) -> Result<Arc<Connection>, u32> {
        self.open().connections.get(&call.value(0).0).cloned().ok_or(gp::ERROR_BAD_PARAMETERS)
    }

    fn connect(&self, call: &mut Call<'_>) -> Result<(), u32> {
        call.expect([VALUE_INPUT, MEMREF_INPUT, VALUE_INPUT, VALUE_OUTPUT])?;
        let kind = Kind::from_protocol(call.value(2).0).ok_or(gp::ERROR_BAD_PARAMETERS)?;
        let (version, port) = call.value(0);
        let port = u16::try_from(port).map_err(|_| gp::ERROR_BAD_PARAMETERS)?;
        let wanted = |address: &IpAddr| match version {
            0 => true,
            1 => address.is_ipv4(),
            _ => address.is_ipv6(),
        };
        let name = call.read(1, MAX_NAME)?;
        let name = std::str::from_utf8(&name).map_err(|_| gp::ERROR_BAD_PARAMETERS)?;
        let name = name.trim_end_matches('\0');
        if version > 2 || name.is_empty() {
            return Err(gp::ERROR_BAD_PARAMETERS);
        }
        if self.open().connections.len() >= MAX_SOCKETS {
            return Err(ERROR_OUT_OF_RESOURCES);
        }
        let place = self.places.take().ok_or(ERROR_OUT_OF_RESOURCES)?;
        let mut addresses = self.addresses(call, name, port)?;
        addresses.retain(wanted);
        let deadline = Instant::now() + CONNECT;
        // The first that answers; if none does, what the last came to.
        let mut result = Err(ERROR_HOSTNAME);
        for address in addresses {
            result = Connection::connect(call, kind, (address, port).into(), deadline);
            if result.is_ok() {
                break;
            }
        }
        let number = self.insert(result?.at(place));
        call.set_value(3, number, 0);
        Ok(())
    }

    fn insert(&self, connection: Connection) -> u32 {
        let mut open = self.open();
        loop {
            open.last = open.last.wrapping_add(1);
            let number = open.last;
            if let Entry::Vacant(place) = open.connections.entry(number) {
                place.insert(Arc::new(connection));
                return number;
            }
        }
    }

    /// The addresses that `name` stands for, if it is allowed to connect to them. To find them out takes as long as the
    /// host's resolver does, and cannot be cancelled.
    fn addresses(&self, call: &Call<'_>, name: &str, port: u16) -> Result<Vec<IpAddr>, u32> {
        let refused = || {
            // Of a name that the TA has made up, only what is harmless in a log.
            let name: String = name.chars().filter(char::is_ascii_graphic).collect();
            let errors = call.instances().errors();
            errors.error(format_args!(
                "a TA was refused a connection to {name} port {port}: no rule allows it"
            ));
            gp::ERROR_ACCESS_DENIED
        };
        if let Ok(address) = name.parse::<IpAddr>() {
            let allowed = self.rules.iter().any(|rule| rule.allows_address(address, port));
            return if allowed { Ok(vec![address]) } else { Err(refused()) };
        }
        if !self.rules.iter().any(|rule| rule.allows_name(name, port)) {
            return Err(refused());
        }
        let resolved = std::net::ToSocketAddrs::to_socket_addrs(&(name, port)).map_err(|_| ERROR_HOSTNAME)?;
        Ok(resolved.map(|address| address.ip()).collect())
    }
}

/// When a time-out of so many milliseconds is over.
fn deadline(timeout: u32) -> Option<Instant> {
    (timeout != FOREVER).then(|| Instant::now() + Duration::from_millis(timeout.into()))
}
