/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Tells on a TA's log which functions of the API the TA calls, and with which algorithms: the evidence for
 * docs/gp-coverage.md. Linked into the test TAs, where the linker's --wrap puts the functions below between the
 * TA and the API; the TA itself is not changed, and neither is the runtime.
 *
 * Each line is told once in a process:
 *
 *   gp-coverage TEE_CipherInit	the function has returned; where it returns a TEE_Result, with TEE_SUCCESS
 *   gp-coverage 10000110	an operation of this algorithm was carried to its end, or a key of this type generated
 *
 * No function of the API takes more than eight words, or gives back more than one, so one form fits all of them:
 * what a function does not take is passed on as it was found. It holds for the calling conventions of x86_64 and
 * arm64, which leave it to the caller to clean up.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <utee_syscalls.h>

typedef uintptr_t word;

/* Operations and objects that exist, and their algorithms and types; the oldest make room. */
static struct {
	word handle;
	uint32_t number;
} made[128];

static void tell(const char *what)
{
	char line[80];
	int len = snprintf(line, sizeof(line), "F/TA: gp-coverage %s\n", what);

	_utee_log(line, (size_t)len);
}

static void tell_once(bool *told, const char *what)
{
	if (!*told)
		tell(what);
	*told = true;
}

static void tell_number(uint32_t number)
{
	static uint32_t told[256];
	static size_t count;
	char text[9];
	size_t i;

	for (i = 0; i < count; i++) {
		if (told[i] == number)
			return;
	}
	if (count < sizeof(told) / sizeof(told[0]))
		told[count++] = number;
	snprintf(text, sizeof(text), "%08x", number);
	tell(text);
}

static void remember(word handle, uint32_t number)
{
	static size_t next;

	made[next].handle = handle;
	made[next].number = number;
	next = (next + 1) % (sizeof(made) / sizeof(made[0]));
}

static void forget(word handle)
{
	size_t i;

	for (i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		if (made[i].handle == handle)
			made[i].handle = 0;
	}
}

static void tell_use(word handle)
{
	size_t i;

	for (i = 0; handle && i < sizeof(made) / sizeof(made[0]); i++) {
		if (made[i].handle == handle)
			tell_number(made[i].number);
	}
}

#define PARAMS word a, word b, word c, word d, word e, word f, word g, word h
#define REAL(name) __real_##name(a, b, c, d, e, f, g, h)
#define SUCCEEDED(result) ((uint32_t)(result) == 0)

#define WRAPPER(name, ...) \
	word __real_##name(PARAMS); \
	word __wrap_##name(PARAMS); \
	word __wrap_##name(PARAMS) \
	{ \
		static bool told; \
		word result; \
\
		__VA_ARGS__ \
		return result; \
	}

#define PLAIN(name) \
	WRAPPER(name, result = REAL(name); tell_once(&told, #name);)
#define DOES_NOT_RETURN(name) \
	WRAPPER(name, tell_once(&told, #name); result = REAL(name);)
#define RESULT(name) \
	WRAPPER(name, result = REAL(name); if (SUCCEEDED(result)) tell_once(&told, #name);)
#define USES(name) \
	WRAPPER(name, result = REAL(name); tell_once(&told, #name); tell_use(a);)
#define USES_RESULT(name) \
	WRAPPER(name, result = REAL(name); if (SUCCEEDED(result)) { tell_once(&told, #name); tell_use(a); })
#define ALLOCATES_OPERATION(name) \
	WRAPPER(name, result = REAL(name); if (SUCCEEDED(result)) { \
		tell_once(&told, #name); \
		remember(*(word *)a, (uint32_t)b); \
	})
#define ALLOCATES_OBJECT(name) \
	WRAPPER(name, result = REAL(name); if (SUCCEEDED(result)) { \
		tell_once(&told, #name); \
		remember(*(word *)c, (uint32_t)a); \
	})
#define FREES(name) \
	WRAPPER(name, forget(a); result = REAL(name); tell_once(&told, #name);)

#include "functions.h"
