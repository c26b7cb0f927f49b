// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Records as bytes: numbers are little-endian.

use zeroize::Zeroizing;

use crate::Error;

/// Appends `more`, and leaves nothing of `bytes` behind where they move to have room.
pub fn append(bytes: &mut Zeroizing<Vec<u8>>, more: &[u8]) {
    if bytes.capacity() - bytes.len() < more.len() {
        let room = bytes.len().saturating_add(more.len()).max(bytes.capacity().saturating_mul(2));
        let mut moved = Zeroizing::new(Vec::with_capacity(room));
        moved.extend_from_slice(bytes);
        *bytes = moved;
    }
    bytes.extend_from_slice(more);
}

/// Least bytes of a record that is beside others. Two are more than a page of the database holds (4096 bytes), so each
/// has pages of its own, and damage in one takes one record. What a page has room for is written in any case.
pub(crate) const LEAST: usize = 2048;

/// Puts a record together. It is wiped when dropped.
#[derive(Default)]
pub(crate) struct Writer(Zeroizing<Vec<u8>>);

impl Writer {
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        append(&mut self.0, bytes);
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.put(&value.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.put(&value.to_le_bytes());
    }

    /// Bytes after their number.
    pub(crate) fn counted(&mut self, bytes: &[u8]) {
        self.u32(bytes.len() as u32);
        self.put(bytes);
    }

    /// Ends it: with zeros, where it is too short.
    pub(crate) fn pad(&mut self) {
        self.put(&[0; LEAST][self.0.len().min(LEAST)..]);
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Takes a record apart. It is authentic, so what does not fit is a mistake of the writer's.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or_else(malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        self.take(N)?.try_into().map_err(|_| malformed())
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Error> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Error> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(crate) fn counted(&mut self) -> Result<&'a [u8], Error> {
        let len = self.u32()?;
        self.take(len as usize)
    }

    /// Nothing but what [`Writer::pad`] has added is to be left.
    pub(crate) fn end(&self) -> Result<(), Error> {
        if self.0.iter().all(|byte| *byte == 0) {
            Ok(())
        } else {
            Err(malformed())
        }
    }
}

fn malformed() -> Error {
    Error::Corrupt("a record of another form".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_follows() {
        let mut bytes = Zeroizing::default();
        let mut expected = Vec::new();
        for len in [0, 1, 7, 0, 100, 3, 4096] {
            let more = vec![len as u8; len];
            append(&mut bytes, &more);
            expected.extend(more);
            assert_eq!(*bytes, expected);
        }
    }
}
