// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Big integers: a TA written in C calls every function of chapter 8 (`integration/tas/big-int-check`), built for
//! API 1.3.1 and for 1.1, and what it gets is held against what crate `num-bigint` computes.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod big_int_ta;
mod common;

use big_int_ta::*;
use common::{invoke_value, soft_tee};
use num_bigint::{BigInt, Sign};
use num_integer::Integer;
use tee::{gp, Failure};

/// Runs `test` on each of the two TAs.
fn on_both(name: &str, test: impl Fn(&Ta, &mut fastrand::Rng)) {
    let tee = soft_tee(name);
    for uuid in [CHECK, CHECK_GP11] {
        let ta = Ta::open(&tee, uuid);
        test(&ta, &mut fastrand::Rng::with_seed(8));
        ta.close();
    }
}

fn big(number: i64) -> BigInt {
    BigInt::from(number)
}

fn two_to(bits: u32) -> BigInt {
    big(1) << bits
}

/// Of up to `max_bits` bits, and any sign.
fn random(rng: &mut fastrand::Rng, max_bits: usize) -> BigInt {
    let bytes: Vec<u8> = (0..max_bits / 8).map(|_| rng.u8(..)).collect();
    let number = BigInt::from_bytes_be(Sign::Plus, &bytes) >> rng.usize(..max_bits);
    if rng.bool() {
        -number
    } else {
        number
    }
}

fn random_positive(rng: &mut fastrand::Rng, max_bits: usize) -> BigInt {
    BigInt::from(random(rng, max_bits).magnitude().clone())
}

/// Numbers about which something is special.
fn edges() -> Vec<BigInt> {
    let mut numbers: Vec<BigInt> =
        [0, 1, 2, 3, 6, i32::MAX.into(), 1 << 31, u32::MAX.into(), 1 << 32].map(big).into();
    numbers.extend([two_to(64) - 1, two_to(64), two_to(127) - 1, two_to(2048) - 1, two_to(4096) - 1]);
    let negative: Vec<BigInt> = numbers.iter().skip(1).map(|number| -number).collect();
    [numbers, negative].concat()
}

/// All pairs of those, and random ones.
fn pairs(rng: &mut fastrand::Rng) -> Vec<(BigInt, BigInt)> {
    pairs_of(rng, 4096)
}

/// Those of up to `max_bits` bits.
fn pairs_of(rng: &mut fastrand::Rng, max_bits: usize) -> Vec<(BigInt, BigInt)> {
    let mut edges = edges();
    edges.retain(|number| number.bits() <= max_bits as u64);
    let mut pairs: Vec<(BigInt, BigInt)> =
        edges.iter().flat_map(|a| edges.iter().map(move |b| (a.clone(), b.clone()))).collect();
    pairs.extend((0..150).map(|_| (random(rng, max_bits), random(rng, max_bits))));
    pairs
}

#[test]
fn octets_go_both_ways() {
    on_both("octets", |ta, rng| {
        for number in edges().into_iter().chain((0..50).map(|_| random(rng, 4096))) {
            // Leading zeros mean nothing.
            let octets = [&[0; 3], &number.to_bytes_be().1[..]].concat();
            for (sign, expected) in [
                (0, number.magnitude().clone().into()),
                (7, number.magnitude().clone().into()),
                (-1, -BigInt::from(number.magnitude().clone())),
            ] {
                let from = call(FROM_OCTETS, &[]).a(sign as u32).room(number.bits() as u32);
                let (returned, _, results) = ta.raw(&from, &encode(false, &octets)).unwrap();
                assert_eq!((returned, decode(&results)), (gp::SUCCESS, vec![expected]), "{number}");
            }

            let len = number.bits().div_ceil(8) as u32;
            let expected = if len == 0 { vec![] } else { number.to_bytes_be().1 };
            for room in [len, len + 1, 2048] {
                let octets = encode(number.sign() == Sign::Minus, &expected);
                let (returned, needed, results) = ta.raw(&call(TO_OCTETS, &[]).a(room), &octets).unwrap();
                assert_eq!((returned, needed), (gp::SUCCESS, len), "{number}");
                assert_eq!(results[8..8 + len as usize], expected, "{number}");
                assert!(results[8 + len as usize..].iter().all(|byte| *byte == 0), "{number}");
            }
            for room in [0, len.saturating_sub(1)].into_iter().filter(|room| *room < len) {
                let answer = ta.call(&call(TO_OCTETS, &[&number]).a(room));
                assert_eq!((answer.returned, answer.b), (gp::ERROR_SHORT_BUFFER, len), "{number}");
            }
        }
        // Room is in whole words. What has none changes nothing.
        let (returned, _, results) =
            ta.raw(&call(FROM_OCTETS, &[]).room(33), &encode(false, &[1, 0, 0, 0, 0, 0, 0, 0, 0])).unwrap();
        assert_eq!((returned, decode(&results)), (OVERFLOW, vec![big(0)]));
        let (returned, ..) = ta.raw(&call(FROM_OCTETS, &[]).room(0), &encode(false, &[0; 2000])).unwrap();
        assert_eq!(returned, gp::SUCCESS);
    });
}

