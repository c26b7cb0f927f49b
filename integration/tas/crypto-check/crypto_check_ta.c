/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The crypto check TA: see include/crypto_check_ta.h. */
#include <string.h>
#include <tee_internal_api.h>
#include <tee_internal_api_extensions.h>
#include <crypto_check_ta.h>

#include "check_call.h"

#define MAX_ATTRIBUTES	12

static TEE_ObjectHandle objects[CRYPTO_CHECK_SLOTS];
static TEE_OperationHandle operations[CRYPTO_CHECK_SLOTS];

uint32_t get_u32(struct call *call)
{
	uint32_t value = 0;

	if (call->in_len < sizeof(value))
		return 0;
	memcpy(&value, call->in, sizeof(value));
	call->in += sizeof(value);
	call->in_len -= sizeof(value);
	return value;
}

const void *get_bytes(struct call *call, len_t *len)
{
	uint32_t told = get_u32(call);
	const void *bytes = call->in;

	*len = 0;
	if (told == CRYPTO_CHECK_NULL || told > call->in_len)
		return NULL;
	call->in += told;
	call->in_len -= told;
	*len = told;
	return bytes;
}

TEE_ObjectHandle *get_object(struct call *call)
{
	static TEE_ObjectHandle none, wild;
	uint32_t slot = get_u32(call);

	none = TEE_HANDLE_NULL;
	wild = (TEE_ObjectHandle)(uintptr_t)0x1234;
	if (slot < CRYPTO_CHECK_SLOTS)
		return objects + slot;
	return slot == CRYPTO_CHECK_WILD ? &wild : &none;
}

static TEE_OperationHandle *get_operation(struct call *call)
{
	static TEE_OperationHandle none, wild;
	uint32_t slot = get_u32(call);

	none = TEE_HANDLE_NULL;
	wild = (TEE_OperationHandle)(uintptr_t)0x1234;
	if (slot < CRYPTO_CHECK_SLOTS)
		return operations + slot;
	return slot == CRYPTO_CHECK_WILD ? &wild : &none;
}

/* The attributes refer to what is read. */
static uint32_t get_attributes(struct call *call, TEE_Attribute *attributes)
{
	uint32_t count = get_u32(call);
	const void *bytes;
	uint32_t i, id, a;
	len_t len;

	if (count > MAX_ATTRIBUTES)
		count = MAX_ATTRIBUTES;
	for (i = 0; i < count; i++) {
		id = get_u32(call);
		if (id & TEE_ATTR_FLAG_VALUE) {
			a = get_u32(call);
			TEE_InitValueAttribute(attributes + i, id, a, get_u32(call));
		} else {
			bytes = get_bytes(call, &len);
			TEE_InitRefAttribute(attributes + i, id, bytes, len);
		}
	}
	return count;
}

void get_room(struct call *call, struct room *room, const void **in, len_t in_len)
{
	uint32_t told = get_u32(call);
	size_t size;

	memset(room, 0, sizeof(*room));
	if (told == CRYPTO_CHECK_NULL)
		return;
	room->len = told & ~CRYPTO_CHECK_IN_PLACE;
	size = room->len > in_len ? room->len : in_len;
	room->owned = TEE_Malloc(size + 1, TEE_MALLOC_FILL_ZERO);
	room->buffer = room->owned;
	if (in && (told & CRYPTO_CHECK_IN_PLACE)) {
		TEE_MemMove(room->buffer, *in, in_len);
		*in = room->buffer;
	}
}

void put(struct call *call, const void *data, size_t len)
{
	if (len > call->out_max - call->out_len)
		return;
	memcpy(call->out + call->out_len, data, len);
	call->out_len += len;
}

void put_u32(struct call *call, uint32_t value)
{
	put(call, &value, sizeof(value));
}

void put_room(struct call *call, struct room *room, TEE_Result res)
{
	put_u32(call, room->len);
	if (res == TEE_SUCCESS)
		put(call, room->buffer, room->len);
	TEE_Free(room->owned);
}

void put_object_info(struct call *call, const TEE_ObjectInfo *info)
{
	put_u32(call, info->objectType);
	put_u32(call, info->objectSize);
	put_u32(call, info->maxObjectSize);
	put_u32(call, info->objectUsage);
	put_u32(call, info->dataSize);
	put_u32(call, info->dataPosition);
	put_u32(call, info->handleFlags);
}

