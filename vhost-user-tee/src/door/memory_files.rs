// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The files of a VM's memory that this process holds open.
//!
//! Memory that the guest has registered keeps its file when the VMM has unmapped it. A guest has its VMM map and unmap
//! (with virtio-mem, or the first megabyte), so there is a bound to what is held, by whomever: all VMs share the
//! descriptors that a process may have.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Weak};

use rustix::fs::{fcntl_getfl, OFlags};

/// Descriptors of memory that are held for a VM. A VMM has one for each piece of memory that can be plugged, and few
/// have more than 256 of them; over vhost-user it may hand over 509 at a time, and each again when what is mapped changes.
pub(super) const MAX_FILES: usize = 1024;

/// What is held, as long as somebody holds it.
#[derive(Debug, Default)]
pub(super) struct MemoryFiles(Vec<Weak<File>>);

impl MemoryFiles {
    /// The descriptor that is held of the same file with the same access, or else `file`.
    pub(super) fn share(&self, file: File) -> io::Result<Arc<File>> {
        let identity = identity(&file)?;
        // What cannot be asked is another.
        let same = |held: &Arc<File>| self::identity(held).is_ok_and(|held| held == identity);
        Ok(self.0.iter().filter_map(Weak::upgrade).find(same).unwrap_or_else(|| Arc::new(file)))
    }

    /// Notes that `file` is to be held; `false` where that is too much.
    #[must_use]
    pub(super) fn hold(&mut self, file: &Arc<File>) -> bool {
        self.0.retain(|held| held.strong_count() > 0);
        if !self.0.iter().any(|held| Weak::as_ptr(held) == Arc::as_ptr(file)) {
            if self.0.len() >= MAX_FILES {
                return false;
            }
            self.0.push(Arc::downgrade(file));
        }
        true
    }
}

/// Which file, and how it may be accessed.
fn identity(file: &File) -> io::Result<(u64, u64, OFlags)> {
    let metadata = file.metadata()?;
    Ok((metadata.dev(), metadata.ino(), fcntl_getfl(file)? & OFlags::RWMODE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_descriptor_is_held_of_each_file_and_access() {
        let mut files = MemoryFiles::default();
        let named = tempfile::NamedTempFile::new().unwrap();
        let open = |write| File::options().read(true).write(write).open(named.path()).unwrap();
        let first = files.share(open(true)).unwrap();
        assert!(files.hold(&first));
        assert!(Arc::ptr_eq(&files.share(open(true)).unwrap(), &first));
        assert!(!Arc::ptr_eq(&files.share(open(false)).unwrap(), &first));
        assert!(!Arc::ptr_eq(&files.share(tempfile::tempfile().unwrap()).unwrap(), &first));
        let held = Arc::downgrade(&first);
        drop(first);
        assert!(held.upgrade().is_none());
    }

    #[test]
    fn what_is_held_is_bounded() {
        let mut files = MemoryFiles::default();
        // Which they are is not asked.
        let file = || Arc::new(File::open("/dev/null").unwrap());
        let mut held: Vec<_> = (0..3).map(|_| file()).collect();
        assert!(held.iter().all(|file| files.hold(file)));
        // As if each were many.
        files.0.extend(std::iter::repeat_n(files.0[0].clone(), MAX_FILES - 3));
        assert!(files.hold(&held[2]) && !files.hold(&file()));
        held.remove(1);
        assert!(files.hold(&file()));
    }
}
