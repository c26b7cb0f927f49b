/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The probe TA: include/probe_ta.h says what each command does. */
#include <stdbool.h>
#include <string.h>
#include <tee_internal_api.h>
#include <probe_ta.h>
/* On the software TEE alone. */
#if __has_include(<sys/syscall.h>)
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>
#define HAS_SYSCALLS 1
#else
#define HAS_SYSCALLS 0
#endif

#define WATCH_LIMIT_S		60
#define WATCH_CANCELLED_S	10
#define MAX_NAME		128

#define NONE			TEE_PARAM_TYPE_NONE
#define VALUE_INPUT		TEE_PARAM_TYPE_VALUE_INPUT
#define VALUE_OUTPUT		TEE_PARAM_TYPE_VALUE_OUTPUT
#define VALUE_INOUT		TEE_PARAM_TYPE_VALUE_INOUT
#define MEMREF_INPUT		TEE_PARAM_TYPE_MEMREF_INPUT
#define MEMREF_OUTPUT		TEE_PARAM_TYPE_MEMREF_OUTPUT
#define MEMREF_INOUT		TEE_PARAM_TYPE_MEMREF_INOUT

/* Leaves the calling function where the types are others. */
#define EXPECT(types, t0, t1, t2) \
	do { \
		if ((types) != TEE_PARAM_TYPES((t0), (t1), (t2), NONE)) \
			return TEE_ERROR_BAD_PARAMETERS; \
	} while (0)

struct session {
	uint32_t calls;
};

static uint32_t instance_calls;

TEE_Result TA_CreateEntryPoint(void)
{
	return TEE_SUCCESS;
}

void TA_DestroyEntryPoint(void)
{
}

static void swap_value(TEE_Param *param)
{
	uint32_t a = param->value.a;

	param->value.a = param->value.b;
	param->value.b = a;
}

TEE_Result TA_OpenSessionEntryPoint(uint32_t types, TEE_Param params[TEE_NUM_PARAMS], void **context)
{
	uint32_t type = TEE_PARAM_TYPE_GET(types, 0);
	struct session *session;
	TEE_Result res = TEE_SUCCESS;

	if (type == VALUE_INPUT || type == VALUE_INOUT)
		res = params[0].value.a;
	if (type == VALUE_INOUT)
		swap_value(&params[0]);
	if (res != TEE_SUCCESS)
		return res;

	session = TEE_Malloc(sizeof(*session), TEE_MALLOC_FILL_ZERO);
	if (!session)
		return TEE_ERROR_OUT_OF_MEMORY;
	*context = session;
	return TEE_SUCCESS;
}

void TA_CloseSessionEntryPoint(void *context)
{
	TEE_Free(context);
}

static TEE_Result swap(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	EXPECT(types, VALUE_INOUT, NONE, NONE);
	swap_value(&params[0]);
	return TEE_SUCCESS;
}

static TEE_Result sleep_for(uint32_t types, TEE_Param params[TEE_NUM_PARAMS], bool masked)
{
	EXPECT(types, VALUE_INPUT, NONE, NONE);
	if (masked)
		TEE_MaskCancellation();
	else
		TEE_UnmaskCancellation();
	return TEE_Wait(params[0].value.a);
}

static TEE_Result crash(void)
{
	/* Volatile, so that the compiler does not see where it points. */
	volatile uint32_t *volatile nowhere = NULL;

	*nowhere = 1;
	return TEE_ERROR_GENERIC;
}

static void __noreturn spin(void)
{
	for (;;)
		__asm__ volatile("");
}

static TEE_Result touch(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	uint8_t *bytes = params[0].memref.buffer;
	uint32_t at = params[1].value.a;

	EXPECT(types, MEMREF_INOUT, VALUE_INOUT, NONE);
	if (at >= params[0].memref.size)
		return TEE_ERROR_BAD_PARAMETERS;
	params[1].value.b = ++bytes[at];
	return TEE_SUCCESS;
}

