// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Keys of an operation (API 1.3.1, sections 6.2.6 and 6.2.7).

use tee::gp::{ERROR_BAD_PARAMETERS, ERROR_BAD_STATE, ERROR_SECURITY, SUCCESS};

use super::handles::lock;
use super::object::{copy_for, Key, Object};
use super::objects::object;
use super::operations::{operation, Operation, State, Work};
use super::panic::panic;

/// Errors are codes to end the TA with.
impl Operation {
    fn key(&self, object: &Object) -> Result<Key, u32> {
        let required = self.algorithm.required_usage(self.mode).unwrap_or(0);
        let key = object.key().ok_or(ERROR_BAD_STATE)?;
        let kind = self.algorithm.key_type(self.mode).ok_or(ERROR_BAD_PARAMETERS)?;
        // Of a pair an operation that needs no more has the public half.
        let copy = [Some(kind), self.algorithm.other_key_type()]
            .into_iter()
            .flatten()
            .find_map(|kind| copy_for(kind, object.kind(), key))
            .ok_or(ERROR_BAD_PARAMETERS)?;
        // Each of two keys is held to what is the sum of both, as in OP-TEE.
        if object.usage() & required != required || key.size > self.max_key_size {
            return Err(ERROR_BAD_PARAMETERS);
        }
        Ok(copy)
    }

    /// Sets as many keys as the algorithm has, or clears them where all are none.
    fn set_keys(&mut self, objects: &[Option<Object>]) -> Result<(), u32> {
        if objects.len() != self.algorithm.keys() {
            return Err(ERROR_BAD_PARAMETERS);
        }
        let keys = objects.iter().flatten().map(|object| self.key(object)).collect::<Result<Vec<_>, _>>()?;
        if !keys.is_empty() && keys.len() != objects.len() {
            return Err(ERROR_BAD_PARAMETERS);
        }
        // As in OP-TEE both keys are of one size.
        if keys.windows(2).any(|pair| pair[0].size != pair[1].size) {
            return Err(ERROR_BAD_PARAMETERS);
        }
        self.keys = keys;
        self.begin_anew()
    }

    /// API 1.3 wants it not begun.
    fn check_not_begun(&self) -> Result<(), u32> {
        match self.work {
            Work::None => Ok(()),
            _ => Err(ERROR_BAD_STATE),
        }
    }

    /// API 1.1 wants that it has taken in nothing.
    fn check_initial(&self) -> Result<(), u32> {
        match self.state {
            State::Initial => Ok(()),
            _ => Err(ERROR_BAD_STATE),
        }
    }
}

fn set(handle: usize, keys: &[usize], check: fn(&Operation) -> Result<(), u32>) -> u32 {
    let operation = operation(handle);
    let mut operation = lock(&operation);
    let copy = |key: &usize| (*key != 0).then(|| lock(&object(*key)).clone());
    let objects: Vec<_> = keys.iter().map(copy).collect();
    check(&operation).and_then(|()| operation.set_keys(&objects)).unwrap_or_else(|code| panic(code));
    SUCCESS
}

/// Gives an operation a copy of a key; of no handle, takes its key from it. What the key may be used for, its type
/// and its size have to be right.
#[no_mangle]
extern "C" fn TEE_SetOperationKey(handle: usize, key: usize) -> u32 {
    set(handle, &[key], Operation::check_not_begun)
}

/// As API 1.1 had it: also of an operation that is begun, but has taken in nothing.
#[no_mangle]
extern "C" fn __GP11_TEE_SetOperationKey(handle: usize, key: usize) -> u32 {
    set(handle, &[key], Operation::check_initial)
}

/// Gives an operation of two keys copies of them; of no handles, takes its keys from it. `TEE_ERROR_SECURITY` where
/// both are one object. (As in OP-TEE they may be two objects of one value.)
#[no_mangle]
extern "C" fn TEE_SetOperationKey2(handle: usize, key1: usize, key2: usize) -> u32 {
    if key1 != 0 && key1 == key2 {
        operation(handle);
        return ERROR_SECURITY;
    }
    __GP11_TEE_SetOperationKey2(handle, key1, key2)
}

/// As API 1.1 had it: both may be one object.
#[no_mangle]
extern "C" fn __GP11_TEE_SetOperationKey2(handle: usize, key1: usize, key2: usize) -> u32 {
    // OP-TEE checks no more in API 1.3 either.
    set(handle, &[key1, key2], Operation::check_initial)
}
