/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#ifndef USER_TA_HEADER_DEFINES_H
#define USER_TA_HEADER_DEFINES_H

#include <gp_check_ta.h>

#define TA_UUID			GP_CHECK_TA_UUID
#define TA_FLAGS		0
#define TA_STACK_SIZE		(16 * 1024)
#define TA_DATA_SIZE		(4 * 1024 * 1024)
/* OP-TEE's second heap, of what is not shared. */
#define TA_NO_SHARE_DATA_SIZE	(32 * 1024)
#define TA_VERSION		"1.0"
#define TA_DESCRIPTION		"Checks the API from inside"

/* One property of each type. */
#define TA_CURRENT_TA_EXT_PROPERTIES \
	{ "check.bool", USER_TA_PROP_TYPE_BOOL, &(const bool){ true } }, \
	{ "check.u32", USER_TA_PROP_TYPE_U32, &(const uint32_t){ 0x12345678 } }, \
	{ "check.u64", USER_TA_PROP_TYPE_U64, &(const uint64_t){ UINT64_C(0x123456789abcdef0) } }, \
	{ "check.uuid", USER_TA_PROP_TYPE_UUID, &(const TEE_UUID)GP_CHECK_TA_UUID }, \
	{ "check.identity", USER_TA_PROP_TYPE_IDENTITY, &(const TEE_Identity){ 4, GP_CHECK_TA_UUID } }, \
	{ "check.string", USER_TA_PROP_TYPE_STRING, "a string" }, \
	{ "check.binary", USER_TA_PROP_TYPE_BINARY_BLOCK, "AAECAwQ=" },

#endif
