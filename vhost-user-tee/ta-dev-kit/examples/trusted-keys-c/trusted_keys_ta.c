/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Seals keys of the client's kernel (Linux's trusted keys, trusted.source=tee): what is sealed can be kept anywhere,
 * and unsealed by this TA on this device alone. A sealed key is an initialization vector, the key encrypted by
 * AES-256-GCM, and the tag.
 */
#include <pta_system.h>
#include <tee_internal_api.h>
#include <tee_internal_api_extensions.h>
#include <trusted_keys_ta.h>

#define KEY_SIZE	32
#define IV_SIZE		12
#define TAG_SIZE	16
#define OVERHEAD	(IV_SIZE + TAG_SIZE)
/* Linux's MAX_KEY_SIZE. */
#define PLAIN_MAX	128

#define IN_AND_OUT	TEE_PARAM_TYPES(TEE_PARAM_TYPE_MEMREF_INPUT, TEE_PARAM_TYPE_MEMREF_OUTPUT, \
					TEE_PARAM_TYPE_NONE, TEE_PARAM_TYPE_NONE)

TEE_Result TA_CreateEntryPoint(void)
{
	return TEE_SUCCESS;
}

void TA_DestroyEntryPoint(void)
{
}

/* Only a kernel is served: its processes are to have keys from it, and none from here. */
TEE_Result TA_OpenSessionEntryPoint(uint32_t types, TEE_Param params[TEE_NUM_PARAMS], void **session)
{
	TEE_Identity client;
	TEE_Result res;

	(void)types;
	(void)params;
	(void)session;

	res = TEE_GetPropertyAsIdentity(TEE_PROPSET_CURRENT_CLIENT, "gpd.client.identity", &client);
	if (res != TEE_SUCCESS)
		return res;
	return client.login == TEE_LOGIN_REE_KERNEL ? TEE_SUCCESS : TEE_ERROR_ACCESS_DENIED;
}

void TA_CloseSessionEntryPoint(void *session)
{
	(void)session;
}

/* The key of this TA on this device, from the system pseudo TA. */
static TEE_Result unique_key(uint8_t key[KEY_SIZE])
{
	static const TEE_UUID system = PTA_SYSTEM_UUID;
	TEE_TASessionHandle session = TEE_HANDLE_NULL;
	TEE_Param params[TEE_NUM_PARAMS] = { 0 };
	TEE_Result res;

	res = TEE_OpenTASession(&system, TEE_TIMEOUT_INFINITE, 0, NULL, &session, NULL);
	if (res != TEE_SUCCESS)
		return res;
	params[1].memref.buffer = key;
	params[1].memref.size = KEY_SIZE;
	res = TEE_InvokeTACommand(session, TEE_TIMEOUT_INFINITE, PTA_SYSTEM_DERIVE_TA_UNIQUE_KEY, IN_AND_OUT,
				  params, NULL);
	TEE_CloseTASession(session);
	return res;
}

/* AES-GCM under that key, ready for data. */
static TEE_Result begin(uint32_t mode, const uint8_t iv[IV_SIZE], TEE_OperationHandle *operation)
{
	TEE_ObjectHandle object = TEE_HANDLE_NULL;
	TEE_Attribute attribute = { 0 };
	uint8_t key[KEY_SIZE];
	TEE_Result res;

	*operation = TEE_HANDLE_NULL;
	res = unique_key(key);
	if (res != TEE_SUCCESS)
		return res;
	res = TEE_AllocateTransientObject(TEE_TYPE_AES, 8 * KEY_SIZE, &object);
	if (res != TEE_SUCCESS)
		goto out;
	TEE_InitRefAttribute(&attribute, TEE_ATTR_SECRET_VALUE, key, KEY_SIZE);
	res = TEE_PopulateTransientObject(object, &attribute, 1);
	if (res != TEE_SUCCESS)
		goto out;
	res = TEE_AllocateOperation(operation, TEE_ALG_AES_GCM, mode, 8 * KEY_SIZE);
	if (res != TEE_SUCCESS)
		goto out;
	res = TEE_SetOperationKey(*operation, object);
	if (res != TEE_SUCCESS)
		goto out;
	res = TEE_AEInit(*operation, iv, IV_SIZE, 8 * TAG_SIZE, 0, 0);
out:
	TEE_FreeTransientObject(object);
	TEE_MemFill(key, 0, sizeof(key));
	return res;
}

