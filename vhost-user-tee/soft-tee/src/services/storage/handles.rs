// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What an instance has: handles of objects that it has open, and data on their way.

use std::collections::HashMap;

use tee::gp;
use zeroize::Zeroizing;

use crate::open_objects::ObjectName;

/// What the instance has.
#[derive(Default)]
pub(super) struct Own {
    pub(super) handles: HashMap<u64, Handle>,
    last: u64,
    pub(super) staged: Zeroizing<Vec<u8>>,
    /// It has ended.
    pub(super) over: bool,
}

#[derive(Clone)]
pub(super) struct Handle {
    pub(super) object: ObjectName,
    pub(super) flags: u32,
}

impl Own {
    pub(super) fn insert(&mut self, object: ObjectName, flags: u32) -> u64 {
        self.last += 1;
        self.handles.insert(self.last, Handle { object, flags });
        self.last
    }

    pub(super) fn get(&self, handle: u64) -> Result<Handle, u32> {
        self.handles.get(&handle).cloned().ok_or(gp::ERROR_BAD_PARAMETERS)
    }
}
