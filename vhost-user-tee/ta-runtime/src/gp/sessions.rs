// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Calls to other TAs (API 1.3.1, section 4.9).
//!
//! As in OP-TEE, what goes wrong before the other TA is reached ends a TA that invokes a command, but for want of
//! memory and the death of the other. Two results are given back beside these, which OP-TEE does not know: a call
//! that was cancelled while it waited (`TEE_ERROR_CANCEL`), and one that would wait for itself (`TEE_ERROR_BUSY`).

use std::array;

use ta_protocol::message::{param_type, Param, NUM_PARAMS};
use tee::gp::{
    ERROR_BAD_PARAMETERS, ERROR_BUSY, ERROR_CANCEL, ERROR_OUT_OF_MEMORY, ERROR_TARGET_DEAD, SUCCESS,
};
use tee::{Failure, Origin};
use uuid::Uuid;

use super::panic::panic;
use super::pointers::{bytes, bytes_mut, items, load, store};
use super::uuid::TeeUuid;
use super::{cancellation, system_calls};
use crate::services::session::{self, Lent, Place, Terms};
use crate::sys::library::{TeeParam, TeeParams};

/// `TEE_TIMEOUT_INFINITE`.
pub(super) const TIMEOUT_INFINITE: u32 = u32::MAX;

/// Where a buffer begins that is lent: as well aligned as one that `TEE_Malloc` gives.
const LENT_ALIGN: u64 = 16;

/// Opens a session with the TA `destination`; `*session` is `TEE_HANDLE_NULL` where it fails.
///
/// # Safety
/// `destination` can be read; `params`, where `types` has any, can be read and written, four of them, as can the
/// buffers; `*session` and, unless it is null, `*origin` can be written.
#[no_mangle]
pub(super) unsafe extern "C" fn TEE_OpenTASession(
    destination: *const TeeUuid,
    timeout: u32,
    types: u32,
    params: *mut TeeParam,
    session: *mut usize,
    origin: *mut u32,
) -> u32 {
    // SAFETY: the caller's word.
    unsafe { open(destination, timeout, types, params, Form::Current, session, origin) }
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`TEE_OpenTASession`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_OpenTASession(
    destination: *const TeeUuid,
    timeout: u32,
    types: u32,
    params: *mut TeeParam,
    session: *mut usize,
    origin: *mut u32,
) -> u32 {
    // SAFETY: the caller's word.
    unsafe { open(destination, timeout, types, params, Form::Gp11, session, origin) }
}

/// Closes a session; of `TEE_HANDLE_NULL`, does nothing. One that there is not ends the TA.
#[no_mangle]
extern "C" fn TEE_CloseTASession(session: usize) {
    if session == 0 {
        return;
    }
    let number = number(session);
    system_calls::session_closed(number);
    if let Err(ret) = session::close(number) {
        panic(ret);
    }
}

/// Calls `command` of a session.
///
/// # Safety
/// As [`TEE_OpenTASession`].
#[no_mangle]
pub(super) unsafe extern "C" fn TEE_InvokeTACommand(
    session: usize,
    timeout: u32,
    command: u32,
    types: u32,
    params: *mut TeeParam,
    origin: *mut u32,
) -> u32 {
    // SAFETY: the caller's word.
    unsafe { invoke(session, timeout, command, types, params, Form::Current, origin) }
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`TEE_OpenTASession`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_InvokeTACommand(
    session: usize,
    timeout: u32,
    command: u32,
    types: u32,
    params: *mut TeeParam,
    origin: *mut u32,
) -> u32 {
    // SAFETY: the caller's word.
    unsafe { invoke(session, timeout, command, types, params, Form::Gp11, origin) }
}

/// A session's handle is the daemon's number of it; one beyond 32 bits is of none.
fn number(session: usize) -> u32 {
    u32::try_from(session).unwrap_or(0)
}

/// # Safety
/// As [`TEE_OpenTASession`].
unsafe fn open(
    destination: *const TeeUuid,
    timeout: u32,
    types: u32,
    params: *mut TeeParam,
    form: Form,
    session: *mut usize,
    origin: *mut u32,
) -> u32 {
    // SAFETY: the caller's word (so below).
    let (destination, params_in) = unsafe {
        store(session, 0);
        (Uuid::from(load(destination)), load_params(types, params, form))
    };
    // SAFETY: the buffers are good by the caller's word.
    let result = unsafe {
        with_params(types, params_in, form, params, |types, params| {
            session::open(destination, terms(timeout), types, params)
        })
    };
    if let Ok(number) = result {
        system_calls::session_opened(destination, number);
        // SAFETY: the caller's word.
        unsafe { store(session, number as usize) };
    }
    // SAFETY: the caller's word.
    unsafe { give_origin(origin, result) };
    result.map_or_else(|failure| failure.ret, |_| SUCCESS)
}

/// # Safety
/// As [`TEE_OpenTASession`].
unsafe fn invoke(
    session: usize,
    timeout: u32,
    command: u32,
    types: u32,
    params: *mut TeeParam,
    form: Form,
    origin: *mut u32,
) -> u32 {
    let number = number(session);
    // SAFETY: the caller's word.
    let mut params_in = unsafe { load_params(types, params, form) };
    let result = match system_calls::invoke(number, command, types, &mut params_in) {
        Some(ret) => {
            // SAFETY: the caller's word.
            unsafe { store_values(types, &params_in, params) };
            if ret == SUCCESS {
                Ok(0)
            } else {
                Err(Failure::trusted_app(ret))
            }
        }
        // SAFETY: the buffers are good by the caller's word.
        None => unsafe {
            with_params(types, params_in, form, params, |types, params| {
                session::invoke(number, terms(timeout), command, types, params)
            })
        },
    };
    // SAFETY: the caller's word.
    unsafe { give_origin(origin, result) };
    match result {
        Ok(_) => SUCCESS,
        Err(Failure { ret, origin: Origin::TrustedApp }) => ret,
        Err(Failure { ret: ret @ (ERROR_OUT_OF_MEMORY | ERROR_TARGET_DEAD), .. }) => ret,
        Err(Failure { ret: ret @ (ERROR_CANCEL | ERROR_BUSY), .. }) => ret,
        Err(Failure { ret, .. }) => panic(ret),
    }
}

fn terms(timeout: u32) -> Terms {
    Terms { timeout, cancellable: !cancellation::is_masked() }
}

/// # Safety
/// `*origin` can be written, or is null.
unsafe fn give_origin(origin: *mut u32, result: Result<u32, Failure>) {
    if !origin.is_null() {
        let by = result.map_or_else(|failure| failure.origin, |_| Origin::TrustedApp);
        // SAFETY: the caller's word.
        unsafe { store(origin, by as u32) };
    }
}

/// Which `TEE_Param` it is. Both have one layout but for a memref's size, of which API 1.1 has 32 bits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Current,
    Gp11,
}

/// What a parameter's type says of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// None, or a type that there is not: nothing goes either way, as in OP-TEE.
    None,
    Value {
        output: bool,
    },
    MemRef {
        input: bool,
        output: bool,
    },
}

