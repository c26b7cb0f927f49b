/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Hello world: a value goes in, a value comes out. Build and run: see the dev kit's README. */
#include <tee_internal_api.h>
#include <hello_ta.h>

/* A new instance of the TA. */
TEE_Result TA_CreateEntryPoint(void)
{
	DMSG("a new instance");
	return TEE_SUCCESS;
}

/* The instance ends. */
void TA_DestroyEntryPoint(void)
{
}

/* A client wants a session. What is put into *session comes back with every call. */
TEE_Result TA_OpenSessionEntryPoint(uint32_t types, TEE_Param params[TEE_NUM_PARAMS], void **session)
{
	(void)params;
	(void)session;

	/* Look at the types first: what params[i] means depends on them, and the client chose them. */
	if (types != TEE_PARAM_TYPES(TEE_PARAM_TYPE_NONE, TEE_PARAM_TYPE_NONE, TEE_PARAM_TYPE_NONE,
				     TEE_PARAM_TYPE_NONE))
		return TEE_ERROR_BAD_PARAMETERS;

	IMSG("Hello from the TA");
	return TEE_SUCCESS;
}

/* The client has closed its session. */
void TA_CloseSessionEntryPoint(void *session)
{
	(void)session;
	IMSG("Goodbye");
}

static TEE_Result increment(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	if (types != TEE_PARAM_TYPES(TEE_PARAM_TYPE_VALUE_INOUT, TEE_PARAM_TYPE_NONE, TEE_PARAM_TYPE_NONE,
				     TEE_PARAM_TYPE_NONE))
		return TEE_ERROR_BAD_PARAMETERS;

	DMSG("%" PRIu32 " comes in", params[0].value.a);
	params[0].value.a++;
	return TEE_SUCCESS;
}

/* The client calls. */
TEE_Result TA_InvokeCommandEntryPoint(void *session, uint32_t command, uint32_t types,
				      TEE_Param params[TEE_NUM_PARAMS])
{
	(void)session;

	switch (command) {
	case HELLO_CMD_INCREMENT:
		return increment(types, params);
	default:
		return TEE_ERROR_NOT_SUPPORTED;
	}
}
