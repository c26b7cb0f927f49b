// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! AES-GCM (NIST SP 800-38D) over data in pieces.

use openssl::cipher::Cipher;
use openssl::cipher_ctx::CipherCtx;
use zeroize::Zeroizing;

use super::ae::Error;
use super::gcm_nonce::shortened;

/// The longest tag, in bytes. Shorter ones are its beginning.
const TAG: usize = 16;
/// The longest nonce that the library takes, in bytes.
const NONCE: usize = 128;
/// How much the library is given at once: its lengths are `int`.
const MOST: usize = 1 << 30;

/// A message being encrypted or decrypted. The library wipes it when it is dropped.
pub(super) struct Gcm {
    context: CipherCtx,
    payload_begun: bool,
    tag_len: usize,
}

impl Gcm {
    /// Begins. The nonce has a byte or more, the tag up to 16.
    pub(super) fn new(encrypt: bool, key: &[u8], nonce: &[u8], tag_len: usize) -> Result<Self, Error> {
        let cipher = match key.len() {
            16 => Cipher::aes_128_gcm(),
            24 => Cipher::aes_192_gcm(),
            32 => Cipher::aes_256_gcm(),
            _ => return Err(Error::Length),
        };
        if nonce.is_empty() || tag_len == 0 || tag_len > TAG {
            return Err(Error::Length);
        }
        let short;
        let nonce = if nonce.len() > NONCE {
            short = shortened(key, nonce)?;
            &short[..]
        } else {
            nonce
        };
        let mut context = CipherCtx::new()?;
        if encrypt {
            context.encrypt_init(Some(cipher), None, None)?;
            context.set_iv_length(nonce.len())?;
            context.encrypt_init(None, Some(key), Some(nonce))?;
        } else {
            context.decrypt_init(Some(cipher), None, None)?;
            context.set_iv_length(nonce.len())?;
            context.decrypt_init(None, Some(key), Some(nonce))?;
        }
        Ok(Self { context, payload_begun: false, tag_len })
    }

    /// Takes in data that are not encrypted.
    pub(super) fn update_aad(&mut self, data: &[u8]) -> Result<(), Error> {
        if self.payload_begun {
            return Err(Error::Length);
        }
        for data in data.chunks(MOST) {
            self.context.cipher_update(data, None)?;
        }
        Ok(())
    }

    /// Encrypts or decrypts payload, into as many bytes.
    pub(super) fn update(&mut self, data: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        self.payload_begun |= !data.is_empty();
        let out = out.get_mut(..data.len()).ok_or(Error::Length)?;
        for (data, out) in data.chunks(MOST).zip(out.chunks_mut(MOST)) {
            self.context.cipher_update(data, Some(out))?;
        }
        Ok(data.len())
    }

    /// The tag of what was encrypted.
    pub(super) fn tag(mut self) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.context.cipher_final(&mut [])?;
        let mut tag = Zeroizing::new(vec![0; self.tag_len]);
        self.context.tag(&mut tag)?;
        Ok(tag)
    }

    /// Whether what was decrypted has this tag.
    pub(super) fn has_tag(mut self, tag: &[u8]) -> Result<bool, Error> {
        if tag.len() != self.tag_len {
            return Ok(false);
        }
        self.context.set_tag(tag)?;
        // The library compares, in constant time, and has no other reason to fail here.
        Ok(self.context.cipher_final(&mut []).is_ok())
    }

    /// One that goes on by itself from here.
    pub(super) fn try_clone(&self) -> Result<Self, Error> {
        let mut context = CipherCtx::new()?;
        context.copy(&self.context)?;
        Ok(Self { context, ..*self })
    }
}
