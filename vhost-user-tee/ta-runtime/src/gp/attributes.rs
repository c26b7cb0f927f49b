// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Attributes as a TA hands them over (API 1.3.1, sections 5.4.1, 5.6.5 and 5.6.6).

use std::ffi::c_void;
use std::ptr;

use tee::gp::ERROR_BAD_PARAMETERS;
use zeroize::Zeroizing;

use super::attribute_set::{is_value, Attribute, Content};
use super::panic::panic;
use super::pointers::{bytes, bytes_mut, items, store};

/// `TEE_Attribute`: a buffer; or two values of 32 bits, which lie where the pointer lies otherwise.
#[derive(Clone, Copy)]
#[repr(C)]
struct Raw {
    id: u32,
    buffer: *const c_void,
    len: usize,
}

/// `__GP11_TEE_Attribute`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Gp11Raw {
    id: u32,
    buffer: *const c_void,
    len: u32,
}

/// The values are the pointer's halves on such machines only.
const _: () = assert!(cfg!(target_endian = "little") && size_of::<usize>() == 8);

/// Attributes of either form.
#[derive(Clone, Copy)]
pub(super) enum Attributes {
    Now(*const c_void),
    Gp11(*const c_void),
}

impl Attributes {
    /// Copies `count` of them.
    ///
    /// # Safety
    /// Where there are any, so many can be read, and what each refers to, during the call.
    pub(super) unsafe fn read(self, count: u32) -> Vec<Attribute> {
        let count = count as usize;
        match self {
            Self::Now(ptr) => {
                // SAFETY: the caller's word.
                let raw = unsafe { items(ptr.cast::<Raw>(), count) };
                // SAFETY: the caller's word.
                raw.iter().map(|raw| unsafe { copy(raw.id, raw.buffer, raw.len) }).collect()
            }
            Self::Gp11(ptr) => {
                // SAFETY: the caller's word.
                let raw = unsafe { items(ptr.cast::<Gp11Raw>(), count) };
                // SAFETY: the caller's word.
                raw.iter().map(|raw| unsafe { copy(raw.id, raw.buffer, raw.len as usize) }).collect()
            }
        }
    }
}

impl Attributes {
    /// Writes to where an attribute refers to, if that is there: no more than it refers to.
    ///
    /// # Safety
    /// `count` of them can be read, and what this one refers to can be written during the call.
    pub(super) unsafe fn write(self, count: u32, id: u32, data: &[u8]) {
        let count = count as usize;
        // SAFETY: the caller's word.
        let place = unsafe {
            match self {
                Self::Now(ptr) => {
                    let found = items(ptr.cast::<Raw>(), count).iter().find(|raw| raw.id == id);
                    found.map(|raw| (raw.buffer, raw.len))
                }
                Self::Gp11(ptr) => {
                    let found = items(ptr.cast::<Gp11Raw>(), count).iter().find(|raw| raw.id == id);
                    found.map(|raw| (raw.buffer, raw.len as usize))
                }
            }
        };
        if let Some((buffer, len)) = place.filter(|_| !is_value(id)) {
            let len = len.min(data.len());
            // SAFETY: the caller's word.
            unsafe { bytes_mut(buffer.cast_mut(), len) }.copy_from_slice(&data[..len]);
        }
    }
}

/// # Safety
/// Where the attribute is a buffer, `len` bytes can be read at it.
unsafe fn copy(id: u32, buffer: *const c_void, len: usize) -> Attribute {
    let content = if is_value(id) {
        let both = buffer.addr();
        Content::Values(both as u32, (both >> 32) as u32)
    } else {
        // SAFETY: the caller's word.
        Content::Buffer(Zeroizing::new(unsafe { bytes(buffer, len) }.to_vec()))
    };
    Attribute { id, content }
}

/// What the pointer is where the attribute has two values.
fn values(a: u32, b: u32) -> *const c_void {
    ptr::without_provenance(a as usize | (b as usize) << 32)
}

fn check_kind(id: u32, value: bool) {
    if is_value(id) != value {
        panic(ERROR_BAD_PARAMETERS);
    }
}

/// Makes an attribute that refers to a buffer.
///
/// # Safety
/// A `TEE_Attribute` can be written at `attribute`.
#[no_mangle]
unsafe extern "C" fn TEE_InitRefAttribute(
    attribute: *mut c_void,
    id: u32,
    buffer: *const c_void,
    len: usize,
) {
    check_kind(id, false);
    // SAFETY: the caller's word.
    unsafe { store(attribute.cast(), Raw { id, buffer, len }) };
}

/// As API 1.1 had it.
///
/// # Safety
/// A `__GP11_TEE_Attribute` can be written at `attribute`.
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_InitRefAttribute(
    attribute: *mut c_void,
    id: u32,
    buffer: *const c_void,
    len: u32,
) {
    check_kind(id, false);
    // SAFETY: the caller's word.
    unsafe { store(attribute.cast(), Gp11Raw { id, buffer, len }) };
}

/// Makes an attribute of two values.
///
/// # Safety
/// A `TEE_Attribute` can be written at `attribute`.
#[no_mangle]
unsafe extern "C" fn TEE_InitValueAttribute(attribute: *mut c_void, id: u32, a: u32, b: u32) {
    check_kind(id, true);
    // SAFETY: the caller's word.
    unsafe { store(attribute.cast(), Raw { id, buffer: values(a, b), len: 0 }) };
}

/// As API 1.1 had it.
///
/// # Safety
/// A `__GP11_TEE_Attribute` can be written at `attribute`.
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_InitValueAttribute(attribute: *mut c_void, id: u32, a: u32, b: u32) {
    check_kind(id, true);
    // SAFETY: the caller's word.
    unsafe { store(attribute.cast(), Gp11Raw { id, buffer: values(a, b), len: 0 }) };
}
