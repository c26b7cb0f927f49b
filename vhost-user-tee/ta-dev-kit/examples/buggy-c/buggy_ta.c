/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* A TA with two bugs, for ta-debug to show: they are marked. Not to be copied. */
#include <stdlib.h>
#include <string.h>
#include <tee_internal_api.h>
#include <buggy_ta.h>

#define PREFIX		"LEN"

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

static TEE_Result count(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	const size_t prefix = strlen(PREFIX);
	size_t size, length, i;
	char *text;

	if (types != TEE_PARAM_TYPES(TEE_PARAM_TYPE_MEMREF_INPUT, TEE_PARAM_TYPE_VALUE_OUTPUT,
				     TEE_PARAM_TYPE_NONE, TEE_PARAM_TYPE_NONE))
		return TEE_ERROR_BAD_PARAMETERS;
	size = params[0].memref.size;
	if (size <= prefix)
		return TEE_ERROR_BAD_FORMAT;

	/* A copy: the client can change its memory at any time. */
	text = TEE_Malloc(size, TEE_MALLOC_FILL_ZERO);
	if (!text)
		return TEE_ERROR_OUT_OF_MEMORY;
	TEE_MemMove(text, params[0].memref.buffer, size);
	if (memcmp(text, PREFIX, prefix) || text[prefix] < '0' || text[prefix] > '9') {
		TEE_Free(text);
		return TEE_ERROR_BAD_FORMAT;
	}

	length = text[prefix] - '0';
	params[1].value.a = 0;
	/* Bug: what the text says of its length is believed. */
	for (i = 0; i < length; i++)
		params[1].value.a += text[prefix + 1 + i] == 'x';
	TEE_Free(text);
	return TEE_SUCCESS;
}

static TEE_Result multiply(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	if (types != TEE_PARAM_TYPES(TEE_PARAM_TYPE_VALUE_INOUT, TEE_PARAM_TYPE_NONE, TEE_PARAM_TYPE_NONE,
				     TEE_PARAM_TYPE_NONE))
		return TEE_ERROR_BAD_PARAMETERS;

	/* Bug: it may not fit. */
	params[0].value.a = (uint32_t)((int32_t)params[0].value.a * (int32_t)params[0].value.b);
	return TEE_SUCCESS;
}

TEE_Result TA_InvokeCommandEntryPoint(void *session, uint32_t command, uint32_t types,
				      TEE_Param params[TEE_NUM_PARAMS])
{
	(void)session;

	switch (command) {
	case BUGGY_CMD_COUNT:
		return count(types, params);
	case BUGGY_CMD_MULTIPLY:
		return multiply(types, params);
	default:
		return TEE_ERROR_NOT_SUPPORTED;
	}
}
