/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The check TA: calls the TEE Internal Core API from inside, as a C program, and looks at what it gets. Each
 * command returns TEE_SUCCESS, or CHECK_FAILED with the line of the check that failed.
 */
#ifndef GP_CHECK_TA_H
#define GP_CHECK_TA_H

/* 77600ea4-7bc9-4460-bd53-5b9c143a9777 */
#define GP_CHECK_TA_UUID \
	{ 0x77600ea4, 0x7bc9, 0x4460, { 0xbd, 0x53, 0x5b, 0x9c, 0x14, 0x3a, 0x97, 0x77 } }
/* The same with API 1.1's entry points and functions: 5cf43db3-b062-42c2-b85d-71a5a8ac31ab */
#define GP11_CHECK_TA_UUID \
	{ 0x5cf43db3, 0xb062, 0x42c2, { 0xb8, 0x5d, 0x71, 0xa5, 0xa8, 0xac, 0x31, 0xab } }

#define CHECK_FAILED		0xBAD00000

#define CHECK_CMD_MEMORY	0
#define CHECK_CMD_PROPERTIES	1
#define CHECK_CMD_OPERATIONS	2
#define CHECK_CMD_DIGESTS	3
#define CHECK_CMD_TIME		4
#define CHECK_CMD_CANCELLATION	5
#define CHECK_CMD_RANDOM	6
#define CHECK_CMD_UUID		7
/* p0 value in: a = which wrong call to make, from 0 to CHECK_WRONG_CALLS - 1. None returns. */
#define CHECK_CMD_WRONG		8
#define CHECK_WRONG_CALLS	18
/* p0 memref out: every byte 0x11, and half its size */
#define CHECK_CMD_MEMREF	9

#endif
