/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Built into TAs that ask for API 1.1: the runtime calls the entry points of the current API, these call the
 * TA's, whose memory references have 32-bit sizes.
 */
#include <tee_internal_api.h>

/* Here both forms are needed by their own names. */
#undef TA_OpenSessionEntryPoint
#undef TA_InvokeCommandEntryPoint
#undef TEE_Param

static bool is_memref(uint32_t types, unsigned int i)
{
	return TEE_PARAM_TYPE_GET(types, i) >= TEE_PARAM_TYPE_MEMREF_INPUT;
}

static TEE_Result to_gp11(uint32_t types, const TEE_Param from[TEE_NUM_PARAMS],
			  __GP11_TEE_Param to[TEE_NUM_PARAMS])
{
	unsigned int i;

	for (i = 0; i < TEE_NUM_PARAMS; i++) {
		if (is_memref(types, i)) {
			if (from[i].memref.size > UINT32_MAX)
				return TEE_ERROR_BAD_PARAMETERS;
			to[i].memref.buffer = from[i].memref.buffer;
			to[i].memref.size = (uint32_t)from[i].memref.size;
		} else {
			to[i].value.a = from[i].value.a;
			to[i].value.b = from[i].value.b;
		}
	}
	return TEE_SUCCESS;
}

static void from_gp11(uint32_t types, const __GP11_TEE_Param from[TEE_NUM_PARAMS], TEE_Param to[TEE_NUM_PARAMS])
{
	unsigned int i;

	for (i = 0; i < TEE_NUM_PARAMS; i++) {
		switch (TEE_PARAM_TYPE_GET(types, i)) {
		case TEE_PARAM_TYPE_VALUE_OUTPUT:
		case TEE_PARAM_TYPE_VALUE_INOUT:
			to[i].value.a = from[i].value.a;
			to[i].value.b = from[i].value.b;
			break;
		case TEE_PARAM_TYPE_MEMREF_OUTPUT:
		case TEE_PARAM_TYPE_MEMREF_INOUT:
			to[i].memref.size = from[i].memref.size;
			break;
		default:
			break;
		}
	}
}

TEE_Result TA_OpenSessionEntryPoint(uint32_t paramTypes, TEE_Param params[TEE_NUM_PARAMS],
				    void **sessionContext)
{
	__GP11_TEE_Param gp11[TEE_NUM_PARAMS];
	TEE_Result res = to_gp11(paramTypes, params, gp11);

	if (res != TEE_SUCCESS)
		return res;
	res = __GP11_TA_OpenSessionEntryPoint(paramTypes, gp11, sessionContext);
	from_gp11(paramTypes, gp11, params);
	return res;
}

TEE_Result TA_InvokeCommandEntryPoint(void *sessionContext, uint32_t commandID, uint32_t paramTypes,
				      TEE_Param params[TEE_NUM_PARAMS])
{
	__GP11_TEE_Param gp11[TEE_NUM_PARAMS];
	TEE_Result res = to_gp11(paramTypes, params, gp11);

	if (res != TEE_SUCCESS)
		return res;
	res = __GP11_TA_InvokeCommandEntryPoint(sessionContext, commandID, paramTypes, gp11);
	from_gp11(paramTypes, gp11, params);
	return res;
}
