/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What the TA and its clients agree on. */
#ifndef SHA256_TA_H
#define SHA256_TA_H

/* 1f0bbc65-6edc-47e0-a439-82fd10076e14 */
#define SHA256_TA_UUID \
	{ 0x1f0bbc65, 0x6edc, 0x47e0, { 0xa4, 0x39, 0x82, 0xfd, 0x10, 0x07, 0x6e, 0x14 } }

/*
 * p0 memref input: the data, of any size
 * p1 memref output: their SHA-256, 32 bytes; TEE_ERROR_SHORT_BUFFER where it has less room, and its size says
 *    what is needed
 */
#define SHA256_CMD_DIGEST	0

#endif
