// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Secure storage: objects of trusted applications, encrypted, authenticated, and never half-written.
//!
//! ```text
//!   Store ── one VM's, of all its TAs; in a file, or in memory
//!     └─ Space ── one TA's objects in one storage: no other TA's can be seen
//!          └─ object ── a name of 0 to 64 bytes, meta (its owner's), data
//! ```
//!
//! Each function is one transaction: it is done in whole and on the disk when it returns, or it is not done. That
//! holds for a process that is killed at any point, and for a disk that is full.
//!
//! What is written is sealed (AES-256-GCM), with a key of the object's own, derived from the store's, and together
//! with what it is: which object's, which chunk, which version. Names are codes outside of what is sealed. So a record
//! that was changed, exchanged with another, taken away or put back as it once was is not authentic, and the object is
//! [`Error::Corrupt`]; others are not touched. What cannot be noticed is that all of the store is put back as it was
//! at some earlier moment: for that it takes memory that nobody can put back.
//!
//! A block of the file (4096 bytes) that is not as it was written takes what lies in it, and no more: a record of an
//! object, and so the object; or one of the 256 records of the index, and so the objects that it has. Records have no
//! blocks in common. But the database is a tree, with some blocks above its records: what is below such a block
//! cannot be reached without it, and that may be all objects: of sixty small ones, 173 blocks took one or two each, and
//! 5 half of them or all. And what the database keeps of its own use of the file (about a megabyte) is read when the
//! store is opened, which fails where that is damaged. Both are redb's layout. An object that cannot be reached is
//! [`Error::Corrupt`]; where it cannot be removed either, it stays, and is there again once the block is as it was.
//!
//! - `store`: the file, and opening it;
//! - `space`: what can be done with objects;
//! - `index`, `object`, `lost`: the records;
//! - `database`: redb, which keeps them;
//! - `blocks`: what is beneath redb: blocks that tell whether they are as they were written;
//! - `keys`: all cryptography.

mod blocks;
mod bytes;
mod database;
mod index;
mod keys;
mod lost;
mod object;
mod space;
mod store;
#[cfg(test)]
mod tests;

pub use bytes::append;
pub use keys::{hkdf, KEY_LEN};
pub use space::{Cursor, Found, Info, Space};
pub use store::{OpenError, Store};

/// Most bytes of an object's name (`TEE_OBJECT_ID_MAX_LEN`).
pub const MAX_ID: usize = 64;
/// Most bytes of an object's meta.
pub const MAX_META: usize = 64 << 10;
/// Most bytes of an object's data (`TEE_DATA_MAX_POSITION`).
pub const MAX_SIZE: u64 = u32::MAX as u64;

/// Name of an object: 0 to 64 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(Vec<u8>);

impl Id {
    /// The name of these bytes; `None` if they are more than [`MAX_ID`].
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (bytes.len() <= MAX_ID).then(|| Self(bytes.to_vec()))
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such object.
    #[error("there is no such object")]
    NotFound,
    /// There is such an object.
    #[error("there is such an object")]
    Exists,
    /// The object is not what was written.
    #[error("the object is corrupt: {0}")]
    Corrupt(String),
    /// The disk is full, or the store's quota is used up.
    #[error("there is no space left")]
    NoSpace,
    /// More than an object can hold.
    #[error("more than an object can hold")]
    TooLong,
    /// The store cannot be used, for now or at all.
    #[error("the store cannot be used: {0}")]
    Unavailable(String),
    /// It has been closed after an error of the disk; opened anew, it fails again at once.
    #[error("the disk fails")]
    Closed,
    /// No cryptography, for want of memory.
    #[error("{0}")]
    Crypto(#[from] openssl::error::ErrorStack),
}

impl Error {
    fn broken() -> Self {
        Self::Unavailable("its file is damaged".into())
    }
}
