/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#ifndef USER_TA_HEADER_DEFINES_H
#define USER_TA_HEADER_DEFINES_H

#include <buggy_ta.h>

#define TA_UUID			BUGGY_TA_UUID
#define TA_FLAGS		0
#define TA_STACK_SIZE		(4 * 1024)
#define TA_DATA_SIZE		(32 * 1024)
#define TA_DESCRIPTION		"Something to find with ta-debug"

#endif