static TEE_Result watch(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	volatile uint8_t *bytes = params[0].memref.buffer;
	uint32_t watched = params[1].value.a;
	uint32_t set = params[1].value.b;
	bool cancelled = false;
	TEE_Time now;
	TEE_Time end;
	uint8_t seen;

	EXPECT(types, MEMREF_INOUT, VALUE_INOUT, NONE);
	if (watched >= params[0].memref.size || set >= params[0].memref.size)
		return TEE_ERROR_BAD_PARAMETERS;

	TEE_UnmaskCancellation();
	TEE_GetSystemTime(&end);
	end.seconds += WATCH_LIMIT_S;
	__atomic_store_n(&bytes[set], 1, __ATOMIC_SEQ_CST);
	while (!(seen = __atomic_load_n(&bytes[watched], __ATOMIC_SEQ_CST))) {
		TEE_GetSystemTime(&now);
		if (now.seconds >= end.seconds)
			return TEE_ERROR_GENERIC;
		if (!cancelled && TEE_GetCancellationFlag()) {
			cancelled = true;
			end.seconds = now.seconds + WATCH_CANCELLED_S;
			__atomic_store_n(&bytes[set], PROBE_WATCH_CANCELLED, __ATOMIC_SEQ_CST);
		}
		TEE_Wait(1);
	}
	__atomic_store_n(&bytes[set], seen + 1, __ATOMIC_SEQ_CST);
	params[1].value.a = seen;
	return TEE_SUCCESS;
}

static TEE_Result fill(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	EXPECT(types, MEMREF_OUTPUT, VALUE_INPUT, NONE);
	TEE_MemFill(params[0].memref.buffer, params[1].value.a, params[0].memref.size);
	return TEE_SUCCESS;
}

static TEE_Result short_buffer(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	size_t room = params[0].memref.size;

	EXPECT(types, MEMREF_OUTPUT, VALUE_INPUT, NONE);
	params[0].memref.size = params[1].value.a;
	if (room < params[0].memref.size)
		return TEE_ERROR_SHORT_BUFFER;
	TEE_MemFill(params[0].memref.buffer, 0x5a, params[0].memref.size);
	return TEE_SUCCESS;
}

static TEE_Result count(const struct session *session, uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	EXPECT(types, VALUE_OUTPUT, NONE, NONE);
	params[0].value.a = instance_calls;
	params[0].value.b = session->calls;
	return TEE_SUCCESS;
}

static TEE_Result alloc(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	uint32_t size = params[0].value.a;
	volatile uint8_t *bytes;
	uint32_t i;

	EXPECT(types, VALUE_INPUT, NONE, NONE);
	bytes = TEE_Malloc(size, TEE_MALLOC_FILL_ZERO);
	if (!bytes)
		return TEE_ERROR_OUT_OF_MEMORY;
	for (i = 0; i < size; i++)
		bytes[i] = (uint8_t)i;
	TEE_Free((void *)bytes);
	return TEE_SUCCESS;
}

/* Success where the system call was let through and succeeded. */
static TEE_Result system_call(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	EXPECT(types, VALUE_INPUT, NONE, NONE);
#if HAS_SYSCALLS
	if (syscall(params[0].value.a, params[0].value.b, 0, 0, 0, 0, 0) != -1)
		return TEE_SUCCESS;
	return errno == EPERM || errno == EACCES ? TEE_ERROR_ACCESS_DENIED : TEE_ERROR_GENERIC;
#else
	(void)params;
	return TEE_ERROR_NOT_SUPPORTED;
#endif
}

static TEE_Result sum(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	const uint8_t *bytes = params[0].memref.buffer;
	uint64_t total = 0;
	size_t i;

	EXPECT(types, MEMREF_INPUT, VALUE_OUTPUT, NONE);
	for (i = 0; i < params[0].memref.size; i++)
		total += bytes[i];
	params[1].value.a = (uint32_t)total;
	params[1].value.b = (uint32_t)(total >> 32);
	return TEE_SUCCESS;
}

