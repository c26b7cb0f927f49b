// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The big integer TA (`integration/tas/big-int-check/include/big_int_check_ta.h`), one function of the API at a
//! time.

use std::os::unix::fs::FileExt;
use std::sync::Arc;

use num_bigint::{BigInt, Sign};
use soft_tee::SoftTee;
use tee::{gp, Access, CancelToken, Failure, Lifetime, Memory, Param, Session};
use uuid::{uuid, Uuid};

use super::common::*;

pub(crate) const CHECK: Uuid = uuid!("9b599c35-f532-459a-bd17-a3ddf197f608");
/// Built for API 1.1.
pub(crate) const CHECK_GP11: Uuid = uuid!("2df5134b-0c43-4b85-b6df-912dbcc40781");

pub(crate) const FROM_OCTETS: u32 = 0;
pub(crate) const TO_OCTETS: u32 = 1;
pub(crate) const FROM_S32: u32 = 2;
pub(crate) const TO_S32: u32 = 3;
pub(crate) const CMP: u32 = 4;
pub(crate) const CMP_S32: u32 = 5;
pub(crate) const SHIFT_RIGHT: u32 = 6;
pub(crate) const GET_BIT: u32 = 7;
pub(crate) const GET_BIT_COUNT: u32 = 8;
pub(crate) const SET_BIT: u32 = 9;
pub(crate) const ASSIGN: u32 = 10;
pub(crate) const ABS: u32 = 11;
pub(crate) const ADD: u32 = 12;
pub(crate) const SUB: u32 = 13;
pub(crate) const NEG: u32 = 14;
pub(crate) const MUL: u32 = 15;
pub(crate) const SQUARE: u32 = 16;
pub(crate) const DIV: u32 = 17;
pub(crate) const MOD: u32 = 18;
pub(crate) const ADD_MOD: u32 = 19;
pub(crate) const SUB_MOD: u32 = 20;
pub(crate) const MUL_MOD: u32 = 21;
pub(crate) const SQUARE_MOD: u32 = 22;
pub(crate) const INV_MOD: u32 = 23;
pub(crate) const EXP_MOD: u32 = 24;
pub(crate) const RELATIVE_PRIME: u32 = 25;
pub(crate) const EXTENDED_GCD: u32 = 26;
pub(crate) const IS_PRIME: u32 = 27;
pub(crate) const FMM: u32 = 28;
pub(crate) const FMM_POWER: u32 = 29;
pub(crate) const SIZES: u32 = 30;
pub(crate) const LIMIT: u32 = 31;
pub(crate) const WRONG: u32 = 32;
pub(crate) const WRONG_CALLS: u64 = 17;

/// TEE_ERROR_OVERFLOW.
pub(crate) const OVERFLOW: u32 = 0xFFFF_300F;
/// To be added to a bit: set it.
pub(crate) const SET: u32 = 1 << 31;
/// Bits of the largest big integer.
pub(crate) const MAX_BITS: u32 = 510 * 32;

/// A call of a function of the API: `big_int_check_ta.h` says what its parts are.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) function: u32,
    pub(crate) a: u32,
    pub(crate) operands: Vec<BigInt>,
    pub(crate) capacity: u32,
    pub(crate) over: u32,
    pub(crate) null: u32,
    pub(crate) same: bool,
}

/// With room for every result, over no operand.
pub(crate) fn call(function: u32, operands: &[&BigInt]) -> Call {
    let operands = operands.iter().copied().cloned().collect();
    Call { function, a: 0, operands, capacity: MAX_BITS, over: 0, null: 0, same: false }
}

impl Call {
    pub(crate) fn a(self, a: u32) -> Self {
        Self { a, ..self }
    }

    /// Bits that the results have room for.
    pub(crate) fn room(self, capacity: u32) -> Self {
        Self { capacity, ..self }
    }
}

/// What came of it.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) returned: u32,
    pub(crate) b: u32,
    pub(crate) results: Vec<BigInt>,
}

