/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The pseudo TA that the guest's hwrng asks for random numbers. */
#ifndef PTA_RNG_H
#define PTA_RNG_H

/* ab7a617c-b8e7-4d8f-8301-d09b61036b64 */
#define PTA_RNG_UUID \
	{ 0xab7a617c, 0xb8e7, 0x4d8f, { 0x83, 0x01, 0xd0, 0x9b, 0x61, 0x03, 0x6b, 0x64 } }

/* A generator's own test has failed. Not returned here. */
#define TEE_ERROR_HEALTH_TEST_FAIL	0x00000001

/* p0 memref inout: filled with random bytes; TEE_ERROR_NOT_SUPPORTED for more than 4096 */
#define PTA_CMD_GET_ENTROPY		0x0
/* p0 value out: a = bytes per second, b = bits of entropy in 1024 bits */
#define PTA_CMD_GET_RNG_INFO		0x1

#endif
