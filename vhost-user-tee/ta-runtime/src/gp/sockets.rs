// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Sockets (GP TEE Sockets API 1.0, for TCP and UDP): `TEE_tcpSocket` and `TEE_udpSocket`, on the socket pseudo TA as in
//! OP-TEE. Whether there is a network is that pseudo TA's to say.

use std::ffi::{c_char, c_void, CStr};
use std::mem::offset_of;
use std::ptr;
use std::sync::Mutex;

use ta_protocol::message::param_type::{
    MEMREF_INOUT, MEMREF_INPUT, MEMREF_OUTPUT, NONE, VALUE_INPUT, VALUE_OUTPUT,
};
use tee::gp::{ERROR_BAD_PARAMETERS, ERROR_GENERIC, SUCCESS};
use uuid::{uuid, Uuid};

use super::handles::{lock, Handles};
use super::panic::panic;
use super::pointers::{load, store, string};
use super::sessions::{TEE_InvokeTACommand, TEE_OpenTASession, TIMEOUT_INFINITE};
use super::uuid::TeeUuid;
use crate::sys::library::{TeeParam, TeeParams};

/// The socket pseudo TA.
const SOCKET: Uuid = uuid!("3b996a7d-2c2b-4a49-a896-e1fb5766d2f4");

// `PTA_SOCKET_*`.
const OPEN: u32 = 1;
const CLOSE: u32 = 2;
const SEND: u32 = 3;
const RECV: u32 = 4;
const IOCTL: u32 = 5;

/// `TEE_ISOCKET_PROTOCOLID_TCP`.
const TCP: u8 = 0x65;
/// `TEE_ISOCKET_PROTOCOLID_UDP`.
const UDP: u8 = 0x66;

/// `TEE_IP_VERSION_6`: the last that there is.
const LAST_IP_VERSION: u32 = 2;

const ERROR_PROTOCOL: u32 = 0xF100_7001;
const WARNING_PROTOCOL: u32 = 0xF100_7006;
const ERROR_HOSTNAME: u32 = 0xF100_7007;

/// `TEE_iSocket`.
#[repr(C)]
struct ISocket {
    version: u32,
    protocol: u8,
    open: Open,
    close: extern "C" fn(usize) -> u32,
    send: unsafe extern "C" fn(usize, *const c_void, *mut u32, u32) -> u32,
    recv: unsafe extern "C" fn(usize, *mut c_void, *mut u32, u32) -> u32,
    error: extern "C" fn(usize) -> u32,
    ioctl: Ioctl,
}

/// `TEE_tcpSocket_Setup` and `TEE_udpSocket_Setup`, which are one.
#[derive(Clone, Copy)]
#[repr(C)]
struct Setup {
    ip_version: u32,
    server_addr: *const c_char,
    server_port: u16,
}

const _: () = assert!(offset_of!(ISocket, open) == 8 && offset_of!(Setup, server_addr) == 8);

static TCP_SOCKET: ISocket = interface(TCP, open_tcp, ioctl_tcp);
static UDP_SOCKET: ISocket = interface(UDP, open_udp, ioctl_udp);

type Open = unsafe extern "C" fn(*mut usize, *const Setup, *mut u32) -> u32;
type Ioctl = unsafe extern "C" fn(usize, u32, *mut c_void, *mut u32) -> u32;

const fn interface(protocol: u8, open: Open, ioctl: Ioctl) -> ISocket {
    ISocket { version: 0x0100_0000, protocol, open, close, send, recv, error, ioctl }
}

/// A pointer that a TA finds by its name.
#[repr(transparent)]
struct Interface {
    _socket: &'static ISocket,
}

#[no_mangle]
#[used]
static TEE_tcpSocket: Interface = Interface { _socket: &TCP_SOCKET };
#[no_mangle]
#[used]
static TEE_udpSocket: Interface = Interface { _socket: &UDP_SOCKET };

/// A socket that is open.
struct Socket {
    /// The pseudo TA's number of it.
    number: u32,
    /// What came of the last call.
    last: u32,
}

static SOCKETS: Handles<Socket> = Handles::new();

