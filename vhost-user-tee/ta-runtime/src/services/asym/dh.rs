// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Diffie-Hellman key agreement in a finite field (NIST SP 800-56A).

use openssl::bn::{BigNum, BigNumContext};
use zeroize::Zeroizing;

use super::{bytes, new_secret, number, random_below, secret_number, without_zeros, Error, NewPair};

/// What keys have in common.
#[derive(Clone, Copy)]
pub(crate) struct Group<'a> {
    pub(crate) prime: &'a [u8],
    pub(crate) base: &'a [u8],
    pub(crate) subprime: Option<&'a [u8]>,
}

impl Group<'_> {
    fn prime(self) -> Result<BigNum, Error> {
        let prime = number(self.prime)?;
        if !prime.is_odd() || prime.num_bits() < 3 {
            return Err(Error::Key);
        }
        Ok(prime)
    }
}

/// Makes a pair: the private value and the public one. The prime has to have so many bits, in whole bytes; the
/// private value has no more than `private_bits`, where that is not 0.
pub(crate) fn generate(group: Group<'_>, bits: u32, private_bits: u32) -> Result<NewPair, Error> {
    let prime = group.prime()?;
    if without_zeros(group.prime).len() as u64 * 8 != u64::from(bits) || private_bits > bits {
        return Err(Error::Key);
    }
    let base = number(group.base)?;
    if base.num_bits() < 2 || base >= prime {
        return Err(Error::Key);
    }
    let mut limit = match group.subprime {
        Some(subprime) => number(subprime)?,
        None => {
            let mut limit = prime.to_owned()?;
            limit.sub_word(1)?;
            limit
        }
    };
    if limit >= prime {
        return Err(Error::Key);
    }
    if private_bits > 0 {
        let mut most = BigNum::new()?;
        most.set_bit(i32::try_from(private_bits).map_err(|_| Error::Key)?)?;
        if most < limit {
            limit = most;
        }
    }
    let private = random_below(&limit)?;
    let mut public = new_secret()?;
    public.mod_exp(&base, &private, &prime, &mut *BigNumContext::new_secure()?)?;
    Ok((bytes(&private), bytes(&public)))
}

/// The secret that one pair and the other's public value make. As OP-TEE has it, it is a number.
pub(crate) fn agree(group: Group<'_>, private: &[u8], public: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let prime = group.prime()?;
    let public = number(public)?;
    let mut most = prime.to_owned()?;
    most.sub_word(1)?;
    // Of these everybody knows what comes of them (NIST SP 800-56A, section 5.6.2.3.1).
    if public.num_bits() < 2 || public >= most {
        return Err(Error::Data);
    }
    let mut secret = new_secret()?;
    secret.mod_exp(&public, &*secret_number(private)?, &prime, &mut *BigNumContext::new_secure()?)?;
    if secret.num_bits() < 2 {
        return Err(Error::Data);
    }
    Ok(bytes(&secret))
}
