// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The commands of the system pseudo TA that are about the TA's own address space, which only its own process can
//! change: a session with it is the daemon's, these commands are carried out here. And OP-TEE's functions for what that
//! pseudo TA offers.

use std::collections::HashSet;
use std::ffi::c_void;
use std::sync::Mutex;

use ta_protocol::message::param_type::{NONE, VALUE_INOUT, VALUE_INPUT};
use tee::gp::{ERROR_BAD_PARAMETERS, ERROR_NOT_SUPPORTED, SUCCESS};
use uuid::{uuid, Uuid};

use super::handles::lock;
use crate::services::own_memory;
use crate::sys::library::{TeeParam, TeeParams};

/// The system pseudo TA.
const SYSTEM: Uuid = uuid!("3a2f8978-5dc0-11e8-9c2d-fa7ae01bbebc");

/// `PTA_SYSTEM_MAP_ZI`: maps zeroed memory.
const MAP_ZI: u32 = 2;
/// `PTA_SYSTEM_UNMAP`: unmaps it.
const UNMAP: u32 = 3;

/// `PTA_SYSTEM_MAP_FLAG_SHAREABLE`. Memory is lent to other TAs by copying, whatever it is, so this makes no difference.
const MAP_FLAG_SHAREABLE: u32 = 1;

/// `TEE_MEMORY_ACCESS_ANY_OWNER`, which says the same to `tee_map_zi`.
const ACCESS_ANY_OWNER: u32 = 4;

/// Sessions with [`SYSTEM`].
static SESSIONS: Mutex<Option<HashSet<u32>>> = Mutex::new(None);

/// A session was opened.
pub(super) fn session_opened(destination: Uuid, session: u32) {
    if destination == SYSTEM {
        lock(&SESSIONS).get_or_insert_default().insert(session);
    }
}

/// A session is about to be closed.
pub(super) fn session_closed(session: u32) {
    if let Some(sessions) = &mut *lock(&SESSIONS) {
        sessions.remove(&session);
    }
}

/// Carries a command out, if it is one of these; `params` are as they come back.
pub(super) fn invoke(session: u32, command: u32, types: u32, params: &mut TeeParams) -> Option<u32> {
    if !lock(&SESSIONS).as_ref().is_some_and(|sessions| sessions.contains(&session)) {
        return None;
    }
    let result = match command {
        MAP_ZI => map(types, params),
        UNMAP => unmap(types, params),
        _ => return None,
    };
    Some(result.map_or_else(|ret| ret, |()| SUCCESS))
}

fn expect(types: u32, expected: [u32; 4]) -> Result<(), u32> {
    let expected = expected.iter().rev().fold(0, |types, kind| types << 4 | kind);
    if types == expected {
        Ok(())
    } else {
        Err(ERROR_BAD_PARAMETERS)
    }
}

/// An address, its upper half first.
fn address(param: TeeParam) -> usize {
    let (high, low) = param.as_value();
    (u64::from(high) << 32 | u64::from(low)) as usize
}

fn map(types: u32, params: &mut TeeParams) -> Result<(), u32> {
    expect(types, [VALUE_INPUT, VALUE_INOUT, VALUE_INPUT, NONE])?;
    let ((len, flags), (pad_before, pad_after)) = (params[0].as_value(), params[2].as_value());
    if flags & !MAP_FLAG_SHAREABLE != 0 {
        return Err(ERROR_BAD_PARAMETERS);
    }
    let at = address(params[1]);
    let at = own_memory::map(at, len as usize, pad_before as usize, pad_after as usize)? as u64;
    params[1] = TeeParam::value((at >> 32) as u32, at as u32);
    Ok(())
}

fn unmap(types: u32, params: &TeeParams) -> Result<(), u32> {
    expect(types, [VALUE_INPUT, VALUE_INPUT, NONE, NONE])?;
    match params[0].as_value() {
        (len, 0) => own_memory::unmap(address(params[1]), len as usize),
        _ => Err(ERROR_BAD_PARAMETERS),
    }
}

/// Maps `len` bytes of zeros; null where that fails.
#[no_mangle]
extern "C" fn tee_map_zi(len: usize, flags: u32) -> *mut c_void {
    if flags & !ACCESS_ANY_OWNER != 0 {
        return std::ptr::null_mut();
    }
    own_memory::map(0, len, 0, 0).map_or(std::ptr::null_mut(), std::ptr::with_exposed_provenance_mut)
}

/// Unmaps what `tee_map_zi` has mapped.
#[no_mangle]
extern "C" fn tee_unmap(buffer: *mut c_void, len: usize) -> u32 {
    own_memory::unmap(buffer.expose_provenance(), len).map_or_else(|ret| ret, |()| SUCCESS)
}

/// Calls a plug-in of the supplicant's: there is none, as no guest has a supplicant for this TEE.
#[no_mangle]
extern "C" fn tee_invoke_supp_plugin(
    _uuid: *const c_void,
    _command: u32,
    _sub_command: u32,
    _buffer: *mut c_void,
    _len: usize,
    _out_len: *mut usize,
) -> u32 {
    ERROR_NOT_SUPPORTED
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(a: u32, b: u32) -> TeeParam {
        TeeParam::value(a, b)
    }

    #[test]
    fn memory_is_mapped_and_unmapped_in_a_session_with_the_system() {
        let none = TeeParam::default();
        let mut params = [value(5000, 0), value(0, 0), value(0, 0), none];
        let types = VALUE_INPUT | VALUE_INOUT << 4 | VALUE_INPUT << 8;
        assert_eq!(invoke(70, MAP_ZI, types, &mut params), None);
        session_opened(SYSTEM, 70);
        session_opened(Uuid::nil(), 71);
        assert_eq!(invoke(71, MAP_ZI, types, &mut params), None);
        assert_eq!(invoke(70, 1, types, &mut params), None);
        assert_eq!(invoke(70, MAP_ZI, types, &mut params), Some(SUCCESS));
        let at = params[1];
        assert_ne!(address(at), 0);
        let types = VALUE_INPUT | VALUE_INPUT << 4;
        let unmap = |params: [TeeParam; 2]| invoke(70, UNMAP, types, &mut [params[0], params[1], none, none]);
        assert_eq!(unmap([value(5000, 1), at]), Some(ERROR_BAD_PARAMETERS));
        assert_eq!(unmap([value(5000, 0), at]), Some(SUCCESS));
        assert_eq!(unmap([value(5000, 0), at]), Some(ERROR_BAD_PARAMETERS));
        assert_eq!(invoke(70, UNMAP, 0, &mut params), Some(ERROR_BAD_PARAMETERS));
        session_closed(70);
        assert_eq!(invoke(70, UNMAP, 0, &mut params), None);
    }

    #[test]
    fn flags_that_there_are_not_are_refused() {
        let mut params = [value(1, 2), value(0, 0), value(0, 0), TeeParam::default()];
        let types = VALUE_INPUT | VALUE_INOUT << 4 | VALUE_INPUT << 8;
        assert_eq!(map(types, &mut params), Err(ERROR_BAD_PARAMETERS));
        assert!(tee_map_zi(1, 1).is_null());
        let mapped = tee_map_zi(1, ACCESS_ANY_OWNER);
        assert!(!mapped.is_null());
        assert_eq!(tee_unmap(mapped, 1), SUCCESS);
    }
}
