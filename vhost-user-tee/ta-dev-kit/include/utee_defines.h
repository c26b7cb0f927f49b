/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What OP-TEE's TAs use of its internal definitions: sizes, byte order, arithmetic with TEE_Time. */
#ifndef UTEE_DEFINES_H
#define UTEE_DEFINES_H

#include <tee_api_defines.h>
#include <tee_api_defines_extensions.h>
#include <algorithm_parts.h>
#include <compiler.h>
#include <types_ext.h>

/* Bytes. */
#define TEE_AES_BLOCK_SIZE		16UL
#define TEE_DES_BLOCK_SIZE		8UL
#define TEE_SM4_BLOCK_SIZE		16UL
#define TEE_AES_MAX_KEY_SIZE		32UL

typedef enum {
	TEE_MD5_HASH_SIZE = 16,
	TEE_SHA1_HASH_SIZE = 20,
	TEE_SHA224_HASH_SIZE = 28,
	TEE_SHA256_HASH_SIZE = 32,
	TEE_SM3_HASH_SIZE = 32,
	TEE_SHA384_HASH_SIZE = 48,
	TEE_SHA512_HASH_SIZE = 64,
	TEE_MD5SHA1_HASH_SIZE = TEE_MD5_HASH_SIZE + TEE_SHA1_HASH_SIZE,
	TEE_MAX_HASH_SIZE = TEE_SHA512_HASH_SIZE,
} t_hash_size;

#define TEE_U64_BSWAP(x)		__compiler_bswap64(x)
#define TEE_U32_BSWAP(x)		__compiler_bswap32(x)
#define TEE_U16_BSWAP(x)		__compiler_bswap16(x)

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "TAs are built for little-endian machines"
#endif
#define TEE_U64_FROM_LITTLE_ENDIAN(x)	((uint64_t)(x))
#define TEE_U32_FROM_LITTLE_ENDIAN(x)	((uint32_t)(x))
#define TEE_U16_FROM_LITTLE_ENDIAN(x)	((uint16_t)(x))
#define TEE_U64_TO_LITTLE_ENDIAN(x)	((uint64_t)(x))
#define TEE_U32_TO_LITTLE_ENDIAN(x)	((uint32_t)(x))
#define TEE_U16_TO_LITTLE_ENDIAN(x)	((uint16_t)(x))
#define TEE_U64_FROM_BIG_ENDIAN(x)	TEE_U64_BSWAP(x)
#define TEE_U32_FROM_BIG_ENDIAN(x)	TEE_U32_BSWAP(x)
#define TEE_U16_FROM_BIG_ENDIAN(x)	TEE_U16_BSWAP(x)
#define TEE_U64_TO_BIG_ENDIAN(x)	TEE_U64_BSWAP(x)
#define TEE_U32_TO_BIG_ENDIAN(x)	TEE_U32_BSWAP(x)
#define TEE_U16_TO_BIG_ENDIAN(x)	TEE_U16_BSWAP(x)

#define TEE_TIME_MILLIS_BASE		1000

#define TEE_TIME_LT(t1, t2) \
	((t1).seconds < (t2).seconds || ((t1).seconds == (t2).seconds && (t1).millis < (t2).millis))
#define TEE_TIME_LE(t1, t2)		(!TEE_TIME_LT(t2, t1))

#define TEE_TIME_ADD(t1, t2, dst) \
	do { \
		uint32_t _add_millis = (t1).millis + (t2).millis; \
		(dst).seconds = (t1).seconds + (t2).seconds + _add_millis / TEE_TIME_MILLIS_BASE; \
		(dst).millis = _add_millis % TEE_TIME_MILLIS_BASE; \
	} while (0)

#define TEE_TIME_SUB(t1, t2, dst) \
	do { \
		uint32_t _sub_borrow = (t1).millis < (t2).millis; \
		uint32_t _sub_millis = (t1).millis + _sub_borrow * TEE_TIME_MILLIS_BASE - (t2).millis; \
		(dst).seconds = (t1).seconds - (t2).seconds - _sub_borrow; \
		(dst).millis = _sub_millis; \
	} while (0)

#endif