#[test]
fn small_numbers_go_both_ways() {
    on_both("s32", |ta, _| {
        for number in [0, 1, -1, 2, 0x1234_5678, i32::MAX, i32::MIN, i32::MIN + 1] {
            assert_eq!(ta.number(&call(FROM_S32, &[]).a(number as u32).room(32)), number.into());
            let answer = ta.call(&call(TO_S32, &[&number.into()]));
            assert_eq!((answer.returned, answer.b as i32), (gp::SUCCESS, number));
        }
        for number in [1 << 31, -(1 << 31) - 1, 1 << 32, i64::MAX, i64::MIN].map(big) {
            assert_eq!(ta.returned(&call(TO_S32, &[&number])), OVERFLOW, "{number}");
        }
        for number in edges() {
            for other in [0, 1, -1, i32::MAX, i32::MIN] {
                let returned = ta.returned(&call(CMP_S32, &[&number]).a(other as u32)) as i32;
                assert_eq!(returned, number.cmp(&other.into()) as i32, "{number} {other}");
            }
        }
    });
}

#[test]
fn bits_are_those_of_the_absolute_value() {
    on_both("bits", |ta, rng| {
        for number in edges().into_iter().chain((0..30).map(|_| random(rng, 4096))) {
            let sign = |magnitude: BigInt| if number.sign() == Sign::Minus { -magnitude } else { magnitude };
            let magnitude = BigInt::from(number.magnitude().clone());
            let bits = number.bits() as u32;
            assert_eq!(ta.returned(&call(GET_BIT_COUNT, &[&number])), bits, "{number}");
            for bit in [0, 1, 31, 32, 33, 63, 64, bits.saturating_sub(1), bits, 5000, u32::MAX >> 1] {
                let is_set = bit < bits && magnitude.bit(bit.into());
                assert_eq!(ta.returned(&call(GET_BIT, &[&number]).a(bit)) != 0, is_set, "{number} {bit}");

                if bit <= 5000 {
                    let shifted = sign(&magnitude >> bit);
                    ta.expect(call(SHIFT_RIGHT, &[&number]).a(bit), &shifted);
                    // No more room than is needed, which is less than the operand has.
                    let exact = call(SHIFT_RIGHT, &[&number]).a(bit).room(shifted.bits() as u32);
                    assert_eq!(ta.number(&exact), shifted);
                }

                let in_place = Call { over: 1, ..call(SET_BIT, &[&number]).room(4096) };
                let mut changed = magnitude.clone();
                if bit < 4096 {
                    changed.set_bit(bit.into(), true);
                    assert_eq!(
                        ta.number(&in_place.clone().a(bit | SET)),
                        sign(changed.clone()),
                        "{number} {bit}"
                    );
                    changed.set_bit(bit.into(), false);
                } else {
                    let answer = ta.call(&in_place.clone().a(bit | SET));
                    assert_eq!((answer.returned, &answer.results[0]), (OVERFLOW, &number), "{number} {bit}");
                }
                assert_eq!(ta.number(&in_place.clone().a(bit)), sign(changed), "{number} {bit}");
            }
            assert_eq!(ta.number(&call(SHIFT_RIGHT, &[&number]).a(u32::MAX)), big(0));
        }
    });
}

