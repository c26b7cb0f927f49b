// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What a TA does with objects: opening and making them, and all that an open one is for.

use secure_storage::{Cursor, Error, Found, Id, Info, Space, MAX_META};
use ta_protocol::storage::{flag, CURSOR_LEN};
use tee::gp;
use zeroize::Zeroizing;

use super::data::exchange_len;
use super::handles::{Handle, Own};
use super::{space, Answer, Storage, DONE};
use crate::open_objects::ObjectName;

/// Most objects that an instance has open at a time.
const MAX_OPEN: usize = 1024;

impl Storage {
    pub(super) fn open(&self, own: &mut Own, storage: u64, id_len: u64, flags: u64) -> Answer {
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

    pub(super) fn create(
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

    pub(super) fn close(&self, own: &mut Own, handle: u64) -> Answer {
        let handle = own.handles.remove(&handle).ok_or(gp::ERROR_BAD_PARAMETERS)?;
        self.state.open_objects().close(&handle.object);
        DONE
    }

    pub(super) fn delete(&self, own: &mut Own, handle: u64) -> Answer {
        let Handle { object, flags } = own.get(handle)?;
        if flags & flag::ACCESS_WRITE_META == 0 {
            return Err(gp::ERROR_ACCESS_CONFLICT);
        }
        let removed = self.space(object.storage)?.remove(&object.id);
        self.close(own, handle)?;
        removed.map_err(|error| self.log(error.into()))?;
        DONE
    }

    pub(super) fn rename(&self, own: &mut Own, handle: u64, id_len: u64) -> Answer {
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

    pub(super) fn info(&self, own: &mut Own, handle: u64) -> Answer {
        let Handle { object, .. } = own.get(handle)?;
        match self.space(object.storage)?.info(&object.id) {
            Ok(info) => {
                self.give(0, &info.meta)?;
                Ok([info.size, info.meta.len() as u64, 0, 0, 0, 0])
            }
            Err(error) => Err(self.failed(own, handle, error)),
        }
    }

    pub(super) fn read(&self, own: &mut Own, handle: u64, offset: u64, len: u64) -> Answer {
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

    pub(super) fn write(&self, own: &mut Own, handle: u64, offset: u64, len: u64) -> Answer {
        let data = self.take_staged(own, 0, len)?;
        self.on_data(own, handle, |space, id| space.write(id, offset, &data))
    }

    /// Changes data.
    pub(super) fn on_data(
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
    pub(super) fn set_meta(&self, own: &mut Own, handle: u64, len: u64) -> Answer {
        let Handle { object, .. } = own.get(handle)?;
        let meta = self.take(0, len)?;
        match self.space(object.storage)?.set_meta(&object.id, &meta) {
            Ok(()) => DONE,
            Err(error) => Err(self.failed(own, handle, error)),
        }
    }

    pub(super) fn next(&self, storage: u64, has_cursor: u64) -> Answer {
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
}

fn known_flags(flags: u64, known: u32) -> Result<u32, u32> {
    u32::try_from(flags).ok().filter(|flags| flags & !known == 0).ok_or(gp::ERROR_BAD_PARAMETERS)
}
