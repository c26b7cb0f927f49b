/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#ifndef USER_TA_HEADER_DEFINES_H
#define USER_TA_HEADER_DEFINES_H

#include <probe_ta.h>

#define TA_UUID			PROBE_SMALL_TA_UUID
#define TA_FLAGS		0
#define TA_STACK_SIZE		(16 * 1024)
#define TA_DATA_SIZE		(32 * 1024)
#define TA_VERSION		"1.0"
#define TA_DESCRIPTION		"Probe with an instance per session, for many of them"

#endif
