/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* A TA made of all that the kit can make a TA of; soft-tee's test `ta_dev_kit` asks for each feature. */
#include <everything.h>
#include <squares.h>

#ifdef REMOVED_BY_FOLDER
#error "cppflags-remove-y does not take a flag away"
#endif
#ifdef REMOVED_BY_SOURCE
#error "cflags-remove-<source>-y does not take a flag away"
#endif
#if CFG_TA_VERSION != 3
#error "CFG_ variables are macros"
#endif

int linked_by_ldadd(void);

static int own_property(void)
{
	uint32_t number = 0;
	bool yes = false;

	if (TEE_GetPropertyAsU32(TEE_PROPSET_CURRENT_TA, "everything.number", &number) != TEE_SUCCESS ||
	    TEE_GetPropertyAsBool(TEE_PROPSET_CURRENT_TA, "everything.yes", &yes) != TEE_SUCCESS)
		return -1;
	return (int)number + yes;
}

static int feature(uint32_t number)
{
	switch (number) {
	case 0: return GLOBAL_FLAG + TOP_ONLY + OF_ONE_SOURCE;
	case 1: return answer();
	case 2: return machine_bits();
	case 3: return library_sum(1, 2);
	case 4: return nested_level();
	case 5: return deeper_level();
	case 6: return outside();
	case 7: return squares[3];
	case 8: return linked_by_ldadd();
	case 9: return own_property();
	case 10: return caught_exception();
	case 11: return constructed_before_create();
	case 12: return standard_library();
	case 13: return virtual_call();
	default: return -1;
	}
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
	(void)session;
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

	if (command == EVERYTHING_CMD_FEATURE && TEE_PARAM_TYPE_GET(types, 0) == TEE_PARAM_TYPE_VALUE_INOUT) {
		params[0].value.a = (uint32_t)feature(params[0].value.a);
		return TEE_SUCCESS;
	}
	if (command == EVERYTHING_CMD_WATCH_DESTRUCTOR &&
	    TEE_PARAM_TYPE_GET(types, 0) == TEE_PARAM_TYPE_MEMREF_INOUT && params[0].memref.size == 1) {
		watch_destructor(params[0].memref.buffer);
		return TEE_SUCCESS;
	}
	return TEE_ERROR_BAD_PARAMETERS;
}
