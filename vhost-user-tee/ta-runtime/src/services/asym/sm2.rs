// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! SM2: signatures (GB/T 32918.2) and encryption (GB/T 32918.4).
//!
//! What is signed is a digest that the caller has made of the message, its own identity and key. A ciphertext is
//! a point, the data encrypted, and their digest, in this order, as in OP-TEE; the library has them as ASN.1.

use openssl::ecdsa::EcdsaSig;
use openssl::pkey::PKey;
use openssl::pkey_ctx::PkeyCtx;
use zeroize::Zeroizing;

use super::ecc::{KeyPair, PublicKey};
use super::{join, split, without_zeros, Error};

/// Length of a number, and of a digest, in bytes.
const LEN: usize = 32;
/// A point with both coordinates begins with this, and is as long as that.
const UNCOMPRESSED: u8 = 4;
const POINT_LEN: usize = 1 + 2 * LEN;
/// What a ciphertext has beside the data.
pub(crate) const OVERHEAD: usize = POINT_LEN + LEN;

/// Signs a digest.
pub(crate) fn sign(key: KeyPair<'_>, digest: &[u8]) -> Result<Vec<u8>, Error> {
    let key = PKey::from_ec_key(key.key()?)?;
    let mut context = PkeyCtx::new(&key)?;
    context.sign_init()?;
    let mut signature = Vec::new();
    context.sign_to_vec(digest, &mut signature)?;
    let signature = EcdsaSig::from_der(&signature)?;
    join(signature.r(), signature.s(), LEN)
}

/// Whether a signature is that of a digest.
pub(crate) fn verify(key: PublicKey<'_>, digest: &[u8], signature: &[u8]) -> Result<bool, Error> {
    let key = PKey::from_ec_key(key.key()?)?;
    let Some((r, s)) = split(signature, LEN)? else {
        return Ok(false);
    };
    let signature = EcdsaSig::from_private_components(r, s)?.to_der()?;
    let mut context = PkeyCtx::new(&key)?;
    context.verify_init()?;
    Ok(context.verify(digest, &signature).unwrap_or(false))
}

/// Encrypts at least a byte.
pub(crate) fn encrypt(key: PublicKey<'_>, data: &[u8]) -> Result<Vec<u8>, Error> {
    if data.is_empty() {
        return Err(Error::Ciphertext);
    }
    let key = PKey::from_ec_key(key.key()?)?;
    let mut context = PkeyCtx::new(&key)?;
    context.encrypt_init()?;
    let mut encrypted = Vec::new();
    context.encrypt_to_vec(data, &mut encrypted)?;

    // A sequence of both coordinates, the digest and the data.
    let (_, sequence, _) = der::read(&encrypted)?;
    let (_, x, rest) = der::read(sequence)?;
    let (_, y, rest) = der::read(rest)?;
    let (_, digest, rest) = der::read(rest)?;
    let (_, encrypted, _) = der::read(rest)?;
    let mut out = vec![UNCOMPRESSED];
    for number in [x, y].map(without_zeros) {
        out.resize(out.len() + LEN.saturating_sub(number.len()), 0);
        out.extend_from_slice(number);
    }
    out.extend_from_slice(encrypted);
    out.extend_from_slice(digest);
    Ok(out)
}

/// Decrypts.
pub(crate) fn decrypt(key: KeyPair<'_>, data: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let key = key.key()?;
    match data.first() {
        Some(&UNCOMPRESSED) if data.len() > OVERHEAD => {}
        // Compressed, and with both.
        Some(2 | 3 | 6 | 7) => return Err(Error::Unsupported),
        _ => return Err(Error::Data),
    }
    let (point, rest) = data.split_at(POINT_LEN);
    let (x, y) = point[1..].split_at(LEN);
    let (encrypted, digest) = rest.split_at(rest.len() - LEN);
    let public = PublicKey { curve: super::ecc::Curve::Sm2, x, y };
    public.point(key.group()).map_err(|_| Error::Data)?;

    let parts =
        [der::unsigned(x)?, der::unsigned(y)?, der::octet_string(digest)?, der::octet_string(encrypted)?];
    let sequence = der::sequence(&parts.concat())?;
    let key = PKey::from_ec_key(key)?;
    let mut context = PkeyCtx::new(&key)?;
    context.decrypt_init()?;
    let mut out = Zeroizing::new(vec![0; encrypted.len().max(sequence.len())]);
    let len = context.decrypt(&sequence, Some(&mut out)).map_err(|_| Error::Ciphertext)?;
    out.truncate(len);
    Ok(out)
}

