// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A TA's persistent time (GP TEE Internal Core API 1.3.1, section 7.3): what it was set to, and how long ago that was
//! by the host's clock. It is as trustworthy as that (`gpd.tee.TAPersistentTime.protectionLevel` 100).

use std::time::{Duration, SystemTime};

use secure_storage::{Error, Id, Space, Store};
use ta_protocol::message::SERVICE_ARGS;
use tee::gp;
use uuid::Uuid;

use super::storage::Failure;

/// A storage that no TA can name.
const SPACE: u32 = 0;

fn record(store: &Store, ta: Uuid) -> Result<(Space<'_>, Id), Error> {
    Ok((store.space(ta, SPACE)?, Id::new(b"persistent time").ok_or(Error::TooLong)?))
}

fn host_time() -> Result<Duration, Failure> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_err(|_| Failure::Code(gp::ERROR_STORAGE_NOT_AVAILABLE))
}

/// Seconds, of any number, and milliseconds.
pub(super) fn get(store: &Store, ta: Uuid) -> Result<[u64; SERVICE_ARGS], Failure> {
    let (space, id) = record(store, ta)?;
    let info = match space.info(&id) {
        Ok(info) => info,
        Err(Error::NotFound) => return Err(Failure::Code(gp::ERROR_TIME_NOT_SET)),
        Err(Error::Corrupt(_)) => return Err(Failure::Code(gp::ERROR_TIME_NEEDS_RESET)),
        Err(error) => return Err(error.into()),
    };
    let needs_reset = || Failure::Code(gp::ERROR_TIME_NEEDS_RESET);
    let word =
        |at: usize| info.meta.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
    let (set_to, set_at) = word(0).zip(word(8)).ok_or_else(needs_reset)?;
    // A clock that is before when it was set has been set back since.
    let passed = host_time()?.checked_sub(Duration::from_millis(set_at)).ok_or_else(needs_reset)?;
    let now = Duration::from_millis(set_to) + passed;
    Ok([now.as_secs(), now.subsec_millis().into(), 0, 0, 0, 0])
}

/// Sets it.
pub(super) fn set(
    store: &Store,
    ta: Uuid,
    seconds: u64,
    millis: u64,
) -> Result<[u64; SERVICE_ARGS], Failure> {
    if seconds > u32::MAX.into() || millis >= 1000 {
        return Err(Failure::Code(gp::ERROR_BAD_PARAMETERS));
    }
    let (space, id) = record(store, ta)?;
    let set_at = host_time()?.as_millis() as u64;
    let meta = [(seconds * 1000 + millis).to_le_bytes(), set_at.to_le_bytes()].concat();
    space.create(&id, &meta, &[], true)?;
    Ok([0; SERVICE_ARGS])
}
