/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What the TA and Linux's security/keys/trusted-keys/trusted_tee.c agree on. */
#ifndef TRUSTED_KEYS_TA_H
#define TRUSTED_KEYS_TA_H

/* f04a0fe7-1f5d-4b9b-abf7-619b85b4ce8c: Linux has it, so it is not for another TA. */
#define TRUSTED_KEYS_TA_UUID \
	{ 0xf04a0fe7, 0x1f5d, 0x4b9b, { 0xab, 0xf7, 0x61, 0x9b, 0x85, 0xb4, 0xce, 0x8c } }

/* p0 memref out: random bytes, as many as there is room for */
#define TRUSTED_KEYS_CMD_GET_RANDOM	0

/* p0 memref in: a key, 1 to 128 bytes; p1 memref out: the same sealed, 28 bytes longer */
#define TRUSTED_KEYS_CMD_SEAL		1

/* p0 memref in: a sealed key; p1 memref out: the key. TEE_ERROR_MAC_INVALID: not sealed by this TA on this device */
#define TRUSTED_KEYS_CMD_UNSEAL		2

#endif
