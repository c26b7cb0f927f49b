/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The probe TA: does on request what a well-behaved TA does, and what it must not do, so that tests
 * can see what becomes of it. One source, four UUIDs that differ in their instance flags and memory.
 */
#ifndef PROBE_TA_H
#define PROBE_TA_H

/* Multi-instance: a process per session. */
#define PROBE_TA_UUID \
	{ 0x355ca50a, 0x8cb4, 0x4de0, { 0xa6, 0x33, 0x59, 0xe1, 0x7a, 0xfc, 0x16, 0xfb } }
/* SINGLE_INSTANCE | MULTI_SESSION | INSTANCE_KEEP_ALIVE */
#define PROBE_SHARED_TA_UUID \
	{ 0x158c5fdd, 0x5a4d, 0x48db, { 0x89, 0x2e, 0x10, 0x8b, 0x85, 0x81, 0x39, 0x6a } }
/* SINGLE_INSTANCE */
#define PROBE_EXCLUSIVE_TA_UUID \
	{ 0xd9e2d36e, 0xa280, 0x4f3b, { 0xbd, 0x3f, 0xfe, 0xaa, 0x43, 0x4d, 0xf1, 0xab } }
/* Multi-instance, in so little memory that OP-TEE has room for many: no command that takes much of it works. */
#define PROBE_SMALL_TA_UUID \
	{ 0x2326ff23, 0x32ef, 0x451d, { 0x9f, 0xd3, 0xf9, 0xb3, 0x5e, 0xf5, 0x66, 0xee } }

/*
 * OpenSession: with p0 value input or inout, returns p0.a (0 opens the session); with none, opens. Inout: a and b
 * change places.
 */

#define PROBE_CMD_NOP 0		/* any parameters: none is touched */
#define PROBE_CMD_SWAP 1	/* p0 value inout: a and b change places */
#define PROBE_CMD_RETURN 2	/* p0 value in: returns p0.a */
#define PROBE_CMD_SLEEP 3	/* p0 value in: TEE_Wait(p0.a ms), cancellation unmasked */
#define PROBE_CMD_SLEEP_MASKED 4 /* the same, cancellation masked */
#define PROBE_CMD_PANIC 5	/* p0 value in: TEE_Panic(p0.a) */
#define PROBE_CMD_CRASH 6	/* writes through a null pointer */
#define PROBE_CMD_SPIN 7	/* never returns */
#define PROBE_CMD_TOUCH 8	/* p0 memref inout, p1 value inout: byte at p1.a += 1; p1.b = new byte */
/*
 * p0 memref inout, p1 value inout: sets byte p1.b to 1, waits (60 s at most) until byte p1.a is not
 * 0, sets byte p1.b to that byte + 1. p1.a = the byte seen. TEE_ERROR_GENERIC when it gave up.
 * Asked to be cancelled, it sets byte p1.b to PROBE_WATCH_CANCELLED, and waits on, for 10 s at most.
 */
#define PROBE_CMD_WATCH 9
#define PROBE_WATCH_CANCELLED 100
#define PROBE_CMD_FILL 10	/* p0 memref out, p1 value in: every byte = p1.a */
/* p0 memref out, p1 value in: needs p1.a bytes; fills them with 0x5a, or TEE_ERROR_SHORT_BUFFER */
#define PROBE_CMD_SHORT_BUFFER 11
#define PROBE_CMD_COUNT 12	/* p0 value out: a = calls of this instance, b = of this session */
#define PROBE_CMD_ALLOC 13	/* p0 value in: TEE_Malloc(p0.a bytes) and touch all; freed again */
#define PROBE_CMD_SYSCALL 14	/* p0 value in: raw system call p0.a with first argument p0.b */
#define PROBE_CMD_SUM 15	/* p0 memref in, p1 value out: a, b = low and high half of the bytes' sum */
/* p0 value out: a = login of this session's client; p1 memref out: 16 bytes, its TEE_UUID */
#define PROBE_CMD_IDENTITY 16
#define PROBE_CMD_NULL_MEMREF 17 /* p0 memref, p1 value out: a = 1 if its buffer is NULL, b = size */
#define PROBE_CMD_LOG 18	/* prints one line at each trace level */
#define PROBE_CMD_RANDOM 19	/* p0 memref out: TEE_GenerateRandom */
#define PROBE_CMD_TIME 20	/* p0 value out: system time s, ms; p1 value out: REE time s, ms */
#define PROBE_CMD_DIGEST 21	/* p0 value in: a = TEE_ALG_* of a digest; p1 memref in; p2 memref out */
/* p0 value in: a = 0 TA, 1 client, 2 TEE property set; p1 memref in: name; p2 memref out: string */
#define PROBE_CMD_PROPERTY 22
/* p0 memref any; p1 value in: a = TEE_MEMORY_ACCESS_* flags: TEE_CheckMemoryAccessRights on p0 */
#define PROBE_CMD_CHECK_ACCESS 23
/*
 * p0 memref in, p1 memref out, p2 memref inout, of one size, or TEE_ERROR_BAD_PARAMETERS: each byte of p1
 * becomes p0's ^ p2's, and each of p2 then p0's + p2's.
 */
#define PROBE_CMD_MIX 24
#define PROBE_CMD_ECHO 25	/* p0 memref in, p1 memref out: p0's bytes, or TEE_ERROR_SHORT_BUFFER */
/*
 * p0 value inout, p1 memref inout, p2 value in: a and b of p0 change places, each byte of p1 goes up by one, its size
 * becomes p2.b; returns p2.a.
 */
#define PROBE_CMD_FAIL 26

#endif
