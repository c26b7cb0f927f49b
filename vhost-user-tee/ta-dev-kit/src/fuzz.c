/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Part of a TA that is built to be fuzzed (TA_BUILD=fuzz). Where a TA exports ta_fuzz, the runtime that debugs
 * it calls that instead of its commands; libFuzzer then makes inputs, and each of these is a session with a few
 * calls. Little-endian, as far as the input goes, and zeros after it:
 *
 *   calls, one after the other:  command (4 bytes), a byte per parameter for its type (modulo 7 of
 *                                none, value in, out, inout, memref in, out, inout),
 *   for each value in or inout:  a, b (4 bytes each)
 *   for each memref:             size (2 bytes); in or inout: as many bytes
 */
#include <stdlib.h>
#include <string.h>
#include <tee_internal_api.h>

/* The entry points are called as the runtime would, whatever version of the API the TA is for. */
#undef TA_OpenSessionEntryPoint
#undef TA_InvokeCommandEntryPoint
#undef TEE_Param
#undef TEE_MemCompare

/* libFuzzer's. */
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *data, size_t size));

void __sanitizer_weak_hook_memcmp(void *caller, const void *s1, const void *s2, size_t n, int result);
void __sanitizer_weak_hook_strcmp(void *caller, const char *s1, const char *s2, int result);
void __sanitizer_weak_hook_strncmp(void *caller, const char *s1, const char *s2, size_t n, int result);

TEE_Result TA_EXPORT ta_fuzz(void *session, uint32_t command, uint32_t types, TEE_Param params[TEE_NUM_PARAMS]);

/*
 * What the TA compares, so that inputs can be made to match. The linker sends the TA's calls of each function to
 * __wrap_ of it; __real_ is the function itself.
 */
#define COMPARES(result_type, name, type, size_type) \
	result_type __real_##name(const type *s1, const type *s2, size_type n); \
	result_type __wrap_##name(const type *s1, const type *s2, size_type n); \
	result_type __wrap_##name(const type *s1, const type *s2, size_type n) \
	{ \
		result_type result = __real_##name(s1, s2, n); \
		__sanitizer_weak_hook_memcmp(__builtin_return_address(0), s1, s2, n, result); \
		return result; \
	}
COMPARES(int, memcmp, void, size_t)
COMPARES(int32_t, TEE_MemCompare, void, size_t)
COMPARES(int32_t, __GP11_TEE_MemCompare, void, uint32_t)

int __real_strcmp(const char *s1, const char *s2);
int __wrap_strcmp(const char *s1, const char *s2);
int __wrap_strcmp(const char *s1, const char *s2)
{
	int result = __real_strcmp(s1, s2);

	__sanitizer_weak_hook_strcmp(__builtin_return_address(0), s1, s2, result);
	return result;
}

int __real_strncmp(const char *s1, const char *s2, size_t n);
int __wrap_strncmp(const char *s1, const char *s2, size_t n);
int __wrap_strncmp(const char *s1, const char *s2, size_t n)
{
	int result = __real_strncmp(s1, s2, n);

	__sanitizer_weak_hook_strncmp(__builtin_return_address(0), s1, s2, n, result);
	return result;
}

/* Of one input. */
#define MAX_CALLS	8

/* The session that was opened to start this, for TAs that open none without parameters. */
static void *started_with;

struct input {
	const uint8_t *at;
	size_t left;
};

static void take(struct input *input, void *to, size_t size)
{
	size_t taken = size < input->left ? size : input->left;

	memset(to, 0, size);
	memcpy(to, input->at, taken);
	input->at += taken;
	input->left -= taken;
}

static void call(void *session, struct input *input)
{
	static const uint32_t kinds[] = {
		TEE_PARAM_TYPE_NONE, TEE_PARAM_TYPE_VALUE_INPUT, TEE_PARAM_TYPE_VALUE_OUTPUT,
		TEE_PARAM_TYPE_VALUE_INOUT, TEE_PARAM_TYPE_MEMREF_INPUT, TEE_PARAM_TYPE_MEMREF_OUTPUT,
		TEE_PARAM_TYPE_MEMREF_INOUT,
	};
	TEE_Param params[TEE_NUM_PARAMS] = { 0 };
	void *buffers[TEE_NUM_PARAMS] = { 0 };
	uint8_t kind[TEE_NUM_PARAMS];
	uint32_t command, types = 0;
	uint16_t size;
	int i;

	take(input, &command, sizeof(command));
	take(input, kind, sizeof(kind));
	for (i = 0; i < TEE_NUM_PARAMS; i++) {
		uint32_t type = kinds[kind[i] % 7];

		types |= type << (i * 4);
		if (type == TEE_PARAM_TYPE_VALUE_INPUT || type == TEE_PARAM_TYPE_VALUE_INOUT) {
			take(input, &params[i].value.a, 4);
			take(input, &params[i].value.b, 4);
		} else if (type >= TEE_PARAM_TYPE_MEMREF_INPUT) {
			take(input, &size, sizeof(size));
			/* Of just this size, for the sanitizer to see what goes beyond. */
			buffers[i] = malloc(size);
			if (buffers[i] && type == TEE_PARAM_TYPE_MEMREF_OUTPUT)
				memset(buffers[i], 0, size);
			else if (buffers[i])
				take(input, buffers[i], size);
			params[i].memref.buffer = buffers[i];
			params[i].memref.size = buffers[i] ? size : 0;
		}
	}
	TA_InvokeCommandEntryPoint(session, command, types, params);
	for (i = 0; i < TEE_NUM_PARAMS; i++)
		free(buffers[i]);
}

static int one_input(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	TEE_Param none[TEE_NUM_PARAMS] = { 0 };
	void *session = NULL;
	bool opened = TA_OpenSessionEntryPoint(0, none, &session) == TEE_SUCCESS;
	int calls;

	for (calls = 0; calls < MAX_CALLS && input.left; calls++)
		call(opened ? session : started_with, &input);
	if (opened)
		TA_CloseSessionEntryPoint(session);
	return 0;
}

/* p0 memref in: libFuzzer's arguments, each with a zero at its end. Returns only where there are none. */
TEE_Result ta_fuzz(void *session, uint32_t command, uint32_t types, TEE_Param params[TEE_NUM_PARAMS])
{
	static char *arguments[256] = { "ta_fuzz" };
	char **argv = arguments;
	int argc = 1;
	char *at, *end;

	(void)command;
	if (TEE_PARAM_TYPE_GET(types, 0) != TEE_PARAM_TYPE_MEMREF_INPUT || !params[0].memref.buffer)
		return TEE_ERROR_BAD_PARAMETERS;

	/* They outlive the client's memory. */
	at = malloc(params[0].memref.size + 1);
	if (!at)
		return TEE_ERROR_OUT_OF_MEMORY;
	memcpy(at, params[0].memref.buffer, params[0].memref.size);
	end = at + params[0].memref.size;
	*end = '\0';
	for (; at < end && argc < 255; at += strlen(at) + 1)
		arguments[argc++] = at;

	started_with = session;
	return LLVMFuzzerRunDriver(&argc, &argv, one_input) ? TEE_ERROR_GENERIC : TEE_SUCCESS;
}
