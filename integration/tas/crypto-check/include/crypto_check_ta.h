/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The crypto check TA: each command is one call of a function of chapters 5 and 6, so that a test can make any
 * sequence of calls.
 *
 * p0 memref in: what the function is given, one after the other, in the machine's byte order:
 *   u32
 *   slot: u32, where a handle is kept; CRYPTO_CHECK_NONE for no handle, CRYPTO_CHECK_WILD for one never given out
 *   bytes: u32 length, then so many bytes; CRYPTO_CHECK_NULL for a null pointer, of length 0
 *   room: u32, how long a buffer is written to; with CRYPTO_CHECK_IN_PLACE it begins where the input lies, and
 *   CRYPTO_CHECK_NULL for a null pointer
 *   attributes: u32 count; for each u32 number; then bytes, or where it is a value two u32
 * p1 memref out: what came of it:
 *   u32 result (TEE_SUCCESS of a function that has none), then as each command says; an output is
 *   u32 length as the function left it, then so many bytes where it succeeded
 *
 * The command returns TEE_SUCCESS where the function returned.
 */
#ifndef CRYPTO_CHECK_TA_H
#define CRYPTO_CHECK_TA_H

/* a5a3d9a0-6e0e-4c4e-9a55-6f0f8d1f3b27 */
#define CRYPTO_CHECK_TA_UUID \
	{ 0xa5a3d9a0, 0x6e0e, 0x4c4e, { 0x9a, 0x55, 0x6f, 0x0f, 0x8d, 0x1f, 0x3b, 0x27 } }
/* The same with API 1.1's functions: 3f0a1d0e-52c7-4b7b-8a39-0f6b51c9e6d4 */
#define CRYPTO_CHECK_GP11_TA_UUID \
	{ 0x3f0a1d0e, 0x52c7, 0x4b7b, { 0x8a, 0x39, 0x0f, 0x6b, 0x51, 0xc9, 0xe6, 0xd4 } }

#define CRYPTO_CHECK_SLOTS	16
#define CRYPTO_CHECK_NONE	0xFFFFFFFF
#define CRYPTO_CHECK_WILD	0xFFFFFFFE
#define CRYPTO_CHECK_NULL	0xFFFFFFFF
#define CRYPTO_CHECK_IN_PLACE	0x80000000

/* Objects. */
#define CRYPTO_CHECK_ALLOCATE_OBJECT	1	/* slot, u32 type, u32 size */
#define CRYPTO_CHECK_FREE_OBJECT	2	/* slot */
#define CRYPTO_CHECK_CLOSE_OBJECT	3	/* slot */
#define CRYPTO_CHECK_RESET_OBJECT	4	/* slot */
#define CRYPTO_CHECK_POPULATE		5	/* slot, attributes */
#define CRYPTO_CHECK_COPY_ATTRIBUTES	6	/* slot, slot */
#define CRYPTO_CHECK_COPY_ATTRIBUTES1	7	/* slot, slot */
#define CRYPTO_CHECK_GENERATE_KEY	8	/* slot, u32 size, attributes */
#define CRYPTO_CHECK_RESTRICT		9	/* slot, u32 usage */
#define CRYPTO_CHECK_RESTRICT1		10	/* slot, u32 usage */
#define CRYPTO_CHECK_OBJECT_INFO	11	/* slot; out: seven u32 */
#define CRYPTO_CHECK_OBJECT_INFO1	12	/* slot; out: seven u32 */
#define CRYPTO_CHECK_BUFFER_ATTRIBUTE	13	/* slot, u32 number, room; out: output */
#define CRYPTO_CHECK_VALUE_ATTRIBUTE	14	/* slot, u32 number; out: two u32 */
#define CRYPTO_CHECK_INIT_REF		15	/* u32 number, bytes; out: bytes as they are referred to */
#define CRYPTO_CHECK_INIT_VALUE		16	/* u32 number, u32, u32; out: two u32 */

/* Operations. */
#define CRYPTO_CHECK_ALLOCATE_OPERATION	20	/* slot, u32 algorithm, u32 mode, u32 size */
#define CRYPTO_CHECK_FREE_OPERATION	21	/* slot */
#define CRYPTO_CHECK_RESET_OPERATION	22	/* slot */
#define CRYPTO_CHECK_COPY_OPERATION	23	/* slot, slot */
#define CRYPTO_CHECK_SET_KEY		24	/* slot, slot of the object */
#define CRYPTO_CHECK_SET_KEY2		25	/* slot, slots of two objects */
#define CRYPTO_CHECK_OPERATION_INFO	26	/* slot; out: eight u32 */
#define CRYPTO_CHECK_OPERATION_INFO_MULTIPLE 27	/* slot, room; out: output */
#define CRYPTO_CHECK_IS_SUPPORTED	28	/* u32 algorithm, u32 element */

