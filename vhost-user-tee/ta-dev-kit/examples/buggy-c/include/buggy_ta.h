/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#ifndef BUGGY_TA_H
#define BUGGY_TA_H

#define BUGGY_TA_UUID \
	{ 0xe4c1f6a4, 0x3c0e, 0x4a9e, { 0x9d, 0x0f, 0x3a, 0x4d, 0x4b, 0x0c, 0xb7, 0xa1 } }

/* p0 memref in: "LEN" and a digit, then so many characters; p1 value out: how many of them are "x". */
#define BUGGY_CMD_COUNT		0
/* p0 value inout: a becomes a * b. */
#define BUGGY_CMD_MULTIPLY	1

#endif
