// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! New RSA key pairs.

use openssl::bn::{BigNum, BigNumContext, BigNumRef};
use openssl::rsa::Rsa;
use zeroize::Zeroizing;

use super::{bytes, new_secret, number, Error};

/// What a new pair consists of.
pub(crate) struct NewKeyPair {
    pub(crate) modulus: Zeroizing<Vec<u8>>,
    pub(crate) public_exponent: Zeroizing<Vec<u8>>,
    pub(crate) private_exponent: Zeroizing<Vec<u8>>,
    /// As those of a [`KeyPair`](super::rsa::KeyPair).
    pub(crate) factors: [Zeroizing<Vec<u8>>; 5],
}

/// The least modulus, in bits, that the library makes. GP has shorter ones.
const LIBRARY_MIN: u32 = 512;
/// What a public exponent is from, and below which power of two (NIST SP 800-56B, section 6.2).
const MIN_EXPONENT: u32 = 65537;
const MAX_EXPONENT_BITS: i32 = 256;

/// Makes a pair with a modulus of so many bits.
pub(crate) fn generate(bits: u32, exponent: &[u8]) -> Result<NewKeyPair, Error> {
    let exponent = number(exponent)?;
    let least = BigNum::from_u32(MIN_EXPONENT)?;
    if !exponent.is_odd() || exponent < least || exponent.num_bits() > MAX_EXPONENT_BITS {
        return Err(Error::Key);
    }
    if bits < LIBRARY_MIN {
        return generate_short(bits, &exponent);
    }
    let pair = Rsa::generate_with_e(bits, &exponent)?;
    let factor = |factor: Option<&BigNumRef>| factor.map(bytes).ok_or(Error::Key);
    Ok(NewKeyPair {
        modulus: bytes(pair.n()),
        public_exponent: bytes(pair.e()),
        private_exponent: bytes(pair.d()),
        factors: [
            factor(pair.p())?,
            factor(pair.q())?,
            factor(pair.dmp1())?,
            factor(pair.dmq1())?,
            factor(pair.iqmp())?,
        ],
    })
}

/// The same, of primes that the library finds. Such keys protect nothing.
fn generate_short(bits: u32, exponent: &BigNumRef) -> Result<NewKeyPair, Error> {
    let context = &mut BigNumContext::new_secure()?;
    let half = i32::try_from(bits / 2).map_err(|_| Error::Key)?;
    let rest = i32::try_from(bits).map_err(|_| Error::Key)? - half;
    loop {
        let (p, p1) = prime(rest)?;
        let (q, q1) = prime(half)?;
        let (mut modulus, mut phi) = (new_secret()?, new_secret()?);
        modulus.checked_mul(&p, &q, context)?;
        phi.checked_mul(&p1, &q1, context)?;
        let mut d = new_secret()?;
        // The upper two bits of a prime are set, so that the product has all its bits. None other has an inverse
        // than an exponent that has no divisor in common.
        if p == q || d.mod_inverse(exponent, &phi, context).is_err() {
            continue;
        }
        let (mut dp, mut dq, mut inverse) = (new_secret()?, new_secret()?, new_secret()?);
        dp.nnmod(&d, &p1, context)?;
        dq.nnmod(&d, &q1, context)?;
        inverse.mod_inverse(&q, &p, context)?;
        return Ok(NewKeyPair {
            modulus: bytes(&modulus),
            public_exponent: bytes(exponent),
            private_exponent: bytes(&d),
            factors: [bytes(&p), bytes(&q), bytes(&dp), bytes(&dq), bytes(&inverse)],
        });
    }
}

/// A prime, and that less one.
fn prime(bits: i32) -> Result<(BigNum, BigNum), Error> {
    let mut prime = new_secret()?;
    prime.generate_prime(bits, false, None, None)?;
    let mut less = new_secret()?;
    less.checked_sub(&prime, BigNum::from_u32(1)?.as_ref())?;
    Ok((prime, less))
}
