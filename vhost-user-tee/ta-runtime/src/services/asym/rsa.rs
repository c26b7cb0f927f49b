// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! RSA (RFC 8017).

use openssl::bn::BigNumRef;
use openssl::pkey::{HasPublic, PKey};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::{Padding as LibraryPadding, Rsa, RsaPrivateKeyBuilder};
use openssl::sign::RsaPssSaltlen;
use zeroize::Zeroizing;

use super::{md, number, secret_number, without_zeros, Error};
use crate::services::{digest, equal};

/// Bytes that PKCS #1 v1.5 needs beside the data.
const PKCS1_OVERHEAD: usize = 11;

/// `RSA_PKCS1_NO_IMPLICIT_REJECT_PADDING` of `openssl/rsa.h`: what is not padded as it should be is an error, where
/// the library would otherwise make up data. A TA is told, as by OP-TEE.
const PKCS1_TELLING: i32 = 8;

/// A public key.
#[derive(Clone, Copy)]
pub(crate) struct PublicKey<'a> {
    pub(crate) modulus: &'a [u8],
    pub(crate) exponent: &'a [u8],
}

/// A key pair.
#[derive(Clone, Copy)]
pub(crate) struct KeyPair<'a> {
    pub(crate) public: PublicKey<'a>,
    pub(crate) exponent: &'a [u8],
    /// Both primes, the exponents modulo each less one, and the inverse of the second prime modulo the first.
    pub(crate) factors: Option<[&'a [u8]; 5]>,
}

impl PublicKey<'_> {
    fn key(self) -> Result<Rsa<openssl::pkey::Public>, Error> {
        let (modulus, exponent) = (number(self.modulus)?, number(self.exponent)?);
        check(&modulus, &exponent)?;
        Ok(Rsa::from_public_components(modulus, exponent)?)
    }
}

impl KeyPair<'_> {
    fn key(self) -> Result<Rsa<openssl::pkey::Private>, Error> {
        let (modulus, exponent) = (number(self.public.modulus)?, number(self.public.exponent)?);
        check(&modulus, &exponent)?;
        let builder = RsaPrivateKeyBuilder::new(modulus, exponent, secret_number(self.exponent)?)?;
        let Some([p, q, dp, dq, inverse]) = self.factors else {
            return Ok(builder.build());
        };
        let (p, q) = (secret_number(p)?, secret_number(q)?);
        if !p.is_odd() || !q.is_odd() {
            return Err(Error::Key);
        }
        let builder = builder.set_factors(p, q)?;
        let crt = (secret_number(dp)?, secret_number(dq)?, secret_number(inverse)?);
        Ok(builder.set_crt_params(crt.0, crt.1, crt.2)?.build())
    }
}

fn check(modulus: &BigNumRef, exponent: &BigNumRef) -> Result<(), Error> {
    if !modulus.is_odd() || modulus.num_bits() < 2 || exponent.num_bits() == 0 {
        return Err(Error::Key);
    }
    Ok(())
}

/// How data are made as long as the modulus before they are encrypted.
#[derive(Clone, Copy)]
pub(crate) enum Padding<'a> {
    /// They are a number less than the modulus.
    None,
    Pkcs1,
    Oaep {
        digest: digest::Algorithm,
        mgf: digest::Algorithm,
        label: &'a [u8],
    },
}

/// Encrypts. The result is as long as the modulus, but without padding it is a number.
pub(crate) fn encrypt(key: PublicKey<'_>, padding: Padding<'_>, data: &[u8]) -> Result<Vec<u8>, Error> {
    let key = key.key()?;
    let mut out = vec![0; key.size() as usize];
    match padding {
        Padding::None => {
            let data = as_long(data, out.len())?;
            key.public_encrypt(&data, &mut out, LibraryPadding::NONE).map_err(|_| Error::Data)?;
            return Ok(as_number(&out).to_vec());
        }
        Padding::Pkcs1 => {
            if data.len() + PKCS1_OVERHEAD > out.len() {
                return Err(Error::Data);
            }
            key.public_encrypt(data, &mut out, LibraryPadding::PKCS1)?;
        }
        Padding::Oaep { digest, mgf, label } => {
            let key = PKey::from_rsa(key)?;
            let mut context = PkeyCtx::new(&key)?;
            context.encrypt_init()?;
            oaep(&mut context, digest, mgf, label)?;
            context.encrypt(data, Some(&mut out)).map_err(|_| Error::Data)?;
        }
    }
    Ok(out)
}