static bool object_call(struct call *call, uint32_t command)
{
	TEE_Attribute attributes[MAX_ATTRIBUTES];
	TEE_Result res = TEE_SUCCESS;
	TEE_ObjectHandle *object;
	const void *bytes;
	TEE_ObjectInfo info;
	struct room room;
	uint32_t a = 0;
	uint32_t b = 0;
	uint32_t id;
	len_t len;

	if (command == CRYPTO_CHECK_INIT_REF) {
		id = get_u32(call);
		bytes = get_bytes(call, &len);
		TEE_InitRefAttribute(attributes, id, bytes, len);
		put_u32(call, attributes[0].attributeID != id);
		put_u32(call, attributes[0].content.ref.length);
		put(call, attributes[0].content.ref.buffer, attributes[0].content.ref.length);
		return true;
	}
	if (command == CRYPTO_CHECK_INIT_VALUE) {
		id = get_u32(call);
		a = get_u32(call);
		TEE_InitValueAttribute(attributes, id, a, get_u32(call));
		put_u32(call, attributes[0].attributeID != id);
		put_u32(call, attributes[0].content.value.a);
		put_u32(call, attributes[0].content.value.b);
		return true;
	}

	object = get_object(call);
	switch (command) {
	case CRYPTO_CHECK_ALLOCATE_OBJECT:
		id = get_u32(call);
		put_u32(call, TEE_AllocateTransientObject(id, get_u32(call), object));
		return true;
	case CRYPTO_CHECK_FREE_OBJECT:
		TEE_FreeTransientObject(*object);
		break;
	case CRYPTO_CHECK_CLOSE_OBJECT:
		TEE_CloseObject(*object);
		break;
	case CRYPTO_CHECK_RESET_OBJECT:
		TEE_ResetTransientObject(*object);
		break;
	case CRYPTO_CHECK_POPULATE:
		a = get_attributes(call, attributes);
		res = TEE_PopulateTransientObject(*object, attributes, a);
		break;
	case CRYPTO_CHECK_COPY_ATTRIBUTES:
		TEE_CopyObjectAttributes(*object, *get_object(call));
		break;
	case CRYPTO_CHECK_COPY_ATTRIBUTES1:
		res = TEE_CopyObjectAttributes1(*object, *get_object(call));
		break;
	case CRYPTO_CHECK_GENERATE_KEY:
		a = get_u32(call);
		b = get_attributes(call, attributes);
		res = TEE_GenerateKey(*object, a, attributes, b);
		break;
	case CRYPTO_CHECK_RESTRICT:
		TEE_RestrictObjectUsage(*object, get_u32(call));
		break;
	case CRYPTO_CHECK_RESTRICT1:
		res = TEE_RestrictObjectUsage1(*object, get_u32(call));
		break;
	case CRYPTO_CHECK_OBJECT_INFO:
		TEE_GetObjectInfo(*object, &info);
		put_u32(call, TEE_SUCCESS);
		put_object_info(call, &info);
		return true;
	case CRYPTO_CHECK_OBJECT_INFO1:
		put_u32(call, TEE_GetObjectInfo1(*object, &info));
		put_object_info(call, &info);
		return true;
	case CRYPTO_CHECK_BUFFER_ATTRIBUTE:
		id = get_u32(call);
		get_room(call, &room, NULL, 0);
		res = TEE_GetObjectBufferAttribute(*object, id, room.buffer, &room.len);
		put_u32(call, res);
		put_room(call, &room, res);
		return true;
	case CRYPTO_CHECK_VALUE_ATTRIBUTE:
		put_u32(call, TEE_GetObjectValueAttribute(*object, get_u32(call), &a, &b));
		put_u32(call, a);
		put_u32(call, b);
		return true;
	default:
		return false;
	}
	put_u32(call, res);
	return true;
}

