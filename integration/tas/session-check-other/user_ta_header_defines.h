/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#ifndef USER_TA_HEADER_DEFINES_H
#define USER_TA_HEADER_DEFINES_H

#include <session_check_ta.h>

#define TA_UUID			SESSION_CHECK_OTHER_TA_UUID
#define TA_FLAGS		(TA_FLAG_SINGLE_INSTANCE | TA_FLAG_MULTI_SESSION)
#define TA_STACK_SIZE		(16 * 1024)
#define TA_DATA_SIZE		(2 * 1024 * 1024)
#define TA_VERSION		"1.0"
#define TA_DESCRIPTION		"A client of other TAs, with one instance for all too"

#endif
