// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Data between the daemon and the TA's process: in the exchange, and staged where they do not fit there.

use secure_storage::append;
use ta_protocol::exchange;
use tee::gp;
use zeroize::Zeroizing;

use super::handles::Own;
use super::{Answer, Storage, DONE};

impl Storage {
    pub(super) fn stage(&self, own: &mut Own, len: u64) -> Answer {
        let data = self.take(0, len)?;
        if !self.state.staged().add(len) {
            self.unstage(own);
            return Err(gp::ERROR_STORAGE_NO_SPACE);
        }
        append(&mut own.staged, &data);
        DONE
    }

    pub(super) fn unstage(&self, own: &mut Own) {
        self.state.staged().subtract(own.staged.len() as u64);
        own.staged = Zeroizing::default();
    }

    /// Takes a copy of `len` bytes of the exchange.
    pub(super) fn take(&self, at: usize, len: u64) -> Result<Zeroizing<Vec<u8>>, u32> {
        let mut bytes = Zeroizing::new(vec![0; exchange_len(at, len)?]);
        self.exchange.read(at, &mut bytes).map_err(|_| gp::ERROR_GENERIC)?;
        Ok(bytes)
    }

    /// What was staged, and `len` bytes of the exchange after it.
    pub(super) fn take_staged(&self, own: &Own, at: usize, len: u64) -> Result<Zeroizing<Vec<u8>>, u32> {
        let last = self.take(at, len)?;
        Ok(Zeroizing::new([&own.staged[..], &last].concat()))
    }

    pub(super) fn give(&self, at: usize, data: &[u8]) -> Result<(), u32> {
        self.exchange.write(at, data).map_err(|_| gp::ERROR_GENERIC)
    }
}

/// `len`, if so many bytes are in the exchange from `at` on.
pub(super) fn exchange_len(at: usize, len: u64) -> Result<usize, u32> {
    let len = usize::try_from(len).map_err(|_| gp::ERROR_BAD_PARAMETERS)?;
    match at.checked_add(len) {
        Some(end) if end <= exchange::LEN => Ok(len),
        _ => Err(gp::ERROR_BAD_PARAMETERS),
    }
}
