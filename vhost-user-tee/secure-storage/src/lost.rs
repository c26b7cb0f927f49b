// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Chunks of objects that are gone, which could not be removed as something damaged was in the way.
//!
//! They take room in the file, so they count for the store's quota, until a store that is opened can remove them.

use redb::{ReadableTable, TableDefinition, TableError};

use crate::index::{Entry, Root, ROOT};
use crate::keys::Key;
use crate::object::{remove_chunks, CHUNKS};
use crate::store::Store;
use crate::Error;

/// What the chunks of a file take, in bytes.
pub(crate) const LOST: TableDefinition<'_, [u8; 16], &[u8]> = TableDefinition::new("lost");

fn about(file: &[u8; 16]) -> Vec<u8> {
    [&b"lost"[..], file].concat()
}

/// Notes that the chunks of the object `entry`, which is about to be forgotten, stay. The root is to be written
/// thereafter.
pub(crate) fn note(
    table: &mut redb::Table<'_, [u8; 16], &'static [u8]>,
    key: &Key,
    root: &mut Root,
    entry: &Entry,
) -> Result<(), Error> {
    table.insert(entry.file, &*key.seal(&about(&entry.file), &entry.bytes.to_le_bytes())?)?;
    // As much as the index gives back for the object.
    root.used = root.used.saturating_add(entry.bytes);
    Ok(())
}

/// Removes what can be removed by now. What cannot is left for the next time.
pub(crate) fn clear(store: &Store) -> Result<(), Error> {
    for (file, bytes) in all(store)? {
        let cleared = store.database().write(|transaction| {
            let mut root_table = transaction.open_table(ROOT)?;
            let mut root = Root::read(&root_table, store.index_key())?;
            remove_chunks(&mut transaction.open_table(CHUNKS)?, &file)?;
            transaction.open_table(LOST)?.remove(file)?;
            root.used = root.used.saturating_sub(bytes);
            root.write(&mut root_table, store.index_key())
        });
        match cleared {
            // It is still in the way.
            Err(Error::Corrupt(_)) => {}
            cleared => cleared?,
        }
    }
    Ok(())
}

/// Which files there are, and what each takes; but for notes that are not authentic, which are none.
fn all(store: &Store) -> Result<Vec<([u8; 16], u64)>, Error> {
    store.database().read(|transaction| {
        let table = match transaction.open_table(LOST) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
            table => table?,
        };
        let mut files = Vec::new();
        for record in table.iter()? {
            let (file, sealed) = record?;
            let file = file.value();
            let bytes = store.index_key().unseal(&about(&file), sealed.value());
            if let Some(bytes) = bytes.and_then(|bytes| bytes[..].try_into().ok()) {
                files.push((file, u64::from_le_bytes(bytes)));
            }
        }
        Ok(files)
    })
}
