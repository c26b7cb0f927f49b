// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Which objects of a VM's TAs are open, and so who else may open them (GP TEE Internal Core API 1.3.1, section 5.7.3).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use secure_storage::Id;
use ta_protocol::storage::flag;
use uuid::Uuid;

/// Which object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ObjectName {
    /// Whose.
    pub(crate) ta: Uuid,
    /// In which of its storages.
    pub(crate) storage: u32,
    /// Its name there.
    pub(crate) id: Id,
}

struct Open {
    /// What it was first opened with; later ones agree with it.
    flags: u32,
    times: usize,
}

/// The objects that are open.
#[derive(Default)]
pub(crate) struct OpenObjects(Mutex<HashMap<ObjectName, Open>>);

impl std::fmt::Debug for OpenObjects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OpenObjects")
    }
}

impl OpenObjects {
    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectName, Open>> {
        // It is whole wherever something could panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the object `name`, which need not be there, with `flags`; false where others have it open in a way that
    /// excludes this. With `create` it is excluded by all others, unless it is to replace the object.
    #[must_use]
    pub(crate) fn open(&self, name: &ObjectName, flags: u32, create: bool) -> bool {
        let mut objects = self.lock();
        match objects.get_mut(name) {
            None => {
                objects.insert(name.clone(), Open { flags, times: 1 });
                true
            }
            Some(open) => {
                let may = !(create && flags & flag::OVERWRITE == 0) && agree(open.flags, flags);
                open.times += usize::from(may);
                may
            }
        }
    }

    /// Undoes an [`open`](Self::open).
    pub(crate) fn close(&self, name: &ObjectName) {
        let mut objects = self.lock();
        if let Some(open) = objects.get_mut(name) {
            open.times -= 1;
            if open.times == 0 {
                objects.remove(name);
            }
        }
    }
}

/// Whether an object can be open with both, as OP-TEE decides it.
fn agree(one: u32, other: u32) -> bool {
    let (either, both) = (one | other, one & other);
    let of_mode = |access, share| (either & access == 0 || both & share != 0) && one & share == other & share;
    either & flag::ACCESS_WRITE_META == 0
        && of_mode(flag::ACCESS_READ, flag::SHARE_READ)
        && of_mode(flag::ACCESS_WRITE, flag::SHARE_WRITE)
}

#[cfg(test)]
mod tests {
    use flag::*;

    use super::*;

    #[test]
    fn what_excludes_what() {
        let name = ObjectName { ta: Uuid::nil(), storage: 1, id: Id::new(b"a").unwrap() };
        for (one, other, expected) in [
            (0, 0, true),
            (0, ACCESS_READ, false),
            (ACCESS_READ, ACCESS_READ, false),
            (ACCESS_READ | SHARE_READ, ACCESS_READ | SHARE_READ, true),
            (ACCESS_READ | SHARE_READ, ACCESS_READ, false),
            (ACCESS_READ | SHARE_READ, SHARE_READ, true),
            (SHARE_READ, 0, false),
            (ACCESS_WRITE | SHARE_WRITE, ACCESS_WRITE | SHARE_WRITE, true),
            (ACCESS_WRITE | SHARE_WRITE, ACCESS_WRITE, false),
            (ACCESS_WRITE | SHARE_WRITE, ACCESS_READ | SHARE_WRITE, false),
            (ACCESS_WRITE_META, SHARE_READ | SHARE_WRITE, false),
            (OPEN & !ACCESS_WRITE_META, OPEN & !ACCESS_WRITE_META, true),
            (OPEN, OPEN, false),
        ] {
            for (one, other) in [(one, other), (other, one)] {
                let objects = OpenObjects::default();
                assert!(objects.open(&name, one, false));
                assert_eq!(objects.open(&name, other, false), expected, "{one:#x} {other:#x}");
                objects.close(&name);
                // It is still open if the second was.
                assert_eq!(objects.open(&name, ACCESS_WRITE_META, false), !expected);
            }
        }
    }

    #[test]
    fn an_open_object_is_not_made_anew_but_is_replaced() {
        let name = ObjectName { ta: Uuid::nil(), storage: 1, id: Id::new(b"").unwrap() };
        let objects = OpenObjects::default();
        let shared = SHARE_READ | ACCESS_READ;
        assert!(objects.open(&name, shared, true));
        assert!(!objects.open(&name, shared, true));
        assert!(objects.open(&name, shared | OVERWRITE, true));
        assert!(objects.open(&ObjectName { storage: 2, ..name.clone() }, 0, true));
        assert!(objects.open(&ObjectName { ta: Uuid::max(), ..name }, 0, true));
    }
}