/// The TA's session with the pseudo TA, once it has one; 0 before.
static SESSION: Mutex<usize> = Mutex::new(0);

/// Has the pseudo TA carry out a command; `params` are as they come back.
fn invoke(command: u32, kinds: [u32; 4], params: &mut TeeParams) -> u32 {
    let mut session = lock(&SESSION);
    if *session == 0 {
        let destination = TeeUuid::from(SOCKET);
        // SAFETY: all are variables of ours, and no parameters are passed.
        let ret = unsafe {
            TEE_OpenTASession(
                &destination,
                TIMEOUT_INFINITE,
                0,
                ptr::null_mut(),
                &raw mut *session,
                ptr::null_mut(),
            )
        };
        if ret != SUCCESS {
            return ret;
        }
    }
    let types = kinds.iter().rev().fold(0, |types, kind| types << 4 | kind);
    // SAFETY: four parameters, with the TA's buffers as their types say.
    unsafe {
        TEE_InvokeTACommand(*session, TIMEOUT_INFINITE, command, types, params.as_mut_ptr(), ptr::null_mut())
    }
}

unsafe extern "C" fn open_tcp(handle: *mut usize, setup: *const Setup, protocol_error: *mut u32) -> u32 {
    // SAFETY: the caller's word.
    unsafe { open(TCP, handle, setup, protocol_error) }
}

unsafe extern "C" fn open_udp(handle: *mut usize, setup: *const Setup, protocol_error: *mut u32) -> u32 {
    // SAFETY: the caller's word.
    unsafe { open(UDP, handle, setup, protocol_error) }
}

/// # Safety
/// `*handle` and `*protocol_error` can be written, and `*setup` and its address can be read.
unsafe fn open(protocol: u8, handle: *mut usize, setup: *const Setup, protocol_error: *mut u32) -> u32 {
    // SAFETY: the caller's word.
    let setup = unsafe {
        store(protocol_error, SUCCESS);
        store(handle, 0);
        load(setup)
    };
    if setup.server_addr.is_null() || setup.ip_version > LAST_IP_VERSION {
        return ERROR_BAD_PARAMETERS;
    }
    // SAFETY: the caller's word.
    let address = unsafe { string(setup.server_addr) };
    match connect(protocol, setup.ip_version, address, setup.server_port) {
        Ok(number) => {
            // SAFETY: the caller's word.
            unsafe { store(handle, SOCKETS.insert(Socket { number, last: SUCCESS })) };
            SUCCESS
        }
        Err(error) => {
            let out_of_band = if protocol == TCP { 0xF101_0002 } else { 0xF102_0002 };
            let told = match error {
                ERROR_HOSTNAME => ERROR_PROTOCOL,
                error if error == out_of_band => WARNING_PROTOCOL,
                error => return error,
            };
            // SAFETY: the caller's word.
            unsafe { store(protocol_error, error) };
            told
        }
    }
}

fn connect(protocol: u8, ip_version: u32, address: &CStr, port: u16) -> Result<u32, u32> {
    let name = address.to_bytes_with_nul();
    let mut params = [
        TeeParam::value(ip_version, port.into()),
        TeeParam::memref(name.as_ptr().expose_provenance(), name.len()),
        TeeParam::value(protocol.into(), 0),
        TeeParam::default(),
    ];
    match invoke(OPEN, [VALUE_INPUT, MEMREF_INPUT, VALUE_INPUT, VALUE_OUTPUT], &mut params) {
        SUCCESS => Ok(params[3].as_value().0),
        error => Err(error),
    }
}

extern "C" fn close(handle: usize) -> u32 {
    if handle == 0 {
        return SUCCESS;
    }
    let number = with_socket(handle, |socket| socket.number);
    SOCKETS.remove(handle);
    let none = TeeParam::default();
    invoke(CLOSE, [VALUE_INPUT, NONE, NONE, NONE], &mut [TeeParam::value(number, 0), none, none, none])
}

