// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Numbers of attributes, `TEE_ATTR_*` (API 1.3.1, section 6.11, and OP-TEE's own).

pub(super) const SECRET_VALUE: u32 = 0xC000_0000;

pub(super) const RSA_MODULUS: u32 = 0xD000_0130;
pub(super) const RSA_PUBLIC_EXPONENT: u32 = 0xD000_0230;
pub(super) const RSA_PRIVATE_EXPONENT: u32 = 0xC000_0330;
pub(super) const RSA_PRIME1: u32 = 0xC000_0430;
pub(super) const RSA_PRIME2: u32 = 0xC000_0530;
pub(super) const RSA_EXPONENT1: u32 = 0xC000_0630;
pub(super) const RSA_EXPONENT2: u32 = 0xC000_0730;
pub(super) const RSA_COEFFICIENT: u32 = 0xC000_0830;

pub(super) const DSA_PRIME: u32 = 0xD000_1031;
pub(super) const DSA_SUBPRIME: u32 = 0xD000_1131;
pub(super) const DSA_BASE: u32 = 0xD000_1231;
pub(super) const DSA_PUBLIC_VALUE: u32 = 0xD000_0131;
pub(super) const DSA_PRIVATE_VALUE: u32 = 0xC000_0231;

pub(super) const DH_PRIME: u32 = 0xD000_1032;
pub(super) const DH_SUBPRIME: u32 = 0xD000_1132;
pub(super) const DH_BASE: u32 = 0xD000_1232;
pub(super) const DH_X_BITS: u32 = 0xF000_1332;
pub(super) const DH_PUBLIC_VALUE: u32 = 0xD000_0132;
pub(super) const DH_PRIVATE_VALUE: u32 = 0xC000_0232;

pub(super) const ECC_PUBLIC_VALUE_X: u32 = 0xD000_0141;
pub(super) const ECC_PUBLIC_VALUE_Y: u32 = 0xD000_0241;
pub(super) const ECC_PRIVATE_VALUE: u32 = 0xC000_0341;
pub(super) const ECC_CURVE: u32 = 0xF000_0441;

pub(super) const ED25519_PUBLIC_VALUE: u32 = 0xD000_0743;
pub(super) const ED25519_PRIVATE_VALUE: u32 = 0xC000_0843;
pub(super) const X25519_PUBLIC_VALUE: u32 = 0xD000_0944;
pub(super) const X25519_PRIVATE_VALUE: u32 = 0xC000_0A44;
pub(super) const ED448_PUBLIC_VALUE: u32 = 0xD000_0002;
pub(super) const ED448_PRIVATE_VALUE: u32 = 0xC000_0003;
pub(super) const X448_PUBLIC_VALUE: u32 = 0xD000_0A45;
pub(super) const X448_PRIVATE_VALUE: u32 = 0xC000_0A46;

pub(super) const HKDF_IKM: u32 = 0xC000_01C0;
pub(super) const CONCAT_KDF_Z: u32 = 0xC000_01C1;
pub(super) const PBKDF2_PASSWORD: u32 = 0xC000_01C2;