/// A session with one of the two TAs.
pub(crate) struct Ta {
    pub(crate) session: Arc<dyn Session>,
    ram: Ram,
    memory: Arc<Memory>,
}

pub(crate) const RESULTS_AT: u64 = 4 * PAGE;
pub(crate) const RESULTS_ROOM: u64 = 4 * PAGE;

impl Ta {
    pub(crate) fn open(tee: &SoftTee, uuid: Uuid) -> Self {
        let ram = Ram::new(8);
        let memory = ram.memory(Lifetime::Registered, &[(0, 8)]);
        Self { session: open(&context(tee), uuid).unwrap(), ram, memory }
    }

    pub(crate) fn close(self) {
        self.session.close(&CancelToken::new());
    }

    /// Calls with operands as they are; returns what came, results as they are.
    pub(crate) fn raw(&self, call: &Call, operands: &[u8]) -> Result<(u32, u32, Vec<u8>), Failure> {
        self.ram.file.write_all_at(operands, 0).unwrap();
        let b = call.capacity | call.over << 16 | call.null << 20 | u32::from(call.same) << 24;
        let mut params = [
            value(Access::InOut, call.a.into(), b.into()),
            memref(Access::Input, &self.memory, 0, operands.len() as u64),
            memref(Access::Output, &self.memory, RESULTS_AT, RESULTS_ROOM),
        ];
        invoke(&self.session, call.function, &mut params)?;
        let (returned, b) = values(&params[0]);
        let Param::MemRef { size, .. } = params[2] else { panic!("no memref") };
        let mut results = vec![0; size as usize];
        self.ram.file.read_exact_at(&mut results, RESULTS_AT).unwrap();
        Ok((returned as u32, b as u32, results))
    }

    pub(crate) fn try_call(&self, call: &Call) -> Result<Answer, Failure> {
        let mut operands = Vec::new();
        for operand in &call.operands {
            let (sign, bytes) = operand.to_bytes_be();
            let bytes = if sign == Sign::NoSign { Vec::new() } else { bytes };
            operands.extend(encode(sign == Sign::Minus, &bytes));
        }
        let (returned, b, results) = self.raw(call, &operands)?;
        Ok(Answer { returned, b, results: decode(&results) })
    }

    pub(crate) fn call(&self, call: &Call) -> Answer {
        self.try_call(call).unwrap_or_else(|failure| panic!("{call:?}: {failure:?}"))
    }

    /// What the function returns that has no other result.
    pub(crate) fn returned(&self, call: &Call) -> u32 {
        self.call(call).returned
    }

    /// The only result; the function, if it returns something, returns success.
    pub(crate) fn number(&self, call: &Call) -> BigInt {
        let answer = self.call(call);
        assert_eq!(answer.returned, gp::SUCCESS, "{call:?}");
        assert_eq!(answer.results.len(), 1, "{call:?}");
        answer.results[0].clone()
    }

    /// Expects a result, also where it is written over any of the operands.
    pub(crate) fn expect(&self, call: Call, expected: &BigInt) {
        for over in 0..=call.operands.len() as u32 {
            let call = Call { over, ..call.clone() };
            assert_eq!(self.number(&call), *expected, "{call:?}");
        }
    }
}

pub(crate) fn encode(negative: bool, bytes: &[u8]) -> Vec<u8> {
    [&u32::from(negative).to_ne_bytes()[..], &(bytes.len() as u32).to_ne_bytes(), bytes].concat()
}

pub(crate) fn decode(mut at: &[u8]) -> Vec<BigInt> {
    let mut numbers = Vec::new();
    while !at.is_empty() {
        let word = |from: usize| u32::from_ne_bytes(at[from..from + 4].try_into().unwrap());
        let (negative, len) = (word(0) != 0, word(4) as usize);
        numbers.push(BigInt::from_bytes_be(if negative { Sign::Minus } else { Sign::Plus }, &at[8..8 + len]));
        at = &at[8 + len..];
    }
    numbers
}
