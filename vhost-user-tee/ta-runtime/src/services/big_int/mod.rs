// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Integers of any size, with a sign, on OpenSSL's bignum.
//!
//! Numbers may be secret: their memory is wiped when it is given back, and OpenSSL is told to take the way that
//! does not depend on their values where it knows one (exponentiation, inversion, division). How long a number is,
//! and its sign, is no secret to it.
//!
//! - here: making and taking apart, comparison, bits, the four operations
//! - [`modular`]: modulo a number
//! - [`gcd`]: divisors and primes
//! - [`montgomery`]: Montgomery forms

mod gcd;
mod modular;
mod montgomery;

use std::cmp::Ordering;

use openssl::bn::{BigNum, BigNumContext};
use openssl::error::ErrorStack;
use zeroize::Zeroizing;

pub(crate) use montgomery::Montgomery;

/// Why a number could not be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// Division by zero, no inverse, an exponent below zero, a modulus below two.
    #[error("there is no such number")]
    Undefined,
    /// The library's error: no memory is the only one known for what is defined.
    #[error("no memory for a number")]
    NoMemory,
}

impl From<ErrorStack> for Error {
    fn from(_: ErrorStack) -> Self {
        Self::NoMemory
    }
}

/// An integer.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Integer(BigNum);

/// The number that `compute` makes of a zero.
fn make(
    compute: impl FnOnce(&mut BigNum, &mut BigNumContext) -> Result<(), ErrorStack>,
) -> Result<Integer, Error> {
    // "Secure" numbers are those that OpenSSL wipes.
    let mut number = BigNum::new_secure()?;
    number.set_const_time();
    compute(&mut number, &mut BigNumContext::new_secure()?)?;
    Ok(Integer(number))
}

impl Integer {
    /// From its absolute value, most significant byte first, and its sign; zero has none.
    pub(crate) fn from_be_bytes(magnitude: &[u8], negative: bool) -> Result<Self, Error> {
        make(|number, _| {
            number.copy_from_slice(magnitude)?;
            number.set_negative(negative);
            Ok(())
        })
    }

    /// Of 32 bits.
    pub(crate) fn from_i32(value: i32) -> Result<Self, Error> {
        Self::from_be_bytes(&value.unsigned_abs().to_be_bytes(), value < 0)
    }

    fn from_u32(value: u32) -> Result<Self, Error> {
        Self::from_be_bytes(&value.to_be_bytes(), false)
    }

    fn copy(&self) -> Result<Self, Error> {
        make(|number, _| number.lshift(&self.0, 0))
    }

    /// The number in 32 bits, if it has no more.
    pub(crate) fn to_i32(&self) -> Result<Option<i32>, Error> {
        if self.bit_len() > 32 {
            return Ok(None);
        }
        let magnitude = self.magnitude(4)?.iter().fold(0, |value, byte| value << 8 | i64::from(*byte));
        Ok(i32::try_from(if self.is_negative() { -magnitude } else { magnitude }).ok())
    }

    /// The absolute value in `len` bytes, most significant first. It must fit.
    pub(crate) fn magnitude(&self, len: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
        // To the library's binding no bytes are an error.
        if len == 0 && self.is_zero() {
            return Ok(Zeroizing::default());
        }
        let len = i32::try_from(len).map_err(|_| Error::NoMemory)?;
        Ok(Zeroizing::new(self.0.to_vec_padded(len)?))
    }

    /// Bits of the absolute value: 0 of zero.
    pub(crate) fn bit_len(&self) -> usize {
        usize::try_from(self.0.num_bits()).unwrap_or_default()
    }

    /// Below zero.
    pub(crate) fn is_negative(&self) -> bool {
        self.0.is_negative()
    }

    fn is_zero(&self) -> bool {
        self.bit_len() == 0
    }

    /// Not a multiple of two.
    pub(crate) fn is_odd(&self) -> bool {
        self.0.is_odd()
    }

    /// Bit `index` of the absolute value.
    pub(crate) fn bit(&self, index: u32) -> bool {
        i32::try_from(index).is_ok_and(|index| self.0.is_bit_set(index))
    }

    /// Another bit `index` in the absolute value, and the same sign.
    pub(crate) fn with_bit(&self, index: u32, value: bool) -> Result<Self, Error> {
        let mut changed = self.copy()?;
        match i32::try_from(index) {
            Ok(index) if value => changed.0.set_bit(index)?,
            Ok(index) if self.bit(index.unsigned_abs()) => changed.0.clear_bit(index)?,
            Err(_) if value => return Err(Error::NoMemory),
            Ok(_) | Err(_) => {}
        }
        Ok(changed)
    }

    /// The absolute value without its lowest `bits` bits, and the same sign.
    pub(crate) fn shift_right(&self, bits: usize) -> Result<Self, Error> {
        let bits = i32::try_from(bits.min(self.bit_len())).map_err(|_| Error::NoMemory)?;
        make(|shifted, _| shifted.rshift(&self.0, bits))
    }

