/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The session-check TA: include/session_check_ta.h says what each command does. */
#include <pta_system.h>
#include <string.h>
#include <tee_internal_api.h>
#include <tee_internal_api_extensions.h>
#include <tee_tcpsocket.h>
#include <tee_udpsocket.h>
#include <util.h>
#include <probe_ta.h>
#include <session_check_ta.h>

#define NONE			TEE_PARAM_TYPE_NONE
#define VALUE_INPUT		TEE_PARAM_TYPE_VALUE_INPUT
#define VALUE_OUTPUT		TEE_PARAM_TYPE_VALUE_OUTPUT
#define VALUE_INOUT		TEE_PARAM_TYPE_VALUE_INOUT
#define MEMREF_INPUT		TEE_PARAM_TYPE_MEMREF_INPUT
#define MEMREF_OUTPUT		TEE_PARAM_TYPE_MEMREF_OUTPUT
#define MEMREF_INOUT		TEE_PARAM_TYPE_MEMREF_INOUT

#define MARGIN			16
#define MAX_BYTES		(1024 * 1024)

/* Leaves the calling function where the types are others. */
#define EXPECT(types, t0, t1, t2, t3) \
	do { \
		if ((types) != TEE_PARAM_TYPES((t0), (t1), (t2), (t3))) \
			return TEE_ERROR_BAD_PARAMETERS; \
	} while (0)

static const uint8_t constant[64] = { 1, 2, 3 };

static TEE_TASessionHandle sessions[SESSION_CHECK_SESSIONS];
static TEE_Result created = TEE_ERROR_NOT_SUPPORTED;

#ifdef CALLS_WHEN_CREATED
static TEE_Result call_probe(void)
{
	static const TEE_UUID probe = PROBE_SHARED_TA_UUID;
	TEE_TASessionHandle session = TEE_HANDLE_NULL;
	TEE_Result res;

	res = TEE_OpenTASession(&probe, TEE_TIMEOUT_INFINITE, 0, NULL, &session, NULL);
	if (res != TEE_SUCCESS)
		return res;
	res = TEE_InvokeTACommand(session, TEE_TIMEOUT_INFINITE, PROBE_CMD_NOP, 0, NULL, NULL);
	TEE_CloseTASession(session);
	return res;
}
#endif

TEE_Result TA_CreateEntryPoint(void)
{
#ifdef CALLS_WHEN_CREATED
	created = call_probe();
#endif
	return TEE_SUCCESS;
}

void TA_DestroyEntryPoint(void)
{
#ifdef CALLS_WHEN_CREATED
	call_probe();
#endif
}

TEE_Result TA_OpenSessionEntryPoint(uint32_t types __unused, TEE_Param params[TEE_NUM_PARAMS] __unused,
				    void **context __unused)
{
	return TEE_SUCCESS;
}

void TA_CloseSessionEntryPoint(void *context __unused)
{
}

static TEE_Result open_session(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	uint32_t origin = 0;
	TEE_UUID uuid;
	uint32_t i;

	EXPECT(types, MEMREF_INPUT, VALUE_INPUT, VALUE_OUTPUT, VALUE_OUTPUT);
	if (params[0].memref.size != sizeof(uuid))
		return TEE_ERROR_BAD_PARAMETERS;
	TEE_MemMove(&uuid, params[0].memref.buffer, sizeof(uuid));
	for (i = 0; i < SESSION_CHECK_SESSIONS && sessions[i] != TEE_HANDLE_NULL; i++)
		;
	if (i == SESSION_CHECK_SESSIONS)
		return TEE_ERROR_OVERFLOW;
	if (params[1].value.b)
		TEE_UnmaskCancellation();
	params[2].value.a = TEE_OpenTASession(&uuid, params[1].value.a, 0, NULL, &sessions[i], &origin);
	params[2].value.b = origin;
	params[3].value.a = i;
	/* GP: it is null where the session was not opened. */
	if ((params[2].value.a == TEE_SUCCESS) != (sessions[i] != TEE_HANDLE_NULL))
		return TEE_ERROR_GENERIC;
	return TEE_SUCCESS;
}

static TEE_TASessionHandle session_of(uint32_t number)
{
	return number < SESSION_CHECK_SESSIONS ? sessions[number] : (TEE_TASessionHandle)(uintptr_t)0xdeadbeef;
}

