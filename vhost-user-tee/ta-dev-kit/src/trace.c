/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Tracing: formats one line, as OP-TEE does, and hands it to the runtime. */
#include <stdio.h>
#include <string.h>
#include <trace.h>
#include <utee_syscalls.h>

void trace_set_level(int level)
{
	trace_level = level < TRACE_MIN ? TRACE_MIN : level > TRACE_MAX ? TRACE_MAX : level;
}

int trace_get_level(void)
{
	return trace_level;
}

void trace_ext_puts(const char *str)
{
	_utee_log(str, strlen(str));
}

static char level_letter(int level)
{
	static const char letters[] = "MEIDF";

	return level >= 0 && level <= TRACE_MAX ? letters[level] : '?';
}

/* The place where a line comes from is of use except where the line is for the user. */
static bool shows_place(int level)
{
	return level != TRACE_MIN && level != TRACE_INFO;
}

void trace_vprintf(const char *func, int line, int level, bool level_ok, const char *fmt, va_list args)
{
	char text[MAX_PRINT_SIZE];
	/* The last two bytes are for the newline and the end. */
	const size_t room = sizeof(text) - 1;
	size_t used = 0;
	int n;

	if (level_ok && level > trace_level)
		return;

	if (func && shows_place(level))
		n = snprintf(text, room, "%c/%s: %.*s:%d ", level_letter(level), trace_ext_prefix,
			     MAX_FUNC_PRINT_SIZE, func, line);
	else
		n = snprintf(text, room, "%c/%s: ", level_letter(level), trace_ext_prefix);
	if (n < 0)
		return;
	used = (size_t)n;

	n = vsnprintf(text + used, room - used, fmt, args);
	if (n < 0)
		return;
	used = used + (size_t)n < room ? used + (size_t)n : room - 1;

	if (text[used - 1] != '\n')
		text[used++] = '\n';
	_utee_log(text, used);
}

void trace_printf(const char *func, int line, int level, bool level_ok, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	trace_vprintf(func, line, level, level_ok, fmt, args);
	va_end(args);
}

/* Sixteen bytes a line. */
void dhex_dump(const char *func, int line, int level, const void *buf, int len)
{
	const unsigned char *bytes = buf;
	int at, i;

	for (at = 0; at < len; at += 16) {
		char text[16 * 3 + 1];

		for (i = 0; i < 16 && at + i < len; i++)
			snprintf(text + i * 3, 4, "%02x ", bytes[at + i]);
		trace_printf(func, line, level, true, "%p  %s", (const void *)(bytes + at), text);
	}
}
