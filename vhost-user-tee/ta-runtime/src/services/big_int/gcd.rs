// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Common divisors and primes.

use super::{make, Error, Integer};

/// A greatest common divisor, which is not negative, as the sum of multiples of `a` and `b`:
/// `gcd` = `u` · `a` + `v` · `b`, with |`u`| ≤ |`b` / `gcd`| and |`v`| ≤ |`a` / `gcd`|, or 1 where that is 0.
pub(crate) struct ExtendedGcd {
    /// Greatest common divisor; 0 of two zeros.
    pub(crate) gcd: Integer,
    /// How many times the first number.
    pub(crate) u: Integer,
    /// How many times the second number.
    pub(crate) v: Integer,
}

impl Integer {
    /// Greatest common divisor of the absolute values; 0 of two zeros.
    pub(crate) fn gcd(&self, other: &Self) -> Result<Self, Error> {
        let (a, b) = (self.abs()?, other.abs()?);
        make(|gcd, context| gcd.gcd(&a.0, &b.0, context))
    }

    /// Whether the numbers have no common divisor but one.
    pub(crate) fn is_relatively_prime(&self, other: &Self) -> Result<bool, Error> {
        Ok(self.gcd(other)?.bit_len() == 1)
    }

    /// Greatest common divisor, and the multiples that make it.
    pub(crate) fn extended_gcd(&self, other: &Self) -> Result<ExtendedGcd, Error> {
        let gcd = self.gcd(other)?;
        let (u, v) = self.abs()?.multiples(&other.abs()?, &gcd)?;
        Ok(ExtendedGcd {
            gcd,
            u: u.with_sign(u.is_negative() != self.is_negative())?,
            v: v.with_sign(v.is_negative() != other.is_negative())?,
        })
    }

    /// `u` and `v` of numbers that are not negative.
    fn multiples(&self, other: &Self, gcd: &Self) -> Result<(Self, Self), Error> {
        let (zero, one) = (Self::from_i32(0)?, Self::from_i32(1)?);
        // Where one divides the other, it is the divisor; of zero every number is one.
        if self.cmp_abs(gcd).is_eq() {
            return Ok((one, zero));
        }
        if other.cmp_abs(gcd).is_eq() {
            return Ok((zero, one));
        }
        // Both are at least 2 without their common divisor.
        let (a, _) = self.div_rem(gcd)?;
        let (b, _) = other.div_rem(gcd)?;
        let u = a.inverse_mod(&b)?;
        let (v, _) = one.sub(&u.mul(&a)?)?.div_rem(&b)?;
        Ok((u, v))
    }

    /// Whether the absolute value is prime, by the test of Miller and Rabin: what it calls composite is; what it
    /// calls prime is composite with a probability below 2^-`confidence`, and never above 2^-128.
    pub(crate) fn is_probable_prime(&self, confidence: u32) -> Result<bool, Error> {
        // A round lets at most one composite number of four pass. OpenSSL makes 64 of them, or more, in any case.
        let rounds = i32::try_from(confidence.div_ceil(2)).unwrap_or(i32::MAX);
        let candidate = self.abs()?;
        let mut context = openssl::bn::BigNumContext::new_secure()?;
        Ok(candidate.0.is_prime_fasttest(rounds, &mut context, true)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integer(value: i32) -> Integer {
        Integer::from_i32(value).unwrap()
    }

    #[test]
    fn the_multiples_make_the_divisor() {
        for a in -30..=30 {
            for b in -30..=30 {
                let ExtendedGcd { gcd, u, v } = integer(a).extended_gcd(&integer(b)).unwrap();
                let [gcd, u, v] = [gcd, u, v].map(|n| n.to_i32().unwrap().unwrap());
                assert_eq!(u * a + v * b, gcd, "{a} {b}");
                assert!(gcd >= 0 && (a, b) == (0, 0) || a % gcd == 0 && b % gcd == 0, "{a} {b}");
                if a != 0 && b != 0 {
                    assert!(u.abs() <= (b / gcd).abs() && v.abs() <= (a / gcd).abs(), "{a} {b}: {u} {v}");
                }
            }
        }
    }

    #[test]
    fn small_primes() {
        let primes: Vec<i32> = (-1..50).filter(|n| integer(*n).is_probable_prime(80).unwrap()).collect();
        assert_eq!(primes, [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47]);
        assert!(integer(-7).is_probable_prime(0).unwrap());
    }
}
