// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Big integers.

use optee_utee::{BigInt, BigIntFMM, BigIntFMMContext, ErrorKind, Result};

use crate::{check, fails};

fn big(value: i32) -> BigInt {
    let mut number = BigInt::new(128);
    number.convert_from_s32(value);
    number
}

pub(crate) fn arithmetic() -> Result<()> {
    let (six, seven, modulus) = (big(6), big(7), big(41));
    check(BigInt::multiply(&six, &seven).convert_to_s32()? == 42)?;
    check(BigInt::add(&six, &seven).compare_s32(13) == 0 && BigInt::sub(&six, &seven).compare_s32(-1) == 0)?;
    let (quotient, rest) = BigInt::divide(&big(43), &six);
    check(quotient.compare_s32(7) == 0 && rest.compare_s32(1) == 0)?;
    check(BigInt::mul_mod(&six, &seven, &modulus).compare_s32(1) == 0)?;
    check(BigInt::inv_mod(&six, &modulus).compare_big_int(&seven) == 0)?;
    check(BigInt::relative_prime(&six, &seven) && modulus.is_probable_prime(80) == 1)?;
    check(big(0x1234).convert_to_octet_string()? == [0x12, 0x34])?;
    let context = || BigIntFMMContext::new(128, big(41));
    let mut form = BigIntFMM::new(128);
    form.convert_from_big_int(&six, &modulus, context()?);
    let mut back = BigInt::new(128);
    back.convert_to_big_int_from_fmm(&form, &modulus, context()?);
    check(back.compare_s32(6) == 0)?;
    let mut product = BigIntFMM::new(128);
    product.compute_fmm(&form, &form, &modulus, context()?);
    back.convert_to_big_int_from_fmm(&product, &modulus, context()?);
    check(back.compare_s32(36) == 0)?;
    check(!form.data_ptr().is_null() && !context()?.data_ptr().is_null())?;
    signs_and_bits()?;
    modular(&six, &seven, &modulus, &context()?)
}

fn signs_and_bits() -> Result<()> {
    let six = big(6);
    check(BigInt::neg(&six).compare_s32(-6) == 0 && BigInt::neg(&six).abs()?.compare_s32(6) == 0)?;
    check(BigInt::square(&six).compare_s32(36) == 0)?;
    check(six.get_bit_count() == 3 && six.get_bit(1) && !six.get_bit(0))?;
    let mut number = BigInt::new(128);
    number.assign(&six)?;
    number.set_bit(100, true)?;
    number.set_bit(1, false)?;
    check(number.get_bit_count() == 101 && number.get_bit(100) && !number.get_bit(1))?;
    let mut shifted = BigInt::new(128);
    shifted.shift_right(&number, 98);
    check(shifted.compare_s32(4) == 0)?;
    number.convert_from_octet_string(&[1, 0, 0, 0, 0], -1)?;
    check(number.get_bit_count() == 33 && number.compare_s32(0) < 0)?;
    fails(number.convert_to_s32(), ErrorKind::Overflow)?;
    check(BigInt::size_in_u32(128) == 6 && !number.data_ptr().is_null())?;
    check(six.to_string().starts_with('['))
}

fn modular(six: &BigInt, seven: &BigInt, modulus: &BigInt, context: &BigIntFMMContext) -> Result<()> {
    check(BigInt::module(&big(47), modulus).compare_s32(6) == 0)?;
    check(BigInt::add_mod(&big(40), six, modulus).compare_s32(5) == 0)?;
    check(BigInt::sub_mod(six, seven, modulus).compare_s32(40) == 0)?;
    check(BigInt::square_mod(seven, modulus).compare_s32(8) == 0)?;
    // 6 to the 7th is 279936.
    check(BigInt::exp_mod(six, seven, modulus, context)?.compare_s32(279_936 % 41) == 0)?;
    let (divisor, u, v) = BigInt::compute_extended_gcd(six, &big(4));
    let sum = BigInt::add(&BigInt::multiply(&u, six), &BigInt::multiply(&v, &big(4)));
    check(divisor.compare_s32(2) == 0 && sum.compare_s32(2) == 0)
}
