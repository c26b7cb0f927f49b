// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Secure storage for one instance: its handles, and what they may be used for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use secure_storage::{append, Cursor, Error, Found, Id, Info, Space, MAX_META};
use ta_protocol::exchange::{self, ExchangeFile};
use ta_protocol::message::ServiceRequest;
use ta_protocol::storage::{self as protocol, flag, CURSOR_LEN};
use ta_protocol::ta_head::FLAG_DONT_CLOSE_HANDLE_ON_CORRUPT_OBJECT;
use tee::gp;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{persistent_time, Answer, DONE};
use crate::open_objects::ObjectName;
use crate::ration::ErrorLog;
use crate::state::State;

/// Most objects that an instance has open at a time.
const MAX_OPEN: usize = 1024;

/// Where TAs' objects are; `TEE_STORAGE_PRIVATE` is that of the REE, as in OP-TEE.
const SPACE_REE: u32 = 1;
/// `TEE_STORAGE_PRIVATE_RPMB`: apart from the others, and no safer here.
const SPACE_RPMB: u32 = 2;

/// The space of a `TEE_STORAGE_*`.
fn space(storage: u64) -> Result<u32, u32> {
    match storage {
        1 | 0x8000_0000 => Ok(SPACE_REE),
        0x8000_0100 => Ok(SPACE_RPMB),
        _ => Err(gp::ERROR_ITEM_NOT_FOUND),
    }
}

/// Secure storage for one instance.
pub(super) struct Storage {
    name: String,
    uuid: Uuid,
    closes_corrupt: bool,
    state: Arc<State>,
    errors: Arc<ErrorLog>,
    exchange: ExchangeFile,
    own: Mutex<Own>,
}

/// What the instance has.
#[derive(Default)]
struct Own {
    handles: HashMap<u64, Handle>,
    last: u64,
    staged: Zeroizing<Vec<u8>>,
    /// It has ended.
    over: bool,
}

#[derive(Clone)]
struct Handle {
    object: ObjectName,
    flags: u32,
}

impl Storage {
    pub(super) fn new(
        name: &str,
        uuid: Uuid,
        flags: u32,
        state: Arc<State>,
        errors: Arc<ErrorLog>,
        exchange: ExchangeFile,
    ) -> Self {
        let closes_corrupt = flags & FLAG_DONT_CLOSE_HANDLE_ON_CORRUPT_OBJECT == 0;
        Self { name: name.to_owned(), uuid, closes_corrupt, state, errors, exchange, own: Mutex::default() }
    }

    /// Carries a request out.
    pub(super) fn serve(&self, request: &ServiceRequest) -> Answer {
        // Only the one thread that serves the instance takes it, and the monitor when the instance has ended.
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if own.over {
            return Err(gp::ERROR_TARGET_DEAD);
        }
        let [a, b, c, d, e, _] = request.args;
        let answer = match request.service {
            protocol::STAGE => return self.stage(&mut own, a),
            protocol::OPEN => self.open(&mut own, a, b, c),
            protocol::CREATE => self.create(&mut own, a, b, c, d, e),
            protocol::CLOSE => self.close(&mut own, a),
            protocol::DELETE => self.delete(&mut own, a),
            protocol::RENAME => self.rename(&mut own, a, b),
            protocol::INFO => self.info(&mut own, a),
            protocol::READ => self.read(&mut own, a, b, c),
            protocol::WRITE => self.write(&mut own, a, b, c),
            protocol::SET_SIZE => self.on_data(&mut own, a, |space, id| space.set_size(id, b)),
            protocol::SET_META => self.set_meta(&mut own, a, b),
            protocol::NEXT => self.next(a, b),
            protocol::GET_TIME => {
                persistent_time::get(self.state.storage(), self.uuid).map_err(|e| self.log(e))
            }
            protocol::SET_TIME => {
                let set = persistent_time::set(self.state.storage(), self.uuid, a, b);
                set.map_err(|error| self.log(error))
            }
            _ => Err(gp::ERROR_NOT_SUPPORTED),
        };
        // What was staged was for this one, whatever has come of it.
        self.unstage(&mut own);
        answer
    }