#[test]
fn assignment_needs_room() {
    on_both("assign", |ta, _| {
        for number in edges() {
            for (function, expected) in [(ASSIGN, number.clone()), (ABS, number.magnitude().clone().into())] {
                ta.expect(call(function, &[&number]), &expected);
                assert_eq!(ta.number(&call(function, &[&number]).room(number.bits() as u32)), expected);
                if number.bits() > 32 {
                    let answer = ta.call(&call(function, &[&number]).room(number.bits() as u32 - 32));
                    assert_eq!(answer, Answer { returned: OVERFLOW, results: vec![big(0)], ..answer });
                }
            }
        }
    });
}

#[test]
fn basic_arithmetic() {
    on_both("arithmetic", |ta, rng| {
        for (a, b) in pairs(rng) {
            assert_eq!(ta.returned(&call(CMP, &[&a, &b])) as i32, a.cmp(&b) as i32, "{a} {b}");
            ta.expect(call(ADD, &[&a, &b]), &(&a + &b));
            ta.expect(call(SUB, &[&a, &b]), &(&a - &b));
            ta.expect(call(MUL, &[&a, &b]), &(&a * &b));
            if b != big(0) {
                let expected = [&a / &b, &a % &b];
                for over in 0..=2 {
                    let answer = ta.call(&Call { over, ..call(DIV, &[&a, &b]) });
                    assert_eq!(answer.results, expected, "{a} / {b}");
                }
                for (null, expected) in [(1, &expected[1]), (2, &expected[0])] {
                    let answer = ta.call(&Call { null, ..call(DIV, &[&a, &b]) });
                    assert_eq!(answer.results, std::slice::from_ref(expected), "{a} / {b}");
                }
            }
        }
        for a in edges() {
            ta.expect(call(NEG, &[&a]), &-&a);
            ta.expect(call(SQUARE, &[&a]), &(&a * &a));
            for (function, expected) in [(ADD, &a + &a), (SUB, big(0)), (MUL, &a * &a)] {
                ta.expect(Call { same: true, ..call(function, &[&a]) }, &expected);
            }
        }
    });
}

#[test]
fn modular_arithmetic() {
    on_both("modular", |ta, rng| {
        for (a, b) in pairs(rng).into_iter().step_by(3) {
            let n = random_positive(rng, 4096) + 2;
            ta.expect(call(MOD, &[&a, &n]), &a.mod_floor(&n));
            ta.expect(call(ADD_MOD, &[&a, &b, &n]), &(&a + &b).mod_floor(&n));
            ta.expect(call(SUB_MOD, &[&a, &b, &n]), &(&a - &b).mod_floor(&n));
            ta.expect(call(MUL_MOD, &[&a, &b, &n]), &(&a * &b).mod_floor(&n));
            ta.expect(call(SQUARE_MOD, &[&a, &n]), &(&a * &a).mod_floor(&n));
            // No more room than the modulus takes.
            let exact = call(MUL_MOD, &[&a, &b, &n]).room(n.bits() as u32);
            assert_eq!(ta.number(&exact), (&a * &b).mod_floor(&n));
        }
        for _ in 0..60 {
            let (a, n) = (random(rng, 2048), random_positive(rng, 2048) + 2);
            if a.gcd(&n) == big(1) {
                let inverse = ta.number(&call(INV_MOD, &[&a, &n]));
                assert!(inverse >= big(0) && inverse < n);
                assert_eq!((&inverse * &a).mod_floor(&n), big(1), "1 / {a} mod {n}");
                ta.expect(call(INV_MOD, &[&a, &n]), &inverse);
            }
        }
    });
}

#[test]
fn powers() {
    on_both("powers", |ta, rng| {
        for case in 0..60 {
            let (base, n) = (random(rng, 512), (random_positive(rng, 512) << 1) + 3);
            let exponent = if case % 6 == 0 { big(case / 6) } else { random_positive(rng, 256) };
            let expected = base.modpow(&exponent, &n);
            for context in [0, 1] {
                ta.expect(call(EXP_MOD, &[&base, &exponent, &n]).a(context), &expected);
            }
        }
        // Fermat's little theorem, on a Mersenne prime.
        let p = two_to(4253) - 1;
        assert_eq!(ta.number(&call(EXP_MOD, &[&big(3), &(&p - 1), &p])), big(1));
        // Not of even numbers, unless they are too small.
        let even = ta.call(&call(EXP_MOD, &[&big(3), &big(5), &big(8)]));
        assert_eq!((even.returned, even.results), (gp::ERROR_NOT_SUPPORTED, vec![big(0)]));
    });
}

