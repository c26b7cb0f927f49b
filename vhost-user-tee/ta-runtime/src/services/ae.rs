// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Authenticated encryption over data in pieces.

use openssl::error::ErrorStack;
use zeroize::Zeroizing;

use super::block_cipher;
use super::ccm::Ccm;
use super::gcm::Gcm;

/// An algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// NIST SP 800-38D.
    AesGcm,
    /// NIST SP 800-38C.
    AesCcm,
}

/// Why a message cannot be encrypted or decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// A length that the algorithm does not take, or another than was told.
    #[error("a length that the algorithm does not take")]
    Length,
    /// The library's error: no memory is the only one known.
    #[error("no memory for a message")]
    NoMemory,
}

impl From<ErrorStack> for Error {
    fn from(_: ErrorStack) -> Self {
        Self::NoMemory
    }
}

impl From<block_cipher::Error> for Error {
    fn from(error: block_cipher::Error) -> Self {
        match error {
            block_cipher::Error::Length => Self::Length,
            block_cipher::Error::Library(_) => Self::NoMemory,
        }
    }
}

/// How a message begins; lengths in bytes.
pub(crate) struct Begin<'a> {
    pub(crate) encrypt: bool,
    pub(crate) key: &'a [u8],
    pub(crate) nonce: &'a [u8],
    pub(crate) tag_len: usize,
    /// Of CCM: how much will come.
    pub(crate) aad_len: usize,
    pub(crate) payload_len: usize,
}

/// A message being encrypted or decrypted. What is decrypted is not to be trusted before the tag is known to be
/// right.
pub(crate) struct Ae {
    engine: Engine,
}

enum Engine {
    Gcm(Gcm),
    Ccm(Ccm),
}

impl Algorithm {
    /// Whether there are tags of so many bits.
    pub(crate) fn has_tag(self, bits: u32) -> bool {
        match self {
            Self::AesGcm => matches!(bits, 96 | 104 | 112 | 120 | 128),
            Self::AesCcm => matches!(bits, 32 | 48 | 64 | 80 | 96 | 112 | 128),
        }
    }
}

impl Ae {
    /// Begins.
    pub(crate) fn new(algorithm: Algorithm, begin: &Begin) -> Result<Self, Error> {
        let Begin { encrypt, key, nonce, tag_len, aad_len, payload_len } = *begin;
        let engine = match algorithm {
            Algorithm::AesGcm => Engine::Gcm(Gcm::new(encrypt, key, nonce, tag_len)?),
            Algorithm::AesCcm => Engine::Ccm(Ccm::new(encrypt, key, nonce, tag_len, aad_len, payload_len)?),
        };
        Ok(Self { engine })
    }

    /// Takes in data that are not encrypted; before the payload.
    pub(crate) fn update_aad(&mut self, data: &[u8]) -> Result<(), Error> {
        match &mut self.engine {
            Engine::Gcm(gcm) => gcm.update_aad(data),
            Engine::Ccm(ccm) => ccm.update_aad(data),
        }
    }

    /// How many bytes [`update`](Self::update) with `len` bytes gives out.
    pub(crate) fn update_len(&self, len: usize) -> usize {
        match &self.engine {
            Engine::Gcm(_) => len,
            Engine::Ccm(ccm) => ccm.update_len(len),
        }
    }

    /// How many bytes are left to give out at the end, where `len` more are taken in before.
    pub(crate) fn final_len(&self, len: usize) -> usize {
        match &self.engine {
            Engine::Gcm(_) => len,
            Engine::Ccm(ccm) => ccm.rest_len().saturating_add(len),
        }
    }

    /// Takes in payload, and writes what is ready to the beginning of `out`, which has room. Returns its length.
    pub(crate) fn update(&mut self, data: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        match &mut self.engine {
            Engine::Gcm(gcm) => gcm.update(data, out),
            Engine::Ccm(ccm) => ccm.update(data, out),
        }
    }

    /// Writes what is left, of [`final_len`](Self::final_len)`(0)` bytes. Returns the tag.
    pub(crate) fn seal(self, out: &mut [u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        match self.engine {
            Engine::Gcm(gcm) => gcm.tag(),
            Engine::Ccm(ccm) => ccm.finish(out),
        }
    }

    /// Writes what is left, of [`final_len`](Self::final_len)`(0)` bytes. Returns whether the message has this
    /// tag.
    pub(crate) fn open(self, out: &mut [u8], tag: &[u8]) -> Result<bool, Error> {
        match self.engine {
            Engine::Gcm(gcm) => gcm.has_tag(tag),
            Engine::Ccm(ccm) => Ok(super::equal(&ccm.finish(out)?, tag)),
        }
    }

    /// One that goes on by itself from here.
    pub(crate) fn try_clone(&self) -> Result<Self, Error> {
        let engine = match &self.engine {
            Engine::Gcm(gcm) => Engine::Gcm(gcm.try_clone()?),
            Engine::Ccm(ccm) => Engine::Ccm(ccm.try_clone()?),
        };
        Ok(Self { engine })
    }
}
