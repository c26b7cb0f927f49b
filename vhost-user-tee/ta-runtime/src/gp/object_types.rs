// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Types of objects that have attributes (API 1.3.1, table 5-9, and section 6.11): keys and secrets.

/// `TEE_ATTR_SECRET_VALUE`.
pub(super) const SECRET_VALUE: u32 = 0xC000_0000;

pub(super) const AES: u32 = 0xA000_0010;
pub(super) const DES: u32 = 0xA000_0011;
pub(super) const DES3: u32 = 0xA000_0013;
pub(super) const SM4: u32 = 0xA000_0014;
/// `TEE_TYPE_HMAC_MD5`; the others follow in the order of `TEE_ALG_HMAC_*`.
pub(super) const HMAC: u32 = 0xA000_0000;

/// A type of which all is one secret.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ObjectType {
    pub(super) id: u32,
    /// Sizes that a key is generated with, and an object allocated for, in bits: from, to, in steps of.
    min: u32,
    max: u32,
    step: u32,
    /// Whether a secret has to have one of these sizes. Of those that do not OP-TEE takes shorter ones as well.
    exact: bool,
}

const fn exact(id: u32, min: u32, max: u32, step: u32) -> ObjectType {
    ObjectType { id, min, max, step, exact: true }
}

const fn up_to(id: u32, min: u32, max: u32) -> ObjectType {
    ObjectType { id, min, max, step: 8, exact: false }
}

/// Sizes are those of OP-TEE.
static TYPES: [ObjectType; 16] = [
    exact(AES, 128, 256, 64),
    exact(DES, 64, 64, 64),
    exact(DES3, 128, 192, 64),
    exact(SM4, 128, 128, 128),
    up_to(HMAC | 1, 64, 512),
    up_to(HMAC | 2, 80, 512),
    up_to(HMAC | 3, 112, 512),
    up_to(HMAC | 4, 192, 1024),
    up_to(HMAC | 5, 256, 1024),
    up_to(HMAC | 6, 256, 1024),
    // SM3, then SHA-3.
    up_to(HMAC | 7, 80, 1024),
    up_to(HMAC | 8, 192, 1024),
    up_to(HMAC | 9, 256, 1024),
    up_to(HMAC | 0xA, 256, 1024),
    up_to(HMAC | 0xB, 256, 1024),
    // TEE_TYPE_GENERIC_SECRET.
    up_to(0xA000_0000, 0, 4096),
];

/// The type that has this number.
pub(super) fn object_type(id: u32) -> Option<&'static ObjectType> {
    TYPES.iter().find(|known| known.id == id)
}

impl ObjectType {
    /// Whether there are objects of this size, in bits.
    pub(super) fn has_size(&self, bits: u32) -> bool {
        let bits = with_parity(self.id, bits);
        (self.min..=self.max).contains(&bits) && bits % self.step == 0
    }

    /// Bytes that a secret of `bits` has.
    pub(super) fn secret_len(&self, bits: u32) -> usize {
        with_parity(self.id, bits) as usize / 8
    }

    /// Size in bits of a secret of `len` bytes, in an object for `max` bits. `None` where it does not fit.
    pub(super) fn size_of(&self, len: usize, max: u32) -> Option<u32> {
        let bits = u32::try_from(len.checked_mul(8)?).ok()?;
        (bits <= with_parity(self.id, max)).then(|| {
            if counts_parity(self.id, max) {
                bits
            } else {
                bits / 8 * 7
            }
        })
    }

    /// Whether a secret may have `len` bytes.
    pub(super) fn takes(&self, len: usize) -> bool {
        !self.exact || u32::try_from(len).is_ok_and(|len| self.has_size(len.saturating_mul(8)))
    }
}

/// Whether a size of a DES key counts the bits of parity. API 1.3.1 counts them; older ones, whose sizes OP-TEE
/// takes as well, have sizes of 56, 112 and 168 bits.
fn counts_parity(id: u32, bits: u32) -> bool {
    !matches!((id, bits), (DES, 56) | (DES3, 112 | 168))
}

fn with_parity(id: u32, bits: u32) -> u32 {
    if counts_parity(id, bits) {
        bits
    } else {
        bits / 7 * 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let aes = object_type(AES).unwrap();
        for (bits, has) in [(127, false), (128, true), (192, true), (224, false), (256, true), (320, false)] {
            assert_eq!(aes.has_size(bits), has, "{bits}");
        }
        assert_eq!(aes.size_of(16, 256), Some(128));
        assert_eq!(aes.size_of(32, 128), None);
        assert!(!aes.takes(20));
        let hmac = object_type(HMAC | 4).unwrap();
        assert!(hmac.takes(4) && !hmac.has_size(32));
    }

    #[test]
    fn des_with_and_without_parity() {
        let des3 = object_type(DES3).unwrap();
        assert!([112, 128, 168, 192].iter().all(|bits| des3.has_size(*bits)));
        assert!(![56, 64, 120, 160].iter().any(|bits| des3.has_size(*bits)));
        assert_eq!((des3.secret_len(168), des3.secret_len(192)), (24, 24));
        assert_eq!((des3.size_of(24, 168), des3.size_of(24, 192)), (Some(168), Some(192)));
        assert_eq!(des3.size_of(24, 112), None);
        assert!(object_type(DES).unwrap().has_size(56));
    }
}
