// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Persistent objects, and enumerators of them.

use optee_utee::{
    AlgorithmId, AttributeId, Cipher, DataFlag, ErrorKind, GenericObject, MiscellaneousConstants,
    ObjectEnumHandle, ObjectHandle, ObjectInfo, ObjectStorageConstants, OperationMode, PersistentObject,
    Result, TransientObject, TransientObjectType, UsageFlag, Whence,
};

use crate::{check, fails, key};

const PRIVATE: ObjectStorageConstants = ObjectStorageConstants::Private;

fn all_access() -> DataFlag {
    DataFlag::ACCESS_READ | DataFlag::ACCESS_WRITE | DataFlag::ACCESS_WRITE_META
}

/// The data stream of an object, and its way from creation to deletion.
pub(crate) fn data() -> Result<()> {
    let mut object = PersistentObject::create(PRIVATE, b"greeting", all_access(), None, b"hello")?;
    object.seek(0, Whence::DataSeekSet)?;
    let mut three = [0; 3];
    check(object.read(&mut three)? == 3 && &three == b"hel")?;
    check(object.read_remaining_to_vec()? == b"lo" && object.read_remaining_to_vec()?.is_empty())?;
    object.seek(-1, Whence::DataSeekEnd)?;
    object.write(b"p, please")?;
    object.truncate(7)?;
    let info = object.info()?;
    check(info.data_size() == 7 && info.object_type() == TransientObjectType::Data as u32)?;
    object.seek(0, Whence::DataSeekSet)?;
    object.seek(2, Whence::DataSeekCur)?;
    check(object.read_remaining_to_vec()? == b"llp, ")?;
    object.rename(b"farewell")?;
    let again = |id: &[u8], flags| PersistentObject::open(PRIVATE, id, flags);
    fails(again(b"farewell", DataFlag::ACCESS_READ), ErrorKind::AccessConflict)?;
    drop(object);

    fails(again(b"greeting", DataFlag::ACCESS_READ), ErrorKind::ItemNotFound)?;
    let shared = || again(b"farewell", DataFlag::ACCESS_READ | DataFlag::SHARE_READ);
    let (mut first, mut second) = (shared()?, shared()?);
    check(first.read_remaining_to_vec()? == b"hellp, " && second.read(&mut three)? == 3)?;
    drop((first, second));

    let exists = PersistentObject::create(PRIVATE, b"farewell", all_access(), None, b"");
    fails(exists, ErrorKind::AccessConflict)?;
    let flags = all_access() | DataFlag::OVERWRITE;
    let object = PersistentObject::create(PRIVATE, b"farewell", flags, None, b"new")?;
    check(object.info()?.data_size() == 3)?;
    object.close_and_delete()?;
    fails(again(b"farewell", DataFlag::ACCESS_READ), ErrorKind::ItemNotFound)
}

/// An object that has a key, and operations with it.
pub(crate) fn keys() -> Result<()> {
    let secret = key(TransientObjectType::Aes, 128, &[7; 16])?;
    // SAFETY: the handle stays open until `create` has closed it, since `secret` is forgotten.
    let handle = ObjectHandle::from_raw(unsafe { *secret.as_raw_ref() })?;
    core::mem::forget(secret);
    let mut stored = PersistentObject::create(PRIVATE, b"key", all_access(), Some(handle), b"beside it")?;
    stored.restrict_usage(UsageFlag::EXTRACTABLE | UsageFlag::ENCRYPT)?;
    drop(stored);

    let mut stored = PersistentObject::open(PRIVATE, b"key", all_access())?;
    check(stored.info()?.object_size() == 128 && stored.read_remaining_to_vec()? == b"beside it")?;
    let mut bytes = [0; 16];
    check(stored.ref_attribute(AttributeId::SecretValue, &mut bytes)? == 16 && bytes == [7; 16])?;
    let mut copy = TransientObject::allocate(TransientObjectType::Aes, 128)?;
    copy.copy_attribute_from(&stored)?;
    let cipher = Cipher::allocate(AlgorithmId::AesCtr, OperationMode::Encrypt, 128)?;
    cipher.set_key(&stored)?;
    cipher.init(&[0; 16]);
    check(cipher.do_final(&[0; 16], &mut bytes)? == 16 && bytes != [7; 16])?;
    stored.close_and_delete()
}

/// Each of the storages has objects of its own, which an enumerator finds.
pub(crate) fn enumerators() -> Result<()> {
    let create = |storage, id: &[u8]| PersistentObject::create(storage, id, all_access(), None, id);
    let made = [create(PRIVATE, b"one")?, create(ObjectStorageConstants::PrivateRee, b"three")?];
    let apart = create(ObjectStorageConstants::PrivateRpmb, b"apart")?;

    let mut found = names(PRIVATE)?;
    found.sort();
    check(found == [b"one".to_vec(), b"three".to_vec()])?;
    check(names(ObjectStorageConstants::PrivateRpmb)? == [b"apart".to_vec()])?;
    fails(names(ObjectStorageConstants::IllegalValue), ErrorKind::ItemNotFound)?;

    // A reset enumerator has not begun; without room for information, there is none.
    let mut enumerator = ObjectEnumHandle::allocate()?;
    enumerator.start(PRIVATE as u32)?;
    let mut id = [0; MiscellaneousConstants::TeeObjectIdMaxLen as usize];
    check(enumerator.get_next(None, &mut id)? > 0)?;
    enumerator.reset();
    fails(enumerator.get_next(None, &mut id), ErrorKind::ItemNotFound)?;

    for object in made {
        object.close_and_delete()?;
    }
    apart.close_and_delete()?;
    fails(names(PRIVATE), ErrorKind::ItemNotFound)
}

/// The names of the objects in `storage`; each object has its name as its data.
fn names(storage: ObjectStorageConstants) -> Result<Vec<Vec<u8>>> {
    let mut enumerator = ObjectEnumHandle::allocate()?;
    enumerator.start(storage as u32)?;
    let mut names = Vec::new();
    loop {
        // SAFETY: numbers, which zeros are.
        let mut info = ObjectInfo::from_raw(unsafe { core::mem::zeroed() });
        let mut id = [0; MiscellaneousConstants::TeeObjectIdMaxLen as usize];
        match enumerator.get_next(Some(&mut info), &mut id) {
            Ok(len) => {
                check(info.data_size() == len as usize)?;
                names.push(id[..len as usize].to_vec());
            }
            Err(error) if error.kind() == ErrorKind::ItemNotFound => return Ok(names),
            Err(error) => return Err(error),
        }
    }
}