    /// The process has ended: others may open what it had open.
    pub(super) fn end(&self) {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        own.over = true;
        self.unstage(&mut own);
        for (_, handle) in own.handles.drain() {
            self.state.open_objects().close(&handle.object);
        }
    }

    fn open(&self, own: &mut Own, storage: u64, id_len: u64, flags: u64) -> Answer {
        let flags = known_flags(flags, flag::OPEN)?;
        let object = self.object(storage, &self.take(0, id_len)?)?;
        let space = self.space(object.storage)?;
        self.open_object(own, &object, flags, false)?;
        match space.info(&object.id) {
            Ok(info) => {
                let handle = own.insert(object, flags);
                self.give(0, &info.meta)?;
                Ok([handle, info.size, info.meta.len() as u64, 0, 0, 0])
            }
            Err(error) => {
                self.state.open_objects().close(&object);
                if matches!(error, Error::Corrupt(_)) {
                    self.remove_corrupt(&object);
                }
                Err(self.log(error.into()))
            }
        }
    }

    fn create(
        &self,
        own: &mut Own,
        storage: u64,
        id_len: u64,
        flags: u64,
        meta_len: u64,
        data_len: u64,
    ) -> Answer {
        let flags = known_flags(flags, flag::OPEN | flag::OVERWRITE)?;
        let id = self.take(0, id_len)?;
        let object = self.object(storage, &id)?;
        let meta = self.take(id.len(), meta_len)?;
        if meta.len() > MAX_META {
            return Err(gp::ERROR_BAD_PARAMETERS);
        }
        let data = self.take_staged(own, id.len() + meta.len(), data_len)?;
        let space = self.space(object.storage)?;
        self.open_object(own, &object, flags, true)?;
        match space.create(&object.id, &meta, &data, flags & flag::OVERWRITE != 0) {
            Ok(()) => Ok([own.insert(object, flags), 0, 0, 0, 0, 0]),
            Err(error) => {
                self.state.open_objects().close(&object);
                Err(self.log(error.into()))
            }
        }
    }

    fn open_object(&self, own: &Own, object: &ObjectName, flags: u32, create: bool) -> Result<(), u32> {
        if own.handles.len() >= MAX_OPEN {
            return Err(gp::ERROR_OUT_OF_MEMORY);
        }
        if !self.state.open_objects().open(object, flags, create) {
            return Err(gp::ERROR_ACCESS_CONFLICT);
        }
        Ok(())
    }

    fn close(&self, own: &mut Own, handle: u64) -> Answer {
        let handle = own.handles.remove(&handle).ok_or(gp::ERROR_BAD_PARAMETERS)?;
        self.state.open_objects().close(&handle.object);
        DONE
    }

    fn delete(&self, own: &mut Own, handle: u64) -> Answer {
        let Handle { object, flags } = own.get(handle)?;
        if flags & flag::ACCESS_WRITE_META == 0 {
            return Err(gp::ERROR_ACCESS_CONFLICT);
        }
        let removed = self.space(object.storage)?.remove(&object.id);
        self.close(own, handle)?;
        removed.map_err(|error| self.log(error.into()))?;
        DONE
    }

    fn rename(&self, own: &mut Own, handle: u64, id_len: u64) -> Answer {
        let Handle { object, flags } = own.get(handle)?;
        if flags & flag::ACCESS_WRITE_META == 0 {
            return Err(gp::ERROR_BAD_STATE);
        }
        let id = Id::new(&self.take(0, id_len)?).ok_or(gp::ERROR_BAD_PARAMETERS)?;
        let to = ObjectName { id, ..object.clone() };
        let space = self.space(object.storage)?;
        // Nobody opens an object of that name, or makes one, from here on.
        if !self.state.open_objects().open(&to, flag::ACCESS_WRITE_META, true) {
            return Err(gp::ERROR_ACCESS_CONFLICT);
        }
        match space.rename(&object.id, &to.id) {
            Ok(()) => {
                self.state.open_objects().close(&object);
                own.handles.insert(handle, Handle { object: to, flags });
                DONE
            }
            Err(error) => {
                self.state.open_objects().close(&to);
                Err(self.failed(own, handle, error))
            }
        }
    }

