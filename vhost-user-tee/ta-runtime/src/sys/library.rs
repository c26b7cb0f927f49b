// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The TA as a shared object: loading it, and calling its entry points.

use std::ffi::{c_void, OsStr};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::Path;

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use ta_protocol::message::NUM_PARAMS;

use super::ta_properties::{self, UserTaProperty};
use crate::services::properties::Property;

#[cfg(not(all(target_endian = "little", target_pointer_width = "64")))]
compile_error!("`TeeParam` is laid out for 64-bit little-endian machines");

/// The entry point that commands go to.
const INVOKE: &str = "TA_InvokeCommandEntryPoint";

/// `TEE_Param`: a union of {buffer, size} and {a, b} of 32 bits each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct TeeParam([u64; 2]);

impl TeeParam {
    /// A value parameter.
    pub(crate) fn value(a: u32, b: u32) -> Self {
        Self([u64::from(a) | u64::from(b) << 32, 0])
    }

    /// A memref; `buffer` is its address.
    pub(crate) fn memref(buffer: usize, size: usize) -> Self {
        Self([buffer as u64, size as u64])
    }

    /// `value.a` and `value.b`.
    pub(crate) fn as_value(self) -> (u32, u32) {
        (self.0[0] as u32, (self.0[0] >> 32) as u32)
    }

    /// `memref.buffer`: its address.
    pub(crate) fn buffer(self) -> usize {
        self.0[0] as usize
    }

    /// `memref.size`.
    pub(crate) fn size(self) -> u64 {
        self.0[1]
    }
}

/// The four parameters, as an entry point gets them.
pub(crate) type TeeParams = [TeeParam; NUM_PARAMS];

/// What a TA keeps for a session: a pointer of its own making.
#[derive(Debug)]
pub(crate) struct SessionPointer(*mut c_void);

impl Default for SessionPointer {
    fn default() -> Self {
        Self(std::ptr::null_mut())
    }
}

/// A TA's entry points (GP TEE Internal Core API 1.3.1, section 4.3). Dropping them unloads the TA, which
/// runs the destructors of its global objects.
pub(crate) struct EntryPoints {
    create: unsafe extern "C" fn() -> u32,
    destroy: unsafe extern "C" fn(),
    open_session: unsafe extern "C" fn(u32, *mut TeeParam, *mut *mut c_void) -> u32,
    close_session: unsafe extern "C" fn(*mut c_void),
    invoke: unsafe extern "C" fn(*mut c_void, u32, u32, *mut TeeParam) -> u32,
    properties: Vec<Property>,
    /// The entry points are plain pointers into it.
    _library: Library,
}

impl EntryPoints {
    /// Loads the TA in `file`; runs its constructors. The error is the dynamic linker's.
    pub(crate) fn load(file: BorrowedFd<'_>) -> Result<Self, String> {
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        Self::load_path(&path, &[INVOKE]).map_err(|error| error.replace(&path, "the TA"))
    }

    /// Loads the TA in the file of that name. Where it comes with a fuzzer (the dev kit's `fuzz.c`), that
    /// is called instead of its commands.
    pub(crate) fn load_for_debugging(path: &Path) -> Result<Self, String> {
        Self::load_path(path, &["ta_fuzz", INVOKE])
    }

    fn load_path(path: impl AsRef<OsStr>, invoke: &[&str]) -> Result<Self, String> {
        // SAFETY: this runs the TA's constructors: foreign code, which the sandbox that has closed
        // around the process is for.
        let library =
            unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }.map_err(|error| error.to_string())?;
        // SAFETY: each name has the type that GP gives it.
        unsafe {
            Ok(Self {
                create: symbol(&library, "TA_CreateEntryPoint")?,
                destroy: symbol(&library, "TA_DestroyEntryPoint")?,
                open_session: symbol(&library, "TA_OpenSessionEntryPoint")?,
                close_session: symbol(&library, "TA_CloseSessionEntryPoint")?,
                invoke: first_symbol(&library, invoke)?,
                properties: properties(&library)?,
                _library: library,
            })
        }
    }

    /// The TA's `ta_props`; none where it exports none.
    pub(crate) fn take_properties(&mut self) -> Vec<Property> {
        std::mem::take(&mut self.properties)
    }

    /// `TA_CreateEntryPoint`.
    pub(crate) fn create(&self) -> u32 {
        // SAFETY: GP's signature (below as well); the TA is loaded for as long as this.
        unsafe { (self.create)() }
    }

    /// `TA_DestroyEntryPoint`.
    pub(crate) fn destroy(&self) {
        // SAFETY: as in `create`.
        unsafe { (self.destroy)() }
    }

    /// `TA_OpenSessionEntryPoint`.
    pub(crate) fn open_session(
        &self,
        types: u32,
        params: &mut TeeParams,
        session: &mut SessionPointer,
    ) -> u32 {
        // SAFETY: as in `create`; the pointers are to what GP says, for as long as the call.
        unsafe { (self.open_session)(types, params.as_mut_ptr(), &raw mut session.0) }
    }

    /// `TA_CloseSessionEntryPoint`.
    pub(crate) fn close_session(&self, session: SessionPointer) {
        // SAFETY: as in `create`; the TA made the pointer.
        unsafe { (self.close_session)(session.0) }
    }

    /// `TA_InvokeCommandEntryPoint`.
    pub(crate) fn invoke(
        &self,
        session: &SessionPointer,
        func: u32,
        types: u32,
        params: &mut TeeParams,
    ) -> u32 {
        // SAFETY: as in `open_session` and `close_session`.
        unsafe { (self.invoke)(session.0, func, types, params.as_mut_ptr()) }
    }
}

/// # Safety
///
/// `T` is the type of all functions of `names`, of which there is at least one.
unsafe fn first_symbol<T: Copy>(library: &Library, names: &[&str]) -> Result<T, String> {
    // SAFETY: the caller's promise.
    let found = names.iter().map(|name| unsafe { symbol(library, name) });
    found.reduce(Result::or).unwrap_or_else(|| Err(String::new()))
}

/// # Safety
///
/// `T` is the type of the function `name`.
unsafe fn symbol<T: Copy>(library: &Library, name: &str) -> Result<T, String> {
    // SAFETY: the caller's promise.
    unsafe { library.get::<T>(name.as_bytes()) }
        .map(|symbol| *symbol)
        .map_err(|_| format!("the TA does not export {name}"))
}

/// # Safety
///
/// `ta_props` and `ta_num_props` of the library are those of a TA.
unsafe fn properties(library: &Library) -> Result<Vec<Property>, String> {
    // SAFETY: the types that `user_ta_header.h` gives these objects.
    unsafe {
        let array = library.get::<*const UserTaProperty>(b"ta_props");
        let count = library.get::<*const usize>(b"ta_num_props");
        match (array, count) {
            (Ok(array), Ok(count)) => ta_properties::read(*array, **count),
            _ => Ok(Vec::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn params_are_laid_out_as_the_union() {
        assert_eq!(TeeParam::value(1, 2).0[0].to_le_bytes(), [1, 0, 0, 0, 2, 0, 0, 0]);
        assert_eq!(TeeParam::value(1, 2).as_value(), (1, 2));
        assert_eq!(TeeParam::memref(0x1000, 7).0, [0x1000, 7]);
        assert_eq!(TeeParam::memref(0x1000, 7).size(), 7);
    }
}
