/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The crypto check TA: persistent objects, and persistent time. */
#include <string.h>
#include <crypto_check_ta.h>

#include "check_call.h"

static TEE_ObjectEnumHandle enumerators[CRYPTO_CHECK_SLOTS];

static TEE_ObjectEnumHandle *get_enumerator(struct call *call)
{
	static TEE_ObjectEnumHandle none, wild;
	uint32_t slot = get_u32(call);

	none = TEE_HANDLE_NULL;
	wild = (TEE_ObjectEnumHandle)(uintptr_t)0x1234;
	if (slot < CRYPTO_CHECK_SLOTS)
		return enumerators + slot;
	return slot == CRYPTO_CHECK_WILD ? &wild : &none;
}

/* Bytes that tell where they are from. */
static uint8_t pattern(uint32_t seed, size_t at)
{
	return seed + at + (at >> 8) * 7 + (at >> 16) * 31;
}

static uint8_t *new_pattern(uint32_t seed, size_t len)
{
	uint8_t *bytes = TEE_Malloc(len, TEE_MALLOC_FILL_ZERO);
	size_t at;

	for (at = 0; bytes && at < len; at++)
		bytes[at] = pattern(seed, at);
	return bytes;
}

/* Names may not be in memory that is shared with the client, so what it sends is copied, unless a test is about that. */
static bool left_in_shared;

static const void *get_own_bytes(struct call *call, len_t *len)
{
	const void *bytes = get_bytes(call, len);
	void *own;

	if (!bytes || left_in_shared)
		return bytes;
	own = TEE_Malloc(*len + 1, TEE_MALLOC_FILL_ZERO);
	if (own)
		TEE_MemMove(own, bytes, *len);
	return own;
}

static void free_own_bytes(const void *bytes)
{
	if (!left_in_shared)
		TEE_Free((void *)bytes);
}

static void open_call(struct call *call)
{
	TEE_ObjectHandle *object = get_object(call);
	uint32_t storage = get_u32(call);
	TEE_Result res;
	const void *id;
	len_t len;

	id = get_own_bytes(call, &len);
	res = TEE_OpenPersistentObject(storage, id, len, get_u32(call), object);
	free_own_bytes(id);
	put_u32(call, res);
	put_u32(call, *object != TEE_HANDLE_NULL);
}

static void create_call(struct call *call, bool of_pattern)
{
	uint32_t handle_wanted = get_u32(call);
	TEE_ObjectHandle *object = get_object(call);
	uint32_t storage = get_u32(call);
	TEE_ObjectHandle attributes;
	uint32_t flags, seed;
	const void *id, *data;
	len_t id_len, len;
	TEE_Result res;

	id = get_own_bytes(call, &id_len);
	flags = get_u32(call);
	attributes = *get_object(call);
	if (of_pattern) {
		seed = get_u32(call);
		len = get_u32(call);
		data = new_pattern(seed, len);
	} else {
		data = get_own_bytes(call, &len);
	}
	res = TEE_CreatePersistentObject(storage, id, id_len, flags, attributes, data, len,
					 handle_wanted ? object : NULL);
	if (of_pattern)
		TEE_Free((void *)data);
	else
		free_own_bytes(data);
	free_own_bytes(id);
	put_u32(call, res);
	put_u32(call, *object != TEE_HANDLE_NULL);
}

static void read_pattern_call(struct call *call)
{
	TEE_ObjectHandle object = *get_object(call);
	uint32_t seed = get_u32(call);
	uint32_t len = get_u32(call);
	uint8_t *bytes = TEE_Malloc(len, TEE_MALLOC_FILL_ZERO);
	len_t count = 0;
	size_t at;

	put_u32(call, TEE_ReadObjectData(object, bytes, len, &count));
	put_u32(call, count);
	for (at = 0; at < count && bytes[at] == pattern(seed, at); at++)
		;
	put_u32(call, at);
	TEE_Free(bytes);
}