#[test]
fn divisors() {
    on_both("divisors", |ta, rng| {
        let common = random_positive(rng, 256) + 1;
        let with_common = (0..30).map(|_| (random(rng, 256) * &common, random(rng, 256) * &common)).collect();
        let long = vec![(random(rng, 4096), random(rng, 4096))];
        for (a, b) in [pairs_of(rng, 512), long, with_common].concat() {
            let gcd = a.gcd(&b);
            let relatively_prime = ta.returned(&call(RELATIVE_PRIME, &[&a, &b])) != 0;
            assert_eq!(relatively_prime, gcd == big(1), "{a} {b}");

            let answer = ta.call(&call(EXTENDED_GCD, &[&a, &b]));
            let [found, u, v] = &answer.results[..] else { panic!("{answer:?}") };
            assert_eq!(*found, gcd, "{a} {b}");
            assert_eq!(u * &a + v * &b, gcd, "{a} {b}");
            if gcd != big(0) {
                let limit = |n: &BigInt| (n / &gcd).magnitude().clone().max(1_u32.into());
                assert!(*u.magnitude() <= limit(&b) && *v.magnitude() <= limit(&a), "{a} {b}: {u} {v}");
            }
            for (null, expected) in [(2, vec![found, v]), (4, vec![found, u]), (6, vec![found])] {
                let some = ta.call(&Call { null, over: 1, ..call(EXTENDED_GCD, &[&a, &b]) });
                assert_eq!(some.results.iter().collect::<Vec<_>>(), expected, "{a} {b}");
            }
        }
    });
}

#[test]
fn primes() {
    on_both("primes", |ta, _| {
        let p256 = two_to(256) - two_to(224) + two_to(192) + two_to(96) - 1;
        let primes =
            [two_to(31) - 1, two_to(127) - 1, two_to(255) - 19, p256, two_to(521) - 1, two_to(1279) - 1];
        for prime in [2, 3, 5, 7, 65537].map(big).iter().chain(&primes) {
            assert_eq!(ta.returned(&call(IS_PRIME, &[prime]).a(80)), 1, "{prime}");
            assert_eq!(ta.returned(&call(IS_PRIME, &[&(prime * &primes[1])]).a(80)), 0, "{prime}");
        }
        for level in [0, 1, 256, u32::MAX] {
            assert_eq!(ta.returned(&call(IS_PRIME, &[&primes[2]]).a(level)), 1, "{level}");
            assert_eq!(ta.returned(&call(IS_PRIME, &[&(&primes[2] * &primes[3])]).a(level)), 0, "{level}");
        }
        // The absolute value counts.
        assert_eq!(ta.returned(&call(IS_PRIME, &[&-&primes[0]])), 1);
        // Carmichael numbers, and numbers that pass for many small bases.
        let composite = [0, 1, -1, 4, -8, 561, 1729, 8911, 3_215_031_751, 3_825_123_056_546_413_051];
        for number in composite.map(big) {
            assert_eq!(ta.returned(&call(IS_PRIME, &[&number])), 0, "{number}");
        }
    });
}

#[test]
fn fast_multiplication_gives_the_same_products() {
    on_both("fmm", |ta, rng| {
        for (a, b) in pairs(rng).into_iter().step_by(4) {
            // Even moduli too.
            let n = random_positive(rng, 4096) + 2;
            let expected = (&a * &b).mod_floor(&n);
            for with_result in [0, 1] {
                assert_eq!(ta.number(&call(FMM, &[&a, &b, &n]).a(with_result)), expected, "{a} {b} {n}");
            }
        }
        for n in [2, 3, 4, 65537, i64::MAX, 1 << 62].map(big) {
            for (base, exponent) in [(3, 0), (3, 1), (-3, 3), (i64::MAX, u32::MAX)] {
                let expected = big(base).modpow(&exponent.into(), &n);
                assert_eq!(
                    ta.number(&call(FMM_POWER, &[&big(base), &n]).a(exponent)),
                    expected,
                    "{base} {n}"
                );
            }
        }
    });
}

#[test]
fn sizes_are_those_of_big_integers() {
    on_both("sizes", |ta, _| {
        for (bits, words) in [(0, 2), (1, 3), (32, 3), (33, 4), (2048, 66), (u32::MAX, (1 << 27) + 2)] {
            let answer = ta.call(&call(SIZES, &[]).a(bits));
            assert_eq!((answer.returned, answer.b), (words, words));
        }
        assert_eq!(ta.returned(&call(LIMIT, &[])), 2048);
    });
}

