// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Message authentication codes.

use std::ffi::CStr;

use zeroize::Zeroizing;

use super::block_cipher::{self, BlockCipher};
use super::cbc_mac::CbcMac;
use super::digest;
use crate::sys::mac_context::{self, MacContext};

/// An algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// FIPS 198-1.
    Hmac(digest::Algorithm),
    /// NIST SP 800-38B.
    Cmac(BlockCipher),
    /// ISO/IEC 9797-1, algorithm 1.
    CbcMac(BlockCipher, Padding),
}

/// What makes data into whole blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Padding {
    /// Nothing: the data are whole blocks, at least one.
    None,
    /// PKCS #7, always added.
    Pkcs,
}

impl Algorithm {
    /// Length of the code in bytes.
    pub(crate) fn output_len(self) -> usize {
        match self {
            Self::Hmac(digest) => digest.output_len().unwrap_or(0),
            Self::Cmac(cipher) | Self::CbcMac(cipher, _) => cipher.block_len(),
        }
    }
}

/// Why a code cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// A key of the wrong length, or data that are not whole blocks.
    #[error("a length that the algorithm does not take")]
    Length,
    /// The library's error: no memory is the only one known.
    #[error("no memory for a code")]
    NoMemory,
}

impl From<block_cipher::Error> for Error {
    fn from(error: block_cipher::Error) -> Self {
        match error {
            block_cipher::Error::Length => Self::Length,
            block_cipher::Error::Library(_) => Self::NoMemory,
        }
    }
}

impl From<mac_context::Error> for Error {
    fn from(_: mac_context::Error) -> Self {
        Self::NoMemory
    }
}

/// A code being made.
pub(crate) struct Mac {
    algorithm: Algorithm,
    engine: Engine,
}

enum Engine {
    Library(MacContext),
    CbcMac(CbcMac),
}

impl Mac {
    /// Begins.
    pub(crate) fn new(algorithm: Algorithm, key: &[u8]) -> Result<Self, Error> {
        let engine = match algorithm {
            Algorithm::Hmac(digest) => {
                Engine::Library(MacContext::new(c"HMAC", c"digest", digest_name(digest), key)?)
            }
            Algorithm::Cmac(cipher) => {
                let key = cipher.library_key(key)?;
                let name = cbc_name(cipher, key.len());
                Engine::Library(MacContext::new(c"CMAC", c"cipher", name, &key)?)
            }
            Algorithm::CbcMac(cipher, _) => Engine::CbcMac(CbcMac::new(cipher, key)?),
        };
        Ok(Self { algorithm, engine })
    }

    /// Which algorithm.
    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Takes in data.
    pub(crate) fn update(&mut self, data: &[u8]) -> Result<(), Error> {
        match &mut self.engine {
            Engine::Library(context) => Ok(context.update(data)?),
            Engine::CbcMac(cbc_mac) => Ok(cbc_mac.update(data)?),
        }
    }

    /// The code, of [`Algorithm::output_len`] bytes.
    pub(crate) fn finish(self) -> Result<Zeroizing<Vec<u8>>, Error> {
        match self.engine {
            Engine::Library(context) => {
                let mut out = Zeroizing::new(vec![0; self.algorithm.output_len()]);
                context.finish(&mut out)?;
                Ok(out)
            }
            Engine::CbcMac(mut cbc_mac) => {
                if matches!(self.algorithm, Algorithm::CbcMac(_, Padding::Pkcs)) {
                    cbc_mac.pad_with_count()?;
                }
                Ok(cbc_mac.finish()?)
            }
        }
    }

    /// One that goes on by itself from here.
    pub(crate) fn try_clone(&self) -> Result<Self, Error> {
        let engine = match &self.engine {
            Engine::Library(context) => Engine::Library(context.try_clone()?),
            Engine::CbcMac(cbc_mac) => Engine::CbcMac(cbc_mac.try_clone()?),
        };
        Ok(Self { algorithm: self.algorithm, engine })
    }
}

/// The library's name of a digest.
fn digest_name(digest: digest::Algorithm) -> &'static CStr {
    use digest::Algorithm::*;
    match digest {
        Md5 => c"MD5",
        Sha1 => c"SHA1",
        Sha224 => c"SHA2-224",
        Sha256 => c"SHA2-256",
        Sha384 => c"SHA2-384",
        Sha512 => c"SHA2-512",
        Sha3_224 => c"SHA3-224",
        Sha3_256 => c"SHA3-256",
        Sha3_384 => c"SHA3-384",
        Sha3_512 => c"SHA3-512",
        Shake128 => c"SHAKE-128",
        Shake256 => c"SHAKE-256",
        Sm3 => c"SM3",
    }
}

/// The library's name of a cipher with a key of this length, in CBC mode.
fn cbc_name(cipher: BlockCipher, key_len: usize) -> &'static CStr {
    match (cipher, key_len) {
        (BlockCipher::Aes, 16) => c"AES-128-CBC",
        (BlockCipher::Aes, 24) => c"AES-192-CBC",
        (BlockCipher::Aes, _) => c"AES-256-CBC",
        (BlockCipher::Des | BlockCipher::Des3, _) => c"DES-EDE3-CBC",
        (BlockCipher::Sm4, _) => c"SM4-CBC",
    }
}
