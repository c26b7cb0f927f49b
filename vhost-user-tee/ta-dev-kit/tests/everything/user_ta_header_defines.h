/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#ifndef USER_TA_HEADER_DEFINES_H
#define USER_TA_HEADER_DEFINES_H

#include <everything.h>

#define TA_UUID			EVERYTHING_TA_UUID
#define TA_FLAGS		TA_FLAG_EXEC_DDR
#define TA_STACK_SIZE		(16 * 1024)
#define TA_DATA_SIZE		(1024 * 1024)
#define TA_VERSION		"1.0"
#define TA_DESCRIPTION		"Everything that a TA tree can be made of"

#define TA_CURRENT_TA_EXT_PROPERTIES \
	{ "everything.number", USER_TA_PROP_TYPE_U32, &(const uint32_t){ 70 } }, \
	{ "everything.yes", USER_TA_PROP_TYPE_BOOL, &(const bool){ true } },

#endif
