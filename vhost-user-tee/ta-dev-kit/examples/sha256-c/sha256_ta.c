/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * SHA-256 over a buffer of the client, as large as it may be: the TA works on the client's own pages, nothing is
 * copied. Build and run: see the dev kit's README.
 */
#include <tee_internal_api.h>
#include <sha256_ta.h>

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
	(void)session;
	return TEE_SUCCESS;
}

void TA_CloseSessionEntryPoint(void *session)
{
	(void)session;
}

static TEE_Result digest(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	TEE_OperationHandle operation = TEE_HANDLE_NULL;
	TEE_Result res;

	if (types != TEE_PARAM_TYPES(TEE_PARAM_TYPE_MEMREF_INPUT, TEE_PARAM_TYPE_MEMREF_OUTPUT,
				     TEE_PARAM_TYPE_NONE, TEE_PARAM_TYPE_NONE))
		return TEE_ERROR_BAD_PARAMETERS;

	res = TEE_AllocateOperation(&operation, TEE_ALG_SHA256, TEE_MODE_DIGEST, 0);
	if (res != TEE_SUCCESS)
		return res;

	/*
	 * The client can change the buffer while this runs. That is harmless where, as here, each byte is
	 * read once; a TA that checks data and then uses them must copy them first.
	 *
	 * With too little room for the result this is TEE_ERROR_SHORT_BUFFER, and the size is the one needed:
	 * just what the client is to be told.
	 */
	res = TEE_DigestDoFinal(operation, params[0].memref.buffer, params[0].memref.size,
				params[1].memref.buffer, &params[1].memref.size);

	TEE_FreeOperation(operation);
	return res;
}

TEE_Result TA_InvokeCommandEntryPoint(void *session, uint32_t command, uint32_t types,
				      TEE_Param params[TEE_NUM_PARAMS])
{
	(void)session;

	switch (command) {
	case SHA256_CMD_DIGEST:
		return digest(types, params);
	default:
		return TEE_ERROR_NOT_SUPPORTED;
	}
}
