/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* How the TA's commands take their arguments and give their results. */
#ifndef CHECK_CALL_H
#define CHECK_CALL_H

#include <stdbool.h>
#include <tee_internal_api.h>

/* What API 1.1 has of 32 bits. */
#if __OPTEE_CORE_API_COMPAT_1_1
typedef uint32_t len_t;
#else
typedef size_t len_t;
#endif

/* What is read and written. Where a test has it wrong, the rest is read as zeros, or not written. */
struct call {
	const uint8_t *in;
	size_t in_len;
	uint8_t *out;
	size_t out_len;
	size_t out_max;
};

/* A buffer to write to. */
struct room {
	void *buffer;
	void *owned;
	len_t len;
};

uint32_t get_u32(struct call *call);
const void *get_bytes(struct call *call, len_t *len);
TEE_ObjectHandle *get_object(struct call *call);

/* In place: the input is moved to where the output begins. */
void get_room(struct call *call, struct room *room, const void **in, len_t in_len);

void put(struct call *call, const void *data, size_t len);
void put_u32(struct call *call, uint32_t value);
void put_room(struct call *call, struct room *room, TEE_Result res);
void put_object_info(struct call *call, const TEE_ObjectInfo *info);

/* The commands of secure storage; false for others. */
bool storage_call(struct call *call, uint32_t command);

#endif
