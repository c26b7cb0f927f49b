// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Arithmetic modulo a number, which is at least two. Results are from zero to the modulus, less one.

use super::{make, Error, Integer};

/// The least modulus.
const MIN_MODULUS: i32 = 2;

fn check_modulus(modulus: &Integer) -> Result<(), Error> {
    if *modulus < Integer::from_i32(MIN_MODULUS)? {
        return Err(Error::Undefined);
    }
    Ok(())
}

impl Integer {
    /// The number modulo `modulus`.
    pub(crate) fn modulo(&self, modulus: &Self) -> Result<Self, Error> {
        check_modulus(modulus)?;
        make(|residue, context| residue.nnmod(&self.0, &modulus.0, context))
    }

    /// Sum modulo `modulus`.
    pub(crate) fn add_mod(&self, other: &Self, modulus: &Self) -> Result<Self, Error> {
        check_modulus(modulus)?;
        make(|sum, context| sum.mod_add(&self.0, &other.0, &modulus.0, context))
    }

    /// Difference modulo `modulus`.
    pub(crate) fn sub_mod(&self, other: &Self, modulus: &Self) -> Result<Self, Error> {
        check_modulus(modulus)?;
        make(|difference, context| difference.mod_sub(&self.0, &other.0, &modulus.0, context))
    }

    /// Product modulo `modulus`.
    pub(crate) fn mul_mod(&self, other: &Self, modulus: &Self) -> Result<Self, Error> {
        check_modulus(modulus)?;
        make(|product, context| product.mod_mul(&self.0, &other.0, &modulus.0, context))
    }

    /// Product with itself modulo `modulus`.
    pub(crate) fn square_mod(&self, modulus: &Self) -> Result<Self, Error> {
        check_modulus(modulus)?;
        make(|product, context| product.mod_sqr(&self.0, &modulus.0, context))
    }

    /// What gives one when it is multiplied with the number, modulo `modulus`. There is none unless the two
    /// have no common divisor.
    pub(crate) fn inverse_mod(&self, modulus: &Self) -> Result<Self, Error> {
        check_modulus(modulus)?;
        // The library fails for want of memory as well, but that is not how it is known to fail.
        make(|inverse, context| inverse.mod_inverse(&self.0, &modulus.0, context))
            .map_err(|_| Error::Undefined)
    }

    /// The number to the power of `exponent`, which is not negative, modulo an odd `modulus`.
    pub(crate) fn exp_mod(&self, exponent: &Self, modulus: &Self) -> Result<Self, Error> {
        // OpenSSL has no way for even moduli that keeps the exponent secret.
        if exponent.is_negative() || !modulus.is_odd() {
            return Err(Error::Undefined);
        }
        let base = self.modulo(modulus)?;
        make(|power, context| power.mod_exp(&base.0, &exponent.0, &modulus.0, context))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integer(value: i32) -> Integer {
        Integer::from_i32(value).unwrap()
    }

    #[test]
    fn results_are_never_negative() {
        assert_eq!(integer(-7).modulo(&integer(5)).unwrap().to_i32(), Ok(Some(3)));
        assert_eq!(integer(-7).add_mod(&integer(1), &integer(5)).unwrap().to_i32(), Ok(Some(4)));
        assert_eq!(integer(1).sub_mod(&integer(-3), &integer(5)).unwrap().to_i32(), Ok(Some(4)));
        assert_eq!(integer(-1).inverse_mod(&integer(5)).unwrap().to_i32(), Ok(Some(4)));
        assert_eq!(integer(-2).exp_mod(&integer(3), &integer(5)).unwrap().to_i32(), Ok(Some(2)));
    }

    #[test]
    fn what_is_undefined_is_an_error() {
        for modulus in [1, 0, -5].map(integer) {
            assert_eq!(integer(3).modulo(&modulus).err(), Some(Error::Undefined));
            assert_eq!(integer(3).inverse_mod(&modulus).err(), Some(Error::Undefined));
        }
        assert_eq!(integer(4).inverse_mod(&integer(6)).err(), Some(Error::Undefined));
        assert_eq!(integer(0).inverse_mod(&integer(6)).err(), Some(Error::Undefined));
        assert_eq!(integer(3).exp_mod(&integer(-1), &integer(5)).err(), Some(Error::Undefined));
        assert_eq!(integer(3).exp_mod(&integer(1), &integer(6)).err(), Some(Error::Undefined));
    }
}
