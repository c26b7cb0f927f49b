// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! GlobalPlatform result codes (TEE Client API 1.0 section 4.2, TEE Internal Core API 1.3.1
//! section 3.3) and login methods. `TEEC_ERROR_X` and `TEE_ERROR_X` have one value.

/// The call did what it was asked to do.
pub const SUCCESS: u32 = 0;
/// The object is corrupt.
pub const ERROR_CORRUPT_OBJECT: u32 = 0xF010_0001;
/// Secure storage cannot be used now.
pub const ERROR_STORAGE_NOT_AVAILABLE: u32 = 0xF010_0003;
/// A ciphertext is not what was encrypted.
pub const ERROR_CIPHERTEXT_INVALID: u32 = 0xF010_0006;
/// A cause that no other code names.
pub const ERROR_GENERIC: u32 = 0xFFFF_0000;
/// The client may not do this.
pub const ERROR_ACCESS_DENIED: u32 = 0xFFFF_0001;
/// The call was cancelled.
pub const ERROR_CANCEL: u32 = 0xFFFF_0002;
/// Something else is doing what excludes this.
pub const ERROR_ACCESS_CONFLICT: u32 = 0xFFFF_0003;
/// More data than it can take.
pub const ERROR_EXCESS_DATA: u32 = 0xFFFF_0004;
/// Data of the wrong form.
pub const ERROR_BAD_FORMAT: u32 = 0xFFFF_0005;
/// Parameters that make no sense.
pub const ERROR_BAD_PARAMETERS: u32 = 0xFFFF_0006;
/// Not in this state.
pub const ERROR_BAD_STATE: u32 = 0xFFFF_0007;
/// No such thing: for a session, no such TA.
pub const ERROR_ITEM_NOT_FOUND: u32 = 0xFFFF_0008;
/// Not implemented.
pub const ERROR_NOT_IMPLEMENTED: u32 = 0xFFFF_0009;
/// Valid, but not supported.
pub const ERROR_NOT_SUPPORTED: u32 = 0xFFFF_000A;
/// Data that were expected are missing.
pub const ERROR_NO_DATA: u32 = 0xFFFF_000B;
/// Not enough memory, or another resource.
pub const ERROR_OUT_OF_MEMORY: u32 = 0xFFFF_000C;
/// Taken, for now.
pub const ERROR_BUSY: u32 = 0xFFFF_000D;
/// The way to the TEE failed.
pub const ERROR_COMMUNICATION: u32 = 0xFFFF_000E;
/// A security fault.
pub const ERROR_SECURITY: u32 = 0xFFFF_000F;
/// The output does not fit; the size says what would.
pub const ERROR_SHORT_BUFFER: u32 = 0xFFFF_0010;
/// The TA was ended by something outside.
pub const ERROR_EXTERNAL_CANCEL: u32 = 0xFFFF_0011;
/// A number does not fit.
pub const ERROR_OVERFLOW: u32 = 0xFFFF_300F;
/// The TA instance is gone, by panic or otherwise.
pub const ERROR_TARGET_DEAD: u32 = 0xFFFF_3024;
/// Secure storage is full.
pub const ERROR_STORAGE_NO_SPACE: u32 = 0xFFFF_3041;
/// A message authentication code, or the tag of an encrypted message, is not the right one.
pub const ERROR_MAC_INVALID: u32 = 0xFFFF_3071;
/// A signature is not the right one.
pub const ERROR_SIGNATURE_INVALID: u32 = 0xFFFF_3072;
/// The TA has never set its persistent time.
pub const ERROR_TIME_NOT_SET: u32 = 0xFFFF_5000;
/// The TA's persistent time can no longer be trusted.
pub const ERROR_TIME_NEEDS_RESET: u32 = 0xFFFF_5001;

/// No client identity.
pub const LOGIN_PUBLIC: u32 = 0;
/// The client is a user.
pub const LOGIN_USER: u32 = 1;
/// The client is a group.
pub const LOGIN_GROUP: u32 = 2;
/// The client is an application.
pub const LOGIN_APPLICATION: u32 = 4;
/// The client is an application run by a user.
pub const LOGIN_USER_APPLICATION: u32 = 5;
/// The client is an application run by a group.
pub const LOGIN_GROUP_APPLICATION: u32 = 6;
/// The client is the kernel (Linux `TEE_IOCTL_LOGIN_REE_KERNEL`).
pub const LOGIN_REE_KERNEL: u32 = 0x8000_0000;
/// The client is a TA: no guest's to claim.
pub const LOGIN_TRUSTED_APP: u32 = 0xF000_0000;
