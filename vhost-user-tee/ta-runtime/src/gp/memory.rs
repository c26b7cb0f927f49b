// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Memory (API 1.3.1, section 4.11).
//!
//! A TA's memory is its process's: `TEE_Malloc` is `malloc`, and what bounds it is the process's limit.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use tee::gp::{ERROR_ACCESS_DENIED, SUCCESS};

use super::panic::panic;
use super::pointers::{bytes, bytes_mut};
use crate::services::memory::{self, Owner};

/// `TEE_MALLOC_NO_FILL`: what is allocated need not be zeroed.
const MALLOC_NO_FILL: u32 = 1;
/// `TEE_MALLOC_NO_SHARE`: it is not shared with other TAs; here none ever is.
const MALLOC_NO_SHARE: u32 = 2;
/// Both.
const MALLOC_NO_FILL_NO_SHARE: u32 = MALLOC_NO_FILL | MALLOC_NO_SHARE;
/// `TEE_USER_MEM_HINT_NO_FILL_ZERO`, OP-TEE's own name for the first.
const USER_MEM_HINT_NO_FILL_ZERO: u32 = 0x8000_0000;

const ACCESS_READ: u32 = 1;
const ACCESS_WRITE: u32 = 2;
const ACCESS_ANY_OWNER: u32 = 4;
/// OP-TEE's: memory of the normal world only.
const ACCESS_NONSECURE: u32 = 0x1000_0000;
/// OP-TEE's: memory of the secure world only.
const ACCESS_SECURE: u32 = 0x2000_0000;

static INSTANCE_DATA: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// Allocates `size` bytes; null where there are no more, or where `hint` is unknown. As in OP-TEE it is a panic to ask
/// for memory that is not filled and may be shared. (What is not shared OP-TEE has a second heap for, which is empty unless
/// the TA defines `TA_NO_SHARE_DATA_SIZE`; here it comes from the same one.)
#[no_mangle]
extern "C" fn TEE_Malloc(size: usize, hint: u32) -> *mut c_void {
    // Of no bytes too a pointer is expected.
    let size = size.max(1);
    match hint {
        0 | MALLOC_NO_SHARE => {
            // SAFETY: any arguments are good.
            unsafe { libc::calloc(1, size) }
        }
        MALLOC_NO_FILL_NO_SHARE | USER_MEM_HINT_NO_FILL_ZERO => {
            // SAFETY: any argument is good.
            unsafe { libc::malloc(size) }
        }
        MALLOC_NO_FILL => panic(0),
        _ => ptr::null_mut(),
    }
}

/// As API 1.1 had it.
#[no_mangle]
extern "C" fn __GP11_TEE_Malloc(size: u32, hint: u32) -> *mut c_void {
    TEE_Malloc(size as usize, hint)
}

