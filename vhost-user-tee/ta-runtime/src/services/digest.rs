// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Message digests.

use openssl::error::ErrorStack;
use openssl::hash::{Hasher, MessageDigest};

/// An algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// RFC 1321.
    Md5,
    /// FIPS 180-4, as are all SHA up to [`Sha512`](Self::Sha512).
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// FIPS 202, as are all below but SM3.
    Sha3_224,
    /// SHA3-256.
    Sha3_256,
    /// SHA3-384.
    Sha3_384,
    /// SHA3-512.
    Sha3_512,
    /// Output of any length.
    Shake128,
    /// Output of any length.
    Shake256,
    /// GB/T 32905.
    Sm3,
}

impl Algorithm {
    pub(super) fn message_digest(self) -> MessageDigest {
        match self {
            Self::Md5 => MessageDigest::md5(),
            Self::Sha1 => MessageDigest::sha1(),
            Self::Sha224 => MessageDigest::sha224(),
            Self::Sha256 => MessageDigest::sha256(),
            Self::Sha384 => MessageDigest::sha384(),
            Self::Sha512 => MessageDigest::sha512(),
            Self::Sha3_224 => MessageDigest::sha3_224(),
            Self::Sha3_256 => MessageDigest::sha3_256(),
            Self::Sha3_384 => MessageDigest::sha3_384(),
            Self::Sha3_512 => MessageDigest::sha3_512(),
            Self::Shake128 => MessageDigest::shake_128(),
            Self::Shake256 => MessageDigest::shake_256(),
            Self::Sm3 => MessageDigest::sm3(),
        }
    }

    /// Length of the digest in bytes; `None` where the caller chooses it (SHAKE).
    pub(crate) fn output_len(self) -> Option<usize> {
        match self {
            Self::Shake128 | Self::Shake256 => None,
            other => Some(other.message_digest().size()),
        }
    }
}

/// Why a digest could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// The output is of another length than the algorithm's.
    #[error("not the length of this digest")]
    Length,
    /// Data after extraction has begun.
    #[error("the digest is being extracted")]
    Extracting,
    /// The library's error: no memory is the only one known.
    #[error("no memory for a digest")]
    NoMemory,
}

impl From<ErrorStack> for Error {
    fn from(_: ErrorStack) -> Self {
        Self::NoMemory
    }
}

/// A digest being made. A clone goes on by itself from where it was cloned.
#[derive(Clone)]
pub(crate) struct Digest {
    algorithm: Algorithm,
    hasher: Hasher,
    /// Bytes of output that [`extract`](Self::extract) has given out.
    extracted: usize,
}

impl Digest {
    /// Begins.
    pub(crate) fn new(algorithm: Algorithm) -> Result<Self, Error> {
        Ok(Self { algorithm, hasher: Hasher::new(algorithm.message_digest())?, extracted: 0 })
    }

    /// Bytes of output that have not been given out; `None` where there is no end of them (SHAKE).
    pub(crate) fn rest_len(&self) -> Option<usize> {
        self.algorithm.output_len().map(|len| len - self.extracted)
    }

    /// Takes in `data`.
    pub(crate) fn update(&mut self, data: &[u8]) -> Result<(), Error> {
        if self.extracted > 0 {
            return Err(Error::Extracting);
        }
        Ok(self.hasher.update(data)?)
    }

    /// Writes the digest and begins anew. `out` is as long as the algorithm's digest, or as the
    /// caller likes (SHAKE). After [`extract`](Self::extract), writes what follows, and of a fixed
    /// length digest that is what is left.
    pub(crate) fn finish(&mut self, out: &mut [u8]) -> Result<(), Error> {
        if self.algorithm.output_len().is_some_and(|len| out.len() != len - self.extracted) {
            return Err(Error::Length);
        }
        self.extract(out)?;
        self.reset()
    }