/// As much of DER (X.690) as a ciphertext needs.
mod der {
    use super::{without_zeros, Error};

    const INTEGER: u8 = 0x02;
    const OCTET_STRING: u8 = 0x04;
    const SEQUENCE: u8 = 0x30;
    /// A length from here on is told in so many bytes as the lower bits of the first say.
    const LONG: u8 = 0x80;

    fn write(tag: u8, content: &[u8]) -> Result<Vec<u8>, Error> {
        let mut out = vec![tag];
        match u8::try_from(content.len()) {
            Ok(len) if len < LONG => out.push(len),
            _ => {
                let len = u32::try_from(content.len()).map_err(|_| Error::Data)?.to_be_bytes();
                let len = without_zeros(&len);
                out.push(LONG | len.len() as u8);
                out.extend_from_slice(len);
            }
        }
        out.extend_from_slice(content);
        Ok(out)
    }

    pub(super) fn octet_string(bytes: &[u8]) -> Result<Vec<u8>, Error> {
        write(OCTET_STRING, bytes)
    }

    pub(super) fn sequence(parts: &[u8]) -> Result<Vec<u8>, Error> {
        write(SEQUENCE, parts)
    }

    /// An integer that is not negative.
    pub(super) fn unsigned(number: &[u8]) -> Result<Vec<u8>, Error> {
        let number = without_zeros(number);
        let sign: &[u8] = if number.first().is_none_or(|first| first & 0x80 != 0) { &[0] } else { &[] };
        write(INTEGER, &[sign, number].concat())
    }

    /// The first thing there is: its tag and content, and what follows.
    pub(super) fn read(data: &[u8]) -> Result<(u8, &[u8], &[u8]), Error> {
        let [tag, len, rest @ ..] = data else {
            return Err(Error::Data);
        };
        let (len, rest) = if *len < LONG {
            (usize::from(*len), rest)
        } else {
            let (bytes, rest) = rest.split_at_checked(usize::from(len & !LONG)).ok_or(Error::Data)?;
            if bytes.len() > 4 {
                return Err(Error::Data);
            }
            (bytes.iter().fold(0, |len, byte| len << 8 | usize::from(*byte)), rest)
        };
        let (content, rest) = rest.split_at_checked(len).ok_or(Error::Data)?;
        Ok((*tag, content, rest))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn what_is_written_is_read() {
            for len in [0, 1, 127, 128, 255, 256, 70_000] {
                let content = vec![7; len];
                let mut written = octet_string(&content).unwrap();
                written.push(9);
                let read = read(&written).unwrap();
                assert_eq!((read.0, read.1 == content, read.2), (OCTET_STRING, true, &[9][..]), "{len}");
            }
            assert!(
                read(&[4, 2, 0]).is_err() && read(&[4]).is_err() && read(&[4, 0x85, 0, 0, 0, 0, 0]).is_err()
            );
        }

        #[test]
        fn integers_are_not_negative_and_have_no_needless_zeros() {
            assert_eq!(unsigned(&[0, 0, 0x7F]).unwrap(), [2, 1, 0x7F]);
            assert_eq!(unsigned(&[0x80]).unwrap(), [2, 2, 0, 0x80]);
            assert_eq!(unsigned(&[0, 0]).unwrap(), [2, 1, 0]);
        }
    }
}
