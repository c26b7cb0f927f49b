// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Transient objects.

use optee_utee::{
    raw, Attribute, AttributeId, AttributeMemref, AttributeValue, GenericObject, ObjectHandle, Result,
    TransientObject, TransientObjectType, UsageFlag,
};

use crate::{check, key};

pub(crate) fn objects() -> Result<()> {
    let source = key(TransientObjectType::Aes, 128, &[6; 16])?;
    let mut copy = TransientObject::allocate(TransientObjectType::Aes, 128)?;
    copy.copy_attribute_from(&source)?;
    let info = copy.info()?;
    check(info.object_size() == 128 && info.data_size() == 0)?;
    check(info.object_type() == TransientObjectType::Aes as u32)?;
    let mut secret = [0; 16];
    check(copy.ref_attribute(AttributeId::SecretValue, &mut secret)? == 16 && secret == [6; 16])?;
    copy.reset();
    copy.generate_key(128, &[])?;

    // What the information has of it is not in the library's type.
    let usage = || UsageFlag::ENCRYPT | UsageFlag::DECRYPT;
    // SAFETY: numbers, which zeros are.
    let mut info: raw::TEE_ObjectInfo = unsafe { core::mem::zeroed() };
    copy.restrict_usage(usage())?;
    // SAFETY: the object is open, and `info` is there to be written.
    check(unsafe { raw::TEE_GetObjectInfo1(*copy.as_raw_ref(), &mut info) } == raw::TEE_SUCCESS)?;
    check(info.objectUsage == usage().bits())?;

    let null = TransientObject::null_object();
    check(null.is_null_object() && !source.is_null_object())?;
    check(ObjectHandle::from_raw(core::ptr::null_mut()).is_err())?;
    // SAFETY: it is forgotten before the object is closed.
    ObjectHandle::from_raw(unsafe { *source.as_raw_ref() })?.forget();
    check(source.ref_attribute(AttributeId::SecretValue, &mut secret)? == 16)
}

/// What becomes an attribute, by itself.
pub(crate) fn attributes() -> Result<()> {
    let memref = AttributeMemref::from_ref(AttributeId::DhBase, &[1, 2, 3]);
    let raw = memref.raw();
    // SAFETY: it is an attribute that refers to memory.
    check(raw.attributeID == AttributeId::DhBase as u32 && unsafe { raw.content.memref.size } == 3)?;
    let value = AttributeValue::from_value(AttributeId::DhXBits, 4, 5);
    for raw in [value.raw(), Attribute::from(value).raw()] {
        // SAFETY: it is an attribute that is a value.
        let value = unsafe { (raw.content.value.a, raw.content.value.b) };
        check(raw.attributeID == AttributeId::DhXBits as u32 && value == (4, 5))?;
    }
    Ok(())
}
