// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Montgomery forms: numbers modulo an odd `n`, kept multiplied by `R` = 2^(32 · words of `n`). The product of two
//! is then had without a division by `n`: `R` is divided by instead, which is a shift.
//!
//! Modulo an even number that does not work: there `R` is 1, and the form of a number is the number itself.

use super::{Error, Integer};

/// Bits of a word.
const WORD_BITS: usize = 32;

/// A modulus and what multiplication modulo it needs.
pub(crate) struct Montgomery<'a> {
    modulus: &'a Integer,
    factor: &'a Integer,
    /// Of `R`.
    bits: usize,
}

impl<'a> Montgomery<'a> {
    /// What has to be computed once for a modulus, and is to be kept: `-1 / n` modulo `R` of an odd one, 0 of an
    /// even one.
    pub(crate) fn factor(modulus: &Integer) -> Result<Integer, Error> {
        // Checks the modulus as well.
        let zero = Integer::from_i32(0)?.modulo(modulus)?;
        if !modulus.is_odd() {
            return Ok(zero);
        }
        let r = Integer::from_i32(1)?.shift_left(r_bits(modulus))?;
        modulus.inverse_mod(&r)?.neg()?.modulo(&r)
    }

    /// From a modulus and its [`factor`](Self::factor): an error where it is of another.
    pub(crate) fn new(modulus: &'a Integer, factor: &'a Integer) -> Result<Self, Error> {
        let this = Self { modulus, factor, bits: r_bits(modulus) };
        let fits = if modulus.is_odd() {
            // The product is -1 modulo 2^32, which no other odd number of 32 bits makes it.
            let product = modulus.low_bits(WORD_BITS)?.mul(&factor.low_bits(WORD_BITS)?)?;
            !factor.is_negative()
                && factor.bit_len() <= this.bits
                && product.low_bits(WORD_BITS)? == Integer::from_u32(u32::MAX)?
        } else {
            factor.is_zero()
        };
        if fits {
            Ok(this)
        } else {
            Err(Error::Undefined)
        }
    }

    /// The form of a number.
    pub(crate) fn form(&self, number: &Integer) -> Result<Integer, Error> {
        number.shift_left(self.bits)?.modulo(self.modulus)
    }

    /// The number of a form.
    pub(crate) fn number(&self, form: &Integer) -> Result<Integer, Error> {
        self.check(form)?;
        self.reduce(form)
    }

    /// The form of the product of the numbers of two forms.
    pub(crate) fn multiply(&self, a: &Integer, b: &Integer) -> Result<Integer, Error> {
        self.check(a)?;
        self.check(b)?;
        self.reduce(&a.mul(b)?)
    }

    /// A form is below the modulus; what is not, comes from elsewhere.
    fn check(&self, form: &Integer) -> Result<(), Error> {
        if form.is_negative() || form >= self.modulus {
            return Err(Error::Undefined);
        }
        Ok(())
    }

    /// `product` / `R` modulo the modulus; `product` is below the modulus times `R`.
    fn reduce(&self, product: &Integer) -> Result<Integer, Error> {
        // The multiple of the modulus that makes the low bits zero, so that nothing is lost with them.
        let multiple = product.low_bits(self.bits)?.mul(self.factor)?.low_bits(self.bits)?;
        let sum = product.add(&multiple.mul(self.modulus)?)?.shift_right(self.bits)?;
        // Of an odd modulus less than twice, so that there is little left to divide.
        sum.modulo(self.modulus)
    }
}

/// 0 of an even modulus: `R` is 1.
fn r_bits(modulus: &Integer) -> usize {
    if modulus.is_odd() {
        modulus.bit_len().div_ceil(WORD_BITS) * WORD_BITS
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integer(value: i32) -> Integer {
        Integer::from_i32(value).unwrap()
    }

    #[test]
    fn products_are_those_of_the_numbers() {
        for n in [2, 3, 4, 15, 255, 256, i32::MAX].map(integer) {
            let factor = Montgomery::factor(&n).unwrap();
            let montgomery = Montgomery::new(&n, &factor).unwrap();
            for (a, b) in [(0, 5), (1, 1), (3, 7), (-3, 1 << 30), (i32::MIN, i32::MAX)] {
                let (a, b) = (integer(a), integer(b));
                let form = montgomery
                    .multiply(&montgomery.form(&a).unwrap(), &montgomery.form(&b).unwrap())
                    .unwrap();
                assert!(montgomery.number(&form).unwrap() == a.mul_mod(&b, &n).unwrap());
            }
            assert_eq!(montgomery.number(&n).err(), Some(Error::Undefined));
            assert_eq!(montgomery.number(&integer(-1)).err(), Some(Error::Undefined));
        }
    }

    #[test]
    fn a_factor_is_of_one_modulus() {
        let factor = Montgomery::factor(&integer(15)).unwrap();
        for other in [17, 16, -15].map(integer) {
            assert!(Montgomery::new(&other, &factor).is_err());
        }
        assert!(Montgomery::new(&integer(15), &integer(0)).is_err());
        for none in [1, 0, -15, -16].map(integer) {
            assert_eq!(Montgomery::factor(&none).err(), Some(Error::Undefined));
        }
    }
}