fn kind(types: u32, index: usize) -> Kind {
    match param_type::get(types, index) {
        param_type::VALUE_INPUT => Kind::Value { output: false },
        param_type::VALUE_OUTPUT | param_type::VALUE_INOUT => Kind::Value { output: true },
        param_type::MEMREF_INPUT => Kind::MemRef { input: true, output: false },
        param_type::MEMREF_OUTPUT => Kind::MemRef { input: false, output: true },
        param_type::MEMREF_INOUT => Kind::MemRef { input: true, output: true },
        _ => Kind::None,
    }
}

/// The TA's parameters, a copy; empty ones where it passes none.
///
/// # Safety
/// Where `types` is not 0, four can be read at `params`.
unsafe fn load_params(types: u32, params: *const TeeParam, form: Form) -> TeeParams {
    if types == 0 {
        return TeeParams::default();
    }
    // SAFETY: the caller's word.
    let params = unsafe { items(params, NUM_PARAMS) };
    array::from_fn(|index| match (kind(types, index), form) {
        // The upper half is padding there.
        (Kind::MemRef { .. }, Form::Gp11) => {
            TeeParam::memref(params[index].buffer(), params[index].size() as u32 as usize)
        }
        _ => params[index],
    })
}

/// Calls with `params`, private memory lent, and stores what comes of them at `out`.
///
/// # Safety
/// The buffers of `params` are good for what `types` say of them, and `out` as in [`TEE_OpenTASession`].
unsafe fn with_params(
    types: u32,
    params: TeeParams,
    form: Form,
    out: *mut TeeParam,
    call: impl FnOnce(u32, &[Param; NUM_PARAMS]) -> session::Called,
) -> Result<u32, Failure> {
    let (passed, lending) = lay_out(types, &params).map_err(Failure::tee)?;
    let lent = match lending.len {
        0 => None,
        len => Some(Lent::new(len).map_err(Failure::tee)?),
    };
    let passed = array::from_fn(|index| match (lending.at[index], &lent) {
        (Some(offset), Some(lent)) => {
            let (own, size) = (params[index].buffer(), params[index].size());
            if kind(types, index) != (Kind::MemRef { input: false, output: true }) {
                // SAFETY: the TA's own memory can be read (`lay_out`), what is lent is nobody else's yet.
                unsafe { copy(own, lent.at(offset, size), size as usize) };
            }
            lent.param(offset, size)
        }
        _ => passed[index],
    });
    let called = call(types, &passed);
    let Some(results) = called.params else { return called.result };
    for (index, result) in results.iter().enumerate() {
        let (buffer, size) = (params[index].buffer(), params[index].size());
        let new = match kind(types, index) {
            Kind::Value { output: true } => TeeParam::value(result.a as u32, result.b as u32),
            Kind::MemRef { output: true, .. } => {
                if let (Some(offset), Some(lent), true) = (lending.at[index], &lent, result.size <= size) {
                    // SAFETY: the TA's own memory can be written (`lay_out`); the other TA has returned.
                    unsafe { copy(lent.at(offset, size), buffer, result.size as usize) };
                }
                let most = if form == Form::Gp11 { u64::from(u32::MAX) } else { u64::MAX };
                TeeParam::memref(buffer, result.size.min(most) as usize)
            }
            _ => continue,
        };
        // SAFETY: there are four by the caller's word: this one has a type.
        unsafe { store(out.wrapping_add(index), new) };
    }
    called.result
}