    fn shift_left(&self, bits: usize) -> Result<Self, Error> {
        let bits = i32::try_from(bits).map_err(|_| Error::NoMemory)?;
        make(|shifted, _| shifted.lshift(&self.0, bits))
    }

    /// The lowest `bits` bits of the absolute value, and the same sign.
    fn low_bits(&self, bits: usize) -> Result<Self, Error> {
        let mut low = self.copy()?;
        if bits < self.bit_len() {
            low.0.mask_bits(i32::try_from(bits).map_err(|_| Error::NoMemory)?)?;
        }
        Ok(low)
    }

    /// The same with the sign that is asked for; zero has none.
    pub(crate) fn with_sign(&self, negative: bool) -> Result<Self, Error> {
        let mut signed = self.copy()?;
        signed.0.set_negative(negative);
        Ok(signed)
    }

    /// Absolute value.
    pub(crate) fn abs(&self) -> Result<Self, Error> {
        self.with_sign(false)
    }

    /// The other way of zero.
    pub(crate) fn neg(&self) -> Result<Self, Error> {
        self.with_sign(!self.is_negative())
    }

    /// Compares absolute values.
    fn cmp_abs(&self, other: &Self) -> Ordering {
        self.0.ucmp(&other.0)
    }

    /// Sum.
    pub(crate) fn add(&self, other: &Self) -> Result<Self, Error> {
        make(|sum, _| sum.checked_add(&self.0, &other.0))
    }

    /// Difference.
    pub(crate) fn sub(&self, other: &Self) -> Result<Self, Error> {
        make(|difference, _| difference.checked_sub(&self.0, &other.0))
    }

    /// Product.
    pub(crate) fn mul(&self, other: &Self) -> Result<Self, Error> {
        make(|product, context| product.checked_mul(&self.0, &other.0, context))
    }

    /// Product with itself.
    pub(crate) fn square(&self) -> Result<Self, Error> {
        make(|product, context| product.sqr(&self.0, context))
    }

    /// Quotient, rounded towards zero, and the remainder, which has the sign of `self`.
    pub(crate) fn div_rem(&self, divisor: &Self) -> Result<(Self, Self), Error> {
        if divisor.is_zero() {
            return Err(Error::Undefined);
        }
        let mut remainder = make(|_, _| Ok(()))?;
        let quotient =
            make(|quotient, context| quotient.div_rem(&mut remainder.0, &self.0, &divisor.0, context))?;
        Ok((quotient, remainder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_has_no_sign_and_no_bits() {
        let zero = Integer::from_be_bytes(&[0; 9], true).unwrap();
        assert!(zero.is_zero() && !zero.is_negative());
        assert!(!zero.neg().unwrap().is_negative());
        assert_eq!(zero.to_i32(), Ok(Some(0)));
        assert!(zero.magnitude(0).unwrap().is_empty());
    }

    #[test]
    fn thirty_two_bits_go_both_ways() {
        for value in [0, 1, -1, i32::MAX, i32::MIN, i32::MIN + 1] {
            assert_eq!(Integer::from_i32(value).unwrap().to_i32(), Ok(Some(value)));
        }
        let above = Integer::from_u32(1 << 31).unwrap();
        assert_eq!(above.to_i32(), Ok(None));
        assert_eq!(above.neg().unwrap().to_i32(), Ok(Some(i32::MIN)));
        assert_eq!(above.shift_left(1).unwrap().to_i32(), Ok(None));
    }

    #[test]
    fn bits_are_those_of_the_absolute_value() {
        let six = Integer::from_i32(-6).unwrap();
        assert_eq!([0, 1, 2, 3, u32::MAX].map(|index| six.bit(index)), [false, true, true, false, false]);
        assert_eq!(six.with_bit(0, true).unwrap().to_i32(), Ok(Some(-7)));
        assert_eq!(six.with_bit(2, false).unwrap().to_i32(), Ok(Some(-2)));
        assert_eq!(six.with_bit(u32::MAX, false).unwrap().to_i32(), Ok(Some(-6)));
        assert!(six.with_bit(u32::MAX, true).is_err());
        assert_eq!(six.shift_right(1).unwrap().to_i32(), Ok(Some(-3)));
        assert_eq!(six.shift_right(usize::MAX).unwrap().to_i32(), Ok(Some(0)));
    }

    #[test]
    fn the_remainder_has_the_dividends_sign() {
        for (a, b, quotient, remainder) in [(7, 2, 3, 1), (-7, 2, -3, -1), (7, -2, -3, 1), (-7, -2, 3, -1)] {
            let (q, r) = Integer::from_i32(a).unwrap().div_rem(&Integer::from_i32(b).unwrap()).unwrap();
            assert_eq!((q.to_i32(), r.to_i32()), (Ok(Some(quotient)), Ok(Some(remainder))), "{a} / {b}");
        }
        let zero = Integer::from_i32(0).unwrap();
        assert_eq!(zero.div_rem(&zero).err(), Some(Error::Undefined));
    }
}