static TEE_Result close_session(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	uint32_t number = params[0].value.a;

	EXPECT(types, VALUE_INPUT, NONE, NONE, NONE);
	TEE_CloseTASession(session_of(number));
	if (number < SESSION_CHECK_SESSIONS)
		sessions[number] = TEE_HANDLE_NULL;
	return TEE_SUCCESS;
}

static void *buffer_of(uint32_t flags, TEE_Param *memory, size_t *size)
{
	uint8_t *bytes = memory->memref.buffer;

	*size = memory->memref.size;
	if (flags & SESSION_CHECK_NULL)
		return NULL;
	if (flags & SESSION_CHECK_WILD)
		return (void *)(uintptr_t)64;
	if (flags & SESSION_CHECK_CONST) {
		*size = sizeof(constant);
		return (void *)constant;
	}
	if (flags & SESSION_CHECK_PART) {
		*size -= 2 * MARGIN;
		return bytes + MARGIN;
	}
	if (flags & SESSION_CHECK_OWN) {
		bytes = TEE_Malloc(*size, TEE_MALLOC_FILL_ZERO);
		if (bytes)
			TEE_MemMove(bytes, memory->memref.buffer, *size);
	}
	return bytes;
}

static TEE_Result invoke(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	uint32_t flags = params[0].value.a;
	uint32_t command = params[0].value.b;
	uint32_t inner_types = params[3].value.b;
	TEE_Param inner[TEE_NUM_PARAMS];
	uint32_t origin = 0;
	size_t size = 0;
	uint32_t i;

	EXPECT(types, VALUE_INOUT, VALUE_INOUT, flags & SESSION_CHECK_INPUT ? MEMREF_INPUT : MEMREF_INOUT,
	       VALUE_INPUT);
	if (params[2].memref.size > MAX_BYTES)
		return TEE_ERROR_BAD_PARAMETERS;
	/* Where a type is none, what is there must not matter. */
	TEE_MemFill(inner, 0xff, sizeof(inner));
	for (i = 0; i < TEE_NUM_PARAMS; i++) {
		if (TEE_PARAM_TYPE_GET(inner_types, i) >= MEMREF_INPUT) {
			inner[i].memref.buffer = buffer_of(flags, &params[2], &size);
			inner[i].memref.size = size;
		} else {
			inner[i].value.a = params[1].value.a;
			inner[i].value.b = params[1].value.b;
		}
	}
	if (flags & SESSION_CHECK_UNMASK)
		TEE_UnmaskCancellation();
	params[0].value.a = TEE_InvokeTACommand(session_of(flags & 0xffff), params[3].value.a, command, inner_types,
						inner, &origin);
	params[0].value.b = origin;
	for (i = 0; i < TEE_NUM_PARAMS; i++) {
		switch (TEE_PARAM_TYPE_GET(inner_types, i)) {
		case VALUE_OUTPUT:
		case VALUE_INOUT:
			params[1].value.a = inner[i].value.a;
			params[1].value.b = inner[i].value.b;
			break;
		case MEMREF_OUTPUT:
		case MEMREF_INOUT:
			params[1].value.a = inner[i].memref.size;
			if (flags & SESSION_CHECK_OWN)
				TEE_MemMove(params[2].memref.buffer, inner[i].memref.buffer, size);
			break;
		default:
			break;
		}
		if (flags & SESSION_CHECK_OWN && TEE_PARAM_TYPE_GET(inner_types, i) >= MEMREF_INPUT)
			TEE_Free(inner[i].memref.buffer);
	}
	return TEE_SUCCESS;
}

static TEE_Result chain(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	TEE_TASessionHandle session = TEE_HANDLE_NULL;
	size_t size = params[0].memref.size;
	TEE_Param inner[TEE_NUM_PARAMS];
	uint32_t origin = 0;
	TEE_UUID uuids[32];

	EXPECT(types, MEMREF_INPUT, VALUE_OUTPUT, VALUE_OUTPUT, NONE);
	if (size > sizeof(uuids) || size % sizeof(uuids[0]))
		return TEE_ERROR_BAD_PARAMETERS;
	params[1].value.a = TEE_SUCCESS;
	params[1].value.b = 0;
	params[2].value.a = 0;
	if (!size)
		return TEE_SUCCESS;
	TEE_MemMove(uuids, params[0].memref.buffer, size);
	params[1].value.a = TEE_OpenTASession(&uuids[0], TEE_TIMEOUT_INFINITE, 0, NULL, &session, &origin);
	params[1].value.b = origin;
	if (params[1].value.a != TEE_SUCCESS)
		return TEE_SUCCESS;
	inner[0].memref.buffer = &uuids[1];
	inner[0].memref.size = size - sizeof(uuids[0]);
	params[1].value.a = TEE_InvokeTACommand(session, TEE_TIMEOUT_INFINITE, SESSION_CHECK_CMD_CHAIN, types, inner,
						&origin);
	params[1].value.b = origin;
	if (params[1].value.a == TEE_SUCCESS) {
		params[1].value = inner[1].value;
		params[2].value.a = inner[2].value.a + 1;
	}
	TEE_CloseTASession(session);
	return TEE_SUCCESS;
}

