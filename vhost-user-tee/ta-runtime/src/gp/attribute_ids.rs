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

// Of a call.
pub(super) const RSA_OAEP_LABEL: u32 = 0xD000_0930;
pub(super) const RSA_OAEP_MGF_HASH: u32 = 0xD000_0931;
pub(super) const RSA_PSS_SALT_LENGTH: u32 = 0xF000_0A30;
pub(super) const EDDSA_PREHASH: u32 = 0xF000_0004;
pub(super) const EDDSA_CTX: u32 = 0xD000_0643;

pub(super) const HKDF_SALT: u32 = 0xD000_0946;
pub(super) const HKDF_INFO: u32 = 0xD000_0A46;
pub(super) const HKDF_HASH_ALGORITHM: u32 = 0xF000_0B46;
pub(super) const KDF_KEY_SIZE: u32 = 0xF000_0C46;
/// The same under the numbers of OP-TEE's own.
pub(super) const OPTEE_HKDF_SALT: u32 = 0xD000_02C0;
pub(super) const OPTEE_HKDF_INFO: u32 = 0xD000_03C0;
pub(super) const HKDF_OKM_LENGTH: u32 = 0xF000_04C0;
pub(super) const CONCAT_KDF_OTHER_INFO: u32 = 0xD000_02C1;
pub(super) const CONCAT_KDF_DKM_LENGTH: u32 = 0xF000_03C1;
pub(super) const PBKDF2_SALT: u32 = 0xD000_02C2;
pub(super) const PBKDF2_ITERATION_COUNT: u32 = 0xF000_03C2;
pub(super) const PBKDF2_DKM_LENGTH: u32 = 0xF000_04C2;

pub(super) const ECC_EPHEMERAL_PUBLIC_VALUE_X: u32 = 0xD000_0146;
pub(super) const ECC_EPHEMERAL_PUBLIC_VALUE_Y: u32 = 0xD000_0246;
/// The same under the numbers that OP-TEE first gave them. (Those of [`HKDF_SALT`] and [`HKDF_INFO`].)
pub(super) const OPTEE_EPHEMERAL_X: u32 = 0xD000_0946;
pub(super) const OPTEE_EPHEMERAL_Y: u32 = 0xD000_0A46;
pub(super) const SM2_ID_INITIATOR: u32 = 0xD000_0446;
pub(super) const SM2_ID_RESPONDER: u32 = 0xD000_0546;
pub(super) const SM2_KEP_USER: u32 = 0xF000_0646;
pub(super) const SM2_KEP_CONFIRMATION_IN: u32 = 0xD000_0746;
pub(super) const SM2_KEP_CONFIRMATION_OUT: u32 = 0xD000_0846;
