/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The session-check TA: a client of other TAs, which does what it is told and tells what it got. One source, four
 * UUIDs.
 */
#ifndef SESSION_CHECK_TA_H
#define SESSION_CHECK_TA_H

/* Multi-instance. */
#define SESSION_CHECK_TA_UUID \
	{ 0x2cbd3a4e, 0x6d3f, 0x4f08, { 0x8c, 0x35, 0x0e, 0x91, 0x7b, 0xd2, 0x64, 0xa1 } }
/*
 * SINGLE_INSTANCE | MULTI_SESSION | CACHE_MAINTENANCE; its TA_CreateEntryPoint and TA_DestroyEntryPoint each call
 * PROBE_CMD_NOP of the shared probe in a session of their own.
 */
#define SESSION_CHECK_SINGLE_TA_UUID \
	{ 0x9e0b6c15, 0x41a7, 0x4d6a, { 0xb2, 0x77, 0x53, 0xc8, 0x1f, 0x0a, 0xe6, 0x9d } }
/* SINGLE_INSTANCE | MULTI_SESSION */
#define SESSION_CHECK_OTHER_TA_UUID \
	{ 0xc7f5e310, 0x8d24, 0x4a9e, { 0x9b, 0x16, 0x70, 0xa2, 0xd8, 0x4f, 0xc5, 0x3b } }
/* Multi-instance, with API 1.1. */
#define SESSION_CHECK_GP11_TA_UUID \
	{ 0x6f4d8a02, 0x93e1, 0x4b7c, { 0xa5, 0x0d, 0xc2, 0x38, 0x74, 0x1b, 0x5f, 0xe8 } }

#define SESSION_CHECK_SESSIONS	300	/* that an instance can keep */

/*
 * p0 memref in: a TEE_UUID; p1 value in: a = timeout in ms, b = not 0: unmask cancellation;
 * p2 value out: a = result, b = origin; p3 value out: a = number of the session
 */
#define SESSION_CHECK_CMD_OPEN	0
/* p0 value in: a = number of the session, or SESSION_CHECK_NO_SESSION for one that never was */
#define SESSION_CHECK_CMD_CLOSE	1
#define SESSION_CHECK_NO_SESSION	0xffff
/*
 * p0 value inout: a = number of the session | flags, b = command; then a = result, b = origin;
 * p1 value inout: every value parameter of the call; then the last that came back, or, where a buffer did, its size
 * in a; p2 memref inout: every memref parameter of the call; p3 value in: a = timeout, b = paramTypes of the call
 */
#define SESSION_CHECK_CMD_INVOKE	2
#define SESSION_CHECK_OWN	0x10000	/* memrefs are copies in the TA's own memory, copied back where they are outputs */
#define SESSION_CHECK_PART	0x20000	/* memrefs are p2 without its first 16 and last 16 bytes */
#define SESSION_CHECK_NULL	0x40000	/* memrefs are NULL, of p2's size */
#define SESSION_CHECK_WILD	0x80000	/* memrefs are where nothing is */
#define SESSION_CHECK_CONST	0x100000 /* memrefs are in memory that the TA cannot write */
#define SESSION_CHECK_UNMASK	0x200000 /* cancellation is unmasked */
#define SESSION_CHECK_INPUT	0x400000 /* p2 is a memref in */
/*
 * p0 memref in: TEE_UUIDs of session-check TAs, each of which opens a session with the next and passes the rest on;
 * p1 value out: a = result of the last call, b = its origin; p2 value out: a = how many were reached
 */
#define SESSION_CHECK_CMD_CHAIN	3
/*
 * p0 value in: a = number of a session with a session-check TA, b = the number that is passed on to it, where it
 * does the same, or SESSION_CHECK_NO_SESSION for neither; p1 value out: a = result of the last call, b = its origin
 */
#define SESSION_CHECK_CMD_CALL_BACK	4
/* p0 value in: a = bytes, b = flags: PTA_SYSTEM_MAP_ZI and PTA_SYSTEM_UNMAP; p1 value out: results of both */
#define SESSION_CHECK_CMD_MAP	5
/* p0 value in: a = 0 clean, 1 flush, 2 invalidate, b = not 0: of the TA's own memory; p1 memref inout: returns it */
#define SESSION_CHECK_CMD_CACHE	6
/* p0 value out: a = result of the calls in TA_CreateEntryPoint */
#define SESSION_CHECK_CMD_CREATED	7
/* p0 value in: a = which wrong call to make, from 0 to SESSION_CHECK_WRONG_CALLS - 1. None returns. */
#define SESSION_CHECK_CMD_WRONG	8
#define SESSION_CHECK_WRONG_CALLS	5
/*
 * p0 value in: a = port, b = TEE_ISOCKET_PROTOCOLID_*; p1 memref in: the server's address, with its 0; p2 memref
 * inout: what is sent, then what is received; p3 value inout: a = timeout in ms, b = bytes to send; then a = the first
 * result that is none of success, b = bytes received | the call that it is of << 24: 1 open, 2 send, 3 receive,
 * 4 close. Cancellation is unmasked.
 */
#define SESSION_CHECK_CMD_SOCKET	9

#endif