static TEE_Result call_back(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	TEE_Param inner[TEE_NUM_PARAMS];
	uint32_t origin = 0;

	EXPECT(types, VALUE_INPUT, VALUE_OUTPUT, NONE, NONE);
	params[1].value.a = TEE_SUCCESS;
	params[1].value.b = 0;
	if (params[0].value.a == SESSION_CHECK_NO_SESSION)
		return TEE_SUCCESS;
	inner[0].value.a = params[0].value.b;
	inner[0].value.b = SESSION_CHECK_NO_SESSION;
	params[1].value.a = TEE_InvokeTACommand(session_of(params[0].value.a), TEE_TIMEOUT_INFINITE,
						SESSION_CHECK_CMD_CALL_BACK, types, inner, &origin);
	params[1].value.b = origin;
	if (params[1].value.a == TEE_SUCCESS && inner[1].value.b)
		params[1].value = inner[1].value;
	return TEE_SUCCESS;
}

static TEE_Result map(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	static const TEE_UUID system_pta = PTA_SYSTEM_UUID;
	TEE_TASessionHandle session = TEE_HANDLE_NULL;
	uint32_t size = params[0].value.a;
	TEE_Param inner[TEE_NUM_PARAMS];
	uint8_t *bytes;
	uint32_t i;

	EXPECT(types, VALUE_INPUT, VALUE_OUTPUT, NONE, NONE);
	if (TEE_OpenTASession(&system_pta, TEE_TIMEOUT_INFINITE, 0, NULL, &session, NULL) != TEE_SUCCESS)
		return TEE_ERROR_GENERIC;
	TEE_MemFill(inner, 0, sizeof(inner));
	inner[0].value.a = size;
	inner[0].value.b = params[0].value.b;
	params[1].value.b = TEE_ERROR_NO_DATA;
	params[1].value.a = TEE_InvokeTACommand(session, TEE_TIMEOUT_INFINITE, PTA_SYSTEM_MAP_ZI,
						TEE_PARAM_TYPES(VALUE_INPUT, VALUE_INOUT, VALUE_INPUT, NONE), inner,
						NULL);
	if (params[1].value.a == TEE_SUCCESS) {
		bytes = (uint8_t *)(uintptr_t)(((uint64_t)inner[1].value.a << 32) | inner[1].value.b);
		for (i = 0; i < size; i++)
			if (bytes[i])
				return TEE_ERROR_BAD_STATE;
		TEE_MemFill(bytes, 0x77, size);
		inner[0].value.b = 0;
		params[1].value.b = TEE_InvokeTACommand(session, TEE_TIMEOUT_INFINITE, PTA_SYSTEM_UNMAP,
							TEE_PARAM_TYPES(VALUE_INPUT, VALUE_INPUT, NONE, NONE), inner,
							NULL);
	}
	TEE_CloseTASession(session);

	/* OP-TEE's functions for the same. */
	bytes = tee_map_zi(100, TEE_MEMORY_ACCESS_ANY_OWNER);
	if (!bytes || bytes[99] || tee_unmap(bytes, 100) != TEE_SUCCESS)
		return TEE_ERROR_BAD_STATE;
	return tee_unmap(bytes, 100) == TEE_SUCCESS ? TEE_ERROR_BAD_STATE : TEE_SUCCESS;
}

static TEE_Result cache(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	static char own[64];
	char *buffer = params[0].value.b ? own : params[1].memref.buffer;
	size_t size = params[0].value.b ? sizeof(own) : params[1].memref.size;

	EXPECT(types, VALUE_INPUT, MEMREF_INOUT, NONE, NONE);
	switch (params[0].value.a) {
	case 0:
		return TEE_CacheClean(buffer, size);
	case 1:
		return TEE_CacheFlush(buffer, size);
	default:
		return TEE_CacheInvalidate(buffer, size);
	}
}