#define CRYPTO_CHECK_CIPHER_INIT	30	/* slot, bytes */
#define CRYPTO_CHECK_CIPHER_UPDATE	31	/* slot, bytes, room; out: output */
#define CRYPTO_CHECK_CIPHER_FINAL	32	/* slot, bytes, room; out: output */

#define CRYPTO_CHECK_MAC_INIT		40	/* slot, bytes */
#define CRYPTO_CHECK_MAC_UPDATE		41	/* slot, bytes */
#define CRYPTO_CHECK_MAC_COMPUTE	42	/* slot, bytes, room; out: output */
#define CRYPTO_CHECK_MAC_COMPARE	43	/* slot, bytes, bytes */

#define CRYPTO_CHECK_AE_INIT		50	/* slot, bytes, u32 tag, u32 AAD, u32 payload */
#define CRYPTO_CHECK_AE_UPDATE_AAD	51	/* slot, bytes */
#define CRYPTO_CHECK_AE_UPDATE		52	/* slot, bytes, room; out: output */
#define CRYPTO_CHECK_AE_ENCRYPT		53	/* slot, bytes, room, room of the tag; out: output, output */
#define CRYPTO_CHECK_AE_DECRYPT		54	/* slot, bytes, room, bytes of the tag; out: output */

/* Asymmetric keys. */
#define CRYPTO_CHECK_ENCRYPT		60	/* slot, attributes, bytes, room; out: output */
#define CRYPTO_CHECK_DECRYPT		61	/* slot, attributes, bytes, room; out: output */
#define CRYPTO_CHECK_SIGN		62	/* slot, attributes, bytes, room; out: output */
#define CRYPTO_CHECK_VERIFY		63	/* slot, attributes, bytes, bytes of the signature */

/* slot, slot of the object, attributes; out: output of TEE_ATTR_SM2_KEP_CONFIRMATION_OUT, where that is there */
#define CRYPTO_CHECK_DERIVE		70

/* Persistent objects. wanted: u32, whether a handle is. enumerator: a slot, of its own kind. */
#define CRYPTO_CHECK_OPEN		80	/* slot, u32 storage, bytes, u32 flags; out: u32 whether there is a handle */
/* wanted, slot, u32 storage, bytes, u32 flags, slot of attributes, bytes; out: u32 whether there is a handle */
#define CRYPTO_CHECK_CREATE		81
#define CRYPTO_CHECK_DELETE		82	/* slot */
#define CRYPTO_CHECK_DELETE1		83	/* slot */
#define CRYPTO_CHECK_RENAME		84	/* slot, bytes */
#define CRYPTO_CHECK_READ		85	/* slot, room; out: output */
#define CRYPTO_CHECK_WRITE		86	/* slot, bytes */
#define CRYPTO_CHECK_TRUNCATE		87	/* slot, u32 size */
#define CRYPTO_CHECK_SEEK		88	/* slot, two u32 of the offset, lower first, u32 whence */
#define CRYPTO_CHECK_ALLOCATE_ENUMERATOR 89	/* enumerator */
#define CRYPTO_CHECK_FREE_ENUMERATOR	90	/* enumerator */
#define CRYPTO_CHECK_RESET_ENUMERATOR	91	/* enumerator */
#define CRYPTO_CHECK_START_ENUMERATOR	92	/* enumerator, u32 storage */
#define CRYPTO_CHECK_NEXT		93	/* enumerator, u32 0 to 2; out: seven u32, output */
#define CRYPTO_CHECK_GET_TIME		94	/* out: two u32 */
#define CRYPTO_CHECK_SET_TIME		95	/* two u32 */
/* Of long data, which the TA makes of a seed and a length. */
#define CRYPTO_CHECK_CREATE_PATTERN	96	/* as CREATE, but u32 seed, u32 length for the last bytes */
#define CRYPTO_CHECK_WRITE_PATTERN	97	/* slot, u32 seed, u32 length */
#define CRYPTO_CHECK_READ_PATTERN	98	/* slot, u32 seed, u32 length; out: u32 count, u32 how many are right */
/*
 * u32 storage; out: u32 result of the last call, u32 count, then of each object seven u32, output, in the order of their
 * names; CRYPTO_CHECK_LISTED at most
 */
#define CRYPTO_CHECK_LIST		99
#define CRYPTO_CHECK_LISTED		32
#define CRYPTO_CHECK_CLEAR		100	/* u32 storage: removes all that is there */
/* u32: not 0: names and data of these commands are left where the client has put them; they are copied otherwise */
#define CRYPTO_CHECK_LEAVE_IN_SHARED	101

#endif
