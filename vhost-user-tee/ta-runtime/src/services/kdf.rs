// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Keys derived from secrets. OP-TEE's names for them; [`crate::services::asym`] has key agreement.

use openssl::pkcs5::pbkdf2_hmac;
use zeroize::Zeroizing;

use super::digest::{self, Digest};
use super::mac::{self, Mac};

/// Why no key can be derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// A digest without a length of its own, no iterations, or more bytes than the function can give.
    #[error("parameters that no key can be derived with")]
    Parameters,
    /// The library's error: no memory is the only one known.
    #[error("no memory to derive a key")]
    NoMemory,
}

impl From<mac::Error> for Error {
    fn from(_: mac::Error) -> Self {
        Self::NoMemory
    }
}

impl From<digest::Error> for Error {
    fn from(_: digest::Error) -> Self {
        Self::NoMemory
    }
}

/// A key of `len` bytes (HKDF, RFC 5869).
pub(crate) fn hkdf(
    digest: digest::Algorithm,
    secret: &[u8],
    salt: &[u8],
    info: &[u8],
    len: usize,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let digest_len = digest.output_len().ok_or(Error::Parameters)?;
    let hmac = |key: &[u8], parts: &[&[u8]]| {
        let mut mac = Mac::new(mac::Algorithm::Hmac(digest), key)?;
        parts.iter().try_for_each(|part| mac.update(part))?;
        mac.finish()
    };
    // No salt is as many zeros, with which an empty key of HMAC is filled up as well.
    let key = hmac(salt, &[secret])?;
    let mut out = Zeroizing::new(Vec::with_capacity(len + digest_len));
    let mut block = Zeroizing::new(Vec::new());
    for count in 1.. {
        if out.len() >= len {
            break;
        }
        let count = u8::try_from(count).map_err(|_| Error::Parameters)?;
        block = hmac(&key, &[&block, info, &[count]])?;
        out.extend_from_slice(&block);
    }
    out.truncate(len);
    Ok(out)
}

/// What is hashed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// NIST SP 800-56A.
    CounterFirst,
    /// GB/T 32918.3 and .4.
    SecretFirst,
}

/// A key of `len` bytes, of digests of the secret with a counter and `info` (NIST SP 800-56A, section 5.8.1).
pub(crate) fn concat(
    digest: digest::Algorithm,
    order: Order,
    secret: &[u8],
    info: &[u8],
    len: usize,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let digest_len = digest.output_len().ok_or(Error::Parameters)?;
    let mut out = Zeroizing::new(Vec::with_capacity(len + digest_len));
    let mut block = Zeroizing::new(vec![0; digest_len]);
    for count in 1_u32.. {
        if out.len() >= len {
            break;
        }
        let count = count.to_be_bytes();
        let parts: [&[u8]; 3] = match order {
            Order::CounterFirst => [&count, secret, info],
            Order::SecretFirst => [secret, &count, info],
        };
        let mut digest = Digest::new(digest)?;
        parts.iter().try_for_each(|part| digest.update(part))?;
        digest.finish(&mut block)?;
        out.extend_from_slice(&block);
    }
    out.truncate(len);
    Ok(out)
}

/// A key of `len` bytes (PBKDF2 with HMAC, RFC 8018).
pub(crate) fn pbkdf2(
    digest: digest::Algorithm,
    password: &[u8],
    salt: &[u8],
    iterations: u32,
    len: usize,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    if iterations == 0 {
        return Err(Error::Parameters);
    }
    let mut out = Zeroizing::new(vec![0; len]);
    if len > 0 {
        pbkdf2_hmac(password, salt, iterations as usize, digest.message_digest(), &mut out)
            .map_err(|_| Error::NoMemory)?;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_there_is() {
        let hkdf = |len| hkdf(digest::Algorithm::Sha256, b"secret", b"", b"", len).map(|key| key.len());
        assert_eq!((hkdf(0), hkdf(255 * 32), hkdf(255 * 32 + 1)), (Ok(0), Ok(8160), Err(Error::Parameters)));
        let shake = digest::Algorithm::Shake128;
        assert_eq!(concat(shake, Order::CounterFirst, b"", b"", 1), Err(Error::Parameters));
        assert_eq!(pbkdf2(digest::Algorithm::Sha1, b"", b"", 0, 1), Err(Error::Parameters));
    }
}