static TEE_Result talk(TEE_iSocket *kind, void *setup, TEE_Param params[TEE_NUM_PARAMS], uint32_t *stage)
{
	uint32_t timeout = params[3].value.a;
	uint32_t length = params[3].value.b;
	TEE_iSocketHandle socket = NULL;
	uint32_t protocol_error = 0;
	TEE_Result res;

	params[3].value.b = 0;
	*stage = 1;
	res = kind->open(&socket, setup, &protocol_error);
	if (res != TEE_SUCCESS)
		return res;
	*stage = 2;
	if (length) {
		res = kind->send(socket, params[2].memref.buffer, &length, timeout);
		if (res != TEE_SUCCESS || length == 0)
			goto out;
	}
	*stage = 3;
	length = params[2].memref.size;
	res = kind->recv(socket, params[2].memref.buffer, &length, timeout);
	params[3].value.b = length;
	if (res == TEE_SUCCESS && kind->error(socket) != TEE_SUCCESS)
		res = TEE_ERROR_GENERIC;
out:
	if (kind->close(socket) != TEE_SUCCESS && res == TEE_SUCCESS) {
		*stage = 4;
		res = TEE_ERROR_GENERIC;
	}
	return res;
}

static TEE_Result sockets(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	TEE_tcpSocket_Setup tcp = { TEE_IP_VERSION_DC, params[1].memref.buffer, params[0].value.a };
	TEE_udpSocket_Setup udp = { TEE_IP_VERSION_DC, params[1].memref.buffer, params[0].value.a };
	uint32_t stage = 0;

	EXPECT(types, VALUE_INPUT, MEMREF_INPUT, MEMREF_INOUT, VALUE_INOUT);
	TEE_UnmaskCancellation();
	if (params[0].value.b == TEE_ISOCKET_PROTOCOLID_TCP)
		params[3].value.a = talk(TEE_tcpSocket, &tcp, params, &stage);
	else
		params[3].value.a = talk(TEE_udpSocket, &udp, params, &stage);
	params[3].value.b |= stage << 24;
	return TEE_SUCCESS;
}

static TEE_Result wrong(uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	static const TEE_UUID probe = PROBE_TA_UUID;
	TEE_TASessionHandle session = TEE_HANDLE_NULL;

	EXPECT(types, VALUE_INPUT, NONE, NONE, NONE);
	switch (params[0].value.a) {
	case 0:
		TEE_CloseTASession((TEE_TASessionHandle)(uintptr_t)0x12345);
		break;
	case 1:
		TEE_InvokeTACommand((TEE_TASessionHandle)(uintptr_t)0x12345, 0, 0, 0, NULL, NULL);
		break;
	case 2:
		TEE_OpenTASession(NULL, TEE_TIMEOUT_INFINITE, 0, NULL, &session, NULL);
		break;
	case 3:
		TEE_OpenTASession(&probe, TEE_TIMEOUT_INFINITE, 0, NULL, NULL, NULL);
		break;
	case 4:
		TEE_OpenTASession(&probe, TEE_TIMEOUT_INFINITE, VALUE_INPUT, NULL, &session, NULL);
		break;
	default:
		break;
	}
	return TEE_SUCCESS;
}

TEE_Result TA_InvokeCommandEntryPoint(void *context __unused, uint32_t command, uint32_t types,
				      TEE_Param params[TEE_NUM_PARAMS])
{
	switch (command) {
	case SESSION_CHECK_CMD_OPEN:
		return open_session(types, params);
	case SESSION_CHECK_CMD_CLOSE:
		return close_session(types, params);
	case SESSION_CHECK_CMD_INVOKE:
		return invoke(types, params);
	case SESSION_CHECK_CMD_CHAIN:
		return chain(types, params);
	case SESSION_CHECK_CMD_CALL_BACK:
		return call_back(types, params);
	case SESSION_CHECK_CMD_MAP:
		return map(types, params);
	case SESSION_CHECK_CMD_CACHE:
		return cache(types, params);
	case SESSION_CHECK_CMD_CREATED:
		EXPECT(types, VALUE_OUTPUT, NONE, NONE, NONE);
		params[0].value.a = created;
		return TEE_SUCCESS;
	case SESSION_CHECK_CMD_SOCKET:
		return sockets(types, params);
	case SESSION_CHECK_CMD_WRONG:
		return wrong(types, params);
	default:
		return TEE_ERROR_NOT_SUPPORTED;
	}
}