static TEE_Result get_random(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	if (types != TEE_PARAM_TYPES(TEE_PARAM_TYPE_MEMREF_OUTPUT, TEE_PARAM_TYPE_NONE, TEE_PARAM_TYPE_NONE,
				     TEE_PARAM_TYPE_NONE))
		return TEE_ERROR_BAD_PARAMETERS;

	TEE_GenerateRandom(params[0].memref.buffer, params[0].memref.size);
	return TEE_SUCCESS;
}

/* Both ways go through memory of the TA's own, since the client can change its memory meanwhile. */
static TEE_Result seal(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	TEE_OperationHandle operation = TEE_HANDLE_NULL;
	uint8_t plain[PLAIN_MAX], sealed[PLAIN_MAX + OVERHEAD];
	size_t size, encrypted, tag = TAG_SIZE;
	TEE_Result res;

	if (types != IN_AND_OUT)
		return TEE_ERROR_BAD_PARAMETERS;
	size = params[0].memref.size;
	if (size == 0 || size > sizeof(plain))
		return TEE_ERROR_BAD_PARAMETERS;
	if (params[1].memref.size < size + OVERHEAD) {
		params[1].memref.size = size + OVERHEAD;
		return TEE_ERROR_SHORT_BUFFER;
	}

	TEE_MemMove(plain, params[0].memref.buffer, size);
	TEE_GenerateRandom(sealed, IV_SIZE);
	res = begin(TEE_MODE_ENCRYPT, sealed, &operation);
	if (res != TEE_SUCCESS)
		goto out;
	encrypted = size;
	res = TEE_AEEncryptFinal(operation, plain, size, sealed + IV_SIZE, &encrypted, sealed + IV_SIZE + size, &tag);
	if (res != TEE_SUCCESS)
		goto out;
	TEE_MemMove(params[1].memref.buffer, sealed, size + OVERHEAD);
	params[1].memref.size = size + OVERHEAD;
out:
	TEE_FreeOperation(operation);
	TEE_MemFill(plain, 0, sizeof(plain));
	return res;
}

static TEE_Result unseal(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	TEE_OperationHandle operation = TEE_HANDLE_NULL;
	uint8_t plain[PLAIN_MAX], sealed[PLAIN_MAX + OVERHEAD];
	size_t size;
	TEE_Result res;

	if (types != IN_AND_OUT)
		return TEE_ERROR_BAD_PARAMETERS;
	if (params[0].memref.size <= OVERHEAD || params[0].memref.size > sizeof(sealed))
		return TEE_ERROR_BAD_PARAMETERS;
	size = params[0].memref.size - OVERHEAD;
	if (params[1].memref.size < size) {
		params[1].memref.size = size;
		return TEE_ERROR_SHORT_BUFFER;
	}

	TEE_MemMove(sealed, params[0].memref.buffer, size + OVERHEAD);
	res = begin(TEE_MODE_DECRYPT, sealed, &operation);
	if (res != TEE_SUCCESS)
		goto out;
	res = TEE_AEDecryptFinal(operation, sealed + IV_SIZE, size, plain, &size, sealed + IV_SIZE + size, TAG_SIZE);
	if (res != TEE_SUCCESS)
		goto out;
	TEE_MemMove(params[1].memref.buffer, plain, size);
	params[1].memref.size = size;
out:
	TEE_FreeOperation(operation);
	TEE_MemFill(plain, 0, sizeof(plain));
	return res;
}

TEE_Result TA_InvokeCommandEntryPoint(void *session, uint32_t command, uint32_t types,
				      TEE_Param params[TEE_NUM_PARAMS])
{
	(void)session;

	switch (command) {
	case TRUSTED_KEYS_CMD_GET_RANDOM:
		return get_random(types, params);
	case TRUSTED_KEYS_CMD_SEAL:
		return seal(types, params);
	case TRUSTED_KEYS_CMD_UNSEAL:
		return unseal(types, params);
	default:
		return TEE_ERROR_NOT_SUPPORTED;
	}
}
