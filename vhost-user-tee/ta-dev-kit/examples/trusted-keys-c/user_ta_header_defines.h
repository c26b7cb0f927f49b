/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#ifndef USER_TA_HEADER_DEFINES_H
#define USER_TA_HEADER_DEFINES_H

#include <trusted_keys_ta.h>

#define TA_UUID			TRUSTED_KEYS_TA_UUID

/* The kernel keeps one session. It is told of the TA, and binds its driver to it. */
#define TA_FLAGS		(TA_FLAG_SINGLE_INSTANCE | TA_FLAG_MULTI_SESSION | TA_FLAG_DEVICE_ENUM)
#define TA_STACK_SIZE		(8 * 1024)
#define TA_DATA_SIZE		(32 * 1024)

#define TA_VERSION		"1.0"
#define TA_DESCRIPTION		"Trusted keys of the client's kernel"

#endif
