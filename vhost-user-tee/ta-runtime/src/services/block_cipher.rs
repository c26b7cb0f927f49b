// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Block ciphers, in the modes that the crypto library has and others are made of.

use openssl::cipher::{Cipher, CipherRef};
use zeroize::Zeroizing;

pub(crate) use crate::sys::whole_blocks::Error;
use crate::sys::whole_blocks::WholeBlocks;

/// A block cipher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockCipher {
    /// FIPS 197, with keys of 16, 24 or 32 bytes.
    Aes,
    /// FIPS 46-3: 8 bytes, of which each has a bit of parity.
    Des,
    /// The same thrice (EDE), with two keys or three.
    Des3,
    /// GB/T 32907: 16 bytes.
    Sm4,
}

/// A mode of the crypto library.
#[derive(Clone, Copy)]
pub(super) enum Chaining {
    Ecb,
    Cbc,
    Ctr,
}

impl BlockCipher {
    /// Length of a block in bytes.
    pub(crate) fn block_len(self) -> usize {
        match self {
            Self::Aes | Self::Sm4 => 16,
            Self::Des | Self::Des3 => 8,
        }
    }

    fn of_library(self, chaining: Chaining, key_len: usize) -> Result<&'static CipherRef, Error> {
        Ok(match (self, chaining, key_len) {
            (Self::Aes, Chaining::Ecb, 16) => Cipher::aes_128_ecb(),
            (Self::Aes, Chaining::Ecb, 24) => Cipher::aes_192_ecb(),
            (Self::Aes, Chaining::Ecb, 32) => Cipher::aes_256_ecb(),
            (Self::Aes, Chaining::Cbc, 16) => Cipher::aes_128_cbc(),
            (Self::Aes, Chaining::Cbc, 24) => Cipher::aes_192_cbc(),
            (Self::Aes, Chaining::Cbc, 32) => Cipher::aes_256_cbc(),
            (Self::Aes, Chaining::Ctr, 16) => Cipher::aes_128_ctr(),
            (Self::Aes, Chaining::Ctr, 24) => Cipher::aes_192_ctr(),
            (Self::Aes, Chaining::Ctr, 32) => Cipher::aes_256_ctr(),
            (Self::Des | Self::Des3, Chaining::Ecb, 24) => Cipher::des_ede3_ecb(),
            (Self::Des | Self::Des3, Chaining::Cbc, 24) => Cipher::des_ede3_cbc(),
            (Self::Sm4, Chaining::Ecb, 16) => Cipher::sm4_ecb(),
            (Self::Sm4, Chaining::Cbc, 16) => Cipher::sm4_cbc(),
            (Self::Sm4, Chaining::Ctr, 16) => Cipher::sm4_ctr(),
            _ => return Err(Error::Length),
        })
    }

    /// The key as the library takes it: of DES there are always three. Two keys are the first, the second, the
    /// first; single DES is all three the same.
    pub(super) fn library_key(self, key: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        Ok(Zeroizing::new(match (self, key.len()) {
            (Self::Des, 8) => key.repeat(3),
            (Self::Des3, 16) => [key, &key[..8]].concat(),
            (Self::Des3, 24) | (Self::Aes, 16 | 24 | 32) | (Self::Sm4, 16) => key.to_vec(),
            _ => return Err(Error::Length),
        }))
    }

    /// Begins. `iv` is a block, or empty with [`Chaining::Ecb`].
    pub(super) fn begin(
        self,
        chaining: Chaining,
        encrypt: bool,
        key: &[u8],
        iv: &[u8],
    ) -> Result<WholeBlocks, Error> {
        let key = self.library_key(key)?;
        WholeBlocks::new(self.of_library(chaining, key.len())?, encrypt, &key, iv)
    }
}
