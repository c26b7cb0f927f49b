// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Keys: one gives others (HKDF), seals records (AES-256-GCM), names things (HMAC). All of OpenSSL's.

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::md::Md;
use openssl::pkey::{Id, PKey, Private};
use openssl::pkey_ctx::PkeyCtx;
use openssl::sign::Signer;
use openssl::symm::{decrypt_aead, encrypt_aead, Cipher};
use zeroize::Zeroizing;

/// Length of a key, in bytes.
pub const KEY_LEN: usize = 32;

const NONCE_LEN: usize = 12;
const TAG_LEN: usize = 16;
/// How much longer a sealed record is than what is in it, in bytes.
pub(crate) const SEAL_LEN: usize = NONCE_LEN + TAG_LEN;

/// HKDF (RFC 5869) with SHA-256: `len` bytes, 8160 at most, from `secret`, for the use that `info` names.
///
/// # Errors
///
/// For want of memory, or where a length is beyond what OpenSSL takes.
pub fn hkdf(secret: &[u8], salt: &[u8], info: &[u8], len: usize) -> Result<Zeroizing<Vec<u8>>, ErrorStack> {
    let mut context = PkeyCtx::new_id(Id::HKDF)?;
    context.derive_init()?;
    context.set_hkdf_md(Md::sha256())?;
    context.set_hkdf_key(secret)?;
    context.set_hkdf_salt(salt)?;
    context.add_hkdf_info(info)?;
    let mut key = Zeroizing::new(vec![0; len]);
    context.derive(Some(&mut key))?;
    Ok(key)
}

/// A key that others are derived from, or that records are sealed with.
pub(crate) struct Key(Zeroizing<Vec<u8>>);

impl Key {
    /// The key of these bytes.
    pub(crate) fn new(bytes: &[u8; KEY_LEN]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }

    /// Another key, for `context` of the use `label`, which has no zero byte.
    pub(crate) fn derive(&self, label: &str, context: &[u8]) -> Result<Self, ErrorStack> {
        let info = [label.as_bytes(), &[0], context].concat();
        Ok(Self(hkdf(&self.0, b"virtio-tee secure storage", &info, KEY_LEN)?))
    }

    /// Encrypts `plain`, and authenticates it and `about`.
    pub(crate) fn seal(&self, about: &[u8], plain: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let mut nonce = [0; NONCE_LEN];
        openssl::rand::rand_bytes(&mut nonce)?;
        let mut tag = [0; TAG_LEN];
        let sealed = encrypt_aead(Cipher::aes_256_gcm(), &self.0, Some(&nonce), about, plain, &mut tag)?;
        Ok([&nonce[..], &tag, &sealed].concat())
    }

    /// What was sealed; `None` if this is not what was sealed with this key for `about`.
    pub(crate) fn unseal(&self, about: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN)?;
        let (tag, sealed) = rest.split_at_checked(TAG_LEN)?;
        let plain = decrypt_aead(Cipher::aes_256_gcm(), &self.0, Some(nonce), about, sealed, tag);
        plain.ok().map(Zeroizing::new)
    }

    /// The same key, for [`MacKey::mac`].
    pub(crate) fn into_mac(self) -> Result<MacKey, ErrorStack> {
        Ok(MacKey(PKey::hmac(&self.0)?))
    }
}

/// A key of message authentication codes.
pub(crate) struct MacKey(PKey<Private>);

impl MacKey {
    /// HMAC-SHA-256 of `parts`, one after the other.
    pub(crate) fn mac(&self, parts: &[&[u8]]) -> Result<[u8; 32], ErrorStack> {
        let mut signer = Signer::new(MessageDigest::sha256(), &self.0)?;
        for part in parts {
            signer.update(part)?;
        }
        let mut mac = [0; 32];
        signer.sign(&mut mac)?;
        Ok(mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hkdf_is_that_of_the_rfc() {
        // RFC 5869, A.1.
        let salt: Vec<u8> = (0..=0x0c).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let key = hkdf(&[0x0b; 22], &salt, &info, 42).unwrap();
        assert_eq!(key[..4], [0x3c, 0xb2, 0x5f, 0x25]);
        assert_eq!(key[38..], [0x87, 0x18, 0x58, 0x65][..]);
    }

    #[test]
    fn only_what_was_sealed_is_unsealed() {
        let key = Key::new(&[1; 32]);
        let sealed = key.seal(b"about", b"plain").unwrap();
        assert_eq!(sealed.len(), 5 + SEAL_LEN);
        assert_eq!(key.unseal(b"about", &sealed).unwrap()[..], b"plain"[..]);
        assert_ne!(key.seal(b"about", b"plain").unwrap(), sealed);
        assert!(key.unseal(b"other", &sealed).is_none());
        assert!(key.derive("other", b"").unwrap().unseal(b"about", &sealed).is_none());
        for bit in 0..sealed.len() * 8 {
            let mut wrong = sealed.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert!(key.unseal(b"about", &wrong).is_none());
        }
        for len in 0..sealed.len() {
            assert!(key.unseal(b"about", &sealed[..len]).is_none());
        }
    }
}