#[test]
fn what_has_no_result_or_no_room_ends_the_ta() {
    let [zero, one, two, five, six] = [0, 1, 2, 5, 6].map(big);
    let (full, negative) = (two_to(64) - 1, -big(5));
    let overflows = [
        call(ADD, &[&full, &one]),
        call(SUB, &[&-&full, &one]),
        call(NEG, &[&two_to(64)]),
        call(MUL, &[&two_to(32), &two_to(32)]),
        call(SQUARE, &[&two_to(32)]),
        call(SHIFT_RIGHT, &[&two_to(65)]).a(1),
        call(DIV, &[&two_to(65), &one]),
        call(DIV, &[&two_to(65), &two_to(66)]),
        call(MOD, &[&two_to(65), &two_to(66)]),
        call(EXTENDED_GCD, &[&two_to(65), &two_to(65)]),
        Call { null: 6, ..call(EXTENDED_GCD, &[&two_to(65), &two_to(65)]) },
        call(FMM, &[&two_to(65), &one, &two_to(66)]),
    ];
    let mut wrong: Vec<Call> = overflows.into_iter().map(|call| call.room(64)).collect();
    wrong.push(call(FROM_S32, &[]).a(1).room(0));
    wrong.push(call(MUL, &[&two_to(8200), &two_to(8200)]));
    wrong.push(call(DIV, &[&one, &zero]));
    wrong.push(Call { null: 1, ..call(EXTENDED_GCD, &[&five, &six]) });
    for n in [&one, &zero, &negative] {
        wrong.extend([MOD, SQUARE_MOD, INV_MOD].map(|function| call(function, &[&five, n])));
        wrong.extend(
            [ADD_MOD, SUB_MOD, MUL_MOD, EXP_MOD, FMM].map(|function| call(function, &[&five, &six, n])),
        );
    }
    wrong.extend([&zero, &two, &six].map(|op| call(INV_MOD, &[op, &six])));
    wrong.push(call(EXP_MOD, &[&five, &one, &two]));
    wrong.push(call(EXP_MOD, &[&five, &negative, &five]));

    let tee = soft_tee("panics");
    for call in &wrong {
        let ta = Ta::open(&tee, CHECK);
        assert_eq!(ta.try_call(call), Err(Failure::tee(gp::ERROR_TARGET_DEAD)), "{call:?}");
        ta.close();
    }
    for (uuid, which) in [CHECK, CHECK_GP11].iter().flat_map(|uuid| (0..WRONG_CALLS).map(move |n| (uuid, n)))
    {
        let ta = Ta::open(&tee, *uuid);
        let ended = invoke_value(&ta.session, WRONG, which, 0);
        assert_eq!(ended, Err(Failure::tee(gp::ERROR_TARGET_DEAD)), "wrong call {which} of {uuid}");
        ta.close();
    }
    let ta = Ta::open(&tee, CHECK);
    let unknown = invoke_value(&ta.session, WRONG, WRONG_CALLS, 0);
    assert_eq!(unknown, Err(Failure::trusted_app(gp::ERROR_BAD_PARAMETERS)), "the count is not the TA's");
    ta.close();
}

#[test]
fn what_just_fits_does() {
    on_both("fits", |ta, _| {
        let full = two_to(64) - 1;
        assert_eq!(ta.number(&call(ADD, &[&full, &big(0)]).room(64)), full);
        assert_eq!(ta.number(&call(SUB, &[&-&full, &big(0)]).room(64)), -&full);
        assert_eq!(ta.number(&call(MUL, &[&two_to(31), &two_to(32)]).room(64)), two_to(63));
        assert_eq!(ta.number(&call(FROM_S32, &[]).a(0).room(0)), big(0));
        let half = two_to(MAX_BITS / 2);
        assert_eq!(ta.number(&call(MUL, &[&half, &(&half - 1)])), &half * (&half - 1));
        // A result that is not asked for needs no room.
        let remainder = Call { null: 1, ..call(DIV, &[&two_to(99), &big(7)]).room(32) };
        assert_eq!(ta.call(&remainder).results, [two_to(99) % 7]);
    });
}