/// Sends `*length` bytes within `timeout` milliseconds; `*length` is how many it sent.
///
/// # Safety
/// So many bytes can be read at `buffer`, and `*length` can be written.
unsafe extern "C" fn send(handle: usize, buffer: *const c_void, length: *mut u32, timeout: u32) -> u32 {
    // SAFETY: the caller's word.
    let len = unsafe { load(length) };
    if buffer.is_null() {
        panic(ERROR_BAD_PARAMETERS);
    }
    call(handle, |number| {
        let mut params = [
            TeeParam::value(number, timeout),
            TeeParam::memref(buffer.expose_provenance(), len as usize),
            TeeParam::default(),
            TeeParam::default(),
        ];
        let ret = invoke(SEND, [VALUE_INPUT, MEMREF_INPUT, VALUE_OUTPUT, NONE], &mut params);
        // SAFETY: the caller's word.
        unsafe { store(length, params[2].as_value().0) };
        ret
    })
}

/// Receives up to `*length` bytes within `timeout` milliseconds; `*length` is how many it got.
///
/// # Safety
/// So many bytes can be written at `buffer`, and `*length` as well.
unsafe extern "C" fn recv(handle: usize, buffer: *mut c_void, length: *mut u32, timeout: u32) -> u32 {
    // SAFETY: the caller's word.
    unsafe { with_buffer(handle, RECV, timeout, MEMREF_OUTPUT, buffer, length) }
}

extern "C" fn error(handle: usize) -> u32 {
    with_socket(handle, |socket| socket.last)
}

unsafe extern "C" fn ioctl_tcp(handle: usize, command: u32, buffer: *mut c_void, length: *mut u32) -> u32 {
    // SAFETY: the caller's word.
    unsafe { ioctl(handle, command, &[0x65f0_0000, 0x65f0_0001], buffer, length) }
}

unsafe extern "C" fn ioctl_udp(handle: usize, command: u32, buffer: *mut c_void, length: *mut u32) -> u32 {
    // SAFETY: the caller's word.
    unsafe { ioctl(handle, command, &[0x6600_0001, 0x6600_0002], buffer, length) }
}

/// Carries out one of the `known` commands. A command of no protocol does nothing; one that is not known ends the TA.
///
/// # Safety
/// As [`recv`].
unsafe fn ioctl(handle: usize, command: u32, known: &[u32], buffer: *mut c_void, length: *mut u32) -> u32 {
    // Its first byte is the protocol's number.
    if command >> 24 == 0 {
        return SUCCESS;
    }
    if !known.contains(&command) {
        panic(ERROR_BAD_PARAMETERS);
    }
    // SAFETY: the caller's word.
    unsafe { with_buffer(handle, IOCTL, command, MEMREF_INOUT, buffer, length) }
}

/// # Safety
/// As [`recv`].
unsafe fn with_buffer(
    handle: usize,
    command: u32,
    argument: u32,
    kind: u32,
    buffer: *mut c_void,
    length: *mut u32,
) -> u32 {
    // SAFETY: the caller's word.
    let len = unsafe { load(length) };
    if buffer.is_null() && len > 0 {
        panic(ERROR_BAD_PARAMETERS);
    }
    call(handle, |number| {
        let mut params = [TeeParam::default(); 4];
        params[0] = TeeParam::value(number, argument);
        params[1] = TeeParam::memref(buffer.expose_provenance(), len as usize);
        let ret = invoke(command, [VALUE_INPUT, kind, NONE, NONE], &mut params);
        let len = u32::try_from(params[1].size()).unwrap_or(u32::MAX);
        // SAFETY: the caller's word.
        unsafe { store(length, len) };
        ret
    })
}

/// Makes a call of the pseudo TA about a socket, and keeps what came of it.
fn call(handle: usize, f: impl FnOnce(u32) -> u32) -> u32 {
    let ret = f(with_socket(handle, |socket| socket.number));
    with_socket(handle, |socket| socket.last = ret);
    ret
}

/// A socket that there is not ends the TA.
fn with_socket<R>(handle: usize, f: impl FnOnce(&mut Socket) -> R) -> R {
    match SOCKETS.get(handle) {
        Some(socket) => f(&mut lock(&socket)),
        None => panic(ERROR_GENERIC),
    }
}