    fn info(&self, own: &mut Own, handle: u64) -> Answer {
        let Handle { object, .. } = own.get(handle)?;
        match self.space(object.storage)?.info(&object.id) {
            Ok(info) => {
                self.give(0, &info.meta)?;
                Ok([info.size, info.meta.len() as u64, 0, 0, 0, 0])
            }
            Err(error) => Err(self.failed(own, handle, error)),
        }
    }

    fn read(&self, own: &mut Own, handle: u64, offset: u64, len: u64) -> Answer {
        let Handle { object, flags } = own.get(handle)?;
        if flags & flag::ACCESS_READ == 0 {
            return Err(gp::ERROR_ACCESS_CONFLICT);
        }
        let mut data = Zeroizing::new(vec![0; exchange_len(0, len)?]);
        match self.space(object.storage)?.read(&object.id, offset, &mut data) {
            Ok(len) => {
                self.give(0, &data[..len])?;
                Ok([len as u64, 0, 0, 0, 0, 0])
            }
            Err(error) => Err(self.failed(own, handle, error)),
        }
    }

    fn write(&self, own: &mut Own, handle: u64, offset: u64, len: u64) -> Answer {
        let data = self.take_staged(own, 0, len)?;
        self.on_data(own, handle, |space, id| space.write(id, offset, &data))
    }

    /// Changes data.
    fn on_data(
        &self,
        own: &mut Own,
        handle: u64,
        change: impl FnOnce(&Space<'_>, &Id) -> Result<(), Error>,
    ) -> Answer {
        let Handle { object, flags } = own.get(handle)?;
        if flags & flag::ACCESS_WRITE == 0 {
            return Err(gp::ERROR_ACCESS_CONFLICT);
        }
        match change(&self.space(object.storage)?, &object.id) {
            Ok(()) => DONE,
            Err(error) => Err(self.failed(own, handle, error)),
        }
    }

    /// Any handle will do: OP-TEE lets all of them restrict what the object may be used for.
    fn set_meta(&self, own: &mut Own, handle: u64, len: u64) -> Answer {
        let Handle { object, .. } = own.get(handle)?;
        let meta = self.take(0, len)?;
        match self.space(object.storage)?.set_meta(&object.id, &meta) {
            Ok(()) => DONE,
            Err(error) => Err(self.failed(own, handle, error)),
        }
    }

    fn next(&self, storage: u64, has_cursor: u64) -> Answer {
        let after = match has_cursor {
            0 => None,
            _ => {
                let mut cursor = [0; CURSOR_LEN];
                self.exchange.read(0, &mut cursor).map_err(|_| gp::ERROR_GENERIC)?;
                Some(Cursor(cursor))
            }
        };
        let next = self.space(space(storage)?)?.next(after).map_err(|error| self.log(error.into()))?;
        let Found { cursor, info } = next.ok_or(gp::ERROR_ITEM_NOT_FOUND)?;
        self.give(0, &cursor.0)?;
        let Info { id, meta, size } = info.map_err(|error| self.log(error.into()))?;
        self.give(CURSOR_LEN, id.bytes())?;
        self.give(CURSOR_LEN + id.bytes().len(), &meta)?;
        Ok([size, id.bytes().len() as u64, meta.len() as u64, 0, 0, 0])
    }

    fn stage(&self, own: &mut Own, len: u64) -> Answer {
        let data = self.take(0, len)?;
        if !self.state.staged().add(len) {
            self.unstage(own);
            return Err(gp::ERROR_STORAGE_NO_SPACE);
        }
        append(&mut own.staged, &data);
        DONE
    }

    fn unstage(&self, own: &mut Own) {
        self.state.staged().subtract(own.staged.len() as u64);
        own.staged = Zeroizing::default();
    }

    fn space(&self, number: u32) -> Result<Space<'_>, u32> {
        self.state.storage().space(self.uuid, number).map_err(|error| self.log(error.into()))
    }

    fn object(&self, storage: u64, id: &[u8]) -> Result<ObjectName, u32> {
        let storage = space(storage)?;
        let id = Id::new(id).ok_or(gp::ERROR_BAD_PARAMETERS)?;
        Ok(ObjectName { ta: self.uuid, storage, id })
    }

