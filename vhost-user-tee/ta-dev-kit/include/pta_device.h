/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The device pseudo TA: which TAs and pseudo TAs are devices on the guest's TEE bus. */
#ifndef PTA_DEVICE_H
#define PTA_DEVICE_H

/* 7011a688-ddde-4053-a5a9-7b3c4ddf13b8 */
#define PTA_DEVICE_UUID \
	{ 0x7011a688, 0xddde, 0x4053, { 0xa5, 0xa9, 0x7b, 0x3c, 0x4d, 0xdf, 0x13, 0xb8 } }

/*
 * Each: p0 memref out: UUIDs of 16 bytes, in the byte order of RFC 4122; TEE_ERROR_SHORT_BUFFER, and the size that
 * is needed, where they do not fit.
 */
#define PTA_CMD_GET_DEVICES		0x0	/* TA_FLAG_DEVICE_ENUM */
#define PTA_CMD_GET_DEVICES_SUPP	0x1	/* TA_FLAG_DEVICE_ENUM_SUPP */
#define PTA_CMD_GET_DEVICES_RPMB	0x2	/* TA_FLAG_DEVICE_ENUM_TEE_STORAGE_PRIVATE */

#endif
