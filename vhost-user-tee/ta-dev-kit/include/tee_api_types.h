/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Types of the TEE Internal Core API. Layouts are OP-TEE's, on 64-bit machines. */
#ifndef TEE_API_TYPES_H
#define TEE_API_TYPES_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <compiler.h>
#include <tee_api_defines.h>

/* Section 3.2: basic types. */

typedef uint32_t TEE_Result;

/* Fields are in the machine's own byte order. */
typedef struct {
	uint32_t timeLow;
	uint16_t timeMid;
	uint16_t timeHiAndVersion;
	uint8_t clockSeqAndNode[8];
} TEE_UUID;

/* Chapter 4: the framework. */

/* Who a client is: a TEE_LOGIN_* method, and who the client is under it (nil where it has no meaning). */
typedef struct {
	uint32_t login;
	TEE_UUID uuid;
} TEE_Identity;

/* One parameter of an entry point or of a call to another TA; paramTypes says which member is meant. */
typedef union {
	struct {
		void *buffer;
		size_t size;
	} memref;
	struct {
		uint32_t a;
		uint32_t b;
	} value;
} TEE_Param;

/* Opaque handles. */
typedef struct __TEE_TASessionHandle *TEE_TASessionHandle;
typedef struct __TEE_PropSetHandle *TEE_PropSetHandle;
typedef struct __TEE_ObjectHandle *TEE_ObjectHandle;
typedef struct __TEE_ObjectEnumHandle *TEE_ObjectEnumHandle;
typedef struct __TEE_OperationHandle *TEE_OperationHandle;

/* Chapter 5: trusted storage. */

typedef uint32_t TEE_ObjectType;
typedef uint32_t TEE_Whence;

typedef struct {
	uint32_t objectType;
	uint32_t objectSize;	/* bits */
	uint32_t maxObjectSize;	/* bits */
	uint32_t objectUsage;	/* TEE_USAGE_* */
	size_t dataSize;	/* bytes */
	size_t dataPosition;	/* bytes */
	uint32_t handleFlags;	/* TEE_HANDLE_FLAG_* and TEE_DATA_FLAG_* */
} TEE_ObjectInfo;

typedef struct {
	uint32_t attributeID;
	union {
		struct {
			void *buffer;
			size_t length;
		} ref;
		struct {
			uint32_t a, b;
		} value;
	} content;
} TEE_Attribute;

/* Chapter 6: cryptographic operations. */

typedef uint32_t TEE_OperationMode;

typedef struct {
	uint32_t algorithm;
	uint32_t operationClass;
	uint32_t mode;
	uint32_t digestLength;		/* bytes */
	uint32_t maxKeySize;		/* bits */
	uint32_t keySize;		/* bits */
	uint32_t requiredKeyUsage;	/* TEE_USAGE_* */
	uint32_t handleState;		/* TEE_HANDLE_FLAG_* */
} TEE_OperationInfo;

typedef struct {
	uint32_t keySize;
	uint32_t requiredKeyUsage;
} TEE_OperationInfoKey;

typedef struct {
	uint32_t algorithm;
	uint32_t operationClass;
	uint32_t mode;
	uint32_t digestLength;
	uint32_t maxKeySize;
	uint32_t handleState;
	uint32_t operationState;	/* TEE_OPERATION_STATE_* */
	uint32_t numberOfKeys;
	TEE_OperationInfoKey keyInformation[];
} TEE_OperationInfoMultiple;

/* Chapter 7: time. */

typedef struct {
	uint32_t seconds;
	uint32_t millis;
} TEE_Time;

/* Chapter 8: big integers, as arrays of 32-bit words. */

typedef uint32_t TEE_BigInt;
typedef uint32_t TEE_BigIntFMM;
typedef uint32_t TEE_BigIntFMMContext;

/* What API 1.1 called some of these, with 32-bit sizes; see <tee_api_compat.h>. */

typedef union {
	struct {
		void *buffer;
		uint32_t size;
	} memref;
	struct {
		uint32_t a;
		uint32_t b;
	} value;
} __GP11_TEE_Param;

typedef struct {
	uint32_t attributeID;
	union {
		struct {
			void *buffer;
			uint32_t length;
		} ref;
		struct {
			uint32_t a, b;
		} value;
	} content;
} __GP11_TEE_Attribute;

typedef struct {
	uint32_t objectType;
	__extension__ union {
		uint32_t keySize;	/* 1.1 */
		uint32_t objectSize;	/* 1.1.1 */
	};
	__extension__ union {
		uint32_t maxKeySize;	/* 1.1 */
		uint32_t maxObjectSize;	/* 1.1.1 */
	};
	uint32_t objectUsage;
	uint32_t dataSize;
	uint32_t dataPosition;
	uint32_t handleFlags;
} __GP11_TEE_ObjectInfo;

/* Names that OP-TEE adds. */

typedef uint32_t TEE_ErrorOrigin;
typedef void *TEE_Session;

#define TEE_MEM_INPUT			0x00000001
#define TEE_MEM_OUTPUT			0x00000002

#define TEE_MEMREF_0_USED		0x00000001
#define TEE_MEMREF_1_USED		0x00000002
#define TEE_MEMREF_2_USED		0x00000004
#define TEE_MEMREF_3_USED		0x00000008

#define TEE_SE_READER_NAME_MAX		20

#endif