static bool operation_call(struct call *call, uint32_t command)
{
	TEE_Result res = TEE_SUCCESS;
	TEE_OperationHandle *operation;
	TEE_OperationInfo info;
	TEE_ObjectHandle key;
	struct room room;
	uint32_t id, mode;

	if (command == CRYPTO_CHECK_IS_SUPPORTED) {
		id = get_u32(call);
		put_u32(call, TEE_IsAlgorithmSupported(id, get_u32(call)));
		return true;
	}

	operation = get_operation(call);
	switch (command) {
	case CRYPTO_CHECK_ALLOCATE_OPERATION:
		id = get_u32(call);
		mode = get_u32(call);
		res = TEE_AllocateOperation(operation, id, mode, get_u32(call));
		break;
	case CRYPTO_CHECK_FREE_OPERATION:
		TEE_FreeOperation(*operation);
		break;
	case CRYPTO_CHECK_RESET_OPERATION:
		TEE_ResetOperation(*operation);
		break;
	case CRYPTO_CHECK_COPY_OPERATION:
		TEE_CopyOperation(*operation, *get_operation(call));
		break;
	case CRYPTO_CHECK_SET_KEY:
		res = TEE_SetOperationKey(*operation, *get_object(call));
		break;
	case CRYPTO_CHECK_SET_KEY2:
		key = *get_object(call);
		res = TEE_SetOperationKey2(*operation, key, *get_object(call));
		break;
	case CRYPTO_CHECK_OPERATION_INFO:
		TEE_GetOperationInfo(*operation, &info);
		put_u32(call, TEE_SUCCESS);
		put(call, &info, sizeof(info));
		return true;
	case CRYPTO_CHECK_OPERATION_INFO_MULTIPLE:
		get_room(call, &room, NULL, 0);
		res = TEE_GetOperationInfoMultiple(*operation, room.buffer, &room.len);
		put_u32(call, res);
		put_room(call, &room, res);
		return true;
	default:
		return false;
	}
	put_u32(call, res);
	return true;
}

static bool data_call(struct call *call, uint32_t command)
{
	TEE_OperationHandle operation = *get_operation(call);
	len_t len, tag_len;
	const void *bytes = get_bytes(call, &len);
	TEE_Result res = TEE_SUCCESS;
	uint32_t tag_bits, aad_len;
	struct room room, tag;
	const void *other;

	switch (command) {
	case CRYPTO_CHECK_CIPHER_INIT:
		TEE_CipherInit(operation, bytes, len);
		break;
	case CRYPTO_CHECK_MAC_INIT:
		TEE_MACInit(operation, bytes, len);
		break;
	case CRYPTO_CHECK_MAC_UPDATE:
		TEE_MACUpdate(operation, bytes, len);
		break;
	case CRYPTO_CHECK_MAC_COMPARE:
		other = get_bytes(call, &tag_len);
		res = TEE_MACCompareFinal(operation, bytes, len, other, tag_len);
		break;
	case CRYPTO_CHECK_AE_INIT:
		tag_bits = get_u32(call);
		aad_len = get_u32(call);
		res = TEE_AEInit(operation, bytes, len, tag_bits, aad_len, get_u32(call));
		break;
	case CRYPTO_CHECK_AE_UPDATE_AAD:
		TEE_AEUpdateAAD(operation, bytes, len);
		break;
	case CRYPTO_CHECK_CIPHER_UPDATE:
	case CRYPTO_CHECK_CIPHER_FINAL:
	case CRYPTO_CHECK_MAC_COMPUTE:
	case CRYPTO_CHECK_AE_UPDATE:
		get_room(call, &room, &bytes, len);
		if (command == CRYPTO_CHECK_CIPHER_UPDATE)
			res = TEE_CipherUpdate(operation, bytes, len, room.buffer, &room.len);
		else if (command == CRYPTO_CHECK_CIPHER_FINAL)
			res = TEE_CipherDoFinal(operation, bytes, len, room.buffer, &room.len);
		else if (command == CRYPTO_CHECK_MAC_COMPUTE)
			res = TEE_MACComputeFinal(operation, bytes, len, room.buffer, &room.len);
		else
			res = TEE_AEUpdate(operation, bytes, len, room.buffer, &room.len);
		put_u32(call, res);
		put_room(call, &room, res);
		return true;
	case CRYPTO_CHECK_AE_ENCRYPT:
		get_room(call, &room, &bytes, len);
		get_room(call, &tag, NULL, 0);
		res = TEE_AEEncryptFinal(operation, bytes, len, room.buffer, &room.len, tag.buffer, &tag.len);
		put_u32(call, res);
		put_room(call, &room, res);
		put_room(call, &tag, res);
		return true;
	case CRYPTO_CHECK_AE_DECRYPT:
		get_room(call, &room, &bytes, len);
		other = get_bytes(call, &tag_len);
		res = TEE_AEDecryptFinal(operation, bytes, len, room.buffer, &room.len, (void *)other, tag_len);
		put_u32(call, res);
		put_room(call, &room, res);
		return true;
	default:
		return false;
	}
	put_u32(call, res);
	return true;
}