static TEE_Result identity(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	TEE_Identity client;
	size_t room = params[1].memref.size;
	TEE_Result res;

	EXPECT(types, VALUE_OUTPUT, MEMREF_OUTPUT, NONE);
	res = TEE_GetPropertyAsIdentity(TEE_PROPSET_CURRENT_CLIENT, "gpd.client.identity", &client);
	if (res != TEE_SUCCESS)
		return res;
	params[0].value.a = client.login;
	params[0].value.b = 0;
	params[1].memref.size = sizeof(client.uuid);
	if (room < sizeof(client.uuid))
		return TEE_ERROR_SHORT_BUFFER;
	TEE_MemMove(params[1].memref.buffer, &client.uuid, sizeof(client.uuid));
	return TEE_SUCCESS;
}

static TEE_Result null_memref(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	if (TEE_PARAM_TYPE_GET(types, 0) < MEMREF_INPUT || TEE_PARAM_TYPE_GET(types, 1) != VALUE_OUTPUT)
		return TEE_ERROR_BAD_PARAMETERS;
	params[1].value.a = !params[0].memref.buffer;
	params[1].value.b = (uint32_t)params[0].memref.size;
	return TEE_SUCCESS;
}

static TEE_Result log_lines(void)
{
	MSG("probe: whatever the level");
	EMSG("probe: error");
	IMSG("probe: info");
	DMSG("probe: debug");
	FMSG("probe: flow");
	return TEE_SUCCESS;
}

static TEE_Result random_bytes(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	EXPECT(types, MEMREF_OUTPUT, NONE, NONE);
	TEE_GenerateRandom(params[0].memref.buffer, params[0].memref.size);
	return TEE_SUCCESS;
}

static TEE_Result times(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	TEE_Time time;

	EXPECT(types, VALUE_OUTPUT, VALUE_OUTPUT, NONE);
	TEE_GetSystemTime(&time);
	params[0].value.a = time.seconds;
	params[0].value.b = time.millis;
	TEE_GetREETime(&time);
	params[1].value.a = time.seconds;
	params[1].value.b = time.millis;
	return TEE_SUCCESS;
}

static TEE_Result digest(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	TEE_OperationHandle operation = TEE_HANDLE_NULL;
	TEE_Result res;

	EXPECT(types, VALUE_INPUT, MEMREF_INPUT, MEMREF_OUTPUT);
	res = TEE_AllocateOperation(&operation, params[0].value.a, TEE_MODE_DIGEST, 0);
	if (res != TEE_SUCCESS)
		return res;
	res = TEE_DigestDoFinal(operation, params[1].memref.buffer, params[1].memref.size,
				params[2].memref.buffer, &params[2].memref.size);
	TEE_FreeOperation(operation);
	return res;
}

static TEE_Result property(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	static const TEE_PropSetHandle sets[] = {
		TEE_PROPSET_CURRENT_TA, TEE_PROPSET_CURRENT_CLIENT, TEE_PROPSET_TEE_IMPLEMENTATION,
	};
	uint32_t set = params[0].value.a;
	size_t length = params[1].memref.size;
	char name[MAX_NAME + 1];

	EXPECT(types, VALUE_INPUT, MEMREF_INPUT, MEMREF_OUTPUT);
	if (set >= sizeof(sets) / sizeof(sets[0]) || length > MAX_NAME)
		return TEE_ERROR_BAD_PARAMETERS;
	TEE_MemMove(name, params[1].memref.buffer, length);
	name[length] = '\0';
	return TEE_GetPropertyAsString(sets[set], name, params[2].memref.buffer, &params[2].memref.size);
}

static TEE_Result check_access(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	if (TEE_PARAM_TYPE_GET(types, 0) < MEMREF_INPUT || TEE_PARAM_TYPE_GET(types, 1) != VALUE_INPUT)
		return TEE_ERROR_BAD_PARAMETERS;
	return TEE_CheckMemoryAccessRights(params[1].value.a, params[0].memref.buffer, params[0].memref.size);
}