static void next_call(struct call *call)
{
	TEE_ObjectEnumHandle enumerator = *get_enumerator(call);
	uint32_t with_info = get_u32(call);
	uint8_t id[TEE_OBJECT_ID_MAX_LEN] = { 0 };
	TEE_ObjectInfo info = { 0 };
	len_t len = sizeof(id);
	TEE_Result res;

	/* 0: no information, 1: with it, 2: no room for the name, which ends the TA. */
	res = TEE_GetNextPersistentObject(enumerator, with_info ? &info : NULL, with_info == 2 ? NULL : id, &len);
	put_u32(call, res);
	put_object_info(call, &info);
	put_u32(call, len);
	if (res == TEE_SUCCESS)
		put(call, id, len);
}

/* What there is in a storage, in the order of the names: TEEs come to them in different orders. */
struct listed {
	uint8_t id[TEE_OBJECT_ID_MAX_LEN];
	len_t len;
	TEE_ObjectInfo info;
};

static bool is_before(const struct listed *a, const struct listed *b)
{
	int order = memcmp(a->id, b->id, a->len < b->len ? a->len : b->len);

	return order ? order < 0 : a->len < b->len;
}

static void list_call(struct call *call)
{
	static struct listed listed[CRYPTO_CHECK_LISTED];
	TEE_ObjectEnumHandle enumerator = TEE_HANDLE_NULL;
	struct listed next;
	uint32_t count = 0;
	TEE_Result res;
	uint32_t i;

	res = TEE_AllocatePersistentObjectEnumerator(&enumerator);
	if (res == TEE_SUCCESS)
		res = TEE_StartPersistentObjectEnumerator(enumerator, get_u32(call));
	put_u32(call, res);
	while (res == TEE_SUCCESS && count < CRYPTO_CHECK_LISTED) {
		memset(&next, 0, sizeof(next));
		next.len = sizeof(next.id);
		res = TEE_GetNextPersistentObject(enumerator, &next.info, next.id, &next.len);
		if (res != TEE_SUCCESS)
			break;
		for (i = count++; i && is_before(&next, listed + i - 1); i--)
			listed[i] = listed[i - 1];
		listed[i] = next;
	}
	TEE_FreePersistentObjectEnumerator(enumerator);
	put_u32(call, res);
	put_u32(call, count);
	for (i = 0; i < count; i++) {
		put_object_info(call, &listed[i].info);
		put_u32(call, listed[i].len);
		put(call, listed[i].id, listed[i].len);
	}
}

/* Begins anew after each, since what an enumerator makes of a removal is its own. */
static TEE_Result clear(uint32_t storage)
{
	TEE_ObjectEnumHandle enumerator = TEE_HANDLE_NULL;
	uint8_t id[TEE_OBJECT_ID_MAX_LEN];
	TEE_ObjectHandle object;
	TEE_ObjectInfo info;
	TEE_Result res;
	len_t len;

	res = TEE_AllocatePersistentObjectEnumerator(&enumerator);
	while (res == TEE_SUCCESS) {
		res = TEE_StartPersistentObjectEnumerator(enumerator, storage);
		len = sizeof(id);
		if (res == TEE_SUCCESS)
			res = TEE_GetNextPersistentObject(enumerator, &info, id, &len);
		if (res == TEE_SUCCESS)
			res = TEE_OpenPersistentObject(storage, id, len, TEE_DATA_FLAG_ACCESS_WRITE_META, &object);
		if (res == TEE_SUCCESS)
			res = TEE_CloseAndDeletePersistentObject1(object);
	}
	TEE_FreePersistentObjectEnumerator(enumerator);
	return res == TEE_ERROR_ITEM_NOT_FOUND ? TEE_SUCCESS : res;
}

static TEE_Result enumerator_call(struct call *call, uint32_t command)
{
	TEE_ObjectEnumHandle *enumerator = get_enumerator(call);

	switch (command) {
	case CRYPTO_CHECK_ALLOCATE_ENUMERATOR:
		return TEE_AllocatePersistentObjectEnumerator(enumerator);
	case CRYPTO_CHECK_FREE_ENUMERATOR:
		TEE_FreePersistentObjectEnumerator(*enumerator);
		return TEE_SUCCESS;
	case CRYPTO_CHECK_RESET_ENUMERATOR:
		TEE_ResetPersistentObjectEnumerator(*enumerator);
		return TEE_SUCCESS;
	default:
		return TEE_StartPersistentObjectEnumerator(*enumerator, get_u32(call));
	}
}

