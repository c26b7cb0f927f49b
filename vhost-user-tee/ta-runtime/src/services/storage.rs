// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Secure storage, which the daemon keeps: see [`protocol`].
//!
//! Errors are the daemon's, as GP result codes. What it takes as one is one transaction, done and on the disk when the
//! function returns, or not done.

use std::time::Duration;

use ta_protocol::exchange;
use ta_protocol::message::{ServiceReply, ServiceRequest, SERVICE_ARGS};
use ta_protocol::storage::{self as protocol, CURSOR_LEN};
use zeroize::Zeroizing;

use crate::process;

/// An open object, by the daemon's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handle(u64);

/// What there is to know of an object.
pub(crate) struct Info {
    /// Bytes of data.
    pub(crate) size: u64,
    /// What the front end keeps beside the data.
    pub(crate) meta: Zeroizing<Vec<u8>>,
}

/// Where an enumeration has come to.
pub(crate) type Cursor = [u8; CURSOR_LEN];

/// What an enumeration has come to.
pub(crate) struct Found {
    /// The object's name.
    pub(crate) id: Vec<u8>,
    /// The object.
    pub(crate) info: Info,
}

/// Asks the daemon, with `parts` in the exchange.
fn request<const N: usize>(
    service: u32,
    args: [u64; N],
    parts: &[&[u8]],
) -> Result<[u64; SERVICE_ARGS], u32> {
    let process = process::this();
    process.exchange().write(parts);
    let mut all = [0; SERVICE_ARGS];
    all[..N].copy_from_slice(&args);
    let ServiceReply { ret, values, .. } =
        process.request(&ServiceRequest { service, reserved: 0, args: all });
    if ret == tee::gp::SUCCESS {
        Ok(values)
    } else {
        Err(ret)
    }
}

/// Copies the first `len` bytes of the exchange.
fn take(len: u64) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(vec![0; usize::try_from(len).unwrap_or(0).min(exchange::LEN)]);
    process::this().exchange().read(&mut bytes);
    bytes
}

/// Hands over `data` but for what fits in the exchange with `room` bytes more; returns that.
fn stage(data: &[u8], room: usize) -> Result<&[u8], u32> {
    let mut rest = data;
    while rest.len() > exchange::LEN - room {
        let (piece, after) = rest.split_at(rest.len().min(exchange::LEN));
        request(protocol::STAGE, [piece.len() as u64], &[piece])?;
        rest = after;
    }
    Ok(rest)
}

/// Opens the object `id`.
pub(crate) fn open(storage: u32, id: &[u8], flags: u32) -> Result<(Handle, Info), u32> {
    let args = [storage.into(), id.len() as u64, flags.into()];
    let [handle, size, meta_len, ..] = request(protocol::OPEN, args, &[id])?;
    Ok((Handle(handle), Info { size, meta: take(meta_len) }))
}

/// Makes the object `id`, and opens it.
pub(crate) fn create(storage: u32, id: &[u8], flags: u32, meta: &[u8], data: &[u8]) -> Result<Handle, u32> {
    let last = stage(data, id.len() + meta.len())?;
    let args = [storage.into(), id.len() as u64, flags.into(), meta.len() as u64, last.len() as u64];
    let [handle, ..] = request(protocol::CREATE, args, &[id, meta, last])?;
    Ok(Handle(handle))
}

/// Closes an object.
pub(crate) fn close(handle: Handle) -> Result<(), u32> {
    request(protocol::CLOSE, [handle.0], &[]).map(drop)
}

/// Removes an object, and closes it.
pub(crate) fn delete(handle: Handle) -> Result<(), u32> {
    request(protocol::DELETE, [handle.0], &[]).map(drop)
}

/// Gives an object another name.
pub(crate) fn rename(handle: Handle, id: &[u8]) -> Result<(), u32> {
    request(protocol::RENAME, [handle.0, id.len() as u64], &[id]).map(drop)
}

/// What an object is now: other instances may have changed it.
pub(crate) fn info(handle: Handle) -> Result<Info, u32> {
    let [size, meta_len, ..] = request(protocol::INFO, [handle.0], &[])?;
    Ok(Info { size, meta: take(meta_len) })
}

/// Reads data from `offset` on; returns how many bytes there were. A long buffer is read in pieces, between which
/// others may write.
pub(crate) fn read(handle: Handle, offset: u64, buffer: &mut [u8]) -> Result<usize, u32> {
    let mut done = 0;
    for piece in buffer.chunks_mut(exchange::LEN) {
        let args = [handle.0, offset.saturating_add(done as u64), piece.len() as u64];
        let [len, ..] = request(protocol::READ, args, &[])?;
        let len = usize::try_from(len).unwrap_or(0).min(piece.len());
        process::this().exchange().read(&mut piece[..len]);
        done += len;
        if len < piece.len() {
            break;
        }
    }
    Ok(done)
}

/// Writes `data` at `offset`.
pub(crate) fn write(handle: Handle, offset: u64, data: &[u8]) -> Result<(), u32> {
    let last = stage(data, 0)?;
    request(protocol::WRITE, [handle.0, offset, last.len() as u64], &[last]).map(drop)
}

/// Makes the data `size` bytes long.
pub(crate) fn set_size(handle: Handle, size: u64) -> Result<(), u32> {
    request(protocol::SET_SIZE, [handle.0, size], &[]).map(drop)
}

/// Replaces what the front end keeps beside the data.
pub(crate) fn set_meta(handle: Handle, meta: &[u8]) -> Result<(), u32> {
    request(protocol::SET_META, [handle.0, meta.len() as u64], &[meta]).map(drop)
}

/// The first object after `cursor`, from the start where there is none; moves the cursor, past an object that is
/// corrupt as well.
pub(crate) fn next(storage: u32, cursor: &mut Option<Cursor>) -> Result<Found, u32> {
    let args = [storage.into(), cursor.is_some().into()];
    let before: &[u8] = cursor.as_ref().map_or(&[], |cursor| cursor);
    let answer = request(protocol::NEXT, args, &[before]);
    if matches!(answer, Ok(_) | Err(tee::gp::ERROR_CORRUPT_OBJECT)) {
        process::this().exchange().read(cursor.get_or_insert_default());
    }
    let [size, id_len, meta_len, ..] = answer?;
    let all = take(CURSOR_LEN as u64 + id_len + meta_len);
    let (id, meta) =
        all.get(CURSOR_LEN..).unwrap_or_default().split_at(id_len.min(all.len() as u64) as usize);
    Ok(Found { id: id.to_vec(), info: Info { size, meta: Zeroizing::new(meta.to_vec()) } })
}

/// The TA's persistent time.
pub(crate) fn persistent_time() -> Result<Duration, u32> {
    let [seconds, millis, ..] = request(protocol::GET_TIME, [], &[])?;
    Ok(Duration::from_secs(seconds) + Duration::from_millis(millis))
}

/// Sets the TA's persistent time.
pub(crate) fn set_persistent_time(seconds: u32, millis: u32) -> Result<(), u32> {
    request(protocol::SET_TIME, [seconds.into(), millis.into()], &[]).map(drop)
}
