/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What the TA and its clients agree on. */
#ifndef HELLO_TA_H
#define HELLO_TA_H

/* 429682e4-b32c-440f-80c3-e8cabee3494b */
#define HELLO_TA_UUID \
	{ 0x429682e4, 0xb32c, 0x440f, { 0x80, 0xc3, 0xe8, 0xca, 0xbe, 0xe3, 0x49, 0x4b } }

/* p0 value inout: a becomes a + 1 */
#define HELLO_CMD_INCREMENT	0

#endif