    /// Takes a copy of `len` bytes of the exchange.
    fn take(&self, at: usize, len: u64) -> Result<Zeroizing<Vec<u8>>, u32> {
        let mut bytes = Zeroizing::new(vec![0; exchange_len(at, len)?]);
        self.exchange.read(at, &mut bytes).map_err(|_| gp::ERROR_GENERIC)?;
        Ok(bytes)
    }

    /// What was staged, and `len` bytes of the exchange after it.
    fn take_staged(&self, own: &Own, at: usize, len: u64) -> Result<Zeroizing<Vec<u8>>, u32> {
        let last = self.take(at, len)?;
        Ok(Zeroizing::new([&own.staged[..], &last].concat()))
    }

    fn give(&self, at: usize, data: &[u8]) -> Result<(), u32> {
        self.exchange.write(at, data).map_err(|_| gp::ERROR_GENERIC)
    }

    /// An operation on an open object has failed. A corrupt object is removed, as OP-TEE does, which also closes
    /// the handle unless the TA's flags say otherwise.
    fn failed(&self, own: &mut Own, handle: u64, error: Error) -> u32 {
        let lost = match error {
            // Another instance has found it corrupt.
            Error::NotFound => Error::Corrupt("it has been removed".into()),
            error => error,
        };
        if matches!(lost, Error::Corrupt(_)) {
            if let Ok(Handle { object, .. }) = own.get(handle) {
                self.remove_corrupt(&object);
            }
            if self.closes_corrupt {
                // It was open.
                let _ = self.close(own, handle);
            }
        }
        self.log(lost.into())
    }

    fn remove_corrupt(&self, object: &ObjectName) {
        // Where not even that can be done it stays, and is found corrupt again.
        let _ = self.space(object.storage).map(|space| space.remove(&object.id));
    }

    /// The code for the TA; what the host's administrator should know of is logged.
    fn log(&self, failure: Failure) -> u32 {
        if let Failure::Store(error @ (Error::Corrupt(_) | Error::Unavailable(_) | Error::Closed)) = &failure
        {
            self.errors.error(format_args!("{}: secure storage: {error}", self.name));
        }
        failure.code()
    }
}

impl Own {
    fn insert(&mut self, object: ObjectName, flags: u32) -> u64 {
        self.last += 1;
        self.handles.insert(self.last, Handle { object, flags });
        self.last
    }

    fn get(&self, handle: u64) -> Result<Handle, u32> {
        self.handles.get(&handle).cloned().ok_or(gp::ERROR_BAD_PARAMETERS)
    }
}

/// Why something was not done.
pub(super) enum Failure {
    /// What the store says.
    Store(Error),
    /// A GP code.
    Code(u32),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl Failure {
    fn code(&self) -> u32 {
        match self {
            Self::Code(code) => *code,
            Self::Store(error) => match error {
                Error::NotFound => gp::ERROR_ITEM_NOT_FOUND,
                Error::Exists => gp::ERROR_ACCESS_CONFLICT,
                Error::Corrupt(_) => gp::ERROR_CORRUPT_OBJECT,
                Error::NoSpace => gp::ERROR_STORAGE_NO_SPACE,
                Error::TooLong => gp::ERROR_OVERFLOW,
                Error::Crypto(_) => gp::ERROR_OUT_OF_MEMORY,
                _ => gp::ERROR_STORAGE_NOT_AVAILABLE,
            },
        }
    }
}

fn known_flags(flags: u64, known: u32) -> Result<u32, u32> {
    u32::try_from(flags).ok().filter(|flags| flags & !known == 0).ok_or(gp::ERROR_BAD_PARAMETERS)
}

/// `len`, if so many bytes are in the exchange from `at` on.
fn exchange_len(at: usize, len: u64) -> Result<usize, u32> {
    let len = usize::try_from(len).map_err(|_| gp::ERROR_BAD_PARAMETERS)?;
    match at.checked_add(len) {
        Some(end) if end <= exchange::LEN => Ok(len),
        _ => Err(gp::ERROR_BAD_PARAMETERS),
    }
}
