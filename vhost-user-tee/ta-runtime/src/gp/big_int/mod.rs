// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Big integers (API 1.3.1, chapter 8).
//!
//! A `TEE_BigInt` lies in the TA's memory, and only the TA knows where it ends: `TEE_BigIntInit` is told, and
//! writes it down. The layout is OP-TEE's, so `TEE_BigIntSizeInU32` of its header and of ours promise the same room:
//!
//! ```text
//!   word 0         sign, 1 or -1
//!   word 1         capacity (low half), length in use (high half), in words
//!   word 2 …       absolute value, least significant word first, each in the machine's byte order
//! ```
//!
//! | section | functions | here |
//! | --- | --- | --- |
//! | 8.4, 8.5 | sizes, initialization | [`init`] |
//! | 8.6 | conversion | [`convert`] |
//! | 8.7 | logic | [`logic`] |
//! | 8.8 | basic arithmetic | [`arithmetic`] |
//! | 8.9 | modular arithmetic | [`modular`] |
//! | 8.10 | divisors and primes | [`divisors`] |
//! | 8.11 | fast modular multiplication | [`fmm`] |
//!
//! [`layout`] reads operands into numbers of [`services::big_int`](crate::services::big_int) and writes results
//! from them. Every operand is read before the first result is written, so results may be written over operands.
//!
//! Where a result has no room and the function has no way to say so, where there is no result (division by zero, no
//! inverse, a modulus below two), and where a big integer was never initialized, the TA panics, with OP-TEE's code
//! [`PANIC`]. Null pointers end it with `TEE_ERROR_BAD_PARAMETERS`, as everywhere.

mod arithmetic;
mod convert;
mod divisors;
mod fmm;
mod init;
mod layout;
mod logic;
mod modular;

use tee::gp::ERROR_OUT_OF_MEMORY;

use super::panic::panic;
use crate::services::big_int::Error;

/// What OP-TEE ends a TA with for what it does wrong with big integers.
const PANIC: u32 = 0x00B1_6127;

/// A `TEE_BigInt`, a `TEE_BigIntFMM` or a `TEE_BigIntFMMContext`: what a TA points to.
type Word = u32;

/// What was computed, or the end of the TA.
fn computed<T>(result: Result<T, Error>) -> T {
    result.unwrap_or_else(|error| {
        panic(match error {
            Error::Undefined => PANIC,
            Error::NoMemory => ERROR_OUT_OF_MEMORY,
        })
    })
}
