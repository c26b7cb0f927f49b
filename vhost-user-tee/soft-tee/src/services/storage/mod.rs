// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Secure storage for one instance: its handles, and what they may be used for.
//!
//! - `objects`: the operations;
//! - `handles`: what the instance has open;
//! - `data`: the way of data to and from its process;
//! - `failure`: what comes of an operation that fails.

mod data;
mod failure;
mod handles;
mod objects;

use std::sync::{Arc, Mutex, PoisonError};

use secure_storage::{Id, Space};
use ta_protocol::exchange::ExchangeFile;
use ta_protocol::message::ServiceRequest;
use ta_protocol::storage as protocol;
use ta_protocol::ta_head::FLAG_DONT_CLOSE_HANDLE_ON_CORRUPT_OBJECT;
use tee::gp;
use uuid::Uuid;

pub(super) use failure::Failure;
use handles::Own;

use super::{persistent_time, Answer, DONE};
use crate::open_objects::ObjectName;
use crate::ration::ErrorLog;
use crate::state::State;

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

    fn space(&self, number: u32) -> Result<Space<'_>, u32> {
        self.state.storage().space(self.uuid, number).map_err(|error| self.log(error.into()))
    }

    fn object(&self, storage: u64, id: &[u8]) -> Result<ObjectName, u32> {
        let storage = space(storage)?;
        let id = Id::new(id).ok_or(gp::ERROR_BAD_PARAMETERS)?;
        Ok(ObjectName { ta: self.uuid, storage, id })
    }
}