static TEE_Result object_data_call(struct call *call, uint32_t command)
{
	TEE_ObjectHandle object = *get_object(call);
	const void *bytes;
	TEE_Result res;
	uint32_t seed;
	uint64_t low;
	len_t len;

	switch (command) {
	case CRYPTO_CHECK_DELETE:
		TEE_CloseAndDeletePersistentObject(object);
		return TEE_SUCCESS;
	case CRYPTO_CHECK_DELETE1:
		return TEE_CloseAndDeletePersistentObject1(object);
	case CRYPTO_CHECK_RENAME:
	case CRYPTO_CHECK_WRITE:
		bytes = get_own_bytes(call, &len);
		if (command == CRYPTO_CHECK_RENAME)
			res = TEE_RenamePersistentObject(object, bytes, len);
		else
			res = TEE_WriteObjectData(object, bytes, len);
		free_own_bytes(bytes);
		return res;
	case CRYPTO_CHECK_WRITE_PATTERN:
		seed = get_u32(call);
		len = get_u32(call);
		bytes = new_pattern(seed, len);
		res = TEE_WriteObjectData(object, bytes, len);
		TEE_Free((void *)bytes);
		return res;
	case CRYPTO_CHECK_TRUNCATE:
		return TEE_TruncateObjectData(object, get_u32(call));
	default:
		low = get_u32(call);
		low |= (uint64_t)get_u32(call) << 32;
		return TEE_SeekObjectData(object, (intmax_t)low, get_u32(call));
	}
}

static void read_call(struct call *call)
{
	TEE_ObjectHandle object = *get_object(call);
	struct room room;
	TEE_Result res;

	get_room(call, &room, NULL, 0);
	res = TEE_ReadObjectData(object, room.buffer, room.len, &room.len);
	put_u32(call, res);
	put_room(call, &room, res);
}

static void time_call(struct call *call, uint32_t command)
{
	TEE_Time time = { 0 };

	if (command == CRYPTO_CHECK_SET_TIME) {
		time.seconds = get_u32(call);
		time.millis = get_u32(call);
		put_u32(call, TEE_SetTAPersistentTime(&time));
		return;
	}
	put_u32(call, TEE_GetTAPersistentTime(&time));
	put_u32(call, time.seconds);
	put_u32(call, time.millis);
}

bool storage_call(struct call *call, uint32_t command)
{
	switch (command) {
	case CRYPTO_CHECK_OPEN:
		open_call(call);
		return true;
	case CRYPTO_CHECK_CREATE:
	case CRYPTO_CHECK_CREATE_PATTERN:
		create_call(call, command == CRYPTO_CHECK_CREATE_PATTERN);
		return true;
	case CRYPTO_CHECK_READ:
		read_call(call);
		return true;
	case CRYPTO_CHECK_READ_PATTERN:
		read_pattern_call(call);
		return true;
	case CRYPTO_CHECK_NEXT:
		next_call(call);
		return true;
	case CRYPTO_CHECK_LIST:
		list_call(call);
		return true;
	case CRYPTO_CHECK_CLEAR:
		put_u32(call, clear(get_u32(call)));
		return true;
	case CRYPTO_CHECK_LEAVE_IN_SHARED:
		left_in_shared = get_u32(call);
		put_u32(call, TEE_SUCCESS);
		return true;
	case CRYPTO_CHECK_GET_TIME:
	case CRYPTO_CHECK_SET_TIME:
		time_call(call, command);
		return true;
	case CRYPTO_CHECK_ALLOCATE_ENUMERATOR:
	case CRYPTO_CHECK_FREE_ENUMERATOR:
	case CRYPTO_CHECK_RESET_ENUMERATOR:
	case CRYPTO_CHECK_START_ENUMERATOR:
		put_u32(call, enumerator_call(call, command));
		return true;
	case CRYPTO_CHECK_DELETE:
	case CRYPTO_CHECK_DELETE1:
	case CRYPTO_CHECK_RENAME:
	case CRYPTO_CHECK_WRITE:
	case CRYPTO_CHECK_WRITE_PATTERN:
	case CRYPTO_CHECK_TRUNCATE:
	case CRYPTO_CHECK_SEEK:
		put_u32(call, object_data_call(call, command));
		return true;
	default:
		return false;
	}
}
