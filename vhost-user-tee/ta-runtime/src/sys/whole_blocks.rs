// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A cipher of the crypto library that is given whole blocks only, so that each call gives out as many bytes as
//! it takes in. The library's safe functions want room for a block more, which a TA's buffer does not have.

use openssl::cipher::CipherRef;
use openssl::cipher_ctx::CipherCtx;
use openssl::error::ErrorStack;

/// How much the library is given at once: its lengths are `int`. Whole blocks of every cipher.
const MOST: usize = 1 << 30;

/// Why a cipher cannot go on.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A key or an initialization vector of the wrong length, not whole blocks, or outputs of another length.
    #[error("a length that the cipher does not take")]
    Length,
    /// The library's error.
    #[error(transparent)]
    Library(#[from] ErrorStack),
}

/// A cipher with its key and where it stands. The library wipes both when it is dropped.
pub(crate) struct WholeBlocks {
    context: CipherCtx,
    block_len: usize,
}

impl WholeBlocks {
    /// Begins to encrypt or decrypt, without padding. `iv` is empty where the cipher has none.
    pub(crate) fn new(cipher: &CipherRef, encrypt: bool, key: &[u8], iv: &[u8]) -> Result<Self, Error> {
        if key.len() != cipher.key_length() || iv.len() != cipher.iv_length() {
            return Err(Error::Length);
        }
        let mut context = CipherCtx::new()?;
        let iv = Some(iv).filter(|iv| !iv.is_empty());
        if encrypt {
            context.encrypt_init(Some(cipher), Some(key), iv)?;
        } else {
            context.decrypt_init(Some(cipher), Some(key), iv)?;
        }
        context.set_padding(false);
        Ok(Self { context, block_len: cipher.block_size().max(1) })
    }

    /// Length of a block in bytes; 1 of a stream cipher.
    pub(crate) fn block_len(&self) -> usize {
        self.block_len
    }

    /// Encrypts or decrypts what comes next: whole blocks, into as many bytes.
    pub(crate) fn run(&mut self, data: &[u8], out: &mut [u8]) -> Result<(), Error> {
        if data.len() % self.block_len != 0 || out.len() != data.len() {
            return Err(Error::Length);
        }
        for (data, out) in data.chunks(MOST).zip(out.chunks_mut(MOST)) {
            // SAFETY: `out` has room: with padding off, and whole blocks only, now and in every call before,
            // the library holds nothing back and writes as many bytes as it reads (EVP_CipherUpdate(3)).
            let written = unsafe { self.context.cipher_update_unchecked(data, Some(out))? };
            if written != data.len() {
                return Err(Error::Length);
            }
        }
        Ok(())
    }

    /// One that goes on by itself from here.
    pub(crate) fn try_clone(&self) -> Result<Self, Error> {
        let mut context = CipherCtx::new()?;
        context.copy(&self.context)?;
        Ok(Self { context, block_len: self.block_len })
    }
}
