/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The big integer TA: calls one function of chapter 8 on what it is given, and gives back what came of it, so that
 * a test can compute the same by other means and compare.
 */
#ifndef BIG_INT_CHECK_TA_H
#define BIG_INT_CHECK_TA_H

/* 9b599c35-f532-459a-bd17-a3ddf197f608 */
#define BIG_INT_CHECK_TA_UUID \
	{ 0x9b599c35, 0xf532, 0x459a, { 0xbd, 0x17, 0xa3, 0xdd, 0xf1, 0x97, 0xf6, 0x08 } }
/* The same with API 1.1's functions: 2df5134b-0c43-4b85-b6df-912dbcc40781 */
#define BIG_INT_GP11_CHECK_TA_UUID \
	{ 0x2df5134b, 0x0c43, 0x4b85, { 0xb6, 0xdf, 0x91, 0x2d, 0xbc, 0xc4, 0x07, 0x81 } }

/*
 * The command is the function. p0 value inout: a = argument of 32 bits (a number, a bit, a level), b = BIG_INT_*;
 * after the call a = what the function returned. p1 memref in: operands. p2 memref out: results, and its size.
 *
 * A number: uint32_t sign (1 is negative), uint32_t length, and as many bytes, most significant first.
 *
 * TEE_ERROR_CORRUPT_OBJECT: a function wrote beyond the words that its result has.
 */

/* In b: bits of each result's capacity. */
#define BIG_INT_CAPACITY(b)	((b) & 0xffff)
/* In b: the operand (from 1) that the first result is written over; 0: none. Then its capacity is the larger one. */
#define BIG_INT_OVER(b)		(((b) >> 16) & 0xf)
/* In b: results (from bit 0) for which null is given. */
#define BIG_INT_NULL(b)		(((b) >> 20) & 0xf)
/* In b: both operands of a function of two are the first. */
#define BIG_INT_SAME(b)		(((b) >> 24) & 0x1)

#define BIG_INT_FROM_OCTETS	0	/* results: 1. a = sign; the operand's bytes, leading zeros as well */
#define BIG_INT_TO_OCTETS	1	/* results: none, but the bytes; a = room for them; b = bytes needed */
#define BIG_INT_FROM_S32	2
#define BIG_INT_TO_S32		3	/* b = the number */
#define BIG_INT_CMP		4
#define BIG_INT_CMP_S32		5
#define BIG_INT_SHIFT_RIGHT	6
#define BIG_INT_GET_BIT		7
#define BIG_INT_GET_BIT_COUNT	8
#define BIG_INT_SET_BIT		9	/* result: the operand. a = bit, and 1 << 31 to set it */
#define BIG_INT_ASSIGN		10
#define BIG_INT_ABS		11
#define BIG_INT_ADD		12
#define BIG_INT_SUB		13
#define BIG_INT_NEG		14
#define BIG_INT_MUL		15
#define BIG_INT_SQUARE		16
#define BIG_INT_DIV		17	/* results: 2 */
#define BIG_INT_MOD		18
#define BIG_INT_ADD_MOD		19
#define BIG_INT_SUB_MOD		20
#define BIG_INT_MUL_MOD		21
#define BIG_INT_SQUARE_MOD	22
#define BIG_INT_INV_MOD		23
#define BIG_INT_EXP_MOD		24	/* a = 1: with a context */
#define BIG_INT_RELATIVE_PRIME	25
#define BIG_INT_EXTENDED_GCD	26	/* results: 3 */
#define BIG_INT_IS_PRIME	27
#define BIG_INT_FMM		28	/* op1 * op2 modulo op3, in FMM forms. a = 1: InitFMMContext1 */
#define BIG_INT_FMM_POWER	29	/* op1 to the power of a modulo op2, as products of forms over one another */
#define BIG_INT_SIZES		30	/* a = bits; returns the FMM form's words, b = the context's */
#define BIG_INT_LIMIT		31	/* returns the property gpd.tee.arith.maxBigIntSize */
/* p0 value in: a = which wrong call to make, from 0 to BIG_INT_WRONG_CALLS - 1. None returns. */
#define BIG_INT_WRONG		32
#define BIG_INT_WRONG_CALLS	17

#endif
