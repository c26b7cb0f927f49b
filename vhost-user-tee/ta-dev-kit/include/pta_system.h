/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The system pseudo TA: what a TA, and nobody else, asks of its TEE beyond the GP API. */
#ifndef PTA_SYSTEM_H
#define PTA_SYSTEM_H

#include <util.h>

/* 3a2f8978-5dc0-11e8-9c2d-fa7ae01bbebc */
#define PTA_SYSTEM_UUID \
	{ 0x3a2f8978, 0x5dc0, 0x11e8, { 0x9c, 0x2d, 0xfa, 0x7a, 0xe0, 0x1b, 0xbe, 0xbc } }

/* Sizes in bytes. */
#define TA_DERIVED_KEY_MIN_SIZE		16
#define TA_DERIVED_KEY_MAX_SIZE		32
#define TA_DERIVED_EXTRA_DATA_MAX_SIZE	1024

/* p0 memref in: bytes to mix into the pool that random numbers come from */
#define PTA_SYSTEM_ADD_RNG_ENTROPY	0

/*
 * p0 memref in: extra data; p1 memref out: a key of p1's size, which this TA alone gets on this device alone, with
 * this extra data alone. TEE_ERROR_SECURITY where p1 is not the TA's own memory.
 */
#define PTA_SYSTEM_DERIVE_TA_UNIQUE_KEY	1

#define PTA_SYSTEM_MAP_FLAG_SHAREABLE	BIT32(0)
#define PTA_SYSTEM_MAP_FLAG_WRITEABLE	BIT32(1)
#define PTA_SYSTEM_MAP_FLAG_EXECUTABLE	BIT32(2)

/*
 * Maps zeros. p0 value in: a = bytes, b = 0 or PTA_SYSTEM_MAP_FLAG_SHAREABLE; p1 value inout: a, b = high and low half
 * of the address, 0 in for any; p2 value in: a, b = bytes to leave free before and after
 */
#define PTA_SYSTEM_MAP_ZI		2

/* Unmaps. p0 value in: a = bytes, b = 0; p1 value in: a, b = high and low half of the address */
#define PTA_SYSTEM_UNMAP		3

/* OP-TEE's loader had these once; its present one, and this TEE, have none of them. */
#define PTA_SYSTEM_OPEN_TA_BINARY	4
#define PTA_SYSTEM_CLOSE_TA_BINARY	5
#define PTA_SYSTEM_MAP_TA_BINARY	6
#define PTA_SYSTEM_COPY_FROM_TA_BINARY	7
#define PTA_SYSTEM_SET_PROT		8
#define PTA_SYSTEM_REMAP		9

/*
 * Shared libraries of TAs, with what libdl asks: TEE_ERROR_NOT_SUPPORTED here.
 * DLOPEN: p0 memref in: UUID of the library; p1 value in: a = RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE
 * DLSYM: p0 memref in: UUID of the library, nil for the whole TA; p1 memref in: name; p2 value out: address
 */
#define PTA_SYSTEM_DLOPEN		10
#define PTA_SYSTEM_DLSYM		11

/* p0 memref out: the log of what was measured into a TPM: TEE_ERROR_NOT_SUPPORTED where there is none, as here */
#define PTA_SYSTEM_GET_TPM_EVENT_LOG	12

/*
 * A plug-in of the supplicant's: TEE_ERROR_NOT_SUPPORTED here. p0 memref in: UUID; p1 value in: a = command, b = sub-
 * command; p2 memref inout: data; p3 value out: a = length of what came back
 */
#define PTA_SYSTEM_SUPP_PLUGIN_INVOKE	13

#endif
