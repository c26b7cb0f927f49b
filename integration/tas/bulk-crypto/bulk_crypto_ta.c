/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The bulk crypto TA: see include/bulk_crypto_ta.h. */
#include <tee_internal_api.h>
#include <bulk_crypto_ta.h>

static TEE_Result sha256(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	TEE_OperationHandle operation;
	TEE_Result res;

	if (types != TEE_PARAM_TYPES(TEE_PARAM_TYPE_MEMREF_INPUT, TEE_PARAM_TYPE_MEMREF_OUTPUT, TEE_PARAM_TYPE_NONE,
				     TEE_PARAM_TYPE_NONE))
		return TEE_ERROR_BAD_PARAMETERS;
	res = TEE_AllocateOperation(&operation, TEE_ALG_SHA256, TEE_MODE_DIGEST, 0);
	if (res != TEE_SUCCESS)
		return res;
	res = TEE_DigestDoFinal(operation, params[0].memref.buffer, params[0].memref.size, params[1].memref.buffer,
				&params[1].memref.size);
	TEE_FreeOperation(operation);
	return res;
}

static TEE_Result set_zero_key(TEE_OperationHandle operation)
{
	static const uint8_t zeros[32];
	TEE_ObjectHandle key;
	TEE_Attribute secret;
	TEE_Result res;

	res = TEE_AllocateTransientObject(TEE_TYPE_AES, 256, &key);
	if (res != TEE_SUCCESS)
		return res;
	TEE_InitRefAttribute(&secret, TEE_ATTR_SECRET_VALUE, zeros, sizeof(zeros));
	res = TEE_PopulateTransientObject(key, &secret, 1);
	if (res == TEE_SUCCESS)
		res = TEE_SetOperationKey(operation, key);
	TEE_FreeTransientObject(key);
	return res;
}

static TEE_Result encrypt(const void *data, size_t len, void *out, size_t *out_len, void *tag, size_t *tag_len)
{
	static const uint8_t nonce[12];
	TEE_OperationHandle operation;
	TEE_Result res;

	res = TEE_AllocateOperation(&operation, TEE_ALG_AES_GCM, TEE_MODE_ENCRYPT, 256);
	if (res != TEE_SUCCESS)
		return res;
	res = set_zero_key(operation);
	if (res == TEE_SUCCESS)
		res = TEE_AEInit(operation, nonce, sizeof(nonce), 128, 0, 0);
	if (res == TEE_SUCCESS)
		res = TEE_AEEncryptFinal(operation, data, len, out, out_len, tag, tag_len);
	TEE_FreeOperation(operation);
	return res;
}

static TEE_Result aes_gcm(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	if (types != TEE_PARAM_TYPES(TEE_PARAM_TYPE_MEMREF_INPUT, TEE_PARAM_TYPE_MEMREF_OUTPUT,
				     TEE_PARAM_TYPE_MEMREF_OUTPUT, TEE_PARAM_TYPE_NONE))
		return TEE_ERROR_BAD_PARAMETERS;
	return encrypt(params[0].memref.buffer, params[0].memref.size, params[1].memref.buffer,
		       &params[1].memref.size, params[2].memref.buffer, &params[2].memref.size);
}

static TEE_Result own_aes_gcm(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	static uint8_t *data, *out;
	size_t len = BULK_CRYPTO_OWN_SIZE;
	size_t i;

	if (types != TEE_PARAM_TYPES(TEE_PARAM_TYPE_MEMREF_OUTPUT, TEE_PARAM_TYPE_NONE, TEE_PARAM_TYPE_NONE,
				     TEE_PARAM_TYPE_NONE))
		return TEE_ERROR_BAD_PARAMETERS;
	if (!data || !out) {
		data = TEE_Malloc(len, TEE_MALLOC_FILL_ZERO);
		out = TEE_Malloc(len, TEE_MALLOC_FILL_ZERO);
		if (!data || !out)
			return TEE_ERROR_OUT_OF_MEMORY;
		for (i = 0; i < len; i++)
			data[i] = i % 251;
	}
	return encrypt(data, len, out, &len, params[0].memref.buffer, &params[0].memref.size);
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
	(void)session;
	switch (command) {
	case BULK_CRYPTO_SHA256:
		return sha256(types, params);
	case BULK_CRYPTO_AES_GCM:
		return aes_gcm(types, params);
	case BULK_CRYPTO_OWN_AES_GCM:
		return own_aes_gcm(types, params);
	default:
		return TEE_ERROR_BAD_PARAMETERS;
	}
}
