// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Attributes that something has: an object, a key of an operation, a call.

use zeroize::Zeroizing;

/// The bit of an attribute's number that says that it is a value, not a buffer (`TEE_ATTR_FLAG_VALUE`).
const FLAG_VALUE: u32 = 1 << 29;
/// The bit that says that it may be read whatever the object may be used for (`TEE_ATTR_FLAG_PUBLIC`).
const FLAG_PUBLIC: u32 = 1 << 28;

/// Whether an attribute is a value.
pub(super) fn is_value(id: u32) -> bool {
    id & FLAG_VALUE != 0
}

/// Whether an attribute may be read of any object.
pub(super) fn is_public(id: u32) -> bool {
    id & FLAG_PUBLIC != 0
}

/// An attribute. It is wiped when dropped.
#[derive(Clone)]
pub(super) struct Attribute {
    pub(super) id: u32,
    pub(super) content: Content,
}

/// What an attribute is: as its number says.
#[derive(Clone)]
pub(super) enum Content {
    Buffer(Zeroizing<Vec<u8>>),
    Values(u32, u32),
}

/// Attributes, each of them once where they are an object's.
#[derive(Clone, Default)]
pub(super) struct AttributeSet(Vec<Attribute>);

impl AttributeSet {
    pub(super) fn new(attributes: Vec<Attribute>) -> Self {
        Self(attributes)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Attribute> {
        self.0.iter()
    }

    fn content(&self, id: u32) -> Option<&Content> {
        self.0.iter().find(|attribute| attribute.id == id).map(|attribute| &attribute.content)
    }

    /// An attribute that is a buffer.
    pub(super) fn buffer(&self, id: u32) -> Option<&Zeroizing<Vec<u8>>> {
        match self.content(id)? {
            Content::Buffer(buffer) => Some(buffer),
            Content::Values(..) => None,
        }
    }

    /// An attribute that is two values.
    pub(super) fn values(&self, id: u32) -> Option<(u32, u32)> {
        match self.content(id)? {
            Content::Values(a, b) => Some((*a, *b)),
            Content::Buffer(_) => None,
        }
    }
}
