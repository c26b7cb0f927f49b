// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Asymmetric algorithms. Numbers are unsigned, with their most significant byte first; where nothing else is
//! said, they have no leading zeros when they come from here, and may have some when they are given.
//!
//! - [`rsa`]: encryption and signatures (RFC 8017), [`rsa_generate`]: its keys
//! - [`dsa`]: signatures (FIPS 186-4); [`dh`]: key agreement (NIST SP 800-56A)
//! - [`ecc`]: ECDSA and ECDH on the curves of NIST
//! - [`sm2`]: signatures and encryption (GB/T 32918); [`sm2_exchange`]: its key agreement
//! - [`edwards`]: EdDSA (RFC 8032); [`montgomery`]: key agreement (RFC 7748)

pub(crate) mod dh;
pub(crate) mod dsa;
pub(crate) mod ecc;
pub(crate) mod edwards;
pub(crate) mod montgomery;
pub(crate) mod rsa;
pub(crate) mod rsa_generate;
pub(crate) mod sm2;
pub(crate) mod sm2_exchange;

use openssl::bn::{BigNum, BigNumRef};
use openssl::error::ErrorStack;
use openssl::md::{Md, MdRef};
use zeroize::Zeroizing;

use super::digest;

/// Why an algorithm does not give a result.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A key, or parameters of one, that there can be none of.
    #[error("there is no such key")]
    Key,
    /// Data of a length or value that the algorithm does not take, or a ciphertext that is not whole.
    #[error("data that the algorithm does not take")]
    Data,
    /// A ciphertext that was changed on its way, where the algorithm tells that from [`Data`](Self::Data).
    #[error("the ciphertext is not what was encrypted")]
    Ciphertext,
    /// A form of data that there is, but that is not taken.
    #[error("a form that is not supported")]
    Unsupported,
    /// The library's error.
    #[error(transparent)]
    Library(#[from] ErrorStack),
}

/// A new private value, and the public one that belongs to it.
type NewPair = (Zeroizing<Vec<u8>>, Zeroizing<Vec<u8>>);

/// A number that everybody may know.
fn number(bytes: &[u8]) -> Result<BigNum, Error> {
    Ok(BigNum::from_slice(bytes)?)
}

/// A number that nobody else may know: it is wiped, and calculated with in constant time.
fn secret_number(bytes: &[u8]) -> Result<BigNum, Error> {
    let mut number = new_secret()?;
    number.copy_from_slice(bytes)?;
    Ok(number)
}

fn new_secret() -> Result<BigNum, Error> {
    let mut number = BigNum::new_secure()?;
    number.set_const_time();
    Ok(number)
}

/// A number from one to `limit`, less one.
fn random_below(limit: &BigNumRef) -> Result<BigNum, Error> {
    let mut most = limit.to_owned()?;
    most.sub_word(1)?;
    if most.is_negative() || most.num_bits() == 0 {
        return Err(Error::Key);
    }
    let mut number = new_secret()?;
    most.rand_range(&mut number)?;
    number.add_word(1)?;
    Ok(number)
}

fn bytes(number: &BigNumRef) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(number.to_vec())
}

/// With as many leading zeros as it takes to `len` bytes.
fn padded(number: &BigNumRef, len: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
    let len = i32::try_from(len).map_err(|_| Error::Data)?;
    Ok(Zeroizing::new(number.to_vec_padded(len)?))
}

fn without_zeros(number: &[u8]) -> &[u8] {
    &number[number.iter().take_while(|byte| **byte == 0).count()..]
}

/// A signature of two numbers, each of `len` bytes.
fn join(r: &BigNumRef, s: &BigNumRef, len: usize) -> Result<Vec<u8>, Error> {
    Ok([&padded(r, len)?[..], &padded(s, len)?].concat())
}

/// The two numbers of a signature; none where it is of another length.
fn split(signature: &[u8], len: usize) -> Result<Option<(BigNum, BigNum)>, Error> {
    if signature.len() != 2 * len {
        return Ok(None);
    }
    let (r, s) = signature.split_at(len);
    Ok(Some((number(r)?, number(s)?)))
}

/// A digest as the library's functions for keys want it.
fn md(digest: digest::Algorithm) -> Result<&'static MdRef, Error> {
    Md::from_nid(digest.message_digest().type_()).ok_or(Error::Unsupported)
}