static TEE_Result mix(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	const uint8_t *in = params[0].memref.buffer;
	uint8_t *out = params[1].memref.buffer;
	uint8_t *inout = params[2].memref.buffer;
	size_t size = params[0].memref.size;
	size_t i;

	EXPECT(types, MEMREF_INPUT, MEMREF_OUTPUT, MEMREF_INOUT);
	if (params[1].memref.size != size || params[2].memref.size != size)
		return TEE_ERROR_BAD_PARAMETERS;
	for (i = 0; i < size; i++) {
		out[i] = in[i] ^ inout[i];
		inout[i] += in[i];
	}
	return TEE_SUCCESS;
}

static TEE_Result echo(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	size_t room = params[1].memref.size;
	size_t size = params[0].memref.size;

	EXPECT(types, MEMREF_INPUT, MEMREF_OUTPUT, NONE);
	params[1].memref.size = size;
	if (room < size)
		return TEE_ERROR_SHORT_BUFFER;
	TEE_MemMove(params[1].memref.buffer, params[0].memref.buffer, size);
	return TEE_SUCCESS;
}

static TEE_Result fail(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	uint8_t *bytes = params[1].memref.buffer;
	size_t i;

	EXPECT(types, VALUE_INOUT, MEMREF_INOUT, VALUE_INPUT);
	swap_value(&params[0]);
	for (i = 0; i < params[1].memref.size; i++)
		bytes[i]++;
	params[1].memref.size = params[2].value.b;
	return params[2].value.a;
}

TEE_Result TA_InvokeCommandEntryPoint(void *context, uint32_t command, uint32_t types,
				      TEE_Param params[TEE_NUM_PARAMS])
{
	struct session *session = context;

	instance_calls++;
	session->calls++;

	switch (command) {
	case PROBE_CMD_NOP:
		return TEE_SUCCESS;
	case PROBE_CMD_SWAP:
		return swap(types, params);
	case PROBE_CMD_RETURN:
		EXPECT(types, VALUE_INPUT, NONE, NONE);
		return params[0].value.a;
	case PROBE_CMD_SLEEP:
		return sleep_for(types, params, false);
	case PROBE_CMD_SLEEP_MASKED:
		return sleep_for(types, params, true);
	case PROBE_CMD_PANIC:
		EXPECT(types, VALUE_INPUT, NONE, NONE);
		TEE_Panic(params[0].value.a);
		return TEE_ERROR_GENERIC;
	case PROBE_CMD_CRASH:
		return crash();
	case PROBE_CMD_SPIN:
		spin();
	case PROBE_CMD_TOUCH:
		return touch(types, params);
	case PROBE_CMD_WATCH:
		return watch(types, params);
	case PROBE_CMD_FILL:
		return fill(types, params);
	case PROBE_CMD_SHORT_BUFFER:
		return short_buffer(types, params);
	case PROBE_CMD_COUNT:
		return count(session, types, params);
	case PROBE_CMD_ALLOC:
		return alloc(types, params);
	case PROBE_CMD_SYSCALL:
		return system_call(types, params);
	case PROBE_CMD_SUM:
		return sum(types, params);
	case PROBE_CMD_IDENTITY:
		return identity(types, params);
	case PROBE_CMD_NULL_MEMREF:
		return null_memref(types, params);
	case PROBE_CMD_LOG:
		return log_lines();
	case PROBE_CMD_RANDOM:
		return random_bytes(types, params);
	case PROBE_CMD_TIME:
		return times(types, params);
	case PROBE_CMD_DIGEST:
		return digest(types, params);
	case PROBE_CMD_PROPERTY:
		return property(types, params);
	case PROBE_CMD_CHECK_ACCESS:
		return check_access(types, params);
	case PROBE_CMD_MIX:
		return mix(types, params);
	case PROBE_CMD_ECHO:
		return echo(types, params);
	case PROBE_CMD_FAIL:
		return fail(types, params);
	default:
		return TEE_ERROR_NOT_SUPPORTED;
	}
}