static bool asymmetric_call(struct call *call, uint32_t command)
{
	TEE_OperationHandle operation = *get_operation(call);
	TEE_Attribute attributes[MAX_ATTRIBUTES];
	uint32_t count = get_attributes(call, attributes);
	const void *bytes, *signature;
	len_t len, signature_len;
	struct room room;
	TEE_Result res;

	bytes = get_bytes(call, &len);
	if (command == CRYPTO_CHECK_VERIFY) {
		signature = get_bytes(call, &signature_len);
		put_u32(call, TEE_AsymmetricVerifyDigest(operation, attributes, count, bytes, len, signature,
							 signature_len));
		return true;
	}
	get_room(call, &room, &bytes, len);
	switch (command) {
	case CRYPTO_CHECK_ENCRYPT:
		res = TEE_AsymmetricEncrypt(operation, attributes, count, bytes, len, room.buffer, &room.len);
		break;
	case CRYPTO_CHECK_DECRYPT:
		res = TEE_AsymmetricDecrypt(operation, attributes, count, bytes, len, room.buffer, &room.len);
		break;
	case CRYPTO_CHECK_SIGN:
		res = TEE_AsymmetricSignDigest(operation, attributes, count, bytes, len, room.buffer,
					       &room.len);
		break;
	default:
		TEE_Free(room.owned);
		return false;
	}
	put_u32(call, res);
	put_room(call, &room, res);
	return true;
}

/* What confirms a key is written to where the attribute refers to, which is to be more than what is read. */
static bool derive_call(struct call *call)
{
	TEE_OperationHandle operation = *get_operation(call);
	TEE_ObjectHandle derived = *get_object(call);
	TEE_Attribute attributes[MAX_ATTRIBUTES];
	uint32_t count = get_attributes(call, attributes);
	TEE_Attribute *out = NULL;
	uint32_t i;

	for (i = 0; i < count; i++) {
		if (attributes[i].attributeID != TEE_ATTR_SM2_KEP_CONFIRMATION_OUT)
			continue;
		out = attributes + i;
		out->content.ref.buffer = TEE_Malloc(out->content.ref.length, TEE_MALLOC_FILL_ZERO);
	}
	TEE_DeriveKey(operation, attributes, count, derived);
	put_u32(call, TEE_SUCCESS);
	if (out) {
		put_u32(call, out->content.ref.length);
		put(call, out->content.ref.buffer, out->content.ref.length);
		TEE_Free(out->content.ref.buffer);
	}
	return true;
}

TEE_Result TA_CreateEntryPoint(void)
{
	return TEE_SUCCESS;
}

void TA_DestroyEntryPoint(void)
{
}

TEE_Result TA_OpenSessionEntryPoint(uint32_t types, TEE_Param params[TEE_NUM_PARAMS], void **session)
{
	(void)types;
	(void)params;
	*session = NULL;
	return TEE_SUCCESS;
}

void TA_CloseSessionEntryPoint(void *session)
{
	(void)session;
}

TEE_Result TA_InvokeCommandEntryPoint(void *session, uint32_t command, uint32_t types,
				      TEE_Param params[TEE_NUM_PARAMS])
{
	struct call call;
	bool known;

	(void)session;
	if (types != TEE_PARAM_TYPES(TEE_PARAM_TYPE_MEMREF_INPUT, TEE_PARAM_TYPE_MEMREF_OUTPUT, TEE_PARAM_TYPE_NONE,
				     TEE_PARAM_TYPE_NONE))
		return TEE_ERROR_BAD_PARAMETERS;
	call = (struct call){
		.in = params[0].memref.buffer,
		.in_len = params[0].memref.size,
		.out = params[1].memref.buffer,
		.out_max = params[1].memref.size,
	};
	if (command < CRYPTO_CHECK_ALLOCATE_OPERATION)
		known = object_call(&call, command);
	else if (command < CRYPTO_CHECK_CIPHER_INIT)
		known = operation_call(&call, command);
	else if (command < CRYPTO_CHECK_ENCRYPT)
		known = data_call(&call, command);
	else if (command == CRYPTO_CHECK_DERIVE)
		known = derive_call(&call);
	else if (command >= CRYPTO_CHECK_OPEN)
		known = storage_call(&call, command);
	else
		known = asymmetric_call(&call, command);
	params[1].memref.size = call.out_len;
	return known ? TEE_SUCCESS : TEE_ERROR_NOT_SUPPORTED;
}