    /// Writes the next `out.len()` bytes of output (`TEE_DigestExtract`); after the first, no more
    /// data. Returns how many it wrote: fewer at the end of a digest of fixed length.
    pub(crate) fn extract(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        let mut rest = self.hasher.clone();
        let written = match self.algorithm.output_len() {
            Some(len) => {
                let written = out.len().min(len - self.extracted);
                let digest = rest.finish()?;
                out[..written].copy_from_slice(&digest[self.extracted..self.extracted + written]);
                written
            }
            None if self.extracted == 0 => {
                rest.finish_xof(out)?;
                out.len()
            }
            // The library squeezes from the beginning.
            None => {
                let end = self.extracted.checked_add(out.len()).ok_or(Error::Length)?;
                let mut all = vec![0; end];
                rest.finish_xof(&mut all)?;
                out.copy_from_slice(&all[self.extracted..]);
                out.len()
            }
        };
        self.extracted += written;
        Ok(written)
    }

    /// Forgets all data taken in.
    pub(crate) fn reset(&mut self) -> Result<(), Error> {
        *self = Self::new(self.algorithm)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn digest(algorithm: Algorithm, data: &[u8], len: usize) -> String {
        let mut digest = Digest::new(algorithm).unwrap();
        digest.update(data).unwrap();
        let mut out = vec![0; len];
        digest.finish(&mut out).unwrap();
        hex(&out)
    }

    /// Test vectors for "abc": RFC 1321, FIPS 180-4 and 202 examples, GB/T 32905 annex A.
    #[test]
    fn abc() {
        let known = [
            (Algorithm::Md5, "900150983cd24fb0d6963f7d28e17f72"),
            (Algorithm::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (Algorithm::Sha224, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
            (Algorithm::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (Algorithm::Sha3_256, "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"),
            (Algorithm::Sm3, "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
        ];
        for (algorithm, expected) in known {
            assert_eq!(digest(algorithm, b"abc", expected.len() / 2), expected, "{algorithm:?}");
        }
        for (algorithm, len) in [(Algorithm::Sha384, 48), (Algorithm::Sha512, 64)] {
            assert_eq!(algorithm.output_len(), Some(len));
        }
        // FIPS 202: SHAKE128 of nothing.
        assert_eq!(digest(Algorithm::Shake128, b"", 16), "7f9c2ba4e88f827d616045507605853e");
    }

    #[test]
    fn extraction_in_pieces_is_the_whole() {
        for algorithm in [Algorithm::Shake256, Algorithm::Sha512] {
            let whole = digest(algorithm, b"data", 64);
            let mut pieces = Digest::new(algorithm).unwrap();
            pieces.update(b"data").unwrap();
            let mut out = [0; 64];
            for range in [0..1, 1..30, 30..50] {
                assert_eq!(pieces.extract(&mut out[range.clone()]).unwrap(), range.len());
            }
            assert_eq!(pieces.update(b"more"), Err(Error::Extracting));
            pieces.finish(&mut out[50..]).unwrap();
            assert_eq!(hex(&out), whole);
        }
    }

    #[test]
    fn a_clone_goes_its_own_way() {
        let mut one = Digest::new(Algorithm::Sha256).unwrap();
        one.update(b"ab").unwrap();
        let mut two = one.clone();
        one.update(b"c").unwrap();
        two.update(b"d").unwrap();
        let (mut a, mut b) = ([0; 32], [0; 32]);
        one.finish(&mut a).unwrap();
        two.finish(&mut b).unwrap();
        assert_eq!(hex(&a), digest(Algorithm::Sha256, b"abc", 32));
        assert_eq!(hex(&b), digest(Algorithm::Sha256, b"abd", 32));
    }

    #[test]
    fn the_wrong_length_is_an_error_and_loses_nothing() {
        let mut digest = Digest::new(Algorithm::Sha256).unwrap();
        assert_eq!(digest.finish(&mut [0; 31]), Err(Error::Length));
        digest.finish(&mut [0; 32]).unwrap();
    }
}
