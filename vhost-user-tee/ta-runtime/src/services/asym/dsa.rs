// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! DSA (FIPS 186-4). A signature is two numbers, each as long as the subprime.

use openssl::bn::{BigNum, BigNumContext};
use openssl::dsa::{Dsa, DsaSig};
use openssl::pkey::PKey;
use openssl::pkey_ctx::PkeyCtx;

use super::{
    bytes, join, new_secret, number, random_below, secret_number, split, without_zeros, Error, NewPair,
};

/// What keys have in common.
#[derive(Clone, Copy)]
pub(crate) struct Domain<'a> {
    pub(crate) prime: &'a [u8],
    pub(crate) subprime: &'a [u8],
    pub(crate) base: &'a [u8],
}

impl Domain<'_> {
    /// Bytes of a number of a signature, and of what is used of a digest.
    pub(crate) fn subprime_len(self) -> usize {
        without_zeros(self.subprime).len()
    }

    fn numbers(self) -> Result<(BigNum, BigNum, BigNum), Error> {
        let (p, q, g) = (number(self.prime)?, number(self.subprime)?, number(self.base)?);
        if !p.is_odd() || !q.is_odd() || q.num_bits() < 2 || q >= p || g.num_bits() < 2 || g >= p {
            return Err(Error::Key);
        }
        Ok((p, q, g))
    }
}

/// Signs a digest.
pub(crate) fn sign(
    domain: Domain<'_>,
    private: &[u8],
    public: &[u8],
    digest: &[u8],
) -> Result<Vec<u8>, Error> {
    let (p, q, g) = domain.numbers()?;
    let (private, public) = (secret_number(private)?, number(public)?);
    if private >= q || private.num_bits() == 0 {
        return Err(Error::Key);
    }
    let key = PKey::from_dsa(Dsa::from_private_components(p, q, g, private, public)?)?;
    let mut context = PkeyCtx::new(&key)?;
    context.sign_init()?;
    let mut signature = Vec::new();
    context.sign_to_vec(digest, &mut signature)?;
    let signature = DsaSig::from_der(&signature)?;
    join(signature.r(), signature.s(), domain.subprime_len())
}

/// Whether a signature is that of a digest.
pub(crate) fn verify(
    domain: Domain<'_>,
    public: &[u8],
    digest: &[u8],
    signature: &[u8],
) -> Result<bool, Error> {
    let (p, q, g) = domain.numbers()?;
    let key = PKey::from_dsa(Dsa::from_public_components(p, q, g, number(public)?)?)?;
    let Some((r, s)) = split(signature, domain.subprime_len())? else {
        return Ok(false);
    };
    let signature = DsaSig::from_private_components(r, s)?.to_der()?;
    let mut context = PkeyCtx::new(&key)?;
    context.verify_init()?;
    Ok(context.verify(digest, &signature).unwrap_or(false))
}

/// Makes a pair: the private value and the public one. The prime has to have so many bits.
pub(crate) fn generate(domain: Domain<'_>, bits: u32) -> Result<NewPair, Error> {
    let (p, q, g) = domain.numbers()?;
    if i64::from(p.num_bits()) != i64::from(bits) {
        return Err(Error::Key);
    }
    let private = random_below(&q)?;
    let mut public = new_secret()?;
    public.mod_exp(&g, &private, &p, &mut *BigNumContext::new_secure()?)?;
    Ok((bytes(&private), bytes(&public)))
}
