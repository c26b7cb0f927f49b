/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What the TA is; src/user_ta_header.c of the dev kit makes the TA's header of it. */
#ifndef USER_TA_HEADER_DEFINES_H
#define USER_TA_HEADER_DEFINES_H

#include <sha256_ta.h>

#define TA_UUID			SHA256_TA_UUID

/* One instance per session; see TA_FLAG_* in user_ta_header.h for other ways. */
#define TA_FLAGS		0
#define TA_STACK_SIZE		(4 * 1024)
#define TA_DATA_SIZE		(32 * 1024)

#define TA_VERSION		"1.0"
#define TA_DESCRIPTION		"SHA-256 over a buffer of the client, in place"

#endif