/// Decrypts.
pub(crate) fn decrypt(
    key: KeyPair<'_>,
    padding: Padding<'_>,
    data: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let key = key.key()?;
    let mut out = Zeroizing::new(vec![0; key.size() as usize]);
    let len = match padding {
        Padding::None => {
            let data = as_long(data, out.len())?;
            key.private_decrypt(&data, &mut out, LibraryPadding::NONE).map_err(|_| Error::Data)?;
            return Ok(Zeroizing::new(as_number(&out).to_vec()));
        }
        Padding::Pkcs1 => {
            if data.len() != out.len() {
                return Err(Error::Data);
            }
            let padding = LibraryPadding::from_raw(PKCS1_TELLING);
            key.private_decrypt(data, &mut out, padding).map_err(|_| Error::Data)?
        }
        Padding::Oaep { digest, mgf, label } => {
            if data.len() != out.len() {
                return Err(Error::Data);
            }
            let key = PKey::from_rsa(key)?;
            let mut context = PkeyCtx::new(&key)?;
            context.decrypt_init()?;
            oaep(&mut context, digest, mgf, label)?;
            context.decrypt(data, Some(&mut out)).map_err(|_| Error::Data)?
        }
    };
    out.truncate(len);
    Ok(out)
}

fn oaep<T>(
    context: &mut PkeyCtx<T>,
    digest: digest::Algorithm,
    mgf: digest::Algorithm,
    label: &[u8],
) -> Result<(), Error> {
    context.set_rsa_padding(LibraryPadding::PKCS1_OAEP)?;
    context.set_rsa_oaep_md(md(digest)?)?;
    context.set_rsa_mgf1_md(md(mgf)?)?;
    if !label.is_empty() {
        context.set_rsa_oaep_label(label)?;
    }
    Ok(())
}

/// A number with leading zeros, as long as the modulus.
fn as_long(number: &[u8], len: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
    let number = without_zeros(number);
    let zeros = len.checked_sub(number.len()).ok_or(Error::Data)?;
    let mut long = Zeroizing::new(vec![0; len]);
    long[zeros..].copy_from_slice(number);
    Ok(long)
}

/// Without leading zeros, but for the last byte.
fn as_number(bytes: &[u8]) -> &[u8] {
    let number = without_zeros(bytes);
    if number.is_empty() {
        &bytes[bytes.len().saturating_sub(1)..]
    } else {
        number
    }
}

/// How a digest is made as long as the modulus before it is signed.
#[derive(Clone, Copy)]
pub(crate) enum Signature {
    /// With the name of the digest.
    Pkcs1(digest::Algorithm),
    /// Any data, with no name of a digest.
    Pkcs1Unnamed,
    Pss {
        digest: digest::Algorithm,
        salt_len: u32,
    },
}

/// Signs a digest, which has the length of its algorithm.
pub(crate) fn sign(key: KeyPair<'_>, scheme: Signature, data: &[u8]) -> Result<Vec<u8>, Error> {
    let key = key.key()?;
    let mut out = vec![0; key.size() as usize];
    if let Signature::Pkcs1Unnamed = scheme {
        if data.len() + PKCS1_OVERHEAD > out.len() {
            return Err(Error::Data);
        }
        key.private_encrypt(data, &mut out, LibraryPadding::PKCS1)?;
        return Ok(out);
    }
    let key = PKey::from_rsa(key)?;
    let mut context = PkeyCtx::new(&key)?;
    context.sign_init()?;
    signature(&mut context, scheme)?;
    context.sign(data, Some(&mut out)).map_err(|_| Error::Data)?;
    Ok(out)
}

/// Whether a signature is that of a digest, which has the length of its algorithm.
pub(crate) fn verify(
    key: PublicKey<'_>,
    scheme: Signature,
    data: &[u8],
    signed: &[u8],
) -> Result<bool, Error> {
    let key = key.key()?;
    let len = key.size() as usize;
    if signed.len() != len {
        return Ok(false);
    }
    if let Signature::Pkcs1Unnamed = scheme {
        let mut out = vec![0; len];
        return Ok(key
            .public_decrypt(signed, &mut out, LibraryPadding::PKCS1)
            .is_ok_and(|len| equal(&out[..len], data)));
    }
    let key = PKey::from_rsa(key)?;
    let mut context = PkeyCtx::new(&key)?;
    context.verify_init()?;
    signature(&mut context, scheme)?;
    // What the library cannot make sense of is no signature either.
    Ok(context.verify(data, signed).unwrap_or(false))
}

fn signature<T: HasPublic>(context: &mut PkeyCtx<T>, scheme: Signature) -> Result<(), Error> {
    match scheme {
        Signature::Pkcs1(digest) => {
            context.set_rsa_padding(LibraryPadding::PKCS1)?;
            context.set_signature_md(md(digest)?)?;
        }
        Signature::Pss { digest, salt_len } => {
            context.set_rsa_padding(LibraryPadding::PKCS1_PSS)?;
            context.set_signature_md(md(digest)?)?;
            context.set_rsa_mgf1_md(md(digest)?)?;
            let salt_len = i32::try_from(salt_len).map_err(|_| Error::Data)?;
            context.set_rsa_pss_saltlen(RsaPssSaltlen::custom(salt_len))?;
        }
        Signature::Pkcs1Unnamed => return Err(Error::Unsupported),
    }
    Ok(())
}