/// What is lent: where each buffer begins, and how much it is in all.
#[derive(Default)]
struct Lending {
    at: [Option<u64>; NUM_PARAMS],
    len: u64,
}

/// The parameters as the daemon takes them, but for buffers in the TA's own memory, which are to be lent.
fn lay_out(types: u32, params: &TeeParams) -> Result<([Param; NUM_PARAMS], Lending), u32> {
    let mut lending = Lending::default();
    let mut passed = [Param::default(); NUM_PARAMS];
    for (index, param) in params.iter().enumerate() {
        match kind(types, index) {
            Kind::None => {}
            Kind::Value { .. } => {
                let (a, b) = param.as_value();
                passed[index] = Param { a: a.into(), b: b.into(), size: 0 };
            }
            Kind::MemRef { output, .. } => {
                let size = param.size();
                let place = session::place(param.buffer(), size as usize, output)?;
                if place == Place::Own {
                    lending.at[index] = Some(lending.len);
                    // An empty one lies somewhere too.
                    let room = size.max(1).checked_next_multiple_of(LENT_ALIGN);
                    let len = room.and_then(|room| lending.len.checked_add(room));
                    lending.len = len.ok_or(ERROR_BAD_PARAMETERS)?;
                } else {
                    passed[index] = session::client_param(place, size);
                }
            }
        }
    }
    Ok((passed, lending))
}

/// # Safety
/// `len` bytes can be read at `from` and written at `to`; they do not overlap.
unsafe fn copy(from: usize, to: usize, len: usize) {
    let (from, to) = (std::ptr::with_exposed_provenance(from), std::ptr::with_exposed_provenance_mut(to));
    // SAFETY: the caller's word.
    unsafe { bytes_mut(to, len).copy_from_slice(bytes(from, len)) };
}

/// Stores the values among `params` that go out.
///
/// # Safety
/// Where `types` is not 0, four can be written at `out`.
unsafe fn store_values(types: u32, params: &TeeParams, out: *mut TeeParam) {
    for (index, param) in params.iter().enumerate() {
        if kind(types, index) == (Kind::Value { output: true }) {
            // SAFETY: the caller's word.
            unsafe { store(out.wrapping_add(index), *param) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_memory_is_lent_and_values_go_as_they_are() {
        let (short, long) = (vec![1_u8; 3], [2_u8; 40]);
        let types = param_type::VALUE_INOUT | param_type::MEMREF_INOUT << 4 | param_type::MEMREF_INPUT << 8;
        let memref = |bytes: &[u8]| TeeParam::memref(bytes.as_ptr().expose_provenance(), bytes.len());
        let params = [TeeParam::value(1, 2), memref(&short), memref(&long), TeeParam::value(3, 4)];
        let (passed, lending) = lay_out(types, &params).unwrap();
        assert_eq!(passed[0], Param { a: 1, b: 2, size: 0 });
        assert_eq!(passed[3], Param::default());
        assert_eq!(lending.at, [None, Some(0), Some(16), None]);
        assert_eq!(lending.len, 64);
    }

    #[test]
    fn what_is_nobodys_cannot_be_passed() {
        let types = param_type::MEMREF_INPUT;
        let refused = |param| {
            lay_out(types, &[param, TeeParam::default(), TeeParam::default(), TeeParam::default()]).err()
        };
        assert_eq!(refused(TeeParam::memref(0, 0)), None);
        assert_eq!(refused(TeeParam::memref(0, 1)), Some(ERROR_BAD_PARAMETERS));
        assert_eq!(refused(TeeParam::memref(16, 1)), Some(ERROR_BAD_PARAMETERS));
        assert_eq!(refused(TeeParam::memref(16, usize::MAX)), Some(ERROR_BAD_PARAMETERS));
    }

    #[test]
    fn api_1_1_has_sizes_of_32_bits() {
        let params = [TeeParam::memref(0x1000, (7 << 32) | 5); NUM_PARAMS];
        let types = param_type::MEMREF_INPUT | param_type::VALUE_INPUT << 4;
        // SAFETY: there are four.
        let loaded = unsafe { load_params(types, params.as_ptr(), Form::Gp11) };
        assert_eq!(loaded[0], TeeParam::memref(0x1000, 5));
        assert_eq!(loaded[1], params[1]);
        // SAFETY: none is read.
        assert_eq!(unsafe { load_params(0, std::ptr::null(), Form::Gp11) }, TeeParams::default());
    }
}
