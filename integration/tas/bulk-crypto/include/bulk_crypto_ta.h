/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Much data in one call of the crypto API: what benches/ measures beside the same call in a plain process. */
#ifndef BULK_CRYPTO_TA_H
#define BULK_CRYPTO_TA_H

/* 1c7d0b0e-9b41-4d6a-8f0e-3a52b7c4d911 */
#define BULK_CRYPTO_TA_UUID \
	{ 0x1c7d0b0e, 0x9b41, 0x4d6a, { 0x8f, 0x0e, 0x3a, 0x52, 0xb7, 0xc4, 0xd9, 0x11 } }

/* SHA-256 of p0, memref in, into p1, memref out. */
#define BULK_CRYPTO_SHA256	0
/* AES-256-GCM of p0, memref in, into p1, memref out; the tag of 16 bytes into p2, memref out. Key and nonce are zero. */
#define BULK_CRYPTO_AES_GCM	1
/*
 * The same in the TA's own memory: of BULK_CRYPTO_OWN_SIZE bytes, each its place modulo 251, which the first such call
 * makes; the tag into p0, memref out.
 */
#define BULK_CRYPTO_OWN_AES_GCM	2

#define BULK_CRYPTO_OWN_SIZE	(64 * 1024 * 1024)

#endif
