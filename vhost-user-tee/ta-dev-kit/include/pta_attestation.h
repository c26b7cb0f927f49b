/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The attestation pseudo TA: what TAs and the TEE are, signed.
 *
 * A measurement is a SHA-256 of 32 bytes, and after it the signature of nonce and SHA-256:
 * TEE_ALG_RSASSA_PKCS1_PSS_MGF1_SHA256 with a salt of 32 bytes, as long as the modulus. The nonce is the caller's, of
 * any length but 0. TEE_ERROR_SHORT_BUFFER, and the size that is needed, where a measurement does not fit.
 */
#ifndef PTA_ATTESTATION_H
#define PTA_ATTESTATION_H

/* 39800861-182a-4720-9b67-2bcd622bc0b5 */
#define PTA_ATTESTATION_UUID \
	{ 0x39800861, 0x182a, 0x4720, { 0x9b, 0x67, 0x2b, 0xcd, 0x62, 0x2b, 0xc0, 0xb5 } }

/* p0, p1 memref out: the key's exponent and modulus, big-endian; p2 value out: a = the algorithm */
#define PTA_ATTESTATION_GET_PUBKEY		0x0
/* p0 memref in: TEE_UUID of a TA; p1 memref in: nonce; p2 memref out: measurement of the TA's file */
#define PTA_ATTESTATION_GET_TA_SHDR_DIGEST	0x1
/* For TAs. p0 memref in: nonce; p1 memref out: measurement of what the calling TA runs */
#define PTA_ATTESTATION_HASH_TA_MEMORY		0x2
/* p0 memref in: nonce; p1 memref out: measurement of the TEE */
#define PTA_ATTESTATION_HASH_TEE_MEMORY		0x3

#endif
