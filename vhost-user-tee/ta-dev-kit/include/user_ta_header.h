/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What the loader reads of a TA: section .ta_head, and the TA's properties. */
#ifndef USER_TA_HEADER_H
#define USER_TA_HEADER_H

#include <gp/entry_points.h>
#include <tee_api_types.h>
#include <util.h>

__BEGIN_DECLS

/* One instance for all clients; it takes more than one session at a time; it stays after the last. */
#define TA_FLAG_SINGLE_INSTANCE			BIT32(2)
#define TA_FLAG_MULTI_SESSION			BIT32(3)
#define TA_FLAG_INSTANCE_KEEP_ALIVE		BIT32(4)
#define TA_FLAG_SECURE_DATA_PATH		BIT32(5)
#define TA_FLAG_CACHE_MAINTENANCE		BIT32(7)
#define TA_FLAG_CONCURRENT			BIT32(8)
/* The normal world's kernel makes a device for it: at once, with tee-supplicant, with secure storage. */
#define TA_FLAG_DEVICE_ENUM			BIT32(9)
#define TA_FLAG_DEVICE_ENUM_SUPP		BIT32(10)
#define TA_FLAG_DONT_CLOSE_HANDLE_ON_CORRUPT_OBJECT	BIT32(11)
#define TA_FLAG_DEVICE_ENUM_TEE_STORAGE_PRIVATE	BIT32(12)
/* An instance that panicked is not replaced. */
#define TA_FLAG_INSTANCE_KEEP_CRASHED		BIT32(13)
#define TA_FLAGS_MASK				GENMASK_32(13, 0)

/* Older TAs name these; they mean nothing any more. */
#define TA_FLAG_USER_MODE			0
#define TA_FLAG_EXEC_DDR			0
#define TA_FLAG_REMAP_SUPPORT			0

struct ta_head {
	TEE_UUID uuid;
	uint32_t stack_size;	/* bytes */
	uint32_t flags;		/* TA_FLAG_* */
	uint64_t depr_entry;	/* all ones */
};

/* Properties that every TA has (API 1.3.1, section 4.5), and OP-TEE's. */
#define TA_PROP_STR_SINGLE_INSTANCE		"gpd.ta.singleInstance"
#define TA_PROP_STR_MULTI_SESSION		"gpd.ta.multiSession"
#define TA_PROP_STR_KEEP_ALIVE			"gpd.ta.instanceKeepAlive"
#define TA_PROP_STR_KEEP_CRASHED		"optee.ta.instanceKeepCrashed"
#define TA_PROP_STR_DATA_SIZE			"gpd.ta.dataSize"
#define TA_PROP_STR_STACK_SIZE			"gpd.ta.stackSize"
#define TA_PROP_STR_VERSION			"gpd.ta.version"
#define TA_PROP_STR_DESCRIPTION			"gpd.ta.description"
#define TA_PROP_STR_ENDIAN			"gpd.ta.endian"
#define TA_PROP_STR_DOES_NOT_CLOSE_HANDLE_ON_CORRUPT_OBJECT \
	"gpd.ta.doesNotCloseHandleOnCorruptObject"

/* What user_ta_property.value points to. */
enum user_ta_prop_type {
	USER_TA_PROP_TYPE_BOOL,		/* bool */
	USER_TA_PROP_TYPE_U32,		/* uint32_t */
	USER_TA_PROP_TYPE_UUID,		/* TEE_UUID */
	USER_TA_PROP_TYPE_IDENTITY,	/* TEE_Identity */
	USER_TA_PROP_TYPE_STRING,	/* zero-terminated */
	USER_TA_PROP_TYPE_BINARY_BLOCK,	/* base64, zero-terminated */
	USER_TA_PROP_TYPE_U64,		/* uint64_t */
	USER_TA_PROP_TYPE_INVALID,
};

struct user_ta_property {
	const char *name;
	enum user_ta_prop_type type;
	const void *value;
};

extern const struct ta_head ta_head TA_EXPORT;
extern const struct user_ta_property ta_props[] TA_EXPORT;
extern const size_t ta_num_props TA_EXPORT;

__END_DECLS

#endif