/// Makes an allocation `new_size` bytes long, perhaps elsewhere; null, and the old one is left, where
/// there are no more. Of null, it allocates, zeroed.
///
/// # Safety
/// `buffer` is null, or comes from [`TEE_Malloc`] or this, and was not freed.
#[no_mangle]
unsafe extern "C" fn TEE_Realloc(buffer: *mut c_void, new_size: usize) -> *mut c_void {
    if buffer.is_null() {
        return TEE_Malloc(new_size, 0);
    }
    // SAFETY: from `malloc` by the caller's word. A size of 0 would free it.
    unsafe { libc::realloc(buffer, new_size.max(1)) }
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`TEE_Realloc`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_Realloc(buffer: *mut c_void, new_size: u32) -> *mut c_void {
    // SAFETY: the caller's word.
    unsafe { TEE_Realloc(buffer, new_size as usize) }
}

/// Gives an allocation back; of null, does nothing.
///
/// # Safety
/// As [`TEE_Realloc`].
#[no_mangle]
unsafe extern "C" fn TEE_Free(buffer: *mut c_void) {
    // SAFETY: null, or from `malloc` by the caller's word.
    unsafe { libc::free(buffer) }
}

/// Copies; the buffers may overlap.
///
/// # Safety
/// `size` bytes can be read at `src` and written at `dest`.
#[no_mangle]
unsafe extern "C" fn TEE_MemMove(dest: *mut c_void, src: *const c_void, size: usize) {
    // The slices, which may overlap, are only made for their checks, one after the other.
    // SAFETY: the caller's word.
    let src = unsafe { bytes(src, size) }.as_ptr();
    // SAFETY: the caller's word.
    let dest = unsafe { bytes_mut(dest, size) }.as_mut_ptr();
    // SAFETY: checked as far as can be, the rest is the caller's word.
    unsafe { ptr::copy(src, dest, size) }
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`TEE_MemMove`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_MemMove(dest: *mut c_void, src: *const c_void, size: u32) {
    // SAFETY: the caller's word.
    unsafe { TEE_MemMove(dest, src, size as usize) }
}

/// Compares, in a time that tells nothing of where the buffers differ: the sign is that of the first
/// difference.
///
/// # Safety
/// `size` bytes can be read at both.
#[no_mangle]
unsafe extern "C" fn TEE_MemCompare(buffer1: *const c_void, buffer2: *const c_void, size: usize) -> i32 {
    // SAFETY: the caller's word.
    unsafe { compare(bytes(buffer1, size), bytes(buffer2, size)) }
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`TEE_MemCompare`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_MemCompare(buffer1: *const c_void, buffer2: *const c_void, size: u32) -> i32 {
    // SAFETY: the caller's word.
    unsafe { TEE_MemCompare(buffer1, buffer2, size as usize) }
}

fn compare(a: &[u8], b: &[u8]) -> i32 {
    // The last byte first, so that an earlier difference overrides a later one.
    a.iter().zip(b).rev().fold(0, |result, (a, b)| {
        let difference = i32::from(*a) - i32::from(*b);
        // All ones where the bytes are equal.
        let equal = ((difference | -difference) >> 31) + 1;
        difference | (result & -equal)
    })
}

/// Sets every byte to the low eight bits of `x`.
///
/// # Safety
/// `size` bytes can be written at `buffer`.
#[no_mangle]
unsafe extern "C" fn TEE_MemFill(buffer: *mut c_void, x: u32, size: usize) {
    // SAFETY: the caller's word.
    unsafe { bytes_mut(buffer, size) }.fill(x as u8);
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`TEE_MemFill`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_MemFill(buffer: *mut c_void, x: u32, size: u32) {
    // SAFETY: the caller's word.
    unsafe { TEE_MemFill(buffer, x, size as usize) }
}

/// Whether the TA may use a buffer: `TEE_SUCCESS`, or `TEE_ERROR_ACCESS_DENIED`. Without
/// `TEE_MEMORY_ACCESS_ANY_OWNER` it must be the TA's own. OP-TEE's flags ask whether it is certainly shared
/// with the client, or certainly not.
#[no_mangle]
extern "C" fn TEE_CheckMemoryAccessRights(flags: u32, buffer: *mut c_void, size: usize) -> u32 {
    // Nothing at all can always be used.
    if size == 0 || allows(memory::owner(buffer as usize, size), flags) {
        SUCCESS
    } else {
        ERROR_ACCESS_DENIED
    }
}

/// As API 1.1 had it.
#[no_mangle]
extern "C" fn __GP11_TEE_CheckMemoryAccessRights(flags: u32, buffer: *mut c_void, size: u32) -> u32 {
    TEE_CheckMemoryAccessRights(flags, buffer, size as usize)
}

fn allows(owner: Owner, flags: u32) -> bool {
    let asks = |flag| flags & flag != 0;
    let (access, secure) = match owner {
        Owner::Ta(access) => (access, true),
        Owner::Client(access) if asks(ACCESS_ANY_OWNER) => (access, false),
        Owner::Client(_) | Owner::Nobody => return false,
    };
    (access.read || !asks(ACCESS_READ))
        && (access.write || !asks(ACCESS_WRITE))
        && (secure || !asks(ACCESS_SECURE))
        && (!secure || !asks(ACCESS_NONSECURE))
}

/// Keeps a pointer for the instance, which its sessions have in common.
#[no_mangle]
extern "C" fn TEE_SetInstanceData(instance_data: *const c_void) {
    INSTANCE_DATA.store(instance_data.cast_mut(), Ordering::Release);
}

/// The pointer that was last set, or null.
#[no_mangle]
extern "C" fn TEE_GetInstanceData() -> *const c_void {
    INSTANCE_DATA.load(Ordering::Acquire)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::memory::Access;

    #[test]
    fn access_is_by_owner_and_kind() {
        let read_only = Access { read: true, write: false };
        let both = Access { read: true, write: true };
        for (owner, flags, allowed) in [
            (Owner::Ta(both), ACCESS_READ | ACCESS_WRITE, true),
            (Owner::Ta(read_only), ACCESS_READ, true),
            (Owner::Ta(read_only), ACCESS_READ | ACCESS_WRITE, false),
            (Owner::Ta(both), ACCESS_READ | ACCESS_ANY_OWNER, true),
            (Owner::Ta(both), ACCESS_READ | ACCESS_SECURE, true),
            (Owner::Ta(both), ACCESS_READ | ACCESS_NONSECURE, false),
            (Owner::Client(both), ACCESS_READ, false),
            (Owner::Client(both), ACCESS_READ | ACCESS_WRITE | ACCESS_ANY_OWNER, true),
            (Owner::Client(read_only), ACCESS_WRITE | ACCESS_ANY_OWNER, false),
            (Owner::Client(both), ACCESS_READ | ACCESS_ANY_OWNER | ACCESS_SECURE, false),
            (Owner::Client(both), ACCESS_READ | ACCESS_ANY_OWNER | ACCESS_NONSECURE, true),
            (Owner::Nobody, ACCESS_ANY_OWNER, false),
        ] {
            assert_eq!(allows(owner, flags), allowed, "{owner:?} {flags:#x}");
        }
    }

    #[test]
    fn comparison_is_lexicographic() {
        for (a, b, sign) in [
            (&b""[..], &b""[..], 0),
            (b"abc", b"abc", 0),
            (b"abc", b"abd", -1),
            (b"abd", b"abc", 1),
            (b"b\x00\x00", b"a\xff\xff", 1),
            (b"\x00\xff", b"\xff\x00", -1),
        ] {
            assert_eq!(compare(a, b).signum(), sign, "{a:?} {b:?}");
        }
    }

    #[test]
    fn allocations_are_zeroed_unless_asked_not_to_be() {
        let size = 1 << 16;
        for hint in [0, MALLOC_NO_SHARE] {
            let buffer = TEE_Malloc(size, hint);
            assert!(!buffer.is_null());
            // SAFETY: just allocated, of that size.
            unsafe {
                assert!(bytes(buffer, size).iter().all(|byte| *byte == 0));
                TEE_MemFill(buffer, 0x1ff, size);
                assert!(bytes(buffer, size).iter().all(|byte| *byte == 0xff));
                TEE_Free(buffer);
            }
        }
    }

    #[test]
    fn unknown_hints_and_impossible_sizes_give_null() {
        assert!(TEE_Malloc(1, 4).is_null());
        assert!(TEE_Malloc(1, 0x8000_0001).is_null());
        assert!(TEE_Malloc(usize::MAX, 0).is_null());
    }

    #[test]
    fn no_bytes_can_be_allocated() {
        let buffer = TEE_Malloc(0, 0);
        assert!(!buffer.is_null());
        // SAFETY: from TEE_Malloc, once each.
        unsafe {
            let buffer = TEE_Realloc(buffer, 0);
            assert!(!buffer.is_null());
            TEE_Free(buffer);
            TEE_Free(ptr::null_mut());
        }
    }

    #[test]
    fn reallocation_keeps_the_content() {
        // SAFETY: the buffers are of the sizes used, and freed once.
        unsafe {
            let buffer = TEE_Realloc(ptr::null_mut(), 3);
            TEE_MemMove(buffer, b"abc".as_ptr().cast(), 3);
            let buffer = TEE_Realloc(buffer, 1 << 20);
            assert_eq!(bytes(buffer, 3), b"abc");
            TEE_Free(buffer);
        }
    }

    #[test]
    fn moves_may_overlap() {
        let mut text = *b"abcdef";
        let start = text.as_mut_ptr();
        // SAFETY: both lie in `text`.
        unsafe { TEE_MemMove(start.add(2).cast(), start.cast(), 4) };
        assert_eq!(&text, b"ababcd");
    }
}
